//! Bytes and values: the smallest pieces of a table, without any I/O.
//!
//! A table is header, blocks, footer (format section 3):
//!
//! ```text
//! header    24 bytes, version 2: 28     "REFT", version, block size, update indexes [, hash]
//! blocks    refs r+ i*, objects o+ i*, logs g+ i*
//! footer    68 bytes, version 2: 72     the header again, positions of the sections, CRC-32
//! ```
//!
//! [`cursor`] is the only place that takes bytes apart; everything above it asks a [`Cursor`] and
//! gets a [`Flaw`] where bytes are missing.
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

pub(crate) mod cursor;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod key;
pub(crate) mod varint;

pub(crate) use cursor::Cursor;
pub(crate) use footer::Footer;
pub(crate) use header::Header;

use crate::error::{Defect, Error};

/// The first bytes of header and footer.
pub(crate) const MAGIC: [u8; 4] = *b"REFT";
/// Type byte and 24-bit length in front of every block.
pub(crate) const BLOCK_HEADER_LEN: usize = 4;
/// The longest block, in bytes: its length has 24 bits.
pub(crate) const MAX_BLOCK_LEN: usize = (1 << 24) - 1;

/// What a block holds (format section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockType {
    /// Refs.
    Ref,
    /// Object ids.
    Obj,
    /// Log records.
    Log,
    /// The index of a section.
    Index,
}

impl BlockType {
    /// The byte that stands for it in a block.
    pub const fn byte(self) -> u8 {
        match self {
            BlockType::Ref => b'r',
            BlockType::Obj => b'o',
            BlockType::Log => b'g',
            BlockType::Index => b'i',
        }
    }

    /// The type that a byte stands for.
    pub const fn from_byte(byte: u8) -> Option<BlockType> {
        match byte {
            b'r' => Some(BlockType::Ref),
            b'o' => Some(BlockType::Obj),
            b'g' => Some(BlockType::Log),
            b'i' => Some(BlockType::Index),
            _ => None,
        }
    }
}

/// A broken rule inside a block: what, and how many bytes after the block's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) defect: Defect,
    pub(crate) offset: usize,
}

impl Flaw {
    /// The error for the table `name`, for a block at `position`.
    pub(crate) fn at(self, name: &str, position: u64) -> Error {
        let offset = u64::try_from(self.offset).unwrap_or(u64::MAX);
        Error::corrupt(name, position.saturating_add(offset), self.defect)
    }
}

/// The result of decoding a piece of a block.
pub(crate) type Parse<T> = Result<T, Flaw>;
