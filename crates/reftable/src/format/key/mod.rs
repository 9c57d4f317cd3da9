//! Keys and their prefix compression (format section 6).
//!
//! A record's head tells how much of the key before it shares ([`KeyHead`]). Nearly all heads take
//! few bytes and are read faster ([`ShortHead`], [`ShortOutline`]). [`KeyBuf`] puts the keys of a
//! block together one after the other.

mod buffer;
mod compare;
mod head;
mod log;
mod short;

pub(crate) use buffer::KeyBuf;
pub(crate) use compare::{common_prefix, compare_after, has_nul};
pub(crate) use head::{KeyHead, put_key};
pub(crate) use log::{LOG_KEY_TAIL, log_seek_key, put_log_key, split_log_key};
pub(crate) use short::{ShortHead, ShortOutline, WINDOW};

/// What there is instead of bytes that ought to be there: a branch that is never taken costs less
/// than a choice.
#[cold]
pub(crate) fn nothing() -> &'static [u8] {
    &[]
}
