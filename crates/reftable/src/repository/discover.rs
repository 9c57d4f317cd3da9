//! Finding the folders of a repository.

use super::config::Config;
use crate::error::{Error, Result};
use crate::hash::HashId;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where a repository has what.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) git_dir: PathBuf,
    pub(super) common_dir: PathBuf,
    pub(super) work_tree: Option<PathBuf>,
    pub(super) bare: bool,
    pub(super) hash: HashId,
    /// The folder of the stack of shared refs.
    pub(super) stack: PathBuf,
    /// The folder of the linked worktree's stack.
    pub(super) worktree_stack: Option<PathBuf>,
}

/// A git directory and how it was found.
struct Found {
    git_dir: PathBuf,
    work_tree: Option<PathBuf>,
}

impl Layout {
    /// Looks in `path` and the folders above it.
    pub(super) fn discover(path: &Path) -> Result<Layout> {
        let start = fs::canonicalize(path).map_err(Error::io("find", path))?;
        for dir in start.ancestors() {
            if let Some(found) = look_in(dir)? {
                return Layout::of(found);
            }
        }
        Err(Error::NoRepository { path: start })
    }

    /// Looks in `path` alone.
    pub(super) fn open(path: &Path) -> Result<Layout> {
        let dir = fs::canonicalize(path).map_err(Error::io("find", path))?;
        match look_in(&dir)? {
            Some(found) => Layout::of(found),
            None => Err(Error::NoRepository { path: dir }),
        }
    }

    fn of(Found { git_dir, work_tree }: Found) -> Result<Layout> {
        let common_dir = match read_line(&git_dir.join("commondir"))? {
            Some(path) => resolve(&git_dir, &path)?,
            None => git_dir.clone(),
        };
        let settings = Settings::read(&common_dir)?;
        let refs = settings.location.as_deref().unwrap_or(&common_dir);
        let worktree_stack = match (git_dir != common_dir, git_dir.file_name()) {
            (true, Some(id)) => Some(refs.join("worktrees").join(id).join("reftable")),
            _ => None,
        };
        Ok(Layout {
            stack: refs.join("reftable"),
            worktree_stack,
            bare: settings.bare && work_tree.is_none(),
            hash: settings.hash,
            git_dir,
            common_dir,
            work_tree,
        })
    }

    /// The names of the linked worktrees that have a stack, sorted.
    pub(super) fn worktrees(&self) -> Result<Vec<String>> {
        let dir = self.common_dir.join("worktrees");
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", dir)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &dir))?.file_name();
            // Others cannot be named in `worktrees/NAME/HEAD` by text.
            if let Ok(name) = name.into_string() {
                if self.stack_of_worktree(&name).is_dir() {
                    names.push(name);
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// The folder of the stack of a linked worktree.
    pub(super) fn stack_of_worktree(&self, id: &str) -> PathBuf {
        let refs = self.stack.parent().unwrap_or(&self.common_dir);
        refs.join("worktrees").join(id).join("reftable")
    }
}

/// Where the stacks of a repository are, for those who look at the files. No table is opened, so
/// this works on a damaged repository too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stacks {
    /// The folder of the repository's stack.
    pub shared: PathBuf,
    /// Names of linked worktrees and the folders of their stacks, sorted.
    pub worktrees: Vec<(String, PathBuf)>,
    /// The hash of the object ids.
    pub hash: HashId,
}

impl Stacks {
    /// Finds the repository that `path` is in, as
    /// [`Repository::discover`](super::Repository::discover) does.
    ///
    /// # Errors
    ///
    /// Those of finding it: [`Error::NoRepository`], [`Error::NotReftable`],
    /// [`Error::UnsupportedRepository`], and errors of the system.
    pub fn discover(path: impl AsRef<Path>) -> Result<Stacks> {
        let layout = Layout::discover(path.as_ref())?;
        let names = layout.worktrees()?.into_iter();
        let place = |name: String| {
            let dir = layout.stack_of_worktree(&name);
            (name, dir)
        };
        Ok(Stacks {
            worktrees: names.map(place).collect(),
            hash: layout.hash,
            shared: layout.stack,
        })
    }
}

/// How a repository keeps its refs, as [`RefStorage::of`] finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RefStorage {
    /// The git directory that all worktrees share.
    pub common_dir: PathBuf,
    /// The name of the format: "files", "reftable".
    pub format: String,
    /// The hash of the object ids.
    pub hash: HashId,
}

impl RefStorage {
    /// Asks the repository whose work tree or git directory `path` is.
    ///
    /// # Errors
    ///
    /// [`Error::NoRepository`], [`Error::UnsupportedRepository`], and errors of the system.
    pub fn of(path: impl AsRef<Path>) -> Result<RefStorage> {
        let dir = fs::canonicalize(path.as_ref()).map_err(Error::io("find", path.as_ref()))?;
        let Some(found) = look_in(&dir)? else {
            return Err(Error::NoRepository { path: dir });
        };
        let common_dir = match read_line(&found.git_dir.join("commondir"))? {
            Some(path) => resolve(&found.git_dir, &path)?,
            None => found.git_dir,
        };
        let path = common_dir.join("config");
        let config = Config::read(&path)?;
        let storage = storage_of(&config);
        Ok(RefStorage {
            hash: hash_of(&config, &path)?,
            format: storage.0.to_owned(),
            common_dir,
        })
    }
}

/// The git directory that `dir` is, or is the work tree of.
fn look_in(dir: &Path) -> Result<Option<Found>> {
    let dot_git = dir.join(".git");
    let found = |git_dir| {
        Some(Found {
            git_dir,
            work_tree: Some(dir.to_path_buf()),
        })
    };
    match fs::metadata(&dot_git) {
        Ok(metadata) if metadata.is_dir() => {
            if is_git_dir(&dot_git) {
                return Ok(found(dot_git));
            }
        }
        Ok(_) => {
            let line = read_line(&dot_git)?.unwrap_or_default();
            let Some(path) = line.strip_prefix("gitdir:") else {
                return Err(Error::UnsupportedRepository {
                    path: dot_git,
                    reason: "no line that begins with \"gitdir:\"".to_owned(),
                });
            };
            return Ok(found(resolve(dir, path.trim_start())?));
        }
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(Error::io("find", dot_git)(error)),
    }
    Ok(is_git_dir(dir).then(|| Found {
        git_dir: dir.to_path_buf(),
        work_tree: None,
    }))
}

fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a folder looks like a git directory. Not all writers make a `HEAD`.
fn is_git_dir(dir: &Path) -> bool {
    let refs = dir.join("HEAD").is_file() || dir.join("reftable").is_dir();
    let rest = dir.join("objects").is_dir() && dir.join("config").is_file();
    refs && (rest || dir.join("commondir").is_file())
}

/// The path, from `base` if it is relative; it must exist.
fn resolve(base: &Path, path: &str) -> Result<PathBuf> {
    let path = base.join(path);
    fs::canonicalize(&path).map_err(Error::io("find", &path))
}

/// The only line of a file, without its end; `None` if there is no such file.
fn read_line(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// What the configuration says about refs.
struct Settings {
    hash: HashId,
    bare: bool,
    /// Where the refs are, if not in the git directory.
    location: Option<PathBuf>,
}

impl Settings {
    fn read(common_dir: &Path) -> Result<Settings> {
        let path = common_dir.join("config");
        let config = Config::read(&path)?;
        let unsupported = |reason: String| Error::UnsupportedRepository {
            path: path.clone(),
            reason,
        };
        let version = config.get("core.repositoryformatversion").unwrap_or("0");
        let (storage, location) = storage_of(&config);
        if !matches!(version, "0" | "1") {
            let reason = format!("repository format version {version} is not supported");
            return Err(unsupported(reason));
        }
        if storage != "reftable" {
            let storage = storage.to_owned();
            return Err(Error::NotReftable { path, storage });
        }
        if version == "0" {
            let reason = "extensions.refStorage in a repository of format version 0";
            return Err(unsupported(reason.to_owned()));
        }
        let location = match location {
            Some(location) => Some(locate(common_dir, location).map_err(unsupported)?),
            None => None,
        };
        Ok(Settings {
            hash: hash_of(&config, &path)?,
            bare: config.get("core.bare").is_some_and(is_true),
            location,
        })
    }
}

/// Format and, from the form FORMAT://LOCATION, location of the refs.
fn storage_of(config: &Config) -> (&str, Option<&str>) {
    let value = config.get("extensions.refstorage").unwrap_or("files");
    match value.split_once(':') {
        Some((format, rest)) => (format, Some(rest.strip_prefix("//").unwrap_or(rest))),
        None => (value, None),
    }
}

fn hash_of(config: &Config, path: &Path) -> Result<HashId> {
    match config.get("extensions.objectformat") {
        None | Some("sha1") => Ok(HashId::Sha1),
        Some("sha256") => Ok(HashId::Sha256),
        Some(other) => Err(Error::UnsupportedRepository {
            path: path.to_path_buf(),
            reason: format!("object format {other} is not supported"),
        }),
    }
}

/// The folder of a location, relative ones from the git directory.
fn locate(common_dir: &Path, location: &str) -> std::result::Result<PathBuf, String> {
    match location {
        "" => Err("location of the refs is empty".to_owned()),
        path => Ok(common_dir.join(path)),
    }
}

fn is_true(value: &str) -> bool {
    ["true", "yes", "on", "1"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}
