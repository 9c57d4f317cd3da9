//! Which processes use the folder of a stack: those that have a file of it open or mapped.
//!
//! Paths prove nothing: a process may have reached the folder through another mount, or in a
//! container. Device and inode are the same for all.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

/// A file, whatever its path.
#[cfg(unix)]
pub(crate) fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Elsewhere files cannot be told from each other, and nothing is proved.
#[cfg(not(unix))]
pub(crate) fn identity(_metadata: &Metadata) -> (u64, u64) {
    (0, 0)
}

/// The processes, but for this one, that have a file of a folder open, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Users {
    pub(crate) known: Vec<String>,
    /// Those that cannot be inspected, and may be.
    pub(crate) possible: Vec<String>,
}

/// Who uses a folder, of the processes that can be seen from here.
pub(crate) fn users_of(dir: &Path) -> Result<Users, String> {
    let folder = Folder::read(dir)?;
    let processes = fs::read_dir("/proc").map_err(|_| unseen("no /proc"))?;
    let mut users = Users::default();
    let mut seen = 0;
    for process in processes.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        seen += 1;
        if name == std::process::id().to_string() {
            continue;
        }
        match folder.is_used_by(&process.path()) {
            Ok(false) => {}
            Ok(true) => users.known.push(name),
            // It has ended meanwhile.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => users.possible.push(name),
        }
    }
    match seen {
        0 => Err(unseen("no /proc")),
        _ => Ok(users),
    }
}

/// What cannot be seen from this process, whatever its rights.
pub(crate) fn blind_spot(dir: &Path) -> Result<(), String> {
    // The number that Linux gives to the namespace of the first process.
    const FIRST_NAMESPACE: &str = "pid:[4026531836]";
    match fs::read_link("/proc/self/ns/pid") {
        Ok(namespace) if namespace == Path::new(FIRST_NAMESPACE) => {}
        Ok(_) => return Err(unseen("those outside of this PID namespace")),
        Err(_) => return Err(unseen("no /proc")),
    }
    match file_system_of(dir) {
        Some(kind) if is_on_network(&kind) => {
            Err(unseen(&format!("those of other machines, over {kind}")))
        }
        _ => Ok(()),
    }
}

pub(crate) fn unseen(what: &str) -> String {
    format!("cannot see what processes have open ({what})")
}

fn is_on_network(kind: &str) -> bool {
    let kinds = [
        "nfs",
        "cifs",
        "smb",
        "fuse",
        "9p",
        "ceph",
        "afs",
        "glusterfs",
        "lustre",
        "gpfs",
    ];
    kinds.iter().any(|name| kind.starts_with(name)) || kind == "virtiofs"
}

/// The type of the file system that a folder is in: that of the last mount above it.
fn file_system_of(dir: &Path) -> Option<String> {
    let dir = fs::canonicalize(dir).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mut found: Option<(PathBuf, String)> = None;
    for line in mounts.lines() {
        let (place, kind) = line.split_once(" - ")?;
        let point = PathBuf::from(place.split(' ').nth(4)?.replace("\\040", " "));
        let longer = |(last, _): &(PathBuf, String)| point.starts_with(last);
        if dir.starts_with(&point) && found.as_ref().is_none_or(longer) {
            found = Some((point, kind.split(' ').next()?.to_owned()));
        }
    }
    Some(found?.1)
}

/// The folder and its files, as other processes may have them open.
struct Folder {
    path: PathBuf,
    files: HashSet<(u64, u64)>,
}

impl Folder {
    fn read(dir: &Path) -> Result<Folder, String> {
        let failed = |error: std::io::Error| error.to_string();
        let path = fs::canonicalize(dir).map_err(failed)?;
        let mut files = HashSet::new();
        files.insert(identity(&fs::metadata(&path).map_err(failed)?));
        for entry in fs::read_dir(&path).map_err(failed)? {
            // One that is gone by now nobody can be proved to have.
            if let Ok(metadata) = entry.map_err(failed)?.metadata() {
                files.insert(identity(&metadata));
            }
        }
        Ok(Folder { path, files })
    }

    fn is_used_by(&self, process: &Path) -> std::io::Result<bool> {
        for file in fs::read_dir(process.join("fd"))?.flatten() {
            let link = file.path();
            // The path tells of files that are removed already, the identity of all others.
            let by_path = fs::read_link(&link).is_ok_and(|path| path.starts_with(&self.path));
            if by_path || fs::metadata(&link).is_ok_and(|metadata| self.has(identity(&metadata))) {
                return Ok(true);
            }
        }
        let maps = fs::read(process.join("maps"))?;
        Ok(maps
            .split(|&byte| byte == b'\n')
            .any(|line| self.is_mapped(line)))
    }

    fn has(&self, file: (u64, u64)) -> bool {
        self.files.contains(&file)
    }

    /// Whether a line of a process's map is about a file of the folder. Some file systems give
    /// another device there than elsewhere, so that the inode alone decides.
    fn is_mapped(&self, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        let mut words = line.split_ascii_whitespace().skip(4);
        let inode = words.next().and_then(|word| word.parse::<u64>().ok());
        let inode = inode.filter(|inode| *inode != 0);
        inode.is_some_and(|inode| self.files.iter().any(|(_, found)| *found == inode))
    }
}
