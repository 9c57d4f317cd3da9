//! Whether an unlisted table is what became of a run of listed ones.
//!
//! A compaction's result has the newest record of each key of what it was made of, and nothing
//! else. So each record of the run must be in it, or one with a higher update index, and what it has from the
//! update indexes of a table that is there must be in that table. A compaction at the bottom
//! of the stack drops tombstones: a ref that it lacks may have been deleted by a table that is missing.

use super::records::{Records, is_same_entry};
use crate::record::{LogValueBuf, RefValueBuf};
use std::collections::{BTreeMap, BTreeSet};

/// What the run shows and the table lacks, if only a deletion by a table that is missing, or the
/// expiry of a reflog, can be why.
#[derive(Debug, Default)]
pub(super) struct PossiblyDeleted {
    pub(super) refs: BTreeSet<Vec<u8>>,
    /// Names of reflogs.
    pub(super) logs: BTreeSet<Vec<u8>>,
}

/// Whether `table` explains the tables of `run` that are there, oldest first; `None` if not.
pub(super) fn explain(
    table: &Records,
    run: &[Records],
    is_at_bottom: bool,
) -> Option<PossiblyDeleted> {
    let mut deleted = PossiblyDeleted::default();
    explain_refs(table, run, is_at_bottom, &mut deleted)?;
    explain_logs(table, run, is_at_bottom, &mut deleted)?;
    is_made_of(table, run).then_some(deleted)
}

fn explain_refs(
    table: &Records,
    run: &[Records],
    is_at_bottom: bool,
    deleted: &mut PossiblyDeleted,
) -> Option<()> {
    let mut newest = BTreeMap::new();
    for part in run {
        newest.extend(&part.refs);
    }
    for (name, record) in newest {
        match table.refs.get(name) {
            Some(found) if found.update_index > record.update_index || found == record => {}
            None if is_at_bottom && record.value == RefValueBuf::Deletion => {}
            None if is_at_bottom => {
                deleted.refs.insert(name.clone());
            }
            _ => return None,
        }
    }
    Some(())
}

fn explain_logs(
    table: &Records,
    run: &[Records],
    is_at_bottom: bool,
    deleted: &mut PossiblyDeleted,
) -> Option<()> {
    let mut newest = BTreeMap::new();
    for part in run {
        newest.extend(&part.logs);
    }
    for (key, record) in newest {
        match table.logs.get(key) {
            Some(found) if found.value == LogValueBuf::Deletion => {}
            Some(found) if is_same_entry(found, record) => {}
            None if is_at_bottom && record.value == LogValueBuf::Deletion => {}
            None if is_at_bottom => {
                deleted.logs.insert(key.0.clone());
            }
            _ => return None,
        }
    }
    Some(())
}

/// Whether all that `table` has from a whole table's update indexes is in that table.
fn is_made_of(table: &Records, run: &[Records]) -> bool {
    let of_index = |index: u64| {
        let mut whole = run.iter().filter(|part| part.is_whole);
        whole.find(move |part| part.range.0 <= index && index <= part.range.1)
    };
    let refs = table.refs.values().all(|record| {
        let part = of_index(record.update_index);
        part.is_none_or(|part| part.refs.get(&record.name) == Some(record))
    });
    let logs = table.logs.iter().all(|(key, record)| {
        // A tombstone has the update index of the entry that it hides.
        let part = of_index(key.1).filter(|_| record.value != LogValueBuf::Deletion);
        part.is_none_or(|part| {
            let found = part.logs.get(key);
            found.is_some_and(|found| is_same_entry(found, record))
        })
    });
    refs && logs
}
