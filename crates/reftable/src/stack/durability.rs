//! The switch for those who would rather lose transactions than wait for the disk.

use crate::options::Durability;
use std::sync::OnceLock;

/// The environment variable that turns syncing off with the value 0.
const VARIABLE: &str = "REFTABLE_FSYNC";

impl Durability {
    /// What the environment asks for: [`Durability::Unsynced`] if `REFTABLE_FSYNC` is `0`.
    ///
    /// For programs that let their users choose; the library itself follows
    /// [`StackOptions::durability`](crate::StackOptions::durability) alone. The variable is read
    /// once per process.
    pub fn from_env() -> Durability {
        static CHOICE: OnceLock<Durability> = OnceLock::new();
        *CHOICE.get_or_init(|| match std::env::var_os(VARIABLE) {
            Some(value) if value == "0" => Durability::Unsynced,
            _ => Durability::Synced,
        })
    }
}
