//! What happens to stacks.

use crate::folder::{Files, LIST, Scene, listed, open_table};
use crate::scenes::{table, write};
use reftable::{HashId, MergedTable, Table};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use test_support::rng::Rng;

/// A damaged folder, and what is known about the damage.
#[derive(Clone, Debug)]
pub struct Damaged {
    pub files: Files,
    /// What was done, for messages.
    pub told: Vec<String>,
    /// Tables whose bytes were changed, with the first and last byte that was.
    pub touched: BTreeMap<String, (usize, usize)>,
    /// What each of these changes alone makes of the table.
    pub alone: Vec<(String, Vec<u8>)>,
    /// Tables that have the bytes of others.
    pub replaced: BTreeSet<String>,
    /// Whether the list is another one than it was.
    pub is_list_changed: bool,
}

const TABLE_DAMAGES: usize = 7;
const ALL_DAMAGES: usize = 20;

/// Damages a stack, once or twice.
pub fn damage(scene: &Scene, rng: &mut Rng) -> Damaged {
    let mut damaged = Damaged {
        files: scene.now().clone(),
        told: Vec::new(),
        touched: BTreeMap::new(),
        alone: Vec::new(),
        replaced: BTreeSet::new(),
        is_list_changed: false,
    };
    for _ in 0..1 + rng.below(2) {
        once(scene, &mut damaged, rng);
    }
    damaged.is_list_changed = damaged.files.get(LIST) != scene.now().get(LIST);
    damaged
}

fn once(scene: &Scene, damaged: &mut Damaged, rng: &mut Rng) {
    let tables: Vec<String> = damaged
        .files
        .keys()
        .filter(|name| *name != LIST)
        .cloned()
        .collect();
    if tables.is_empty() {
        return;
    }
    let name = rng.pick(&tables).clone();
    match rng.below(ALL_DAMAGES) {
        kind @ 0..TABLE_DAMAGES => change_table(scene, damaged, &name, kind, rng),
        7 => {
            damaged.files.remove(&name);
            damaged.told.push(format!("removed {name}"));
        }
        8 => {
            let bytes = damaged.files.remove(&name).unwrap();
            let to = other_name(&name, rng);
            damaged.told.push(format!("renamed {name} to {to}"));
            damaged.files.insert(to, bytes);
        }
        9 => {
            let bytes = damaged.files[&name].clone();
            let to = other_name(&name, rng);
            damaged.told.push(format!("copied {name} to {to}"));
            damaged.files.insert(to, bytes);
        }
        10 => {
            let other = rng.pick(&tables).clone();
            if other != name {
                let bytes = damaged.files[&other].clone();
                damaged
                    .told
                    .push(format!("{name} has the bytes of {other}"));
                damaged.replaced.insert(name.clone());
                damaged.files.insert(name, bytes);
            }
        }
        11 => old_list(scene, damaged, rng),
        12 => old_tables(scene, damaged, rng),
        13 => leave_uncommitted(scene, damaged, rng),
        14 => leave_part(damaged, &name, rng),
        kind => change_list(damaged, kind, rng),
    }
}

fn touch(damaged: &mut Damaged, name: &str, first: usize, last: usize) {
    let touched = damaged
        .touched
        .entry(name.to_owned())
        .or_insert((first, last));
    *touched = (touched.0.min(first), touched.1.max(last));
}

fn change_table(scene: &Scene, damaged: &mut Damaged, name: &str, kind: usize, rng: &mut Rng) {
    let bytes = damaged.files[name].clone();
    if bytes.is_empty() {
        return;
    }
    let at = rng.below(bytes.len());
    let draw = rng.clone();
    let (bytes, last) = changed(bytes, at, kind, rng);
    if let Some(whole) = scene.now().get(name).filter(|whole| whole.len() > at) {
        let (alone, _) = changed(whole.clone(), at, kind, &mut draw.clone());
        damaged.alone.push((name.to_owned(), alone));
    }
    damaged
        .told
        .push(format!("{name}: bytes {at} to {last}, kind {kind}"));
    damaged.files.insert(name.to_owned(), bytes);
    touch(damaged, name, at, last);
}

/// The bytes with a change at `at`, and the last byte that it concerns.
fn changed(mut bytes: Vec<u8>, at: usize, kind: usize, rng: &mut Rng) -> (Vec<u8>, usize) {
    let last = match kind {
        0..=2 => {
            bytes[at] ^= 1 << rng.below(8);
            at
        }
        3 => {
            bytes[at] = rng.next() as u8;
            at
        }
        4 => {
            let last = (at + rng.below(8)).min(bytes.len() - 1);
            for byte in &mut bytes[at..=last] {
                *byte = rng.next() as u8;
            }
            last
        }
        5 => {
            let last = (at + 511).min(bytes.len() - 1);
            bytes[at..=last].fill(0);
            last
        }
        _ => {
            let last = bytes.len() - 1;
            bytes.truncate(at);
            last
        }
    };
    (bytes, last)
}

/// The same range with another random part, where the name has one.
fn other_name(name: &str, rng: &mut Rng) -> String {
    let stem: Vec<&str> = name.split(['-', '.']).collect();
    match stem.as_slice() {
        [min, max, ..] if min.len() >= 12 => format!("{min}-{max}-{:08x}.ref", rng.next() as u32),
        _ => format!("copy-{:08x}.ref", rng.next() as u32),
    }
}

/// The list of an earlier state.
fn old_list(scene: &Scene, damaged: &mut Damaged, rng: &mut Rng) {
    let at = rng.below(scene.history.len());
    let list = scene.history[at][LIST].clone();
    damaged
        .told
        .push(format!("list of state {at} of {}", scene.history.len()));
    damaged.files.insert(LIST.to_owned(), list);
}

/// Tables of an earlier state that are gone.
fn old_tables(scene: &Scene, damaged: &mut Damaged, rng: &mut Rng) {
    let at = rng.below(scene.history.len());
    for (name, bytes) in &scene.history[at] {
        if name != LIST && !damaged.files.contains_key(name) && !rng.one_in(3) {
            damaged.told.push(format!("{name} of state {at}"));
            damaged.files.insert(name.clone(), bytes.clone());
        }
    }
}

fn tables_of(files: &Files) -> Vec<Arc<Table>> {
    let names = listed(files).into_iter();
    let opened = names.map(|name| open_table(files.get(&name)?, &name).ok());
    opened.collect::<Option<_>>().unwrap_or_default()
}

/// What a writer left that was killed before it replaced the list: a table above the stack, with an
/// index that a later writer used again, or with some of the stack's tables folded in.
fn leave_uncommitted(scene: &Scene, damaged: &mut Damaged, rng: &mut Rng) {
    let tables = tables_of(scene.now());
    let Some(top) = tables.last().map(|table| table.max_update_index()) else {
        return;
    };
    let index = if rng.one_in(2) { top } else { top + 1 };
    let edits = BTreeMap::from([
        ("refs/heads/main".to_owned(), 5),
        (format!("refs/heads/uncommitted{}", rng.below(9)), 5),
    ]);
    let folded = rng.below(tables.len());
    let below: Vec<_> = tables
        .into_iter()
        .filter(|t| t.max_update_index() < index)
        .collect();
    let min = match folded {
        0 => index,
        _ => below
            .get(folded.min(below.len()).saturating_sub(1))
            .map_or(index, |t| t.min_update_index()),
    };
    let below: Vec<_> = below
        .into_iter()
        .filter(|t| t.min_update_index() >= min)
        .collect();
    let bytes = fold(scene.hash, &below, &edits, (min, index));
    let name = format!("0x{min:012x}-0x{index:012x}-{:08x}.ref", rng.next() as u32);
    damaged.told.push(format!("uncommitted {name}"));
    damaged.files.insert(name, bytes);
}

/// A table of older ones and a new transaction.
fn fold(
    hash: HashId,
    below: &[Arc<Table>],
    edits: &BTreeMap<String, u64>,
    range: (u64, u64),
) -> Vec<u8> {
    let alone = table(hash, |writer| write(writer, edits, range.1, hash, false));
    let mut all = below.to_vec();
    all.push(open_table(&alone, "new").unwrap());
    let view = MergedTable::new(all, hash).unwrap();
    table(hash, |writer| {
        writer.set_limits(range.0, range.1);
        let mut refs = view.refs_from(b"")?;
        while let Some(record) = refs.next()? {
            writer.add_ref(&record)?;
        }
        let mut logs = view.logs_from(b"", u64::MAX)?;
        while let Some(record) = logs.next()? {
            writer.add_log(&record)?;
        }
        Ok(())
    })
}

/// The beginning of a table, under the name of one or of a temporary file.
fn leave_part(damaged: &mut Damaged, name: &str, rng: &mut Rng) {
    let bytes = damaged.files[name].clone();
    let part = bytes[..rng.below(bytes.len().max(1))].to_vec();
    let mut to = other_name(name, rng);
    if rng.one_in(2) {
        to = format!("{}.temp.aB3xYz", to.trim_end_matches(".ref"));
    }
    damaged.told.push(format!("part of {name} as {to}"));
    damaged.files.insert(to, part);
}

fn change_list(damaged: &mut Damaged, kind: usize, rng: &mut Rng) {
    let mut list = damaged.files.get(LIST).cloned().unwrap_or_default();
    if list.is_empty() {
        return;
    }
    let at = rng.below(list.len());
    let mut lines: Vec<Vec<u8>> = list
        .split_inclusive(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let line = rng.below(lines.len());
    match kind {
        15 => list[at] ^= 1 << rng.below(8),
        16 => list.truncate(list.len() - 1 - rng.below(list.len().min(40))),
        17 => {
            lines.remove(line);
            list = lines.concat();
        }
        18 => {
            lines.insert(rng.below(lines.len() + 1), lines[line].clone());
            list = lines.concat();
        }
        _ => {
            damaged.told.push("no list".to_owned());
            damaged.files.remove(LIST);
            return;
        }
    }
    damaged
        .told
        .push(format!("list, kind {kind}, byte {at}, line {line}"));
    damaged.files.insert(LIST.to_owned(), list);
}
