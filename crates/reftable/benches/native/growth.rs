//! How the cost of an operation grows with what is stored.

use crate::data::{Log, Ref, RefKind, draw, make_refs, object_id, ref_name};
use crate::measure::{Found, Laps, bytes_written, folder_size, make_folder};
use crate::read::{open, scan_logs, scan_refs};
use crate::stacks::{add_table, make_changes};
use crate::write::{commit, refs_to_commit};
use reftable::Stack;
use std::error::Error;
use std::fs;
use std::path::Path;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Prints all tables of `docs/performance.md` about growth; `most` is the largest number of refs.
pub(crate) fn print_all(dir: &Path, most: u64) -> Outcome {
    let steps = [10_000, 100_000, 1_000_000, 10_000_000];
    println!("| refs | write, ns | scan, ns | lookup, us | open, us | by id, us | compact, ns |");
    println!("|---:|---:|---:|---:|---:|---:|---:|");
    for refs in steps.into_iter().filter(|refs| *refs <= most) {
        print_refs(dir, refs)?;
    }
    println!("\n| tables | scan, ns | lookup, us | miss, us | open, us |");
    println!("|---:|---:|---:|---:|---:|");
    for tables in [1, 2, 5, 10, 20, 50, 100] {
        print_tables(dir, tables)?;
    }
    println!("\n| entries of a log | write, ns | read all, ns | newest, us |");
    println!("|---:|---:|---:|---:|");
    for entries in [1, 100, 10_000, 1_000_000] {
        print_logs(dir, entries)?;
    }
    println!("\n| deleted, % | scan, ns per record stored | first ref, us | lookup, us |");
    println!("|---:|---:|---:|---:|");
    for percent in [0, 50, 90, 99] {
        print_tombstones(dir, percent)?;
    }
    println!(
        "\n| order of ids, {} refs | write, ns |",
        most.min(1_000_000)
    );
    println!("|---|---:|");
    for order in ["random", "ascending", "descending", "all the same"] {
        print_ids(dir, order, most.min(1_000_000))?;
    }
    println!("\n| transactions | us each | bytes written | of N log2 N | tables left |");
    println!("|---:|---:|---:|---:|---:|");
    for transactions in [100, 1_000, 10_000, 100_000] {
        print_transactions(dir, transactions)?;
    }
    fs::remove_dir_all(dir)?;
    Ok(())
}

/// CPU nanoseconds of one of `count` operations, as the best of `laps`.
fn each<T>(
    laps: u32,
    count: u64,
    mut run: impl FnMut() -> reftable::Result<T>,
) -> reftable::Result<f64> {
    let mut timed = Laps::new();
    for _ in 0..laps {
        timed.time(&mut run)?;
    }
    Ok(timed.cpu() as f64 / count as f64)
}

fn scan(stack: &Stack) -> reftable::Result<Found> {
    let mut found = Found::default();
    scan_refs(stack, b"", &mut found)?;
    Ok(found)
}

/// Microseconds of a lookup among refs 1 to `total`; `end` is added to each name.
fn lookup(stack: &Stack, total: u64, end: &str) -> reftable::Result<f64> {
    let names: Vec<String> = (0..20_000)
        .map(|i| ref_name(1 + draw(i, 40) % (total - 1)) + end)
        .collect();
    let time = each(2, names.len() as u64, || {
        names.iter().try_for_each(|name| {
            let mut found = Found::default();
            let found = stack.read_ref(name.as_bytes(), |record| found.add_ref(&record, 0))?;
            assert_eq!(found.is_some(), end.is_empty(), "{name}");
            Ok(())
        })
    })?;
    Ok(time / 1000.0)
}

/// Microseconds of opening the stack.
fn opening(dir: &Path) -> reftable::Result<f64> {
    let time = each(2, 1000, || {
        (0..1000).try_for_each(|_| open(dir, false).map(|_| ()))
    })?;
    Ok(time / 1000.0)
}

fn print_refs(dir: &Path, total: u64) -> Outcome {
    let refs = make_refs(0..total, 0);
    make_folder(dir)?;
    let mut laps = Laps::new();
    laps.time(|| add_table(dir, &refs, &[], (1, 1000)))?;
    let write = laps.cpu() as f64 / total as f64;
    let stack = open(dir, false)?;
    let scanned = each(3, total, || scan(&stack))?;
    let looked_up = lookup(&stack, total, "")?;
    let opened = opening(dir)?;
    let table = stack.merged().tables().last().cloned().ok_or("no table")?;
    let by_id = each(2, 2000, || {
        (0..2000).try_for_each(|i| {
            let id = crate::data::ref_id(1 + draw(i, 43) % (total - 1), 0);
            let mut refs = table.refs_for(&id)?;
            let mut found = Found::default();
            while let Some(record) = refs.next()? {
                found.add_ref(&record, 0);
            }
            assert!(found.records > 0, "an id of a ref finds none");
            Ok(())
        })
    })?;
    let changes = make_changes(total, total / 10, 1);
    add_table(dir, &changes, &[], (1001, 1001))?;
    let stack = open(dir, false)?;
    let records = total + changes.len() as u64;
    let compacted = each(1, records, || stack.compact_all(None))?;
    println!(
        "| {total} | {write:.0} | {scanned:.1} | {looked_up:.2} | {opened:.1} | {:.2} | {compacted:.0} |",
        by_id / 1000.0
    );
    Ok(())
}

fn print_tables(dir: &Path, tables: u64) -> Outcome {
    let total = 100_000;
    make_folder(dir)?;
    for part in 0..tables {
        let numbers = (0..total).filter(|number| number % tables == part);
        let mut refs = make_refs(numbers, 0);
        for each in &mut refs {
            each.update_index = part + 1;
        }
        add_table(dir, &refs, &[], (part + 1, part + 1))?;
    }
    let stack = open(dir, false)?;
    println!(
        "| {tables} | {:.1} | {:.2} | {:.2} | {:.1} |",
        each(3, total, || scan(&stack))?,
        lookup(&stack, total, "")?,
        lookup(&stack, total, "~")?,
        opening(dir)?
    );
    Ok(())
}

fn print_logs(dir: &Path, entries: u64) -> Outcome {
    let name = "refs/heads/main";
    let logs: Vec<Log> = (1..=entries)
        .rev()
        .map(|index| Log::new(name.to_owned(), index, index))
        .collect();
    make_folder(dir)?;
    let mut laps = Laps::new();
    laps.time(|| add_table(dir, &[], &logs, (1, entries)))?;
    let stack = open(dir, false)?;
    let read = each(2, entries, || {
        let mut found = Found::default();
        scan_logs(&stack, name.as_bytes(), &mut found)?;
        assert_eq!(found.records, entries, "entries read");
        Ok(())
    })?;
    let newest = each(2, 1000, || {
        (0..1000).try_for_each(|_| {
            let index = stack.read_log(name.as_bytes(), |record| record.update_index)?;
            assert_eq!(index, Some(entries), "the newest entry");
            Ok(())
        })
    })?;
    println!(
        "| {entries} | {:.0} | {read:.0} | {:.2} |",
        laps.cpu() as f64 / entries as f64,
        newest / 1000.0
    );
    Ok(())
}

fn print_tombstones(dir: &Path, percent: u64) -> Outcome {
    let total = 100_000;
    make_folder(dir)?;
    let refs = make_refs(0..total, 0);
    add_table(dir, &refs, &[], (1, 1000))?;
    // The first names in order, so that reading has to go through all of them.
    let mut deleted = refs[..(total * percent / 100) as usize].to_vec();
    for each in &mut deleted {
        each.kind = RefKind::Tombstone;
        each.update_index = 1001;
    }
    if !deleted.is_empty() {
        add_table(dir, &deleted, &[], (1001, 1001))?;
    }
    let stack = open(dir, false)?;
    let left = &refs[deleted.len()..];
    let records = total + deleted.len() as u64;
    let first = each(2, 5, || {
        (0..5).try_for_each(|_| {
            let mut iterator = stack.merged().refs_from(b"")?;
            let name = iterator.next()?.map(|record| record.name.to_vec());
            assert_eq!(
                name.as_deref(),
                left.first().map(|first| first.name.as_bytes())
            );
            Ok(())
        })
    })?;
    let looked_up = each(2, left.len() as u64, || {
        left.iter().try_for_each(|each| {
            let found = stack.read_ref(each.name.as_bytes(), |_| ())?;
            assert_eq!(found, Some(()), "{}", each.name);
            Ok(())
        })
    })?;
    println!(
        "| {percent} | {:.1} | {:.1} | {:.2} |",
        each(3, records, || scan(&stack))?,
        first / 1000.0,
        looked_up / 1000.0
    );
    Ok(())
}

fn print_ids(dir: &Path, order: &str, total: u64) -> Outcome {
    let mut refs = make_refs(0..total, 0);
    refs.retain(|each| each.kind == RefKind::Object);
    for (each, number) in refs.iter_mut().zip(0_u64..) {
        let number = match order {
            "random" => {
                each.id = object_id(number);
                continue;
            }
            "ascending" => number,
            "descending" => u64::MAX - number,
            _ => 1,
        };
        each.id[..8].copy_from_slice(&number.to_be_bytes());
    }
    make_folder(dir)?;
    let mut laps = Laps::new();
    laps.time(|| add_table(dir, &refs, &[], (1, 1000)))?;
    println!("| {order} | {:.0} |", laps.cpu() as f64 / refs.len() as f64);
    Ok(())
}

fn print_transactions(dir: &Path, transactions: u64) -> Outcome {
    let refs: Vec<Ref> = refs_to_commit(transactions * 3, transactions);
    make_folder(dir)?;
    let stack = open(dir, false)?;
    let before = bytes_written();
    let time = each(1, transactions, || {
        refs.chunks(1).try_for_each(|one| commit(&stack, one, &[]))
    })?;
    let bytes = bytes_written() - before;
    // What one ref takes in the table that is left.
    let least = folder_size(dir)? as f64 / transactions as f64;
    let bound = transactions as f64 * (transactions as f64).log2() * least;
    println!(
        "| {transactions} | {:.1} | {bytes} | {:.2} | {} |",
        time / 1000.0,
        bytes as f64 / bound,
        stack.table_names().len()
    );
    Ok(())
}
