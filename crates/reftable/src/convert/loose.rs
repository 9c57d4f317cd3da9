//! Loose refs: a file each.

use super::peel::peel;
use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::hex::parse_id;
use crate::record::RefValueBuf;
use crate::refname::check_name;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Root refs whose names do not end in `_HEAD`.
const ROOT_REFS: [&str; 6] = [
    "HEAD",
    "AUTO_MERGE",
    "BISECT_EXPECTED_REV",
    "NOTES_MERGE_PARTIAL",
    "NOTES_MERGE_REF",
    "MERGE_AUTOSTASH",
];
/// Files that look like root refs but have a format of their own, in every storage.
const NO_REFS: [&str; 2] = ["FETCH_HEAD", "MERGE_HEAD"];

/// The loose refs of a git directory by name.
#[derive(Debug, Default)]
pub(super) struct LooseRefs {
    pub(super) refs: BTreeMap<Vec<u8>, RefValueBuf>,
    /// What could not be read as a ref.
    pub(super) problems: Vec<String>,
}

/// Where to look.
pub(super) struct Place<'a> {
    /// The git directory; that of a linked worktree for its own refs.
    pub(super) git_dir: &'a Path,
    /// The folder of objects.
    pub(super) objects: PathBuf,
    pub(super) hash: HashId,
}

impl LooseRefs {
    pub(super) fn read(place: &Place<'_>) -> Result<LooseRefs> {
        let mut found = LooseRefs::default();
        for (name, path) in files_below(&place.git_dir.join("refs"), "refs")? {
            found.add(place, &name, &path)?;
        }
        let entries = fs::read_dir(place.git_dir).map_err(Error::io("list", place.git_dir))?;
        for entry in entries {
            let entry = entry.map_err(Error::io("list", place.git_dir))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let is_root = ROOT_REFS.contains(&&*name) || name.ends_with("_HEAD");
            if is_root && !NO_REFS.contains(&&*name) && entry.path().is_file() {
                found.add(place, name.as_bytes(), &entry.path())?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, place: &Place<'_>, name: &[u8], path: &Path) -> Result<()> {
        let value = read_value(place, path)?;
        match (value, check_name(name)) {
            (_, Err(error)) => self.problems.push(format!("{}: {error}", path.display())),
            (None, _) => self.problems.push(format!("{}: no ref", path.display())),
            (Some(value), Ok(())) => {
                self.refs.insert(name.to_vec(), value);
            }
        }
        Ok(())
    }
}

/// What the file of a ref says; `None` if it is none.
fn read_value(place: &Place<'_>, path: &Path) -> Result<Option<RefValueBuf>> {
    // Long ago, symbolic refs were symbolic links.
    if let Ok(target) = fs::read_link(path) {
        let target = target.into_os_string().into_encoded_bytes();
        if target.starts_with(b"refs/") {
            return Ok(Some(RefValueBuf::Symref(target)));
        }
    }
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let text = bytes.trim_ascii_end();
    if let Some(target) = text.strip_prefix(b"ref:") {
        let target = target.trim_ascii_start().to_vec();
        let usable = !target.is_empty() && !target.contains(&0);
        return Ok(usable.then_some(RefValueBuf::Symref(target)));
    }
    let digits = text.split(u8::is_ascii_whitespace).next();
    let Some(id) = parse_id(digits.unwrap_or_default(), place.hash) else {
        return Ok(None);
    };
    Ok(Some(match peel(&place.objects, &id, place.hash) {
        Some(peeled) => RefValueBuf::Peeled { id, peeled },
        None => RefValueBuf::Object(id),
    }))
}

/// The files in a folder and the folders below, by their names as paths from `name` on; none if
/// there is no such folder. Locks are left out.
pub(super) fn files_below(dir: &Path, name: &str) -> Result<BTreeMap<Vec<u8>, PathBuf>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![(dir.to_path_buf(), name.as_bytes().to_vec())];
    while let Some((dir, prefix)) = pending.pop() {
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("list", dir)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io("list", &dir))?;
            let path = entry.path();
            let last = entry.file_name().into_encoded_bytes();
            let name = match prefix.is_empty() {
                true => last,
                false => [&prefix, b"/".as_slice(), &last].concat(),
            };
            let kind = entry.file_type().map_err(Error::io("look at", &path))?;
            if kind.is_dir() {
                pending.push((path, name));
            } else if !name.ends_with(b".lock") {
                files.insert(name, path);
            }
        }
    }
    Ok(files)
}
