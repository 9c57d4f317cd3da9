//! Walking through the records of a block.

use super::reader::Block;
use crate::error::Defect;
use crate::format::key::{KeyBuf, KeyHead, ShortHead, common_prefix, compare_after};
use crate::format::{Cursor, Flaw, Parse};
use crate::record::{Context, Kind};
use std::cmp::Ordering;

/// A position among the records of a block, and the record before it.
///
/// The key is kept from block to block, so that the order is checked across their borders too.
#[derive(Debug)]
pub(crate) struct Records<K: Kind> {
    next: usize,
    /// What the next key has to come after; empty if that is not known.
    key: KeyBuf,
    /// How many bytes the key shares with the one before it, which may be more than the record
    /// says.
    shared: usize,
    span: K::Span,
}

impl<K: Kind> Default for Records<K> {
    fn default() -> Self {
        Records {
            next: 0,
            key: KeyBuf::default(),
            shared: 0,
            span: K::Span::default(),
        }
    }
}

impl<K: Kind> Records<K> {
    /// Goes in front of the first record of a block; its key must come after the last one seen.
    pub(crate) fn enter(&mut self, block: &Block) {
        self.next = block.first_record();
        // The first key of a block shares nothing. One that claims to shall not find anything.
        if block
            .records()
            .get(self.next)
            .is_some_and(|prefix| *prefix != 0)
        {
            self.forget();
        }
    }

    /// Goes in front of the record at `offset`, whose key stands there in full.
    pub(crate) fn enter_at(&mut self, offset: usize) {
        self.forget();
        self.next = offset;
    }

    /// Forgets the last key.
    pub(crate) fn forget(&mut self) {
        self.key.replace(0, &[], 0);
    }

    /// The key of the current record.
    #[inline]
    pub(crate) fn key(&self) -> &[u8] {
        self.key.as_slice()
    }

    /// The order of the current key and that of others, which share their first `shared` bytes, and
    /// how many more they share.
    #[inline(always)]
    pub(crate) fn compare_from(&self, other: &Records<K>, shared: usize) -> (Ordering, usize) {
        self.key.compare_from(&other.key, shared)
    }

    /// The value of the current record.
    #[inline]
    pub(crate) fn span(&self) -> K::Span {
        self.span
    }

    /// Offset of the record that comes next.
    pub(crate) fn next_offset(&self) -> usize {
        self.next
    }

    /// The current record; `block` is the one that [`Records::advance`] was given.
    #[inline(always)]
    pub(crate) fn record<'a>(&'a self, block: &'a Block, context: &Context) -> K::Record<'a> {
        K::record(self.key.as_slice(), self.span, block.bytes(), context)
    }

    /// How many bytes the key of the current record shares with that of the record before it.
    #[inline(always)]
    pub(crate) fn shared(&self) -> usize {
        self.shared
    }

    /// Goes to the next record; false at the end of the block.
    #[inline(always)]
    pub(crate) fn advance(&mut self, block: &Block, context: &Context) -> Parse<bool> {
        match self.advance_short(block, context) {
            true => Ok(true),
            false => self.advance_any(block, context),
        }
    }

    /// Goes to the next record if that is of the form which nearly all have: a short name that
    /// differs from the one before in the first byte that is its own, and a value of fixed length.
    /// False, and nothing done, for all others, for damaged ones and at the end.
    ///
    /// A scan does this for every ref. What it reads lies in an array, so that there is one check
    /// that the bytes are there instead of one for each.
    #[inline(always)]
    pub(crate) fn advance_short(&mut self, block: &Block, context: &Context) -> bool {
        let Some(window) = block.window(self.next) else {
            return false;
        };
        let Some(head) = ShortHead::read(window) else {
            return false;
        };
        let value_at = self.next.wrapping_add(head.len());
        let Some((span, next)) =
            K::read_short(head.extra, head.value_start(window), value_at, context)
        else {
            return false;
        };
        if next > block.records_end() || !self.key.take_short(&head) {
            return false;
        }
        self.span = span;
        self.shared = head.prefix;
        self.next = next;
        true
    }

    /// Goes to the next record, whatever form it has; false at the end of the block.
    #[inline(never)]
    pub(crate) fn advance_any(&mut self, block: &Block, context: &Context) -> Parse<bool> {
        let records = block.records();
        let start = self.next;
        if start >= records.len() {
            return Ok(false);
        }
        let flaw = |defect| Flaw {
            defect,
            offset: start,
        };
        let mut cursor = Cursor::at(records, start);
        let head = KeyHead::read(&mut cursor)?;
        let Some(differing) = self.key.as_slice().get(head.prefix..) else {
            return Err(flaw(Defect::BadPrefix));
        };
        if head.prefix == 0 && head.suffix.is_empty() {
            return Err(flaw(Defect::EmptyKey));
        }
        let more = common_prefix(head.suffix, differing);
        if compare_after(head.suffix, differing, more) != Ordering::Greater {
            return Err(flaw(Defect::KeyOrder));
        }
        let suffix_at = cursor.offset().wrapping_sub(head.suffix.len());
        let rest = records.get(suffix_at..).unwrap_or_default();
        self.key.replace(head.prefix, rest, head.suffix.len());
        K::check_key(self.key.as_slice(), head.suffix, context).map_err(flaw)?;
        self.span = K::read_value(&mut cursor, head.extra, context)?;
        self.shared = head.prefix.wrapping_add(more);
        self.next = cursor.offset();
        Ok(true)
    }

    /// Goes in front of the first record at or after `key`; false if the block has none.
    pub(crate) fn seek(&mut self, block: &Block, key: &[u8], context: &Context) -> Parse<bool> {
        self.forget();
        let Some(found) = block.locate::<K>(key, context)? else {
            return Ok(false);
        };
        // What the record's key shares with the one before it, it shares with the wanted one.
        self.key.replace(0, key, found.prefix);
        self.next = found.start;
        Ok(true)
    }
}

/// A walk through a block from its first record on, which counts the restarts that it meets.
///
/// A lookup enters a block at a restart. Where damage lets the walk step over one, lookups see
/// other records than it does.
#[derive(Debug, Default)]
pub(crate) struct RestartsMet(usize);

impl RestartsMet {
    /// Goes to the next record, as [`Records::advance`] does.
    pub(crate) fn advance<K: Kind>(
        &mut self,
        records: &mut Records<K>,
        block: &Block,
        context: &Context,
    ) -> Parse<bool> {
        let start = records.next_offset();
        if !records.advance(block, context)? {
            return Ok(false);
        }
        if self.0 < block.restart_count && block.restart(self.0)? == start {
            self.0 = self.0.saturating_add(1);
        }
        Ok(true)
    }

    /// Whether, at the end of the block, no restart was stepped over.
    pub(crate) fn are_all(&self, block: &Block) -> bool {
        self.0 == block.restart_count
    }
}

#[cfg(test)]
#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may fail"
)]
mod tests {
    use super::*;
    use crate::block::{BlockHead, BlockWriter, Placement};
    use crate::format::BlockType;
    use crate::record::{RefRecord, RefValue, Refs};

    const CONTEXT: Context = Context {
        id_len: 20,
        min_update_index: 7,
        max_update_index: 7 + 1000,
        obj_id_len: 0,
    };

    fn block_of_refs() -> Vec<u8> {
        let mut names: Vec<String> = (0..60u64)
            .map(|n| {
                let tail = "x".repeat([0, 1, 3, 14, 15, 16, 40][n as usize % 7]);
                format!("refs/{}/{}{tail}", ["heads", "tags"][n as usize % 2], n * n)
            })
            .collect();
        names.sort();
        let mut writer = BlockWriter::new(BlockType::Ref, &[], 1 << 16, 16);
        for (n, name) in names.iter().enumerate() {
            let value = match n % 5 {
                0 => RefValue::Deletion,
                1 => RefValue::Symref(b"refs/heads/main"),
                2 => RefValue::Peeled {
                    id: &[1; 20],
                    peeled: &[2; 20],
                },
                _ => RefValue::Object(&[0; 20]),
            };
            let record = RefRecord {
                name: name.as_bytes(),
                update_index: 7 + (n as u64 * 131) % 900,
                value,
            };
            let put = |out: &mut Vec<u8>| record.put_value(out, CONTEXT.min_update_index);
            assert!(writer.add(record.name, record.value_type(), put));
        }
        writer.finish().to_vec()
    }

    fn open(bytes: &[u8]) -> Parse<Block> {
        let place = Placement {
            position: 24,
            header_off: 0,
            room: bytes.len() as u64,
        };
        let head = BlockHead::read(bytes, &place)?;
        Block::plain(bytes.to_vec().into(), head, place)
    }

    /// All records, and how the walk ended.
    fn walk(
        block: &Block,
        step: impl Fn(&mut Records<Refs>, &Block, &Context) -> Parse<bool>,
    ) -> (Vec<String>, Parse<bool>) {
        let mut records = Records::<Refs>::default();
        records.enter(block);
        let mut seen = Vec::new();
        loop {
            match step(&mut records, block, &CONTEXT) {
                Ok(true) => seen.push(format!(
                    "{:?} {} {}",
                    records.record(block, &CONTEXT),
                    records.shared(),
                    records.next_offset()
                )),
                end => return (seen, end),
            }
        }
    }

    /// So do two ways to a record by its name.
    #[test]
    fn short_records_are_looked_up_as_all_others_are() {
        let sound = block_of_refs();
        let block = open(&sound).unwrap();
        let mut names = vec![b"a".to_vec(), b"refs/tags/~".to_vec()];
        let mut records = Records::<Refs>::default();
        records.enter(&block);
        while records.advance(&block, &CONTEXT).unwrap() {
            names.push(records.key().to_vec());
            names.push([records.key(), b"!"].concat());
        }
        let look_up = |block: &Block, fast: bool, name: &[u8]| {
            let found = match fast {
                true => block.locate_by::<Refs, true>(name, &CONTEXT),
                false => block.locate_by::<Refs, false>(name, &CONTEXT),
            };
            format!("{found:?}")
        };
        let mut answers = std::collections::BTreeSet::new();
        for at in 0..sound.len() - 2 {
            for flip in [0x00, 0x01, 0x08, 0x80] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                let Ok(block) = open(&bytes) else { continue };
                for name in names.iter().skip(at % 7).step_by(7) {
                    let fast = look_up(&block, true, name);
                    assert_eq!(fast, look_up(&block, false, name), "{at} {flip:x}");
                    answers.insert(fast);
                }
            }
        }
        for answer in [
            "BadPrefix",
            "UpdateIndexRange",
            "RecordTruncated",
            "None",
            "exact: true",
        ] {
            assert!(answers.iter().any(|seen| seen.contains(answer)), "{answer}");
        }
    }

    /// Two ways lead from a record to the next one. Whatever is in a block, they lead to the same.
    #[test]
    fn short_records_are_read_as_all_others_are() {
        let sound = block_of_refs();
        let (seen, end) = walk(&open(&sound).unwrap(), Records::advance);
        assert_eq!((seen.len(), end), (60, Ok(false)));
        let mut defects = std::collections::BTreeSet::new();
        for at in 4..sound.len() - 2 {
            for flip in [0x01, 0x08, 0x80, 0xff] {
                let mut bytes = sound.clone();
                bytes[at] ^= flip;
                let block = open(&bytes).unwrap();
                let short = walk(&block, Records::advance);
                assert_eq!(short, walk(&block, Records::advance_any), "{at} {flip:x}");
                defects.extend(short.1.err().map(|flaw| format!("{:?}", flaw.defect)));
            }
        }
        for defect in [
            "BadPrefix",
            "KeyOrder",
            "NameNul",
            "UpdateIndexRange",
            "RecordTruncated",
        ] {
            assert!(defects.contains(defect), "{defect} of {defects:?}");
        }
    }
}
