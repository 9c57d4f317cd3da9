//! The records of a damaged block, restart by restart.
//!
//! At a restart a key stands in full, so what comes after it does not depend on what came before.
//! An interval, from one restart to the next, is good if its records fill it exactly and their
//! keys ascend. Of one that is not, nothing is kept: a record whose length is wrong makes others of
//! what follows it, and a flipped bit in a key goes on into the keys that share it.

use crate::block::{Block, Records};
use crate::record::{Context, Kind};

/// A record with its key as it stands in the table.
#[derive(Clone, Debug)]
pub(super) struct Keyed<R> {
    pub(super) key: Vec<u8>,
    pub(super) record: R,
}

/// A part of a section.
#[derive(Clone, Debug)]
pub(super) enum Piece<R> {
    /// Good records, at least one.
    Interval {
        /// The position of their block.
        block: u64,
        /// Whether something else of the block is damaged, so that these may be as well.
        is_doubtful: bool,
        records: Vec<Keyed<R>>,
    },
    /// Records of which nobody can tell whether these or others are right.
    Stray(Vec<Keyed<R>>),
    /// Records may be missing here.
    Hole,
}

/// Makes a record that owns its bytes.
pub(super) type Own<K, R> = fn(<K as Kind>::Record<'_>) -> R;

/// The records of a block, and whether nothing is wrong with it.
pub(super) fn read<K: Kind, R>(
    block: &Block,
    context: &Context,
    own: Own<K, R>,
) -> (Vec<Piece<R>>, bool) {
    let mut is_sound = block.check_restarts().is_ok();
    let starts = restarts(block);
    let mut pieces = Vec::new();
    let mut next = 0;
    while let Some(&start) = starts.get(next) {
        // A restart may itself be wrong: then the interval goes on to the one after it.
        let ends = [1, 2].map(|ahead| end_of(block, &starts, next + ahead));
        let good = ends.into_iter().enumerate().find_map(|(extra, end)| {
            let records = interval::<K, R>(block, context, own, start, end?)?;
            Some((extra, records))
        });
        match good {
            Some((extra, records)) => {
                is_sound &= extra == 0;
                pieces.push(Piece::Interval {
                    block: block.place.position,
                    is_doubtful: false,
                    records,
                });
                next += 1 + extra;
            }
            None => {
                is_sound = false;
                pieces.push(Piece::Hole);
                next += 1;
            }
        }
    }
    doubt(&mut pieces, !is_sound);
    (pieces, is_sound)
}

fn doubt<R>(pieces: &mut [Piece<R>], doubt: bool) {
    for piece in pieces {
        if let Piece::Interval { is_doubtful, .. } = piece {
            *is_doubtful = doubt;
        }
    }
}

/// The records of a block that was cut off, whose restarts are gone: those before the cut. If
/// the block was not cut but is damaged, the last record before the damage may be false as well.
pub(super) fn read_front<K: Kind, R>(
    block: &Block,
    context: &Context,
    own: Own<K, R>,
    is_cut: bool,
) -> Vec<Piece<R>> {
    let mut found = Vec::new();
    let mut records = Records::<K>::default();
    records.enter(block);
    while let Ok(true) = records.advance(block, context) {
        found.push(keyed(&records, block, context, own));
    }
    if !is_cut {
        found.pop();
    }
    let block = block.place.position;
    let records = (!found.is_empty()).then_some(Piece::Interval {
        block,
        is_doubtful: true,
        records: found,
    });
    records.into_iter().chain([Piece::Hole]).collect()
}

/// Offsets of restarts that can be some, ascending; the first record is one in any case.
fn restarts(block: &Block) -> Vec<usize> {
    let mut starts = vec![block.first_record()];
    let all = (0..block.restart_count).filter_map(|n| block.restart(n).ok());
    for start in all {
        if starts.last().is_some_and(|last| start > *last) {
            starts.push(start);
        }
    }
    starts
}

fn end_of(block: &Block, starts: &[usize], next: usize) -> Option<usize> {
    match starts.get(next) {
        Some(start) => Some(*start),
        None if next == starts.len() => Some(block.records_end()),
        None => None,
    }
}

/// The records from `start` on if they end exactly at `end`.
fn interval<K: Kind, R>(
    block: &Block,
    context: &Context,
    own: Own<K, R>,
    start: usize,
    end: usize,
) -> Option<Vec<Keyed<R>>> {
    let mut found = Vec::new();
    let mut records = Records::<K>::default();
    records.enter_at(start);
    while records.next_offset() < end {
        match records.advance(block, context) {
            Ok(true) => found.push(keyed(&records, block, context, own)),
            Ok(false) | Err(_) => return None,
        }
    }
    (records.next_offset() == end && !found.is_empty()).then_some(found)
}

fn keyed<K: Kind, R>(
    records: &Records<K>,
    block: &Block,
    context: &Context,
    own: Own<K, R>,
) -> Keyed<R> {
    Keyed {
        key: records.key().to_vec(),
        record: own(records.record(block, context)),
    }
}
