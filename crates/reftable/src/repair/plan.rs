//! Which tables the repaired stack has.

use super::salvage::{Salvaged, salvage};
use super::{Outcome, RepairReport, TableReport};
use crate::error::{Error, Result};
use crate::stack::StackOptions;
use crate::stack::list::{LIST, LIST_LIMIT, parse};
use crate::table::Table;
use crate::verify::{Severity, verify_table};
use bytes::Bytes;
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// A table of the repaired stack.
pub(super) struct Planned {
    pub(super) name: String,
    /// The update indexes it stands for, as far as they are known.
    pub(super) range: Option<(u64, u64)>,
    pub(super) source: Source,
}

/// Where a table of the repaired stack comes from.
pub(super) enum Source {
    /// The file as it is.
    Kept(Outcome),
    /// Records out of a damaged file.
    Salvaged(Box<Salvaged>),
    /// Nothing.
    Lost(Outcome),
}

pub(super) struct Plan {
    pub(super) tables: Vec<Planned>,
    list_rebuilt: Option<String>,
}

impl Plan {
    pub(super) fn make(dir: &Path, options: &StackOptions) -> Result<Plan> {
        let (listed, list_rebuilt) = match read_list(dir, options)? {
            Ok(names) => (names, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        let mut tables = Vec::new();
        for name in &listed {
            tables.push(examine(dir, options, name)?);
        }
        let gaps = list_rebuilt.is_some() || tables.iter().any(is_gap);
        if gaps {
            let unlisted = unlisted(dir, options, &listed)?;
            match list_rebuilt {
                Some(_) => tables = without_covered(unlisted),
                None => adopt(&mut tables, unlisted),
            }
        }
        Ok(Plan {
            tables,
            list_rebuilt,
        })
    }

    pub(super) fn report(&self) -> RepairReport {
        let tables = self.tables.iter().map(|table| TableReport {
            name: table.name.clone(),
            outcome: match &table.source {
                Source::Kept(outcome) | Source::Lost(outcome) => outcome.clone(),
                Source::Salvaged(salvaged) => Outcome::Salvaged {
                    refs: salvaged.refs.len() as u64,
                    logs: salvaged.logs.len() as u64,
                    losses: salvaged.losses.clone(),
                },
            },
        });
        RepairReport {
            list_rebuilt: self.list_rebuilt.clone(),
            tables: tables.collect(),
            kept_aside: None,
        }
    }
}

fn is_gap(table: &Planned) -> bool {
    matches!(table.source, Source::Lost(_))
}

/// The names in the list, or why it cannot be used.
fn read_list(
    dir: &Path,
    options: &StackOptions,
) -> Result<std::result::Result<Vec<String>, String>> {
    let path = dir.join(LIST);
    let bytes = match options.fs.read(&path, LIST_LIMIT) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            return Err(Error::io("read", path)(error));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Ok(Err(format!("cannot be read: {error}"))),
    };
    let names = match parse(&bytes) {
        Ok(names) => names,
        Err(error) => return Ok(Err(error.to_string())),
    };
    // An empty list is that of an empty stack, unless there are tables that it should name: a
    // power cut may leave it without its contents.
    if names.is_empty() && !unlisted(dir, options, &[])?.is_empty() {
        return Ok(Err("names no table, but there are some".to_owned()));
    }
    Ok(Ok(names))
}

/// What can be made of a table.
fn examine(dir: &Path, options: &StackOptions, name: &str) -> Result<Planned> {
    let path = dir.join(name);
    let planned = |range, source| Planned {
        name: name.to_owned(),
        range,
        source,
    };
    let named = range_of(name);
    let source = match options.fs.open(&path) {
        Ok(source) => source,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(planned(named, Source::Lost(Outcome::Missing)));
        }
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let hash = options.write.hash;
    if let Ok(table) = Table::open(source.clone(), name) {
        let range = Some((table.min_update_index(), table.max_update_index()));
        if table.hash() != hash {
            let reason = format!("its hash is {}, not {hash}", table.hash());
            return Ok(planned(range, Source::Lost(Outcome::Unusable(reason))));
        }
        let findings = verify_table(source.clone(), name);
        if findings
            .iter()
            .all(|finding| finding.severity < Severity::Error)
        {
            return Ok(planned(range, Source::Kept(Outcome::Sound)));
        }
    }
    let len = usize::try_from(source.len()).unwrap_or(usize::MAX);
    let bytes = match len {
        0 => Bytes::new(),
        _ => source.read(0, len)?,
    };
    Ok(match salvage(&bytes, name, hash, named) {
        Ok(salvaged) => {
            let range = Some(salvaged.range);
            planned(range, Source::Salvaged(Box::new(salvaged)))
        }
        Err(reason) => planned(named, Source::Lost(Outcome::Unusable(reason))),
    })
}

/// The update indexes in a table's name: two hexadecimal numbers.
fn range_of(name: &str) -> Option<(u64, u64)> {
    let mut parts = name.split(['-', '.']);
    let mut number = || {
        let part = parts.next()?;
        u64::from_str_radix(part.strip_prefix("0x").unwrap_or(part), 16).ok()
    };
    let (min, max) = (number()?, number()?);
    (min <= max).then_some((min, max))
}

/// The tables in the folder that are not listed, and could be used, by their update indexes.
fn unlisted(dir: &Path, options: &StackOptions, listed: &[String]) -> Result<Vec<Planned>> {
    let entries = options.fs.entries(dir).map_err(Error::io("list", dir))?;
    let mut found = Vec::new();
    for entry in entries {
        let Some(name) = entry.to_str() else {
            continue;
        };
        let is_table = name.ends_with(".ref") || name.ends_with(".log");
        if !is_table || listed.iter().any(|listed| listed == name) {
            continue;
        }
        let mut table = examine(dir, options, name)?;
        if is_gap(&table) || table.range.is_none() {
            continue;
        }
        if let Source::Kept(outcome) = &mut table.source {
            *outcome = Outcome::Adopted;
        }
        let written = options.fs.modified(&dir.join(name));
        let written = written.unwrap_or(SystemTime::UNIX_EPOCH);
        found.push((table, written));
    }
    found.sort_by_key(|(table, written)| (table.range, *written));
    Ok(found.into_iter().map(|(table, _)| table).collect())
}

/// Leaves out tables whose update indexes another one has as well: what a compaction made of them
/// stands in their place. Of two with the same, the one written later stays.
fn without_covered(mut tables: Vec<Planned>) -> Vec<Planned> {
    give_up_damaged(&mut tables);
    let ranges = tables
        .iter()
        .map(|table| table.range.filter(|_| !is_gap(table)));
    let ranges: Vec<_> = ranges.collect();
    let covered = |position: usize| {
        let Some(inner) = ranges.get(position).copied().flatten() else {
            return false;
        };
        ranges.iter().enumerate().any(|(other, range)| {
            range.is_some_and(|outer| {
                other != position && covers(outer, inner) && (outer != inner || other > position)
            })
        })
    };
    let tables = tables.into_iter().enumerate();
    let kept = tables.filter(|(position, _)| !covered(*position));
    kept.map(|(_, table)| table).collect()
}

/// Gives up damaged tables that have update indexes of sound ones: a killed writer leaves tables half
/// written whose records are all in those that it was to replace.
fn give_up_damaged(tables: &mut [Planned]) {
    let sound = tables.iter().filter(|table| is_sound(table));
    let sound: Vec<_> = sound.filter_map(|table| table.range).collect();
    for table in tables.iter_mut().filter(|table| !is_sound(table)) {
        let is_shared = |range| sound.iter().any(|other| overlap(*other, range));
        if table.range.is_some_and(is_shared) {
            let reason = "damaged, and sound tables have its update indexes".to_owned();
            table.source = Source::Lost(Outcome::Unusable(reason));
        }
    }
}

fn is_sound(table: &Planned) -> bool {
    matches!(table.source, Source::Kept(_))
}

/// Whether all update indexes of `inner` are in `outer`.
fn covers(outer: (u64, u64), inner: (u64, u64)) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

/// Whether two ranges have an update index in common.
fn overlap(one: (u64, u64), other: (u64, u64)) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

/// Puts unlisted tables where listed ones are missing, if their update indexes fit.
fn adopt(tables: &mut Vec<Planned>, unlisted: Vec<Planned>) {
    for candidate in without_covered(unlisted) {
        let Some(range) = candidate.range.filter(|_| !is_gap(&candidate)) else {
            continue;
        };
        let overlaps = |table: &Planned| {
            let other = table.range.filter(|_| !is_gap(table));
            other.is_some_and(|other| overlap(other, range))
        };
        let fills = |table: &Planned| {
            let gap = table.range.filter(|_| is_gap(table));
            gap.is_some_and(|gap| covers(gap, range))
        };
        if tables.iter().any(overlaps) {
            continue;
        }
        if let Some(gap) = tables.iter().rposition(fills) {
            // In front of the gap, after what filled it before.
            tables.insert(gap, candidate);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::range_of;

    #[test]
    fn names_of_all_writers_tell_their_update_indexes() {
        assert_eq!(
            range_of("0x000000000001-0x00000000001f-000000ab.ref"),
            Some((1, 0x1f))
        );
        assert_eq!(range_of("0x000000000001-0x000000000002.ref"), Some((1, 2)));
        assert_eq!(
            range_of("000000000003-000000000003-0badcafe.log"),
            Some((3, 3))
        );
        assert_eq!(range_of("table.ref"), None);
        assert_eq!(range_of("0x2-0x1.ref"), None);
    }
}
