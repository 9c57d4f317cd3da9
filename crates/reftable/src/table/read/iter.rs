//! Walking through a section of one table.

use crate::block::{Block, Inflater, Records};
use crate::error::{Error, Result};
use crate::format::Flaw;
use crate::record::{Context, Kind, LogRecord, Logs, RefRecord, Refs};
use crate::table::Table;
use std::cmp::Ordering;
use std::sync::Arc;

/// After this many blocks in a row the source is told that this is a scan.
const BLOCKS_BEFORE_SCAN: u32 = 2;

/// The records of one section in the order of their keys, tombstones included.
///
/// Keeps its table alive. After an error, every further step gives that error again.
#[derive(Debug)]
pub(crate) struct SectionIter<K: Kind> {
    table: Arc<Table>,
    context: Context,
    /// The block of the current record; none before the first record and after the last.
    block: Block,
    records: Records<K>,
    blocks: u32,
    inflater: Inflater,
    /// What stopped the last step.
    flaw: Option<Flaw>,
    failed: Option<Box<Error>>,
}

impl<K: Kind> SectionIter<K> {
    /// An iterator without records until it is sought.
    pub(crate) fn new(table: &Arc<Table>) -> SectionIter<K> {
        SectionIter {
            table: Arc::clone(table),
            context: table.context(),
            block: Block::none(),
            records: Records::default(),
            blocks: 0,
            inflater: Inflater::default(),
            flaw: None,
            failed: None,
        }
    }

    /// Goes in front of the first record at or after `key`; of the very first for an empty key.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.failed = None;
        self.block = Block::none();
        self.blocks = 0;
        self.records.forget();
        let result = self.seek_leaf(key);
        self.remember(result)
    }

    fn seek_leaf(&mut self, key: &[u8]) -> Result<()> {
        let mut leaf = self.table.leaf_for::<K>(key, &mut self.inflater)?;
        while let Some(block) = leaf {
            let flaw = |flaw| block.error(self.table.name(), flaw);
            block.check_restarts().map_err(flaw)?;
            if self
                .records
                .seek(&block, key, &self.context)
                .map_err(flaw)?
            {
                self.block = block;
                return Ok(());
            }
            leaf = self
                .table
                .next_block(&block, K::BLOCK, &mut self.inflater)?;
        }
        Ok(())
    }

    /// Goes to the next record; false at the end.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> Result<bool> {
        match self.step() {
            true => Ok(true),
            false => self.leave_block(),
        }
    }

    /// Goes to the next record of the block; false if there is none or it is damaged.
    ///
    /// This is what a scan does a million times, so it has nothing to hand over but a bit.
    #[inline(always)]
    pub(crate) fn step(&mut self) -> bool {
        self.records.advance_short(&self.block, &self.context) || self.step_any()
    }

    #[inline(never)]
    fn step_any(&mut self) -> bool {
        match self.records.advance_any(&self.block, &self.context) {
            Ok(more) => more,
            Err(flaw) => {
                self.flaw = Some(flaw);
                false
            }
        }
    }

    /// Goes on where [`SectionIter::step`] could not.
    #[inline(never)]
    pub(crate) fn leave_block(&mut self) -> Result<bool> {
        let result = match self.flaw.take() {
            Some(flaw) => Err(self.block.error(self.table.name(), flaw)),
            None => self.advance_block(),
        };
        self.remember(result)
    }

    /// Goes to the first record of the next block.
    fn advance_block(&mut self) -> Result<bool> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        if self.block.is_none() {
            return Ok(false);
        }
        self.blocks = self.blocks.saturating_add(1);
        if self.blocks == BLOCKS_BEFORE_SCAN {
            self.table.expect_scan();
        }
        let Some(next) = self
            .table
            .next_block(&self.block, K::BLOCK, &mut self.inflater)?
        else {
            self.block = Block::none();
            return Ok(false);
        };
        let flaw = |flaw| next.error(self.table.name(), flaw);
        next.check_restarts().map_err(flaw)?;
        self.records.enter(&next);
        let more = self.records.advance(&next, &self.context).map_err(flaw)?;
        self.block = next;
        Ok(more)
    }

    /// Makes an error last.
    fn remember<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.block = Block::none();
            self.failed = Some(Box::new(error.again()));
        }
        result
    }

    /// The table whose records these are.
    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The key of the current record.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.records.key()
    }

    /// The order of the current key and that of another table, which share their first `shared`
    /// bytes, and how many more they share.
    #[inline(always)]
    pub(crate) fn compare_from(&self, other: &SectionIter<K>, shared: usize) -> (Ordering, usize) {
        self.records.compare_from(&other.records, shared)
    }

    /// Whether the current record is a tombstone.
    #[inline]
    pub(crate) fn is_deletion(&self) -> bool {
        K::is_deletion(&self.records.span())
    }

    /// The current record; one without a name if there is none.
    #[inline(always)]
    pub(crate) fn record(&self) -> K::Record<'_> {
        self.records.record(&self.block, &self.context)
    }

    /// How many bytes the key of the current record shares with that of the record before it.
    #[inline(always)]
    pub(crate) fn shared(&self) -> usize {
        self.records.shared()
    }
}

/// The refs of one table in the order of their names, tombstones included.
///
/// Keeps its table alive. After an error, every further step gives that error again.
#[derive(Debug)]
pub struct RefIter(pub(crate) SectionIter<Refs>);

impl RefIter {
    /// The next ref; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<RefRecord<'_>>> {
        match self.0.advance()? {
            true => Ok(Some(self.0.record())),
            false => Ok(None),
        }
    }
}

/// The log records of one table, by name and newest first, tombstones included.
///
/// Keeps its table alive. After an error, every further step gives that error again.
#[derive(Debug)]
pub struct LogIter(pub(crate) SectionIter<Logs>);

impl LogIter {
    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    #[expect(clippy::should_implement_trait, reason = "the record is lent")]
    #[inline(always)]
    pub fn next(&mut self) -> Result<Option<LogRecord<'_>>> {
        match self.0.advance()? {
            true => Ok(Some(self.0.record())),
            false => Ok(None),
        }
    }
}
