//! The file header (format section 4).

use super::varint::put_u24;
use super::{Cursor, MAGIC};
use crate::error::Defect;
use crate::hash::HashId;

/// The first bytes of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// 1 or 2.
    pub(crate) version: u8,
    /// Alignment of blocks in bytes; 0 if they are not aligned.
    pub(crate) block_size: u32,
    pub(crate) min_update_index: u64,
    pub(crate) max_update_index: u64,
    pub(crate) hash: HashId,
}

/// Lengths in bytes of the header and the footer of a version.
const fn lens(version: u8) -> (usize, usize) {
    match version {
        1 => (24, 68),
        _ => (Header::MAX_LEN, 72),
    }
}

impl Header {
    /// The longest header, in bytes.
    pub(crate) const MAX_LEN: usize = 28;

    /// Length of the header in bytes.
    pub(crate) const fn len(&self) -> usize {
        lens(self.version).0
    }

    /// Length in bytes of the footer that goes with it.
    pub(crate) const fn footer_len(&self) -> usize {
        lens(self.version).1
    }

    /// Length in bytes of the header that is written for `hash`.
    pub(crate) const fn len_for(hash: HashId) -> usize {
        lens(Header::version_for(hash)).0
    }

    /// Length in bytes of the footer that is written for `hash`.
    pub(crate) const fn footer_len_for(hash: HashId) -> usize {
        lens(Header::version_for(hash)).1
    }

    /// The version to write for `hash`: SHA-1 tables stay readable for those who know only 1.
    pub(crate) const fn version_for(hash: HashId) -> u8 {
        match hash {
            HashId::Sha1 => 1,
            HashId::Sha256 => 2,
        }
    }

    /// Decodes the header that `bytes` begin with.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Header, Defect> {
        let mut cursor = Cursor::at(bytes, 0);
        let short = |_| Defect::TooShort;
        if cursor.array().map_err(short)? != MAGIC {
            return Err(Defect::BadMagic);
        }
        let version = cursor.u8().map_err(short)?;
        if !matches!(version, 1 | 2) {
            return Err(Defect::UnsupportedVersion);
        }
        let block_size = cursor.u24().map_err(short)?;
        let min_update_index = cursor.u64().map_err(short)?;
        let max_update_index = cursor.u64().map_err(short)?;
        let hash = match version {
            1 => HashId::Sha1,
            _ => HashId::from_format_id(cursor.u32().map_err(short)?).ok_or(Defect::BadHashId)?,
        };
        Ok(Header {
            version,
            block_size: u32::try_from(block_size).map_err(|_| Defect::BadBlockLen)?,
            min_update_index,
            max_update_index,
            hash,
        })
    }

    /// The bytes of the header.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Header::MAX_LEN);
        out.extend_from_slice(&MAGIC);
        out.push(self.version);
        put_u24(&mut out, self.block_size as usize);
        out.extend_from_slice(&self.min_update_index.to_be_bytes());
        out.extend_from_slice(&self.max_update_index.to_be_bytes());
        if self.version != 1 {
            out.extend_from_slice(&self.hash.format_id().to_be_bytes());
        }
        out
    }
}
