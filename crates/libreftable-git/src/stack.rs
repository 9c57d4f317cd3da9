//! Stacks of tables in a folder.

use crate::iterator::{Walk, init, reftable_iterator};
use crate::merged::{Merged, reftable_merged_table};
use crate::options::Settings;
use crate::outgoing::{Given, give_log, give_ref};
use crate::record::{Record, clear, reftable_log_record, reftable_ref_record};
use crate::releases::hash_number;
use crate::{Code, Status, status};
use reftable::error::Result as CoreResult;
use reftable::merged::MergedTable;
use reftable::record::{LogRecord, RefRecord};
use reftable::stack::Stack;
use reftable_capi::counts::Count;
use reftable_capi::error::Misuse;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle, given};
use reftable_capi::{borrowed, compaction_counts, free, mapping, name, shared};
use std::cell::Cell;
use std::ffi::{c_char, c_int};
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

compaction_counts!(reftable_compaction_stats, reftable_log_expiry_config);

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
    /// The view that [`reftable_stack_merged_table`] lends, NULL until it is asked for.
    merged: Cell<*mut reftable_merged_table>,
    /// The generation of the stack that the program knows of.
    known: Cell<u64>,
    destroyed: Cell<bool>,
    /// What [`reftable_stack_compaction_stats`] lends.
    stats: Box<Cell<reftable_compaction_stats>>,
}

impl OpenStack {
    fn new(stack: Stack, settings: Settings) -> OpenStack {
        OpenStack {
            known: Cell::new(stack.generation()),
            stack,
            settings,
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
        self.stats.set(Count::of(self.stack.stats()));
        let generation = self.stack.generation();
        if self.known.replace(generation) == generation {
            return;
        }
        // NULL, or made by `merged` and freed by the destructor only.
        if let Ok(merged) = shared!(self.merged.get()) {
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
        match self.settings.show_deletions {
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

    /// Compacts after a commit, unless the options say not to. Whatever keeps it from that is
    /// counted: the commit has taken effect, and the next one tries again.
    pub(super) fn compact_after_commit(&self, open: &OpenStack) {
        if self.auto_compact {
            let _ = self.stack(open).auto_compact();
        }
    }
}

impl Drop for OpenStack {
    fn drop(&mut self) {
        // NULL, or made by `merged`; C may not use it longer than the stack.
        free!(self.merged.get());
    }
}

/// The stack behind a pointer of C's.
pub(super) fn stack_of(st: *mut reftable_stack) -> Result<Rc<OpenStack>, Misuse> {
    Ok(Rc::clone(&shared!(st)?.0))
}

/// Opens a stack for C.
pub(super) fn open(dir: &Path, settings: Settings) -> CoreResult<OwnedStack> {
    mapping::obey_environment();
    let stack = Stack::open(dir, settings.stack());
    if let (Err(_), Some(on_reload)) = (&stack, &settings.on_reload) {
        on_reload.tell();
    }
    let open = Rc::new(OpenStack::new(stack?, settings));
    open.tell();
    Ok(OwnedStack(open))
}

/// Compacts all tables, with the options of the call or else of the stack.
pub(super) fn compact_all(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    config: *mut reftable_log_expiry_config,
) -> Status {
    let stack = stack_of(st)?;
    let expiry = borrowed!(config).map(reftable_log_expiry_config::expiry);
    let writing = stack.writing(settings);
    stack.settled(writing.stack(&stack).compact_all(expiry.ok()))
}

/// Whether compaction has something to do.
#[cfg_attr(
    git_api = "2.47",
    expect(dead_code, reason = "that release has no such function")
)]
pub(super) fn compaction_required(
    st: *mut reftable_stack,
    settings: Option<Settings>,
    use_heuristics: bool,
) -> Result<bool, Misuse> {
    let stack = stack_of(st)?;
    let writing = stack.writing(settings);
    let several = stack.stack.table_names().len() >= 2;
    let due = || writing.stack(&stack).compaction_required();
    Ok(several && (!use_heuristics || due()))
}

/// Compacts tables whose sizes call for it.
pub(super) fn auto_compact(st: *mut reftable_stack, settings: Option<Settings>) -> Status {
    let stack = stack_of(st)?;
    let writing = stack.writing(settings);
    stack.settled(writing.stack(&stack).auto_compact())
}

/// Returns the update index of the next transaction: one more than the largest in the stack, 1 for
/// an empty one. 0 for NULL, and when there is none left.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_next_update_index(st: *mut reftable_stack) -> u64 {
    guard(0, || {
        stack_of(st).map_or(0, |stack| stack.stack.next_update_index().unwrap_or(0))
    })
}

/// Sets up an iterator over the refs of the stack as it is loaded now, without deletions. Returns 0,
/// or REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_init_ref_iterator(
    st: *mut reftable_stack,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::refs_of(stack_of(st)?.view())))
}

/// Sets up an iterator over the log records of the stack as it is loaded now, without deletions.
/// Returns 0, or REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_init_log_iterator(
    st: *mut reftable_stack,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::logs_of(stack_of(st)?.view())))
}

/// Returns the loaded tables as one, without deletions; NULL for NULL. It belongs to the stack and
/// follows what that loads.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_merged_table(
    st: *mut reftable_stack,
) -> *mut reftable_merged_table {
    guard(null_mut(), || {
        stack_of(st).map_or(null_mut(), |stack| stack.merged())
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
        let stack = stack_of(st)?;
        let reloaded = stack.stack.reload();
        stack.settled(reloaded.map(|_| ()))
    })
}

/// Removes files that no list names and that no writer can be making: what crashes left. Returns 0;
/// REFTABLE_LOCK_ERROR if somebody else holds the lock; another negative value on failure.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_clean(st: *mut reftable_stack) -> c_int {
    status(|| {
        let stack = stack_of(st)?;
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
        let (stack, name, out) = (stack_of(st)?, name!(refname)?, given(r#ref)?);
        // SAFETY: contracts 1 and 4.
        let give = |record: RefRecord<'_>| unsafe { give_ref(&record, out, &mut Given::default()) };
        found_or_cleared(stack.stack.read_ref(&name, give), out)
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
        let (stack, name, out) = (stack_of(st)?, name!(refname)?, given(log)?);
        // SAFETY: contracts 1 and 4.
        let give = |record: LogRecord<'_>| unsafe { give_log(&record, out, &mut Given::default()) };
        found_or_cleared(stack.stack.read_log(&name, give), out)
    })
}

/// The status of a lookup, which leaves nothing in the record unless it is 0.
fn found_or_cleared<R: Record>(found: CoreResult<Option<Result<(), Code>>>, out: *mut R) -> Status {
    if let Ok(Some(Ok(()))) = found {
        return Ok(0);
    }
    clear(out);
    found?.transpose()?;
    Ok(1)
}

/// Returns counts of what compaction has done through this stack. They belong to the stack and
/// follow what it does. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_compaction_stats(
    st: *mut reftable_stack,
) -> *mut reftable_compaction_stats {
    guard(null_mut(), || {
        stack_of(st).map_or(null_mut(), |stack| stack.stats.as_ptr())
    })
}

/// Returns the hash of the stack, one of enum reftable_hash; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_stack_hash_id(st: *mut reftable_stack) -> u32 {
    guard(0, || {
        stack_of(st).map_or(0, |stack| hash_number(stack.settings.write.hash))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{reftable_log_record_release, reftable_ref_record_release};
    use fault_fs::FaultFs;
    use reftable::record::{LogUpdate, LogValue, RefValue};
    use reftable_capi::shape::Zeroed;
    use std::sync::Arc;

    /// Programs look up the target of what they looked up before: the lookup had the name while its
    /// block was freed. Only Miri sees that.
    #[test]
    fn a_name_may_be_a_string_of_the_record_that_is_filled() {
        let settings = crate::options::Given::NOTHING.decode().expect("valid");
        let mut options = settings.stack();
        options.fs = Arc::new(FaultFs::new(Path::new("/stack")));
        let stack = Stack::open("/stack", options).expect("an empty stack");
        let (name, update_index) = (&b"HEAD"[..], 1);
        let update = LogUpdate {
            old_id: &[0; 20],
            new_id: &[1; 20],
            name,
            email: b"e",
            time: 1,
            tz_offset: 0,
            message: b"m\n",
        };
        let written = stack.add(|table| {
            table.set_limits(1, 1);
            let value = RefValue::Symref(name);
            table.add_ref(&RefRecord {
                name,
                update_index,
                value,
            })?;
            let value = LogValue::Update(update);
            table.add_log(&LogRecord {
                name,
                update_index,
                value,
            })
        });
        written.expect("valid records");
        let stack = handle::make(OwnedStack(Rc::new(OpenStack::new(stack, settings))));

        let (mut found, mut entry) = (reftable_ref_record::ZERO, reftable_log_record::ZERO);
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
            assert_eq!(read_ref(found.refname, &raw mut found), 0);
            // SAFETY: the record is a symbolic ref.
            let target = unsafe { found.value.symref };
            assert_eq!(read_ref(target, &raw mut found), 0);
            assert_eq!(read_log(entry.refname, &raw mut entry), 0);
            // SAFETY: the record is an entry.
            let who = unsafe { entry.value.update.name };
            assert_eq!(read_log(who, &raw mut entry), 0);
        }
        // SAFETY: filled above.
        unsafe { reftable_ref_record_release(&raw mut found) };
        // SAFETY: filled above.
        unsafe { reftable_log_record_release(&raw mut entry) };
        // SAFETY: not used again.
        unsafe { reftable_stack_destroy(stack) };
    }
}
