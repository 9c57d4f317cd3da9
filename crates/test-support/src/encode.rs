//! A little encoder of tables that obeys no rule, written apart from the crate's own.
//!
//! It makes the damaged tables that no writer would make: every prefix, length, restart and
//! position is the caller's.

use std::io::Write;

/// The bytes of a number of variable length.
pub fn varint(value: u64) -> Vec<u8> {
    let mut out = vec![(value & 0x7f) as u8];
    let mut rest = value >> 7;
    while rest != 0 {
        rest -= 1;
        out.insert(0, 0x80 | (rest & 0x7f) as u8);
        rest >>= 7;
    }
    out
}

/// A string: its length, its bytes.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// The bytes of a record.
pub fn record(prefix: u64, suffix: &[u8], kind: u8, value: &[u8]) -> Vec<u8> {
    let lengths = [
        varint(prefix),
        varint((suffix.len() as u64) << 3 | u64::from(kind)),
    ]
    .concat();
    [&lengths, suffix, value].concat()
}

/// The value of a ref with an id: the delta of the update index, then the id.
pub fn object(id_byte: u8) -> Vec<u8> {
    [varint(0), vec![id_byte; 20]].concat()
}

/// The key of a log record.
pub fn log_key(name: &[u8], update_index: u64) -> Vec<u8> {
    [name, &[0], &(!update_index).to_be_bytes()].concat()
}

/// The value of a log entry.
pub fn log_entry(message: &[u8]) -> Vec<u8> {
    let ids = [vec![1; 20], vec![2; 20]].concat();
    let rest = [
        string(b"A U Thor"),
        string(b"a@example.com"),
        varint(1_700_000_000),
    ]
    .concat();
    [ids, rest, vec![0, 0], string(message)].concat()
}

/// One block, in the making.
#[derive(Clone, Debug)]
pub struct RawBlock {
    kind: u8,
    /// How many bytes of the file's header the offsets count: its length in the first block.
    header: usize,
    body: Vec<u8>,
    restarts: Vec<u32>,
    restart_count: Option<u16>,
    len: Option<u32>,
    last_key: Vec<u8>,
}

impl RawBlock {
    /// A block that is not the first.
    pub fn new(kind: u8) -> RawBlock {
        RawBlock {
            kind,
            header: 0,
            body: Vec::new(),
            restarts: Vec::new(),
            restart_count: None,
            len: None,
            last_key: Vec::new(),
        }
    }

    /// The first block of a version 1 table.
    pub fn first(kind: u8) -> RawBlock {
        RawBlock {
            header: 24,
            ..RawBlock::new(kind)
        }
    }

    /// A record stored in full, and a restart.
    pub fn full(mut self, key: &[u8], kind: u8, value: &[u8]) -> RawBlock {
        self.restarts.push(self.offset());
        self.last_key = key.to_vec();
        self.bytes(&record(0, key, kind, value))
    }

    /// A record without a restart.
    pub fn shared(mut self, prefix: u64, suffix: &[u8], kind: u8, value: &[u8]) -> RawBlock {
        let shared = self.last_key.get(..prefix as usize).unwrap_or_default();
        self.last_key = [shared, suffix].concat();
        self.bytes(&record(prefix, suffix, kind, value))
    }

    /// Any bytes in place of records.
    pub fn bytes(mut self, bytes: &[u8]) -> RawBlock {
        self.body.extend_from_slice(bytes);
        self
    }

    /// A restart at any offset.
    pub fn restart(mut self, offset: u32) -> RawBlock {
        self.restarts.push(offset);
        self
    }

    /// Puts other offsets into the restart table.
    pub fn restarts(mut self, offsets: &[u32]) -> RawBlock {
        self.restarts = offsets.to_vec();
        self
    }

    pub fn restart_count(mut self, count: u16) -> RawBlock {
        self.restart_count = Some(count);
        self
    }

    pub fn len(mut self, len: u32) -> RawBlock {
        self.len = Some(len);
        self
    }

    /// Where the next record begins, counted as restarts are.
    pub fn offset(&self) -> u32 {
        (self.header + 4 + self.body.len()) as u32
    }

    fn contents(&self) -> Vec<u8> {
        let mut out = self.body.clone();
        for restart in &self.restarts {
            out.extend_from_slice(&restart.to_be_bytes()[1..]);
        }
        let count = self.restart_count.unwrap_or(self.restarts.len() as u16);
        out.extend_from_slice(&count.to_be_bytes());
        out
    }

    fn head(&self, contents: usize) -> Vec<u8> {
        let len = self.len.unwrap_or((self.header + 4 + contents) as u32);
        [&[self.kind][..], &len.to_be_bytes()[1..]].concat()
    }

    /// The bytes in the file, from the block's type on.
    pub fn plain(&self) -> Vec<u8> {
        let contents = self.contents();
        [self.head(contents.len()), contents].concat()
    }

    /// The bytes of a log block.
    pub fn deflated(&self) -> Vec<u8> {
        let contents = self.contents();
        [self.head(contents.len()), zlib(&contents)].concat()
    }
}

/// A zlib stream of these bytes.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A whole table.
#[derive(Clone, Debug)]
pub struct RawTable {
    pub version: u8,
    pub block_size: u32,
    pub min: u64,
    pub max: u64,
    /// Only in version 2.
    pub hash_id: [u8; 4],
    /// Everything between header and footer.
    pub body: Vec<u8>,
    pub ref_index: u64,
    pub objects: u64,
    pub object_id_len: u64,
    pub object_index: u64,
    pub log: u64,
    pub log_index: u64,
}

impl RawTable {
    /// A version 1 table without padding, of update index 1 alone.
    pub fn new() -> RawTable {
        RawTable {
            version: 1,
            block_size: 0,
            min: 1,
            max: 1,
            hash_id: *b"sha1",
            body: Vec::new(),
            ref_index: 0,
            objects: 0,
            object_id_len: 0,
            object_index: 0,
            log: 0,
            log_index: 0,
        }
    }

    /// The position at which the next bytes come to stand.
    pub fn end(&self) -> u64 {
        (self.header().len() + self.body.len()) as u64
    }

    /// Appends bytes; gives their position.
    pub fn push(&mut self, bytes: &[u8]) -> u64 {
        let position = self.end();
        self.body.extend_from_slice(bytes);
        position
    }

    /// Fills up with NUL bytes to a multiple of the block size.
    pub fn pad(&mut self) {
        let size = u64::from(self.block_size);
        while self.end() % size != 0 {
            self.body.push(0);
        }
    }

    pub fn header(&self) -> Vec<u8> {
        let mut out = b"REFT".to_vec();
        out.push(self.version);
        out.extend_from_slice(&self.block_size.to_be_bytes()[1..]);
        out.extend_from_slice(&self.min.to_be_bytes());
        out.extend_from_slice(&self.max.to_be_bytes());
        if self.version == 2 {
            out.extend_from_slice(&self.hash_id);
        }
        out
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = [self.header(), self.body.clone(), self.header()].concat();
        let objects = self.objects << 5 | self.object_id_len;
        for field in [
            self.ref_index,
            objects,
            self.object_index,
            self.log,
            self.log_index,
        ] {
            out.extend_from_slice(&field.to_be_bytes());
        }
        out.extend_from_slice(&[0; 4]);
        seal(&mut out);
        out
    }
}

/// Length of the footer of these bytes of a table.
pub fn footer_len(table: &[u8]) -> usize {
    if table.get(4) == Some(&2) { 72 } else { 68 }
}

/// Puts the right checksum into a footer that was changed.
pub fn seal(table: &mut [u8]) {
    let end = table.len() - 4;
    let start = table.len() - footer_len(table);
    let crc = crc32fast::hash(&table[start..end]);
    table[end..].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn encoder_of_tests_writes_the_examples_of_the_format() {
    assert_eq!(varint(16511), [0xff, 0x7f]);
    assert_eq!(varint(16512), [0x80, 0x80, 0x00]);
    assert_eq!(
        varint(u64::MAX),
        [0x80, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0xfe, 0x7f]
    );
    let example = super::corpus::tables()
        .into_iter()
        .find(|t| t.name == "ex1-one-ref-v1.ref")
        .unwrap();
    let bytes = example.bytes();
    let mut table = RawTable::new();
    table.block_size = 4096;
    (table.min, table.max) = (3, 3);
    let value = [varint(0), bytes[46..66].to_vec()].concat();
    table.push(
        &RawBlock::first(b'r')
            .full(b"refs/heads/main", 1, &value)
            .plain(),
    );
    assert_eq!(table.bytes(), bytes);
}
