//! Records: as C lends them, and as they are handed to C.

use super::print::{log_text, print, ref_text};
use crate::Code;
use reftable::hash::HashId;
use reftable::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use reftable_capi::alloc::release;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, layout, sorted_by};
use std::ffi::{c_char, c_int};

/// One ref. A record without value, target_value and target is a deletion: it hides the name in
/// older tables.
///
/// Each pointer is a block of its own. The library fills a record that is zeroed or that it filled
/// before; reftable_ref_record_clear frees what it holds. A record passed to a writer is only read.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_ref_record {
    /// Full name, ended by NUL.
    pub ref_name: *mut c_char,
    /// The transaction that wrote the ref.
    pub update_index: u64,
    /// Object id of 20 or 32 bytes, or NULL.
    pub value: *mut u8,
    /// The object that an annotated tag in value peels to, or NULL.
    pub target_value: *mut u8,
    /// Name of the ref that a symbolic ref stands for, or NULL. Excludes value.
    pub target: *mut c_char,
}

layout!(zeroed reftable_ref_record: 40 / 8 {
    ref_name @ 0, update_index @ 8, value @ 16, target_value @ 24, target @ 32,
});

/// One entry of a reflog, or, without ids, name, email, message, time and tz_offset, a deletion: it
/// hides the entry of the same ref and update index in older tables.
///
/// Each pointer is a block of its own; see struct reftable_ref_record. In a record to be written,
/// NULL stands for an empty string or an id of zeros. In a record handed out that is no deletion,
/// no pointer is NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_log_record {
    /// Full name of the ref, ended by NUL.
    pub ref_name: *mut c_char,
    /// The transaction; unique for one ref.
    pub update_index: u64,
    /// Object id after the change, 20 or 32 bytes.
    pub new_hash: *mut u8,
    /// Object id before the change.
    pub old_hash: *mut u8,
    /// Who made the change.
    pub name: *mut c_char,
    /// Their address, without angle brackets.
    pub email: *mut c_char,
    /// When, in seconds since 1970 UTC.
    pub time: u64,
    /// Time zone; git writes the decimal digits, as 230 for +0230.
    pub tz_offset: i16,
    /// Why. Stored as it is; git ends it with a newline.
    pub message: *mut c_char,
}

layout!(zeroed reftable_log_record: 72 / 8 {
    ref_name @ 0, update_index @ 8, new_hash @ 16, old_hash @ 24, name @ 32,
    email @ 40, time @ 48, tz_offset @ 56, message @ 64,
});

/// An id of zeros, for either hash.
const NULL_ID: [u8; 32] = [0; 32];

/// The pointers of a ref, looked at; `None` for NULL.
#[derive(PartialEq)]
pub(super) struct RefFields<'a> {
    pub(super) name: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) target_value: Option<&'a [u8]>,
    pub(super) target: Option<&'a [u8]>,
}

impl reftable_ref_record {
    fn is_deletion(&self) -> bool {
        self.value.is_null() && self.target_value.is_null() && self.target.is_null()
    }

    /// What the pointers point at, ids having `len` bytes.
    ///
    /// # Safety
    ///
    /// They follow contract 4.
    pub(super) unsafe fn fields(&self, len: usize) -> RefFields<'_> {
        RefFields {
            // SAFETY: contract 4.
            name: unsafe { handle::text(self.ref_name) },
            // SAFETY: contract 4.
            value: unsafe { handle::bytes(self.value, len) },
            // SAFETY: contract 4.
            target_value: unsafe { handle::bytes(self.target_value, len) },
            // SAFETY: contract 4.
            target: unsafe { handle::text(self.target) },
        }
    }

    /// The record as the core has it; misuse without name or with fields that exclude each other.
    ///
    /// # Safety
    ///
    /// The pointers follow contract 4, ids having the length of `hash`.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<RefRecord<'_>, Code> {
        // SAFETY: contract 4.
        let fields = unsafe { self.fields(hash.len()) };
        let value = match (fields.value, fields.target_value, fields.target) {
            (None, None, None) => RefValue::Deletion,
            (Some(id), None, None) => RefValue::Object(id),
            (Some(id), Some(peeled), None) => RefValue::Peeled { id, peeled },
            (None, None, Some(target)) => RefValue::Symref(target),
            _ => return Err(Code::MISUSE),
        };
        Ok(RefRecord {
            name: fields.name.ok_or(Code::MISUSE)?,
            update_index: self.update_index,
            value,
        })
    }

    /// Zeroes the record and returns what it had, in the order of the fields.
    #[inline]
    pub(super) fn take_blocks(&mut self) -> [*mut u8; 4] {
        let blocks = [
            self.ref_name.cast(),
            self.value,
            self.target_value,
            self.target.cast(),
        ];
        *self = Self::ZERO;
        blocks
    }
}

/// The pointers of a log record, looked at; `None` for NULL.
pub(super) struct LogFields<'a> {
    pub(super) ref_name: Option<&'a [u8]>,
    pub(super) new_hash: Option<&'a [u8]>,
    pub(super) old_hash: Option<&'a [u8]>,
    pub(super) name: Option<&'a [u8]>,
    pub(super) email: Option<&'a [u8]>,
    pub(super) message: Option<&'a [u8]>,
}

impl reftable_log_record {
    fn is_deletion(&self) -> bool {
        self.new_hash.is_null()
            && self.old_hash.is_null()
            && self.name.is_null()
            && self.email.is_null()
            && self.message.is_null()
            && self.time == 0
            && self.tz_offset == 0
    }

    /// What the pointers point at, ids having `len` bytes.
    ///
    /// # Safety
    ///
    /// They follow contract 4.
    pub(super) unsafe fn fields(&self, len: usize) -> LogFields<'_> {
        LogFields {
            // SAFETY: contract 4.
            ref_name: unsafe { handle::text(self.ref_name) },
            // SAFETY: contract 4.
            new_hash: unsafe { handle::bytes(self.new_hash, len) },
            // SAFETY: contract 4.
            old_hash: unsafe { handle::bytes(self.old_hash, len) },
            // SAFETY: contract 4.
            name: unsafe { handle::text(self.name) },
            // SAFETY: contract 4.
            email: unsafe { handle::text(self.email) },
            // SAFETY: contract 4.
            message: unsafe { handle::text(self.message) },
        }
    }

    /// The record as the core has it; misuse without name.
    ///
    /// # Safety
    ///
    /// The pointers follow contract 4, ids having the length of `hash`.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<LogRecord<'_>, Code> {
        // SAFETY: contract 4.
        let fields = unsafe { self.fields(hash.len()) };
        let null_id = NULL_ID.get(..hash.len()).unwrap_or(&NULL_ID);
        let value = if self.is_deletion() {
            LogValue::Deletion
        } else {
            LogValue::Update(LogUpdate {
                old_id: fields.old_hash.unwrap_or(null_id),
                new_id: fields.new_hash.unwrap_or(null_id),
                name: fields.name.unwrap_or_default(),
                email: fields.email.unwrap_or_default(),
                time: self.time,
                tz_offset: self.tz_offset,
                message: fields.message.unwrap_or_default(),
            })
        };
        Ok(LogRecord {
            name: fields.ref_name.ok_or(Code::MISUSE)?,
            update_index: self.update_index,
            value,
        })
    }

    /// Zeroes the record and returns what it had.
    pub(super) fn take_blocks(&mut self) -> [*mut u8; 6] {
        let old = std::mem::replace(self, Self::ZERO);
        let [ref_name, name, email, message] =
            [old.ref_name, old.name, old.email, old.message].map(<*mut c_char>::cast);
        [ref_name, old.new_hash, old.old_hash, name, email, message]
    }
}

/// Frees blocks that were in a record.
///
/// # Safety
///
/// Each is NULL or a block of its own, and nobody has it any more.
pub(super) unsafe fn release_all<const N: usize>(blocks: [*mut u8; N]) {
    for block in blocks {
        // SAFETY: the same contract.
        unsafe { release(block) };
    }
}

sorted_by!(reftable_ref_record: ref_name, |_| 0);
// The newest entry comes first.
sorted_by!(reftable_log_record: ref_name, |record| record.update_index);

/// The hash that `hash_id` names, for printing: 0 and unknown ones are SHA-1.
fn printed_hash(hash_id: u32) -> HashId {
    HashId::from_format_id(hash_id).unwrap_or_default()
}

/// Returns 1 if the record has neither value nor target_value nor target, else 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_is_deletion(
    record: *const reftable_ref_record,
) -> c_int {
    guard(0, || {
        borrowed!(record)
            .is_ok_and(|record| record.is_deletion())
            .into()
    })
}

/// Prints the record and a newline to stdout. Ids are printed as long as the hash of that id makes
/// them; 0 is SHA-1. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_print(record: *mut reftable_ref_record, hash_id: u32) {
    guard((), || {
        if let Ok(record) = borrowed!(record) {
            // SAFETY: contract 4.
            let fields = unsafe { record.fields(printed_hash(hash_id).len()) };
            print(ref_text(record, &fields));
        }
    });
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_clear(record: *mut reftable_ref_record) {
    guard((), || {
        if let Ok(record) = borrowed_mut!(record) {
            // SAFETY: contract 4.
            unsafe { release_all(record.take_blocks()) };
        }
    });
}

/// Returns 1 if all fields of the records are equal, else 0. NULL equals only NULL. hash_size is
/// the length of object ids in bytes; the result is 0 if it is not positive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_equal(
    a: *mut reftable_ref_record,
    b: *mut reftable_ref_record,
    hash_size: c_int,
) -> c_int {
    guard(0, || {
        // SAFETY: contract 4.
        let equal = |a: &_, b: &_, len| unsafe { refs_equal(a, b, len) };
        compare(a, b, hash_size, equal)
    })
}

/// Returns 1 if the record has no id, name, email, message, time and tz_offset, else 0; 0 for NULL.
/// An empty string counts as present.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_is_deletion(
    record: *const reftable_log_record,
) -> c_int {
    guard(0, || {
        borrowed!(record)
            .is_ok_and(|record| record.is_deletion())
            .into()
    })
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_clear(record: *mut reftable_log_record) {
    guard((), || {
        if let Ok(record) = borrowed_mut!(record) {
            // SAFETY: contract 4.
            unsafe { release_all(record.take_blocks()) };
        }
    });
}

/// Returns 1 if all fields but ref_name are equal, else 0. NULL equals an empty string, and an id
/// of zeros. hash_size is the length of object ids in bytes; the result is 0 if it is not positive.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_equal(
    a: *mut reftable_log_record,
    b: *mut reftable_log_record,
    hash_size: c_int,
) -> c_int {
    guard(0, || {
        // SAFETY: contract 4.
        let equal = |a: &_, b: &_, len| unsafe { logs_equal(a, b, len) };
        compare(a, b, hash_size, equal)
    })
}

/// Prints the record, in five lines or more, to stdout. Ids are printed as long as the hash of that
/// id makes them; 0 is SHA-1. Does nothing for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_print(record: *mut reftable_log_record, hash_id: u32) {
    guard((), || {
        if let Ok(record) = borrowed!(record) {
            // SAFETY: contract 4.
            let fields = unsafe { record.fields(printed_hash(hash_id).len()) };
            print(log_text(record, &fields));
        }
    });
}

/// Whether two ids are equal, NULL being zeros.
fn ids_equal(a: Option<&[u8]>, b: Option<&[u8]>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a == b,
        (Some(id), None) | (None, Some(id)) => id.iter().all(|byte| *byte == 0),
        (None, None) => true,
    }
}

/// Whether two log records are equal, other than in the name of the ref.
///
/// # Safety
///
/// The pointers follow contract 4, ids having `len` bytes.
unsafe fn logs_equal(a: &reftable_log_record, b: &reftable_log_record, len: usize) -> bool {
    // SAFETY: contract 4.
    let x = unsafe { a.fields(len) };
    // SAFETY: contract 4.
    let y = unsafe { b.fields(len) };
    a.update_index == b.update_index
        && a.time == b.time
        && a.tz_offset == b.tz_offset
        && x.name.unwrap_or_default() == y.name.unwrap_or_default()
        && x.email.unwrap_or_default() == y.email.unwrap_or_default()
        && x.message.unwrap_or_default() == y.message.unwrap_or_default()
        && ids_equal(x.new_hash, y.new_hash)
        && ids_equal(x.old_hash, y.old_hash)
}

/// Whether two refs are equal.
///
/// # Safety
///
/// The pointers follow contract 4, ids having `len` bytes.
unsafe fn refs_equal(a: &reftable_ref_record, b: &reftable_ref_record, len: usize) -> bool {
    // SAFETY: contract 4.
    let x = unsafe { a.fields(len) };
    // SAFETY: contract 4.
    let y = unsafe { b.fields(len) };
    a.update_index == b.update_index && x == y
}

/// Compares two records of the caller's; 0 if one is NULL or `hash_size` not positive.
fn compare<T>(
    a: *mut T,
    b: *mut T,
    hash_size: c_int,
    equal: impl FnOnce(&T, &T, usize) -> bool,
) -> c_int {
    match (borrowed!(a), borrowed!(b), usize::try_from(hash_size)) {
        (Ok(a), Ok(b), Ok(len @ 1..)) => equal(a, b, len).into(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::ptr::null_mut;

    /// A string for a field; never freed.
    fn text(text: &'static CStr) -> *mut c_char {
        text.as_ptr().cast_mut()
    }

    const ID: [u8; 20] = [7; 20];

    #[test]
    fn fields_that_contradict_each_other_are_misuse() {
        let id = ID.as_ptr().cast_mut();
        let target = text(c"refs/heads/y");
        // value, target_value, target, and whether that is a record.
        let table = [
            (null_mut(), null_mut(), null_mut(), true),
            (id, null_mut(), null_mut(), true),
            (id, id, null_mut(), true),
            (null_mut(), null_mut(), target, true),
            (null_mut(), id, null_mut(), false),
            (null_mut(), id, target, false),
            (id, null_mut(), target, false),
            (id, id, target, false),
        ];
        for (value, target_value, target, valid) in table {
            let mut record = reftable_ref_record {
                ref_name: text(c"refs/heads/x"),
                update_index: 1,
                value,
                target_value,
                target,
            };
            // SAFETY: literals, and ids of 20 bytes.
            let read = unsafe { record.read(HashId::Sha1) };
            assert_eq!(read.is_ok(), valid, "{value:?} {target_value:?} {target:?}");
            record.ref_name = null_mut();
            // SAFETY: see above.
            assert!(unsafe { record.read(HashId::Sha1) }.is_err());
        }
    }

    /// The messages of logs may be absent in memory but not on disk.
    #[test]
    fn null_in_a_log_record_is_empty_or_zeros() {
        let mut record = reftable_log_record::ZERO;
        record.ref_name = text(c"HEAD");
        // SAFETY: literals.
        let deletion = unsafe { record.read(HashId::Sha256) }.expect("valid");
        assert!(deletion.is_deletion());
        record.message = text(c"");
        // SAFETY: literals.
        let entry = unsafe { record.read(HashId::Sha256) }.expect("valid");
        let LogValue::Update(update) = entry.value else {
            panic!("an empty string counts as present");
        };
        assert_eq!((update.old_id, update.new_id), (&[0; 32][..], &[0; 32][..]));
        assert!(update.name.is_empty() && update.email.is_empty() && update.message.is_empty());
    }

    #[test]
    fn log_records_are_equal_by_content_and_refs_by_pointers_too() {
        let zeros = [0_u8; 20];
        let mut a = reftable_log_record::ZERO;
        let mut b = a;
        a.ref_name = text(c"a");
        a.old_hash = zeros.as_ptr().cast_mut();
        b.message = text(c"");
        let equal = |a: &mut _, b: &mut _| {
            // SAFETY: literals, and ids of 20 bytes.
            unsafe { reftable_log_record_equal(a, b, 20) }
        };
        assert_eq!(equal(&mut a, &mut b), 1);
        b.tz_offset = 1;
        assert_eq!(equal(&mut a, &mut b), 0);

        let mut c = reftable_ref_record::ZERO;
        let mut d = c;
        let equal = |c: &mut _, d: &mut _, len| {
            // SAFETY: literals, and ids of 20 bytes.
            unsafe { reftable_ref_record_equal(c, d, len) }
        };
        assert_eq!(equal(&mut c, &mut d, 20), 1);
        assert_eq!(equal(&mut c, &mut d, 0), 0);
        d.target = text(c"");
        assert_eq!(equal(&mut c, &mut d, 20), 0);
    }
}
