//! Refs and log records as C has them.

use crate::Code;
use reftable::hash::HashId;
use reftable::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use reftable_capi::alloc::release;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use std::ffi::{c_char, c_int};
use std::mem::{MaybeUninit, align_of, offset_of, size_of};
use std::ptr::{null, null_mut};

/// Length in bytes of the longest object id.
pub const REFTABLE_HASH_SIZE_MAX: usize = 32;
/// Length in bytes of an object id of SHA-1.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_HASH_SIZE_SHA1: usize = 20;
/// Length in bytes of an object id of SHA-256.
#[expect(dead_code, reason = "for programs")]
pub const REFTABLE_HASH_SIZE_SHA256: usize = 32;

/// What a ref is.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "the header's names for the numbers")]
pub enum reftable_ref_value_type {
    /// A deletion, which hides the ref in older tables.
    REFTABLE_REF_DELETION = 0,
    /// An object.
    REFTABLE_REF_VAL1 = 1,
    /// A tag and the object it peels to.
    REFTABLE_REF_VAL2 = 2,
    /// A symbolic ref.
    REFTABLE_REF_SYMREF = 3,
}

/// What a log record is.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "the header's names for the numbers")]
pub enum reftable_log_value_type {
    /// A deletion, which hides the entry in older tables.
    REFTABLE_LOG_DELETION = 0,
    /// An entry.
    REFTABLE_LOG_UPDATE = 1,
}

const DELETION: u32 = 0;
const VAL1: u32 = 1;
const VAL2: u32 = 2;
const SYMREF: u32 = 3;
const UPDATE: u32 = 1;

/// The ids of a tag.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_ref_val2 {
    /// The tag's id.
    pub value: [u8; REFTABLE_HASH_SIZE_MAX],
    /// The id of the object that it peels to.
    pub target_value: [u8; REFTABLE_HASH_SIZE_MAX],
}

/// What a ref refers to; value_type says which member counts.
#[repr(C)]
#[derive(Clone, Copy)]
pub union reftable_ref_value {
    /// An object id.
    pub val1: [u8; REFTABLE_HASH_SIZE_MAX],
    /// Two object ids.
    pub val2: reftable_ref_val2,
    /// The name of another ref.
    pub symref: *mut c_char,
}

/// A ref. One that was zeroed is a deletion without name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_ref_record {
    /// The full name.
    pub refname: *mut c_char,
    /// Bytes that refname has room for. An iterator that gave the string may fill it again.
    pub refname_cap: MaybeUninit<usize>,
    /// The transaction that wrote the ref.
    pub update_index: u64,
    /// One of enum reftable_ref_value_type.
    pub value_type: u32,
    /// Its value.
    pub value: reftable_ref_value,
}

/// An entry of a reflog.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_log_update {
    /// The object id after the change.
    pub new_hash: [u8; REFTABLE_HASH_SIZE_MAX],
    /// The object id before the change.
    pub old_hash: [u8; REFTABLE_HASH_SIZE_MAX],
    /// Who made the change.
    pub name: *mut c_char,
    /// Their address, without angle brackets.
    pub email: *mut c_char,
    /// When, in seconds since 1970.
    pub time: u64,
    /// Time zone, its decimal digits as hours and minutes.
    pub tz_offset: i16,
    /// Why.
    pub message: *mut c_char,
    /// Bytes that message has room for. An iterator that gave the string may fill it again.
    pub message_cap: MaybeUninit<usize>,
}

/// What a log record says; value_type says whether that is something.
#[repr(C)]
#[derive(Clone, Copy)]
pub union reftable_log_value {
    /// An entry.
    pub update: reftable_log_update,
}

/// A log record. One that was zeroed is a deletion without name.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct reftable_log_record {
    /// The ref's full name.
    pub refname: *mut c_char,
    /// Bytes that refname has room for. An iterator that gave the string may fill it again.
    pub refname_cap: MaybeUninit<usize>,
    /// The transaction of the entry; unique for one ref.
    pub update_index: u64,
    /// One of enum reftable_log_value_type. The value counts only if this is an update.
    pub value_type: u32,
    /// Its value.
    pub value: reftable_log_value,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    type R = reftable_ref_record;
    assert!(size_of::<R>() == 96 && align_of::<R>() == 8);
    assert!(offset_of!(R, refname) == 0 && offset_of!(R, refname_cap) == 8);
    assert!(offset_of!(R, update_index) == 16 && offset_of!(R, value_type) == 24);
    assert!(offset_of!(R, value) == 32 && size_of::<reftable_ref_value>() == 64);
    type L = reftable_log_record;
    assert!(size_of::<L>() == 144 && align_of::<L>() == 8);
    assert!(offset_of!(L, refname) == 0 && offset_of!(L, refname_cap) == 8);
    assert!(offset_of!(L, update_index) == 16 && offset_of!(L, value_type) == 24);
    assert!(offset_of!(L, value) == 32);
    type U = reftable_log_update;
    assert!(offset_of!(U, new_hash) == 0 && offset_of!(U, old_hash) == 32);
    assert!(offset_of!(U, name) == 64 && offset_of!(U, email) == 72);
    assert!(offset_of!(U, time) == 80 && offset_of!(U, tz_offset) == 88);
    assert!(offset_of!(U, message) == 96 && offset_of!(U, message_cap) == 104);
};

/// Puts an object id into the space for the longest one, which is zeroed.
///
/// The usual length is a case of its own, because a copy of known length is two instructions.
#[inline]
pub(super) fn put_id(space: &mut [u8; REFTABLE_HASH_SIZE_MAX], id: &[u8]) {
    if let (Ok(id), Some(room)) = (<&[u8; 20]>::try_from(id), space.first_chunk_mut()) {
        *room = *id;
    } else if let Some(room) = space.get_mut(..id.len()) {
        room.copy_from_slice(id);
    }
}

/// The object id of a hash at the start of a space.
fn narrow(id: &[u8; REFTABLE_HASH_SIZE_MAX], len: usize) -> &[u8] {
    id.get(..len).unwrap_or(id)
}

impl reftable_ref_record {
    pub(super) const EMPTY: reftable_ref_record = reftable_ref_record {
        refname: null_mut(),
        refname_cap: MaybeUninit::new(0),
        update_index: 0,
        value_type: DELETION,
        value: reftable_ref_value {
            val2: reftable_ref_val2 {
                value: [0; REFTABLE_HASH_SIZE_MAX],
                target_value: [0; REFTABLE_HASH_SIZE_MAX],
            },
        },
    };

    fn val1(&self) -> Option<&[u8; REFTABLE_HASH_SIZE_MAX]> {
        match self.value_type {
            // SAFETY: the tag says that this member is set.
            VAL1 => Some(unsafe { &self.value.val1 }),
            VAL2 => self.val2().map(|val2| &val2.value),
            _ => None,
        }
    }

    fn val2(&self) -> Option<&reftable_ref_val2> {
        match self.value_type {
            // SAFETY: the tag says that this member is set.
            VAL2 => Some(unsafe { &self.value.val2 }),
            _ => None,
        }
    }

    fn symref(&self) -> *mut c_char {
        match self.value_type {
            // SAFETY: the tag says that this member is set.
            SYMREF => unsafe { self.value.symref },
            _ => null_mut(),
        }
    }

    /// What the record says; `None` for a type that there is not, or a symbolic ref to NULL.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    unsafe fn content(&self, len: usize) -> Option<RefValue<'_>> {
        Some(match self.value_type {
            DELETION => RefValue::Deletion,
            VAL1 => RefValue::Object(narrow(self.val1()?, len)),
            VAL2 => RefValue::Peeled {
                id: narrow(&self.val2()?.value, len),
                peeled: narrow(&self.val2()?.target_value, len),
            },
            // SAFETY: contract 4.
            SYMREF => RefValue::Symref(unsafe { handle::text(self.symref()) }?),
            _ => return None,
        })
    }

    /// The record as the core has it; misuse without name.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<RefRecord<'_>, Code> {
        // SAFETY: contract 4.
        let name = unsafe { handle::text(self.refname) };
        // SAFETY: contract 4.
        let value = unsafe { self.content(hash.len()) };
        Ok(RefRecord {
            name: name.filter(|name| !name.is_empty()).ok_or(Code::MISUSE)?,
            update_index: self.update_index,
            value: value.ok_or(Code::MISUSE)?,
        })
    }

    /// Frees what the record holds and zeroes it.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn clear(&mut self) {
        for text in self.take_strings() {
            // SAFETY: each is NULL or a block of its own, and nobody has it any more.
            unsafe { release(text) };
        }
    }

    /// Zeroes the record and returns what strings it had: name and target, NULL without.
    #[inline]
    pub(super) fn take_strings(&mut self) -> [*mut c_char; 2] {
        let strings = [self.refname, self.symref()];
        *self = Self::EMPTY;
        strings
    }
}

impl reftable_log_update {
    pub(super) const EMPTY: reftable_log_update = reftable_log_update {
        new_hash: [0; REFTABLE_HASH_SIZE_MAX],
        old_hash: [0; REFTABLE_HASH_SIZE_MAX],
        name: null_mut(),
        email: null_mut(),
        time: 0,
        tz_offset: 0,
        message: null_mut(),
        message_cap: MaybeUninit::new(0),
    };
}

impl reftable_log_record {
    pub(super) const EMPTY: reftable_log_record = reftable_log_record {
        refname: null_mut(),
        refname_cap: MaybeUninit::new(0),
        update_index: 0,
        value_type: DELETION,
        value: reftable_log_value {
            update: reftable_log_update::EMPTY,
        },
    };

    pub(super) fn update(&self) -> Option<&reftable_log_update> {
        match self.value_type {
            // SAFETY: the tag says that the member is set.
            UPDATE => Some(unsafe { &self.value.update }),
            _ => None,
        }
    }

    /// Whether there is a message, be it an empty one.
    pub(super) fn has_message(&self) -> bool {
        self.update()
            .is_some_and(|update| !update.message.is_null())
    }

    /// What the record says; `None` for a type that there is not. NULL is an empty string.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    unsafe fn content(&self, len: usize) -> Option<LogValue<'_>> {
        if self.value_type == DELETION {
            return Some(LogValue::Deletion);
        }
        let update = self.update()?;
        // SAFETY: contract 4.
        let text = |text: *mut c_char| unsafe { handle::text(text) }.unwrap_or_default();
        Some(LogValue::Update(LogUpdate {
            old_id: narrow(&update.old_hash, len),
            new_id: narrow(&update.new_hash, len),
            name: text(update.name),
            email: text(update.email),
            time: update.time,
            tz_offset: update.tz_offset,
            message: text(update.message),
        }))
    }

    /// The record as the core has it; misuse without name.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<LogRecord<'_>, Code> {
        // SAFETY: contract 4.
        let name = unsafe { handle::text(self.refname) };
        // SAFETY: contract 4.
        let value = unsafe { self.content(hash.len()) };
        Ok(LogRecord {
            name: name.filter(|name| !name.is_empty()).ok_or(Code::MISUSE)?,
            update_index: self.update_index,
            value: value.ok_or(Code::MISUSE)?,
        })
    }

    /// Frees what the record holds and zeroes it.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn clear(&mut self) {
        for text in self.take_strings() {
            // SAFETY: each is NULL or a block of its own, and nobody has it any more.
            unsafe { release(text) };
        }
    }

    /// Zeroes the record and returns what strings it had: the ref's name, who made the entry, their
    /// address, the message; NULL without.
    #[inline]
    pub(super) fn take_strings(&mut self) -> [*mut c_char; 4] {
        let [name, email, message] = match self.update() {
            Some(update) => [update.name, update.email, update.message],
            None => [null_mut(); 3],
        };
        let strings = [self.refname, name, email, message];
        *self = Self::EMPTY;
        strings
    }
}

/// Returns the object id of a ref (of a tag, the tag's own), or NULL if it has none. It belongs to
/// the record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_val1(rec: *const reftable_ref_record) -> *const u8 {
    guard(null(), || {
        // SAFETY: contract 1.
        let record = unsafe { handle::borrow(rec) };
        let id = record.and_then(reftable_ref_record::val1);
        id.map_or(null(), |id| id.as_ptr())
    })
}

/// Returns the id of the object that a tag peels to, or NULL for anything but a tag. It belongs to
/// the record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_val2(rec: *const reftable_ref_record) -> *const u8 {
    guard(null(), || {
        // SAFETY: contract 1.
        let record = unsafe { handle::borrow(rec) };
        let val2 = record.and_then(reftable_ref_record::val2);
        val2.map_or(null(), |val2| val2.target_value.as_ptr())
    })
}

/// Returns 1 if the record is a deletion, else 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_is_deletion(
    r#ref: *const reftable_ref_record,
) -> c_int {
    guard(0, || {
        // SAFETY: contract 1.
        let record = unsafe { handle::borrow(r#ref) };
        record
            .is_some_and(|record| record.value_type == DELETION)
            .into()
    })
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_release(r#ref: *mut reftable_ref_record) {
    guard((), || {
        // SAFETY: contract 1.
        if let Some(record) = unsafe { r#ref.as_mut() } {
            // SAFETY: contract 4.
            unsafe { record.clear() };
        }
    });
}

/// Returns 1 if the records are equal in all fields, else 0. NULL equals only NULL. hash_size is
/// the length of object ids in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_equal(
    a: *const reftable_ref_record,
    b: *const reftable_ref_record,
    hash_size: u32,
) -> c_int {
    guard(0, || {
        // SAFETY: contract 1.
        let a = unsafe { handle::borrow(a) };
        // SAFETY: contract 1.
        let b = unsafe { handle::borrow(b) };
        let (Some(a), Some(b)) = (a, b) else {
            return c_int::from(a.is_none() && b.is_none());
        };
        // SAFETY: contract 4.
        let names = [a, b].map(|record| unsafe { handle::text(record.refname) });
        // SAFETY: contract 4.
        let values = [a, b].map(|record| unsafe { record.content(hash_size as usize) });
        let equal = names[0] == names[1]
            && a.update_index == b.update_index
            && a.value_type == b.value_type
            && values[0] == values[1];
        equal.into()
    })
}

/// Returns 1 if the record is a deletion, else 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_is_deletion(log: *const reftable_log_record) -> c_int {
    guard(0, || {
        // SAFETY: contract 1.
        let record = unsafe { handle::borrow(log) };
        record
            .is_some_and(|record| record.value_type == DELETION)
            .into()
    })
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_release(log: *mut reftable_log_record) {
    guard((), || {
        // SAFETY: contract 1.
        if let Some(record) = unsafe { log.as_mut() } {
            // SAFETY: contract 4.
            unsafe { record.clear() };
        }
    });
}

/// Returns 1 if the records are equal in all fields, else 0; a string that is NULL equals an empty
/// one in an entry. hash_size is the length of object ids in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_equal(
    a: *const reftable_log_record,
    b: *const reftable_log_record,
    hash_size: u32,
) -> c_int {
    guard(0, || {
        // SAFETY: contract 1.
        let a = unsafe { handle::borrow(a) };
        // SAFETY: contract 1.
        let b = unsafe { handle::borrow(b) };
        let (Some(a), Some(b)) = (a, b) else {
            return c_int::from(a.is_none() && b.is_none());
        };
        // SAFETY: contract 4.
        let names = [a, b].map(|record| unsafe { handle::text(record.refname) });
        // SAFETY: contract 4.
        let values = [a, b].map(|record| unsafe { record.content(hash_size as usize) });
        let equal = names[0] == names[1]
            && a.update_index == b.update_index
            && a.value_type == b.value_type
            && values[0] == values[1];
        equal.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// git fills only these three fields of a deletion, in memory that was never cleared.
    #[test]
    fn of_a_deletion_nothing_but_name_index_and_type_is_read() {
        let mut garbage = MaybeUninit::<reftable_log_record>::uninit();
        let bytes = garbage.as_mut_ptr().cast::<u8>();
        // SAFETY: as many bytes as the record has.
        unsafe { bytes.write_bytes(0xaa, size_of::<reftable_log_record>()) };
        // SAFETY: numbers and raw pointers may have any bits.
        let mut record = unsafe { garbage.assume_init() };
        record.refname = c"HEAD".as_ptr().cast_mut();
        record.update_index = 7;
        record.value_type = DELETION;
        // SAFETY: a literal.
        let read = unsafe { record.read(HashId::Sha1) }.expect("valid");
        assert_eq!((read.name, read.update_index), (&b"HEAD"[..], 7));
        assert!(read.is_deletion());
    }

    #[test]
    fn any_bit_pattern_is_taken_as_a_type_but_not_written() {
        let mut record = reftable_ref_record::EMPTY;
        record.refname = c"refs/heads/x".as_ptr().cast_mut();
        for (value_type, valid) in [(0, true), (1, true), (2, true), (3, false), (4, false)] {
            record.value_type = value_type;
            // SAFETY: literals; the union is zeroed.
            let read = unsafe { record.read(HashId::Sha1) };
            assert_eq!(read.is_ok(), valid, "{value_type}");
        }
        record.value_type = u32::MAX;
        // SAFETY: literals; the union is zeroed.
        assert!(unsafe { record.read(HashId::Sha256) }.is_err());
    }

    #[test]
    fn the_accessors_follow_the_type() {
        let mut record = reftable_ref_record::EMPTY;
        record.value.val1 = [3; 32];
        for (value_type, first, second) in [
            (DELETION, false, false),
            (VAL1, true, false),
            (VAL2, true, true),
            (SYMREF, false, false),
        ] {
            record.value_type = value_type;
            // SAFETY: a record.
            let id = unsafe { reftable_ref_record_val1(&record) };
            assert_eq!(!id.is_null(), first);
            // SAFETY: a record.
            let id = unsafe { reftable_ref_record_val2(&record) };
            assert_eq!(!id.is_null(), second);
        }
    }
}
