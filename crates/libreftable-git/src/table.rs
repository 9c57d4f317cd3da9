//! Single tables.

use crate::block::{Shown, reftable_block};
use crate::iterator::{LogWalk, ObjectWalk, RefWalk, Walk, init, reftable_iterator};
use crate::releases::hash_number;
use crate::source::{reftable_block_source, take};
use crate::{Code, status};
use reftable::blocks::{BlockType, TableBlocks, blocks_end, section};
use reftable::error::Error;
use reftable::table::{BlockSource, Table};
use reftable_capi::error::{IO, Misuse};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, bytes, entered, free, layout, put, text};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// Where the blocks of one type are.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_table_offsets {
    /// Whether there are any.
    pub is_present: c_int,
    /// Position of the first.
    pub offset: u64,
    /// Position of their index; 0 without.
    pub index_offset: u64,
}

/// One table, open for reading. The fields are for reading only.
#[repr(C)]
pub struct reftable_table {
    /// The name given when it was opened.
    pub name: *mut c_char,
    /// Not for programs.
    pub source: reftable_block_source,
    /// Length of the file in bytes, without its footer.
    pub size: u64,
    /// The hash of the object ids, one of enum reftable_hash.
    pub hash_id: u32,
    /// The block size in bytes; 0 if blocks are not aligned.
    pub block_size: u32,
    /// The smallest update index of the refs.
    pub min_update_index: u64,
    /// The largest update index.
    pub max_update_index: u64,
    /// Length in bytes of abbreviated object ids; 0 without object section.
    pub object_id_len: c_int,
    /// The format version, 1 or 2.
    pub version: c_int,
    /// The refs.
    pub ref_offsets: reftable_table_offsets,
    /// The object ids.
    pub obj_offsets: reftable_table_offsets,
    /// The log records.
    pub log_offsets: reftable_table_offsets,
    /// How often reftable_table_decref is to be called.
    pub refcount: u64,
}

layout!(reftable_table_offsets: 24 / 8 { is_present @ 0, offset @ 8, index_offset @ 16 });
layout!(reftable_table: 144 / 8 {
    name @ 0, source @ 8, size @ 24, hash_id @ 32, block_size @ 36, min_update_index @ 40,
    max_update_index @ 48, object_id_len @ 56, version @ 60, ref_offsets @ 64,
    obj_offsets @ 88, log_offsets @ 112, refcount @ 136,
});

/// What a pointer to a table points at: the part that C sees, and behind it the table.
#[repr(C)]
struct OpenTable {
    seen: reftable_table,
    /// What `name` points into.
    _name: CString,
    table: Arc<Table>,
}

fn offsets(table: &Table, kind: BlockType) -> reftable_table_offsets {
    let section = section(table, kind);
    reftable_table_offsets {
        is_present: section.is_some().into(),
        offset: section.map_or(0, |(start, _)| start),
        index_offset: section.and_then(|(_, index)| index).unwrap_or(0),
    }
}

/// A table for C, which drops it by `reftable_table_decref`.
fn show(table: Arc<Table>, name: &[u8]) -> *mut reftable_table {
    let name = CString::new(name).unwrap_or_default();
    let seen = reftable_table {
        name: name.as_ptr().cast_mut(),
        source: reftable_block_source::ZERO,
        size: blocks_end(&table),
        hash_id: hash_number(table.hash()),
        block_size: table.block_size(),
        min_update_index: table.min_update_index(),
        max_update_index: table.max_update_index(),
        object_id_len: table
            .object_id_len()
            .and_then(|len| c_int::try_from(len).ok())
            .unwrap_or(0),
        version: table.version().into(),
        ref_offsets: offsets(&table, BlockType::Ref),
        obj_offsets: offsets(&table, BlockType::Obj),
        log_offsets: offsets(&table, BlockType::Log),
        refcount: 1,
    };
    let open = OpenTable {
        seen,
        _name: name,
        table,
    };
    Box::into_raw(Box::new(open)).cast()
}

/// The table behind a pointer of C's.
pub(super) fn table_of(table: *mut reftable_table) -> Result<Arc<Table>, Misuse> {
    // Made by `show`, and not dropped.
    Ok(Arc::clone(&borrowed!(table.cast::<OpenTable>())?.table))
}

/// Opens the table in a source.
fn open(source: Result<Arc<dyn BlockSource>, Misuse>, name: &str) -> Result<Arc<Table>, Code> {
    let table = Table::open(source?, name).map_err(|error| match error {
        // Later reads give the source's own value.
        Error::Callback(_) => Code::new(IO),
        error => error.into(),
    })?;
    Ok(Arc::new(table))
}

/// Opens a table. name is for messages.
///
/// The library owns the source from here on, whatever comes of the call; src itself is the
/// caller's. Returns 0 and sets *out to a table that is freed by reftable_table_decref. On failure
/// the source has been closed, src->ops is NULL, and *out is left alone: REFTABLE_IO_ERROR if the
/// source cannot be read; REFTABLE_FORMAT_ERROR if it is no table; REFTABLE_API_ERROR for NULL or a
/// source that is not set up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_new(
    out: *mut *mut reftable_table,
    src: *mut reftable_block_source,
    name: *const c_char,
) -> c_int {
    status(|| {
        let taken = *borrowed!(src)?;
        let name = text!(name).unwrap_or_default();
        let shown = String::from_utf8_lossy(name);
        // SAFETY: contracts 1, 6 and 7.
        let source = unsafe { take(taken, &shown) };
        let opened = handle::given(out).map_err(Code::from).and_then(|out| {
            let table = open(source, &shown)?;
            Ok(put!(out, show(table, name))?)
        });
        if opened.is_err() {
            borrowed_mut!(src)?.ops = null_mut();
        }
        opened.map(|()| 0)
    })
}

/// Counts one more user of the table. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_incref(table: *mut reftable_table) {
    guard((), || {
        if let Ok(table) = borrowed_mut!(table) {
            table.refcount = table.refcount.saturating_add(1);
        }
    });
}

/// Counts one user less, and frees the table if that was the last. Iterators over it stay usable;
/// its source is closed when the last of them is gone. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_decref(table: *mut reftable_table) {
    guard((), || {
        let Ok(seen) = borrowed_mut!(table) else {
            return;
        };
        seen.refcount = seen.refcount.saturating_sub(1);
        if seen.refcount == 0 {
            // SAFETY: made by `show`, and nobody counts on it any more.
            drop(unsafe { Box::from_raw(table.cast::<OpenTable>()) });
        }
    });
}

/// Sets up an iterator over the refs of the table, deletions among them. Returns 0, or
/// REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_init_ref_iterator(
    t: *mut reftable_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::Refs(RefWalk::Table(table_of(t)?, None))))
}

/// Sets up an iterator over the log records of the table, deletions among them. Returns 0, or
/// REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_init_log_iterator(
    t: *mut reftable_table,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| init(it, Walk::Logs(LogWalk::Table(table_of(t)?, None))))
}

/// Returns the hash of the table, one of enum reftable_hash; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_hash_id(t: *mut reftable_table) -> u32 {
    guard(0, || {
        table_of(t).map_or(0, |table| hash_number(table.hash()))
    })
}

/// Sets up an iterator over the refs that mention the object id oid (20 or 32 bytes), in order of
/// names, in front of the first of them. oid is needed during the call only. Returns 0, a negative
/// value on failure, REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_refs_for(
    t: *mut reftable_table,
    it: *mut reftable_iterator,
    oid: *mut u8,
) -> c_int {
    status(|| {
        let table = table_of(t)?;
        let id = bytes!(oid, table.hash().len())?;
        init(
            it,
            Walk::Refs(RefWalk::Object(ObjectWalk::new(&table, id)?)),
        )
    })
}

/// Returns the largest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_max_update_index(t: *mut reftable_table) -> u64 {
    guard(0, || {
        table_of(t).map_or(0, |table| table.max_update_index())
    })
}

/// Returns the smallest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_min_update_index(t: *mut reftable_table) -> u64 {
    guard(0, || {
        table_of(t).map_or(0, |table| table.min_update_index())
    })
}

/// Goes through the blocks of a table, of all types, as they follow each other in the file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_table_iterator {
    /// The state of the iterator.
    pub iter_arg: *mut c_void,
}

/// What `iter_arg` points at.
struct BlockCursor;

impl Handle for BlockCursor {
    type Value = BlockState;
}

struct BlockState {
    blocks: TableBlocks,
    /// What C was shown last.
    shown: Option<Shown>,
}

/// Sets up an iterator, which must be zeroed. Returns 0, or REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_iterator_init(
    it: *mut reftable_table_iterator,
    t: *mut reftable_table,
) -> c_int {
    status(|| {
        let it = borrowed_mut!(it)?;
        let state = BlockState {
            blocks: TableBlocks::new(table_of(t)?),
            shown: None,
        };
        it.iter_arg = handle::make::<BlockCursor>(state).cast();
        Ok(0)
    })
}

/// Frees what the iterator holds, and zeroes it. Does nothing for NULL and for a zeroed iterator.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_iterator_release(it: *mut reftable_table_iterator) {
    guard((), || {
        if let Ok(it) = borrowed_mut!(it) {
            // NULL, or set up by `reftable_table_iterator_init`.
            let state = std::mem::replace(&mut it.iter_arg, null_mut());
            free!(state.cast::<BlockCursor>());
        }
    });
}

/// Reads the next block. Returns 0 and sets *out to it; it belongs to the iterator and lasts until
/// the next call. Returns 1 at the end, a negative value on failure; REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_table_iterator_next(
    it: *mut reftable_table_iterator,
    out: *mut *const reftable_block,
) -> c_int {
    status(|| {
        // Set up by `reftable_table_iterator_init`, or NULL.
        let mut state = entered!(borrowed!(it)?.iter_arg.cast::<BlockCursor>())?;
        put!(out, null())?;
        state.shown = None;
        let Some(block) = state.blocks.next_block()? else {
            return Ok(1);
        };
        // Released by the source's own function: nothing would keep the block.
        if handle::Entered::is_freed(&state) {
            return Err(Code::MISUSE);
        }
        let hash = state.blocks.table().hash();
        let shown = state.shown.insert(Shown::new(block, hash));
        put!(out, shown.as_ptr())?;
        Ok(0)
    })
}
