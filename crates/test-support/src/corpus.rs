//! The files of `tests/data`.

use crate::tsv;
use std::path::{Path, PathBuf};

pub fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data")
}

/// One line of an index.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file or folder.
    pub path: PathBuf,
    pub name: String,
    /// The other columns.
    pub columns: Vec<String>,
}

impl Entry {
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap_or_else(|e| panic!("{}: {e}", self.path.display()))
    }

    /// The records expected in a table.
    pub fn expected(&self) -> tsv::Expected {
        tsv::read(&self.path.with_extension("tsv"))
    }
}

/// The tables, in order of the index: writer, result of a deep check, note.
pub fn tables() -> Vec<Entry> {
    listed("tables", Some("ref"))
}

/// The damaged tables: class, note.
pub fn corrupt_tables() -> Vec<Entry> {
    listed("corrupt", Some("ref"))
}

/// The damaged stacks: class, note.
pub fn corrupt_stacks() -> Vec<Entry> {
    listed("corrupt/stacks", None)
}

/// Every folder with a `tables.list` below `stacks`, linked worktrees included.
pub fn stacks() -> Vec<Entry> {
    let mut found = Vec::new();
    for entry in listed("stacks", None) {
        let worktrees = entry.path.join("worktrees");
        let mut homes = vec![(entry.name.clone(), entry.path.clone())];
        if worktrees.is_dir() {
            for name in names(&worktrees) {
                homes.push((format!("{}/{name}", entry.name), worktrees.join(name)));
            }
        }
        for (name, path) in homes {
            found.push(Entry {
                name,
                path,
                columns: entry.columns.clone(),
            });
        }
    }
    found
}

fn listed(folder: &str, extension: Option<&str>) -> Vec<Entry> {
    let folder = dir().join(folder);
    let entries: Vec<Entry> = tsv::rows(&folder.join("index.tsv"))
        .into_iter()
        .map(|row| Entry {
            path: folder.join(&row[0]),
            name: row[0].clone(),
            columns: row[1..].to_vec(),
        })
        .collect();
    let mut wanted: Vec<String> = entries.iter().map(|e| e.name.clone()).collect();
    let mut present = names(&folder);
    present.retain(|name| {
        let path = folder.join(name);
        match extension {
            Some(extension) => path.extension().is_some_and(|e| e == extension),
            None => path.is_dir(),
        }
    });
    wanted.sort();
    present.sort();
    assert_eq!(
        wanted,
        present,
        "index of {} and its files differ",
        folder.display()
    );
    entries
}

fn names(folder: &Path) -> Vec<String> {
    std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A copy of a stack's folder that a test may change.
pub fn scratch_copy(from: &Path) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    copy_dir(from, scratch.path());
    scratch
}

pub fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}
