//! Block sources: those of C, and the one for files that C can use.

use super::status;
use crate::Code;
use reftable::table::{BlockSource, FileSource};
use reftable_capi::alloc::{Block, release};
use reftable_capi::callback::{BlockCalls, ReadFailure};
use reftable_capi::error::{API, IO, NOT_EXIST};
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use std::ffi::{OsStr, c_char, c_int, c_void};
use std::io::ErrorKind;
use std::mem::{align_of, offset_of, size_of};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::Arc;

/// Where the bytes of a table come from: functions of the program's, or a file; see
/// reftable_block_source_from_file.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_block_source {
    /// The functions; NULL in a source that is not set up or has been given away.
    pub ops: *mut reftable_block_source_vtable,
    /// Passed to each of them.
    pub arg: *mut c_void,
}

/// Bytes lent by a block source.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_block {
    /// The bytes.
    pub data: *mut u8,
    /// How many they are.
    pub len: c_int,
    /// Where they come from.
    pub source: reftable_block_source,
}

// Stands for `reftable_block` in the functions below, and becomes it in the header. The two types
// contain each other, and only a pointer to another type leaves the generator an order for them.
pub struct reftable_block_fwd {
    _private: (),
}

/// The functions of a block source.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_block_source_vtable {
    /// Returns the length of the table in bytes, always the same.
    pub size: Option<unsafe extern "C" fn(source: *mut c_void) -> u64>,
    /// Lends size bytes from position off: sets data and len of the zeroed block dest and returns
    /// size, or a negative value, which becomes the result of the call that needed the bytes
    /// (REFTABLE_IO_ERROR if that is reftable_new_reader). The library never asks for bytes beyond
    /// the length.
    pub read_block: Option<
        unsafe extern "C" fn(
            source: *mut c_void,
            dest: *mut reftable_block_fwd,
            off: u64,
            size: u32,
        ) -> c_int,
    >,
    /// Takes back what read_block lent; called once for each block lent, before the call into the
    /// library that needed it returns.
    pub return_block:
        Option<unsafe extern "C" fn(source: *mut c_void, blockp: *mut reftable_block_fwd)>,
    /// Ends the use of the source; called once, and nothing after it. A source that has the reader
    /// freed from within read_block is closed when that block has come back.
    pub close: Option<unsafe extern "C" fn(source: *mut c_void)>,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type S = reftable_block_source;
    assert!(size_of::<S>() == 16 && align_of::<S>() == 8);
    assert!(offset_of!(S, ops) == 0 && offset_of!(S, arg) == 8);
    type B = reftable_block;
    assert!(size_of::<B>() == 32 && align_of::<B>() == 8);
    assert!(offset_of!(B, data) == 0 && offset_of!(B, len) == 8 && offset_of!(B, source) == 16);
    type V = reftable_block_source_vtable;
    assert!(size_of::<V>() == 32 && align_of::<V>() == 8);
    assert!(offset_of!(V, size) == 0 && offset_of!(V, read_block) == 8);
    assert!(offset_of!(V, return_block) == 16 && offset_of!(V, close) == 24);
};

impl reftable_block_source {
    /// A source that is not set up.
    pub(super) const NONE: reftable_block_source = reftable_block_source {
        ops: null_mut(),
        arg: null_mut(),
    };
}

/// The calls of a source that C supplies.
pub(super) struct ForeignBlocks {
    source: reftable_block_source,
    ops: reftable_block_source_vtable,
}

// SAFETY: the pointers are passed back to C only, which uses them from one thread at a time (contract 7).
unsafe impl Send for ForeignBlocks {}
// SAFETY: see above.
unsafe impl Sync for ForeignBlocks {}

impl ForeignBlocks {
    /// The source, or `None` if it lacks a function without which no table can be read.
    pub(super) fn new(
        source: reftable_block_source,
        ops: reftable_block_source_vtable,
    ) -> Option<ForeignBlocks> {
        ops.size?;
        ops.read_block?;
        Some(ForeignBlocks { source, ops })
    }

    /// Calls `read_block`; `Ok` is a block lent, with the count it announces.
    fn borrow(&self, offset: u64, len: u32) -> Result<(reftable_block, c_int), ReadFailure> {
        let read = self.ops.read_block.ok_or(ReadFailure::WrongLength)?;
        let mut block = reftable_block {
            data: null_mut(),
            len: 0,
            source: reftable_block_source::NONE,
        };
        let dest = (&raw mut block).cast();
        // SAFETY: contract 6; `dest` is a zeroed block.
        let count = unsafe { read(self.source.arg, dest, offset, len) };
        block.source = self.source;
        match count {
            ..0 => Err(ReadFailure::Refused(count)),
            _ if block.data.is_null() => Err(ReadFailure::WrongLength),
            _ => Ok((block, count)),
        }
    }
}

impl BlockCalls for ForeignBlocks {
    fn size(&self) -> u64 {
        // SAFETY: contract 6.
        self.ops
            .size
            .map_or(0, |size| unsafe { size(self.source.arg) })
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure> {
        let (mut block, count) = self.borrow(offset, len)?;
        let wanted = c_int::try_from(len).map_err(|_| ReadFailure::WrongLength);
        let bytes = wanted.and_then(|wanted| {
            if count != wanted || block.len < wanted {
                return Err(ReadFailure::WrongLength);
            }
            // SAFETY: the block was lent with at least `len` bytes and is given back below.
            Ok(unsafe { std::slice::from_raw_parts(block.data, len as usize) }.to_vec())
        });
        if let Some(give_back) = self.ops.return_block {
            let lent = (&raw mut block).cast();
            // SAFETY: contract 6; the block was lent by this source and is given back once.
            unsafe { give_back(self.source.arg, lent) };
        }
        bytes
    }

    fn close(&self) {
        if let Some(close) = self.ops.close {
            // SAFETY: contract 6; called once.
            unsafe { close(self.source.arg) };
        }
    }
}

/// What `arg` of a file's source points at.
pub(super) struct OpenFile;

impl Handle for OpenFile {
    type Value = Arc<FileSource>;
}

/// The functions of a file's source.
static FILE_OPS: reftable_block_source_vtable = reftable_block_source_vtable {
    size: Some(file_size),
    read_block: Some(file_read_block),
    return_block: Some(file_return_block),
    close: Some(file_close),
};

/// The file, if `source` is one of ours: the core then reads it without going through C.
///
/// # Safety
///
/// `source` was set up by [`reftable_block_source_from_file`] if its `ops` say so.
pub(super) unsafe fn as_file(source: &reftable_block_source) -> Option<Arc<FileSource>> {
    if !std::ptr::eq(source.ops.cast_const(), &raw const FILE_OPS) {
        return None;
    }
    // SAFETY: these functions come with a handle of this type.
    let file = unsafe { handle::share(source.arg.cast::<OpenFile>()) }?;
    Some(Arc::clone(&file))
}

unsafe extern "C" fn file_size(source: *mut c_void) -> u64 {
    guard(0, || {
        // SAFETY: these functions come with a handle of this type.
        let file = unsafe { handle::share(source.cast::<OpenFile>()) };
        file.map_or(0, |file| file.len())
    })
}

unsafe extern "C" fn file_read_block(
    source: *mut c_void,
    dest: *mut reftable_block_fwd,
    off: u64,
    size: u32,
) -> c_int {
    status(|| {
        // SAFETY: these functions come with a handle of this type.
        let file = unsafe { handle::share(source.cast::<OpenFile>()) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 1.
        let dest = unsafe { dest.cast::<reftable_block>().as_mut() }.ok_or(Code::MISUSE)?;
        let count = c_int::try_from(size).map_err(|_| Code::new(IO))?;
        let end = off.checked_add(size.into());
        if end.is_none_or(|end| end > file.len()) {
            return Err(Code::new(IO));
        }
        let bytes = file.read(off, size as usize)?;
        dest.data = Block::bytes(&bytes).ok_or(Code::OUT_OF_MEMORY)?.into_raw();
        dest.len = count;
        Ok(count)
    })
}

unsafe extern "C" fn file_return_block(_source: *mut c_void, blockp: *mut reftable_block_fwd) {
    guard((), || {
        // SAFETY: contract 1.
        if let Some(block) = unsafe { blockp.cast::<reftable_block>().as_mut() } {
            let data = std::mem::replace(&mut block.data, null_mut());
            block.len = 0;
            // SAFETY: NULL, or made by `file_read_block`; the pointer to it is gone.
            unsafe { release(data) };
        }
    });
}

unsafe extern "C" fn file_close(source: *mut c_void) {
    guard((), || {
        // SAFETY: these functions come with a handle of this type, which ends here.
        unsafe { handle::free(source.cast::<OpenFile>()) };
    });
}

/// Opens a file as a block source, whose functions the caller may use directly.
///
/// Returns 0 and fills out, which must be zeroed. The source is the caller's until it is given to
/// reftable_new_reader; who never does that calls out->ops->close(out->arg). Returns
/// REFTABLE_NOT_EXIST_ERROR if there is no such file, REFTABLE_IO_ERROR if it cannot be opened,
/// REFTABLE_API_ERROR for NULL or an out that is in use.
///
/// The source's read_block returns REFTABLE_IO_ERROR for bytes beyond the end of the file.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_source_from_file(
    out: *mut reftable_block_source,
    path: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let out = unsafe { out.as_mut() }.ok_or(Code::new(API))?;
        // SAFETY: contract 2.
        let path = unsafe { handle::text(path) }.ok_or(Code::new(API))?;
        if !out.ops.is_null() {
            return Err(Code::new(API));
        }
        *out = open(Path::new(OsStr::from_bytes(path)))?;
        Ok(0)
    })
}

fn open(path: &Path) -> Result<reftable_block_source, Code> {
    let file = FileSource::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Code::new(NOT_EXIST),
        _ => Code::new(IO),
    })?;
    Ok(reftable_block_source {
        ops: (&raw const FILE_OPS).cast_mut(),
        arg: handle::make::<OpenFile>(Arc::new(file)).cast(),
    })
}
