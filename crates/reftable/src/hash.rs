//! The hash functions whose object ids a table can hold.

use std::fmt;

/// A hash function (format section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HashId {
    /// SHA-1: ids of 20 bytes, tables of version 1.
    #[default]
    Sha1,
    /// SHA-256: ids of 32 bytes, tables of version 2.
    Sha256,
}

impl HashId {
    /// Length of an object id in bytes.
    #[expect(clippy::len_without_is_empty, reason = "an id is never empty")]
    pub const fn len(self) -> usize {
        match self {
            HashId::Sha1 => 20,
            HashId::Sha256 => 32,
        }
    }

    /// The number that names the hash in the header of a version 2 table and in the C API.
    pub const fn format_id(self) -> u32 {
        match self {
            HashId::Sha1 => u32::from_be_bytes(*b"sha1"),
            HashId::Sha256 => u32::from_be_bytes(*b"s256"),
        }
    }

    /// The hash that `id` names.
    pub const fn from_format_id(id: u32) -> Option<HashId> {
        if id == HashId::Sha1.format_id() {
            Some(HashId::Sha1)
        } else if id == HashId::Sha256.format_id() {
            Some(HashId::Sha256)
        } else {
            None
        }
    }
}

impl fmt::Display for HashId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HashId::Sha1 => "sha1",
            HashId::Sha256 => "sha256",
        })
    }
}
