//! A list made from the tables, where no line of the old one says anything.
//!
//! The widest ranges of update indexes come first: a compaction's result has all that was in the
//! tables it replaced, which may still be there. Each choice between tables that overlap is reported.

use super::Outcome;
use super::TableReport;
use super::explain::explain;
use super::inventory::{Range, State};
use super::losses::uncertain;
use super::plan::{Content, Plan, Slot, covers, has_same_records, overlap, salvaged_outcome};
use super::records::Records;
use crate::error::Result;
use crate::stack::file_name::is_temporary_name;

impl Plan {
    /// Makes a slot of each table that is taken.
    pub(super) fn rebuild(&mut self) -> Result<()> {
        self.is_rebuilt = true;
        self.slots.clear();
        let files = self.inventory.files.iter().enumerate();
        let mut tables: Vec<(Range, usize)> = files
            .filter(|(_, file)| !matches!(file.state, State::Unusable(_)))
            .filter(|(_, file)| !is_temporary_name(&file.name))
            .filter_map(|(number, file)| Some((file.range()?, number)))
            .collect();
        // Widest first; of the same range the sound ones.
        tables.sort_by_key(|(range, number)| {
            let is_sound = self
                .inventory
                .get(*number)
                .is_some_and(|file| file.is_sound());
            (u64::MAX - (range.1 - range.0), range.0, !is_sound, *number)
        });
        let all = tables.clone();
        for same in tables.chunk_by(|one, other| one.0 == other.0) {
            let Some(&(range, _)) = same.first() else {
                continue;
            };
            let numbers: Vec<usize> = same.iter().map(|(_, number)| *number).collect();
            if self
                .slots
                .iter()
                .any(|slot| slot.range.is_some_and(|o| overlap(o, range)))
            {
                self.leave_out(range, &numbers)?;
            } else if self.is_remnant(&numbers, range, &all) {
                self.refuse(
                    &numbers,
                    "damaged, and sound tables have its update indexes",
                );
            } else {
                self.take_one_of(range, &numbers)?;
            }
        }
        self.slots.sort_by_key(|slot| slot.range);
        self.refuse_unusable();
        self.note_newest()
    }

    /// Without a list nobody can tell whether the newest table was ever committed.
    fn note_newest(&mut self) -> Result<()> {
        let Some(slot) = self.slots.last() else {
            return Ok(());
        };
        if let Content::File(number) = slot.content {
            let records = self.inventory.get(number).map(Records::of).transpose()?;
            let losses = records
                .flatten()
                .map(|records| uncertain(&slot.name, &records));
            self.decided.extend(losses.into_iter().flatten());
        }
        Ok(())
    }

    /// Files of which nothing could be read may have been tables of the stack, unless others have
    /// their update indexes.
    fn refuse_unusable(&mut self) {
        for number in 0..self.inventory.files.len() {
            let Some(file) = self.inventory.get(number) else {
                continue;
            };
            let is_there = file.range().is_some_and(|range| self.is_covered(range));
            if let (State::Unusable(reason), false) = (&file.state, is_there) {
                let reason = reason.clone();
                self.refuse(&[number], &reason);
            }
        }
    }

    fn is_sound_file(&self, number: usize) -> bool {
        self.inventory
            .get(number)
            .is_some_and(|file| file.is_sound())
    }

    /// Whether damaged tables are what a killed writer left of a compaction: sound tables have every
    /// one of its update indexes.
    fn is_remnant(&self, numbers: &[usize], range: Range, all: &[(Range, usize)]) -> bool {
        if numbers.iter().any(|number| self.is_sound_file(*number)) {
            return false;
        }
        let mut inner: Vec<Range> = all
            .iter()
            .filter(|(inner, number)| covers(range, *inner) && self.is_sound_file(*number))
            .map(|(inner, _)| *inner)
            .collect();
        inner.sort_unstable();
        let mut next = Some(range.0);
        for inner in inner {
            if next.is_some_and(|next| inner.0 <= next && next <= inner.1) {
                next = inner.1.checked_add(1);
            }
        }
        next.is_none_or(|next| next > range.1)
    }

    /// Tables that overlap one that was taken: unless that explains them, it was a choice.
    fn leave_out(&mut self, range: Range, numbers: &[usize]) -> Result<()> {
        for &number in numbers {
            let Some(records) = self
                .inventory
                .get(number)
                .map(Records::of)
                .transpose()?
                .flatten()
            else {
                continue;
            };
            let mut is_explained = false;
            let mut doubts = Vec::new();
            for slot in &self.slots {
                let (Content::File(outer), Some(outer_range)) = (&slot.content, slot.range) else {
                    continue;
                };
                let outer = self
                    .inventory
                    .get(*outer)
                    .map(Records::of)
                    .transpose()?
                    .flatten();
                let Some(outer) = outer.filter(|_| overlap(outer_range, range)) else {
                    continue;
                };
                let part = std::slice::from_ref(&records);
                is_explained |= covers(outer_range, range) && explain(&outer, part, true).is_some();
                doubts.extend(uncertain(&slot.name, &outer.within(range)));
            }
            if !is_explained {
                self.decided.extend(doubts);
                self.refuse(
                    &[number],
                    "a table with a wider range of update indexes was taken",
                );
            }
        }
        Ok(())
    }

    fn refuse(&mut self, numbers: &[usize], reason: &str) {
        for &number in numbers {
            let Some(file) = self.inventory.get(number) else {
                continue;
            };
            self.others.push(TableReport {
                name: file.name.clone(),
                outcome: Outcome::NotTaken(reason.to_owned()),
            });
            self.refused.push(number);
        }
    }

    /// Of tables with the same range: the one that explains the others, else what they agree on.
    fn take_one_of(&mut self, range: Range, numbers: &[usize]) -> Result<()> {
        let mut all: Vec<(usize, Records)> = Vec::new();
        for &number in numbers {
            let records = self.inventory.get(number).map(Records::of).transpose()?;
            all.extend(records.flatten().map(|records| (number, records)));
        }
        let mut sound = all
            .iter()
            .filter(|(number, _)| self.is_sound_file(*number))
            .peekable();
        let candidates: Vec<&(usize, Records)> = match sound.peek() {
            Some(_) => sound.collect(),
            None => all.iter().collect(),
        };
        let best = most_telling(&candidates);
        let content = match (best, candidates.split_first()) {
            (Some(best), _) => Content::File(best),
            (None, Some((first, rest))) => {
                let common = rest
                    .iter()
                    .fold(first.1.clone(), |one, other| one.common(&other.1));
                Content::Records(Box::new(common))
            }
            (None, None) => return Ok(()),
        };
        let kept = best
            .or(numbers.first().copied())
            .and_then(|n| self.inventory.get(n));
        let Some(file) = kept else {
            return Ok(());
        };
        let outcome = match (&content, &file.state) {
            (Content::Records(records), _) => Outcome::Uncertain {
                from: file.name.clone(),
                refs: records.refs.len() as u64,
                logs: records.logs.len() as u64,
            },
            (_, State::Damaged(salvaged)) => salvaged_outcome(salvaged),
            _ => Outcome::Adopted(Vec::new()),
        };
        let rivals = all.iter().filter(|other| {
            let taken = all.iter().find(|taken| Some(taken.0) == best);
            Some(other.0) != best && taken.is_none_or(|t| !has_same_records(&t.1, &other.1))
        });
        let rivals: Vec<usize> = rivals.map(|(number, _)| *number).collect();
        self.slots.push(Slot {
            name: file.name.clone(),
            range: Some(range),
            content,
            outcome,
        });
        self.refuse(
            &rivals,
            "another table has the same range of update indexes",
        );
        Ok(())
    }
}

/// The table that explains all others of the same range.
fn most_telling(candidates: &[&(usize, Records)]) -> Option<usize> {
    let explains_all = |one: &&&(usize, Records)| {
        let mut others = candidates.iter().filter(|other| other.0 != one.0);
        others.all(|other| {
            has_same_records(&one.1, &other.1)
                || explain(&one.1, std::slice::from_ref(&other.1), false).is_some()
        })
    };
    candidates.iter().find(explains_all).map(|best| best.0)
}
