//! Workloads that write.

use crate::data::{self, Log, Ref, draw};
use crate::measure::{Found, Laps, bytes_written, copy_folder, folder_size, make_folder};
use crate::read::{open, scan_logs, scan_refs};
use crate::stacks::{add_table, put_records};
use crate::{Outcome, Places, Workload};
use reftable::Stack;
use std::fs;
use std::path::Path;

/// What is in a stack; `with_logs` or without them.
fn read_all(stack: &Stack, with_logs: bool) -> reftable::Result<Found> {
    let mut found = Found::default();
    scan_refs(stack, b"", &mut found)?;
    if with_logs {
        scan_logs(stack, b"", &mut found)?;
    }
    Ok(found)
}

fn write_one(
    workload: &Workload,
    places: &Places,
    (refs, logs): (&[Ref], &[Log]),
    limits: (u64, u64),
) -> Outcome {
    let dir = places.memory.join("stack");
    let mut laps = Laps::new();
    for _ in 0..workload.laps {
        make_folder(&dir)?;
        laps.time(|| add_table(&dir, refs, logs, limits))?;
    }
    let found = read_all(&open(&dir, false)?, true)?;
    let count = (refs.len() + logs.len()) as u64;
    let line = laps.report(workload.name, count, folder_size(&dir)?, found);
    fs::remove_dir_all(dir)?;
    Ok(line)
}

pub(crate) fn write_refs(workload: &Workload, places: &Places) -> Outcome {
    let refs = data::make_refs(0..places.refs / workload.count, 0);
    write_one(workload, places, (&refs, &[]), (1, 1000))
}

pub(crate) fn write_logs(workload: &Workload, places: &Places) -> Outcome {
    let count = places.refs / workload.count;
    let logs = data::make_logs(count);
    write_one(workload, places, (&[], &logs), (1, count))
}

/// `count` refs spread over all of them, each once.
pub(crate) fn refs_to_commit(total: u64, count: u64) -> Vec<Ref> {
    let stride = total / count;
    // 7919 is prime.
    let numbers = (0..count).map(|i| 1 + i * 7919 % count * stride + draw(i, 44) % stride);
    numbers.map(|number| Ref::new(number, 9)).collect()
}

pub(crate) fn logs_to_commit(refs: &[Ref]) -> Vec<Log> {
    let numbered = refs.iter().zip(1..);
    numbered
        .map(|(each, number)| Log::new(each.name.clone(), 0, number))
        .collect()
}

/// One transaction of these records.
pub(crate) fn commit(stack: &Stack, refs: &[Ref], logs: &[Log]) -> reftable::Result<()> {
    stack.add(|writer| {
        let index = stack.next_update_index()?;
        writer.set_limits(index, index);
        put_records(writer, refs, logs, Some(index))
    })
}

fn commit_all(stack: &Stack, refs: &[Ref], logs: &[Log], each: usize) -> reftable::Result<()> {
    for (i, refs) in refs.chunks(each).enumerate() {
        let logs = logs.get(i * each..(i + 1) * each).unwrap_or_default();
        commit(stack, refs, logs)?;
    }
    Ok(())
}

pub(crate) fn commits(workload: &Workload, places: &Places) -> Outcome {
    let mut refs = refs_to_commit(places.refs, workload.count);
    let each = if workload.has("batch") { refs.len() } else { 1 };
    if each > 1 {
        refs.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    }
    let logs = if workload.has("logs") {
        logs_to_commit(&refs)
    } else {
        Vec::new()
    };
    let disk = workload.has("disk");
    let dir = if disk { &places.disk } else { &places.memory }.join("stack");
    let (mut laps, mut bytes, mut found) = (Laps::new(), 0, Found::default());
    for _ in 0..workload.laps {
        prepare(workload, places, &dir)?;
        let stack = open(&dir, workload.has("sync"))?;
        let before = bytes_written();
        laps.time(|| commit_all(&stack, &refs, &logs, each))?;
        bytes = bytes_written() - before;
        found = read_all(&stack, !logs.is_empty())?;
    }
    fs::remove_dir_all(dir)?;
    let transactions = (refs.len() / each) as u64;
    Ok(laps.report(workload.name, transactions, bytes, found))
}

/// Makes the folder a copy of the workload's stack, or empty if it has none.
fn prepare(workload: &Workload, places: &Places, dir: &Path) -> std::io::Result<()> {
    if workload.stack.is_empty() {
        make_folder(dir)
    } else {
        copy_folder(&places.stack(workload), dir)
    }
}

pub(crate) fn compact_all(workload: &Workload, places: &Places) -> Outcome {
    let dir = places.memory.join("stack");
    let (mut laps, mut found) = (Laps::new(), Found::default());
    for _ in 0..workload.laps {
        prepare(workload, places, &dir)?;
        let stack = open(&dir, false)?;
        laps.time(|| stack.compact_all(None))?;
        if workload.has("all") {
            found = read_all(&stack, true)?;
        }
    }
    // 8 tables of a tenth of the refs and half as many log entries.
    let records = places.refs / 10 * 8 + places.refs / 20 * 8;
    let line = laps.report(workload.name, records, folder_size(&dir)?, found);
    fs::remove_dir_all(dir)?;
    Ok(line)
}
