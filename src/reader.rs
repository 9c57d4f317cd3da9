//! Single tables.

use crate::iter::{reftable_iterator, seek};
use crate::outgoing::give_ref;
use crate::record::reftable_ref_record;
use crate::source::{OwnedSource, reftable_block_source};
use crate::{Code, Status, status};
use reftable::error::Error;
use reftable::table::Table;
use reftable_capi::error::IO;
use reftable_capi::guard::guard;
use reftable_capi::handle::{Handle, given};
use reftable_capi::name::Name;
use reftable_capi::{borrowed, borrowed_mut, bytes, free, put_new, shared, text};
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
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
    pub(super) unsafe fn read_ref(&self, name: &Name, out: *mut reftable_ref_record) -> Status {
        let out = given(out)?;
        let found = self.table.read_ref(name, |record| {
            // SAFETY: contracts 1 and 4.
            (!record.is_deletion()).then(|| unsafe { give_ref(&record, out) })
        })?;
        found.flatten().map_or(Ok(1), |given| given.map(|()| 0))
    }

    /// Sets up an iterator over refs.
    ///
    /// # Safety
    ///
    /// `it` follows contract 1.
    pub(super) unsafe fn seek_ref(&self, it: *mut reftable_iterator, name: &[u8]) -> Status {
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(self.table.refs_from(name)?)) }
    }

    /// Opens the table in a source.
    fn open(source: OwnedSource, name: &str) -> Result<Reader, Code> {
        let table = Table::open(source.bytes(), name).map_err(|error| match error {
            // Later reads give the source's own value.
            Error::Callback(_) => Code::new(IO),
            error => error.into(),
        })?;
        Ok(Reader {
            table: Arc::new(table),
            _source: source,
        })
    }
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
        let taken = *borrowed!(src)?;
        let name = String::from_utf8_lossy(text!(name).unwrap_or_default());
        // SAFETY: contracts 1, 6 and 7.
        let source = unsafe { OwnedSource::new(taken, &name) };
        let opened = source
            .map_err(Code::from)
            .and_then(|source| Reader::open(source, &name))
            .and_then(|reader| Ok(put_new!(out, reader)?));
        if opened.is_err() {
            borrowed_mut!(src)?.ops = null_mut();
        }
        opened
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
    // SAFETY: contract 1.
    status(|| unsafe { shared!(r)?.seek_ref(it, text!(name).unwrap_or_default()) })
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
        let reader = shared!(r)?;
        let name = text!(name).unwrap_or_default();
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
        let reader = shared!(r)?;
        let id = bytes!(oid, reader.table.hash().len())?;
        // SAFETY: contract 1.
        unsafe { seek(it, || Ok(reader.table.refs_for(id)?)) }
    })
}

/// Returns the hash of the table: 0x73686131 ("sha1") or 0x73323536 ("s256"); 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_hash_id(r: *mut reftable_reader) -> u32 {
    guard(0, || {
        shared!(r).map_or(0, |reader| reader.table.hash().format_id())
    })
}

/// Returns the largest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_max_update_index(r: *mut reftable_reader) -> u64 {
    guard(0, || {
        shared!(r).map_or(0, |reader| reader.table.max_update_index())
    })
}

/// Returns the smallest update index of the table; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_min_update_index(r: *mut reftable_reader) -> u64 {
    guard(0, || {
        shared!(r).map_or(0, |reader| reader.table.min_update_index())
    })
}

/// Closes the table's source and frees the reader. Iterators over the table may still be destroyed;
/// what else they give is an error, or what they have in memory. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_reader_free(r: *mut reftable_reader) {
    guard((), || free!(r));
}
