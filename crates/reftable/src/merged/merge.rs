//! Merging: the records of several tables in one order.

use crate::error::{Error, Result};
use crate::format::key::common_prefix;
use crate::record::{Kind, Refs};
use crate::table::{SectionIter, Table};
use std::cmp::Ordering;
use std::sync::Arc;

/// The records of several tables by key, and for one key those of newer tables first.
///
/// The cursor in front leads; the others wait in the order of their keys, each with the number of
/// bytes that it shares with the one before it. Keys that come one after the other mostly differ
/// where these numbers do, so that a cursor which moved finds its new place without looking at
/// bytes. In a stack nearly all records are those of one or two tables, and that place is near.
#[derive(Debug)]
pub(super) struct Merge<K: Kind> {
    /// Has the current record.
    leader: Option<Box<Cursor<K>>>,
    /// The other cursors that have a record, the largest key first.
    waiting: Vec<Waiting<K>>,
    /// Cursors without a record.
    spent: Vec<Box<Cursor<K>>>,
    /// Cursors that are to be sought once somebody asks for more than the key that was sought. Not
    /// empty only as long as the record with exactly that key is the next or the current one.
    unsought: Vec<Box<Cursor<K>>>,
    /// Whether the next key is the current one too, or may be.
    tied: bool,
    /// How many bytes the current key shares with the one before it.
    kept: usize,
    failed: Option<Error>,
}

/// How many cursors are looked at where counts are checked.
const CHECKED: usize = 4;

/// The records of one table.
#[derive(Debug)]
struct Cursor<K: Kind> {
    /// Larger for newer tables.
    rank: usize,
    records: SectionIter<K>,
}

#[derive(Debug)]
struct Waiting<K: Kind> {
    cursor: Box<Cursor<K>>,
    /// How many bytes its key shares with the next smaller one.
    shared: usize,
}

impl<K: Kind> Merge<K> {
    pub(super) fn new(tables: &[Arc<Table>]) -> Merge<K> {
        let cursor = |(rank, table)| {
            let records = SectionIter::new(table);
            Box::new(Cursor { rank, records })
        };
        Merge {
            leader: None,
            waiting: Vec::with_capacity(tables.len()),
            spent: tables.iter().enumerate().map(cursor).collect(),
            unsought: Vec::new(),
            tied: false,
            kept: 0,
            failed: None,
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.failed = None;
        self.finish();
        self.unsought.append(&mut self.spent);
        let result = self.seek_rest(key);
        self.remember(result)
    }

    /// Seeks those of the cursors that are not yet sought. The current key, if there is one, is
    /// `key`.
    fn seek_rest(&mut self, key: &[u8]) -> Result<()> {
        // In its place: a source that panics leaves everything as it was.
        while let Some(cursor) = self.unsought.last_mut() {
            cursor.records.seek(key)?;
            let more = cursor.records.advance()?;
            if let Some(cursor) = self.unsought.pop() {
                self.put(cursor, more, key);
            }
        }
        Ok(())
    }

    /// Puts a cursor where it belongs that was sought to `key` and has a record, or has none.
    fn put(&mut self, cursor: Box<Cursor<K>>, has_record: bool, key: &[u8]) {
        if !has_record {
            self.spent.push(cursor);
            return;
        }
        let shared = match self.leader {
            Some(_) => common_prefix(cursor.records.key(), key),
            None => 0,
        };
        self.insert(cursor, shared);
    }

    /// Goes to the next record; false at the end.
    #[inline(always)]
    pub(super) fn advance(&mut self) -> Result<bool> {
        let Some(leader) = &mut self.leader else {
            return self.leave_block();
        };
        if !leader.records.step() {
            return self.leave_block();
        }
        self.kept = leader.records.shared();
        // The key before was smaller than the next one, and differs from it later than from this
        // one: so is this one.
        if self
            .waiting
            .last()
            .is_some_and(|next| self.kept <= next.shared)
        {
            self.reorder();
        }
        Ok(true)
    }

    /// Goes on where the leader is at the end of a block, is damaged, or is yet to be found.
    #[inline(never)]
    fn leave_block(&mut self) -> Result<bool> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        // In its place: a source that panics leaves everything as it was.
        if let Some(leader) = &mut self.leader {
            let more = leader.records.leave_block();
            self.kept = leader.records.shared();
            match more {
                Ok(true) => {
                    self.reorder();
                    return Ok(true);
                }
                Ok(false) => self.spent.extend(self.leader.take()),
                Err(error) => return self.remember(Err(error)),
            }
        }
        self.lead();
        Ok(self.leader.is_some())
    }

    /// How many bytes the current key shares with the one before it.
    #[inline(always)]
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Whether other tables have records with the current key, or may have.
    #[inline(always)]
    pub(super) fn is_tied(&self) -> bool {
        self.tied
    }

    /// Steps over the records of older tables that have the current key.
    pub(super) fn skip_shadowed(&mut self) -> Result<()> {
        if !self.unsought.is_empty() {
            let result = self.seek_behind_leader();
            self.remember(result)?;
        }
        while self.tied {
            let Some(next) = self.waiting.last_mut() else {
                break;
            };
            let more = match next.cursor.records.advance() {
                Ok(more) => more,
                Err(error) => return self.remember(Err(error)),
            };
            if more {
                // Its key before was that of the leader.
                next.shared = next.cursor.records.shared();
                self.settle();
            } else if let Some(Waiting { cursor, .. }) = self.waiting.pop() {
                self.spent.push(cursor);
            }
            self.find_tie();
        }
        Ok(())
    }

    /// Seeks the cursors that could wait to the current key.
    #[inline(never)]
    fn seek_behind_leader(&mut self) -> Result<()> {
        let key = self.current().map(SectionIter::key).unwrap_or_default();
        let key = key.to_vec();
        self.seek_rest(&key)?;
        self.find_tie();
        Ok(())
    }

    /// The cursor with the current record.
    #[inline(always)]
    pub(super) fn current(&self) -> Option<&SectionIter<K>> {
        self.leader.as_ref().map(|leader| &leader.records)
    }

    /// After the leader moved: lets the next cursor lead if that has the smaller key now.
    #[inline(never)]
    fn reorder(&mut self) {
        if let (Some(leader), Some(next)) = (&mut self.leader, self.waiting.last_mut()) {
            let mut shared = self.kept;
            if !precedes(leader, &mut shared, next) {
                std::mem::swap(leader, &mut next.cursor);
                self.kept = std::mem::replace(&mut next.shared, shared);
                self.settle();
            }
        }
        self.find_tie();
    }

    /// Makes the smallest of the waiting cursors the leader.
    fn lead(&mut self) {
        if let Some(Waiting { cursor, shared }) = self.waiting.pop() {
            self.leader = Some(cursor);
            self.kept = shared;
        }
        self.find_tie();
    }

    /// Finds out whether the next key is the leader's.
    fn find_tie(&mut self) {
        self.tied = match (&self.leader, self.waiting.last()) {
            _ if !self.unsought.is_empty() => true,
            (Some(leader), Some(next)) => {
                let (key, other) = (leader.records.key(), next.cursor.records.key());
                next.shared == key.len() && key.len() == other.len()
            }
            _ => false,
        };
        debug_assert!(
            self.counts_are_right(),
            "shared bytes of neighbours are miscounted"
        );
    }

    /// Whether the cursors that wait next tell what their keys share with the one before.
    fn counts_are_right(&self) -> bool {
        let Some(leader) = &self.leader else {
            return true;
        };
        let mut before = leader.records.key();
        self.waiting.iter().rev().take(CHECKED).all(|next| {
            let key = next.cursor.records.key();
            let counted = next.shared == common_prefix(before, key) && before <= key;
            before = key;
            counted
        })
    }

    /// Lets a cursor wait. Its key shares `shared` bytes with the one before all that wait, which
    /// is smaller, or is nothing.
    fn insert(&mut self, cursor: Box<Cursor<K>>, shared: usize) {
        self.waiting.push(Waiting { cursor, shared });
        self.settle();
    }

    /// Puts the last of the waiting cursors where it belongs. It and the one before it tell what
    /// their keys share with the same smaller one, or nothing.
    #[inline(always)]
    fn settle(&mut self) {
        let Some((moved, others)) = self.waiting.split_last_mut() else {
            return;
        };
        let mut at = others.len();
        while let Some(other) = at.checked_sub(1).and_then(|before| others.get_mut(before)) {
            if precedes(&moved.cursor, &mut moved.shared, other) {
                break;
            }
            at = at.saturating_sub(1);
        }
        // Mostly it stays, or goes one place down.
        match self.waiting.get_mut(at..) {
            Some([_]) | None => {}
            Some([other, moved]) => std::mem::swap(other, moved),
            Some(places) => places.rotate_right(1),
        }
    }

    /// Goes to the end: puts all cursors aside.
    pub(super) fn finish(&mut self) {
        let waiting = self.waiting.drain(..).map(|waiting| waiting.cursor);
        self.spent.extend(waiting.chain(self.leader.take()));
        self.spent.append(&mut self.unsought);
        self.tied = false;
        self.kept = 0;
    }

    /// Makes an error last: going on without the failed table would show records that it hides.
    fn remember<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.failed = Some(error.again());
            self.finish();
        }
        result
    }
}

/// Whether a cursor comes before one that waits. Both keys come after the same one, of which that
/// of `cursor` keeps `shared` bytes. The second one then tells what it shares with the first.
#[inline(always)]
fn precedes<K: Kind>(cursor: &Cursor<K>, shared: &mut usize, other: &mut Waiting<K>) -> bool {
    let kept = *shared;
    // The one that keeps more of it is the smaller one.
    if kept != other.shared {
        return kept > other.shared;
    }
    let (order, more) = cursor.records.compare_from(&other.cursor.records, kept);
    let newer_first = other.cursor.rank.cmp(&cursor.rank);
    let first = order.then(newer_first) == Ordering::Less;
    let second = if first { &mut other.shared } else { shared };
    *second = kept.saturating_add(more);
    first
}

impl Merge<Refs> {
    /// Goes in front of the first ref at or after `name`, for somebody who may want no more than
    /// the ref of that name.
    ///
    /// The newest record of that name, if there is one, is the first one whatever the other tables
    /// have. So they are asked from the newest on until one has it, and the others are sought when
    /// the next record is asked for. Tables which are known to lack the name are asked last.
    pub(super) fn seek_name(&mut self, name: &[u8]) -> Result<()> {
        if name.is_empty() {
            return self.seek(name);
        }
        self.failed = None;
        self.finish();
        self.unsought.append(&mut self.spent);
        let result = match self.find_newest(name) {
            Ok(false) => self.seek_rest(name),
            found => found.map(|_| ()),
        };
        self.remember(result)
    }

    /// Seeks cursors until one has the ref `name`; whether one has.
    fn find_newest(&mut self, name: &[u8]) -> Result<bool> {
        self.unsought.sort_unstable_by_key(|cursor| cursor.rank);
        for at in (0..self.unsought.len()).rev() {
            let Some(cursor) = self.unsought.get_mut(at) else {
                break;
            };
            // If not even the oldest table has the name, all have to be sought.
            let is_oldest = cursor.rank == 0;
            if !is_oldest && cursor.records.table().lacks_ref(name) {
                continue;
            }
            cursor.records.seek(name)?;
            let more = cursor.records.advance()?;
            let exact = more && cursor.records.key() == name;
            if !exact && !is_oldest {
                cursor.records.table().note_missing_ref();
            }
            let cursor = self.unsought.remove(at);
            self.put(cursor, more, name);
            if exact {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
