//! Iterators over refs or log records of a table or of many.

use super::outgoing::{give_log, give_next_ref};
use super::record::{reftable_log_record, reftable_ref_record};
use super::{Status, status};
use crate::Code;
use reftable::merged::{MergedLogIter, MergedRefIter};
use reftable::record::{LogRecord, LogRecordBuf, RefRecord, RefRecordBuf};
use reftable::table::{LogIter, RefIter, RefsFor};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use reftable_capi::pass::pass;
use std::ffi::{c_int, c_void};
use std::mem::{align_of, offset_of, size_of};
use std::ptr::null_mut;

/// Goes through refs or through log records, set up by the functions with "seek" or "refs_for" in
/// their names. They want it zeroed. It may be moved by copying it, as long as only one copy is
/// used and destroyed. It keeps what it reads alive: a stack may be changed or destroyed meanwhile.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_iterator {
    /// NULL in an iterator that is not set up.
    pub ops: *mut reftable_iterator_vtable,
    /// The state of the iterator.
    pub iter_arg: *mut c_void,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type T = reftable_iterator;
    assert!(size_of::<T>() == 16 && align_of::<T>() == 8);
    assert!(offset_of!(T, ops) == 0 && offset_of!(T, iter_arg) == 8);
};

/// Marks an iterator as one of the library's.
pub struct reftable_iterator_vtable {
    _unique: u8,
}

static OPS: reftable_iterator_vtable = reftable_iterator_vtable { _unique: 1 };

/// What `iter_arg` points at.
struct Cursor;

impl Handle for Cursor {
    type Value = State;
}

/// Where an iterator is.
pub(super) enum State {
    Refs(Refs),
    Logs(Logs),
    /// At the end; the tables are let go of.
    Done,
    /// An error stays one: going on would leave out records.
    Failed(Code),
}

/// Refs of one table or of many.
pub(super) struct Refs {
    cursor: RefCursor,
    /// Read by a call for log records, which had to know whether there is anything.
    ahead: Option<RefRecordBuf>,
}

enum RefCursor {
    Table(RefIter),
    Object(RefsFor),
    Merged(MergedRefIter),
}

/// Log records of one table or of many.
pub(super) struct Logs {
    cursor: LogCursor,
    /// Read by a call for refs, which had to know whether there is anything.
    ahead: Option<LogRecordBuf>,
}

enum LogCursor {
    Table(LogIter),
    Merged(MergedLogIter),
}

impl From<RefCursor> for State {
    fn from(cursor: RefCursor) -> State {
        State::Refs(Refs {
            cursor,
            ahead: None,
        })
    }
}

impl From<LogCursor> for State {
    fn from(cursor: LogCursor) -> State {
        State::Logs(Logs {
            cursor,
            ahead: None,
        })
    }
}

impl From<RefIter> for State {
    fn from(refs: RefIter) -> State {
        RefCursor::Table(refs).into()
    }
}

impl From<RefsFor> for State {
    fn from(refs: RefsFor) -> State {
        RefCursor::Object(refs).into()
    }
}

impl From<MergedRefIter> for State {
    fn from(refs: MergedRefIter) -> State {
        RefCursor::Merged(refs).into()
    }
}

impl From<LogIter> for State {
    fn from(logs: LogIter) -> State {
        LogCursor::Table(logs).into()
    }
}

impl From<MergedLogIter> for State {
    fn from(logs: MergedLogIter) -> State {
        LogCursor::Merged(logs).into()
    }
}

impl RefCursor {
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&RefRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            RefCursor::Table(refs) => pass(refs.next()?, give),
            RefCursor::Object(refs) => pass(refs.next()?, give),
            RefCursor::Merged(refs) => pass(refs.next()?, give),
        }
    }
}

impl LogCursor {
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&LogRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            LogCursor::Table(logs) => pass(logs.next()?, give),
            LogCursor::Merged(logs) => pass(logs.next()?, give),
        }
    }
}

impl Refs {
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&RefRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        let Some(record) = &self.ahead else {
            return self.cursor.next(give);
        };
        give(&record.as_record())?;
        self.ahead = None;
        Ok(true)
    }

    fn any_left(&mut self) -> Result<bool, Code> {
        if self.ahead.is_none() {
            let ahead = &mut self.ahead;
            self.cursor.next(|record| {
                *ahead = Some(record.to_buf());
                Ok(())
            })?;
        }
        Ok(self.ahead.is_some())
    }
}

impl Logs {
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&LogRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        let Some(record) = &self.ahead else {
            return self.cursor.next(give);
        };
        give(&record.as_record())?;
        self.ahead = None;
        Ok(true)
    }

    fn any_left(&mut self) -> Result<bool, Code> {
        if self.ahead.is_none() {
            let ahead = &mut self.ahead;
            self.cursor.next(|record| {
                *ahead = Some(record.to_buf());
                Ok(())
            })?;
        }
        Ok(self.ahead.is_some())
    }
}

impl State {
    /// Gives the next ref to `give`; whether there was one.
    #[inline]
    fn next_ref(
        &mut self,
        give: impl FnOnce(&RefRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            State::Refs(refs) => {
                let step = refs.next(give);
                self.settle(step)
            }
            State::Logs(logs) => {
                let left = logs.any_left();
                self.refuse(left)
            }
            State::Done => Ok(false),
            State::Failed(code) => Err(*code),
        }
    }

    /// Gives the next log record to `give`; whether there was one.
    #[inline]
    fn next_log(
        &mut self,
        give: impl FnOnce(&LogRecord<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        match self {
            State::Logs(logs) => {
                let step = logs.next(give);
                self.settle(step)
            }
            State::Refs(refs) => {
                let left = refs.any_left();
                self.refuse(left)
            }
            State::Done => Ok(false),
            State::Failed(code) => Err(*code),
        }
    }

    /// Passes on what a step gave, after an end or an error for good.
    #[inline]
    fn settle(&mut self, step: Result<bool, Code>) -> Result<bool, Code> {
        match step {
            Ok(true) => {}
            Ok(false) => *self = State::Done,
            Err(code) => *self = State::Failed(code),
        }
        step
    }

    /// Answers a call for the other kind of record: misuse, unless there are no records at all.
    fn refuse(&mut self, any_left: Result<bool, Code>) -> Result<bool, Code> {
        match any_left {
            Ok(true) => Err(Code::MISUSE),
            other => self.settle(other),
        }
    }
}

/// Sets up an iterator of the caller's with what `start` gives, or leaves it as it is on failure.
///
/// # Safety
///
/// `it` follows contract 1.
pub(super) unsafe fn seek<S: Into<State>>(
    it: *mut reftable_iterator,
    start: impl FnOnce() -> Result<S, Code>,
) -> Status {
    let check_unused = || {
        // SAFETY: contract 1.
        let it = unsafe { it.as_ref() }.ok_or(Code::MISUSE)?;
        it.ops.is_null().then_some(()).ok_or(Code::MISUSE)
    };
    check_unused()?;
    let state = start()?.into();
    // A block source can have set it up meanwhile.
    check_unused()?;
    let started = reftable_iterator {
        ops: (&raw const OPS).cast_mut(),
        iter_arg: handle::make::<Cursor>(state).cast(),
    };
    // SAFETY: contract 1.
    unsafe { it.write(started) };
    Ok(0)
}

/// The state of an iterator; misuse if it is not set up, or in use by a call under way.
///
/// # Safety
///
/// `it` follows contract 1 and was set up by [`seek`], or not at all.
unsafe fn enter(it: *mut reftable_iterator) -> Result<handle::Entered<Cursor>, Code> {
    // SAFETY: contract 1.
    let it = unsafe { it.as_ref() }.ok_or(Code::MISUSE)?;
    if !std::ptr::eq(it.ops.cast_const(), &raw const OPS) {
        return Err(Code::MISUSE);
    }
    // SAFETY: an iterator with these `ops` was set up by `seek`.
    unsafe { handle::enter(it.iter_arg.cast::<Cursor>()) }.ok_or(Code::MISUSE)
}

/// Reads the next ref.
///
/// Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 at
/// the end, a negative value on failure, which then stays the result. ref is left alone unless the
/// result is 0. Returns REFTABLE_API_ERROR for NULL, and for an iterator that is not set up or
/// that goes through log records.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_next_ref(
    it: *mut reftable_iterator,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    status(|| {
        if r#ref.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: contract 1.
        let mut state = unsafe { enter(it) }?;
        // SAFETY: contracts 1 and 4.
        let found = state.next_ref(|record| unsafe { give_next_ref(record, r#ref) })?;
        Ok(if found { 0 } else { 1 })
    })
}

/// Reads the next log record; like reftable_iterator_next_ref.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_next_log(
    it: *mut reftable_iterator,
    log: *mut reftable_log_record,
) -> c_int {
    status(|| {
        if log.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: contract 1.
        let mut state = unsafe { enter(it) }?;
        // SAFETY: contracts 1 and 4.
        let found = state.next_log(|record| unsafe { give_log(record, log) })?;
        Ok(if found { 0 } else { 1 })
    })
}

/// Frees what the iterator holds, and zeroes it, so that it may be set up again. Does nothing for
/// NULL or a zeroed iterator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_destroy(it: *mut reftable_iterator) {
    guard((), || {
        // SAFETY: contract 1.
        let Some(it) = (unsafe { it.as_mut() }) else {
            return;
        };
        let ours = std::ptr::eq(it.ops.cast_const(), &raw const OPS);
        let state = it.iter_arg.cast::<Cursor>();
        it.ops = null_mut();
        it.iter_arg = null_mut();
        if ours {
            // SAFETY: an iterator with these `ops` was set up by `seek`, and the pointer is gone.
            unsafe { handle::free(state) };
        }
    });
}
