//! Refs from and to git's other storage, files: loose refs, `packed-refs`, and reflogs.
//!
//! ```text
//! git directory ──► import_files ──► Stack     each worktree has a stack of its own
//! lines of text ──► import_text  ──┘
//! View ──► export_packed_refs, export_text     streams of lines
//!     └──► export_files                        a folder laid out like a git directory
//! ```
//!
//! Refs are read and written one after the other; only loose refs are collected, and the entries of
//! one reflog, which a table has in reverse order. What cannot be taken over is reported, never
//! dropped silently.

mod admit;
mod export;
mod import;
mod lines;
mod loose;
mod packed;
mod peel;
mod reflog;
mod text;

pub use export::{
    ExportReport, export_files, export_packed_refs, export_text, export_worktree_files,
};
pub use import::{ImportReport, import_files};
pub use lines::import_text;
