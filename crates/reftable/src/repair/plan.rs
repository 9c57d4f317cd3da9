//! Which tables the repaired stack has.
//!
//! The rule, in the order in which it is applied:
//!
//! 1. A line of the list stands for the file of its name, or for the closest one (`lines`). The lines
//!    keep their order, and a sound listed table stays.
//! 2. An unlisted table takes the place of a run of at least two lines, one of which has no sound
//!    table, if it is sound, starts where a listed table starts, ends where one ends, and explains
//!    every table of the run (`explain`). The longest run comes first. Of two tables for
//!    one run, neither is taken unless they have the same records. While a table is
//!    locked, a compaction may be under way, and none is taken.
//! 3. A listed table that is damaged is replaced by what can be read of it (`salvage`).
//! 4. For a missing table, the records of the one unlisted table that reaches beyond its range count if their
//!    update indexes are within that range. They are uncertain.
//! 5. What else is unlisted and has something that the stack lacks may never have been committed: a
//!    table with exactly the range of one missing table, one above the last listed update index,
//!    one in a gap between two tables. It is reported, and taken only on request, and of two for one
//!    place neither is.
//!
//! Only if no line says anything is the list made from the tables (`rebuild`). Times of files decide
//! nothing.

use super::explain::{PossiblyDeleted, explain};
use super::inventory::{File, Inventory, Range, State};
use super::lines::{Line, Lines};
use super::losses::{Loss, LossKind, Part, anything, named, uncertain};
use super::records::Records;
use super::{Outcome, RepairOptions, TableReport};
use crate::error::{Error, Result};
use crate::stack::StackOptions;
use crate::stack::file_name::{is_other_table, is_temporary_name, range_of};
use crate::stack::list::{LIST, LIST_LIMIT, parse};
use std::io;
use std::path::Path;

/// A table of the repaired stack, or one that it should have had.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// The name of its file, or what stands in its line.
    pub(super) name: String,
    pub(super) range: Option<Range>,
    pub(super) content: Content,
    pub(super) outcome: Outcome,
}

/// Where a table of the repaired stack comes from.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// A file of the inventory: as it is, or what could be read of it.
    File(usize),
    /// These records of another table.
    Records(Box<Records>),
    /// There is nothing.
    Nothing,
    /// Another table has its place.
    Replaced,
}

/// What is going to be done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) inventory: Inventory,
    pub(super) slots: Vec<Slot>,
    /// Why the list has to be written anew although its tables stay, or as a whole.
    pub(super) list_flaws: Vec<String>,
    /// Whether the list could be used.
    pub(super) is_rebuilt: bool,
    /// Unlisted tables that were not taken although they have something of their own.
    pub(super) refused: Vec<usize>,
    /// Losses that were found while deciding.
    pub(super) decided: Vec<Loss>,
    /// Tables that are neither listed nor taken, with why.
    pub(super) others: Vec<TableReport>,
}

impl Plan {
    pub(super) fn make(dir: &Path, options: &StackOptions, wishes: &RepairOptions) -> Result<Plan> {
        let inventory = Inventory::take(dir, options)?;
        let mut plan = Plan {
            inventory,
            slots: Vec::new(),
            list_flaws: Vec::new(),
            is_rebuilt: false,
            refused: Vec::new(),
            decided: Vec::new(),
            others: Vec::new(),
        };
        let are_usable = match read_list(dir, options)? {
            Ok(bytes) => plan.read_lines(&bytes),
            Err(reason) => {
                plan.list_flaws.push(reason);
                false
            }
        };
        match (are_usable, plan.inventory.files.is_empty()) {
            (true, _) => plan.reject_others(),
            (false, false) => plan.rebuild()?,
            // An empty list, or none, is that of an empty stack.
            (false, true) if plan.slots.is_empty() => plan.list_flaws.clear(),
            (false, true) => {}
        }
        plan.replace_runs()?;
        plan.fill_from_unlisted()?;
        plan.offer_unlisted(wishes);
        plan.note_gaps();
        Ok(plan)
    }

    /// Makes a slot of each line; whether any says something about a table.
    fn read_lines(&mut self, bytes: &[u8]) -> bool {
        let lines = Lines::read(bytes, &self.inventory);
        let are_usable = lines.are_usable();
        self.list_flaws.extend(lines.flaws.iter().cloned());
        if !are_usable {
            let reason = match lines.lines.is_empty() {
                true => "it names no table, but there are some",
                false => "no line of it is the name of a table",
            };
            self.list_flaws.push(reason.to_owned());
        }
        if let (Err(error), true) = (parse(bytes), self.list_flaws.is_empty()) {
            self.list_flaws.push(error.to_string());
        }
        self.slots = lines
            .lines
            .into_iter()
            .map(|line| self.slot(line))
            .collect();
        are_usable
    }

    fn slot(&self, line: Line) -> Slot {
        let file = line.file.and_then(|number| self.inventory.get(number));
        let name = file.map_or(&line.text, |file| &file.name).clone();
        let content = match file.map(|file| &file.state) {
            Some(State::Sound(_) | State::Damaged(_)) => line.file.map(Content::File),
            Some(State::Unusable(_)) | None => None,
        };
        let outcome = match file.map(|file| &file.state) {
            None => Outcome::Missing,
            Some(State::Unusable(reason)) => Outcome::Unusable(reason.clone()),
            Some(State::Damaged(salvaged)) => salvaged_outcome(salvaged),
            Some(State::Sound(_)) if line.is_damaged => Outcome::Matched(line.text),
            Some(State::Sound(_)) => Outcome::Sound,
        };
        Slot {
            name,
            range: line.range,
            content: content.unwrap_or(Content::Nothing),
            outcome,
        }
    }

    /// The bytes of another table may be in a file.
    fn reject_others(&mut self) {
        let names: Vec<String> = self.slots.iter().map(|slot| slot.name.clone()).collect();
        for slot in &mut self.slots {
            let (Content::File(_), Some(range)) = (&slot.content, slot.range) else {
                continue;
            };
            if is_other_table(&slot.name, range, &names) {
                let reason = format!("it has the update indexes {} to {}", range.0, range.1);
                slot.content = Content::Nothing;
                slot.outcome = Outcome::Unusable(reason);
                slot.range = range_of(&slot.name);
            }
        }
    }

    pub(super) fn is_sound(&self, slot: &Slot) -> bool {
        match &slot.content {
            Content::File(number) => self.inventory.get(*number).is_some_and(File::is_sound),
            _ => false,
        }
    }

    pub(super) fn is_listed(&self, number: usize) -> bool {
        let name = self.inventory.get(number).map(|file| &file.name);
        self.slots.iter().any(|slot| Some(&slot.name) == name)
    }

    /// The unlisted sound tables.
    fn unlisted(&self) -> Vec<usize> {
        let files = self.inventory.files.iter().enumerate();
        let unlisted = files.filter(|(number, file)| file.is_sound() && !self.is_listed(*number));
        unlisted.map(|(number, _)| number).collect()
    }

    fn range_of_file(&self, number: usize) -> Option<Range> {
        self.inventory.get(number)?.range()
    }

    /// Step 2: puts unlisted tables in the place of the runs that they explain.
    fn replace_runs(&mut self) -> Result<()> {
        if self.inventory.is_table_locked {
            return Ok(());
        }
        let mut candidates: Vec<(usize, usize, usize)> = Vec::new();
        for number in self.unlisted() {
            let Some(range) = self.range_of_file(number) else {
                continue;
            };
            let starts = |slot: &Slot| slot.range.is_some_and(|slot| slot.0 == range.0);
            let ends = |slot: &Slot| slot.range.is_some_and(|slot| slot.1 == range.1);
            let start = self.slots.iter().position(starts);
            let end = self.slots.iter().position(ends);
            if let (Some(start), Some(end)) = (start, end) {
                let run = self.slots.get(start..=end).unwrap_or_default();
                if run.len() > 1 && !run.iter().all(|slot| self.is_sound(slot)) {
                    candidates.push((start, end, number));
                }
            }
        }
        // Those for one run stand side by side, longer runs before shorter ones.
        candidates.sort_by_key(|(start, end, _)| (usize::MAX - (end - start), *start));
        let mut taken: Vec<(usize, usize, usize)> = Vec::new();
        for same in candidates.chunk_by(|one, other| (one.0, one.1) == (other.0, other.1)) {
            let Some(&(start, end, _)) = same.first() else {
                continue;
            };
            if taken.iter().any(|taken| taken.0 <= end && start <= taken.1) {
                continue;
            }
            if let Some((number, deleted)) = self.explaining(same)? {
                self.note_deleted(number, deleted);
                self.note_top(start, end, number)?;
                taken.push((start, end, number));
            }
        }
        // From the end, so that positions in front of it stay.
        taken.sort_unstable();
        for (start, end, number) in taken.into_iter().rev() {
            self.replace(start, end, number);
        }
        Ok(())
    }

    /// Of the unlisted tables for one run the one that explains it; none if they contradict each
    /// other.
    fn explaining(
        &self,
        candidates: &[(usize, usize, usize)],
    ) -> Result<Option<(usize, PossiblyDeleted)>> {
        let mut found: Option<(usize, PossiblyDeleted, Records)> = None;
        for &(start, end, number) in candidates {
            let Some(records) = self
                .inventory
                .get(number)
                .map(Records::of)
                .transpose()?
                .flatten()
            else {
                continue;
            };
            let mut run = Vec::new();
            for slot in self.slots.get(start..=end).unwrap_or_default() {
                if let Content::File(number) = slot.content {
                    let part = self.inventory.get(number).map(Records::of).transpose()?;
                    run.extend(part.flatten());
                }
            }
            let Some(deleted) = explain(&records, &run, start == 0) else {
                continue;
            };
            match &found {
                None => found = Some((number, deleted, records)),
                Some((_, _, other)) if has_same_records(other, &records) => {}
                Some(_) => return Ok(None),
            }
        }
        Ok(found.map(|(number, deleted, _)| (number, deleted)))
    }

    fn note_deleted(&mut self, number: usize, deleted: PossiblyDeleted) {
        let Some(file) = self.inventory.get(number) else {
            return;
        };
        let (name, range) = (&file.name, file.range());
        let parts = [(Part::Refs, deleted.refs), (Part::Logs, deleted.logs)];
        for (part, names) in parts {
            let losses = names.into_iter();
            let kind = LossKind::PossiblyDeleted;
            let losses = losses.map(|deleted| named(name, range, part, &deleted, kind));
            self.decided.extend(losses);
        }
    }

    /// If only the newest table of a run has no sound file, a writer that was killed may have made the
    /// table that replaces the run: of the older tables and a transaction that was never
    /// committed, whose update index another one used.
    fn note_top(&mut self, start: usize, end: usize, number: usize) -> Result<()> {
        let others = self.slots.get(start..end).unwrap_or_default();
        let (true, Some(top), Some(file)) = (
            others.iter().all(|slot| self.is_sound(slot)),
            self.slots.get(end),
            self.inventory.get(number),
        ) else {
            return Ok(());
        };
        let mut losses = Vec::new();
        for part in [Part::Refs, Part::Logs] {
            losses.push(anything(&file.name, top.range, part, LossKind::Uncertain));
        }
        if let (Some(records), Some(range)) = (Records::of(file)?, top.range) {
            losses.extend(uncertain(&file.name, &records.within(range)));
        }
        self.decided.extend(losses);
        Ok(())
    }

    fn replace(&mut self, start: usize, end: usize, number: usize) {
        let Some(file) = self.inventory.get(number) else {
            return;
        };
        let (name, range) = (file.name.clone(), file.range());
        let mut replaced = Vec::new();
        for slot in self.slots.get_mut(start..=end).unwrap_or_default() {
            replaced.push(slot.name.clone());
            slot.content = Content::Replaced;
            slot.outcome = Outcome::Replaced(name.clone());
        }
        let slot = Slot {
            name,
            range,
            content: Content::File(number),
            outcome: Outcome::Adopted(replaced),
        };
        self.slots.insert(end + 1, slot);
    }

    /// Step 4: what unlisted tables have from the update indexes of missing ones.
    fn fill_from_unlisted(&mut self) -> Result<()> {
        if self.inventory.is_table_locked {
            return Ok(());
        }
        for at in 0..self.slots.len() {
            let Some((Some(range), Content::Nothing)) =
                self.slots.get(at).map(|slot| (slot.range, &slot.content))
            else {
                continue;
            };
            let mut reaching = self.unlisted();
            reaching.retain(|number| {
                self.range_of_file(*number)
                    .is_some_and(|other| other != range && overlap(other, range))
            });
            let [number] = reaching.as_slice() else {
                continue;
            };
            let Some(file) = self.inventory.get(*number) else {
                continue;
            };
            let Some(records) = Records::of(file)? else {
                continue;
            };
            let within = records.within(range);
            if within.is_empty() {
                continue;
            }
            let outcome = Outcome::Uncertain {
                from: file.name.clone(),
                refs: within.refs.len() as u64,
                logs: within.logs.len() as u64,
            };
            if let Some(slot) = self.slots.get_mut(at) {
                slot.content = Content::Records(Box::new(within));
                slot.outcome = outcome;
            }
        }
        Ok(())
    }

    /// Step 5: the unlisted tables that may have something of their own.
    fn offer_unlisted(&mut self, wishes: &RepairOptions) {
        let files = self.inventory.files.iter().enumerate();
        let unlisted = files.filter(|(number, file)| {
            !is_temporary_name(&file.name) && !self.is_listed(*number) || file.is_sound()
        });
        let mut offered: Vec<usize> = unlisted.map(|(number, _)| number).collect();
        offered.retain(|number| !self.is_listed(*number) && !self.refused.contains(number));
        offered.retain(|number| {
            self.range_of_file(*number)
                .is_some_and(|range| !self.is_covered(range))
        });
        let mut taken = Vec::new();
        for &number in &offered {
            let Some(range) = self.range_of_file(number) else {
                continue;
            };
            let is_rival = |other: &&usize| {
                **other != number
                    && self
                        .range_of_file(**other)
                        .is_some_and(|other| overlap(other, range))
            };
            let is_alone = !offered.iter().any(|other| is_rival(&other));
            let is_sound = self.inventory.get(number).is_some_and(File::is_sound);
            if wishes.take_unlisted && is_sound && is_alone && !self.inventory.is_table_locked {
                taken.extend(self.place_for(range).map(|place| (place, number)));
            }
        }
        for (place, number) in taken.iter().rev() {
            self.insert(*place, *number);
        }
        offered.retain(|number| !taken.iter().any(|(_, taken)| taken == number));
        self.refused.extend(offered);
    }

    /// Update indexes between two tables that no line of a damaged list stands for: a line may have been
    /// lost. A sound list may have such gaps, after an earlier repair for one.
    fn note_gaps(&mut self) {
        if self.list_flaws.is_empty() {
            return;
        }
        let ranges = self.slots.iter().filter_map(|slot| slot.range);
        let mut ranges: Vec<Range> = ranges.collect();
        ranges.sort_unstable();
        let mut next: Option<u64> = None;
        for range in ranges {
            if let Some(first) = next.filter(|first| *first < range.0) {
                let gap = Some((first, range.0 - 1));
                for part in [Part::Refs, Part::Logs] {
                    self.decided
                        .push(anything(LIST, gap, part, LossKind::Uncertain));
                }
            }
            next = next.max(range.1.checked_add(1));
        }
    }

    /// Whether a table that is there stands for all of these update indexes.
    pub(super) fn is_covered(&self, range: Range) -> bool {
        let mut next = Some(range.0);
        let there = self.slots.iter();
        let there = there.filter(|slot| matches!(slot.content, Content::File(_)));
        for slot in there.filter_map(|slot| slot.range) {
            if next.is_some_and(|next| slot.0 <= next && next <= slot.1) {
                next = slot.1.checked_add(1);
            }
        }
        next.is_none_or(|next| next > range.1)
    }

    /// Where a table with these update indexes belongs, if it is in no other's way: the number of the
    /// slot that it goes in front of, or whose place it takes.
    fn place_for(&self, range: Range) -> Option<usize> {
        let is_free = |slot: &Slot| match (&slot.content, slot.range) {
            (Content::Nothing, other) => other == Some(range),
            (_, Some(other)) => !overlap(other, range),
            (_, None) => true,
        };
        let in_the_way = self.slots.iter().filter(|slot| {
            slot.range.is_some_and(|other| overlap(other, range))
                && !matches!(slot.content, Content::Replaced)
        });
        if !in_the_way.into_iter().all(is_free) {
            return None;
        }
        let is_after = |slot: &Slot| slot.range.is_some_and(|other| other.0 >= range.0);
        let place = self.slots.iter().position(is_after);
        Some(place.unwrap_or(self.slots.len()))
    }

    fn insert(&mut self, place: usize, number: usize) {
        let Some(file) = self.inventory.get(number) else {
            return;
        };
        let slot = Slot {
            name: file.name.clone(),
            range: file.range(),
            content: Content::File(number),
            outcome: Outcome::Adopted(Vec::new()),
        };
        match self.slots.get_mut(place) {
            Some(missing) if missing.range == slot.range => {
                missing.content = Content::Replaced;
                missing.outcome = Outcome::Replaced(slot.name.clone());
                self.slots.insert(place + 1, slot);
            }
            _ => self.slots.insert(place, slot),
        }
    }

    /// What becomes of each table, oldest first, then of those that are not part of the stack,
    /// unless everything in them is.
    pub(super) fn tables(&self, losses: &[Loss]) -> Vec<TableReport> {
        let report = |slot: &Slot| TableReport {
            name: slot.name.clone(),
            outcome: slot.outcome.clone(),
        };
        let mut tables: Vec<_> = self.slots.iter().map(report).collect();
        tables.extend(self.others.iter().cloned());
        let refused = losses.iter().filter(|loss| loss.kind == LossKind::NotTaken);
        for loss in refused {
            if !tables.iter().any(|table| table.name == loss.table) {
                let reason = "not listed, and may never have been committed".to_owned();
                tables.push(TableReport {
                    name: loss.table.clone(),
                    outcome: Outcome::NotTaken(reason),
                });
            }
        }
        tables
    }
}

pub(super) fn salvaged_outcome(salvaged: &super::salvage::Salvaged) -> Outcome {
    Outcome::Salvaged {
        refs: salvaged.refs.len() as u64,
        logs: salvaged.logs.len() as u64,
        losses: salvaged.flaws.clone(),
    }
}

pub(super) fn has_same_records(one: &Records, other: &Records) -> bool {
    one.refs == other.refs && one.logs == other.logs
}

/// Whether all update indexes of `inner` are in `outer`.
pub(super) fn covers(outer: Range, inner: Range) -> bool {
    outer.0 <= inner.0 && inner.1 <= outer.1
}

/// Whether two ranges have an update index in common.
pub(super) fn overlap(one: Range, other: Range) -> bool {
    one.0 <= other.1 && other.0 <= one.1
}

/// The bytes of the list, or why there are none.
fn read_list(dir: &Path, options: &StackOptions) -> Result<std::result::Result<Vec<u8>, String>> {
    let path = dir.join(LIST);
    match options.fs.read(&path, LIST_LIMIT) {
        Ok(bytes) => Ok(Ok(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Err("there is none".to_owned()))
        }
        // What the system may read the next time is not given up.
        Err(error) if error.raw_os_error().is_some() => Err(Error::io("read", path)(error)),
        Err(error) => Ok(Err(format!("it cannot be read: {error}"))),
    }
}
