//! Stacks of tables in a folder, and additions to them.

use crate::merged::{Merged, reftable_merged_table};
use crate::options::reftable_write_options;
use crate::outgoing::{give_log, give_ref};
use crate::record::{reftable_log_record, reftable_ref_record};
use crate::writer::{lend, reftable_writer};
use crate::{Code, Status, status};
use reftable::error::Result as CoreResult;
use reftable::record::{LogRecord, RefRecord};
use reftable::stack::{Addition, Stack};
use reftable::table::TableWriter;
use reftable_capi::counts::Count;
use reftable_capi::error::{LOCK, Misuse};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle, given};
use reftable_capi::{
    borrowed, compaction_counts, entered, free, mapping, name, path, put, put_new, shared,
};
use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::Once;

/// Which log records reftable_stack_compact_all drops. 0 drops none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_log_expiry_config {
    /// Those older than this, in seconds since 1970.
    pub time: u64,
    /// Those with a smaller update index.
    pub min_update_index: u64,
}

/// What compaction has done through one stack.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct reftable_compaction_stats {
    /// Bytes of the tables that were compacted, without their footers.
    pub bytes: u64,
    /// Records written.
    pub entries_written: u64,
    /// Compactions tried.
    pub attempts: c_int,
    /// Automatic compactions that failed: for a lock, for a changed stack, or with an error.
    pub failures: c_int,
}

compaction_counts!(reftable_compaction_stats, reftable_log_expiry_config);

/// A stack of tables in a folder: what a repository has as its refs and their logs. One thread at a
/// time uses it; distinct stacks do not disturb each other.
pub struct reftable_stack {
    _private: (),
}

impl Handle for reftable_stack {
    type Value = OpenStack;
}

/// What C holds as a stack.
pub struct OpenStack {
    stack: Stack,
    /// The view that [`reftable_stack_merged_table`] lends, NULL until it is asked for, and the
    /// generation of the stack that it shows.
    merged: Cell<*mut reftable_merged_table>,
    generation: Cell<u64>,
    /// What [`reftable_stack_compaction_stats`] lends.
    stats: Box<Cell<reftable_compaction_stats>>,
}

impl OpenStack {
    fn new(stack: Stack) -> OpenStack {
        OpenStack {
            generation: Cell::new(stack.generation()),
            stack,
            merged: Cell::new(null_mut()),
            stats: Box::default(),
        }
    }

    /// The view for C, brought up to date. It stays at its place as long as the stack.
    fn merged(&self) -> *mut reftable_merged_table {
        let generation = self.stack.generation();
        let lent = self.merged.get();
        if lent.is_null() {
            let view = Merged::of_stack(self.stack.merged());
            self.merged.set(handle::make(view));
        } else if generation != self.generation.get() {
            // Made above, and freed by the destructor only.
            if let Ok(merged) = shared!(lent) {
                merged.set_view(self.stack.merged());
            }
        }
        self.generation.set(generation);
        self.merged.get()
    }

    /// Brings the counts that C may be looking at up to date.
    fn refresh_stats(&self) {
        self.stats.set(Count::of(self.stack.stats()));
    }

    /// The status of something that may have compacted tables.
    fn after_compaction(&self, result: CoreResult<()>) -> Status {
        self.refresh_stats();
        result?;
        Ok(0)
    }
}

impl Drop for OpenStack {
    fn drop(&mut self) {
        // NULL, or made by `merged`; C may not use it longer than the stack.
        free!(self.merged.get());
    }
}

/// The result of a compaction on request: 1 instead of an error if somebody else was at work, as
/// nothing is wrong and the same call can be made again.
fn busy_is_one(result: Status) -> Status {
    match result {
        Err(code) if code == Code::new(LOCK) => Ok(1),
        other => other,
    }
}

/// A transaction on a stack, which holds the lock of the stack.
pub struct reftable_addition {
    _private: (),
}

impl Handle for reftable_addition {
    type Value = Addition;
}

/// A function of C that writes a table.
type WriteTable = unsafe extern "C" fn(*mut reftable_writer, *mut c_void) -> c_int;

/// The core's kind of function for a function of C's.
fn writing(
    write_table: Option<WriteTable>,
    arg: *mut c_void,
) -> Result<impl FnOnce(&mut TableWriter<'_>) -> CoreResult<()>, Misuse> {
    let write_table = write_table.ok_or(Misuse)?;
    // SAFETY: contract 6.
    Ok(move |table: &mut TableWriter<'_>| unsafe { lend(table, write_table, arg) })
}

/// Sees to it that what a process leaves pending is removed when it calls `exit`, even from within
/// a callback. Programs that do so cannot be asked to destroy their additions first.
fn clean_up_at_exit() {
    extern "C" fn clean_up() {
        guard((), reftable::fs::remove_pending_files);
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        // SAFETY: `clean_up` never unwinds. If it cannot be registered, exits leave locks behind.
        let _ = unsafe { libc::atexit(clean_up) };
    });
}

/// Opens the stack in the folder dir, which need not exist yet: it is then an empty one.
///
/// Returns 0 and sets *out to a stack that is freed by reftable_stack_destroy. On failure *out is
/// NULL: REFTABLE_FORMAT_ERROR for a damaged table, one of another hash than config says, or update
/// indexes out of order; REFTABLE_NOT_EXIST_ERROR if a table is missing; REFTABLE_IO_ERROR;
/// REFTABLE_API_ERROR for NULL or an option out of range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_stack(
    out: *mut *mut reftable_stack,
    dir: *const c_char,
    config: reftable_write_options,
) -> c_int {
    status(|| {
        put!(out, null_mut())?;
        let dir = path!(dir)?;
        let options = config.stack().ok_or(Misuse)?;
        clean_up_at_exit();
        mapping::obey_environment();
        Ok(put_new!(out, OpenStack::new(Stack::open(dir, options)?))?)
    })
}

/// Returns the update index of the next transaction: one more than the largest in the stack, 1 for
/// an empty one. 0 for NULL, and when there is none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_next_update_index(st: *mut reftable_stack) -> u64 {
    guard(0, || {
        shared!(st).map_or(0, |stack| stack.stack.next_update_index().unwrap_or(0))
    })
}

/// Begins a transaction: takes the lock of the stack.
///
/// Returns 0 and sets *out to an addition that is ended by reftable_addition_destroy, before the
/// stack is destroyed. On failure *out is NULL and no lock is held: REFTABLE_LOCK_ERROR if somebody
/// else holds the lock or the stack has changed since it was loaded (reload, and try again);
/// REFTABLE_IO_ERROR; REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_new_addition(
    out: *mut *mut reftable_addition,
    st: *mut reftable_stack,
) -> c_int {
    status(|| {
        put!(out, null_mut())?;
        Ok(put_new!(out, shared!(st)?.stack.begin()?)?)
    })
}

/// Adds a table to a transaction. write_table is called once, with arg and with a writer that is
/// the stack's; it may read the stack, or begin something else on it. Its limits must begin at
/// reftable_stack_next_update_index or above, and above those of a table added before.
///
/// Returns 0, also if no record was written and hence nothing added, or a negative value, after
/// which the addition stays usable and the lock held: the value that write_table returned;
/// REFTABLE_NAME_CONFLICT and REFTABLE_REFNAME_ERROR for names that cannot be; REFTABLE_API_ERROR
/// for limits too low, after a commit, while another call is writing a table, if write_table
/// destroyed the addition, and for NULL; REFTABLE_IO_ERROR. A positive value from write_table is success.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_add(
    add: *mut reftable_addition,
    write_table: Option<
        unsafe extern "C" fn(writer: *mut reftable_writer, arg: *mut c_void) -> c_int,
    >,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let mut addition = entered!(add)?;
        addition.add(writing(write_table, arg)?)?;
        match handle::Entered::is_freed(&addition) {
            // What was written goes with it.
            true => Err(Code::MISUSE),
            false => Ok(0),
        }
    })
}

/// Makes the tables that were added part of the stack, and releases the lock.
///
/// Returns 0, also if nothing was added or all is committed already, and if the compaction that
/// follows fails, which is counted; see reftable_stack_compaction_stats. On failure, as
/// REFTABLE_IO_ERROR, the stack is what it was, unless only loading the new one failed or making
/// sure that it outlasts a power cut. REFTABLE_API_ERROR for NULL and from within write_table.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_commit(add: *mut reftable_addition) -> c_int {
    status(|| {
        entered!(add)?.commit()?;
        Ok(0)
    })
}

/// Ends a transaction. What was not committed is undone and the lock released. Does nothing for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_addition_destroy(add: *mut reftable_addition) {
    guard((), || free!(add));
}

/// Adds a table in a transaction of its own, then compacts the stack if that is due. write_table
/// and the result are as for reftable_addition_add and reftable_addition_commit, and
/// REFTABLE_LOCK_ERROR as for reftable_stack_new_addition; in that case the stack has been
/// reloaded.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_add(
    st: *mut reftable_stack,
    write_table: Option<
        unsafe extern "C" fn(writer: *mut reftable_writer, arg: *mut c_void) -> c_int,
    >,
    arg: *mut c_void,
) -> c_int {
    status(|| {
        let stack = shared!(st)?;
        stack.after_compaction(stack.stack.add(writing(write_table, arg)?))
    })
}

/// Returns the loaded tables as one, without deletions; NULL for NULL. It belongs to the stack. Ask
/// for it again after the stack was reloaded or changed: only then does it show the change.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_merged_table(
    st: *mut reftable_stack,
) -> *mut reftable_merged_table {
    guard(null_mut(), || {
        shared!(st).map_or(null_mut(), |stack| stack.merged())
    })
}

/// Frees a stack and what it lends; does not touch the folder. Iterators over it stay usable. Does
/// nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_destroy(st: *mut reftable_stack) {
    guard((), || free!(st));
}

/// Loads the stack again if it has changed. Everything else works on what was loaded last.
///
/// Returns 0, or a negative value as for reftable_new_stack, after which the stack still shows what
/// it did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_reload(st: *mut reftable_stack) -> c_int {
    status(|| {
        shared!(st)?.stack.reload()?;
        Ok(0)
    })
}

/// Compacts all tables into one. config says which log records to drop meanwhile; NULL drops none.
///
/// Returns 0, 1 if somebody else holds a lock or has changed the stack, which then stays as it is,
/// a negative value on failure; REFTABLE_API_ERROR for a stack that is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compact_all(
    st: *mut reftable_stack,
    config: *mut reftable_log_expiry_config,
) -> c_int {
    status(|| {
        let stack = shared!(st)?;
        let expiry = borrowed!(config)
            .ok()
            .map(reftable_log_expiry_config::expiry);
        busy_is_one(stack.after_compaction(stack.stack.compact_all(expiry)))
    })
}

/// Compacts the newest tables if their sizes call for it. Returns as reftable_stack_compact_all
/// does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_auto_compact(st: *mut reftable_stack) -> c_int {
    status(|| {
        let stack = shared!(st)?;
        busy_is_one(stack.after_compaction(stack.stack.auto_compact()))
    })
}

/// Looks up the ref of exactly this name.
///
/// Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
/// there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
/// ref is left alone unless the result is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_read_ref(
    st: *mut reftable_stack,
    name: *const c_char,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    status(|| {
        let (stack, out) = (shared!(st)?, given(r#ref)?);
        // SAFETY: contracts 1 and 4.
        let give = |record: RefRecord<'_>| unsafe { give_ref(&record, out) };
        let found = stack.stack.read_ref(&name!(name)?, give)?;
        found.map_or(Ok(1), |given| given.map(|()| 0))
    })
}

/// Looks up the newest log record of the ref of exactly this name. Like reftable_stack_read_ref;
/// the result is 1 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_read_log(
    st: *mut reftable_stack,
    name: *const c_char,
    log: *mut reftable_log_record,
) -> c_int {
    status(|| {
        let (stack, out) = (shared!(st)?, given(log)?);
        // SAFETY: contracts 1 and 4.
        let give = |record: LogRecord<'_>| unsafe { give_log(&record, out) };
        let found = stack.stack.read_log(&name!(name)?, give)?;
        found.map_or(Ok(1), |given| given.map(|()| 0))
    })
}

/// Returns counts of what compaction has done through this stack. They belong to the stack and
/// follow what it does. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compaction_stats(
    st: *mut reftable_stack,
) -> *mut reftable_compaction_stats {
    guard(null_mut(), || {
        shared!(st).map_or(null_mut(), |stack| {
            stack.refresh_stats();
            stack.stats.as_ptr()
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generic::{
        reftable_table, reftable_table_from_merged_table, reftable_table_read_ref,
    };
    use crate::record::{reftable_log_record_clear, reftable_ref_record_clear};
    use crate::writer::{reftable_writer_add_ref, reftable_writer_set_limits};
    use fault_fs::FaultFs;
    use reftable::StackOptions;
    use reftable::record::{LogUpdate, LogValue, RefValue};
    use reftable_capi::shape::Zeroed;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const DIR: &str = "/stack";

    fn open(fs: &FaultFs) -> *mut reftable_stack {
        let mut options = StackOptions::default();
        options.fs = Arc::new(fs.clone());
        let stack = Stack::open(DIR, options).expect("a sound stack");
        handle::make(OpenStack::new(stack))
    }

    /// Writes a ref; `stack` is the stack.
    unsafe extern "C" fn write(writer: *mut reftable_writer, stack: *mut c_void) -> c_int {
        // SAFETY: the test passes its stack.
        let next = unsafe { reftable_stack_next_update_index(stack.cast()) };
        let mut id = [7; 20];
        let mut record = reftable_ref_record {
            ref_name: c"refs/heads/main".as_ptr().cast_mut(),
            update_index: next,
            value: id.as_mut_ptr(),
            target_value: null_mut(),
            target: null_mut(),
        };
        // SAFETY: the writer is lent for this call.
        unsafe { reftable_writer_set_limits(writer, next, next) };
        // SAFETY: the writer is lent for this call, the record is alive.
        unsafe { reftable_writer_add_ref(writer, &raw mut record) }
    }

    fn add(stack: *mut reftable_stack) -> c_int {
        // SAFETY: the stack is alive, and the function's argument.
        unsafe { reftable_stack_add(stack, Some(write), stack.cast()) }
    }

    fn compact(stack: *mut reftable_stack) -> c_int {
        // SAFETY: the stack is alive; NULL is allowed.
        unsafe { reftable_stack_compact_all(stack, null_mut()) }
    }

    fn reload(stack: *mut reftable_stack) -> c_int {
        // SAFETY: the stack is alive.
        unsafe { reftable_stack_reload(stack) }
    }

    fn destroy(stack: *mut reftable_stack) {
        // SAFETY: the tests do not use it again.
        unsafe { reftable_stack_destroy(stack) };
    }

    /// A stack with a symbolic ref HEAD, and with an entry of its reflog.
    fn stack_with_head() -> *mut reftable_stack {
        let mut options = StackOptions::default();
        options.fs = Arc::new(FaultFs::new(Path::new(DIR)));
        let stack = Stack::open(DIR, options).expect("an empty stack");
        let head = RefRecord {
            name: b"HEAD",
            update_index: 1,
            value: RefValue::Symref(b"HEAD"),
        };
        let entry = LogRecord {
            name: b"HEAD",
            update_index: 1,
            value: LogValue::Update(LogUpdate {
                old_id: &[0; 20],
                new_id: &[1; 20],
                name: b"HEAD",
                email: b"e",
                time: 1,
                tz_offset: 0,
                message: b"m\n",
            }),
        };
        let written = stack.add(|table| {
            table.set_limits(1, 1);
            table.add_ref(&head)?;
            table.add_log(&entry)
        });
        written.expect("valid records");
        handle::make(OpenStack::new(stack))
    }

    /// Programs look up the target of what they looked up before: the lookup had the name while its
    /// block was freed. Only Miri sees that.
    #[test]
    fn a_name_may_be_a_string_of_the_record_that_is_filled() {
        let stack = stack_with_head();
        let (mut found, mut entry) = (reftable_ref_record::ZERO, reftable_log_record::ZERO);
        let mut table = reftable_table::ZERO;
        // SAFETY: the stack is alive.
        let merged = unsafe { reftable_stack_merged_table(stack) };
        // SAFETY: both are alive.
        unsafe { reftable_table_from_merged_table(&raw mut table, merged) };
        let read_ref = |name: *const c_char, record: *mut reftable_ref_record| {
            // SAFETY: the stack is alive; a string, and a record that is zeroed or was filled.
            unsafe { reftable_stack_read_ref(stack, name, record) }
        };
        let read_log = |name: *const c_char, record: *mut reftable_log_record| {
            // SAFETY: the stack is alive; a string, and a record that is zeroed or was filled.
            unsafe { reftable_stack_read_log(stack, name, record) }
        };
        assert_eq!(read_ref(c"HEAD".as_ptr(), &raw mut found), 0);
        assert_eq!(read_log(c"HEAD".as_ptr(), &raw mut entry), 0);
        for _ in 0..2 {
            assert_eq!(read_ref(found.ref_name, &raw mut found), 0);
            assert_eq!(read_ref(found.target, &raw mut found), 0);
            assert_eq!(read_log(entry.ref_name, &raw mut entry), 0);
            assert_eq!(read_log(entry.name, &raw mut entry), 0);
            // SAFETY: the table is alive; a string, and a record that was filled.
            let read =
                unsafe { reftable_table_read_ref(&raw mut table, found.target, &raw mut found) };
            assert_eq!(read, 0);
        }
        // SAFETY: filled above.
        unsafe { reftable_ref_record_clear(&raw mut found) };
        // SAFETY: filled above.
        unsafe { reftable_log_record_clear(&raw mut entry) };
        destroy(stack);
    }

    /// A panic of ours, wherever it comes from: here from every call to the system in turn. The
    /// caller gets -1, no lock stays, and the same stack goes on. A panic that reached C's frames
    /// would end the process, and this test with it.
    #[test]
    fn a_panic_at_any_step_is_an_error_and_the_stack_goes_on() {
        let base = FaultFs::new(Path::new(DIR));
        let other = open(&base);
        assert_eq!((add(other), add(other)), (0, 0));
        let mut panics = 0;
        type Call = fn(*mut reftable_stack) -> c_int;
        let calls: [(Call, bool); 3] = [(add, false), (compact, false), (reload, true)];
        for (call, outdated) in calls {
            for step in 0.. {
                let fs = base.after_kill();
                let stack = open(&fs);
                if outdated {
                    let other = open(&fs);
                    assert_eq!(add(other), 0);
                    destroy(other);
                }
                let panicked = Arc::new(AtomicBool::new(false));
                let flag = Arc::clone(&panicked);
                let mut left: u32 = step;
                fs.inject(move |_| {
                    if left == 0 && !flag.swap(true, Ordering::Relaxed) {
                        panic!("on purpose");
                    }
                    left = left.saturating_sub(1);
                    None
                });
                let result = call(stack);
                fs.clear();
                if !panicked.load(Ordering::Relaxed) {
                    assert_eq!(result, 0);
                    break;
                }
                panics += 1;
                assert_eq!(result, -1, "step {step}");
                let locked =
                    |path: &std::path::PathBuf| path.extension().is_some_and(|e| e == "lock");
                assert!(
                    !fs.files().keys().any(locked),
                    "step {step}: {:?}",
                    fs.files()
                );
                assert_eq!(
                    (reload(stack), add(stack), compact(stack)),
                    (0, 0, 0),
                    "step {step}"
                );
                destroy(stack);
            }
        }
        assert!(panics > 14, "{panics}");
        destroy(other);
    }
}
