//! Block sources: those of C, and the one for files that C can use.

use crate::status;
use crate::{Code, Interface};
use reftable::table::BlockSource;
use reftable_capi::error::{IO, Misuse, NOT_EXIST};
use reftable_capi::source::{self, Calls, Readable, Shape};
use reftable_capi::{borrowed_mut, layout, path};
use std::ffi::{c_char, c_int, c_void};
use std::io::ErrorKind;
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

layout!(zeroed reftable_block_source: 16 / 8 { ops @ 0, arg @ 8 });
layout!(zeroed reftable_block: 32 / 8 { data @ 0, len @ 8, source @ 16 });
layout!(reftable_block_source_vtable: 32 / 8 {
    size @ 0, read_block @ 8, return_block @ 16, close @ 24,
});

impl Shape for reftable_block_source {
    type Interface = Interface;
    type Block = reftable_block;
    type Stand = reftable_block_fwd;
    type Count = c_int;

    unsafe fn calls(&self) -> Option<Calls<Self>> {
        // SAFETY: contract 1.
        let ops = unsafe { self.ops.as_ref() }?;
        Some(Calls {
            arg: self.arg,
            size: ops.size,
            read: ops.read_block,
            give_back: ops.return_block,
            close: ops.close,
        })
    }

    fn is_file(&self) -> bool {
        std::ptr::eq(self.ops, &raw const FILE_OPS)
    }

    fn bytes(block: &reftable_block) -> (*mut u8, usize) {
        (block.data, usize::try_from(block.len).unwrap_or_default())
    }

    fn fill(block: &mut reftable_block, data: *mut u8, len: usize) {
        block.data = data;
        block.len = c_int::try_from(len).unwrap_or(c_int::MAX);
    }

    fn set_source(block: &mut reftable_block, source: Self) {
        block.source = source;
    }

    fn failed(code: c_int) -> c_int {
        code
    }
}

/// The functions of a file's source.
static FILE_OPS: reftable_block_source_vtable = reftable_block_source_vtable {
    size: Some(source::file_size),
    read_block: Some(source::read_file::<reftable_block_source>),
    return_block: Some(source::give_back_to_file::<reftable_block_source>),
    close: Some(source::close_file),
};

/// A block source that the library has taken over. Dropping it closes it, even while it is read.
pub(super) struct OwnedSource {
    source: reftable_block_source,
    readable: Readable<reftable_block_source>,
}

impl OwnedSource {
    /// Takes a source over. Misuse, with the source closed, if it cannot be read.
    ///
    /// # Safety
    ///
    /// `source` follows contracts 1, 6 and 7.
    pub(super) unsafe fn new(
        source: reftable_block_source,
        name: &str,
    ) -> Result<OwnedSource, Misuse> {
        // SAFETY: the same contract.
        match unsafe { Readable::new(source, name, true) } {
            Ok(readable) => Ok(OwnedSource { source, readable }),
            Err(misuse) => {
                // SAFETY: taken over, and not needed any more.
                unsafe { source::close(&source) };
                Err(misuse)
            }
        }
    }

    pub(super) fn bytes(&self) -> Arc<dyn BlockSource> {
        self.readable.bytes()
    }
}

impl Drop for OwnedSource {
    fn drop(&mut self) {
        match &self.readable {
            Readable::Foreign(source) => source.close(),
            // SAFETY: taken over; C may have known the handle until here.
            Readable::File(_) => unsafe { source::close(&self.source) },
        }
    }
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
        let out = borrowed_mut!(out)?;
        let path = path!(path)?;
        if !out.ops.is_null() {
            return Err(Code::MISUSE);
        }
        out.arg = source::open_file(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Code::new(NOT_EXIST),
            _ => Code::new(IO),
        })?;
        out.ops = (&raw const FILE_OPS).cast_mut();
        Ok(0)
    })
}
