//! The compressed part of log blocks (format section 10).

use crate::error::Defect;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use std::cell::Cell;

/// Effort of compression, of 9. The levels above cost half as much time again for 1 % of size.
const LEVEL: u32 = 6;
/// A block of less than this many bytes is deflated with the least effort. It is the only one of a
/// small table, which the next transactions merge with others; making the best codes for it takes
/// longer than everything else that a small transaction does.
const SHORT_BLOCK: usize = 2 << 10;
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

thread_local! {
    /// Working memory that a writer of this thread has left behind. It has 270 KB and takes longer
    /// to make than a small transaction to write.
    static SPARE: Cell<Option<Box<Compress>>> = const { Cell::new(None) };
}

/// Deflates log blocks; keeps its working memory from block to block, and leaves it to the next
/// writer of the thread.
#[derive(Debug, Default)]
pub(crate) struct Deflater(Option<Box<Compress>>);

impl Drop for Deflater {
    fn drop(&mut self) {
        let state = self.0.take();
        if state.is_some() {
            // While the thread ends there is nobody to leave it to.
            let _ = SPARE.try_with(|spare| spare.set(state));
        }
    }
}

impl Deflater {
    /// Appends the zlib stream of `data` to `out`.
    pub(crate) fn deflate(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), Defect> {
        let spare = || SPARE.try_with(Cell::take).ok().flatten();
        let new = || Box::new(Compress::new(Compression::new(LEVEL), true));
        let state = self.0.get_or_insert_with(|| spare().unwrap_or_else(new));
        state.reset();
        let level = if data.len() < SHORT_BLOCK { 1 } else { LEVEL };
        let level = state.set_level(Compression::new(level));
        level.map_err(|_| Defect::Zlib)?;
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
