//! Workloads that read.

use crate::data::{self, draw, ref_name};
use crate::measure::{Found, Laps};
use crate::{Outcome, Places, Workload};
use reftable::{Durability, Stack, StackOptions, Table};
use std::fs;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn open(dir: &Path, synced: bool) -> reftable::Result<Stack> {
    let mut options = StackOptions::default();
    // Checking names is left to the program, as today's git has it.
    options.check_names = false;
    if !synced {
        options.durability = Durability::Unsynced;
    }
    Stack::open(dir, options)
}

/// The table that the first line of a stack's list names.
fn open_first_table(dir: &Path) -> Result<Arc<Table>, Box<dyn std::error::Error>> {
    let list = fs::read_to_string(dir.join("tables.list"))?;
    let first = list.lines().next().ok_or("an empty stack")?;
    Ok(Arc::new(Table::open_file(dir.join(first))?))
}

pub(crate) fn scan_refs(stack: &Stack, prefix: &[u8], found: &mut Found) -> reftable::Result<()> {
    let mut refs = stack.merged().refs_with_prefix(prefix)?;
    while let Some(record) = refs.next()? {
        found.add_ref(&record, record.update_index);
    }
    Ok(())
}

/// Log entries of one ref, or of all for the empty name.
pub(crate) fn scan_logs(stack: &Stack, name: &[u8], found: &mut Found) -> reftable::Result<()> {
    let mut logs = stack.merged().logs_from(name, u64::MAX)?;
    while let Some(record) = logs.next()? {
        if !name.is_empty() && record.name != name {
            break;
        }
        found.add_log(&record);
    }
    Ok(())
}

/// Runs `lap` as often as the workload says; what the last one found.
fn laps(
    workload: &Workload,
    mut lap: impl FnMut(&mut Found) -> reftable::Result<()>,
) -> reftable::Result<(Laps, Found)> {
    let mut laps = Laps::new();
    let mut found = Found::default();
    for _ in 0..workload.laps {
        found = Found::default();
        laps.time(|| lap(&mut found))?;
    }
    Ok((laps, found))
}

pub(crate) fn scan_table(workload: &Workload, places: &Places) -> Outcome {
    let table = open_first_table(&places.stack(workload))?;
    let (laps, found) = laps(workload, |found| {
        let mut refs = table.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            found.add_ref(&record, record.update_index);
        }
        Ok(())
    })?;
    Ok(laps.report(workload.name, found.records, 0, found))
}

pub(crate) fn scan_stack(workload: &Workload, places: &Places) -> Outcome {
    let stack = open(&places.stack(workload), false)?;
    let (laps, found) = laps(workload, |found| scan_refs(&stack, b"", found))?;
    Ok(laps.report(workload.name, found.records, 0, found))
}

fn names_to_find(workload: &Workload, total: u64) -> Vec<String> {
    let count = total / workload.count;
    let distinct = if workload.has("again") { 2000 } else { count };
    let names = (0..count).map(|i| {
        let drawn = draw(i % distinct, 40);
        let mut name = ref_name(drawn % total);
        if workload.has("misses") {
            if drawn >> 60 & 1 == 0 {
                name.pop();
                name.push('!');
            } else {
                name.push('~');
            }
        }
        name
    });
    names.collect()
}

pub(crate) fn lookups(workload: &Workload, places: &Places) -> Outcome {
    let names = names_to_find(workload, places.refs);
    let stack = open(&places.stack(workload), false)?;
    let mut refs = stack.merged().refs_from(b"")?;
    let reused = workload.has("reused");
    let (laps, found) = laps(workload, |found| {
        for name in &names {
            let name = name.as_bytes();
            if !reused {
                stack.read_ref(name, |record| found.add_ref(&record, record.update_index))?;
                continue;
            }
            refs.seek(name)?;
            if let Some(record) = refs.next()?.filter(|record| record.name == name) {
                found.add_ref(&record, record.update_index);
            }
        }
        Ok(())
    })?;
    Ok(laps.report(workload.name, names.len() as u64, 0, found))
}

/// The beginnings of ref names, cut where a person or a number ends.
fn prefix_to_scan(number: u64, total: u64) -> String {
    let drawn = draw(number, 41);
    let hundred = drawn % (total / 100) * 100;
    match number % 4 {
        0 => format!("refs/pull/{}", 100 + drawn % 900),
        1 => format!("refs/tags/v{}.", drawn % (total / 1000)),
        2 => {
            let name = ref_name(hundred + 60);
            let leaf = name.rfind('/').unwrap_or_default();
            let end = name[leaf..].find('-').unwrap_or_default();
            name[..=leaf + end].to_owned()
        }
        _ => {
            let name = ref_name(hundred + 97);
            name[..=name.rfind('-').unwrap_or_default()].to_owned()
        }
    }
}

pub(crate) fn prefixes(workload: &Workload, places: &Places) -> Outcome {
    let stack = open(&places.stack(workload), false)?;
    let prefixes: Vec<String> = (0..workload.count)
        .map(|i| prefix_to_scan(i, places.refs))
        .collect();
    let (laps, found) = laps(workload, |found| {
        prefixes
            .iter()
            .try_for_each(|prefix| scan_refs(&stack, prefix.as_bytes(), found))
    })?;
    Ok(laps.report(workload.name, found.records, 0, found))
}

pub(crate) fn cold_open(workload: &Workload, places: &Places) -> Outcome {
    let dir = places.stack(workload);
    // The oldest tenth, which all stacks have.
    let names: Vec<String> = (0..workload.count)
        .map(|i| ref_name(draw(i, 42) % (places.refs / 10)))
        .collect();
    let (laps, found) = laps(workload, |found| {
        for name in &names {
            let stack = open(&dir, false)?;
            stack.read_ref(name.as_bytes(), |record| {
                found.add_ref(&record, record.update_index);
            })?;
        }
        Ok(())
    })?;
    Ok(laps.report(workload.name, workload.count, 0, found))
}

pub(crate) fn reflogs(workload: &Workload, places: &Places) -> Outcome {
    let stack = open(&places.stack(workload), false)?;
    let name = if workload.has("all") {
        ""
    } else {
        data::SYMREF_TARGET
    };
    let (laps, found) = laps(workload, |found| {
        (0..workload.count).try_for_each(|_| scan_logs(&stack, name.as_bytes(), found))
    })?;
    Ok(laps.report(workload.name, found.records, 0, found))
}

pub(crate) fn by_id(workload: &Workload, places: &Places) -> Outcome {
    let table = open_first_table(&places.stack(workload))?;
    let ids: Vec<data::Id> = (0..workload.count)
        .map(|i| data::ref_id(1 + draw(i, 43) % (places.refs - 1), 0))
        .collect();
    let (laps, found) = laps(workload, |found| {
        for id in &ids {
            let mut refs = table.refs_for(id)?;
            while let Some(record) = refs.next()? {
                // Not all libraries give the update index here.
                found.add_ref(&record, 0);
            }
        }
        Ok(())
    })?;
    Ok(laps.report(workload.name, workload.count, 0, found))
}
