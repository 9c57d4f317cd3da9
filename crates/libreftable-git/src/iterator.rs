//! Iterators over refs or log records: of a table, of many, of a block, or of one object.
//!
//! An iterator is made for one kind of record, and then sought as often as the program likes.

use crate::outgoing::{Given, give_log, give_ref};
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::{Code, Status, status};
use reftable::blocks::{BlockLogs, BlockRefs};
use reftable::error::Result as CoreResult;
use reftable::merged::{MergedLogIter, MergedRefIter, MergedTable};
use reftable::record::{LogRecord, RefRecord};
use reftable::table::{LogIter, RefIter, RefsFor, Table};
use reftable_capi::cursor::Cursor;
use reftable_capi::error::{Misuse, found};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, entered, free, layout, text};
use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

/// Goes through refs or through log records, as the function with "init" in its name says that set
/// it up; those want it zeroed. It has no position before it is sought. It may be moved by copying
/// it, as long as only one copy is used and destroyed. It keeps what it reads alive: a stack may be
/// changed or destroyed meanwhile.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_iterator {
    /// NULL in an iterator that is not set up.
    pub ops: *mut reftable_iterator_vtable,
    /// The state of the iterator.
    pub iter_arg: *mut c_void,
}

layout!(zeroed reftable_iterator: 16 / 8 { ops @ 0, iter_arg @ 8 });

/// Marks an iterator as one of the library's.
pub struct reftable_iterator_vtable {
    _unique: u8,
}

static OPS: reftable_iterator_vtable = reftable_iterator_vtable { _unique: 1 };

/// What `iter_arg` points at: the iterator, and what it gave last.
struct Position;

impl Handle for Position {
    type Value = (Walk, Given);
}

/// Where the records come from, and where in them the iterator is.
pub(super) enum Walk {
    Refs(RefWalk),
    Logs(LogWalk),
}

impl Walk {
    /// Over the refs of many tables.
    pub(super) fn refs_of(table: MergedTable) -> Walk {
        Walk::Refs(RefWalk::Merged(table, None))
    }

    /// Over the log records of many tables.
    pub(super) fn logs_of(table: MergedTable) -> Walk {
        Walk::Logs(LogWalk::Merged(table, None))
    }

    fn refs(&mut self) -> Result<&mut RefWalk, Misuse> {
        match self {
            Walk::Refs(refs) => Ok(refs),
            Walk::Logs(_) => Err(Misuse),
        }
    }

    fn logs(&mut self) -> Result<&mut LogWalk, Misuse> {
        match self {
            Walk::Logs(logs) => Ok(logs),
            Walk::Refs(_) => Err(Misuse),
        }
    }
}

/// An iterator over refs.
pub(super) enum RefWalk {
    Table(Arc<Table>, Option<RefIter>),
    /// Boxed, as it is much larger than the others.
    Merged(MergedTable, Option<Box<MergedRefIter>>),
    Object(ObjectWalk),
    Block(BlockRefs),
}

/// An iterator over log records.
pub(super) enum LogWalk {
    Table(Arc<Table>, Option<LogIter>),
    /// Boxed, as it is much larger than the others.
    Merged(MergedTable, Option<Box<MergedLogIter>>),
    Block(BlockLogs),
}

/// An iterator over the refs that mention an object. It starts at the first of them.
pub(super) struct ObjectWalk {
    table: Arc<Table>,
    id: Vec<u8>,
    /// Refs before this name are passed over.
    from: Vec<u8>,
    refs: RefsFor,
}

impl ObjectWalk {
    pub(super) fn new(table: &Arc<Table>, id: &[u8]) -> CoreResult<ObjectWalk> {
        Ok(ObjectWalk {
            refs: table.refs_for(id)?,
            table: Arc::clone(table),
            id: id.to_vec(),
            from: Vec::new(),
        })
    }

    fn seek(&mut self, name: &[u8]) -> CoreResult<()> {
        self.refs = self.table.refs_for(&self.id)?;
        self.from = name.to_vec();
        Ok(())
    }

    fn next(
        &mut self,
        give: impl FnOnce(&RefRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        while let Some(record) = self.refs.next()? {
            if record.name >= self.from.as_slice() {
                return give(&record).map(|()| true);
            }
        }
        Ok(false)
    }
}

impl RefWalk {
    fn seek(&mut self, name: &[u8]) -> CoreResult<()> {
        match self {
            RefWalk::Table(table, refs) => *refs = Some(table.refs_from(name)?),
            RefWalk::Merged(_, Some(refs)) => refs.seek(name)?,
            RefWalk::Merged(table, refs) => *refs = Some(Box::new(table.refs_from(name)?)),
            RefWalk::Object(refs) => refs.seek(name)?,
            RefWalk::Block(block) => block.seek(name)?,
        }
        Ok(())
    }

    /// Gives the next ref to `give`; whether there was one.
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&RefRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            RefWalk::Table(_, None) | RefWalk::Merged(_, None) => Ok(false),
            RefWalk::Table(_, Some(refs)) => refs.step(give),
            RefWalk::Merged(_, Some(refs)) => refs.step(give),
            RefWalk::Object(refs) => refs.next(give),
            RefWalk::Block(block) => block.step(give),
        }
    }
}

impl LogWalk {
    fn seek(&mut self, name: &[u8], update_index: u64) -> CoreResult<()> {
        match self {
            LogWalk::Table(table, logs) => *logs = Some(table.logs_from(name, update_index)?),
            LogWalk::Merged(_, Some(logs)) => logs.seek(name, update_index)?,
            LogWalk::Merged(table, logs) => {
                *logs = Some(Box::new(table.logs_from(name, update_index)?));
            }
            LogWalk::Block(block) => {
                block.seek(name, update_index)?;
            }
        }
        Ok(())
    }

    /// Gives the next log record to `give`; whether there was one.
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&LogRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            LogWalk::Table(_, None) | LogWalk::Merged(_, None) => Ok(false),
            LogWalk::Table(_, Some(logs)) => logs.step(give),
            LogWalk::Merged(_, Some(logs)) => logs.step(give),
            LogWalk::Block(block) => block.step(give),
        }
    }
}

/// Sets up an iterator of the caller's.
pub(super) fn init(it: *mut reftable_iterator, walk: Walk) -> Status {
    let it = borrowed_mut!(it)?;
    if !it.ops.is_null() {
        return Err(Code::MISUSE);
    }
    it.iter_arg = handle::make::<Position>((walk, Given::default())).cast();
    it.ops = (&raw const OPS).cast_mut();
    Ok(0)
}

/// The state of an iterator that was set up by [`init`] and is not in use by another call.
fn enter(it: *mut reftable_iterator) -> Result<handle::Entered<Position>, Misuse> {
    let it = borrowed!(it)?;
    match it.ops.is_null() {
        true => Err(Misuse),
        false => entered!(it.iter_arg.cast::<Position>()),
    }
}

/// Goes in front of the first ref whose name is name or sorts after it, in bytes; "" is the first of
/// all. Can be repeated, in any direction.
///
/// Returns 0, also at the end, or a negative value; REFTABLE_API_ERROR for NULL and for an iterator
/// over log records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_seek_ref(
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    status(|| {
        enter(it)?.0.refs()?.seek(text!(name)?)?;
        Ok(0)
    })
}

/// Reads the next ref.
///
/// Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 at the
/// end, a negative value on failure; REFTABLE_API_ERROR for NULL and for an iterator over log
/// records. ref is left alone unless the result is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_next_ref(
    it: *mut reftable_iterator,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    status(|| {
        let (walk, given) = &mut *enter(it)?;
        // Before a record is taken that nobody would get.
        borrowed!(r#ref)?;
        // SAFETY: contracts 1 and 4.
        let give = |record: &RefRecord<'_>| unsafe { give_ref(record, r#ref, given) };
        found(walk.refs()?.next(give))
    })
}

/// Goes in front of the newest log record of name whose update index is not above update_index, or,
/// if there is none, of the next name. Records of one ref come newest first. Returns as
/// reftable_iterator_seek_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_seek_log_at(
    it: *mut reftable_iterator,
    name: *const c_char,
    update_index: u64,
) -> c_int {
    status(|| {
        enter(it)?.0.logs()?.seek(text!(name)?, update_index)?;
        Ok(0)
    })
}

/// Goes in front of the newest log record of name, as reftable_iterator_seek_log_at does; "" is the
/// first of all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_seek_log(
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { reftable_iterator_seek_log_at(it, name, u64::MAX) }
}

/// Reads the next log record; returns as reftable_iterator_next_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_next_log(
    it: *mut reftable_iterator,
    log: *mut reftable_log_record,
) -> c_int {
    status(|| {
        let (walk, given) = &mut *enter(it)?;
        borrowed!(log)?;
        // SAFETY: contracts 1 and 4.
        let give = |record: &LogRecord<'_>| unsafe { give_log(record, log, given) };
        found(walk.logs()?.next(give))
    })
}

/// Frees what the iterator holds, and zeroes it. Does nothing for NULL and for a zeroed iterator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_destroy(it: *mut reftable_iterator) {
    guard((), || {
        let old = borrowed_mut!(it).map(|it| std::mem::replace(it, reftable_iterator::ZERO));
        if let Some(old) = old.ok().filter(|old| !old.ops.is_null()) {
            free!(old.iter_arg.cast::<Position>());
        }
    });
}
