//! The stacks that a command works on: a repository means all of them.

use crate::args::Which;
use crate::failure::Failure;
use crate::out::shown_path;
use crate::target::{Place, options, options_for_stack};
use reftable::repository::Stacks;
use reftable::{Stack, StackOptions};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the stack that all worktrees share is called, as in git's names of refs.
const MAIN: &str = "main-worktree";

/// One of the stacks of a repository.
#[derive(Clone, Debug)]
pub(crate) struct StackPlace {
    /// The name of the linked worktree whose stack it is.
    pub(crate) worktree: Option<OsString>,
    /// The folder.
    pub(crate) dir: PathBuf,
}

impl StackPlace {
    /// The folder of such a stack in a git directory, or what is laid out like one.
    pub(crate) fn folder_in(&self, dir: &Path) -> PathBuf {
        match &self.worktree {
            None => dir.join("reftable"),
            Some(name) => dir.join("worktrees").join(name).join("reftable"),
        }
    }

    /// What names of its refs begin with, seen from the whole repository.
    pub(crate) fn prefix(&self) -> Vec<u8> {
        match &self.worktree {
            None => Vec::new(),
            Some(name) => [b"worktrees/", name.as_encoded_bytes(), b"/"].concat(),
        }
    }

    fn is_called(&self, name: &OsStr) -> bool {
        match &self.worktree {
            None => name == MAIN,
            Some(_) => [name.as_encoded_bytes(), b"/"].concat() == self.prefix(),
        }
    }
}

/// The stacks at a path.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) stacks: Vec<StackPlace>,
    pub(crate) options: StackOptions,
    /// The repository they are in, if it was found.
    pub(crate) repository: Option<Stacks>,
    /// Whether they are all of a repository, or of a copy of one.
    pub(crate) whole: bool,
}

impl Places {
    /// The stacks at `path`, those of linked worktrees too, or the one asked for. Needs no table to
    /// be sound.
    pub(crate) fn of(path: &Path, which: &Which) -> Result<Places, Failure> {
        let mut places = Places::all(path)?;
        if let Some(name) = &which.stack {
            places.stacks.retain(|place| place.is_called(name));
            places.whole = false;
        }
        match (places.stacks.is_empty(), &which.stack) {
            (true, Some(name)) => Err(Failure::usage(format!(
                "{} has no stack {}",
                path.display(),
                name.to_string_lossy()
            ))),
            _ => Ok(places),
        }
    }

    pub(crate) fn all(path: &Path) -> Result<Places, Failure> {
        let one = |dir| StackPlace {
            worktree: None,
            dir,
        };
        let linked = |(name, dir)| StackPlace {
            worktree: Some(name),
            dir,
        };
        Ok(match Place::of(path)? {
            Place::File(path) => {
                let text = format!("{} is a table, not a stack of tables", path.display());
                return Err(Failure::message(text));
            }
            Place::Folder(dir) => Places {
                options: options_for_stack(&dir)?,
                stacks: vec![one(dir)],
                repository: None,
                whole: false,
            },
            Place::Snapshot(dir) => {
                let mut options = options_for_stack(&dir.join("reftable"))?;
                options.list_required = true;
                let mut stacks = vec![one(dir.join("reftable"))];
                stacks.extend(worktrees_in(&dir)?.into_iter().map(linked));
                Places {
                    stacks,
                    options,
                    repository: None,
                    whole: true,
                }
            }
            Place::Repository(path) => {
                let layout = Stacks::discover(path)?;
                let options = layout.options(options());
                let mut stacks = vec![one(layout.shared.clone())];
                stacks.extend(layout.worktrees.iter().cloned().map(linked));
                Places {
                    stacks,
                    options,
                    repository: Some(layout),
                    whole: true,
                }
            }
        })
    }

    /// Opens one of them.
    pub(crate) fn open(&self, place: &StackPlace) -> Result<Stack, Failure> {
        Ok(Stack::open(&place.dir, self.options.clone())?)
    }

    /// Names the stacks of a repository on standard error: whoever reads only the answer must be
    /// able to see what it is about.
    pub(crate) fn tell(&self, at_least: usize) {
        if self.whole && self.stacks.len() >= at_least {
            let mut errors = io::stderr().lock();
            for place in &self.stacks {
                let _ = writeln!(errors, "looked at {}", shown_path(&place.dir));
            }
        }
    }
}

/// The stacks of linked worktrees in a folder laid out like a git directory.
pub(crate) fn worktrees_in(dir: &Path) -> Result<Vec<(OsString, PathBuf)>, Failure> {
    let dir = dir.join("worktrees");
    let failed = |error| Failure::message(format!("cannot list {}: {error}", dir.display()));
    let entries = match std::fs::read_dir(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        let below = dir.join(&name).join("reftable");
        found.push((name, below));
    }
    found.sort();
    Ok(found)
}
