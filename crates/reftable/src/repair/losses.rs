//! What is gone or in doubt, ref by ref.

use super::inventory::{File, Range, State};
use super::plan::{Content, Plan};
use super::records::{Records, is_same_entry};
use super::salvage::Hole;
use crate::error::Result;
use crate::record::{LogRecordBuf, RefRecordBuf, RefValueBuf};
use std::collections::BTreeSet;

/// Refs or reflogs that a repair could not, or may not, have brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// The table that it is about.
    pub table: String,
    /// The update indexes of that table, smallest and largest, if they are known.
    pub update_indexes: Option<(u64, u64)>,
    /// What is not there.
    pub part: Part,
    /// Which ones.
    pub keys: Keys,
    /// What is known about it.
    pub kind: LossKind,
}

/// Refs or their reflogs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Refs: gone, or with an older value.
    Refs,
    /// Reflogs: some entries, or all.
    Logs,
}

/// Which refs or reflogs a [`Loss`] is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// The one of this name.
    Name(Vec<u8>),
    /// All those between two names that the table has for certain; `None` is the first or the last
    /// name there can be. For refs the two names are whole; of the reflogs of the two names entries
    /// may be missing as well.
    Between {
        /// The name before.
        after: Option<Vec<u8>>,
        /// The name after.
        before: Option<Vec<u8>>,
    },
}

/// What is known about a [`Loss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossKind {
    /// It may be gone, or the ref may show an older value.
    Lost,
    /// It is not there any more; perhaps a table that is missing had deleted it.
    PossiblyDeleted,
    /// It is there, but what it was taken from may not be what was committed, or may be damaged.
    Uncertain,
    /// An unlisted table has it, which may never have been committed and was not taken.
    NotTaken,
}

impl Plan {
    /// Everything that is not there, or not for certain.
    pub(super) fn losses(&self) -> Result<Vec<Loss>> {
        let mut losses = self.decided.clone();
        for slot in &self.slots {
            match &slot.content {
                Content::Nothing => {
                    for part in [Part::Refs, Part::Logs] {
                        losses.push(anything(&slot.name, slot.range, part, LossKind::Lost));
                    }
                }
                Content::File(number) => {
                    if let Some(file) = self.inventory.get(*number) {
                        losses.extend(of_damage(file, slot.range, LossKind::Lost));
                    }
                }
                Content::Records(records) => {
                    for part in [Part::Refs, Part::Logs] {
                        losses.push(anything(&slot.name, slot.range, part, LossKind::Lost));
                    }
                    losses.extend(uncertain(&slot.name, records));
                }
                Content::Replaced => {}
            }
        }
        for number in &self.refused {
            if let Some(file) = self.inventory.get(*number) {
                self.add_refused(file, &mut losses)?;
            }
        }
        Ok(losses)
    }

    /// What a table that was not taken has and the repaired stack lacks, or has older.
    fn add_refused(&self, file: &File, losses: &mut Vec<Loss>) -> Result<()> {
        let Some(records) = Records::of(file)? else {
            // Nothing of it could be read.
            for part in [Part::Refs, Part::Logs] {
                losses.push(anything(&file.name, file.range(), part, LossKind::NotTaken));
            }
            return Ok(());
        };
        losses.extend(of_damage(file, file.range(), LossKind::NotTaken));
        let mut add = |part, name: &[u8]| {
            losses.push(Loss {
                table: file.name.clone(),
                update_indexes: file.range(),
                part,
                keys: Keys::Name(name.to_vec()),
                kind: LossKind::NotTaken,
            });
        };
        for (name, record) in &records.refs {
            let is_news = match self.read_ref(name)? {
                None => record.value != RefValueBuf::Deletion,
                Some(found) if found.update_index == record.update_index => found != *record,
                Some(found) => found.update_index < record.update_index,
            };
            if is_news {
                add(Part::Refs, name);
            }
        }
        let mut last: Option<&[u8]> = None;
        for ((name, index), record) in &records.logs {
            if last == Some(name) {
                continue;
            }
            let found = self.read_log(name, *index)?;
            if !found.is_some_and(|found| is_same_entry(&found, record)) {
                add(Part::Logs, name);
                last = Some(name);
            }
        }
        Ok(())
    }

    /// The newest record of a ref in the repaired stack, tombstones included.
    fn read_ref(&self, name: &[u8]) -> Result<Option<RefRecordBuf>> {
        for slot in self.slots.iter().rev() {
            let found = match &slot.content {
                Content::File(number) => match self.inventory.get(*number).map(|f| &f.state) {
                    Some(State::Sound(table)) => table.read_ref(name, |record| record.to_buf())?,
                    Some(State::Damaged(salvaged)) => {
                        let at = salvaged
                            .refs
                            .binary_search_by(|r| r.name.as_slice().cmp(name));
                        at.ok().and_then(|at| salvaged.refs.get(at).cloned())
                    }
                    _ => None,
                },
                Content::Records(records) => records.refs.get(name).cloned(),
                Content::Nothing | Content::Replaced => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn read_log(&self, name: &[u8], index: u64) -> Result<Option<LogRecordBuf>> {
        let is_it = |record: &&LogRecordBuf| record.name == name && record.update_index == index;
        for slot in self.slots.iter().rev() {
            let found = match &slot.content {
                Content::File(number) => match self.inventory.get(*number).map(|f| &f.state) {
                    Some(State::Sound(table)) => {
                        let mut logs = table.logs_from(name, index)?;
                        let found = logs.next()?.map(|record| record.to_buf());
                        found.filter(|record| is_it(&record))
                    }
                    Some(State::Damaged(salvaged)) => salvaged.logs.iter().find(is_it).cloned(),
                    _ => None,
                },
                Content::Records(records) => records.logs.get(&(name.to_vec(), index)).cloned(),
                Content::Nothing | Content::Replaced => None,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What is missing of a damaged table, or in doubt; `kind` is that of what is missing.
fn of_damage(file: &File, range: Option<Range>, kind: LossKind) -> Vec<Loss> {
    let State::Damaged(salvaged) = &file.state else {
        return Vec::new();
    };
    let refs = salvaged.ref_holes.iter().map(|hole| (Part::Refs, hole));
    let logs = salvaged.log_holes.iter().map(|hole| (Part::Logs, hole));
    let holes = refs.chain(logs).map(|(part, hole)| {
        let Hole { after, before } = hole.clone();
        Loss {
            keys: Keys::Between { after, before },
            ..anything(&file.name, range, part, kind)
        }
    });
    let refs = salvaged.doubtful_refs.iter().map(|name| (Part::Refs, name));
    let logs = salvaged.doubtful_logs.iter().map(|name| (Part::Logs, name));
    let doubtful = refs.chain(logs);
    let doubtful =
        doubtful.map(|(part, name)| named(&file.name, range, part, name, LossKind::Uncertain));
    match kind {
        LossKind::Lost => holes.chain(doubtful).collect(),
        _ => holes.collect(),
    }
}

/// Every ref and reflog that has one of these records.
pub(super) fn uncertain(table: &str, records: &Records) -> Vec<Loss> {
    let refs = records.refs.keys().map(|name| (Part::Refs, name));
    let names: BTreeSet<_> = records.logs.keys().map(|key| &key.0).collect();
    let logs = names.into_iter().map(|name| (Part::Logs, name));
    let range = Some(records.range);
    let all = refs.chain(logs);
    all.map(|(part, name)| named(table, range, part, name, LossKind::Uncertain))
        .collect()
}

/// A loss of which no name is known.
pub(super) fn anything(table: &str, range: Option<Range>, part: Part, kind: LossKind) -> Loss {
    let (after, before) = (None, None);
    Loss {
        table: table.to_owned(),
        update_indexes: range,
        part,
        keys: Keys::Between { after, before },
        kind,
    }
}

/// A loss of a ref or reflog by name.
pub(super) fn named(
    table: &str,
    range: Option<Range>,
    part: Part,
    name: &[u8],
    kind: LossKind,
) -> Loss {
    Loss {
        table: table.to_owned(),
        update_indexes: range,
        part,
        keys: Keys::Name(name.to_vec()),
        kind,
    }
}
