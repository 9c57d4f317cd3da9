//! Bringing a damaged stack back to a state that everybody reads.
//!
//! ```text
//! list ──► lines, each with its file, a damaged line with the one that it can only mean
//! each table ──► sound: kept as it is
//!           ├──► damaged: what can be read goes into a new table (salvage)
//!           └──► missing: an unlisted table takes its place if it explains the tables around it
//! new tables and a new list, published as those of a compaction; damaged files are kept aside
//! ```
//!
//! What a missing table alone had is gone: refs that it changed show their older values
//! again, and refs that it deleted come back. The report tells for which names that may be so. `plan`
//! says how it is decided which tables are taken.

mod blocks;
mod explain;
mod intervals;
mod inventory;
mod lines;
mod losses;
mod mend;
mod order;
mod origin;
mod plan;
mod publish;
mod rebuild;
mod records;
mod salvage;

pub use losses::{Keys, Loss, LossKind, Part};

use crate::error::{Corruption, Error, Result};
use crate::stack::StackOptions;
use std::path::{Path, PathBuf};

/// What a repair may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Whether nothing is changed, and the report says what would be.
    pub dry_run: bool,
    /// Whether unlisted tables are taken that may never have been committed, if a single one fits
    /// its place.
    pub take_unlisted: bool,
}

/// What a repair found and did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RepairReport {
    /// What is wrong with the list itself.
    pub list_flaws: Vec<String>,
    /// Whether the list was made anew from the tables in the folder, since nothing in it was of use.
    pub list_rebuilt: bool,
    /// The tables, oldest first; then those that are not part of the stack.
    pub tables: Vec<TableReport>,
    /// What is gone or in doubt.
    pub losses: Vec<Loss>,
    /// Files of the old state that were kept under other names in the same folder.
    pub kept_aside: Vec<PathBuf>,
    /// Whether the stack was changed.
    pub is_changed: bool,
}

impl RepairReport {
    /// Whether there is nothing to repair. Unlisted tables may still have something of their own.
    pub fn is_sound(&self) -> bool {
        let in_place =
            |table: &TableReport| matches!(table.outcome, Outcome::Sound | Outcome::NotTaken(_));
        self.list_flaws.is_empty() && self.tables.iter().all(in_place)
    }

    /// The worst that is known about any ref or reflog; `None` if nothing is gone or in doubt.
    pub fn worst_loss(&self) -> Option<LossKind> {
        self.losses.iter().map(|loss| loss.kind).min()
    }
}

/// What becomes of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableReport {
    /// Its file name, or what stands in the list.
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
    /// It is kept as it is; this stands in its line of the list.
    Matched(String),
    /// It was not listed, and takes the place of these; of none if the list was lost, or it was
    /// asked for.
    Adopted(Vec<String>),
    /// This one takes its place.
    Replaced(String),
    /// What could be read of it is in a new table.
    Salvaged {
        /// Refs that could be read.
        refs: u64,
        /// Log records that could be read.
        logs: u64,
        /// What is wrong, and where; records around such places may be lost.
        losses: Vec<Corruption>,
    },
    /// It is missing; what an unlisted table has from its update indexes is in a new table, and
    /// may not be what was committed.
    Uncertain {
        /// The unlisted table.
        from: String,
        /// Refs that were taken.
        refs: u64,
        /// Log records that were taken.
        logs: u64,
    },
    /// It does not exist.
    Missing,
    /// Nothing of it could be read, or it belongs to another stack; says why.
    Unusable(String),
    /// It is not listed and was not taken; says why.
    NotTaken(String),
}

/// Repairs the stack in `dir`.
///
/// The list's lock is held meanwhile. New tables and a new list are published in the same folder, as
/// those of a compaction: at every moment the list is the old one or the new one. Files that are not
/// part of the stack any more are kept under names with `.damaged-` in them. A sound stack is left
/// alone.
///
/// # Errors
///
/// [`Error::Locked`], and errors of the system; then the stack is as it was.
pub fn repair_stack(
    dir: impl AsRef<Path>,
    options: &StackOptions,
    wishes: RepairOptions,
) -> Result<RepairReport> {
    let dir = std::path::absolute(dir.as_ref()).map_err(Error::io("find", dir.as_ref()))?;
    // R1: the lock of the list.
    let lock = match wishes.dry_run {
        true => None,
        false => Some(publish::lock(&dir, options)?),
    };
    // R2: what to do.
    let plan = plan::Plan::make(&dir, options, &wishes)?;
    let losses = plan.losses()?;
    let mut report = RepairReport {
        list_flaws: plan.list_flaws.clone(),
        list_rebuilt: plan.is_rebuilt,
        tables: plan.tables(&losses),
        losses,
        kept_aside: Vec::new(),
        is_changed: false,
    };
    if let (Some(lock), false) = (lock, report.is_sound()) {
        report.kept_aside = publish::publish(&dir, options, &plan, lock)?;
        report.is_changed = true;
    }
    Ok(report)
}
