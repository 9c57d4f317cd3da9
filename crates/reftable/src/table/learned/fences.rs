//! Where a key belongs among many sorted ones, with few looks at memory.
//!
//! A binary search over ten thousand keys looks at fourteen of them, each somewhere else. Here
//! seven keys that divide what is left into eight parts stand in one line of the processor's cache,
//! as numbers made of the first bytes in which they can differ. Only where a number is the same as
//! that of the wanted key does the key itself count.

use crate::format::key::common_prefix;

/// Into how many parts a node divides its range.
const PARTS: usize = 8;
/// Keys between the parts.
const FENCES: usize = PARTS - 1;

/// A tree over sorted keys that are kept elsewhere, level by level from the root down.
#[derive(Debug, Default)]
pub(super) struct Fences {
    /// Number of keys.
    count: usize,
    nodes: Vec<Node>,
    /// For each level the place of its first node, and how many keys a part has.
    levels: Vec<Level>,
}

#[derive(Debug)]
struct Level {
    first: usize,
    part: usize,
}

/// The keys between the parts of a range.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Node {
    /// Eight bytes of each key from `shared` on, as a number.
    heads: [u64; FENCES],
    /// How many bytes all keys have in common that belong into this range.
    shared: usize,
}

impl Fences {
    /// The tree over `count` ascending keys.
    pub(super) fn new<'a>(count: usize, key: impl Fn(usize) -> &'a [u8]) -> Fences {
        let mut fences = Fences {
            count,
            ..Fences::default()
        };
        let mut part = 1usize;
        let mut parts = vec![part];
        while part.saturating_mul(PARTS) < count {
            part = part.saturating_mul(PARTS);
            parts.push(part);
        }
        for part in parts.into_iter().rev() {
            let first = fences.nodes.len();
            fences.levels.push(Level { first, part });
            let range = part.saturating_mul(PARTS);
            for start in (0..count).step_by(range) {
                fences.nodes.push(Node::new(start, part, count, &key));
            }
        }
        fences
    }

    /// How many of the keys are smaller than `wanted`, which is greater than the first key and
    /// not greater than the last one.
    pub(super) fn rank<'a>(&self, wanted: &[u8], key: impl Fn(usize) -> &'a [u8]) -> usize {
        let (mut node_number, mut start) = (0usize, 0usize);
        for level in &self.levels {
            // These numbers are below eight times the number of keys.
            let Some(node) = self.nodes.get(level.first.wrapping_add(node_number)) else {
                break;
            };
            let head = head(wanted, node.shared);
            let mut smaller = node.count_smaller(head);
            let fence = |n: usize| fence(start, level.part, n);
            while node.heads.get(smaller) == Some(&head)
                && fence(smaller) < self.count
                && key(fence(smaller)) < wanted
            {
                smaller = smaller.wrapping_add(1);
            }
            start = start.wrapping_add(smaller.wrapping_mul(level.part));
            node_number = node_number.wrapping_mul(PARTS).wrapping_add(smaller);
        }
        debug_assert!(
            start < self.count
                && key(start) >= wanted
                && (start == 0 || key(start.saturating_sub(1)) < wanted),
            "rank {start} of {} is not that of the key",
            self.count
        );
        start
    }
}

impl Node {
    /// The node for the keys from `start` on, in parts of `part` keys.
    fn new<'a>(start: usize, part: usize, count: usize, key: impl Fn(usize) -> &'a [u8]) -> Node {
        let last = start.saturating_add(part.saturating_mul(PARTS)).min(count);
        // What belongs here is after the last key before these, and not after the last of these.
        let before = key(start.saturating_sub(1));
        let shared = common_prefix(before, key(last.saturating_sub(1)));
        // Where there is no key, nothing is greater.
        let mut heads = [u64::MAX; FENCES];
        for (n, place) in heads.iter_mut().enumerate() {
            let at = fence(start, part, n);
            if at < count {
                *place = head(key(at), shared);
            }
        }
        Node { heads, shared }
    }

    /// How many of the heads are smaller than `wanted`: three steps without a branch, since guesses
    /// would be wrong half of the time.
    #[inline(always)]
    fn count_smaller(&self, wanted: u64) -> usize {
        let [_, a, _, b, _, c, _] = self.heads;
        let four = usize::from(b < wanted) << 2;
        let two = usize::from(if four == 0 { a } else { c } < wanted) << 1;
        let last = self.heads.get(four | two).copied().unwrap_or(u64::MAX);
        (four | two).wrapping_add(usize::from(last < wanted))
    }
}

/// The last key of part `n` of the range that begins with the key `start`.
fn fence(start: usize, part: usize, n: usize) -> usize {
    let end = part.saturating_mul(n.saturating_add(1));
    start.saturating_add(end).saturating_sub(1)
}

/// Eight bytes of `key` from `at` on, with zeros after its end, as a number of the same order.
#[inline(always)]
fn head(key: &[u8], at: usize) -> u64 {
    let rest = key.get(at..).unwrap_or_default();
    let missing = 8usize.saturating_sub(rest.len());
    match (rest.first_chunk(), key.last_chunk()) {
        (Some(bytes), _) => u64::from_be_bytes(*bytes),
        // The end of the key is all that is left.
        (None, Some(bytes)) if missing < 8 => u64::from_be_bytes(*bytes) << missing.wrapping_mul(8),
        (None, _) => {
            let mut bytes = [0; 8];
            for (place, byte) in bytes.iter_mut().zip(rest) {
                *place = *byte;
            }
            u64::from_be_bytes(bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys that differ early, late, only in their length, and by bytes that padding has too.
    fn keys(count: u32) -> Vec<Vec<u8>> {
        let mut keys: Vec<Vec<u8>> = (0..count)
            .map(|n| match n % 6 {
                0 => format!("refs/heads/a-long-name-that-many-share/{n}").into_bytes(),
                1 => format!("refs/tags/{}", n.wrapping_mul(2_654_435_761)).into_bytes(),
                2 => [b"refs/x".as_slice(), &vec![0; n as usize % 40]].concat(),
                3 => [b"refs/y".as_slice(), &vec![0xff; n as usize % 40]].concat(),
                4 => n.to_be_bytes().to_vec(),
                _ => b"z".repeat(n as usize % 70),
            })
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// A name of bytes 255 has the number that stands where there is no key.
    #[test]
    fn keys_of_the_largest_bytes_are_found() {
        let keys: Vec<Vec<u8>> = (0..90).map(|n| vec![0xff; n]).collect();
        for count in [2, 5, 9, 11, 66, 90] {
            let key = |n: usize| keys[..count][n].as_slice();
            let fences = Fences::new(count, key);
            for (n, wanted) in keys.iter().enumerate().take(count).skip(1) {
                assert_eq!(fences.rank(wanted, key), n, "of {count}");
            }
        }
    }

    #[test]
    fn every_key_is_found_where_counting_finds_it() {
        for count in [1, 2, 7, 8, 9, 64, 65, 400, 520, 3000] {
            let keys = keys(count);
            let key = |n: usize| keys[n].as_slice();
            let fences = Fences::new(keys.len(), key);
            let near = keys.iter().flat_map(|key| {
                let shorter = key[..key.len().saturating_sub(1)].to_vec();
                let longer = [key.as_slice(), b"\0"].concat();
                let other = [key.as_slice(), b"\xff!"].concat();
                [key.clone(), shorter, longer, other]
            });
            let mut inside = 0;
            for wanted in near {
                if wanted <= keys[0] || wanted > *keys.last().unwrap() {
                    continue;
                }
                inside += 1;
                let expected = keys.partition_point(|key| *key < wanted);
                assert_eq!(fences.rank(&wanted, key), expected, "{wanted:?} of {count}");
            }
            assert!(inside >= keys.len() - 1);
        }
    }
}
