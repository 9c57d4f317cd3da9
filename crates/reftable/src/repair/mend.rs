//! What one damaged block still has.

use super::blocks::{Walk, own_log, own_ref};
use super::intervals::{self, Piece};
use crate::block::{Block, BlockHead, Placement};
use crate::format::{BLOCK_HEADER_LEN, BlockType, MAX_BLOCK_LEN};
use crate::record::{LogRecordBuf, Logs, RefRecordBuf, Refs};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status};

/// The smallest block: a record of one byte, one restart and the count of restarts.
const LEAST_RECORDS: usize = 1 + 3 + 2;

/// So many zeros at the end of a file were never written.
const WIPED: usize = 8;

impl Walk<'_> {
    /// The records of the ref block at `position`, which ends at `next` at the latest.
    pub(super) fn mend_ref_block(
        &mut self,
        position: usize,
        next: usize,
    ) -> Vec<Piece<RefRecordBuf>> {
        let place = self.place(position);
        let least = place.header_off + BLOCK_HEADER_LEN + LEAST_RECORDS;
        let bytes = self.bytes.slice(position..next);
        // The length in the block may be what is wrong: then some other one fits in all respects.
        let trimmed = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
        // The count of restarts is the last thing, and its last byte may be zero.
        let longest = bytes.len().min(trimmed + 1);
        let mut best: Vec<Piece<RefRecordBuf>> = Vec::new();
        let announced = announced_len(&bytes, &place);
        let lens = announced.into_iter().chain((least..=longest).rev());
        for len in lens.filter(|len| (least..=bytes.len()).contains(len)) {
            let Some(block) = plain(&bytes, len, place) else {
                continue;
            };
            if Some(len) != announced && block.check_restarts().is_err() {
                continue;
            }
            let (pieces, is_sound) = intervals::read::<Refs, _>(&block, &self.context, own_ref);
            if is_sound {
                return pieces;
            }
            if count(&pieces) > count(&best) {
                best = pieces;
            }
        }
        // Zeros at the end are what was never written, and the last record may reach into them.
        let is_cut = next == self.bytes.len() && bytes.len() - trimmed < WIPED;
        let front = without_restarts(&bytes, BlockType::Ref, place)
            .map(|block| intervals::read_front::<Refs, _>(&block, &self.context, own_ref, is_cut));
        match front {
            Some(front) if is_cut && count(&front) > count(&best) => front,
            Some(front) if best.is_empty() => front,
            _ => best,
        }
    }

    /// The records of the log block at `position` if its stream is whole, whatever type and length
    /// say, and where it ends; what comes before the cut if the table ends amid it.
    pub(super) fn mend_log_block(
        &mut self,
        position: usize,
    ) -> Option<(Vec<Piece<LogRecordBuf>>, usize)> {
        let place = self.place(position);
        let start = place.header_off + BLOCK_HEADER_LEN;
        let bytes = self.bytes.slice(position..self.origin.end);
        let (mut out, used, is_whole) = inflate(&bytes, start)?;
        let kind = BlockType::Log;
        let end = position + start + used;
        if is_whole {
            let len = out.len();
            let block = Block::plain(Bytes::from(out), BlockHead { kind, len }, place).ok()?;
            let (pieces, _) = intervals::read::<Logs, _>(&block, &self.context, own_log);
            return (count(&pieces) > 0).then_some((pieces, end));
        }
        // With a whole footer the table was not cut, and the stream is damaged somewhere.
        if self.origin.is_whole {
            return None;
        }
        // Nothing shows whether the stream is the table's last, but its end is that of the file.
        out.shrink_to_fit();
        let block = without_restarts(&out, kind, place)?;
        let pieces = intervals::read_front::<Logs, _>(&block, &self.context, own_log, true);
        (count(&pieces) > 0).then_some((pieces, self.origin.end))
    }
}

fn count<R>(pieces: &[Piece<R>]) -> usize {
    let len = |piece: &Piece<R>| match piece {
        Piece::Interval { records, .. } => records.len(),
        Piece::Stray(_) | Piece::Hole => 0,
    };
    pieces.iter().map(len).sum()
}

fn announced_len(bytes: &[u8], place: &Placement) -> Option<usize> {
    let [a, b, c] = bytes.get(place.header_off + 1..)?.first_chunk()?;
    usize::try_from(u32::from_be_bytes([0, *a, *b, *c])).ok()
}

fn plain(bytes: &Bytes, len: usize, place: Placement) -> Option<Block> {
    let kind = BlockType::Ref;
    Block::plain(bytes.slice(..len), BlockHead { kind, len }, place).ok()
}

/// A block of which only the front is there: one restart, at the first record.
fn without_restarts(bytes: &[u8], kind: BlockType, place: Placement) -> Option<Block> {
    let first = u32::try_from(place.header_off + BLOCK_HEADER_LEN).ok()?;
    let [_, a, b, c] = first.to_be_bytes();
    let bytes = [bytes, &[a, b, c, 0, 1]].concat();
    let len = bytes.len();
    Block::plain(Bytes::from(bytes), BlockHead { kind, len }, place).ok()
}

/// The front of a log block and what its stream inflates to, how many bytes of the file the stream
/// took, and whether it ended with the right checksum. `None` if it is damaged, and not just cut off.
fn inflate(bytes: &[u8], start: usize) -> Option<(Vec<u8>, usize, bool)> {
    let mut out = bytes.get(..start)?.to_vec();
    let input = bytes.get(start..)?;
    let mut state = Decompress::new(true);
    let mut piece = [0; 1024];
    while out.len() <= MAX_BLOCK_LEN {
        let before = (state.total_in(), state.total_out());
        let consumed = usize::try_from(state.total_in()).ok()?;
        let rest = input.get(consumed..).unwrap_or_default();
        let status = state.decompress(rest, &mut piece, FlushDecompress::None);
        let made = usize::try_from(state.total_out() - before.1).ok()?;
        out.extend_from_slice(piece.get(..made)?);
        let used = usize::try_from(state.total_in()).ok()?;
        match status {
            Ok(Status::StreamEnd) => return Some((out, used, true)),
            Ok(_) if before != (state.total_in(), state.total_out()) => {}
            Ok(_) => return Some((out, used, false)),
            Err(_) => return None,
        }
    }
    None
}
