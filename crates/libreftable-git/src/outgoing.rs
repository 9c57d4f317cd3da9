//! Records on their way to C: copies in memory that C may free, made before anything of the
//! caller's is touched, so that a lack of memory changes nothing.
//!
//! An iterator fills the block again that it gave to a record for the name or the message, if the
//! record still has it with the room that it had; see [`Given`]. Other strings get new blocks, for
//! a record can hold a string of the program's. A record is copied from its block to its place
//! in C at once: as a value in between it would cost more than the memory for its strings.

use crate::Code;
use crate::record::{
    Record, put_id, reftable_log_record, reftable_log_update, reftable_log_value,
    reftable_ref_record,
};
use reftable::record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
use reftable_capi::alloc::{self, Block, release};
use reftable_capi::handle;
use reftable_capi::shape::Zeroed;
use reftable_capi::{borrowed, borrowed_mut};
use std::ffi::c_char;
use std::mem::MaybeUninit;
use std::ptr::null_mut;

/// A block that replaces another one is longer than its string, up to a multiple of this, so that the
/// next one fits.
const ROOM_STEP: usize = 32;

/// How many bytes to ask for. Where nothing is to be replaced, the program may well collect records.
#[inline]
fn room_for(text: &[u8], old: *mut c_char) -> usize {
    let least = text.len().saturating_add(1);
    match old.is_null() {
        true => least,
        false => least.next_multiple_of(ROOM_STEP),
    }
}

/// What an iterator gave for the strings of a record that are different in each.
#[derive(Default)]
pub(super) struct Given {
    name: Buffer,
    message: Buffer,
}

/// A block in C's hands that may be filled again.
struct Buffer {
    block: *mut c_char,
    room: usize,
}

impl Default for Buffer {
    fn default() -> Buffer {
        let (block, room) = (null_mut(), 0);
        Buffer { block, room }
    }
}

impl Buffer {
    /// Whether `text` can go into the block that a record has. It can if that is this one: programs
    /// that put a string of theirs into a record say what room it has, as for git's library.
    fn takes(&self, block: *mut c_char, room: &MaybeUninit<usize>, text: &[u8]) -> bool {
        if block.is_null() || block != self.block || text.len() >= self.room {
            return false;
        }
        // SAFETY: contract 1; a record that has this block was filled by this library.
        unsafe { room.assume_init() == self.room }
    }

    /// A new block with a copy of `text`, unless it is to go into the one that is there.
    fn copy(&self, fits: bool, text: &[u8], old: *mut c_char) -> Result<Option<Block>, Code> {
        if fits {
            return Ok(None);
        }
        let block = Block::string_in(text, room_for(text, old)).ok_or(Code::OUT_OF_MEMORY)?;
        Ok(Some(block))
    }

    /// Puts `new` in the place of the string at `old`, or without it, `text` into the block there.
    ///
    /// # Safety
    ///
    /// `old` follows contract 4, and without `new` it takes `text`.
    unsafe fn put(
        &mut self,
        new: Option<Block>,
        text: &[u8],
        old: *mut c_char,
    ) -> (*mut c_char, MaybeUninit<usize>) {
        if let Some(new) = new {
            // SAFETY: contract 4; the caller puts the new one in its place.
            self.block = unsafe { new.replace(old) };
            self.room = room_for(text, old);
        } else {
            // SAFETY: the block takes that many bytes, and none of them is the library's.
            unsafe { alloc::fill(self.block.cast(), text) };
        }
        (self.block, MaybeUninit::new(self.room))
    }
}

/// A copy of `text`.
fn copy(text: &[u8]) -> Result<Block, Code> {
    Block::string(text).ok_or(Code::OUT_OF_MEMORY)
}

/// Puts a copy of the ref where C wants it, freeing what was there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4. Nothing that the record is made of belongs to `out`.
#[inline]
pub(super) unsafe fn give_ref(
    record: &RefRecord<'_>,
    out: *mut reftable_ref_record,
    given: &mut Given,
) -> Result<(), Code> {
    let target = match record.value {
        RefValue::Symref(target) => Some(copy(target)?),
        _ => None,
    };
    let old = borrowed!(out)?;
    let name = &mut given.name;
    let fits = name.takes(old.refname, &old.refname_cap, record.name);
    let new = name.copy(fits, record.name, old.refname)?;
    // Only now: the functions that allocate are the program's.
    let out = borrowed_mut!(out)?;
    let [refname, symref] = out.take_strings();
    // SAFETY: contract 4.
    unsafe { release(symref) };
    // SAFETY: contract 4, and what was found out above.
    (out.refname, out.refname_cap) = unsafe { name.put(new, record.name, refname) };
    out.update_index = record.update_index;
    out.value_type = record.value_type().into();
    // SAFETY: all bytes of the union were just set.
    let ids = unsafe { &mut out.value.val2 };
    match record.value {
        RefValue::Deletion | RefValue::Symref(_) => {}
        // The space of a single id is that of the first one.
        RefValue::Object(id) => put_id(&mut ids.value, id),
        RefValue::Peeled { id, peeled } => {
            put_id(&mut ids.value, id);
            put_id(&mut ids.target_value, peeled);
        }
    }
    if let Some(target) = target {
        out.value.symref = target.into_raw().cast();
    }
    Ok(())
}

/// Puts `new` in the place of the string at `old`; without it, that one stays.
///
/// # Safety
///
/// `old` follows contract 4.
unsafe fn replace(old: *mut c_char, new: Option<Block>) -> *mut c_char {
    match new {
        // SAFETY: contract 4; the caller puts the new one in its place.
        Some(new) => unsafe { new.replace(old) },
        None => old,
    }
}

/// New strings of a log record that is no deletion; `None` for one that stays.
#[derive(Default)]
struct Entry {
    name: Option<Block>,
    email: Option<Block>,
    message: Option<Block>,
}

impl Entry {
    /// # Safety
    ///
    /// The strings of `old` follow contract 4.
    unsafe fn new(
        from: &LogUpdate<'_>,
        old: Option<&reftable_log_update>,
        given: &mut Given,
    ) -> Result<Entry, Code> {
        let unless_there = |old: Option<*mut c_char>, text: &[u8]| {
            // SAFETY: contract 4.
            let there = old.and_then(|old| unsafe { handle::text(old) });
            match there == Some(text) {
                true => Ok(None),
                false => copy(text).map(Some),
            }
        };
        let message = &mut given.message;
        let fits =
            old.is_some_and(|old| message.takes(old.message, &old.message_cap, from.message));
        Ok(Entry {
            // Whoever uses a repository is the author of most entries.
            name: unless_there(old.map(|old| old.name), from.name)?,
            email: unless_there(old.map(|old| old.email), from.email)?,
            message: message.copy(
                fits,
                from.message,
                old.map_or(null_mut(), |old| old.message),
            )?,
        })
    }
}

/// Puts a copy of the log record where C wants it, freeing what was there.
///
/// # Safety
///
/// `out` follows contracts 1 and 4. Nothing that the record is made of belongs to `out`.
#[inline]
pub(super) unsafe fn give_log(
    record: &LogRecord<'_>,
    out: *mut reftable_log_record,
    given: &mut Given,
) -> Result<(), Code> {
    let old = borrowed!(out)?;
    let entry = match &record.value {
        LogValue::Deletion => None,
        // SAFETY: contract 4.
        LogValue::Update(from) => Some((unsafe { Entry::new(from, old.update(), given) }?, from)),
    };
    let fits = given.name.takes(old.refname, &old.refname_cap, record.name);
    let name = given.name.copy(fits, record.name, old.refname)?;
    // Only now: the functions that allocate are the program's.
    let out = borrowed_mut!(out)?;
    let [refname, who, email, message] = out.take_strings();
    // SAFETY: contract 4, and what was found out above.
    (out.refname, out.refname_cap) = unsafe { given.name.put(name, record.name, refname) };
    out.update_index = record.update_index;
    let Some((entry, from)) = entry else {
        for text in [who, email, message] {
            // SAFETY: contract 4; nobody has it any more.
            unsafe { release(text) };
        }
        return Ok(());
    };
    let mut update = reftable_log_update::ZERO;
    put_id(&mut update.new_hash, from.new_id);
    put_id(&mut update.old_hash, from.old_id);
    update.time = from.time;
    update.tz_offset = from.tz_offset;
    // SAFETY: contract 4.
    update.name = unsafe { replace(who, entry.name) };
    // SAFETY: contract 4.
    update.email = unsafe { replace(email, entry.email) };
    let (message, cap) =
        // SAFETY: contract 4, and what was found out above.
        unsafe { given.message.put(entry.message, from.message, message) };
    (update.message, update.message_cap) = (message, cap);
    out.value_type = 1;
    out.value = reftable_log_value { update };
    Ok(())
}
