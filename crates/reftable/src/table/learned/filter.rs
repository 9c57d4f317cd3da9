//! Which names a table has not: most lookups in a stack end in a table that never heard of the
//! name.
//!
//! A lookup that finds nothing costs as much as one that finds the ref, most of it waiting for
//! memory. Once there were enough of them that one walk through the table costs no more, the table gets a
//! Bloom filter of its names. From then on a name that it has not mostly costs one look at one
//! cache line.

use crate::block::{Inflater, Records, RestartsMet};
use crate::error::Result;
use crate::format::BlockType;
use crate::record::Refs;
use crate::table::Table;
use foldhash::fast::FixedState;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// No fewer lookups than these make a filter worth its memory.
const LEAST_MISSES: u64 = 256;
/// Walking through this many bytes of a table costs about as much as one lookup.
const BYTES_PER_LOOKUP: u64 = 2 << 10;
/// A table of more refs than this gets no filter: it would take more than five megabytes.
const MAX_NAMES: usize = 4 << 20;
/// Bits of a [`Line`].
const LINE_BITS: usize = 512;
/// Bits for each name. With this many, two in a hundred names are looked for in vain.
const BITS_PER_NAME: usize = 10;
/// How many of these a name sets.
const BITS_SET: u32 = 6;

/// A filter that is made when it is worth it.
#[derive(Debug, Default)]
pub(super) struct LazyFilter {
    misses: AtomicU64,
    /// `None` if the table cannot be read to its end, is damaged, or has too many names.
    filter: OnceLock<Option<Filter>>,
}

impl LazyFilter {
    /// Whether the table has no ref of this name, as far as that is known at once.
    pub(super) fn denies(&self, name: &[u8]) -> bool {
        let filter = self.filter.get().and_then(Option::as_ref);
        filter.is_some_and(|filter| !filter.may_have(name))
    }

    /// Notes that a name was looked for in vain.
    ///
    /// One caller makes the filter, and nobody waits: the source of a table may be a program's, and
    /// look up a ref in the same table.
    pub(super) fn note_miss(&self, table: &Table) {
        let due = (table.file_len() / BYTES_PER_LOOKUP).max(LEAST_MISSES);
        if self.filter.get().is_none() && self.misses.fetch_add(1, Ordering::Relaxed) == due {
            let _ = self.filter.set(make(table).ok().flatten());
        }
    }
}

/// The names of a table, each as a few bits in one line of the processor's cache.
#[derive(Debug)]
struct Filter {
    lines: Vec<Line>,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(align(64))]
struct Line([u64; 8]);

impl Filter {
    fn new(hashes: &[u64]) -> Filter {
        let bits = hashes.len().saturating_mul(BITS_PER_NAME);
        let count = bits.div_ceil(LINE_BITS).max(1);
        let mut filter = Filter {
            lines: vec![Line::default(); count],
        };
        for &hash in hashes {
            let at = filter.line_of(hash);
            if let Some(line) = filter.lines.get_mut(at) {
                for (word, mask) in line.0.iter_mut().zip(masks(hash)) {
                    *word |= mask;
                }
            }
        }
        filter
    }

    fn may_have(&self, name: &[u8]) -> bool {
        let hash = hash(name);
        let line = self.lines.get(self.line_of(hash));
        let has = |line: &Line| {
            let mut words = line.0.iter().zip(masks(hash));
            words.all(|(word, mask)| word & mask == mask)
        };
        line.is_none_or(has)
    }

    fn line_of(&self, hash: u64) -> usize {
        let scaled = u128::from(hash).wrapping_mul(self.lines.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }
}

/// The bits of a name in its line. The line follows from the upper bits of the hash, so these do
/// from the lower ones.
fn masks(hash: u64) -> [u64; 8] {
    let mut masks = [0u64; 8];
    for n in 0..BITS_SET {
        // Nine bits say which of the 512.
        let bit = hash.wrapping_shr(n.wrapping_mul(9)) % 512;
        if let Some(word) = masks.get_mut((bit >> 6) as usize & 7) {
            *word |= 1u64 << (bit & 63);
        }
    }
    masks
}

/// Anyone who chooses names to have the same hash gets what others get without a filter.
fn hash(name: &[u8]) -> u64 {
    FixedState::default().hash_one(name)
}

/// The filter of all names of a table; `None` if they are too many, or if a lookup, which enters a
/// block at a restart, would see others.
fn make(table: &Table) -> Result<Option<Filter>> {
    let Some(section) = table.section(BlockType::Ref) else {
        return Ok(None);
    };
    table.expect_scan();
    let mut inflater = Inflater::default();
    let context = table.context();
    let mut records = Records::<Refs>::default();
    let mut hashes = Vec::new();
    let mut next = Some(table.block_at(section.start, BlockType::Ref, &mut inflater)?);
    while let Some(block) = next {
        let flaw = |flaw| block.error(table.name(), flaw);
        block.check_restarts().map_err(flaw)?;
        records.enter(&block);
        let mut met = RestartsMet::default();
        while met.advance(&mut records, &block, &context).map_err(flaw)? {
            hashes.push(hash(records.key()));
        }
        if !met.are_all(&block) || hashes.len() > MAX_NAMES {
            return Ok(None);
        }
        next = table.next_block(&block, BlockType::Ref, &mut inflater)?;
    }
    Ok(Some(Filter::new(&hashes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(n: u32) -> Vec<u8> {
        format!("refs/heads/topic-{n}").into_bytes()
    }

    #[test]
    fn no_name_of_the_table_is_denied_and_few_others_pass() {
        for count in [0, 1, 50, 51, 52, 20_000] {
            let hashes: Vec<u64> = (0..count).map(|n| hash(&name(n))).collect();
            let filter = Filter::new(&hashes);
            assert!((0..count).all(|n| filter.may_have(&name(n))), "{count}");
            let others = (count..count + 20_000).filter(|n| filter.may_have(&name(*n)));
            let passed = others.count();
            assert!(passed < 1_000, "{passed} of 20,000 with {count}");
        }
    }
}
