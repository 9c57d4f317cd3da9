//! What the releases of git differ in, as far as this API goes. Nothing outside this folder, and
//! the functions of the host in [`host`](super::host), decides by release.
//!
//! | | 2.47 | 2.53 | 2.55 | master |
//! |---|---|---|---|---|
//! | numbers of hashes | four characters | 89, 247 | 89, 247 | 89, 247 |
//! | write options | 32 bytes | 56 bytes, with `fsync` | 48 bytes | 32 bytes, given to each call |
//! | stack options | none | none | none | 32 bytes |
//! | deletions in stacks | hidden | hidden | hidden | shown unless asked |
//! | tables | `reftable_reader_*` | `reftable_table_*` | same | same |
//! | block source lends | `int` bytes | `size_t` bytes | same | same |
//! | adding arrays | `int` records | `size_t` records | same | same |
//! | log entries above the limits | taken | refused | refused | refused |
//! | lists without the last newline | taken | refused | refused | refused |
//!
//! Each release has a file with its structs of options and the functions whose prototypes it does
//! not share; what several share is in [`arrays`] and [`calls`]. `build.rs` chooses the release, by
//! the variable `REFTABLE_GIT_API`; 2.55 is the default, and the one of the committed header. As
//! functions of all releases have the same names, each of the others is compiled and tested by a
//! package of its own in `releases/`, from the same source.
//!
//! To add a release:
//!
//! 1. a column above, and a file here;
//! 2. its name in both lists of `build.rs`, and in `host/calls.rs` what git supplies then;
//! 3. a folder in `releases/`, whose `build.rs` and `src` are symbolic links;
//! 4. its name in `scripts/git-archive`, `scripts/check-git-modern`, `tests/house/headers.rs` and
//!    `tests/git_abi/headers.rs`, and a column in `docs/git-compat.md`;
//! 5. if its functions have other names, a list of them in `include/`.

/// cbindgen:ignore
#[cfg(git_api = "master")]
mod master;
/// cbindgen:ignore
#[cfg(git_api = "2.47")]
mod v2_47;
/// cbindgen:ignore
#[cfg(git_api = "2.53")]
mod v2_53;
#[cfg(git_api = "2.55")]
mod v2_55;

mod arrays;
#[cfg(not(git_api = "master"))]
mod calls;

#[cfg(git_api = "2.47")]
use v2_47::reftable_write_options;
#[cfg(git_api = "2.53")]
use v2_53::reftable_write_options;
#[cfg(git_api = "2.55")]
use v2_55::reftable_write_options;

use reftable::hash::HashId;
#[cfg(git_api = "2.47")]
use std::ffi::c_int;

/// Whether log entries with an update index above the limits are refused.
pub(super) const LOG_INDEXES_ARE_LIMITED: bool = cfg!(not(git_api = "2.47"));

/// Whether a list without its last newline is refused.
pub(super) const LISTS_END_WITH_NEWLINE: bool = cfg!(not(git_api = "2.47"));

/// What a block source returns: how many bytes it lends.
///
/// cbindgen:ignore
#[cfg(not(git_api = "2.47"))]
pub(super) type lent_size = isize;
/// cbindgen:ignore
#[cfg(git_api = "2.47")]
pub(super) type lent_size = c_int;

/// How many bytes a block has that was lent.
///
/// cbindgen:ignore
#[cfg(not(git_api = "2.47"))]
pub(super) type block_size = usize;
/// cbindgen:ignore
#[cfg(git_api = "2.47")]
pub(super) type block_size = c_int;

/// How many records an array has.
///
/// cbindgen:ignore
type array_len = block_size;

/// A length as a block has it.
pub(super) fn block_len(len: usize) -> block_size {
    #[cfg(git_api = "2.47")]
    let len = block_size::try_from(len).unwrap_or(block_size::MAX);
    len
}

/// The length that a block has.
pub(super) fn lent_len(len: block_size) -> usize {
    #[cfg(git_api = "2.47")]
    let len = usize::try_from(len).unwrap_or_default();
    len
}

/// The number of SHA-1 in this API; 0 stands for it too.
const SHA1: u32 = if cfg!(git_api = "2.47") {
    0x7368_6131
} else {
    89
};
/// The number of SHA-256 in this API.
const SHA256: u32 = if cfg!(git_api = "2.47") {
    0x7332_3536
} else {
    247
};

/// The number of a hash.
pub(super) fn hash_number(hash: HashId) -> u32 {
    match hash {
        HashId::Sha1 => SHA1,
        HashId::Sha256 => SHA256,
    }
}

/// The hash of a number.
pub(super) fn hash_of(number: u32) -> Option<HashId> {
    match number {
        0 | SHA1 => Some(HashId::Sha1),
        SHA256 => Some(HashId::Sha256),
        _ => None,
    }
}

/// The hash functions whose object ids a table can hold.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "the header's names for the numbers")]
pub enum reftable_hash {
    /// SHA-1, ids of 20 bytes.
    REFTABLE_HASH_SHA1 = 89,
    /// SHA-256, ids of 32 bytes.
    REFTABLE_HASH_SHA256 = 247,
}

/// A unit of bit fields. In C they have the type `unsigned`, and yet take one byte only, since a
/// smaller field follows.
///
/// cbindgen:ignore
type unsigned_byte = u8;
