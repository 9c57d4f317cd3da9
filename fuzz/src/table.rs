//! The bytes of a table: as they are, and with a footer that fits them, since hardly any change
//! of the bytes gets past the checksum otherwise.

use crate::read;

pub fn check(data: &[u8]) {
    read::table(data);
    if let Some(repaired) = repair(data) {
        read::table(&repaired);
    }
}

/// The same table with the header's copy and the checksum in its footer made right.
fn repair(data: &[u8]) -> Option<Vec<u8>> {
    let (header, footer) = match data.get(4)? {
        1 => (24, 68),
        2 => (28, 72),
        _ => return None,
    };
    let start = data
        .len()
        .checked_sub(footer)
        .filter(|&start| start >= header)?;
    let mut bytes = data.to_vec();
    let (front, end) = bytes.split_at_mut(start);
    front.get_mut(..4)?.copy_from_slice(b"REFT");
    end.get_mut(..header)?.copy_from_slice(front.get(..header)?);
    let checked = footer - 4;
    let crc = crc32fast::hash(end.get(..checked)?);
    end.get_mut(checked..)?.copy_from_slice(&crc.to_be_bytes());
    (bytes != data).then_some(bytes)
}
