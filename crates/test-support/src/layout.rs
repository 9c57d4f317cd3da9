//! The blocks of a sound table, found by a walk that shares nothing with the crate.

use std::io::Read;

/// A block and where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Position as indexes name it: 0 for the first, if that counts the file's header.
    pub position: usize,
    pub kind: u8,
    /// The block's own length; of a log block, the inflated one.
    pub len: usize,
    /// Bytes in the file.
    pub in_file: usize,
    /// NUL bytes behind it.
    pub padding: usize,
}

/// The fields of a footer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    pub start: usize,
    pub header_len: usize,
    pub block_size: usize,
    pub ref_index: usize,
    pub objects: usize,
    pub object_id_len: usize,
    pub object_index: usize,
    pub log: usize,
    pub log_index: usize,
}

pub fn footer(table: &[u8]) -> Footer {
    let header_len = if table[4] == 2 { 28 } else { 24 };
    let start = table.len() - super::encode::footer_len(table);
    let field = |n: usize| {
        let at = start + header_len + 8 * n;
        u64::from_be_bytes(table[at..at + 8].try_into().unwrap()) as usize
    };
    Footer {
        start,
        header_len,
        block_size: be24(&table[5..8]),
        ref_index: field(0),
        objects: field(1) >> 5,
        object_id_len: field(1) & 31,
        object_index: field(2),
        log: field(3),
        log_index: field(4),
    }
}

/// All blocks, in order of the file.
pub fn blocks(table: &[u8]) -> Vec<Placed> {
    let footer = footer(table);
    let mut found = Vec::new();
    let own_block = footer.log == footer.header_len;
    let mut position = if own_block { footer.header_len } else { 0 };
    while position < footer.start && footer.start > footer.header_len {
        let head = position + if position == 0 { footer.header_len } else { 0 };
        let (kind, len) = (table[head], be24(&table[head + 1..head + 4]));
        let end = match kind {
            b'g' => head + 4 + deflated_len(&table[head + 4..footer.start]),
            _ => position + len,
        };
        let zeros = table[end..footer.start].iter().take_while(|b| **b == 0);
        let padding = zeros.count();
        found.push(Placed {
            position,
            kind,
            len,
            in_file: end - position,
            padding,
        });
        position = end + padding;
    }
    found
}

fn be24(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b))
}

fn deflated_len(input: &[u8]) -> usize {
    let mut decoder = flate2::bufread::ZlibDecoder::new(input);
    std::io::copy(&mut decoder.by_ref(), &mut std::io::sink()).unwrap();
    decoder.total_in() as usize
}

/// Whether a log block holds a single record, which no other layout makes smaller.
fn holds_one_record(table: &[u8], block: &Placed) -> bool {
    let head = block.position
        + if block.position == 0 {
            footer(table).header_len
        } else {
            0
        };
    let mut inflated = Vec::new();
    let mut decoder = flate2::bufread::ZlibDecoder::new(&table[head + 4..]);
    decoder.read_to_end(&mut inflated).unwrap();
    let restarts = 3 * usize::from(*inflated.last().unwrap());
    let mut rest = &inflated[..inflated.len() - 2 - restarts];
    let hash = if table[4] == 2 { 32 } else { 20 };
    varint(&mut rest);
    let suffix = varint(&mut rest);
    rest = &rest[suffix >> 3..];
    if suffix & 7 != 0 {
        rest = &rest[2 * hash..];
        for _ in 0..2 {
            let len = varint(&mut rest);
            rest = &rest[len..];
        }
        varint(&mut rest);
        rest = &rest[2..];
        let len = varint(&mut rest);
        rest = &rest[len..];
    }
    rest.is_empty()
}

fn varint(bytes: &mut &[u8]) -> usize {
    let mut value = 0_usize;
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value = value << 7 | usize::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return value;
        }
        value += 1;
    }
}

/// What every table that this crate writes promises, so that all other readers find every record.
pub fn assert_readable_by_all(what: &str, table: &[u8], padded: bool) {
    let footer = footer(table);
    let blocks = blocks(table);
    let size = footer.block_size;
    assert_eq!(
        size != 0,
        padded,
        "{what}: a table says that it is aligned if it is"
    );
    let kinds: Vec<u8> = blocks.iter().map(|b| b.kind).collect();
    let logs = kinds.iter().position(|k| *k == b'g').unwrap_or(kinds.len());
    for (n, block) in blocks.iter().enumerate() {
        if padded && n < logs {
            assert_eq!(block.position % size, 0, "{what}: {block:?} is not aligned");
        }
        if !padded {
            assert_eq!(block.padding, 0, "{what}: padding");
        }
        if block.kind == b'g' && !holds_one_record(table, block) {
            let limit = block.len.max(if size == 0 { 4096 } else { size });
            assert!(
                block.in_file <= limit,
                "{what}: {block:?} has more than {limit} bytes"
            );
        }
    }
    assert_eq!(
        blocks.last().map_or(0, |b| b.padding),
        0,
        "{what}: padding before the footer"
    );
    for root in [footer.ref_index, footer.object_index, footer.log_index] {
        if root != 0 {
            let at = blocks.iter().position(|b| b.position == root);
            let at = at.unwrap_or_else(|| panic!("{what}: no block at {root}"));
            assert_eq!(blocks[at].kind, b'i', "{what}: root at {root}");
            let next = blocks.get(at + 1).map_or(0, |b| b.kind);
            assert_ne!(next, b'i', "{what}: root of several blocks at {root}");
        }
    }
    let log_blocks = kinds.iter().filter(|k| **k == b'g').count();
    // Where an index block may hold one key alone, an index is as long as what it lists, and left out.
    if log_blocks > 1 && (!padded || size >= 1024) {
        assert_ne!(
            footer.log_index, 0,
            "{what}: {log_blocks} log blocks without index"
        );
    }
    if footer.objects != 0 {
        assert!(
            (2..=31).contains(&footer.object_id_len),
            "{what}: id length"
        );
    }
}
