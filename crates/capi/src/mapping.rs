//! Whether tables are mapped into memory: the program says so, or else the environment.

use reftable::fs::{Mapping, set_mapping};
use std::sync::Once;

/// Done once somebody has chosen.
static CHOSEN: Once = Once::new();

/// Follows the environment variable `REFTABLE_MMAP`, unless the program has chosen.
pub fn obey_environment() {
    CHOSEN.call_once(|| set_mapping(Mapping::from_env()));
}

/// What the program says stands above the environment.
pub fn choose(mapping: Mapping) {
    CHOSEN.call_once(|| {});
    set_mapping(mapping);
}
