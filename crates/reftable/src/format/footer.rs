//! The footer (format section 11).

use super::{Cursor, Header, MAGIC};
use crate::error::Defect;
use zlib_rs::crc32::get_crc_table;

/// The CRC-32 of header and positions, which ends a footer, byte by byte.
///
/// zlib-rs itself copies tables of 8 KiB for so few bytes, or asks the processor first what it can
/// do: on a virtual machine that takes a hundred times as long as the sum.
fn checksum(bytes: &[u8]) -> u32 {
    let table = get_crc_table();
    let sum = bytes.iter().fold(u32::MAX, |sum, byte| {
        let [low, ..] = sum.to_le_bytes();
        let by_byte = table.get(usize::from(low ^ byte)).copied();
        by_byte.unwrap_or_default() ^ (sum >> 8)
    });
    !sum
}

/// Where the sections are, in bytes from the start of the file; 0 is "not there", but for logs
/// that start the file in the C library's form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) ref_index: u64,
    pub(crate) obj: u64,
    /// Length in bytes of abbreviated object ids.
    pub(crate) obj_id_len: usize,
    pub(crate) obj_index: u64,
    pub(crate) log: u64,
    pub(crate) log_index: u64,
}

impl Footer {
    /// Decodes a footer; `bytes` are the last ones of a table whose header is `header`, as stored
    /// in `header_bytes`.
    pub(crate) fn decode(
        bytes: &[u8],
        header: &Header,
        header_bytes: &[u8],
    ) -> Result<Footer, Defect> {
        let mut cursor = Cursor::at(bytes, 0);
        let short = |_| Defect::TooShort;
        let copy = cursor.take(header.len()).map_err(short)?;
        if !copy.starts_with(&MAGIC) {
            return Err(Defect::BadMagic);
        }
        let summed = bytes.get(..bytes.len().saturating_sub(4));
        let crc = bytes.last_chunk().ok_or(Defect::TooShort)?;
        if checksum(summed.unwrap_or_default()) != u32::from_be_bytes(*crc) {
            return Err(Defect::FooterCrc);
        }
        if header_bytes.get(..header.len()) != Some(copy) {
            return Err(Defect::HeaderFooterMismatch);
        }
        let ref_index = cursor.u64().map_err(short)?;
        let obj_and_len = cursor.u64().map_err(short)?;
        Ok(Footer {
            ref_index,
            obj: obj_and_len >> 5,
            obj_id_len: (obj_and_len & 0x1f) as u8 as usize,
            obj_index: cursor.u64().map_err(short)?,
            log: cursor.u64().map_err(short)?,
            log_index: cursor.u64().map_err(short)?,
        })
    }

    /// The bytes of the footer.
    pub(crate) fn encode(&self, header: &Header) -> Vec<u8> {
        let mut out = header.encode();
        let obj_and_len = (self.obj << 5) | (self.obj_id_len as u64 & 0x1f);
        for field in [
            self.ref_index,
            obj_and_len,
            self.obj_index,
            self.log,
            self.log_index,
        ] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        let crc = checksum(&out);
        out.extend_from_slice(&crc.to_be_bytes());
        out
    }
}
