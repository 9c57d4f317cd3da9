//! git's reftable storage: the file format, the stack of tables, repositories and transactions.
//!
//! A repository with `extensions.refStorage = reftable` keeps its refs and reflogs in a folder of
//! *tables*: immutable files of sorted records, listed oldest first in `tables.list`. A record in
//! a newer table hides the one of the same name in older tables. This crate reads and writes the
//! tables and the folder.
//!
//! ```text
//!             folder                 one view                 one file
//!   Stack ──────────────► MergedTable ──────────► Table ──────────► blocks of records
//!   Addition, compaction   newest record per key   sections, indexes
//!        │
//!        └── Fs: create, rename, sync, remove      TableWriter ────► blocks of records
//! ```
//!
//! | type | what it is |
//! |---|---|
//! | [`Stack`] | the folder: loads the list, adds tables, compacts them |
//! | [`Addition`] | a transaction that holds the lock of the list |
//! | [`MergedTable`] | an immutable view of several tables; keeps them alive |
//! | [`Table`], [`TableWriter`] | one file |
//! | [`RefRecord`], [`LogRecord`] | one ref, one reflog entry; bytes borrowed from a block |
//! | [`StackOptions`], [`WriteOptions`] | how to lock, sync and lay out |
//! | [`Repository`] | finds the stacks of a git directory, a work tree, a linked worktree |
//! | [`View`] | the refs at one moment: find, resolve, list, by object, reflogs, changes |
//! | [`Transaction`] | several refs at once, each under a condition: prepare, commit, abort |
//! | [`verify`] | a deep check of tables and folders, with findings as values |
//! | [`repair`] | what can be read of a damaged stack becomes a sound one |
//! | [`convert`] | from and to git's files of refs and logs |
//! | [`inspect`] | a table block by block |
//! | [`Error`] | what went wrong, with file and offset |
//!
//! # A repository
//!
//! ```no_run
//! use reftable::Repository;
//!
//! let repository = Repository::discover(".")?;
//! for record in repository.view().refs(b"refs/heads/")? {
//!     println!("{}", String::from_utf8_lossy(&record?.name));
//! }
//! # Ok::<(), reftable::Error>(())
//! ```
//!
//! # Reading a stack
//!
//! Iterators lend their records, so the loop is a `while let`:
//!
//! ```no_run
//! use reftable::{RefValue, Stack, StackOptions};
//!
//! let stack = Stack::open("repo/.git/reftable", StackOptions::default())?;
//! let mut refs = stack.merged().refs_with_prefix(b"refs/heads/")?;
//! while let Some(record) = refs.next()? {
//!     if let RefValue::Object(id) = record.value {
//!         println!("{id:02x?} {}", String::from_utf8_lossy(record.name));
//!     }
//! }
//! # Ok::<(), reftable::Error>(())
//! ```
//!
//! # Writing to a stack
//!
//! ```
//! use reftable::{RefRecord, RefValue, Stack, StackOptions};
//!
//! # let dir = tempfile::tempdir().expect("a folder");
//! # let dir = dir.path();
//! let stack = Stack::open(dir, StackOptions::default())?;
//! stack.add(|writer| {
//!     let index = stack.next_update_index()?;
//!     writer.set_limits(index, index);
//!     writer.add_ref(&RefRecord {
//!         name: b"refs/heads/main",
//!         update_index: index,
//!         value: RefValue::Object(&[0x11; 20]),
//!     })
//! })?;
//! let found = stack.read_ref(b"refs/heads/main", |record| record.update_index)?;
//! assert_eq!(found, Some(1));
//! # Ok::<(), reftable::Error>(())
//! ```
#![deny(unsafe_op_in_unsafe_fn)]

mod block;
#[doc(hidden)]
pub mod blocks;
pub mod convert;
pub mod error;
mod format;
pub mod fs;
pub mod hash;
pub mod hex;
pub mod inspect;
pub mod merged;
pub mod record;
pub mod refname;
pub mod repair;
pub mod repository;
pub mod stack;
pub mod table;
pub mod transaction;
pub mod verify;
pub mod view;

pub use error::{Corruption, Defect, Error, Result};
pub use hash::HashId;
pub use merged::MergedTable;
pub use record::{LogRecord, LogUpdate, LogValue, RefRecord, RefValue};
pub use repository::{Repository, StateToken};
pub use stack::{Addition, CompactionStats, Durability, LogExpiry, Stack, StackOptions};
pub use table::{Table, TableWriter, WriteOptions};
pub use transaction::{Edit, Transaction};
pub use view::{Head, View};
