//! What the two ends of a damaged table still tell: header, footer and the name.

use crate::format::{Footer, Header, MAGIC};
use crate::hash::HashId;
use crate::table::DEFAULT_BLOCK_SIZE;
use memchr::memmem;

/// What is known about a damaged table before its blocks are looked at.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) header: Header,
    /// The footer, if its checksum is right.
    pub(super) footer: Option<Footer>,
    /// Positions that a footer with a wrong checksum names. They may be wrong.
    pub(super) hints: Vec<u64>,
    /// Block sizes that header and footer name; blocks may start at their multiples.
    pub(super) block_sizes: Vec<usize>,
    /// Where blocks end at the latest.
    pub(super) end: usize,
    /// Whether a footer was found, sound or not, so that no block is missing at the end.
    pub(super) is_whole: bool,
}

/// The fields of a header, whatever they are.
#[derive(Clone, Copy)]
struct Fields {
    block_size: u32,
    range: (u64, u64),
}

fn fields(bytes: &[u8]) -> Option<Fields> {
    let number = |at: usize| bytes.get(at..)?.first_chunk().copied();
    let [_, a, b, c] = bytes.get(4..)?.first_chunk()?;
    Some(Fields {
        block_size: u32::from_be_bytes([0, *a, *b, *c]),
        range: (
            u64::from_be_bytes(number(8)?),
            u64::from_be_bytes(number(16)?),
        ),
    })
}

impl Origin {
    /// Reads both ends; `named` is the range of update indexes that the table's name gives.
    pub(super) fn find(
        bytes: &[u8],
        hash: HashId,
        named: Option<(u64, u64)>,
    ) -> Result<Origin, String> {
        if let Some(origin) = Origin::of_sound_footer(bytes) {
            return Ok(origin);
        }
        let (header_len, footer_len) = match Header::version_for(hash) {
            1 => (24, 68),
            _ => (28, 72),
        };
        let (footer_at, is_whole) = find_footer(bytes, header_len, footer_len);
        let back = bytes.get(footer_at..).unwrap_or_default();
        let has_magic = bytes.starts_with(&MAGIC) && bytes.len() >= header_len;
        let front = fields(bytes).filter(|_| has_magic);
        let copy = fields(back).filter(|_| is_whole);
        let header = Header {
            version: Header::version_for(hash),
            block_size: front.or(copy).map_or(DEFAULT_BLOCK_SIZE, |f| f.block_size),
            min_update_index: 0,
            max_update_index: 0,
            hash,
        };
        if let (Ok(found), true) = (Header::decode(bytes), is_whole) {
            if found.hash != hash {
                return Err(format!("its hash is {}, not {hash}", found.hash));
            }
        }
        let (min_update_index, max_update_index) = choose_range(front, copy, named)
            .ok_or("header and name do not tell its update indexes")?;
        let sizes = [front, copy].into_iter().flatten();
        Ok(Origin {
            header: Header {
                min_update_index,
                max_update_index,
                ..header
            },
            footer: None,
            hints: positions_in(back.get(header_len..).unwrap_or_default()),
            block_sizes: block_sizes(sizes.map(|fields| fields.block_size)),
            end: footer_at,
            is_whole,
        })
    }

    /// A footer with the right checksum vouches for all that it says, also where more bytes follow it.
    fn of_sound_footer(bytes: &[u8]) -> Option<Origin> {
        memmem::rfind_iter(bytes, &MAGIC).find_map(|at| {
            let back = bytes.get(at..)?;
            let header = Header::decode(back).ok()?;
            let back = back.get(..header.footer_len())?;
            let footer = Footer::decode(back, &header, back).ok()?;
            let is_sane = at >= header.len() && header.min_update_index <= header.max_update_index;
            is_sane.then(|| Origin {
                block_sizes: block_sizes([header.block_size]),
                header,
                footer: Some(footer),
                hints: Vec::new(),
                end: at,
                is_whole: true,
            })
        })
    }
}

/// Where a footer starts whose checksum is wrong, or the end of the bytes, and whether there is one.
fn find_footer(bytes: &[u8], header_len: usize, footer_len: usize) -> (usize, bool) {
    let front = bytes.get(..header_len).unwrap_or_default();
    let is_copy = |at: usize| {
        let copy = bytes.get(at..).unwrap_or_default();
        let equal = copy.iter().zip(front).filter(|(one, other)| one == other);
        // Of a footer that was cut off there may be less than the copy of the header.
        copy.len() >= 8 && equal.count() + 4 >= header_len.min(copy.len())
    };
    let last = bytes.len().saturating_sub(footer_len);
    if last >= header_len && is_copy(last) {
        return (last, true);
    }
    let found = memmem::rfind_iter(bytes.get(last..).unwrap_or_default(), &MAGIC)
        .map(|at| last + at)
        .find(|at| *at >= header_len && is_copy(*at));
    match found {
        Some(at) => (at, true),
        None => (bytes.len(), false),
    }
}

/// The range that two of header, its copy and the name agree on; else the first that can be one.
fn choose_range(
    front: Option<Fields>,
    copy: Option<Fields>,
    named: Option<(u64, u64)>,
) -> Option<(u64, u64)> {
    let ranges = [front.map(|f| f.range), named, copy.map(|f| f.range)];
    let sane = |range: &(u64, u64)| range.0 <= range.1;
    let ranges: Vec<_> = ranges.into_iter().flatten().filter(sane).collect();
    // A header that says something else than the name, without a copy that contradicts it.
    let is_other = |front: Fields, named: (u64, u64)| {
        front.range != named && copy.is_none_or(|copy| copy.range != named)
    };
    if let (Some(front), Some(named)) = (front, named) {
        if is_other(front, named) {
            return None;
        }
    }
    let agreed = ranges
        .iter()
        .find(|range| ranges.iter().filter(|other| other == range).count() > 1);
    agreed.or(named.as_ref()).or(ranges.first()).copied()
}

/// The positions of sections in the part of a footer after the copy of the header.
fn positions_in(bytes: &[u8]) -> Vec<u64> {
    let numbers = bytes.chunks_exact(8).take(5).enumerate();
    let numbers = numbers.filter_map(|(field, bytes)| {
        let number = u64::from_be_bytes(*bytes.first_chunk()?);
        // The position of the object section shares its field with the length of ids.
        Some(if field == 1 { number >> 5 } else { number })
    });
    numbers.collect()
}

fn block_sizes(sizes: impl IntoIterator<Item = u32>) -> Vec<usize> {
    let sizes = sizes.into_iter().map(|size| size as usize);
    let mut sizes: Vec<usize> = sizes.filter(|size| *size >= 64).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}
