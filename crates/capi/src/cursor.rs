//! What gives records one after the other: the core's iterators under one name.

use reftable::blocks::{BlockLogs, BlockRefs};
use reftable::error::Error;
use reftable::merged::{MergedLogIter, MergedRefIter};
use reftable::record::{LogRecord, LogRecordBuf, RefRecord, RefRecordBuf};
use reftable::table::{LogIter, RefIter, RefsFor};

/// Refs or log records.
pub trait Records {
    /// One of them, as a cursor lends it.
    type Lent<'r>;
    /// One of them, kept.
    type Kept;

    /// Keeps one.
    fn keep(record: &Self::Lent<'_>) -> Self::Kept;
    /// Lends what was kept.
    fn lend(record: &Self::Kept) -> Self::Lent<'_>;
}

/// The refs.
#[derive(Debug)]
pub enum Refs {}

/// The log records.
#[derive(Debug)]
pub enum Logs {}

/// A position among records.
pub trait Cursor {
    /// What kind of records they are.
    type Of: Records;

    /// Gives the next record to `give`; whether there was one. The record goes on as a reference,
    /// as moving it takes longer than reading it.
    fn step<E: From<Error>>(
        &mut self,
        give: impl FnOnce(&<Self::Of as Records>::Lent<'_>) -> Result<(), E>,
    ) -> Result<bool, E>;
}

macro_rules! records {
    ($records:ident: $lent:ident, $kept:ident, [$($cursor:ty),*]) => {
        impl Records for $records {
            type Lent<'r> = $lent<'r>;
            type Kept = $kept;

            fn keep(record: &$lent<'_>) -> $kept {
                record.to_buf()
            }
            fn lend(record: &$kept) -> $lent<'_> {
                record.as_record()
            }
        }

        $(impl Cursor for $cursor {
            type Of = $records;

            #[inline]
            fn step<E: From<Error>>(
                &mut self,
                give: impl FnOnce(&$lent<'_>) -> Result<(), E>,
            ) -> Result<bool, E> {
                match self.next()? {
                    Some(record) => give(&record).map(|()| true),
                    None => Ok(false),
                }
            }
        })*
    };
}

records!(Refs: RefRecord, RefRecordBuf, [RefIter, RefsFor, MergedRefIter, BlockRefs]);
records!(Logs: LogRecord, LogRecordBuf, [LogIter, MergedLogIter, BlockLogs]);
