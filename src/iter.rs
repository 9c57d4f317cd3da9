//! Iterators over refs or log records of a table or of many.

use crate::outgoing::{give_log, give_ref};
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::{Code, Status, status};
use reftable::error::Error;
use reftable::merged::{MergedLogIter, MergedRefIter};
use reftable::table::{LogIter, RefIter, RefsFor};
use reftable_capi::cursor::{Cursor, Logs, Records, Refs};
use reftable_capi::error::{Misuse, found};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle, given};
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, entered, free, layout, put};
use std::ffi::{c_int, c_void};

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

layout!(zeroed reftable_iterator: 16 / 8 { ops @ 0, iter_arg @ 8 });

/// Marks an iterator as one of the library's.
pub struct reftable_iterator_vtable {
    _unique: u8,
}

static OPS: reftable_iterator_vtable = reftable_iterator_vtable { _unique: 1 };

/// What `iter_arg` points at.
struct Position;

impl Handle for Position {
    type Value = State;
}

/// Where an iterator is.
pub(super) enum State {
    Refs(Reader<RefCursor>),
    Logs(Reader<LogCursor>),
    /// At the end; the tables are let go of.
    Done,
    /// An error stays one: going on would leave out records.
    Failed(Code),
}

/// Refs of one table or of many.
pub(super) enum RefCursor {
    Table(RefIter),
    Object(RefsFor),
    Merged(MergedRefIter),
}

/// Log records of one table or of many.
pub(super) enum LogCursor {
    Table(LogIter),
    Merged(MergedLogIter),
}

macro_rules! cursor {
    ($cursor:ident of $records:ident: $($variant:ident($iter:ident)),*) => {
        impl Cursor for $cursor {
            type Of = $records;

            #[inline]
            fn step<E: From<Error>>(
                &mut self,
                give: impl FnOnce(&<$records as Records>::Lent<'_>) -> Result<(), E>,
            ) -> Result<bool, E> {
                match self {
                    $($cursor::$variant(cursor) => cursor.step(give),)*
                }
            }
        }

        $(impl From<$iter> for State {
            fn from(cursor: $iter) -> State {
                State::$records(Reader { cursor: $cursor::$variant(cursor), ahead: None })
            }
        })*
    };
}

cursor!(RefCursor of Refs: Table(RefIter), Object(RefsFor), Merged(MergedRefIter));
cursor!(LogCursor of Logs: Table(LogIter), Merged(MergedLogIter));

/// Reads records of one kind.
pub(super) struct Reader<C: Cursor> {
    cursor: C,
    /// Read by a call for the other kind, which had to know whether there is anything.
    ahead: Option<<C::Of as Records>::Kept>,
}

impl<C: Cursor> Reader<C> {
    #[inline]
    fn next(
        &mut self,
        give: impl FnOnce(&<C::Of as Records>::Lent<'_>) -> Result<(), Code>,
    ) -> Result<bool, Code> {
        let Some(record) = &self.ahead else {
            return self.cursor.step(give);
        };
        give(&C::Of::lend(record))?;
        self.ahead = None;
        Ok(true)
    }

    fn any_left(&mut self) -> Result<bool, Code> {
        if self.ahead.is_none() {
            let ahead = &mut self.ahead;
            self.cursor.step(|record| {
                *ahead = Some(C::Of::keep(record));
                Ok::<(), Code>(())
            })?;
        }
        Ok(self.ahead.is_some())
    }
}

impl State {
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
    fn refuse(&mut self) -> Result<bool, Code> {
        let left = match self {
            State::Refs(refs) => refs.any_left(),
            State::Logs(logs) => logs.any_left(),
            State::Done => Ok(false),
            State::Failed(code) => Err(*code),
        };
        match left {
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
    let check_unused = || match borrowed!(it)?.ops.is_null() {
        true => Ok(()),
        false => Err(Misuse),
    };
    check_unused()?;
    let state = start()?.into();
    // A block source can have set it up meanwhile.
    check_unused()?;
    let started = reftable_iterator {
        ops: (&raw const OPS).cast_mut(),
        iter_arg: handle::make::<Position>(state).cast(),
    };
    put!(it, started)?;
    Ok(0)
}

/// The state of an iterator that was set up by [`seek`]; misuse if it was not, or is in use by a call
/// under way.
fn enter(it: *mut reftable_iterator) -> Result<handle::Entered<Position>, Misuse> {
    let it = borrowed!(it)?;
    match std::ptr::eq(it.ops, &raw const OPS) {
        true => entered!(it.iter_arg.cast::<Position>()),
        false => Err(Misuse),
    }
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
        let (mut state, out) = (enter(it)?, given(r#ref)?);
        let State::Refs(refs) = &mut *state else {
            return found(state.refuse());
        };
        // SAFETY: contracts 1 and 4.
        let step = refs.next(|record| unsafe { give_ref(record, out) });
        found(state.settle(step))
    })
}

/// Reads the next log record; like reftable_iterator_next_ref.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_next_log(
    it: *mut reftable_iterator,
    log: *mut reftable_log_record,
) -> c_int {
    status(|| {
        let (mut state, out) = (enter(it)?, given(log)?);
        let State::Logs(logs) = &mut *state else {
            return found(state.refuse());
        };
        // SAFETY: contracts 1 and 4.
        let step = logs.next(|record| unsafe { give_log(record, out) });
        found(state.settle(step))
    })
}

/// Frees what the iterator holds, and zeroes it, so that it may be set up again. Does nothing for
/// NULL or a zeroed iterator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_iterator_destroy(it: *mut reftable_iterator) {
    guard((), || {
        let old = borrowed_mut!(it).map(|it| std::mem::replace(it, reftable_iterator::ZERO));
        let ours = |it: &reftable_iterator| std::ptr::eq(it.ops, &raw const OPS);
        if let Some(old) = old.ok().filter(ours) {
            free!(old.iter_arg.cast::<Position>());
        }
    });
}
