//! Refs and log records as C has them.

use reftable::hash::HashId;
use reftable::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use reftable_capi::alloc::release;
use reftable_capi::error::Misuse;
use reftable_capi::guard::guard;
use reftable_capi::handle;
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut, layout, sorted_by};
use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;
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

layout!(zeroed reftable_ref_val2: 64 / 1 { value @ 0, target_value @ 32 });
layout!(zeroed reftable_ref_record: 96 / 8 {
    refname @ 0, refname_cap @ 8, update_index @ 16, value_type @ 24, value @ 32,
});
layout!(zeroed reftable_log_update: 112 / 8 {
    new_hash @ 0, old_hash @ 32, name @ 64, email @ 72, time @ 80, tz_offset @ 88,
    message @ 96, message_cap @ 104,
});
layout!(zeroed reftable_log_record: 144 / 8 {
    refname @ 0, refname_cap @ 8, update_index @ 16, value_type @ 24, value @ 32,
});
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<reftable_ref_value>() == 64);

// SAFETY: each of its members has a zero.
unsafe impl Zeroed for reftable_ref_value {}
// SAFETY: its member has a zero.
unsafe impl Zeroed for reftable_log_value {}

/// A record, whose strings follow contract 4.
pub(super) trait Record: Zeroed {
    /// What it says about its ref.
    type Content<'a>: PartialEq
    where
        Self: 'a;
    /// Its strings, NULL without.
    type Strings: IntoIterator<Item = *mut c_char>;

    /// The name, the update index and the type.
    fn head(&self) -> (*mut c_char, u64, u32);

    /// What it says; `None` for a type that there is not, or a symbolic ref to NULL. Other strings
    /// that are NULL are empty.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    unsafe fn content(&self, len: usize) -> Option<Self::Content<'_>>;

    /// Zeroes the record and returns what strings it had.
    fn take_strings(&mut self) -> Self::Strings;

    /// The name and what it says; misuse without one of them.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    unsafe fn parts(&self, hash: HashId) -> Result<(&[u8], Self::Content<'_>), Misuse> {
        // SAFETY: contract 4.
        let name = unsafe { handle::text(self.head().0) };
        // SAFETY: contract 4.
        let content = unsafe { self.content(hash.len()) };
        let name = name.filter(|name| !name.is_empty());
        name.zip(content).ok_or(Misuse)
    }
}

/// Whether a record of the program's is a deletion; 0 for NULL.
fn is_deletion<R: Record>(record: *const R) -> c_int {
    let record = borrowed!(record);
    record
        .is_ok_and(|record| record.head().2 == DELETION)
        .into()
}

/// Frees what a record of the program's holds and zeroes it, unless it is NULL.
pub(super) fn clear<R: Record>(record: *mut R) {
    let strings = borrowed_mut!(record).map(R::take_strings);
    for text in strings.into_iter().flatten() {
        // SAFETY: contract 4: NULL or a block of its own, and nobody has it any more.
        unsafe { release(text) };
    }
}

/// Whether two records of the program's are equal. NULL equals only NULL.
fn are_equal<R: Record>(a: *const R, b: *const R, hash_size: u32) -> c_int {
    let (Ok(a), Ok(b)) = (borrowed!(a), borrowed!(b)) else {
        return c_int::from(a.is_null() && b.is_null());
    };
    // SAFETY: contract 4.
    let names = [a, b].map(|record| unsafe { handle::text(record.head().0) });
    // SAFETY: contract 4.
    let contents = [a, b].map(|record| unsafe { record.content(hash_size as usize) });
    let numbers = [a, b].map(|record| (record.head().1, record.head().2));
    let equal = names[0] == names[1] && contents[0] == contents[1] && numbers[0] == numbers[1];
    equal.into()
}

sorted_by!(reftable_ref_record: refname, |_| 0);
// The newest entry comes first.
sorted_by!(reftable_log_record: refname, |record| record.update_index);

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

    /// The record as the core has it; misuse without name.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<RefRecord<'_>, Misuse> {
        // SAFETY: contract 4.
        let (name, value) = unsafe { self.parts(hash) }?;
        let update_index = self.update_index;
        Ok(RefRecord {
            name,
            update_index,
            value,
        })
    }
}

impl Record for reftable_ref_record {
    type Content<'a> = RefValue<'a>;
    /// Name and target.
    type Strings = [*mut c_char; 2];

    fn head(&self) -> (*mut c_char, u64, u32) {
        (self.refname, self.update_index, self.value_type)
    }

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

    #[inline]
    fn take_strings(&mut self) -> [*mut c_char; 2] {
        let strings = [self.refname, self.symref()];
        *self = Self::ZERO;
        strings
    }
}

impl reftable_log_record {
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

    /// The record as the core has it; misuse without name.
    ///
    /// # Safety
    ///
    /// Its strings follow contract 4.
    pub(super) unsafe fn read(&self, hash: HashId) -> Result<LogRecord<'_>, Misuse> {
        // SAFETY: contract 4.
        let (name, value) = unsafe { self.parts(hash) }?;
        let update_index = self.update_index;
        Ok(LogRecord {
            name,
            update_index,
            value,
        })
    }
}

impl Record for reftable_log_record {
    type Content<'a> = LogValue<'a>;
    /// The ref's name, who made the entry, their address, the message.
    type Strings = [*mut c_char; 4];

    fn head(&self) -> (*mut c_char, u64, u32) {
        (self.refname, self.update_index, self.value_type)
    }

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

    #[inline]
    fn take_strings(&mut self) -> [*mut c_char; 4] {
        let [name, email, message] = match self.update() {
            Some(update) => [update.name, update.email, update.message],
            None => [null_mut(); 3],
        };
        let strings = [self.refname, name, email, message];
        *self = Self::ZERO;
        strings
    }
}

/// Returns the object id of a ref (of a tag, the tag's own), or NULL if it has none. It belongs to
/// the record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_val1(rec: *const reftable_ref_record) -> *const u8 {
    guard(null(), || {
        let id = borrowed!(rec).ok().and_then(reftable_ref_record::val1);
        id.map_or(null(), |id| id.as_ptr())
    })
}

/// Returns the id of the object that a tag peels to, or NULL for anything but a tag. It belongs to
/// the record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_val2(rec: *const reftable_ref_record) -> *const u8 {
    guard(null(), || {
        let val2 = borrowed!(rec).ok().and_then(reftable_ref_record::val2);
        val2.map_or(null(), |val2| val2.target_value.as_ptr())
    })
}

/// Returns 1 if the record is a deletion, else 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_is_deletion(
    r#ref: *const reftable_ref_record,
) -> c_int {
    guard(0, || is_deletion(r#ref))
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_release(r#ref: *mut reftable_ref_record) {
    guard((), || clear(r#ref));
}

/// Returns 1 if the records are equal in all fields, else 0. NULL equals only NULL. hash_size is
/// the length of object ids in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_ref_record_equal(
    a: *const reftable_ref_record,
    b: *const reftable_ref_record,
    hash_size: u32,
) -> c_int {
    guard(0, || are_equal(a, b, hash_size))
}

/// Returns 1 if the record is a deletion, else 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_is_deletion(log: *const reftable_log_record) -> c_int {
    guard(0, || is_deletion(log))
}

/// Frees what the record holds, and zeroes all of it. Does nothing for NULL or a zeroed record.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_release(log: *mut reftable_log_record) {
    guard((), || clear(log));
}

/// Returns 1 if the records are equal in all fields, else 0; a string that is NULL equals an empty
/// one in an entry. hash_size is the length of object ids in bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_log_record_equal(
    a: *const reftable_log_record,
    b: *const reftable_log_record,
    hash_size: u32,
) -> c_int {
    guard(0, || are_equal(a, b, hash_size))
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
        let mut record = reftable_ref_record::ZERO;
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
        let mut record = reftable_ref_record::ZERO;
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
