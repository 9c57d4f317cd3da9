//! A block, loaded and checked as a whole.

use super::deflate::{Inflated, Inflater};
use crate::error::{Defect, Error};
use crate::format::cursor::u24;
use crate::format::key::{KeyHead, ShortOutline, WINDOW, common_prefix, compare_after};
use crate::format::{BLOCK_HEADER_LEN, BlockType, Cursor, Flaw, Parse};
use crate::record::{Context, Kind};
use bytes::Bytes;
use std::cmp::Ordering;

/// Where a block stands in its table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    /// Position of the block, from the start of the file.
    pub(crate) position: u64,
    /// Length of the file header if the block starts with it, else 0.
    pub(crate) header_off: usize,
    /// Bytes from the block's start to the end of all blocks: no block reaches beyond.
    pub(crate) room: u64,
}

/// Type and announced length of a block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockHead {
    pub(crate) kind: BlockType,
    /// The length as it stands in the block.
    pub(crate) len: usize,
}

impl BlockHead {
    /// Reads the head of the block that `bytes` begin with.
    pub(crate) fn read(bytes: &[u8], place: &Placement) -> Parse<BlockHead> {
        let mut cursor = Cursor::at(bytes, place.header_off);
        let at = cursor;
        let byte = cursor.u8().map_err(|_| at.flaw(Defect::BadBlockType))?;
        let kind = BlockType::from_byte(byte).ok_or_else(|| at.flaw(Defect::BadBlockType))?;
        let len = cursor.u24().map_err(|_| at.flaw(Defect::BadBlockLen))?;
        // The smallest block has a record of a byte, one restart and the restart count.
        let least = place
            .header_off
            .saturating_add(BLOCK_HEADER_LEN + 1 + 3 + 2);
        if len < least || (kind != BlockType::Log && len as u64 > place.room) {
            return Err(at.flaw(Defect::BadBlockLen));
        }
        Ok(BlockHead { kind, len })
    }
}

/// A block whose records can be read.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// The block from its start to its end, inflated if it is a log block.
    bytes: Bytes,
    pub(crate) kind: BlockType,
    pub(crate) place: Placement,
    /// How many bytes the block takes in the file, without padding.
    pub(crate) stored_len: u64,
    /// Offset of the restart table, where the records end.
    restarts_at: usize,
    pub(crate) restart_count: usize,
}

impl Block {
    /// Takes a block that is not compressed; `bytes` are its `head.len` bytes.
    pub(crate) fn plain(bytes: Bytes, head: BlockHead, place: Placement) -> Parse<Block> {
        Block::new(bytes, head, place, head.len as u64)
    }

    /// The same block in memory of its own, which keeps nothing of the table's source in use.
    pub(crate) fn detached(&self) -> Block {
        Block {
            bytes: Bytes::copy_from_slice(&self.bytes),
            ..self.clone()
        }
    }

    /// Inflates a log block. `bytes` begin with the block; `None` if they end too early.
    pub(crate) fn inflate(
        bytes: &[u8],
        head: BlockHead,
        place: Placement,
        inflater: &mut Inflater,
    ) -> Parse<Option<Block>> {
        let start = place.header_off.saturating_add(BLOCK_HEADER_LEN);
        let flaw = |defect| Flaw {
            defect,
            offset: place.header_off,
        };
        let Some((front, input)) = bytes.split_at_checked(start) else {
            return Ok(None);
        };
        let mut out = Vec::new();
        // Offsets count from the block's start, so the inflated block has its front again.
        let inflated_len = head.len.saturating_sub(start);
        out.reserve_exact(front.len());
        out.extend_from_slice(front);
        match inflater
            .inflate(input, inflated_len, &mut out)
            .map_err(flaw)?
        {
            Inflated::NeedsInput => Ok(None),
            Inflated::Done(consumed) => {
                let stored = start.saturating_add(consumed) as u64;
                Block::new(Bytes::from(out), head, place, stored).map(Some)
            }
        }
    }

    fn new(bytes: Bytes, head: BlockHead, place: Placement, stored_len: u64) -> Parse<Block> {
        let bad = |offset| Flaw {
            defect: Defect::BadRestart,
            offset,
        };
        let len = bytes.len();
        let restart_count = match bytes.last_chunk() {
            Some(count) if len == head.len => usize::from(u16::from_be_bytes(*count)),
            _ => return Err(bad(len)),
        };
        let table_len = restart_count.saturating_mul(3).saturating_add(2);
        let first = place.header_off.saturating_add(BLOCK_HEADER_LEN);
        match len.checked_sub(table_len) {
            Some(restarts_at) if restart_count > 0 && restarts_at > first => Ok(Block {
                bytes,
                kind: head.kind,
                place,
                stored_len,
                restarts_at,
                restart_count,
            }),
            _ => Err(bad(len.saturating_sub(2))),
        }
    }

    /// A block without records, in front of which nothing stands.
    pub(crate) fn none() -> Block {
        Block {
            bytes: Bytes::new(),
            kind: BlockType::Ref,
            place: Placement {
                position: 0,
                header_off: 0,
                room: 0,
            },
            stored_len: 0,
            restarts_at: 0,
            restart_count: 0,
        }
    }

    /// Whether this is [`Block::none`].
    pub(crate) fn is_none(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All bytes.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes up to the end of the records.
    #[inline(always)]
    pub(crate) fn records(&self) -> &[u8] {
        self.bytes.get(..self.restarts_at).unwrap_or_default()
    }

    /// Offset after the last record.
    #[inline(always)]
    pub(crate) fn records_end(&self) -> usize {
        self.restarts_at
    }

    /// The first bytes from `offset` on, whatever they are, if the block has that many.
    #[inline(always)]
    pub(crate) fn window(&self, offset: usize) -> Option<&[u8; WINDOW]> {
        self.bytes.get(offset..)?.first_chunk()
    }

    /// Offset of the first record.
    #[inline]
    pub(crate) fn first_record(&self) -> usize {
        self.place.header_off.wrapping_add(BLOCK_HEADER_LEN)
    }

    /// The error for a flaw in this block of the table `name`.
    #[cold]
    pub(crate) fn error(&self, name: &str, flaw: Flaw) -> Error {
        match self.kind {
            // Inside a log block offsets do not count bytes of the file.
            BlockType::Log => {
                let detail = format!("{} bytes into the inflated block", flaw.offset);
                Error::corrupt_because(name, self.place.position, flaw.defect, detail)
            }
            _ => flaw.at(name, self.place.position),
        }
    }

    /// Position of the first byte after the block.
    pub(crate) fn end(&self) -> u64 {
        self.place.position.saturating_add(self.stored_len)
    }

    /// The offset of the record at restart `n`.
    pub(crate) fn restart(&self, n: usize) -> Parse<usize> {
        let at = self.restarts_at.saturating_add(n.saturating_mul(3));
        let bad = Flaw {
            defect: Defect::BadRestart,
            offset: at,
        };
        let offset = Cursor::at(&self.bytes, at).u24().map_err(|_| bad)?;
        match offset >= self.first_record() && offset < self.restarts_at {
            true => Ok(offset),
            false => Err(bad),
        }
    }

    /// Checks that the restarts ascend and that the first one is the first record.
    pub(crate) fn check_restarts(&self) -> Parse<()> {
        // Every seek of an iterator does this, and there is a block with a flaw in it hardly ever.
        let table = self.bytes.get(self.restarts_at..).unwrap_or_default();
        let number = |bytes: &[u8]| bytes.first_chunk().copied().map_or(0, u24);
        let (mut last, mut ascend) = (0, true);
        for bytes in table.chunks_exact(3).take(self.restart_count) {
            let offset = number(bytes);
            ascend &= offset > last;
            last = offset;
        }
        match ascend && last < self.restarts_at && number(table) == self.first_record() {
            true => Ok(()),
            false => self.find_bad_restart(),
        }
    }

    #[cold]
    fn find_bad_restart(&self) -> Parse<()> {
        let mut last = None;
        for n in 0..self.restart_count {
            let offset = self.restart(n)?;
            let fits = match last {
                None => offset == self.first_record(),
                Some(last) => offset > last,
            };
            if !fits {
                return Err(Flaw {
                    defect: Defect::BadRestart,
                    offset: self.restarts_at.saturating_add(n.saturating_mul(3)),
                });
            }
            last = Some(offset);
        }
        Ok(())
    }

    /// The key at an offset where it stands in full.
    #[inline(always)]
    fn full_key_at(&self, offset: usize) -> Parse<&[u8]> {
        let mut cursor = Cursor::at(self.records(), offset);
        let head = KeyHead::read(&mut cursor)?;
        match head.prefix {
            0 => Ok(head.suffix),
            _ => Err(Flaw {
                defect: Defect::BadPrefix,
                offset,
            }),
        }
    }

    /// The key of the first record.
    pub(crate) fn first_key(&self) -> Parse<&[u8]> {
        self.full_key_at(self.first_record())
    }

    /// Offset of the last restart whose key is at or before `key`; of the first record if none is.
    pub(crate) fn restart_before(&self, key: &[u8]) -> Parse<usize> {
        // Restarts below `low` are at or before `key`, those from `high` on are after it.
        let (mut low, mut high) = (0usize, self.restart_count);
        while low < high {
            let middle = low.midpoint(high);
            let middle_key = self.full_key_at(self.restart(middle)?)?;
            let shared = common_prefix(middle_key, key);
            if compare_after(middle_key, key, shared) == Ordering::Greater {
                high = middle;
            } else {
                low = middle.saturating_add(1);
            }
        }
        match low.checked_sub(1) {
            Some(n) => self.restart(n),
            None => Ok(self.first_record()),
        }
    }

    /// Offset of the last restart at or before `offset`.
    pub(crate) fn restart_at(&self, offset: usize) -> Parse<usize> {
        let (mut low, mut high) = (0usize, self.restart_count);
        while low < high {
            let middle = low.midpoint(high);
            match self.restart(middle)? > offset {
                true => high = middle,
                false => low = middle.saturating_add(1),
            }
        }
        match low.checked_sub(1) {
            Some(n) => self.restart(n),
            None => Ok(self.first_record()),
        }
    }

    /// Looks up the record with exactly `key`, or the first one after it.
    ///
    /// Nothing is copied: the keys on the way are compared where they lie. A key shares `matched`
    /// bytes with the wanted one, and a record that shares more than those with the record before
    /// it is on the same side of the wanted key as that one.
    pub(crate) fn locate<K: Kind>(
        &self,
        key: &[u8],
        context: &Context,
    ) -> Parse<Option<Located<K>>> {
        self.locate_by::<K, true>(key, context)
    }

    /// [`Block::locate`], with or without the fast way to read records.
    #[inline(always)]
    pub(super) fn locate_by<K: Kind, const FAST: bool>(
        &self,
        key: &[u8],
        context: &Context,
    ) -> Parse<Option<Located<K>>> {
        let mut at = self.restart_before(key)?;
        let (mut matched, mut last_len) = (0usize, 0usize);
        while at < self.records_end() {
            let short = match FAST {
                true => self.short_entry::<K>(at, context),
                false => None,
            };
            let Entry { head, span, next } = match short {
                Some(entry) => entry,
                None => self.entry(at, context)?,
            };
            if head.prefix > last_len {
                return Err(Flaw {
                    defect: Defect::BadPrefix,
                    offset: at,
                });
            }
            if head.prefix <= matched {
                let wanted = key.get(head.prefix..).unwrap_or_default();
                let shared = common_prefix(head.suffix, wanted);
                let order = compare_after(head.suffix, wanted, shared);
                if order != Ordering::Less {
                    return Ok(Some(Located {
                        start: at,
                        prefix: head.prefix,
                        exact: order == Ordering::Equal,
                        span,
                        next,
                    }));
                }
                matched = head.prefix.saturating_add(shared);
            }
            last_len = head.prefix.saturating_add(head.suffix.len());
            at = next;
        }
        Ok(None)
    }

    /// The record at an offset.
    #[inline(always)]
    fn entry<K: Kind>(&self, at: usize, context: &Context) -> Parse<Entry<'_, K>> {
        let mut cursor = Cursor::at(self.records(), at);
        let head = KeyHead::read(&mut cursor)?;
        let span = K::read_value(&mut cursor, head.extra, context)?;
        let next = cursor.offset();
        Ok(Entry { head, span, next })
    }

    /// The record at an offset if it has one of the forms that are read fast, as nearly all have.
    #[inline(always)]
    fn short_entry<K: Kind>(&self, at: usize, context: &Context) -> Option<Entry<'_, K>> {
        let outline = ShortOutline::read(self.window(at)?)?;
        let ShortOutline { head, value_start } = outline;
        let value_at = at.wrapping_add(outline.len());
        let (span, next) = K::read_short(head.extra, value_start, value_at, context)?;
        (next <= self.records_end()).then_some(Entry { head, span, next })
    }
}

/// A record as it lies in its block.
struct Entry<'a, K: Kind> {
    head: KeyHead<'a>,
    span: K::Span,
    /// Offset of the record after it.
    next: usize,
}

/// A record that was looked up by its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<K: Kind> {
    /// Offset of the record.
    pub(crate) start: usize,
    /// How many bytes of the key before, and of the wanted one, its key begins with.
    pub(crate) prefix: usize,
    /// Whether it is the wanted key.
    pub(crate) exact: bool,
    pub(crate) span: K::Span,
    /// Offset of the record after it.
    pub(crate) next: usize,
}
