//! Deep checks of a table and of a stack: every byte is looked at, and everything that is wrong is
//! told, not just the first thing.
//!
//! Opening a table checks header and footer, reading it checks what is read. What no reader meets
//! is found here: an index or an object section that disagrees with the records, sections out of
//! order, restarts that no record starts at; and in the folder of a stack ranges of update indexes
//! that overlap, files that no list names, and locks that somebody left behind.
//!
//! The checks read, and change nothing. They are those of groups A to G of format section 19.
//!
//! ```
//! use reftable::StackOptions;
//! use reftable::verify::{Severity, verify_stack};
//!
//! # let repository = std::env::temp_dir().join("no-such-repository");
//! let findings = verify_stack(repository.join("reftable"), &StackOptions::default());
//! for finding in &findings {
//!     eprintln!("{finding}");
//! }
//! let sound = findings.iter().all(|finding| finding.severity < Severity::Error);
//! # assert!(sound);
//! ```

mod index;
mod names;
mod stack;
mod table;

pub use stack::{verify_stack, verify_stack_with};

use crate::error::{Defect, Error};
use crate::fs::BlockSource;
use crate::table::Table;
use std::fmt;
use std::sync::Arc;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Unusual, and harmless.
    Note,
    /// Readers get along with it, but it should not be there.
    Warning,
    /// Records are lost, wrong or hard to reach.
    Error,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Bytes that break a rule of the format.
    Defect(Defect),
    /// A listed table does not exist, or a list that has to.
    NotFound,
    /// The system refuses to read a file.
    IoError,
    /// A table has another hash than the stack.
    HashMismatch,
    /// Update indexes of a table do not come after those of the table before.
    UpdateIndexRange,
    /// A table has other update indexes than its name says: it is not the table that was listed.
    OtherTable,
    /// A table's name is none that a writer gives.
    TableName,
    /// The list does not end with a newline.
    NoFinalNewline,
    /// A table that the list does not name.
    StrayTable,
    /// The file of a table that was never completed.
    StrayFile,
    /// A lock: somebody is writing, or died while writing.
    Lock,
    /// A ref with a name that git refuses.
    RefName,
    /// A ref below the name of another one.
    NameConflict,
    /// A ref whose object id is all zero.
    BadRefOid,
    /// A `HEAD` that points to no branch.
    BadHeadTarget,
    /// A symbolic ref to a name that no ref can have.
    BadReferentName,
    /// A symbolic ref to a name outside of `refs/` and `worktrees/` that is no root ref.
    SymrefTargetIsNotARef,
}

impl Kind {
    /// The kind's name; that of the rule for a broken rule: "FooterCrc", "NotFound".
    pub fn name(self) -> &'static str {
        match self {
            Kind::Defect(defect) => defect.name(),
            Kind::NotFound => "NotFound",
            Kind::IoError => "IoError",
            Kind::HashMismatch => "HashMismatch",
            Kind::UpdateIndexRange => "UpdateIndexRange",
            Kind::OtherTable => "OtherTable",
            Kind::TableName => "TableName",
            Kind::NoFinalNewline => "NoFinalNewline",
            Kind::StrayTable => "StrayTable",
            Kind::StrayFile => "StrayFile",
            Kind::Lock => "Lock",
            Kind::RefName => "RefName",
            Kind::NameConflict => "NameConflict",
            Kind::BadRefOid => "BadRefOid",
            Kind::BadHeadTarget => "BadHeadTarget",
            Kind::BadReferentName => "BadReferentName",
            Kind::SymrefTargetIsNotARef => "SymrefTargetIsNotARef",
        }
    }

    /// One sentence about it.
    pub fn description(self) -> &'static str {
        match self {
            Kind::Defect(defect) => defect.description(),
            Kind::NotFound => "does not exist",
            Kind::IoError => "cannot be read",
            Kind::HashMismatch => "another hash than the stack's",
            Kind::UpdateIndexRange => "update indexes do not come after those of the table before",
            Kind::OtherTable => "other update indexes than its name says",
            Kind::TableName => "unusual name of a table",
            Kind::NoFinalNewline => "list does not end with a newline",
            Kind::StrayTable => "table that the list does not name",
            Kind::StrayFile => "left-over of a table that was never completed",
            Kind::Lock => "lock that is held or was left behind",
            Kind::RefName => "ref with a name that git refuses",
            Kind::NameConflict => "ref below the name of another one",
            Kind::BadRefOid => "ref whose object id is all zero",
            Kind::BadHeadTarget => "HEAD points to no branch",
            Kind::BadReferentName => "symbolic ref to a name that no ref can have",
            Kind::SymrefTargetIsNotARef => "symbolic ref to what is no ref",
        }
    }

    /// The message id of `git refs verify`, where git reports the same.
    pub fn git_id(self) -> Option<&'static str> {
        match self {
            Kind::TableName => Some("badReftableTableName"),
            Kind::RefName => Some("badRefName"),
            Kind::BadRefOid => Some("badRefOid"),
            Kind::BadHeadTarget => Some("badHeadTarget"),
            Kind::BadReferentName => Some("badReferentName"),
            Kind::SymrefTargetIsNotARef => Some("symrefTargetIsNotARef"),
            _ => None,
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The table's name, or that of another file in the folder.
    pub file: String,
    /// Where in the file, in bytes, if it is about a place. Inside a log block, the position of the
    /// block.
    pub offset: Option<u64>,
    /// How much it matters.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// What was expected and found, where more can be said than the kind.
    pub detail: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, ": offset {offset}")?;
        }
        write!(f, ": {}", self.kind.description())?;
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        match self.kind.git_id() {
            Some(id) => write!(f, " [{id}]"),
            None => Ok(()),
        }
    }
}

impl Finding {
    /// A broken rule at a place of a table.
    fn defect(file: &str, offset: u64, defect: Defect, detail: Option<String>) -> Finding {
        Finding {
            file: file.to_owned(),
            offset: Some(offset),
            severity: Severity::Error,
            kind: Kind::Defect(defect),
            detail,
        }
    }

    /// Something about a file as a whole.
    fn about(file: &str, severity: Severity, kind: Kind, detail: Option<String>) -> Finding {
        Finding {
            file: file.to_owned(),
            offset: None,
            severity,
            kind,
            detail,
        }
    }

    /// An error that reading `file` gave.
    fn error(file: &str, error: &Error) -> Finding {
        match error {
            Error::Corrupt(corruption) => {
                let detail = corruption.detail.clone();
                Finding::defect(file, corruption.offset, corruption.defect, detail)
            }
            Error::NotFound { .. } => Finding::about(file, Severity::Error, Kind::NotFound, None),
            other => {
                let detail = Some(other.to_string());
                Finding::about(file, Severity::Error, Kind::IoError, detail)
            }
        }
    }
}

/// Checks everything in one table; `name` is for the findings. A sound table has none.
///
/// Reads every block once and the index blocks twice. Memory grows with the number of blocks and of
/// different object ids, not with the length of the file.
pub fn verify_table(source: Arc<dyn BlockSource>, name: &str) -> Vec<Finding> {
    match Table::open(source, name) {
        Ok(table) => table::check(&table),
        Err(error) => vec![Finding::error(name, &error)],
    }
}
