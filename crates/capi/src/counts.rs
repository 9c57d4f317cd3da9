//! Counts of the core as C has them, in smaller integers.

use std::ffi::c_int;

/// A number of the core's as C has it: the largest there is for what does not fit.
pub trait Count<N> {
    /// The number.
    fn of(number: N) -> Self;
}

macro_rules! counts {
    ($($number:ty => $count:ty),* $(,)?) => {
        $(impl Count<$number> for $count {
            fn of(number: $number) -> $count {
                number.try_into().unwrap_or(<$count>::MAX)
            }
        })*
    };
}
counts!(u64 => c_int, u32 => c_int, u8 => c_int, usize => c_int, u64 => u32, usize => u32, usize => u16);

impl Count<u64> for u64 {
    fn of(number: u64) -> u64 {
        number
    }
}

/// Fills a struct of counts from one of the core: `c_struct from CoreStruct { field: core_field }`.
#[macro_export]
macro_rules! counts {
    ($type:ident from $core:ty { $($field:ident: $of:ident),* $(,)? }) => {
        impl $crate::counts::Count<$core> for $type {
            fn of(core: $core) -> $type {
                $type { $($field: $crate::counts::Count::of(core.$of)),* }
            }
        }
    };
}

/// The layout and the meaning of the structs with the counts of a table, which all interfaces have
/// alike but for the types of some numbers.
#[macro_export]
macro_rules! table_counts {
    ($block:ident, $table:ident) => {
        $crate::layout!($block: 40 / 8 {
            entries @ 0, restarts @ 4, blocks @ 8, index_blocks @ 12, max_index_level @ 16,
            offset @ 24, index_offset @ 32,
        });
        $crate::counts!($block from reftable::table::BlockStats {
            entries: entries, restarts: restarts, blocks: blocks, index_blocks: index_blocks,
            max_index_level: max_index_level, offset: offset, index_offset: index_offset,
        });
        $crate::layout!($table: 176 / 8 {
            blocks @ 0, ref_stats @ 8, obj_stats @ 48, idx_stats @ 88, log_stats @ 128,
            object_id_len @ 168,
        });
        $crate::counts!($table from reftable::table::Stats {
            blocks: blocks, ref_stats: refs, obj_stats: objects, idx_stats: index,
            log_stats: logs, object_id_len: object_id_len,
        });
    };
}

/// The same for what compaction did, and for what it is to drop, which all interfaces have alike.
#[macro_export]
macro_rules! compaction_counts {
    ($counts:ident, $expiry:ident) => {
        $crate::layout!($counts: 24 / 8 {
            bytes @ 0, entries_written @ 8, attempts @ 16, failures @ 20,
        });
        $crate::counts!($counts from reftable::stack::CompactionStats {
            bytes: bytes, entries_written: entries_written, attempts: attempts, failures: failures,
        });
        $crate::layout!($expiry: 16 / 8 { time @ 0, min_update_index @ 8 });
        impl $expiry {
            /// What log records to drop.
            fn expiry(&self) -> reftable::stack::LogExpiry {
                reftable::stack::LogExpiry {
                    time: self.time,
                    min_update_index: self.min_update_index,
                }
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::Count;
    use std::ffi::c_int;

    #[test]
    fn what_does_not_fit_is_the_largest_number() {
        assert_eq!(c_int::of(7_u64), 7);
        assert_eq!(c_int::of(u64::MAX), c_int::MAX);
        assert_eq!(u32::of(u64::MAX), u32::MAX);
        assert_eq!(u64::of(u64::MAX), u64::MAX);
    }
}
