//! Block sources: those of C, and the one for files that C can use.

use super::profile::{block_len, block_size, lent_len, lent_size, refusal};
use crate::Code;
use reftable::table::{BlockSource, FileSource};
use reftable_capi::alloc::{Block, release};
use reftable_capi::callback::{BlockCalls, ForeignSource, ReadFailure};
use reftable_capi::error::{GENERAL, IO, NOT_EXIST};
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

#[cfg(target_pointer_width = "64")]
const _: () = {
    type S = reftable_block_source;
    assert!(size_of::<S>() == 16 && align_of::<S>() == 8);
    assert!(offset_of!(S, ops) == 0 && offset_of!(S, arg) == 8);
    type B = reftable_block_data;
    assert!(size_of::<B>() == 32 && align_of::<B>() == 8);
    assert!(offset_of!(B, data) == 0 && offset_of!(B, len) == 8 && offset_of!(B, source) == 16);
    type V = reftable_block_source_vtable;
    assert!(size_of::<V>() == 32 && align_of::<V>() == 8);
    assert!(offset_of!(V, size) == 0 && offset_of!(V, read_data) == 8);
    assert!(offset_of!(V, release_data) == 16 && offset_of!(V, close) == 24);
};

impl reftable_block_source {
    /// A source that is not set up.
    pub(super) const NONE: reftable_block_source = reftable_block_source {
        ops: null_mut(),
        arg: null_mut(),
    };

    /// Ends the use of the source.
    ///
    /// # Safety
    ///
    /// It follows contracts 1 and 6, and was not closed.
    pub(super) unsafe fn close(&self) {
        // SAFETY: contract 1.
        let close = unsafe { self.ops.as_ref() }.and_then(|ops| ops.close);
        if let Some(close) = close {
            // SAFETY: contract 6.
            unsafe { close(self.arg) };
        }
    }
}

impl reftable_block_data {
    /// No bytes.
    pub(super) const NONE: reftable_block_data = reftable_block_data {
        data: null_mut(),
        len: 0,
        source: reftable_block_source::NONE,
    };
}

/// The calls of a source that C supplies.
struct ForeignBlocks {
    source: reftable_block_source,
    ops: reftable_block_source_vtable,
    /// Whether the source is closed along with the value.
    owned: bool,
}

// SAFETY: the pointers are passed back to C only, which uses them from one thread at a time (contract 7).
unsafe impl Send for ForeignBlocks {}
// SAFETY: see above.
unsafe impl Sync for ForeignBlocks {}

impl ForeignBlocks {
    /// Calls `read_data`; `Ok` is a block lent, with the count it announces.
    fn borrow(
        &self,
        offset: u64,
        len: u32,
    ) -> Result<(reftable_block_data, lent_size), ReadFailure> {
        let read = self.ops.read_data.ok_or(ReadFailure::WrongLength)?;
        let mut data = reftable_block_data::NONE;
        let dest = (&raw mut data).cast();
        // SAFETY: contract 6; `dest` is zeroed.
        let count = unsafe { read(self.source.arg, dest, offset, len) };
        data.source = self.source;
        match count {
            ..0 => Err(ReadFailure::Refused(refusal(count))),
            _ if data.data.is_null() => Err(ReadFailure::WrongLength),
            _ => Ok((data, count)),
        }
    }
}

impl BlockCalls for ForeignBlocks {
    fn size(&self) -> u64 {
        // SAFETY: contract 6.
        let size =
            |size: unsafe extern "C" fn(*mut c_void) -> u64| unsafe { size(self.source.arg) };
        self.ops.size.map_or(0, size)
    }

    fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>, ReadFailure> {
        let (mut data, count) = self.borrow(offset, len)?;
        let wanted = len as usize;
        let complete = usize::try_from(count) == Ok(wanted) && lent_len(data.len) >= wanted;
        let bytes = complete.then(|| {
            // SAFETY: lent with at least `wanted` bytes, and given back below.
            unsafe { std::slice::from_raw_parts(data.data, wanted) }.to_vec()
        });
        if let Some(give_back) = self.ops.release_data {
            let lent = (&raw mut data).cast();
            // SAFETY: contract 6; lent by this source and given back once.
            unsafe { give_back(self.source.arg, lent) };
        }
        bytes.ok_or(ReadFailure::WrongLength)
    }

    fn close(&self) {
        if self.owned {
            // SAFETY: taken over, and closed once.
            unsafe { self.source.close() };
        }
    }
}

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
) -> Result<Arc<dyn BlockSource>, Code> {
    // SAFETY: the same contract.
    let bytes = unsafe { bytes_of(source, name, true) };
    // SAFETY: the source is as the function that set it up left it.
    if bytes.is_err() || unsafe { as_file(&source) }.is_some() {
        // SAFETY: taken over, and not needed any more.
        unsafe { source.close() };
    }
    bytes
}

/// The source for the core during one call; it stays the caller's.
///
/// # Safety
///
/// `source` follows contracts 1, 6 and 7.
pub(super) unsafe fn lend(
    source: reftable_block_source,
    name: &str,
) -> Result<Arc<dyn BlockSource>, Code> {
    // SAFETY: the same contract.
    unsafe { bytes_of(source, name, false) }
}

/// # Safety
///
/// `source` follows contracts 1, 6 and 7.
unsafe fn bytes_of(
    source: reftable_block_source,
    name: &str,
    owned: bool,
) -> Result<Arc<dyn BlockSource>, Code> {
    // SAFETY: contract 1.
    let ops = *unsafe { source.ops.as_ref() }.ok_or(Code::MISUSE)?;
    // SAFETY: the source is as the function that set it up left it.
    if let Some(file) = unsafe { as_file(&source) } {
        return Ok(file);
    }
    if ops.size.is_none() || ops.read_data.is_none() {
        return Err(Code::MISUSE);
    }
    let calls = ForeignBlocks { source, ops, owned };
    Ok(Arc::new(ForeignSource::new(calls, name)))
}

/// What `arg` of a file's source points at.
struct OpenFile;

impl Handle for OpenFile {
    type Value = Arc<FileSource>;
}

/// The functions of a file's source.
static FILE_OPS: reftable_block_source_vtable = reftable_block_source_vtable {
    size: Some(file_size),
    read_data: Some(file_read_data),
    release_data: Some(file_release_data),
    close: Some(file_close),
};

/// The file, if `source` is one of ours: the core then reads it without going through C.
///
/// # Safety
///
/// `source` was set up by [`reftable_block_source_from_file`] if its `ops` say so.
unsafe fn as_file(source: &reftable_block_source) -> Option<Arc<FileSource>> {
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

unsafe extern "C" fn file_read_data(
    source: *mut c_void,
    dest: *mut reftable_block_data_fwd,
    off: u64,
    size: u32,
) -> lent_size {
    let read = || {
        // SAFETY: these functions come with a handle of this type.
        let file = unsafe { handle::share(source.cast::<OpenFile>()) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 1.
        let dest = unsafe { dest.cast::<reftable_block_data>().as_mut() }.ok_or(Code::MISUSE)?;
        let end = off.checked_add(size.into());
        if end.is_none_or(|end| end > file.len()) {
            return Err(Code::new(IO));
        }
        let bytes = file.read(off, size as usize)?;
        let block = Block::bytes(&bytes).ok_or(Code::OUT_OF_MEMORY)?;
        dest.data = block.into_raw();
        dest.len = block_len(bytes.len());
        lent_size::try_from(size).map_err(|_| Code::new(IO))
    };
    guard(GENERAL as lent_size, || {
        read().unwrap_or_else(|code| code.0 as lent_size)
    })
}

unsafe extern "C" fn file_release_data(_source: *mut c_void, data: *mut reftable_block_data_fwd) {
    guard((), || {
        // SAFETY: contract 1.
        if let Some(lent) = unsafe { data.cast::<reftable_block_data>().as_mut() } {
            let block = std::mem::replace(&mut lent.data, null_mut());
            lent.len = 0;
            // SAFETY: NULL, or made by `file_read_data`; the pointer to it is gone.
            unsafe { release(block) };
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
/// Returns 0 and fills block_src, which must be zeroed. The source is the caller's until it is given
/// to reftable_table_new; who never does that calls block_src->ops->close(block_src->arg). Returns
/// REFTABLE_NOT_EXIST_ERROR if there is no such file, -1 if it cannot be opened,
/// REFTABLE_API_ERROR for NULL or a source that is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_block_source_from_file(
    block_src: *mut reftable_block_source,
    name: *const c_char,
) -> c_int {
    super::status(|| {
        // SAFETY: contract 1.
        let out = unsafe { block_src.as_mut() }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let path = unsafe { handle::text(name) }.ok_or(Code::MISUSE)?;
        if !out.ops.is_null() {
            return Err(Code::MISUSE);
        }
        let opened = FileSource::open(Path::new(OsStr::from_bytes(path)));
        let file = opened.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Code::new(NOT_EXIST),
            ErrorKind::PermissionDenied => Code::new(GENERAL),
            _ => Code::new(IO),
        })?;
        *out = reftable_block_source {
            ops: (&raw const FILE_OPS).cast_mut(),
            arg: handle::make::<OpenFile>(Arc::new(file)).cast(),
        };
        Ok(0)
    })
}
