//! Bringing a damaged stack back to a state that everybody reads.
//!
//! ```text
//! list ──► which tables? rebuilt from the tables found, where it is missing or malformed
//! each table ──► sound: kept as it is
//!           ├──► damaged: what can be read goes into a new table (salvage)
//!           └──► missing: unlisted tables of the same update indexes take its place
//! new folder beside the old one ──► the two change names; the old one is kept
//! ```
//!
//! A missing table takes along what it alone had: refs that it changed show their older values
//! again, and refs that it deleted come back. The report says for which update indexes.

mod plan;
mod salvage;
mod swap;

use crate::error::{Corruption, Error, Result};
use crate::stack::StackOptions;
use std::path::{Path, PathBuf};

/// What a repair found and did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// Why the list was made anew from the tables in the folder; `None` if it was usable.
    pub list_rebuilt: Option<String>,
    /// The tables, oldest first.
    pub tables: Vec<TableReport>,
    /// Where the old folder is kept; `None` if nothing was changed.
    pub kept_aside: Option<PathBuf>,
}

impl RepairReport {
    /// Whether there is nothing to repair.
    pub fn is_sound(&self) -> bool {
        let sound = |table: &TableReport| table.outcome == Outcome::Sound;
        self.list_rebuilt.is_none() && self.tables.iter().all(sound)
    }
}

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableReport {
    /// Its file name.
    pub name: String,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is kept as it is.
    Sound,
    /// It was not listed, and is taken in because it fills a gap.
    Adopted,
    /// What could be read of it is in a new table.
    Salvaged {
        /// Refs that could be read.
        refs: u64,
        /// Log records that could be read.
        logs: u64,
        /// What is wrong, and where; records around such places may be lost.
        losses: Vec<Corruption>,
    },
    /// It does not exist.
    Missing,
    /// Nothing of it could be read, or it belongs to another stack; says why.
    Unusable(String),
}

/// Repairs the stack in `dir`. With `dry_run` nothing is changed, and the report says what would be.
///
/// The list's lock is held meanwhile. The repaired stack is built in a folder beside `dir`, which
/// then takes the name, while the old one is renamed to `NAME.broken-SECONDS`. Between the two
/// renames there is no stack for a moment. A sound stack is left alone.
///
/// # Errors
///
/// [`Error::Locked`], and errors of the system; then the stack is as it was.
pub fn repair_stack(
    dir: impl AsRef<Path>,
    options: &StackOptions,
    dry_run: bool,
) -> Result<RepairReport> {
    let dir = std::path::absolute(dir.as_ref()).map_err(Error::io("find", dir.as_ref()))?;
    let lock = match dry_run {
        true => None,
        false => Some(swap::lock(&dir, options)?),
    };
    let plan = plan::Plan::make(&dir, options)?;
    let mut report = plan.report();
    if let (Some(lock), false) = (lock, report.is_sound()) {
        report.kept_aside = Some(swap::swap(&dir, options, plan.tables, lock)?);
    }
    Ok(report)
}
