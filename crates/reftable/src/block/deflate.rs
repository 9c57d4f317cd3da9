//! The compressed part of log blocks (format section 10).

use crate::error::Defect;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::Cell;
use zlib_rs::adler32::adler32;

/// Effort of compression, of 9. The levels above cost half as much time again for 1 % of size.
const LEVEL: u32 = 6;
/// The least effort that still looks for repetitions.
const LEAST: u32 = 1;
/// The largest window, of 32 KiB, as the power of two.
const WINDOW: u8 = 15;

/// How hard to try to make log blocks small.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Effort {
    #[default]
    Usual,
    /// For a table of a stack: as usual, but very short blocks are stored.
    Brief,
    /// For a table that is merged with others soon: two or three times as fast, for 5 % of size. Very
    /// short blocks are stored.
    Least,
}

/// A block of less than this many bytes is deflated with the least effort. It is the only one of a
/// small table, which the next transactions merge with others; making the best codes for it takes
/// longer than everything else that a small transaction does.
const SHORT_BLOCK: usize = 2 << 10;
/// A block of less than this many bytes is stored in a stack's table: it has some entries, which
/// hardly have anything in common, and a compressor would have to be set up for it. Of tables that
/// a program writes by itself it has come to know sizes.
const STORED_BLOCK: usize = 1 << 10;
/// The window of the compressor for a [`SHORT_BLOCK`], as the power of two: it has room for the whole
/// block, and is cleared before it is used.
const SHORT_WINDOW: u8 = 12;
/// What a zlib stream of one stored block has before the data, and after it.
const STORED_FRONT: usize = 7;
const STORED_BACK: usize = 4;
/// The head of such a stream: a window of 32 KiB, fastest; then the last block, stored.
const STORED_HEAD: [u8; 3] = [0x78, 0x01, 0x01];
/// The Adler-32 checksum of no bytes.
const ADLER_START: u32 = 1;
/// So many bytes of output are believed to come before any has; beyond that, memory grows with what
/// has come.
const FIRST_ROOM: usize = 1 << 16;

/// Inflates log blocks; keeps its working memory from block to block.
#[derive(Debug, Default)]
pub(crate) struct Inflater(Option<Box<Decompress>>);

/// What came of inflating.
pub(crate) enum Inflated {
    /// The stream ended; this many bytes of input were its.
    Done(usize),
    /// The input ended before the stream did.
    NeedsInput,
}

impl Inflater {
    /// Appends to `out` the `len` bytes to which a zlib stream at the start of `input` inflates.
    ///
    /// Memory grows with the output, not with the announced length.
    pub(crate) fn inflate(
        &mut self,
        input: &[u8],
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<Inflated, Defect> {
        match find_stored(input, len) {
            Some(data) => {
                out.extend_from_slice(data);
                Ok(Inflated::Done(stored_len(len)))
            }
            None => self.inflate_any(input, len, out),
        }
    }

    fn inflate_any(
        &mut self,
        input: &[u8],
        len: usize,
        out: &mut Vec<u8>,
    ) -> Result<Inflated, Defect> {
        let state = self
            .0
            .get_or_insert_with(|| Box::new(Decompress::new(true)));
        state.reset(true);
        let start = out.len();
        let end = start.saturating_add(len);
        out.reserve_exact(len.min(FIRST_ROOM).saturating_add(1));
        loop {
            if out.len() == out.capacity() {
                // One byte more than announced, so that longer data shows.
                let missing = end.saturating_add(1).saturating_sub(out.len());
                out.reserve_exact(missing.min(out.len()));
            }
            let consumed = usize::try_from(state.total_in()).map_err(|_| Defect::Zlib)?;
            let rest = input.get(consumed..).unwrap_or_default();
            let before = (state.total_in(), out.len());
            let status = state
                .decompress_vec(rest, out, FlushDecompress::None)
                .map_err(|_| Defect::Zlib)?;
            if out.len() > end {
                return Err(Defect::InflatedSize);
            }
            match status {
                Status::StreamEnd if out.len() == end => {
                    let consumed = usize::try_from(state.total_in()).map_err(|_| Defect::Zlib)?;
                    return Ok(Inflated::Done(consumed));
                }
                Status::StreamEnd => return Err(Defect::InflatedSize),
                _ if before == (state.total_in(), out.len()) => return Ok(Inflated::NeedsInput),
                _ => {}
            }
        }
    }
}

/// Length in bytes of the stream in which `len` bytes are stored.
fn stored_len(len: usize) -> usize {
    len.saturating_add(STORED_FRONT).saturating_add(STORED_BACK)
}

/// Appends the zlib stream in which `data` is stored.
fn store(data: &[u8], out: &mut Vec<u8>) {
    let [.., high, low] = data.len().to_be_bytes();
    out.reserve(stored_len(data.len()));
    out.extend_from_slice(&STORED_HEAD);
    out.extend_from_slice(&[low, high, !low, !high]);
    out.extend_from_slice(data);
    out.extend_from_slice(&adler32(ADLER_START, data).to_be_bytes());
}

/// The `len` bytes that a stream as [`store`] makes it has; `None` for all others, damaged ones too.
fn find_stored(input: &[u8], len: usize) -> Option<&[u8]> {
    if len >= STORED_BLOCK {
        return None;
    }
    let [.., high, low] = len.to_be_bytes();
    let rest = input.strip_prefix(&STORED_HEAD)?;
    let rest = rest.strip_prefix(&[low, high, !low, !high])?;
    let (data, rest) = rest.split_at_checked(len)?;
    let sum = u32::from_be_bytes(*rest.first_chunk()?);
    (sum == adler32(ADLER_START, data)).then_some(data)
}

/// The working memory of a compressor.
type Working = Option<Box<Compress>>;

thread_local! {
    /// What writers of this thread have left behind: working memory for blocks of any length, and for
    /// short ones. It has 380 and 260 KB and takes longer to make than a small transaction to write.
    static SPARE: [Cell<Working>; 2] = const { [const { Cell::new(None) }; 2] };
}

/// Deflates log blocks; keeps its working memory from block to block, and leaves it to the next
/// writer of the thread.
#[derive(Debug, Default)]
pub(crate) struct Deflater {
    any: Working,
    short: Working,
    effort: Effort,
}

impl Drop for Deflater {
    fn drop(&mut self) {
        // While the thread ends there is nobody to leave it to.
        let _ = SPARE.try_with(|spare| {
            for (spare, state) in spare.iter().zip([&mut self.any, &mut self.short]) {
                if state.is_some() {
                    spare.set(state.take());
                }
            }
        });
    }
}

impl Deflater {
    pub(crate) fn set_effort(&mut self, effort: Effort) {
        self.effort = effort;
    }

    /// A compressor for a block of this length.
    fn state_for(&mut self, len: usize) -> Result<&mut Compress, Defect> {
        let (working, at, level, window) = match len < SHORT_BLOCK {
            true => (&mut self.short, 1, LEAST, SHORT_WINDOW),
            false if self.effort == Effort::Least => (&mut self.any, 0, LEAST, WINDOW),
            false => (&mut self.any, 0, LEVEL, WINDOW),
        };
        let level = Compression::new(level);
        let state = working.get_or_insert_with(|| {
            let spare = SPARE.try_with(|spare| spare.get(at).and_then(Cell::take));
            let new = || Box::new(Compress::new_with_window_bits(level, true, window));
            spare.ok().flatten().unwrap_or_else(new)
        });
        state.reset();
        state.set_level(level).map_err(|_| Defect::Zlib)?;
        Ok(state)
    }

    /// Appends the zlib stream of `data` to `out`. It is no longer than `room` bytes, if it can be.
    pub(crate) fn deflate(
        &mut self,
        data: &[u8],
        room: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Defect> {
        let may_store = self.effort != Effort::Usual && data.len() < STORED_BLOCK;
        if may_store && stored_len(data.len()) <= room {
            store(data, out);
            return Ok(());
        }
        let state = self.state_for(data.len())?;
        // Stored blocks of 64 KiB with five bytes each are the worst case, and a few bytes around.
        let bound = data
            .len()
            .saturating_add(data.len() >> 10)
            .saturating_add(64);
        out.reserve(bound);
        loop {
            let consumed = usize::try_from(state.total_in()).map_err(|_| Defect::Zlib)?;
            let rest = data.get(consumed..).unwrap_or_default();
            match state.compress_vec(rest, out, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Ok(()),
                Ok(_) => out.reserve(bound),
                Err(_) => return Err(Defect::Zlib),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflate(input: &[u8], len: usize) -> Option<(usize, Vec<u8>)> {
        let mut out = Vec::new();
        match Inflater::default().inflate(input, len, &mut out) {
            Ok(Inflated::Done(consumed)) => Some((consumed, out)),
            _ => None,
        }
    }

    /// What is stored is what zlib itself reads, with its checksum, and what is found without zlib.
    #[test]
    fn stored_blocks_are_zlib_streams() {
        for len in [0, 1, 2, 100, STORED_BLOCK - 1] {
            let data: Vec<u8> = (0..=255).rev().cycle().take(len).collect();
            let mut stream = Vec::new();
            let mut deflater = Deflater::default();
            deflater.set_effort(Effort::Brief);
            deflater.deflate(&data, 1 << 16, &mut stream).unwrap();
            let states = (&deflater.any, &deflater.short);
            assert!(matches!(states, (None, None)), "no compressor is set up");
            assert_eq!(stream.len(), stored_len(len));
            let mut out = Vec::new();
            let done = Inflater::default().inflate_any(&stream, len, &mut out);
            assert!(matches!(done, Ok(Inflated::Done(consumed)) if consumed == stream.len()));
            assert_eq!(out, data);
            let mut inflater = Inflater::default();
            let mut found = Vec::new();
            assert!(inflater.inflate(&stream, len, &mut found).is_ok());
            assert!(inflater.0.is_none(), "zlib is not asked");
            assert_eq!(found, data);
        }
    }

    /// Every single byte is checked, as it is by zlib.
    #[test]
    fn damaged_stored_blocks_do_not_inflate() {
        let data = [b'x'; 100];
        let mut stream = Vec::new();
        store(&data, &mut stream);
        assert_eq!(inflate(&stream, 100), Some((stream.len(), data.to_vec())));
        for at in 0..stream.len() {
            let mut damaged = stream.clone();
            damaged[at] ^= 1;
            assert_eq!(inflate(&damaged, 100), None, "byte {at}");
            assert_eq!(inflate(&stream[..at], 100), None, "{at} bytes");
        }
        assert_eq!(inflate(&stream, 99), None);
        assert_eq!(inflate(&stream, 101), None);
    }

    /// The window is in the first byte of a stream, the level in the second.
    #[test]
    fn effort_is_least_for_short_blocks_and_on_demand() {
        let data: Vec<u8> = (0..5000_u32).map(|i| (i * i).to_be_bytes()[2]).collect();
        let mut deflater = Deflater::default();
        for (effort, len, head) in [
            (Effort::Usual, SHORT_BLOCK, [0x78, 0x9c]),
            (Effort::Usual, SHORT_BLOCK - 1, [0x48, 0x0d]),
            (Effort::Brief, SHORT_BLOCK, [0x78, 0x9c]),
            (Effort::Least, SHORT_BLOCK - 1, [0x48, 0x0d]),
            (Effort::Least, data.len(), [0x78, 0x01]),
            (Effort::Usual, data.len(), [0x78, 0x9c]),
        ] {
            let mut stream = Vec::new();
            deflater.set_effort(effort);
            deflater.deflate(&data[..len], 0, &mut stream).unwrap();
            assert_eq!(stream[..2], head, "{effort:?} of {len}");
            let inflated = Some((stream.len(), data[..len].to_vec()));
            assert_eq!(inflate(&stream, len), inflated);
        }
    }

    /// A block that would be longer than others read is deflated, however short it is.
    #[test]
    fn without_room_short_blocks_are_deflated() {
        let data = [b'x'; 200];
        for (effort, room, stored) in [
            (Effort::Brief, 211, true),
            (Effort::Least, 211, true),
            (Effort::Least, 210, false),
            (Effort::Usual, 211, false),
        ] {
            let mut stream = Vec::new();
            let mut deflater = Deflater::default();
            deflater.set_effort(effort);
            deflater.deflate(&data, room, &mut stream).unwrap();
            assert_eq!(stream.len() > 100, stored, "{effort:?} {room}");
            assert_eq!(inflate(&stream, 200), Some((stream.len(), data.to_vec())));
        }
    }
}
