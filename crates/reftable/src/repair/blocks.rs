//! Finding the blocks of a damaged table.
//!
//! A block that is sound as a whole tells where the next one starts. After one that is not, the next
//! is looked for where an index or the footer points, at the next multiple of the block size, and
//! wherever bytes look like a block in all respects: type, length, restarts, records, and
//! a first key after the last one. So damage costs the records of its own block.

use super::intervals::{self, Piece};
use super::origin::Origin;
use crate::block::{Block, BlockHead, Inflater, Placement};
use crate::error::{Corruption, Defect};
use crate::format::{BLOCK_HEADER_LEN, BlockType};
use crate::record::{
    Context, Index, LogRecord, LogRecordBuf, Logs, Objs, RefRecord, RefRecordBuf, Refs,
};
use bytes::Bytes;
use std::collections::BTreeSet;

/// So many places are told; a table of rubbish has no end of them.
const MAX_LOSSES: usize = 100;
/// How many times the length of the table the search for blocks may look at.
const EFFORT: usize = 64;

/// A walk over the blocks of a damaged table, and what it found.
pub(super) struct Walk<'a> {
    pub(super) bytes: &'a Bytes,
    name: &'a str,
    pub(super) origin: &'a Origin,
    pub(super) context: Context,
    /// Where indexes and the footer say that blocks start.
    pointed: BTreeSet<usize>,
    /// Blocks other than those of logs start at multiples of one of these.
    block_sizes: Vec<usize>,
    /// Where the logs start, if the footer tells.
    logs_at: Option<usize>,
    /// Type of the last sound block that was no index block.
    stage: Option<BlockType>,
    /// Whether the refs have ended for certain.
    refs_ended: bool,
    /// The last keys of refs and logs according to their indexes; empty if those do not tell.
    pub(super) last_ref: Vec<u8>,
    pub(super) last_log: Vec<u8>,
    pub(super) inflater: Inflater,
    effort: usize,
    pub(super) refs: Vec<Piece<RefRecordBuf>>,
    pub(super) logs: Vec<Piece<LogRecordBuf>>,
    /// The abbreviated ids of the object section; `None` if it may not be whole.
    pub(super) ids: Option<BTreeSet<Vec<u8>>>,
    pub(super) losses: Vec<Corruption>,
}

/// What a sound block has.
enum Contents {
    Refs(Vec<Piece<RefRecordBuf>>),
    Logs(Vec<Piece<LogRecordBuf>>),
    Ids(Vec<Vec<u8>>),
    /// Positions that an index block points to, and its last key.
    Positions(Vec<usize>, Vec<u8>),
}

pub(super) fn own_ref(record: RefRecord<'_>) -> RefRecordBuf {
    record.to_buf()
}

pub(super) fn own_log(record: LogRecord<'_>) -> LogRecordBuf {
    record.to_buf()
}

impl<'a> Walk<'a> {
    pub(super) fn new(bytes: &'a Bytes, name: &'a str, origin: &'a Origin) -> Walk<'a> {
        let header = &origin.header;
        let footer = origin.footer;
        let position = |position| usize::try_from(position).ok();
        let named = footer.map_or(Vec::new(), |f| {
            vec![f.ref_index, f.obj, f.obj_index, f.log, f.log_index]
        });
        let pointed = named.iter().chain(&origin.hints);
        let pointed = pointed.filter_map(|at| position(*at));
        Walk {
            bytes,
            name,
            origin,
            context: Context {
                id_len: header.hash.len(),
                min_update_index: header.min_update_index,
                max_update_index: header.max_update_index,
                obj_id_len: 0,
            },
            pointed: pointed.filter(|at| *at > 0 && *at < origin.end).collect(),
            block_sizes: origin.block_sizes.clone(),
            logs_at: footer.filter(|f| f.log != 0).and_then(|f| position(f.log)),
            stage: None,
            refs_ended: false,
            last_ref: Vec::new(),
            last_log: Vec::new(),
            inflater: Inflater::default(),
            effort: bytes.len().saturating_mul(EFFORT).saturating_add(1 << 20),
            refs: Vec::new(),
            logs: Vec::new(),
            ids: Some(BTreeSet::new()),
            losses: Vec::new(),
        }
    }

    pub(super) fn lose(&mut self, position: usize, defect: Defect) {
        if self.losses.len() < MAX_LOSSES {
            let corruption = Corruption::new(self.name, position as u64, defect);
            self.losses.push(corruption);
        }
    }

    /// Goes over the whole table.
    pub(super) fn run(&mut self) {
        if self.origin.footer.is_none() {
            self.lose(self.origin.end, Defect::FooterCrc);
        }
        self.collect_pointed();
        let end = self.origin.end;
        let footer_at = self
            .bytes
            .len()
            .checked_sub(self.origin.header.footer_len());
        let mut is_whole = self.origin.is_whole;
        let mut padded_from = None;
        let mut position = 0;
        while position < end {
            if let Some((contents, next)) = self.sound(position) {
                self.check_block_sizes(&contents, next - position);
                self.take(contents);
                padded_from = Some(next);
                position = self.skip_padding(next.max(position + 1));
                continue;
            }
            // Where only the footer has room, after the end of a block, there is what was one.
            if Some(position) == footer_at && self.stage.is_some() {
                is_whole = true;
                break;
            }
            if let Some(next) = self.end_of_padding(padded_from, position) {
                self.lose(position, Defect::BadPadding);
                position = next;
                continue;
            }
            let next = self.next_start(position + 1);
            let next = self.damaged(position, next);
            position = self.skip_padding(next);
        }
        if !is_whole {
            // The table was cut off, and nobody knows how much came after.
            if !self.refs_ended {
                self.refs.push(Piece::Hole);
            }
            self.logs.push(Piece::Hole);
            self.ids = None;
        }
    }

    /// Where the padding after a sound block ends that has something else than zeros in it at
    /// `position`: at the next multiple of the block size, if a sound block starts there.
    fn end_of_padding(&mut self, from: Option<usize>, position: usize) -> Option<usize> {
        let from = from.filter(|_| !self.is_in_logs(position))?;
        let sizes = self.block_sizes.clone();
        let mut ends = sizes.iter().map(|size| from.next_multiple_of(*size));
        let end = ends.find(|end| {
            *end > position && self.pointed.contains(end) || {
                *end > position && self.sound(*end).is_some()
            }
        })?;
        // What is pointed to is a block, however damaged.
        (!self.pointed.contains(&position)).then_some(end)
    }

    /// Skips the zeros up to the next place where a block starts: at a multiple of the block size, or where
    /// an index or the footer points. More zeros are a block that was wiped out.
    fn skip_padding(&self, from: usize) -> usize {
        let aligned = self.block_sizes.iter();
        let aligned = aligned.map(|size| from.next_multiple_of(*size)).min();
        let pointed = self.pointed.range(from..).next().copied();
        let limit = match self.is_in_logs(from) {
            true => None,
            false => aligned.into_iter().chain(pointed).min(),
        };
        let limit = limit.unwrap_or(from).min(self.origin.end);
        let rest = self.bytes.get(from..limit).unwrap_or_default();
        from + rest.iter().take_while(|&&byte| byte == 0).count()
    }

    /// A block that is longer than the block size shows that this is wrong.
    fn check_block_sizes(&mut self, contents: &Contents, len: usize) {
        if !matches!(contents, Contents::Logs(_)) {
            self.block_sizes.retain(|size| *size >= len);
        }
    }

    /// Follows every block that is a sound index block.
    fn collect_pointed(&mut self) {
        let bytes = self.bytes.clone();
        let all = bytes.get(..self.origin.end).unwrap_or_default();
        for at in memchr::memchr_iter(BlockType::Index.byte(), all) {
            if let Some((Contents::Positions(positions, _), _)) = self.sound(at) {
                self.pointed.insert(at);
                self.pointed.extend(positions);
            }
        }
    }

    pub(super) fn place(&self, position: usize) -> Placement {
        Placement {
            position: position as u64,
            header_off: match position {
                0 => self.origin.header.len(),
                _ => 0,
            },
            room: self.origin.end.saturating_sub(position) as u64,
        }
    }

    fn spend(&mut self, effort: usize) -> Option<()> {
        self.effort = self.effort.checked_sub(effort)?;
        Some(())
    }

    /// The block at `position` if nothing is wrong with it, and where it ends.
    fn sound(&mut self, position: usize) -> Option<(Contents, usize)> {
        let place = self.place(position);
        let bytes = self
            .bytes
            .slice(position.min(self.origin.end)..self.origin.end);
        let head = BlockHead::read(&bytes, &place).ok()?;
        if head.kind == BlockType::Log {
            // The two bytes that every zlib stream begins with.
            let at = place.header_off + BLOCK_HEADER_LEN;
            let front = bytes.get(at..)?.first_chunk()?;
            if front[0] & 0xf != 8 || u16::from_be_bytes(*front) % 31 != 0 {
                return None;
            }
            // A stream can make a thousand bytes of each of its own.
            self.spend(head.len.min(bytes.len().saturating_mul(1032)))?;
            let block = Block::inflate(&bytes, head, place, &mut self.inflater).ok()??;
            let end = usize::try_from(block.end()).ok()?;
            let (pieces, is_sound) = intervals::read::<Logs, _>(&block, &self.context, own_log);
            return is_sound.then_some((Contents::Logs(pieces), end));
        }
        let block = Block::plain(bytes.slice(..head.len), head, place).ok()?;
        self.spend(block.restart_count)?;
        block.check_restarts().ok()?;
        self.spend(head.len)?;
        let contents = self.contents(&block)?;
        Some((contents, position + head.len))
    }

    fn contents(&self, block: &Block) -> Option<Contents> {
        match block.kind {
            BlockType::Ref => {
                let (pieces, is_sound) = intervals::read::<Refs, _>(block, &self.context, own_ref);
                is_sound.then_some(Contents::Refs(pieces))
            }
            BlockType::Obj => {
                let context = Context {
                    obj_id_len: block.first_key().ok()?.len(),
                    ..self.context
                };
                let (pieces, is_sound) =
                    intervals::read::<Objs, _>(block, &context, |record| record.0.to_vec());
                is_sound.then(|| Contents::Ids(records(pieces).collect()))
            }
            BlockType::Index => {
                let (pieces, is_sound) =
                    intervals::read::<Index, _>(block, &self.context, |record| record.1);
                let last_key = last_key(&pieces)?.to_vec();
                let positions: Vec<u64> = records(pieces).collect();
                let points_back = positions.iter().all(|at| *at < block.place.position);
                let positions = positions.into_iter().filter_map(|at| at.try_into().ok());
                (is_sound && points_back)
                    .then(|| Contents::Positions(positions.collect(), last_key))
            }
            BlockType::Log => None,
        }
    }

    fn take(&mut self, contents: Contents) {
        match contents {
            Contents::Refs(pieces) => {
                self.stage = Some(BlockType::Ref);
                self.refs.extend(pieces);
            }
            Contents::Logs(pieces) => {
                self.stage = Some(BlockType::Log);
                self.refs_ended = true;
                self.logs.extend(pieces);
            }
            Contents::Ids(found) => {
                self.stage = Some(BlockType::Obj);
                self.refs_ended = true;
                if let Some(ids) = &mut self.ids {
                    ids.extend(found);
                }
            }
            Contents::Positions(_, last_key) => match self.stage {
                Some(BlockType::Ref) => {
                    self.refs_ended = true;
                    self.last_ref = last_key.max(std::mem::take(&mut self.last_ref));
                }
                Some(BlockType::Log) => {
                    self.last_log = last_key.max(std::mem::take(&mut self.last_log));
                }
                _ => {}
            },
        }
    }

    fn is_in_logs(&self, position: usize) -> bool {
        self.stage == Some(BlockType::Log) || self.logs_at.is_some_and(|logs| position >= logs)
    }

    /// The next place at which a block may start.
    fn next_start(&mut self, from: usize) -> usize {
        let pointed = self.pointed.range(from..).next().copied();
        // In front of the logs, that is: their blocks are nowhere aligned.
        let sizes = self.block_sizes.iter();
        let aligned = sizes.map(|size| from.next_multiple_of(*size)).min();
        let aligned = aligned.filter(|_| !self.is_in_logs(from));
        let limit = [pointed, aligned, Some(self.origin.end)];
        let limit = limit.into_iter().flatten().min().unwrap_or(from);
        let last_key = last_key(&self.refs).map(<[u8]>::to_vec);
        let bytes = self.bytes.clone();
        let between = bytes.get(from..limit).unwrap_or_default();
        for (offset, byte) in between.iter().enumerate() {
            if BlockType::from_byte(*byte).is_none() {
                continue;
            }
            let found = self.sound(from + offset);
            let fits = match &found {
                Some((Contents::Refs(pieces), _)) => {
                    !self.is_in_logs(from) && first_key(pieces) > last_key.as_deref()
                }
                Some((Contents::Ids(_), _)) => !self.is_in_logs(from),
                found => found.is_some(),
            };
            if fits {
                return from + offset;
            }
        }
        limit
    }

    /// Which sections a damaged block at `position` may belong to, when the next one is at `next`.
    fn kinds_at(&mut self, position: usize, next: usize) -> Vec<BlockType> {
        use BlockType::{Index, Log, Obj, Ref};
        let at = position + self.place(position).header_off;
        let found = self
            .bytes
            .get(at)
            .and_then(|byte| BlockType::from_byte(*byte));
        if let (Some(footer), found) = (self.origin.footer, found) {
            if found == Some(Index) {
                return vec![Index];
            }
            let position = position as u64;
            let starts = [
                (Index, footer.ref_index),
                (Obj, footer.obj),
                (Index, footer.obj_index),
                (Log, footer.log),
                (Index, footer.log_index),
            ]
            .into_iter();
            let mut starts = starts.filter(|(_, start)| *start != 0 && *start <= position);
            return vec![match (starts.next_back(), self.stage) {
                (Some((kind, _)), _) => kind,
                // Logs alone start the file, and the footer need not say so.
                (None, Some(Log)) => Log,
                (None, None) if found == Some(Log) => Log,
                _ => Ref,
            }];
        }
        let can_be = |kind: BlockType, stage| match stage {
            None => matches!(kind, Ref | Log),
            Some(Log) => matches!(kind, Log | Index),
            Some(Obj) => kind != Ref,
            _ => true,
        };
        if let Some(kind) = found.filter(|kind| can_be(*kind, self.stage)) {
            return vec![kind];
        }
        let after = match self.sound(next) {
            Some((Contents::Refs(_), _)) => Some(Ref),
            Some((Contents::Ids(_), _)) => Some(Obj),
            Some((Contents::Logs(_), _)) => Some(Log),
            Some((Contents::Positions(..), _)) | None => None,
        };
        let mut kinds = vec![Ref, Obj, Log];
        kinds.retain(|kind| can_be(*kind, self.stage));
        match after {
            Some(Ref) => kinds.retain(|kind| *kind == Ref),
            Some(Obj) => kinds.retain(|kind| *kind != Log),
            _ => {}
        }
        kinds
    }

    /// Saves what can be saved of the block at `position`, which ends before `next`; where the next
    /// one is.
    fn damaged(&mut self, position: usize, next: usize) -> usize {
        let kinds = self.kinds_at(position, next);
        let defect = match self.place(position) {
            place
                if BlockHead::read(self.bytes.get(position..).unwrap_or_default(), &place)
                    .is_err() =>
            {
                Defect::BadBlockLen
            }
            _ if kinds == [BlockType::Log] => Defect::Zlib,
            _ => Defect::BadRestart,
        };
        self.lose(position, defect);
        if kinds.contains(&BlockType::Obj) {
            self.ids = None;
        }
        if kinds.contains(&BlockType::Log) {
            if let Some((pieces, end)) = self.mend_log_block(position) {
                self.take(Contents::Logs(pieces));
                return end.max(position + 1);
            }
        }
        if kinds.contains(&BlockType::Ref) {
            let pieces = self.mend_ref_block(position, next);
            if pieces
                .iter()
                .any(|piece| matches!(piece, Piece::Interval { .. }))
            {
                self.take(Contents::Refs(pieces));
                return next;
            }
            self.refs.push(Piece::Hole);
        }
        if kinds.contains(&BlockType::Log) {
            self.logs.push(Piece::Hole);
        }
        next
    }
}

fn records<R>(pieces: Vec<Piece<R>>) -> impl Iterator<Item = R> {
    let intervals = pieces.into_iter().filter_map(|piece| match piece {
        Piece::Interval { records, .. } => Some(records),
        Piece::Stray(_) | Piece::Hole => None,
    });
    intervals.flatten().map(|keyed| keyed.record)
}

fn last_key<R>(pieces: &[Piece<R>]) -> Option<&[u8]> {
    pieces.iter().rev().find_map(|piece| match piece {
        Piece::Interval { records, .. } => Some(records.last()?.key.as_slice()),
        Piece::Stray(_) | Piece::Hole => None,
    })
}

fn first_key<R>(pieces: &[Piece<R>]) -> Option<&[u8]> {
    pieces.iter().find_map(|piece| match piece {
        Piece::Interval { records, .. } => Some(records.first()?.key.as_slice()),
        Piece::Stray(_) | Piece::Hole => None,
    })
}
