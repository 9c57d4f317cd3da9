//! Reading as much as possible of a damaged table.
//!
//! Blocks are found one after the other from the front, without index and footer. Where one cannot
//! be read, the next is looked for at the next multiple of the block size, at the sections that
//! the footer names, if that can be read, and by the look of a compressed block. Within a block,
//! reading goes on at the next restart.

use crate::block::{Block, BlockHead, Inflater, Placement, Records};
use crate::error::{Corruption, Defect};
use crate::format::{BLOCK_HEADER_LEN, BlockType, Cursor, Footer, Header};
use crate::hash::HashId;
use crate::record::{Context, Kind, LogRecordBuf, Logs, RefRecordBuf, Refs};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// So many places are told; a table of rubbish has no end of them.
const MAX_LOSSES: usize = 100;

/// What could be read of a table.
#[derive(Debug)]
pub(super) struct Salvaged {
    pub(super) range: (u64, u64),
    pub(super) refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    /// By name and newest first, as a table has them.
    pub(super) logs: BTreeMap<(Vec<u8>, Reverse<u64>), LogRecordBuf>,
    pub(super) losses: Vec<Corruption>,
}

/// Reads what can be read of the table with these bytes; `named` is the range of update indexes
/// that its name gives. An error says why nothing can.
pub(super) fn salvage(
    bytes: &Bytes,
    name: &str,
    hash: HashId,
    named: Option<(u64, u64)>,
) -> Result<Salvaged, String> {
    let header = find_header(bytes, hash, named)?;
    if header.hash != hash {
        return Err(format!("its hash is {}, not {hash}", header.hash));
    }
    let footer_at = bytes.len().saturating_sub(header.footer_len());
    let back = bytes.get(footer_at..).unwrap_or_default();
    let footer = Footer::decode(back, &header, &header.encode()).ok();
    let mut salvage = Salvage {
        bytes,
        name,
        header,
        end: if footer.is_some() {
            footer_at
        } else {
            bytes.len()
        },
        sections: footer.map_or(Vec::new(), |f| vec![f.ref_index, f.obj, f.obj_index, f.log]),
        in_logs: false,
        context: Context {
            id_len: hash.len(),
            min_update_index: header.min_update_index,
            max_update_index: header.max_update_index,
            obj_id_len: 0,
        },
        found: Salvaged {
            range: (header.min_update_index, header.max_update_index),
            refs: BTreeMap::new(),
            logs: BTreeMap::new(),
            losses: Vec::new(),
        },
    };
    if footer.is_none() {
        salvage.lose(footer_at, Defect::FooterCrc);
    }
    salvage.walk();
    match salvage.found.refs.is_empty() && salvage.found.logs.is_empty() {
        true => Err("no record can be read".to_owned()),
        false => Ok(salvage.found),
    }
}

/// The header, its copy in the footer, or what the name says about it.
fn find_header(bytes: &[u8], hash: HashId, named: Option<(u64, u64)>) -> Result<Header, String> {
    let sane = |header: &Header| header.min_update_index <= header.max_update_index;
    let footer_len = match hash {
        HashId::Sha1 => 68,
        HashId::Sha256 => 72,
    };
    let back = bytes.get(bytes.len().saturating_sub(footer_len)..);
    let front = Header::decode(bytes).ok().filter(sane);
    let copy = || Header::decode(back.unwrap_or_default()).ok().filter(sane);
    if let Some(header) = front.or_else(copy) {
        return Ok(header);
    }
    let (min_update_index, max_update_index) =
        named.ok_or("neither header nor name tell its update indexes")?;
    Ok(Header {
        version: Header::version_for(hash),
        block_size: crate::table::DEFAULT_BLOCK_SIZE,
        min_update_index,
        max_update_index,
        hash,
    })
}

struct Salvage<'a> {
    bytes: &'a Bytes,
    name: &'a str,
    header: Header,
    /// Where blocks end at the latest.
    end: usize,
    /// Positions of sections, where the footer tells.
    sections: Vec<u64>,
    /// Whether the log section has begun, whose blocks are not aligned.
    in_logs: bool,
    context: Context,
    found: Salvaged,
}

impl Salvage<'_> {
    fn lose(&mut self, position: usize, defect: Defect) {
        if self.found.losses.len() < MAX_LOSSES {
            let corruption = Corruption::new(self.name, position as u64, defect);
            self.found.losses.push(corruption);
        }
    }

    fn walk(&mut self) {
        let mut position = 0;
        while position < self.end {
            let header_off = if position == 0 { self.header.len() } else { 0 };
            let head = Cursor::at(self.bytes, position + header_off);
            let next = match head_of(head) {
                Some((kind, len)) => self.block(position, header_off, kind, len),
                None => {
                    self.lose(position + header_off, Defect::BadBlockType);
                    None
                }
            };
            // A step forward in any case.
            position = match next {
                Some(next) => self.skip_padding(next.max(position + 1)),
                None => self.resynchronize(position + 1),
            };
        }
    }

    fn skip_padding(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..self.end).unwrap_or_default();
        from + rest.iter().take_while(|&&byte| byte == 0).count()
    }

    /// The next place at which a block may start.
    fn resynchronize(&self, from: usize) -> usize {
        let sections = self.sections.iter();
        let sections = sections.filter_map(|&position| usize::try_from(position).ok());
        let aligned = match self.header.block_size as usize {
            0 => None,
            // What stands there is part of a compressed block, and must not be taken for refs.
            _ if self.in_logs => None,
            size => Some(from.next_multiple_of(size)),
        };
        let deflated = self.bytes.get(from..self.end).unwrap_or_default();
        let deflated = deflated.windows(6).position(looks_like_log_block);
        let candidates = sections
            .chain(aligned)
            .chain(deflated.map(|offset| from + offset));
        let next = candidates.filter(|&position| position >= from).min();
        next.unwrap_or(self.end)
    }

    /// Reads a block; where the next one may be, if that is known.
    fn block(
        &mut self,
        position: usize,
        header_off: usize,
        kind: BlockType,
        len: usize,
    ) -> Option<usize> {
        let end = position.saturating_add(len).min(self.end);
        if kind != BlockType::Log && len < header_off + BLOCK_HEADER_LEN {
            self.lose(position, Defect::BadBlockLen);
            return None;
        }
        match kind {
            BlockType::Log => {
                self.in_logs = true;
                self.log_block(position, header_off, len)
            }
            _ if self.in_logs => {
                self.lose(position, Defect::BadBlockType);
                (kind == BlockType::Index).then_some(end)
            }
            BlockType::Ref => {
                let place = self.placement(position, header_off);
                let bytes = self.bytes.slice(position..end);
                let block = match bytes.len() == len {
                    true => Block::plain(bytes.clone(), BlockHead { kind, len }, place).ok(),
                    false => None,
                };
                let block = block.or_else(|| {
                    self.lose(end, Defect::BadRestart);
                    without_restarts(&bytes, kind, place)
                });
                self.records::<Refs>(block?, |found, record| {
                    found.refs.insert(record.name.to_vec(), record.to_buf());
                });
                Some(end)
            }
            // These are made anew.
            BlockType::Obj | BlockType::Index => Some(end),
        }
    }

    fn placement(&self, position: usize, header_off: usize) -> Placement {
        Placement {
            position: position as u64,
            header_off,
            room: u64::MAX,
        }
    }

    fn log_block(&mut self, position: usize, header_off: usize, len: usize) -> Option<usize> {
        let place = self.placement(position, header_off);
        let kind = BlockType::Log;
        let bytes = self.bytes.slice(position..self.end);
        let mut inflater = Inflater::default();
        let whole = Block::inflate(&bytes, BlockHead { kind, len }, place, &mut inflater);
        let (block, next) = match whole {
            Ok(Some(block)) => {
                let next = usize::try_from(block.end()).ok();
                (Some(block), next)
            }
            _ => {
                self.lose(position, Defect::Zlib);
                let start = header_off + BLOCK_HEADER_LEN;
                let part = inflate_part(&bytes, start, len);
                (without_restarts(&part, kind, place), None)
            }
        };
        self.records::<Logs>(block?, |found, record| {
            let key = (record.name.to_vec(), Reverse(record.update_index));
            found.logs.insert(key, record.to_buf());
        });
        next
    }

    /// Gives all records that can be decoded to `keep`.
    fn records<K: Kind>(
        &mut self,
        mut block: Block,
        mut keep: impl FnMut(&mut Salvaged, K::Record<'_>),
    ) {
        let context = self.context;
        let position = usize::try_from(block.place.position).unwrap_or(usize::MAX);
        let mut records = Records::<K>::default();
        loop {
            records.forget();
            records.enter(&block);
            let flaw = loop {
                match records.advance(&block, &context) {
                    Ok(true) => keep(&mut self.found, records.record(&block, &context)),
                    Ok(false) => return,
                    Err(flaw) => break flaw,
                }
            };
            let at = if block.kind == BlockType::Log {
                0
            } else {
                flaw.offset
            };
            self.lose(position.saturating_add(at), flaw.defect);
            let stopped = records.next_offset();
            let restarts = (0..block.restart_count).filter_map(|n| block.restart(n).ok());
            let Some(next) = restarts.filter(|&restart| restart > stopped).min() else {
                return;
            };
            // The block, as if its records began there.
            block.place.header_off = next.saturating_sub(BLOCK_HEADER_LEN);
        }
    }
}

/// Type and length of a block.
fn head_of(mut cursor: Cursor<'_>) -> Option<(BlockType, usize)> {
    let kind = BlockType::from_byte(cursor.u8().ok()?)?;
    Some((kind, cursor.u24().ok()?))
}

/// A type byte, three bytes of length, and the two bytes that zlib begins with.
fn looks_like_log_block(bytes: &[u8]) -> bool {
    match bytes {
        [b'g', _, _, _, method @ 0x78, flags] => {
            (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0
        }
        _ => false,
    }
}

/// A block of which only the front is there: one restart, at the first record.
fn without_restarts(bytes: &[u8], kind: BlockType, place: Placement) -> Option<Block> {
    let first = u32::try_from(place.header_off + BLOCK_HEADER_LEN).ok()?;
    let [_, a, b, c] = first.to_be_bytes();
    let bytes = [bytes, &[a, b, c, 0, 1]].concat();
    let len = bytes.len();
    Block::plain(Bytes::from(bytes), BlockHead { kind, len }, place).ok()
}

/// The front of a log block and what can be inflated of the rest, `len` bytes at most.
fn inflate_part(bytes: &[u8], start: usize, len: usize) -> Vec<u8> {
    let mut out = bytes.get(..start).unwrap_or_default().to_vec();
    let input = bytes.get(start..).unwrap_or_default();
    let mut state = Decompress::new(true);
    let mut piece = [0; 256];
    // In small pieces: what comes before the place of an error is good.
    while out.len() < len {
        let before = (state.total_in(), state.total_out());
        let consumed = usize::try_from(state.total_in()).unwrap_or(usize::MAX);
        let rest = input.get(consumed..).unwrap_or_default();
        let status = state.decompress(rest, &mut piece, FlushDecompress::None);
        let made = usize::try_from(state.total_out() - before.1).unwrap_or_default();
        out.extend_from_slice(piece.get(..made).unwrap_or_default());
        let stuck = before == (state.total_in(), state.total_out());
        if status.is_err() || stuck {
            break;
        }
    }
    out.truncate(len);
    out
}
