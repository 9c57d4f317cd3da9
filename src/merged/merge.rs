//! Merging: the records of several tables in one order.

use crate::error::{Error, Result};
use crate::record::Kind;
use crate::table::{SectionIter, Table};
use std::cmp::Ordering;
use std::sync::Arc;

/// The records of several tables by key, and for one key those of newer tables first.
///
/// The cursor in front is kept apart from the others, which form a heap. As long as one table
/// leads, a step costs one comparison with the smallest of the others; with a single table, none.
#[derive(Debug)]
pub(super) struct Merge<K: Kind> {
    /// One per table, oldest first.
    cursors: Vec<SectionIter<K>>,
    /// Which cursor has the current record.
    leader: Option<usize>,
    /// The other cursors that have a record, as a heap with the smallest on top.
    heap: Vec<usize>,
    /// Whether the cursor on top of the heap has the leader's key too.
    tied: bool,
    /// Whether the leader's record has been yielded.
    yielded: bool,
    failed: Option<Error>,
}

impl<K: Kind> Merge<K> {
    pub(super) fn new(tables: &[Arc<Table>]) -> Merge<K> {
        Merge {
            cursors: tables.iter().map(SectionIter::new).collect(),
            leader: None,
            heap: Vec::with_capacity(tables.len()),
            tied: false,
            yielded: false,
            failed: None,
        }
    }

    /// Goes in front of the first record at or after `key`.
    pub(super) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.failed = None;
        let result = self.seek_cursors(key);
        self.remember(result)
    }

    fn seek_cursors(&mut self, key: &[u8]) -> Result<()> {
        self.heap.clear();
        self.leader = None;
        self.yielded = false;
        for n in 0..self.cursors.len() {
            let Some(cursor) = self.cursors.get_mut(n) else {
                continue;
            };
            cursor.seek(key)?;
            if cursor.advance()? {
                self.push(n);
            }
        }
        self.elect();
        Ok(())
    }

    /// Goes to the next record; false at the end.
    #[inline(always)]
    pub(super) fn advance(&mut self) -> Result<bool> {
        let leader = self.leader.filter(|_| self.yielded);
        if let Some(cursor) = leader.and_then(|leader| self.cursors.get_mut(leader)) {
            let more = cursor.advance();
            if matches!(more, Ok(true)) {
                if !self.heap.is_empty() {
                    self.rank();
                }
                return Ok(true);
            }
            return self.replace_leader(more);
        }
        self.start()
    }

    /// The first step after a seek.
    fn start(&mut self) -> Result<bool> {
        match &self.failed {
            Some(error) => Err(error.again()),
            None => {
                self.yielded = self.leader.is_some();
                Ok(self.yielded)
            }
        }
    }

    /// After the leader came to its end, or failed.
    #[inline(never)]
    fn replace_leader(&mut self, ended: Result<bool>) -> Result<bool> {
        self.remember(ended)?;
        self.elect();
        self.yielded = self.leader.is_some();
        Ok(self.yielded)
    }

    /// Whether older tables have records with the current key.
    #[inline(always)]
    pub(super) fn is_tied(&self) -> bool {
        self.tied
    }

    /// Steps over the records of older tables that have the current key.
    pub(super) fn skip_shadowed(&mut self) -> Result<()> {
        while self.tied {
            let (Some(&top), Some(leader)) = (self.heap.first(), self.leader) else {
                break;
            };
            match self.cursors.get_mut(top).map(SectionIter::advance) {
                Some(Ok(true)) => self.sift_down(),
                Some(Err(error)) => return self.remember(Err(error)),
                Some(Ok(false)) | None => self.pop(),
            }
            self.tied = self.compare_top(leader) == Ordering::Equal;
        }
        Ok(())
    }

    /// The cursor with the current record.
    #[inline(always)]
    pub(super) fn current(&self) -> Option<&SectionIter<K>> {
        self.cursors.get(self.leader?)
    }

    /// Makes the smallest cursor of the heap the leader.
    fn elect(&mut self) {
        self.leader = self.heap.first().copied();
        self.tied = false;
        if let Some(leader) = self.leader {
            self.pop();
            self.tied = self.compare_top(leader) == Ordering::Equal;
        }
    }

    /// After the leader moved: changes places with the top of the heap if that is smaller now.
    #[inline]
    fn rank(&mut self) {
        let Some(leader) = self.leader else {
            return;
        };
        let order = self.compare_top(leader);
        self.tied = order == Ordering::Equal;
        let newer = self.heap.first().is_some_and(|top| *top > leader);
        if order == Ordering::Less || self.tied && newer {
            self.change_leader(leader);
        }
    }

    fn change_leader(&mut self, leader: usize) {
        if let Some(top) = self.heap.first_mut() {
            self.leader = Some(std::mem::replace(top, leader));
            self.sift_down();
        }
        if let Some(leader) = self.leader {
            self.tied = self.compare_top(leader) == Ordering::Equal;
        }
    }

    fn key(&self, cursor: usize) -> &[u8] {
        self.cursors.get(cursor).map_or(&[], SectionIter::key)
    }

    /// How the key on top of the heap compares with that of `cursor`; greater without a heap.
    #[inline]
    fn compare_top(&self, cursor: usize) -> Ordering {
        match self.heap.first() {
            Some(&top) => self.key(top).cmp(self.key(cursor)),
            None => Ordering::Greater,
        }
    }

    /// Whether cursor `a` comes before `b`.
    fn before(&self, a: usize, b: usize) -> bool {
        match self.key(a).cmp(self.key(b)) {
            Ordering::Less => true,
            Ordering::Equal => a > b,
            Ordering::Greater => false,
        }
    }

    fn push(&mut self, cursor: usize) {
        let mut child = self.heap.len();
        self.heap.push(cursor);
        while child > 0 {
            let parent = (child - 1) / 2;
            if !self.before(self.heap[child], self.heap[parent]) {
                break;
            }
            self.heap.swap(child, parent);
            child = parent;
        }
    }

    /// Removes the top of the heap.
    fn pop(&mut self) {
        let last = self.heap.pop();
        if let (Some(last), Some(top)) = (last, self.heap.first_mut()) {
            *top = last;
            self.sift_down();
        }
    }

    /// Puts the top of the heap where it belongs.
    fn sift_down(&mut self) {
        let mut parent = 0;
        loop {
            let (left, right) = (2 * parent + 1, 2 * parent + 2);
            let mut least = parent;
            for child in [left, right] {
                if child < self.heap.len() && self.before(self.heap[child], self.heap[least]) {
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

    /// Makes an error last: going on without the failed table would show records that it hides.
    fn remember<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.leader = None;
            self.heap.clear();
            self.tied = false;
            self.yielded = false;
            self.failed = Some(error.again());
        }
        result
    }
}
