//! Getting blocks from the source.

use crate::block::{Block, BlockHead, Inflater, Placement};
use crate::error::{Defect, Error, Result};
use crate::format::{BLOCK_HEADER_LEN, BlockType, Flaw};
use crate::fs::BlockSource;
use crate::table::{DEFAULT_BLOCK_SIZE, Table};
use bytes::Bytes;
use std::hint::black_box;
use std::io;

/// How many bytes a log block may take in the file, however short it is when inflated.
const MAX_STORED_SLACK: usize = 1 << 16;

/// How far the count of restarts mostly is from the end of a padded block.
const NEAR_END: usize = 64;

/// Where the blocks of one type are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Section {
    /// Position of the first block.
    pub(crate) start: u64,
    /// Position of the first root block of its index, if it has one.
    pub(crate) index: Option<u64>,
}

/// How many zeros are in front. Eight at a time: after an index of few entries there are nearly as
/// many as a block has bytes.
fn count_leading_zeros(bytes: &[u8]) -> usize {
    let words = bytes.chunks_exact(8);
    let whole = words.take_while(|word| **word == [0; 8]).count();
    let rest = bytes.iter().skip(whole.saturating_mul(8));
    let zeros = rest.take_while(|byte| **byte == 0).count();
    whole.saturating_mul(8).saturating_add(zeros)
}

/// Exactly `len` bytes from `position`. What a source gives that is not ours may be another number:
/// that is its failure, not damage of the table `name`.
pub(crate) fn read_exactly(
    source: &dyn BlockSource,
    name: &str,
    position: u64,
    len: usize,
) -> Result<Bytes> {
    let read = source.read(position, len);
    match &read {
        Ok(bytes) if bytes.len() != len => Err(wrong_length(name, bytes.len(), len, position)),
        _ => read,
    }
}

#[cold]
fn wrong_length(name: &str, found: usize, wanted: usize, position: u64) -> Error {
    let reason = format!("{found} bytes in place of {wanted} at {position}");
    Error::io("read", name)(io::Error::other(reason))
}

/// How a read of a block went.
enum Loaded {
    Block(Block),
    /// A block of this other type stands there.
    Other(BlockType),
}

impl Table {
    /// The section of a type of blocks, unless the table has none.
    pub(crate) fn section(&self, kind: BlockType) -> Option<Section> {
        let footer = &self.footer;
        let (start, index) = match kind {
            BlockType::Ref if self.first == Some(BlockType::Ref) => (0, footer.ref_index),
            BlockType::Obj if footer.obj != 0 => (footer.obj, footer.obj_index),
            BlockType::Log => (self.log_start()?, footer.log_index),
            _ => return None,
        };
        Some(Section {
            start,
            index: (index != 0).then_some(index),
        })
    }

    /// Position after the last block.
    pub(crate) fn blocks_end(&self) -> u64 {
        self.end
    }

    /// Tells the source that many blocks will be read.
    pub(crate) fn expect_scan(&self) {
        self.source.expect_scan();
    }

    /// An error about the block at `position`.
    pub(crate) fn corrupt(&self, position: u64, defect: Defect) -> Error {
        Error::corrupt(&self.name, position, defect)
    }

    /// The block at `position`, which must be of type `kind`.
    pub(crate) fn block_at(
        &self,
        position: u64,
        kind: BlockType,
        inflater: &mut Inflater,
    ) -> Result<Block> {
        match self.load(position, None, Some(kind), inflater)? {
            Loaded::Block(block) => Ok(block),
            Loaded::Other(_) => Err(self.corrupt(position, Defect::BadBlockType)),
        }
    }

    /// The block at `position`, of whatever type.
    pub(crate) fn any_block_at(&self, position: u64, inflater: &mut Inflater) -> Result<Block> {
        match self.load(position, None, None, inflater)? {
            Loaded::Block(block) => Ok(block),
            Loaded::Other(_) => Err(self.corrupt(position, Defect::BadBlockType)),
        }
    }

    /// The block of type `kind` that follows `block`, unless the section ends there.
    ///
    /// Where another type follows, or the end, the footer must say so too: a block whose type is
    /// damaged would else hide all that come after it.
    pub(crate) fn next_block(
        &self,
        block: &Block,
        kind: BlockType,
        inflater: &mut Inflater,
    ) -> Result<Option<Block>> {
        let Some((position, bytes)) = self.skip_padding(block)? else {
            return self.check_end(kind, self.end, None).map(|()| None);
        };
        match self.load(position, Some(bytes), Some(kind), inflater)? {
            Loaded::Block(block) => Ok(Some(block)),
            Loaded::Other(found) => self.check_end(kind, position, Some(found)).map(|()| None),
        }
    }

    /// Checks that the blocks of type `kind` may end at `position`, where a block of type `found`
    /// stands, or the footer.
    ///
    /// The index starts there, if there is one, with its lowest level; the footer has the position
    /// of the highest. Else it is the next section that starts there.
    fn check_end(&self, kind: BlockType, position: u64, found: Option<BlockType>) -> Result<()> {
        let footer = &self.footer;
        let (index, later) = match kind {
            BlockType::Ref => (footer.ref_index, [footer.obj, footer.log]),
            BlockType::Obj => (footer.obj_index, [footer.log, 0]),
            BlockType::Log => (footer.log_index, [0; 2]),
            // Which section it belongs to is not known here.
            BlockType::Index => return Ok(()),
        };
        let next = later.into_iter().find(|position| *position != 0);
        let (fits, expected) = match index {
            0 => {
                let next = next.unwrap_or(self.end);
                (position == next, next)
            }
            index => (found == Some(BlockType::Index) && position <= index, index),
        };
        if fits {
            return Ok(());
        }
        let detail = format!("the section goes on to {expected}");
        let (at, defect) = match position < expected {
            true => (position, Defect::BadBlockType),
            false => (expected, Defect::BadPosition),
        };
        Err(Error::corrupt_because(&self.name, at, defect, detail))
    }

    /// Where the block after `block` starts, of whatever type; `None` at the end.
    pub(crate) fn position_after(&self, block: &Block) -> Result<Option<u64>> {
        Ok(self.skip_padding(block)?.map(|(position, _)| position))
    }

    fn read(&self, position: u64, len: usize) -> Result<Bytes> {
        read_exactly(&*self.source, &self.name, position, len)
    }

    /// How many bytes to read where a block is expected.
    fn guess(&self, position: u64) -> usize {
        let left = usize::try_from(self.end.saturating_sub(position)).unwrap_or(usize::MAX);
        left.min(self.header.block_size.clamp(DEFAULT_BLOCK_SIZE, 1 << 16) as usize)
    }

    /// Finds the start of the next block after `block` and its padding (format section 5.4), and
    /// reads some bytes from there.
    fn skip_padding(&self, block: &Block) -> Result<Option<(u64, Bytes)>> {
        let from = block.end();
        let mut position = from;
        while position < self.end {
            let bytes = self.read(position, self.guess(position))?;
            let padding = count_leading_zeros(&bytes);
            position = position.saturating_add(padding as u64);
            let skipped = position.saturating_sub(from);
            let allowed = match block.kind {
                BlockType::Log => 0,
                _ => u64::from(self.header.block_size.saturating_sub(1)),
            };
            if skipped > allowed {
                return Err(self.corrupt(from, Defect::BadPadding));
            }
            if padding < bytes.len() {
                return Ok(Some((position, bytes.slice(padding..))));
            }
        }
        Ok(None)
    }

    /// Loads the block at `position`. `bytes` are some bytes from there, if they were read already.
    fn load(
        &self,
        position: u64,
        bytes: Option<Bytes>,
        kind: Option<BlockType>,
        inflater: &mut Inflater,
    ) -> Result<Loaded> {
        let header_off = match position {
            0 => self.header.len(),
            _ => 0,
        };
        let place = Placement {
            position,
            header_off,
            room: self.end.saturating_sub(position),
        };
        if place.room < header_off.saturating_add(BLOCK_HEADER_LEN) as u64 {
            return Err(self.corrupt(position, Defect::BadPosition));
        }
        let flaw = |flaw: Flaw| flaw.at(&self.name, position);
        let mut bytes = match bytes {
            Some(bytes) if bytes.len() >= BLOCK_HEADER_LEN => bytes,
            _ => self.read(position, self.guess(position))?,
        };
        // The end of the block is needed soon, and is about here: it comes from memory while the
        // beginning does.
        black_box(bytes.get(bytes.len().saturating_sub(NEAR_END)).copied());
        let type_at = bytes.get(header_off).copied().unwrap_or_default();
        match BlockType::from_byte(type_at) {
            Some(found) if kind.is_some_and(|kind| kind != found) => {
                return Ok(Loaded::Other(found));
            }
            _ => {}
        }
        let head = BlockHead::read(&bytes, &place).map_err(flaw)?;
        if head.kind == BlockType::Log {
            return self
                .inflate(bytes, head, place, inflater)
                .map(Loaded::Block);
        }
        if bytes.len() < head.len {
            bytes = self.read(position, head.len)?;
        }
        bytes.truncate(head.len);
        let block = Block::plain(bytes, head, place).map_err(flaw)?;
        Ok(Loaded::Block(block))
    }

    /// Inflates a log block, reading on until its stream ends.
    fn inflate(
        &self,
        mut bytes: Bytes,
        head: BlockHead,
        place: Placement,
        inflater: &mut Inflater,
    ) -> Result<Block> {
        let flaw = |flaw: Flaw| flaw.at(&self.name, place.position);
        loop {
            if let Some(block) = Block::inflate(&bytes, head, place, inflater).map_err(flaw)? {
                return Ok(block);
            }
            // The length in the file is not stored: data that does not shrink takes more than
            // the announced length.
            // Not without bound, though: no encoder doubles what it is given.
            let room = usize::try_from(place.room).unwrap_or(usize::MAX);
            let room = room.min(head.len.saturating_mul(2).max(MAX_STORED_SLACK));
            if bytes.len() >= room {
                return Err(self.corrupt(place.position, Defect::Zlib));
            }
            let more = bytes.len().saturating_mul(2).max(head.len).min(room);
            bytes = self.read(place.position, more)?;
        }
    }
}
