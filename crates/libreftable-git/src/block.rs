//! Single blocks of a table.

use crate::iterator::{LogWalk, RefWalk, Walk, init, reftable_iterator};
use crate::memory::reftable_realloc;
use crate::releases::block_len;
use crate::source::{lend, reftable_block_data, reftable_block_source};
use crate::{Code, status};
use reftable::blocks::{BlockType, SingleBlock, read_block};
use reftable::hash::HashId;
use reftable_capi::counts::Count;
use reftable_capi::error::Misuse;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use reftable_capi::shape::Zeroed;
use reftable_capi::{alloc, borrowed, borrowed_mut, layout};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

/// Any type of blocks, where one is asked for.
pub const REFTABLE_BLOCK_TYPE_ANY: u8 = 0;
/// Blocks of refs.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_BLOCK_TYPE_REF: u8 = b'r';
/// Blocks of log records.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_BLOCK_TYPE_LOG: u8 = b'g';
/// Blocks of object ids.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_BLOCK_TYPE_OBJ: u8 = b'o';
/// Blocks of an index.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_BLOCK_TYPE_INDEX: u8 = b'i';

/// A buffer of the library's allocator.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_buf {
    /// Bytes that buf has room for.
    pub alloc: usize,
    /// Bytes in use, a NUL behind them not counted.
    pub len: usize,
    /// The bytes.
    pub buf: *mut c_char,
}

// What a block keeps for itself.
pub struct z_stream_s {
    _private: (),
}

/// A block of a table. The fields are for reading only.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_block {
    /// Length of the file header, if the block starts with it, else 0.
    pub header_off: u32,
    /// The block, inflated if it has log records.
    pub block_data: reftable_block_data,
    /// Length of object ids in bytes.
    pub hash_size: u32,
    /// Not for programs.
    pub zstream: *mut z_stream_s,
    /// Not for programs.
    pub uncompressed_data: *mut u8,
    /// Not for programs.
    pub uncompressed_cap: usize,
    /// How many records are stored in full.
    pub restart_count: u16,
    /// Where the records end, in bytes from the start of the block.
    pub restart_off: u32,
    /// Bytes that the block takes in the file.
    pub full_block_size: u32,
    /// One of REFTABLE_BLOCK_TYPE_….
    pub block_type: u8,
}

layout!(reftable_buf: 24 / 8 { alloc @ 0, len @ 8, buf @ 16 });
layout!(zeroed reftable_block: 88 / 8 {
    header_off @ 0, block_data @ 8, hash_size @ 40, zstream @ 48, uncompressed_data @ 56,
    uncompressed_cap @ 64, restart_count @ 72, restart_off @ 76, full_block_size @ 80,
    block_type @ 84,
});

/// What `zstream` points at.
struct Loaded {
    block: SingleBlock,
    hash: HashId,
}

/// A block that C sees, freed along with this value.
pub(super) struct Shown(Box<reftable_block>);

impl Shown {
    pub(super) fn new(block: SingleBlock, hash: HashId) -> Shown {
        Shown(Box::new(show(block, hash)))
    }

    pub(super) fn as_ptr(&self) -> *const reftable_block {
        &raw const *self.0
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // SAFETY: made by `show`.
        unsafe { release(&mut self.0) };
    }
}

/// The fields for C, which point into what `zstream` holds.
fn show(block: SingleBlock, hash: HashId) -> reftable_block {
    let mut seen = reftable_block {
        header_off: u32::of(block.header_off()),
        hash_size: u32::of(hash.len()),
        restart_count: u16::of(block.restart_count()),
        restart_off: u32::of(block.records().len()),
        full_block_size: u32::of(block.stored_len()),
        block_type: block.kind().byte(),
        ..reftable_block::ZERO
    };
    let loaded = Box::new(Loaded { block, hash });
    let records = loaded.block.records();
    seen.block_data.data = records.as_ptr().cast_mut();
    seen.block_data.len = block_len(records.len());
    seen.zstream = Box::into_raw(loaded).cast();
    seen
}

/// What a block of C's holds, which is zeroed or was filled by [`show`].
fn loaded<'a>(block: *const reftable_block) -> Result<&'a Loaded, Misuse> {
    borrowed!(borrowed!(block)?.zstream.cast::<Loaded>())
}

/// Frees what a block of C's holds.
///
/// # Safety
///
/// `block` is zeroed or was filled by [`show`].
unsafe fn release(block: &mut reftable_block) {
    let loaded = std::mem::replace(&mut block.zstream, null_mut()).cast::<Loaded>();
    block.block_data = reftable_block_data::ZERO;
    if !loaded.is_null() {
        // SAFETY: made by `show`; the pointer to it is gone.
        drop(unsafe { Box::from_raw(loaded) });
    }
}

/// Reads the block at offset of a source, which stays the caller's. header_size is that of the file
/// header if offset is 0, else 0; table_block_size 0 is unknown; hash_size is the length of object
/// ids; want_type is the type of the block, or REFTABLE_BLOCK_TYPE_ANY.
///
/// Returns 0 and fills b, which must be zeroed or filled before, and is freed by
/// reftable_block_release. 1 if the block is of another type, a negative value on failure;
/// REFTABLE_API_ERROR for NULL or a hash_size that there is not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_init(
    b: *mut reftable_block,
    source: *mut reftable_block_source,
    offset: u32,
    header_size: u32,
    table_block_size: u32,
    hash_size: u32,
    want_type: u8,
) -> c_int {
    status(|| {
        let (out, source) = (handle::given(b)?, *borrowed!(source)?);
        let hash = match hash_size {
            20 => HashId::Sha1,
            32 => HashId::Sha256,
            _ => return Err(Code::MISUSE),
        };
        // SAFETY: contracts 1, 6 and 7.
        let bytes = unsafe { lend(source, "block") }?;
        let guess = match table_block_size {
            0 => reftable::table::DEFAULT_BLOCK_SIZE,
            size => size,
        };
        let block = read_block(&*bytes, offset.into(), header_size as usize, guess as usize)?;
        if want_type != REFTABLE_BLOCK_TYPE_ANY && want_type != block.kind().byte() {
            return Ok(1);
        }
        let out = borrowed_mut!(out)?;
        // SAFETY: zeroed or filled by an earlier call.
        unsafe { release(out) };
        *out = show(block, hash);
        Ok(0)
    })
}

/// Frees what a block holds that reftable_block_init has filled. Does nothing for NULL and for a
/// zeroed block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_release(b: *mut reftable_block) {
    guard((), || {
        if let Ok(block) = borrowed_mut!(b) {
            // SAFETY: zeroed or filled by `reftable_block_init`.
            unsafe { release(block) };
        }
    });
}

/// Sets up an iterator over the records of a block of refs or log records, in front of the first.
/// It keeps the block alive. Update indexes of refs are relative to the smallest of their table.
/// Returns 0, or REFTABLE_API_ERROR for NULL, another block, or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_init_iterator(
    b: *const reftable_block,
    it: *mut reftable_iterator,
) -> c_int {
    status(|| {
        let loaded = loaded(b)?;
        let walk = match loaded.block.kind() {
            BlockType::Ref => Walk::Refs(RefWalk::Block(loaded.block.refs(loaded.hash))),
            BlockType::Log => Walk::Logs(LogWalk::Block(loaded.block.logs(loaded.hash))),
            _ => return Err(Code::MISUSE),
        };
        init(it, walk)
    })
}

/// Returns the type of a block, one of REFTABLE_BLOCK_TYPE_…; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_type(b: *const reftable_block) -> u8 {
    guard(0, || borrowed!(b).map_or(0, |block| block.block_type))
}

/// Puts the key of the block's first record into key, which must be zeroed or filled before by this
/// library. Returns 0, REFTABLE_FORMAT_ERROR for a damaged block, REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_first_key(
    b: *const reftable_block,
    key: *mut reftable_buf,
) -> c_int {
    status(|| {
        let (loaded, out) = (loaded(b)?, borrowed_mut!(key)?);
        let first = loaded.block.first_key()?;
        let room = first.len().saturating_add(1);
        if out.alloc < room {
            // SAFETY: the buffer is of the library's allocator.
            let buf = unsafe { reftable_realloc(out.buf.cast(), room) };
            if buf.is_null() {
                return Err(Code::OUT_OF_MEMORY);
            }
            out.buf = buf.cast();
            out.alloc = room;
        }
        // SAFETY: the buffer has room for the key and a NUL, and does not overlap the block.
        unsafe { alloc::fill(out.buf.cast(), first) };
        out.len = first.len();
        Ok(0)
    })
}
