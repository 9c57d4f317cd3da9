//! Intervals whose keys do not ascend: which of them are wrong.
//!
//! A flipped bit in a key may leave its block readable. It shows by the order of keys if at all,
//! and then one of two neighbours is wrong. First keys stand in full and do not depend on each other, so
//! those that are in every longest ascending sequence are right. Where nothing speaks for one of two
//! blocks, the records of both stay, as strays: a hole around them tells. Where a last key and the first one after it
//! disagree, the one that disagrees with more records is wrong.

use super::intervals::{Keyed, Piece};

type Records<R> = Vec<Keyed<R>>;

/// Replaces what is out of order by holes.
pub(super) fn in_order<R>(pieces: Vec<Piece<R>>) -> Vec<Piece<R>> {
    let is_ordered = {
        let mut keys = intervals(&pieces).flat_map(|(_, records)| [first(records), last(records)]);
        let mut previous: Option<&[u8]> = None;
        let mut is_ordered = true;
        // First and last key of an interval of one record are the same.
        while let (Some(first), Some(last)) = (keys.next(), keys.next()) {
            is_ordered &= previous.is_none_or(|previous| previous < first);
            previous = Some(last);
        }
        is_ordered
    };
    match is_ordered {
        true => pieces,
        false => resolve_ends(keep_ascending(pieces)),
    }
}

fn intervals<R>(pieces: &[Piece<R>]) -> impl Iterator<Item = (u64, &Records<R>)> {
    pieces.iter().filter_map(|piece| match piece {
        Piece::Interval { block, records, .. } => Some((*block, records)),
        Piece::Stray(_) | Piece::Hole => None,
    })
}

fn first<R>(records: &[Keyed<R>]) -> &[u8] {
    records.first().map_or(&[], |record| record.key.as_slice())
}

fn last<R>(records: &[Keyed<R>]) -> &[u8] {
    records.last().map_or(&[], |record| record.key.as_slice())
}

/// Keeps the intervals that are in every longest sequence whose first keys ascend. Those that are in some
/// become strays, unless they are of one block, which then is the damaged one.
fn keep_ascending<R>(pieces: Vec<Piece<R>>) -> Vec<Piece<R>> {
    let blocks: Vec<u64> = intervals(&pieces).map(|(block, _)| block).collect();
    let keys: Vec<&[u8]> = intervals(&pieces)
        .map(|(_, records)| first(records))
        .collect();
    let up = lengths(keys.iter().copied(), |one, other| one < other);
    let mut down = lengths(keys.iter().rev().copied(), |one, other| one > other);
    down.reverse();
    let longest = up.iter().copied().max().unwrap_or_default();
    // The blocks of the intervals that may be at each place of a longest sequence.
    let mut places: Vec<Vec<u64>> = vec![Vec::new(); longest];
    let place_of = |number: usize| {
        let (up, down) = (*up.get(number)?, *down.get(number)?);
        (up + down == longest + 1).then(|| up - 1)
    };
    for (number, block) in blocks.iter().enumerate() {
        if let Some(place) = place_of(number).and_then(|place| places.get_mut(place)) {
            place.push(*block);
        }
    }
    let places: Vec<Option<&[u64]>> = (0..blocks.len())
        .map(|number| place_of(number).and_then(|place| places.get(place).map(Vec::as_slice)))
        .collect();
    let places: Vec<(bool, bool)> = places
        .into_iter()
        .map(|rivals| match rivals {
            Some([_]) => (true, false),
            Some([first, rest @ ..]) => (false, rest.iter().any(|block| block != first)),
            _ => (false, false),
        })
        .collect();
    let mut places = places.into_iter();
    let mut kept = Vec::new();
    for piece in pieces {
        let Piece::Interval {
            block,
            is_doubtful,
            records,
        } = piece
        else {
            kept.push(piece);
            continue;
        };
        match places.next() {
            Some((true, _)) => kept.push(Piece::Interval {
                block,
                is_doubtful,
                records,
            }),
            Some((_, true)) => kept.push(Piece::Stray(records)),
            _ => kept.push(Piece::Hole),
        }
    }
    kept
}

/// For each key the length of the longest sequence in `order` that ends with it.
fn lengths<'a>(
    keys: impl Iterator<Item = &'a [u8]>,
    order: fn(&[u8], &[u8]) -> bool,
) -> Vec<usize> {
    // Of the sequences of each length, the best last key: the one that most others can follow.
    let mut ends: Vec<&[u8]> = Vec::new();
    let mut lengths = Vec::new();
    for key in keys {
        let len = ends.partition_point(|end| order(end, key));
        match ends.get_mut(len) {
            Some(end) => *end = key,
            None => ends.push(key),
        }
        lengths.push(len + 1);
    }
    lengths
}

/// Cuts intervals that reach beyond the first key of the next one, or drops that one.
fn resolve_ends<R>(pieces: Vec<Piece<R>>) -> Vec<Piece<R>> {
    let mut done: Vec<Piece<R>> = Vec::new();
    for piece in pieces {
        let Piece::Interval {
            block,
            is_doubtful,
            records,
        } = piece
        else {
            done.push(piece);
            continue;
        };
        let before = done.iter_mut().rev().find_map(|done| match done {
            Piece::Interval { block, records, .. } => Some((*block, records)),
            Piece::Stray(_) | Piece::Hole => None,
        });
        if let Some((last_block, before)) = before {
            let first_key = first(&records);
            let above = before.iter().filter(|r| r.key.as_slice() >= first_key);
            let below = records.iter().filter(|r| r.key.as_slice() <= last(before));
            let (above, below) = (above.count(), below.count());
            let is_tie = above > 0 && above == below;
            if below > above || is_tie {
                // The end of the interval before is wrong, from the first key that is too large on.
                let wrong = before.iter().position(|r| r.key.as_slice() >= first_key);
                let wrong = before.split_off(wrong.unwrap_or_default());
                match is_tie && last_block != block {
                    true => done.push(Piece::Stray(wrong)),
                    false => done.push(Piece::Hole),
                }
            }
            if above > below || is_tie {
                match is_tie && last_block != block {
                    true => done.push(Piece::Stray(records)),
                    false => done.push(Piece::Hole),
                }
                continue;
            }
        }
        done.push(Piece::Interval {
            block,
            is_doubtful,
            records,
        });
    }
    done.retain(|piece| match piece {
        Piece::Interval { records, .. } | Piece::Stray(records) => !records.is_empty(),
        Piece::Hole => true,
    });
    done
}
