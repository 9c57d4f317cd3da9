//! Collecting what the object section says: which ref blocks mention an object.

/// The longest abbreviation of an object id that is written, in bytes.
///
/// Ids that agree in this many bytes share a record. A lookup compares whole ids, so
/// that costs at most a few blocks that are looked at in vain.
const MAX_ID_LEN: usize = 8;
/// The shortest abbreviation that the format allows, in bytes.
const MIN_ID_LEN: usize = 2;

/// Object ids and the positions of the ref blocks that mention them.
///
/// A pair of numbers per mention, sorted once at the end: that takes a third of the memory of a
/// tree of ids and stays fast in whatever order the ids come.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    mentions: Vec<(u64, u64)>,
}

impl Objects {
    /// Notes that the ref block at `position` mentions `id`.
    pub(crate) fn add(&mut self, id: &[u8], position: u64) {
        if let Some(first) = id.first_chunk() {
            self.mentions.push((u64::from_be_bytes(*first), position));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mentions.is_empty()
    }

    /// Sorts the ids; returns the length in bytes to which they are abbreviated.
    pub(crate) fn sort(&mut self) -> usize {
        self.mentions.sort_unstable();
        self.mentions.dedup();
        let ids = self.mentions.windows(2).filter_map(|pair| match pair {
            [(a, _), (b, _)] if a != b => Some((a ^ b).leading_zeros() / 8),
            _ => None,
        });
        let shared = ids.max().unwrap_or_default() as usize;
        shared.saturating_add(1).clamp(MIN_ID_LEN, MAX_ID_LEN)
    }

    /// The ids, each as eight bytes, with the positions of the blocks that mention it.
    pub(crate) fn groups(&self) -> impl Iterator<Item = ([u8; 8], Vec<u64>)> {
        self.mentions
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|group| {
                let id = group.first().map_or(0, |(id, _)| *id);
                let positions = group.iter().map(|(_, position)| *position).collect();
                (id.to_be_bytes(), positions)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(bytes: &[u8]) -> Vec<u8> {
        let mut id = bytes.to_vec();
        id.resize(20, 0);
        id
    }

    #[test]
    fn abbreviations_tell_ids_apart_and_have_two_bytes_at_least() {
        for (ids, len) in [
            (vec![id(&[1])], 2),
            (vec![id(&[1]), id(&[2])], 2),
            (vec![id(&[1, 2, 3]), id(&[1, 2, 4])], 3),
            (vec![id(&[1; 7]), id(&[1; 8])], 8),
            (vec![id(&[1; 12]), id(&[1; 13])], 2),
        ] {
            let mut objects = Objects::default();
            for id in &ids {
                objects.add(id, 0);
            }
            assert_eq!(objects.sort(), len, "{ids:?}");
        }
    }

    #[test]
    fn positions_are_grouped_by_id_and_ascend() {
        let mut objects = Objects::default();
        for (byte, position) in [(2, 40), (1, 30), (2, 20), (2, 40)] {
            objects.add(&id(&[byte]), position);
        }
        objects.sort();
        let groups: Vec<_> = objects.groups().map(|(id, at)| (id[0], at)).collect();
        assert_eq!(groups, [(1, vec![30]), (2, vec![20, 40])]);
    }
}
