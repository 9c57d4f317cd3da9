//! Filling a block.

use super::deflate::Deflater;
use crate::error::Defect;
use crate::format::key::{common_prefix, put_key};
use crate::format::varint::put_u24;
use crate::format::{BLOCK_HEADER_LEN, BlockType};

/// A restart table has no more entries than this; records beyond it just stand in full.
const MAX_RESTARTS: usize = 65535;

/// A block that takes records until it is full.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    kind: BlockType,
    /// The block so far: what the file has in front of it, the block header, records.
    buf: Vec<u8>,
    /// Length of the file header if it is in front.
    header_off: usize,
    /// Length in bytes that the finished block may have.
    limit: usize,
    restart_interval: u32,
    restarts: Vec<usize>,
    entries: u32,
    last_key: Vec<u8>,
}

impl BlockWriter {
    /// An empty block; `front` is the file header if the block starts the file.
    pub(crate) fn new(
        kind: BlockType,
        front: &[u8],
        limit: usize,
        restart_interval: u32,
    ) -> BlockWriter {
        let mut buf = Vec::with_capacity(limit.min(1 << 16));
        buf.extend_from_slice(front);
        let mut writer = BlockWriter {
            kind,
            buf,
            header_off: front.len(),
            limit,
            restart_interval: restart_interval.max(1),
            restarts: Vec::new(),
            entries: 0,
            last_key: Vec::new(),
        };
        writer.put_header_space();
        writer
    }

    fn put_header_space(&mut self) {
        self.buf.push(self.kind.byte());
        self.buf.extend_from_slice(&[0; 3]);
    }

    /// Empties the block for the next one, which does not start the file.
    pub(crate) fn reset(&mut self, limit: usize) {
        self.buf.clear();
        self.header_off = 0;
        self.limit = limit;
        self.restarts.clear();
        self.entries = 0;
        self.last_key.clear();
        self.put_header_space();
    }

    pub(crate) fn kind(&self) -> BlockType {
        self.kind
    }

    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) fn restarts(&self) -> usize {
        self.restarts.len()
    }

    /// The key of the last record.
    pub(crate) fn last_key(&self) -> &[u8] {
        &self.last_key
    }

    /// Lets the block be of another length when it is finished.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Adds a record whose key comes after the last one's; false, and no change, if the block has
    /// no room for it. `extra` are the three bits of its
    /// head, `put_value` appends the value.
    pub(crate) fn add(
        &mut self,
        key: &[u8],
        extra: u8,
        put_value: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let start = self.buf.len();
        let due = self.entries.checked_rem(self.restart_interval) == Some(0);
        let prefix = match due {
            true => 0,
            false => common_prefix(&self.last_key, key),
        };
        put_key(&mut self.buf, key, prefix, extra);
        put_value(&mut self.buf);
        let restart = prefix == 0 && self.restarts.len() < MAX_RESTARTS;
        let restarts = self.restarts.len().saturating_add(usize::from(restart));
        let table = restarts.saturating_mul(3).saturating_add(2);
        if self.buf.len().saturating_add(table) > self.limit {
            self.buf.truncate(start);
            return false;
        }
        if restart {
            self.restarts.push(start);
        }
        self.entries = self.entries.saturating_add(1);
        self.last_key.truncate(prefix);
        self.last_key
            .extend_from_slice(key.get(prefix..).unwrap_or_default());
        true
    }

    /// Completes the block: restart table, count and length. The bytes begin with the file header
    /// if the block starts the file.
    pub(crate) fn finish(&mut self) -> &[u8] {
        for restart in &self.restarts {
            put_u24(&mut self.buf, *restart);
        }
        let [.., a, b] = self.restarts.len().to_be_bytes();
        self.buf.extend_from_slice(&[a, b]);
        let [.., a, b, c] = self.buf.len().to_be_bytes();
        let len_at = self.header_off.saturating_add(1);
        if let Some(len) = self.buf.get_mut(len_at..len_at.saturating_add(3)) {
            len.copy_from_slice(&[a, b, c]);
        }
        &self.buf
    }

    /// What [`BlockWriter::finish`] completed.
    pub(crate) fn finished(&self) -> &[u8] {
        &self.buf
    }

    /// The records of a block that [`BlockWriter::finish`] completed.
    pub(crate) fn record_bytes(&self) -> &[u8] {
        let start = self.header_off.saturating_add(BLOCK_HEADER_LEN);
        let table = self.restarts.len().saturating_mul(3).saturating_add(2);
        let end = self.buf.len().saturating_sub(table);
        self.buf.get(start..end).unwrap_or_default()
    }

    /// What [`BlockWriter::finish`] completed, with the records deflated into `out`; no longer than
    /// `room` bytes, if it can be.
    pub(crate) fn deflate(
        &self,
        deflater: &mut Deflater,
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Defect> {
        let start = self.header_off.saturating_add(BLOCK_HEADER_LEN);
        let (front, data) = self
            .buf
            .split_at_checked(start)
            .ok_or(Defect::BadBlockLen)?;
        out.clear();
        out.extend_from_slice(front);
        deflater.deflate(data, room.saturating_sub(start), out)
    }
}
