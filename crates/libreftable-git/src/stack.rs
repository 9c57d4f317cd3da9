//! Stacks of tables in a folder.

use super::iterator::{LogWalk, RefWalk, Walk, init, reftable_iterator};
use super::merged::{Merged, reftable_merged_table};
use super::options::Settings;
use super::outgoing::{Given, give_log, give_ref};
use super::profile::hash_number;
use super::record::{reftable_log_record, reftable_ref_record};
use super::{Status, status};
use crate::Code;
use reftable::error::{Error, Result as CoreResult};
use reftable::merged::MergedTable;
use reftable::record::{LogRecord, RefRecord};
use reftable::stack::{LogExpiry, Stack};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use std::cell::Cell;
use std::ffi::{OsStr, c_char, c_int};
use std::mem::{align_of, offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::rc::Rc;

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
    /// Automatic compactions that found a lock or a changed stack.
    pub failures: c_int,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type E = reftable_log_expiry_config;
    assert!(size_of::<E>() == 16 && align_of::<E>() == 8);
    assert!(offset_of!(E, time) == 0 && offset_of!(E, min_update_index) == 8);
    type S = reftable_compaction_stats;
    assert!(size_of::<S>() == 24 && align_of::<S>() == 8);
    assert!(offset_of!(S, bytes) == 0 && offset_of!(S, entries_written) == 8);
    assert!(offset_of!(S, attempts) == 16 && offset_of!(S, failures) == 20);
};

/// A stack of tables in a folder: what a repository has as its refs and their logs. One thread at a
/// time uses it; distinct stacks do not disturb each other.
pub struct reftable_stack {
    _private: (),
}

impl Handle for reftable_stack {
    type Value = OwnedStack;
}

/// What C holds as a stack. Additions share what is inside.
pub struct OwnedStack(pub(super) Rc<OpenStack>);

impl Drop for OwnedStack {
    fn drop(&mut self) {
        // The program may free the payload now, whatever additions are still open.
        self.0.destroyed.set(true);
    }
}

pub(super) struct OpenStack {
    pub(super) stack: Stack,
    pub(super) settings: Settings,
    /// Whether iterators show deletions.
    show_deletions: bool,
    /// The view that [`reftable_stack_merged_table`] lends, NULL until it is asked for.
    merged: Cell<*mut reftable_merged_table>,
    /// The generation of the stack that the program knows of.
    known: Cell<u64>,
    destroyed: Cell<bool>,
    /// What [`reftable_stack_compaction_stats`] lends.
    stats: Box<Cell<reftable_compaction_stats>>,
}

impl OpenStack {
    fn new(stack: Stack, settings: Settings, show_deletions: bool) -> OpenStack {
        OpenStack {
            known: Cell::new(stack.generation()),
            stack,
            settings,
            show_deletions,
            merged: Cell::new(null_mut()),
            destroyed: Cell::new(false),
            stats: Box::default(),
        }
    }

    /// Tells the program that the stack was loaded.
    fn tell(&self) {
        if let (Some(on_reload), false) = (&self.settings.on_reload, self.destroyed.get()) {
            on_reload.tell();
        }
    }

    /// Ends a call that may have loaded the stack again: what C looks at follows, and the program
    /// is told, which lets go of iterators over the old state.
    pub(super) fn settle(&self) {
        let stats = self.stack.stats();
        self.stats.set(reftable_compaction_stats {
            bytes: stats.bytes,
            entries_written: stats.entries_written,
            attempts: stats.attempts.try_into().unwrap_or(c_int::MAX),
            failures: stats.failures.try_into().unwrap_or(c_int::MAX),
        });
        let generation = self.stack.generation();
        if self.known.replace(generation) == generation {
            return;
        }
        // SAFETY: NULL, or made by `merged` and freed by the destructor only.
        if let Some(merged) = unsafe { handle::share(self.merged.get()) } {
            merged.show(self.view());
        }
        self.tell();
    }

    /// The status of something that may have loaded the stack again.
    pub(super) fn settled(&self, result: CoreResult<()>) -> Status {
        self.settle();
        result?;
        Ok(0)
    }

    /// The view for C. It stays at its place as long as the stack.
    fn merged(&self) -> *mut reftable_merged_table {
        if self.merged.get().is_null() {
            self.merged.set(handle::make(Merged::of_stack(self.view())));
        }
        self.merged.get()
    }

    /// The loaded tables as iterators see them.
    fn view(&self) -> MergedTable {
        match self.show_deletions {
            true => self.stack.merged().showing_deletions(),
            false => self.stack.merged(),
        }
    }

    /// The options of a call that writes, or else those of the stack.
    pub(super) fn writing(&self, settings: Option<Settings>) -> Writing {
        let in_use = settings.as_ref().unwrap_or(&self.settings);
        Writing {
            exact_log_message: in_use.exact_log_message,
            auto_compact: in_use.auto_compact,
            stack: settings.map(|settings| self.stack.with_options(settings.stack())),
        }
    }
}

/// How a call writes.
pub(super) struct Writing {
    pub(super) exact_log_message: bool,
    auto_compact: bool,
    /// A handle with the options of the call; `None` if those are the stack's.
    stack: Option<Stack>,
}

impl Writing {
    pub(super) fn stack<'a>(&'a self, open: &'a OpenStack) -> &'a Stack {
        self.stack.as_ref().unwrap_or(&open.stack)
    }

    /// Compacts after a commit, unless the options say not to. That somebody else is at work is no
    /// failure: the next commit tries again.
    pub(super) fn compact_after_commit(&self, open: &OpenStack) -> CoreResult<()> {
        if !self.auto_compact {
            return Ok(());
        }
        match self.stack(open).auto_compact() {
            Err(Error::Locked { .. } | Error::Outdated { .. }) => Ok(()),
            result => result,
        }
    }
}

impl Drop for OpenStack {
    fn drop(&mut self) {
        // SAFETY: NULL, or made by `merged`; C may not use it longer than the stack.
        unsafe { handle::free(self.merged.get()) };
    }
}

/// The stack behind a pointer of C's.
///
/// # Safety
///
/// `st` follows contract 3.
pub(super) unsafe fn stack_of(st: *mut reftable_stack) -> Result<Rc<OpenStack>, Code> {
    // SAFETY: contract 3.
    let stack = unsafe { handle::share(st) }.ok_or(Code::MISUSE)?;
    Ok(Rc::clone(&stack.0))
}

/// Opens a stack for C.
///
/// # Safety
///
/// `dest` follows contract 1, `dir` contract 2.
pub(super) unsafe fn open(
    dest: *mut *mut reftable_stack,
    dir: *const c_char,
    settings: Result<Settings, Code>,
    show_deletions: bool,
) -> Status {
    // SAFETY: contract 1.
    if !unsafe { handle::put(dest, null_mut()) } {
        return Err(Code::MISUSE);
    }
    // SAFETY: contract 2.
    let dir = unsafe { handle::text(dir) }.ok_or(Code::MISUSE)?;
    let settings = settings?;
    let stack = Stack::open(Path::new(OsStr::from_bytes(dir)), settings.stack());
    if let (Err(_), Some(on_reload)) = (&stack, &settings.on_reload) {
        on_reload.tell();
    }
    let open = Rc::new(OpenStack::new(stack?, settings, show_deletions));
    open.tell();
    // SAFETY: contract 1; not NULL.
    unsafe { dest.write(handle::make(OwnedStack(open))) };
    Ok(0)
}

/// Compacts all tables, with the options of the call or else of the stack.
///
/// # Safety
///
/// `st` follows contract 3, `config` contract 1.
pub(super) unsafe fn compact_all(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    config: *mut reftable_log_expiry_config,
) -> Status {
    // SAFETY: contract 3.
    let stack = unsafe { stack_of(st) }?;
    // SAFETY: contract 1.
    let expiry = unsafe { handle::borrow(config) }.map(|config| LogExpiry {
        time: config.time,
        min_update_index: config.min_update_index,
    });
    let writing = stack.writing(settings);
    stack.settled(writing.stack(&stack).compact_all(expiry))
}

/// Whether compaction has something to do.
///
/// # Safety
///
/// `st` follows contract 3, `required` contract 1.
#[cfg_attr(
    git_api = "2.47",
    expect(dead_code, reason = "that release has no such function")
)]
pub(super) unsafe fn compaction_required(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    use_heuristics: bool,
    required: *mut bool,
) -> Status {
    // SAFETY: contract 3.
    let stack = unsafe { stack_of(st) }?;
    let writing = stack.writing(settings);
    let several = stack.stack.table_names().len() >= 2;
    let due = || writing.stack(&stack).compaction_required();
    let answer = several && (!use_heuristics || due());
    // SAFETY: contract 1.
    match unsafe { handle::put(required, answer) } {
        true => Ok(0),
        false => Err(Code::MISUSE),
    }
}

/// Compacts tables whose sizes call for it.
///
/// # Safety
///
/// `st` follows contract 3.
pub(super) unsafe fn auto_compact(st: *mut reftable_stack, settings: Option<Settings>) -> Status {
    // SAFETY: contract 3.
    let stack = unsafe { stack_of(st) }?;
    let writing = stack.writing(settings);
    stack.settled(writing.stack(&stack).auto_compact())
}

/// Returns the update index of the next transaction: one more than the largest in the stack, 1 for
/// an empty one. 0 for NULL, and when there is none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_next_update_index(st: *mut reftable_stack) -> u64 {
    guard(0, || {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) };
        stack.map_or(0, |stack| stack.stack.next_update_index().unwrap_or(0))
    })
}

/// Sets up an iterator over the refs of the stack as it is loaded now, without deletions. Returns 0,
/// or REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_init_ref_iterator(
    st: *mut reftable_stack,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        let walk = Walk::Refs(RefWalk::Merged(stack.view(), None));
        // SAFETY: contract 1.
        unsafe { init(it, walk) }
    })
}

/// Sets up an iterator over the log records of the stack as it is loaded now, without deletions.
/// Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_init_log_iterator(
    st: *mut reftable_stack,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        let walk = Walk::Logs(LogWalk::Merged(stack.view(), None));
        // SAFETY: contract 1.
        unsafe { init(it, walk) }
    })
}

/// Returns the loaded tables as one, without deletions; NULL for NULL. It belongs to the stack and
/// follows what that loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_merged_table(
    st: *mut reftable_stack,
) -> *mut reftable_merged_table {
    guard(null_mut(), || {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) };
        stack.map_or(null_mut(), |stack| stack.merged())
    })
}

/// Frees a stack and what it lends; does not touch the folder. Iterators over it stay usable. Does
/// nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_destroy(st: *mut reftable_stack) {
    guard((), || {
        // SAFETY: contract 3; the caller gives the stack up.
        unsafe { handle::free(st) };
    });
}

/// Loads the stack again if it has changed. Everything else works on what was loaded last.
///
/// Returns 0, or a negative value as for reftable_new_stack, after which the stack still shows what
/// it did.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_reload(st: *mut reftable_stack) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        let reloaded = stack.stack.reload();
        stack.settled(reloaded.map(|_| ()))
    })
}

/// Removes files that no list names and that no writer can be making: what crashes left. Returns 0;
/// REFTABLE_LOCK_ERROR if somebody else holds the lock; another negative value on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_clean(st: *mut reftable_stack) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        stack.settled(stack.stack.clean())
    })
}

/// Looks up the ref of exactly this name.
///
/// Returns 0 and fills ref, which must be zeroed or filled before (what it holds is freed), 1 if
/// there is no such ref or it is deleted, a negative value on failure; REFTABLE_API_ERROR for NULL.
/// Unless the result is 0, ref is zeroed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_read_ref(
    st: *mut reftable_stack,
    refname: *const c_char,
    r#ref: *mut reftable_ref_record,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(refname) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 1.
        let out = unsafe { r#ref.as_mut() }.ok_or(Code::MISUSE)?;
        // SAFETY: contracts 1 and 4.
        let give = |record: RefRecord<'_>| unsafe { give_ref(&record, out, &mut Given::default()) };
        let found = stack.stack.read_ref(name, give);
        if let Ok(Some(Ok(()))) = found {
            return Ok(0);
        }
        // SAFETY: contract 4.
        unsafe { out.clear() };
        found?.transpose()?;
        Ok(1)
    })
}

/// Looks up the newest log record of the ref of exactly this name. Like reftable_stack_read_ref;
/// the result is 1 if there is none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_read_log(
    st: *mut reftable_stack,
    refname: *const c_char,
    log: *mut reftable_log_record,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) }?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(refname) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 1.
        let out = unsafe { log.as_mut() }.ok_or(Code::MISUSE)?;
        // SAFETY: contracts 1 and 4.
        let give = |record: LogRecord<'_>| unsafe { give_log(&record, out, &mut Given::default()) };
        let found = stack.stack.read_log(name, give);
        if let Ok(Some(Ok(()))) = found {
            return Ok(0);
        }
        // SAFETY: contract 4.
        unsafe { out.clear() };
        found?.transpose()?;
        Ok(1)
    })
}

/// Returns counts of what compaction has done through this stack. They belong to the stack and
/// follow what it does. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compaction_stats(
    st: *mut reftable_stack,
) -> *mut reftable_compaction_stats {
    guard(null_mut(), || {
        // SAFETY: contract 3.
        let Ok(stack) = (unsafe { stack_of(st) }) else {
            return null_mut();
        };
        stack.stats.as_ptr()
    })
}

/// Returns the hash of the stack, one of enum reftable_hash; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_hash_id(st: *mut reftable_stack) -> u32 {
    guard(0, || {
        // SAFETY: contract 3.
        let stack = unsafe { stack_of(st) };
        stack.map_or(0, |stack| hash_number(stack.settings.write.hash))
    })
}
