//! Which tables to merge, by their sizes alone.
//!
//! The sizes of a stack shall form a geometric sequence: each table at least `factor` times as
//! large as all newer ones together. Then a stack of n transactions has O(log n) tables, and each
//! record is rewritten O(log n) times. What breaks the sequence is merged.

use std::ops::Range;

/// The tables whose merging restores the geometric sequence, as a range of at least two indexes
/// into `sizes`, which are in bytes, oldest table first.
pub(super) fn find_segment(sizes: &[u64], factor: u8) -> Option<Range<usize>> {
    let too_small = |older: u64, newer: u128| {
        u128::from(older) < newer.saturating_mul(u128::from(factor.max(2)))
    };
    // The newest table that its older neighbour is too small for ends the segment.
    let last = (1..sizes.len())
        .rev()
        .find(|&newer| too_small(sizes[newer - 1], u128::from(sizes[newer])))?;
    // Downwards from there, every table that is too small for the sum of those above it joins,
    // and with it all between.
    let mut start = last;
    let mut sum = u128::from(sizes[last]);
    for (older, &size) in sizes.iter().enumerate().take(last).rev() {
        if too_small(size, sum) {
            start = older;
        }
        sum += u128::from(size);
    }
    Some(start..last + 1)
}

#[cfg(test)]
mod tests {
    use super::find_segment;

    #[test]
    fn segments_follow_the_geometric_sequence() {
        let sizes = [512, 64, 17, 16, 9, 9, 9, 16, 2, 16];
        assert_eq!(find_segment(&sizes, 2), Some(1..10));
        assert_eq!(find_segment(&[64, 32, 16, 8, 4, 2], 2), None);
        assert_eq!(find_segment(&[64, 32, 16, 8, 4, 3], 2), Some(0..6));
        assert_eq!(find_segment(&[64, 32, 16, 8, 8], 2), Some(0..5));
        assert_eq!(find_segment(&[1000, 8, 8, 1], 2), Some(1..3));
    }

    #[test]
    fn short_stacks_and_equal_sizes() {
        assert_eq!(find_segment(&[], 2), None);
        assert_eq!(find_segment(&[7], 2), None);
        assert_eq!(find_segment(&[1, 1], 2), Some(0..2));
        assert_eq!(find_segment(&[0, 0, 0], 2), None);
        assert_eq!(find_segment(&[u64::MAX, u64::MAX], u8::MAX), Some(0..2));
    }

    #[test]
    fn factors_below_two_count_as_two() {
        for factor in 0..=2 {
            assert_eq!(find_segment(&[3, 2], factor), Some(0..2));
            assert_eq!(find_segment(&[4, 2], factor), None);
        }
    }

    /// Tables of two sizes in turn defeat a policy that merges only runs of equal size: the stack
    /// grew until the process ran out of descriptors.
    #[test]
    fn alternating_sizes_stay_logarithmic() {
        for factor in [2u8, 5] {
            let mut sizes: Vec<u64> = Vec::new();
            for added in 1..=1000u32 {
                sizes.push(if added % 2 == 0 { 30 } else { 90 });
                if let Some(segment) = find_segment(&sizes, factor) {
                    let merged = sizes[segment.clone()].iter().sum();
                    sizes.splice(segment, [merged]);
                }
                let bound = 2 * added.ilog2() as usize + 3;
                assert!(sizes.len() <= bound, "{added} additions: {sizes:?}");
            }
        }
    }
}
