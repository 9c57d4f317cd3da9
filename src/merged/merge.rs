//! Merging: the records of several tables in one order.

use crate::error::{Error, Result};
use crate::format::key::common_prefix;
use crate::record::Kind;
use crate::table::{SectionIter, Table};
use std::cmp::Ordering;
use std::sync::Arc;

/// The records of several tables by key, and for one key those of newer tables first.
///
/// The cursor in front is kept apart from the others, which form a heap. As long as one table
/// leads, a step costs next to nothing: the leader's key was before the smallest of the others,
/// and as long as it keeps the bytes up to where the two differ, it still is.
#[derive(Debug)]
pub(super) struct Merge<K: Kind> {
    /// Has the current record.
    leader: Option<Box<Cursor<K>>>,
    /// The other cursors that have a record, as a heap with the smallest on top.
    heap: Vec<Box<Cursor<K>>>,
    /// Cursors without a record.
    spent: Vec<Box<Cursor<K>>>,
    /// How many bytes the keys of the leader and of the top of the heap share.
    shared: usize,
    /// Whether these keys are equal.
    tied: bool,
    failed: Option<Error>,
}

/// The records of one table.
#[derive(Debug)]
struct Cursor<K: Kind> {
    /// Larger for newer tables.
    rank: usize,
    records: SectionIter<K>,
}

impl<K: Kind> Cursor<K> {
    /// How the current key and table compare with those of `other`.
    fn compare(&self, other: &Cursor<K>) -> Ordering {
        let keys = self.records.key().cmp(other.records.key());
        keys.then(other.rank.cmp(&self.rank))
    }

    fn is_before(&self, other: &Cursor<K>) -> bool {
        self.compare(other) == Ordering::Less
    }
}

impl<K: Kind> Merge<K> {
    pub(super) fn new(tables: &[Arc<Table>]) -> Merge<K> {
        let cursor = |(rank, table)| {
            let records = SectionIter::new(table);
            Box::new(Cursor { rank, records })
        };
        Merge {
            leader: None,
            heap: Vec::with_capacity(tables.len()),
            spent: tables.iter().enumerate().map(cursor).collect(),
            shared: 0,
            tied: false,
            failed: None,
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.failed = None;
        self.retire_all();
        let result = self.seek_cursors(key);
        self.remember(result)
    }

    fn seek_cursors(&mut self, key: &[u8]) -> Result<()> {
        let mut n = 0;
        while let Some(cursor) = self.spent.get_mut(n) {
            cursor.records.seek(key)?;
            match cursor.records.advance()? {
                true => {
                    let cursor = self.spent.swap_remove(n);
                    self.push(cursor);
                }
                false => n += 1,
            }
        }
        Ok(())
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
        // What older tables have of the key before this one was stepped over.
        if leader.records.shared() <= self.shared && !self.heap.is_empty() {
            self.rank();
        }
        Ok(true)
    }

    /// Goes on where the leader is at the end of a block, is damaged, or is yet to be elected.
    #[inline(never)]
    fn leave_block(&mut self) -> Result<bool> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        if let Some(mut leader) = self.leader.take() {
            match leader.records.leave_block() {
                Ok(true) => {
                    self.leader = Some(leader);
                    self.rank();
                    return Ok(true);
                }
                Ok(false) => self.spent.push(leader),
                Err(error) => {
                    self.spent.push(leader);
                    return self.remember(Err(error));
                }
            }
        }
        self.leader = self.pop();
        self.compare_top();
        Ok(self.leader.is_some())
    }

    /// Whether older tables have records with the current key.
    #[inline(always)]
    pub(super) fn is_tied(&self) -> bool {
        self.tied
    }

    /// Steps over the records of older tables that have the current key.
    pub(super) fn skip_shadowed(&mut self) -> Result<()> {
        while self.tied {
            let Some(mut top) = self.pop() else {
                break;
            };
            match top.records.advance() {
                Ok(true) => self.push(top),
                Ok(false) => self.spent.push(top),
                Err(error) => {
                    self.spent.push(top);
                    return self.remember(Err(error));
                }
            }
            self.compare_top();
        }
        Ok(())
    }

    /// The cursor with the current record.
    #[inline(always)]
    pub(super) fn current(&self) -> Option<&SectionIter<K>> {
        self.leader.as_ref().map(|leader| &leader.records)
    }

    /// After the leader moved: changes places with the top of the heap if that is smaller now.
    fn rank(&mut self) {
        if let (Some(leader), Some(top)) = (&mut self.leader, self.heap.first_mut()) {
            if top.is_before(leader) {
                std::mem::swap(leader, top);
                self.sift_down();
            }
        }
        self.compare_top();
    }

    /// Finds out what the leader's key has in common with that on top of the heap.
    fn compare_top(&mut self) {
        let (Some(leader), Some(top)) = (&self.leader, self.heap.first()) else {
            self.shared = 0;
            self.tied = false;
            return;
        };
        let (key, next) = (leader.records.key(), top.records.key());
        self.shared = common_prefix(key, next);
        self.tied = self.shared == key.len() && key.len() == next.len();
    }

    fn push(&mut self, cursor: Box<Cursor<K>>) {
        let mut child = self.heap.len();
        self.heap.push(cursor);
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.heap[child].is_before(&self.heap[parent]) {
                break;
            }
            self.heap.swap(child, parent);
            child = parent;
        }
    }

    /// Removes the top of the heap.
    fn pop(&mut self) -> Option<Box<Cursor<K>>> {
        if self.heap.is_empty() {
            return None;
        }
        let top = self.heap.swap_remove(0);
        self.sift_down();
        Some(top)
    }

    /// Puts the top of the heap where it belongs.
    fn sift_down(&mut self) {
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            let mut least = parent;
            for child in [left, right] {
                if child < self.heap.len() && self.heap[child].is_before(&self.heap[least]) {
                    least = child;
                }
            }
            if least == parent {
                return;
            }
            self.heap.swap(parent, least);
            parent = least;
        }
    }

    /// Puts all cursors aside.
    fn retire_all(&mut self) {
        self.spent.append(&mut self.heap);
        self.spent.extend(self.leader.take());
        self.tied = false;
    }

    /// Makes an error last: going on without the failed table would show records that it hides.
    fn remember<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.failed = Some(error.again());
            self.retire_all();
        }
        result
    }
}
