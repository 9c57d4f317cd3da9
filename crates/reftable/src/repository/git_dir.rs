//! What git takes for a git directory, and the files that lead to one.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// git reads no more of a `HEAD` than this, in bytes, and of a `.git` file than [`GITFILE_LIMIT`].
const HEAD_LIMIT: u64 = 255;
const GITFILE_LIMIT: u64 = 1 << 20;

/// A git directory and how it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) git_dir: PathBuf,
    pub(super) work_tree: Option<PathBuf>,
}

/// The git directory that `dir` is, or is the work tree of.
pub(super) fn look_in(dir: &Path) -> Result<Option<Found>> {
    let dot_git = dir.join(".git");
    let found = |git_dir| Found {
        git_dir,
        work_tree: Some(dir.to_path_buf()),
    };
    match fs::metadata(&dot_git) {
        Ok(metadata) if metadata.is_file() => return Ok(Some(found(follow(&dot_git)?))),
        Ok(_) if is_git_dir(&dot_git) => return Ok(Some(found(dot_git))),
        Ok(_) => {}
        Err(error) if is_absent(&error) => {}
        Err(error) => return Err(Error::io("look at", dot_git)(error)),
    }
    Ok(is_git_dir(dir).then(|| Found {
        git_dir: dir.to_path_buf(),
        work_tree: None,
    }))
}

/// Whether a file is one that leads to a git directory, as the `.git` of a linked worktree and of
/// a submodule.
pub fn is_gitfile(path: &Path) -> bool {
    let read = |file: fs::File| {
        let mut start = Vec::new();
        file.take(8).read_to_end(&mut start).map(|_| start)
    };
    let is_file = fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    is_file
        && fs::File::open(path)
            .and_then(read)
            .is_ok_and(|start| start == b"gitdir: ")
}

/// What a file `gitdir: PATH` leads to.
pub(super) fn look_at_file(path: &Path) -> Result<Found> {
    let work_tree = match path.file_name() {
        Some(name) if name == ".git" => path.parent().map(Path::to_path_buf),
        _ => None,
    };
    Ok(Found {
        git_dir: follow(path)?,
        work_tree,
    })
}

/// The git directory that a file `gitdir: PATH` names.
fn follow(file: &Path) -> Result<PathBuf> {
    let refused = |reason: &str| Error::UnsupportedRepository {
        path: file.to_path_buf(),
        reason: reason.to_owned(),
    };
    let Some(line) = read_line(file, GITFILE_LIMIT)? else {
        return Err(refused("no file"));
    };
    let Some(path) = line.strip_prefix(b"gitdir: ") else {
        return Err(refused("no line that begins with \"gitdir: \""));
    };
    if path.is_empty() {
        return Err(refused("no path after \"gitdir: \""));
    }
    let dir = resolve(file.parent().unwrap_or(Path::new("")), path)?;
    match is_git_dir(&dir) {
        true => Ok(dir),
        false => Err(refused(&format!("{} is no git directory", dir.display()))),
    }
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether git takes a folder for a git directory: it has a `HEAD` that looks like one, and it, or
/// for a linked worktree the directory that all worktrees share, has `objects` and `refs`.
fn is_git_dir(dir: &Path) -> bool {
    let is_there = |path: PathBuf| fs::metadata(path).is_ok();
    is_head(&dir.join("HEAD"))
        && common_dir(dir)
            .is_ok_and(|common| is_there(common.join("objects")) && is_there(common.join("refs")))
}

/// Whether a file is a `HEAD`: a symbolic ref into `refs/`, or an object id.
fn is_head(path: &Path) -> bool {
    if let Ok(target) = fs::read_link(path) {
        return target.as_os_str().as_encoded_bytes().starts_with(b"refs/");
    }
    let Ok(file) = fs::File::open(path) else {
        return false;
    };
    let mut text = Vec::new();
    if file.take(HEAD_LIMIT).read_to_end(&mut text).is_err() {
        return false;
    }
    match text.strip_prefix(b"ref:") {
        Some(target) => target.trim_ascii_start().starts_with(b"refs/"),
        None => text.len() >= 40 && text.iter().take(40).all(u8::is_ascii_hexdigit),
    }
}

/// The git directory that all worktrees share.
pub(super) fn common_dir(git_dir: &Path) -> Result<PathBuf> {
    match read_line(&git_dir.join("commondir"), GITFILE_LIMIT)? {
        Some(path) => resolve(git_dir, &path),
        None => Ok(git_dir.to_path_buf()),
    }
}

/// The path, from `base` if it is relative; it must exist.
fn resolve(base: &Path, path: &[u8]) -> Result<PathBuf> {
    let path = base.join(os_str(path)?);
    fs::canonicalize(&path).map_err(Error::io("find", &path))
}

/// The only line of a file, without its end; `None` if there is no such file.
fn read_line(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(Error::io("read", path)(error)),
    };
    let mut text = Vec::new();
    file.take(limit + 1)
        .read_to_end(&mut text)
        .map_err(Error::io("read", path))?;
    if text.len() as u64 > limit {
        return Err(Error::io("read", path)(io::ErrorKind::FileTooLarge.into()));
    }
    while matches!(text.last(), Some(b'\n' | b'\r')) {
        text.pop();
    }
    Ok(Some(text))
}

/// Bytes as a path.
pub(super) fn os_str(bytes: &[u8]) -> Result<&OsStr> {
    crate::fs::file_name(bytes).ok_or(Error::Misuse("a path that is no text"))
}
