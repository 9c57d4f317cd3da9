//! Single tables.

use super::iter::{reftable_iterator, seek};
use super::outgoing::give_ref;
use super::record::reftable_ref_record;
use super::source::{ForeignBlocks, as_file, reftable_block_source};
use super::{Status, status};
use crate::Code;
use reftable::error::Error;
use reftable::table::{BlockSource, Table};
use reftable_capi::callback::ForeignSource;
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::handle::{self, Handle};
use std::ffi::{c_char, c_int};
use std::sync::Arc;

/// One table, open for reading.
pub struct reftable_reader {
    _private: (),
}

impl Handle for reftable_reader {
    type Value = Reader;
}

/// A table and the source that is closed with it, even while iterators keep the table alive.
pub struct Reader {
    table: Arc<Table>,
    _source: OwnedSource,
}

impl Reader {
    pub(super) fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Reads one ref for C: 0, or 1 if there is none or only a deletion.
    ///
    /// # Safety
    ///
    /// `out` follows contracts 1 and 4.
    pub(super) unsafe fn read_ref(&self, name: &[u8], out: *mut reftable_ref_record) -> Status {
        let found = self.table.read_ref(name, |record| {
            // SAFETY: contracts 1 and 4.
            (!record.is_deletion()).then(|| unsafe { give_ref(&record, out) })
        })?;
        found.flatten().map_or(Ok(1), |given| given.map(|()| 0))
    }
}

/// A block source that the library has taken over. Dropping it closes it.
enum OwnedSource {
    /// Functions of the program's.
    Foreign(Arc<ForeignSource<ForeignBlocks>>),
    /// One of ours: the core reads the file itself; C may still know the handle.
    File(reftable_block_source),
    /// One that lacks functions.
    Broken(reftable_block_source),
}

impl Drop for OwnedSource {
    fn drop(&mut self) {
        match self {
            OwnedSource::Foreign(source) => source.close(),
            OwnedSource::File(source) | OwnedSource::Broken(source) => {
                // SAFETY: contract 1; the source was taken over with its functions.
                let close = unsafe { source.ops.as_ref() }.and_then(|ops| ops.close);
                if let Some(close) = close {
                    // SAFETY: contract 6; called once.
                    unsafe { close(source.arg) };
                }
            }
        }
    }
}

/// Takes over the source `src` and opens the table in it.
///
/// # Safety
///
/// `src` follows contracts 1, 6 and 7.
unsafe fn open(src: reftable_block_source, name: &str) -> Result<Reader, Code> {
    // SAFETY: contract 1.
    let ops = unsafe { src.ops.as_ref() }.ok_or(Code::MISUSE)?;
    // SAFETY: the source is as the function that set it up left it.
    let (source, bytes): (_, Arc<dyn BlockSource>) = if let Some(file) = unsafe { as_file(&src) } {
        (OwnedSource::File(src), file)
    } else if let Some(calls) = ForeignBlocks::new(src, *ops) {
        let foreign = Arc::new(ForeignSource::new(calls, name));
        (OwnedSource::Foreign(Arc::clone(&foreign)), foreign)
    } else {
        drop(OwnedSource::Broken(src));
        return Err(Code::MISUSE);
    };
    let table = Table::open(bytes, name).map_err(|error| match error {
        // Later reads give the source's own value.
        Error::Callback(_) => Code::new(IO),
        error => error.into(),
    })?;
    Ok(Reader {
        table: Arc::new(table),
        _source: source,
    })
}

/// Opens a table. name is for messages.
///
/// The library owns the source from here on, whatever comes of the call; src itself is the
/// caller's. Returns 0 and sets *out to a reader that is freed by reftable_reader_free. On failure
/// the source has been closed, src->ops is NULL, and *out is left alone: REFTABLE_IO_ERROR if the
/// source cannot be read; REFTABLE_FORMAT_ERROR if it is no table; REFTABLE_API_ERROR for NULL or a
/// source that is not set up.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_new_reader(
    out: *mut *mut reftable_reader,
    src: *mut reftable_block_source,
    name: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: contract 1.
        let taken = *unsafe { handle::borrow(src) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.unwrap_or_default();
        // SAFETY: contracts 1, 6 and 7.
        let opened = unsafe { open(taken, &String::from_utf8_lossy(name)) };
        let opened = match opened {
            Ok(reader) if !out.is_null() => Ok(reader),
            Ok(_) => Err(Code::MISUSE),
            Err(code) => Err(code),
        };
        match opened {
            Ok(reader) => {
                // SAFETY: contract 1; not NULL.
                unsafe { out.write(handle::make(reader)) };
                Ok(0)
            }
            Err(code) => {
                // SAFETY: contract 1.
                unsafe {
                    src.write(reftable_block_source {
                        ops: std::ptr::null_mut(),
                        ..taken
                    })
                };
                Err(code)
            }
        }
    })
}

/// Goes to the first ref whose name is name or sorts after it, in bytes; "" or NULL is the first
/// of all. Deletions are among the refs.
///
/// Returns 0 and sets up it, which must be zeroed; at the end of the table too. Negative on failure,
/// with it left alone; REFTABLE_API_ERROR for NULL or an iterator in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_seek_ref(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let reader = unsafe { handle::share(r) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.unwrap_or_default();
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(reader.table.refs_from(name)?)) }
    })
}

/// Goes to the newest log record of name whose update index is not above update_index, or, if
/// there is none, to the next name; "" or NULL is the first of all. Records of one ref come newest
/// first; deletions are among them. Returns as reftable_reader_seek_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_seek_log_at(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
    name: *const c_char,
    update_index: u64,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let reader = unsafe { handle::share(r) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 2.
        let name = unsafe { handle::text(name) }.unwrap_or_default();
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(reader.table.logs_from(name, update_index)?)) }
    })
}

/// Goes to the newest log record of name, as reftable_reader_seek_log_at does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_seek_log(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
    name: *const c_char,
) -> c_int {
    // SAFETY: the same contract.
    unsafe { reftable_reader_seek_log_at(r, it, name, u64::MAX) }
}

/// Goes through the refs whose value or target_value is the object id oid (20 or 32 bytes), in
/// order of names. oid is needed during the call only. Returns as reftable_reader_seek_ref does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_refs_for(
    r: *mut reftable_reader,
    it: *mut reftable_iterator,
    oid: *mut u8,
) -> c_int {
    status(|| {
        // SAFETY: contract 3.
        let reader = unsafe { handle::share(r) }.ok_or(Code::MISUSE)?;
        let len = c_int::try_from(reader.table.hash().len()).unwrap_or(0);
        if oid.is_null() {
            return Err(Code::MISUSE);
        }
        // SAFETY: contract 5.
        let id = unsafe { handle::array(oid, len) }.ok_or(Code::MISUSE)?;
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(reader.table.refs_for(id)?)) }
    })
}

/// Returns the hash of the table: 0x73686131 ("sha1") or 0x73323536 ("s256"); 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_hash_id(r: *mut reftable_reader) -> u32 {
    // SAFETY: the caller's contract.
    unsafe { ask(r, |table| table.hash().format_id()) }
}

/// Returns the largest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_max_update_index(r: *mut reftable_reader) -> u64 {
    // SAFETY: the caller's contract.
    unsafe { ask(r, Table::max_update_index) }
}

/// Returns the smallest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_min_update_index(r: *mut reftable_reader) -> u64 {
    // SAFETY: the caller's contract.
    unsafe { ask(r, Table::min_update_index) }
}

/// A number about a table, 0 for NULL.
///
/// # Safety
///
/// `r` follows contract 3.
unsafe fn ask<T: Default>(r: *mut reftable_reader, question: impl FnOnce(&Table) -> T) -> T {
    guard(T::default(), || {
        // SAFETY: contract 3.
        let reader = unsafe { handle::share(r) };
        reader.map_or_else(T::default, |reader| question(&reader.table))
    })
}

/// Closes the table's source and frees the reader. Iterators over the table may still be destroyed;
/// what else they give is an error, or what they have in memory. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_free(r: *mut reftable_reader) {
    guard((), || {
        // SAFETY: contract 3; the caller gives the reader up.
        unsafe { handle::free(r) };
    });
}
