//! Block sources: those of C, and the one for files that C can use.

use crate::releases::{block_len, block_size, lent_len, lent_size};
use crate::{Code, Interface, status};
use reftable::table::BlockSource;
use reftable_capi::error::{GENERAL, IO, Misuse, NOT_EXIST};
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
pub struct reftable_block_data {
    /// The bytes.
    pub data: *mut u8,
    /// How many they are.
    pub len: block_size,
    /// Where they come from.
    pub source: reftable_block_source,
}

// Stands for `reftable_block_data` in the functions below, and becomes it in the header. The two
// types contain each other, and only a pointer to another type leaves the generator an order.
pub struct reftable_block_data_fwd {
    _private: (),
}

/// The functions of a block source.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_block_source_vtable {
    /// Returns the length of the table in bytes, always the same.
    pub size: Option<unsafe extern "C" fn(source: *mut c_void) -> u64>,
    /// Lends size bytes from position off: sets data and len of the zeroed dest and returns size, or
    /// a negative value. The library never asks for bytes beyond the length.
    pub read_data: Option<
        unsafe extern "C" fn(
            source: *mut c_void,
            dest: *mut reftable_block_data_fwd,
            off: u64,
            size: u32,
        ) -> lent_size,
    >,
    /// Takes back what read_data lent; called once for each, before the call into the library that
    /// needed it returns.
    pub release_data:
        Option<unsafe extern "C" fn(source: *mut c_void, data: *mut reftable_block_data_fwd)>,
    /// Ends the use of the source; called once, and nothing after it.
    pub close: Option<unsafe extern "C" fn(source: *mut c_void)>,
}

layout!(zeroed reftable_block_source: 16 / 8 { ops @ 0, arg @ 8 });
layout!(zeroed reftable_block_data: 32 / 8 { data @ 0, len @ 8, source @ 16 });
layout!(reftable_block_source_vtable: 32 / 8 {
    size @ 0, read_data @ 8, release_data @ 16, close @ 24,
});

impl Shape for reftable_block_source {
    type Interface = Interface;
    type Block = reftable_block_data;
    type Stand = reftable_block_data_fwd;
    type Count = lent_size;

    unsafe fn calls(&self) -> Option<Calls<Self>> {
        // SAFETY: contract 1.
        let ops = unsafe { self.ops.as_ref() }?;
        Some(Calls {
            size: ops.size,
            read: ops.read_data,
            give_back: ops.release_data,
            close: ops.close,
            arg: self.arg,
        })
    }

    fn is_file(&self) -> bool {
        std::ptr::eq(self.ops, &raw const FILE_OPS)
    }

    fn bytes(data: &reftable_block_data) -> (*mut u8, usize) {
        (data.data, lent_len(data.len))
    }

    fn fill(lent: &mut reftable_block_data, data: *mut u8, len: usize) {
        (lent.data, lent.len) = (data, block_len(len));
    }

    fn set_source(lent: &mut reftable_block_data, source: Self) {
        lent.source = source;
    }

    fn failed(code: c_int) -> lent_size {
        code as lent_size
    }
}

/// The functions of a file's source.
static FILE_OPS: reftable_block_source_vtable = reftable_block_source_vtable {
    size: Some(source::file_size),
    read_data: Some(source::read_file::<reftable_block_source>),
    release_data: Some(source::give_back_to_file::<reftable_block_source>),
    close: Some(source::close_file),
};

/// The source for the core, which takes it over: it is closed when the last user of the bytes is
/// gone, or at once if the core reads the file itself. Misuse, with the source closed, if it lacks a
/// function.
///
/// # Safety
///
/// `source` follows contracts 1, 6 and 7.
pub(super) unsafe fn take(
    source: reftable_block_source,
    name: &str,
) -> Result<Arc<dyn BlockSource>, Misuse> {
    // SAFETY: the same contract.
    let readable = unsafe { Readable::new(source, name, true) };
    if !matches!(readable, Ok(Readable::Foreign(_))) {
        // SAFETY: taken over, and not needed any more.
        unsafe { source::close(&source) };
    }
    Ok(readable?.bytes())
}

/// The source for the core during one call; it stays the caller's.
///
/// # Safety
///
/// `source` follows contracts 1, 6 and 7.
pub(super) unsafe fn lend(
    source: reftable_block_source,
    name: &str,
) -> Result<Arc<dyn BlockSource>, Misuse> {
    // SAFETY: the same contract.
    Ok(unsafe { Readable::new(source, name, false) }?.bytes())
}

/// Opens a file as a block source, whose functions the caller may use directly.
///
/// Returns 0 and fills block_src, which must be zeroed. The source is the caller's until it is given
/// to reftable_table_new; who never does that calls block_src->ops->close(block_src->arg). Returns
/// REFTABLE_NOT_EXIST_ERROR if there is no such file, -1 if it cannot be opened,
/// REFTABLE_API_ERROR for NULL or a source that is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_source_from_file(
    block_src: *mut reftable_block_source,
    name: *const c_char,
) -> c_int {
    status(|| {
        let (out, name) = (borrowed_mut!(block_src)?, path!(name)?);
        if !out.ops.is_null() {
            return Err(Code::MISUSE);
        }
        out.arg = source::open_file(name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Code::new(NOT_EXIST),
            ErrorKind::PermissionDenied => Code::new(GENERAL),
            _ => Code::new(IO),
        })?;
        out.ops = (&raw const FILE_OPS).cast_mut();
        Ok(0)
    })
}
