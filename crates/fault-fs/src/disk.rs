//! A disk in memory that tells apart what programs see and what has reached it.
//!
//! The model is the weakest that a program may rely on: the bytes of a file are on the disk after
//! a sync of the file, and its name, a renaming or a removal after a sync of the folder. What was
//! not synced may get there or not, in any order and in parts.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names and the files they lead to.
type Entries = BTreeMap<PathBuf, usize>;

/// What was not synced and is there all the same after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Survivors {
    /// Bit `n` stands for the `n`-th change of names since the folder was synced, the last bit for
    /// all from there on.
    pub names: u64,
    /// What becomes of the bytes.
    pub bytes: SurvivingBytes,
}

/// What a power cut leaves of the bytes that were written to a file since it was synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SurvivingBytes {
    /// Everything.
    All,
    /// Nothing, not even the length.
    None,
    /// The first half.
    Half,
    /// The length, and zeros in place of the bytes.
    Zeros,
    /// Of each file something else, drawn from this seed.
    Mixed(u64),
}

impl SurvivingBytes {
    fn for_file(self, file: usize) -> SurvivingBytes {
        let SurvivingBytes::Mixed(seed) = self else {
            return self;
        };
        let draw = mix(seed.wrapping_add(file as u64));
        match draw % 4 {
            0 => SurvivingBytes::All,
            1 => SurvivingBytes::None,
            2 => SurvivingBytes::Half,
            _ => SurvivingBytes::Zeros,
        }
    }
}

/// One step of SplitMix64.
pub(super) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[derive(Clone, Debug)]
struct Inode {
    bytes: Vec<u8>,
    /// How many of the bytes are on the disk.
    synced: usize,
    modified: SystemTime,
}

impl Inode {
    fn after_power_cut(&self, survivors: SurvivingBytes) -> Inode {
        let (synced, rest) = self.bytes.split_at(self.synced);
        let rest = match survivors {
            SurvivingBytes::All | SurvivingBytes::Mixed(_) => rest.to_vec(),
            SurvivingBytes::None => Vec::new(),
            SurvivingBytes::Half => rest.iter().take(rest.len() / 2).copied().collect(),
            SurvivingBytes::Zeros => vec![0; rest.len()],
        };
        let bytes = [synced, &rest].concat();
        Inode {
            synced: bytes.len(),
            bytes,
            modified: self.modified,
        }
    }
}

/// A change of names that is not on the disk yet.
#[derive(Clone, Debug)]
enum Change {
    Link {
        path: PathBuf,
        file: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
        file: usize,
    },
    Unlink {
        path: PathBuf,
    },
}

impl Change {
    fn apply(&self, entries: &mut Entries) {
        match self {
            Change::Link { path, file } => {
                entries.insert(path.clone(), *file);
            }
            Change::Rename { from, to, file } => {
                if entries.get(from) == Some(file) {
                    entries.remove(from);
                }
                entries.insert(to.clone(), *file);
            }
            Change::Unlink { path } => {
                entries.remove(path);
            }
        }
    }

    fn is_in(&self, dir: &Path) -> bool {
        let path = match self {
            Change::Link { path, .. } | Change::Unlink { path } => path,
            Change::Rename { to, .. } => to,
        };
        path.parent() == Some(dir)
    }
}

/// Files, their names, and what of both is on the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    folders: BTreeSet<PathBuf>,
    files: Vec<Inode>,
    /// What programs see.
    live: Entries,
    /// What is on the disk.
    durable: Entries,
    /// What makes `live` of `durable`.
    unsynced: Vec<Change>,
}

impl Disk {
    pub(super) fn add_folder(&mut self, dir: &Path) {
        self.folders.insert(dir.to_path_buf());
    }

    /// Removes a folder with all that is in it, from the disk as well.
    pub(super) fn remove_folder(&mut self, dir: &Path) {
        self.folders.remove(dir);
        let outside = |path: &PathBuf, _: &mut usize| path.parent() != Some(dir);
        self.live.retain(outside);
        self.durable.retain(outside);
        self.unsynced.retain(|change| !change.is_in(dir));
    }

    /// Number of the changes of names that are not on the disk.
    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    pub(super) fn file_at(&self, path: &Path) -> io::Result<usize> {
        let file = self.live.get(path).copied();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn bytes(&self, path: &Path) -> io::Result<&[u8]> {
        let file = self.file_at(path)?;
        Ok(&self.inode(file)?.bytes)
    }

    pub(super) fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        let file = self.file_at(path)?;
        Ok(self.inode(file)?.modified)
    }

    pub(super) fn set_modified(&mut self, path: &Path, time: SystemTime) -> io::Result<()> {
        let file = self.file_at(path)?;
        self.inode_mut(file)?.modified = time;
        Ok(())
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.live.keys()
    }

    pub(super) fn names(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        if !self.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let inside = self.live.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside
            .filter_map(|path| Some(path.file_name()?.to_os_string()))
            .collect())
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<usize> {
        let parent = path.parent().unwrap_or(Path::new(""));
        if !self.folders.contains(parent) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = self.files.len();
        self.files.push(Inode {
            bytes: Vec::new(),
            synced: 0,
            modified: SystemTime::now(),
        });
        self.change(Change::Link {
            path: path.to_path_buf(),
            file,
        });
        Ok(file)
    }

    /// Gives a file a second name, which must be free.
    pub(super) fn link(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let file = self.file_at(from)?;
        if self.live.contains_key(to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.change(Change::Link {
            path: to.to_path_buf(),
            file,
        });
        Ok(())
    }

    pub(super) fn append(&mut self, file: usize, data: &[u8]) -> io::Result<()> {
        self.inode_mut(file)?.bytes.extend_from_slice(data);
        Ok(())
    }

    pub(super) fn sync(&mut self, file: usize) -> io::Result<()> {
        let inode = self.inode_mut(file)?;
        inode.synced = inode.bytes.len();
        Ok(())
    }

    /// Renames a file if it still has the name `from`.
    pub(super) fn rename(&mut self, file: usize, from: &Path, to: &Path) -> io::Result<()> {
        if self.file_at(from)? != file {
            return Err(io::Error::other("another file has taken its name"));
        }
        self.change(Change::Rename {
            from: from.to_path_buf(),
            to: to.to_path_buf(),
            file,
        });
        Ok(())
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file_at(path)?;
        self.change(Change::Unlink {
            path: path.to_path_buf(),
        });
        Ok(())
    }

    pub(super) fn sync_folder(&mut self, dir: &Path) -> io::Result<()> {
        if !self.folders.contains(dir) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let changes = std::mem::take(&mut self.unsynced);
        for change in changes {
            if change.is_in(dir) {
                change.apply(&mut self.durable);
            } else {
                self.unsynced.push(change);
            }
        }
        Ok(())
    }

    /// The disk as it is found when the power is back.
    pub(super) fn after_power_cut(&self, survivors: Survivors) -> Disk {
        let mut entries = self.durable.clone();
        for (number, change) in self.unsynced.iter().enumerate() {
            if survivors.names >> number.min(63) & 1 == 1 {
                change.apply(&mut entries);
            }
        }
        let files = self.files.iter().enumerate();
        Disk {
            folders: self.folders.clone(),
            files: files
                .map(|(file, inode)| inode.after_power_cut(survivors.bytes.for_file(file)))
                .collect(),
            live: entries.clone(),
            durable: entries,
            unsynced: Vec::new(),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.live);
        self.unsynced.push(change);
    }

    fn inode(&self, file: usize) -> io::Result<&Inode> {
        self.files.get(file).ok_or_else(no_such_file)
    }

    fn inode_mut(&mut self, file: usize) -> io::Result<&mut Inode> {
        self.files.get_mut(file).ok_or_else(no_such_file)
    }
}

fn no_such_file() -> io::Error {
    io::Error::other("no such file")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: u64 = u64::MAX;

    fn disk() -> Disk {
        let mut disk = Disk::default();
        disk.add_folder(Path::new("/d"));
        disk
    }

    fn cut(disk: &Disk, names: u64, bytes: SurvivingBytes) -> Vec<(String, Vec<u8>)> {
        let disk = disk.after_power_cut(Survivors { names, bytes });
        let read = |path: &PathBuf| {
            let bytes = disk.bytes(path).unwrap().to_vec();
            (path.display().to_string(), bytes)
        };
        disk.paths().map(read).collect()
    }

    fn file(name: &str, bytes: &[u8]) -> (String, Vec<u8>) {
        (name.to_owned(), bytes.to_vec())
    }

    #[test]
    fn name_without_a_sync_of_the_folder_may_be_lost() {
        let mut disk = disk();
        let a = disk.create(Path::new("/d/a")).unwrap();
        disk.append(a, b"abcd").unwrap();
        disk.sync(a).unwrap();
        assert_eq!(cut(&disk, 0, SurvivingBytes::All), []);
        assert_eq!(
            cut(&disk, ALL, SurvivingBytes::None),
            [file("/d/a", b"abcd")]
        );
        disk.sync_folder(Path::new("/d")).unwrap();
        assert_eq!(cut(&disk, 0, SurvivingBytes::None), [file("/d/a", b"abcd")]);
    }

    #[test]
    fn bytes_without_a_sync_of_the_file_may_be_lost_or_torn() {
        let mut disk = disk();
        let a = disk.create(Path::new("/d/a")).unwrap();
        disk.append(a, b"ab").unwrap();
        disk.sync(a).unwrap();
        disk.append(a, b"cdef").unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        let left = |bytes| cut(&disk, 0, bytes).remove(0).1;
        assert_eq!(left(SurvivingBytes::All), b"abcdef");
        assert_eq!(left(SurvivingBytes::None), b"ab");
        assert_eq!(left(SurvivingBytes::Half), b"abcd");
        assert_eq!(left(SurvivingBytes::Zeros), b"ab\0\0\0\0");
        let mixed: BTreeSet<_> = (0..32).map(|s| left(SurvivingBytes::Mixed(s))).collect();
        assert_eq!(mixed.len(), 4);
    }

    #[test]
    fn renaming_and_removal_are_single_changes() {
        let mut disk = disk();
        let (a, b) = (Path::new("/d/a"), Path::new("/d/b"));
        let old = disk.create(b).unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        let new = disk.create(a).unwrap();
        disk.rename(new, a, b).unwrap();
        disk.remove(b).unwrap();
        assert_ne!(old, new);
        let names = |mask| {
            let files = cut(&disk, mask, SurvivingBytes::All);
            files.into_iter().map(|file| file.0).collect::<Vec<_>>()
        };
        assert_eq!(names(0b000), ["/d/b"]);
        assert_eq!(names(0b001), ["/d/a", "/d/b"]);
        assert_eq!(names(0b011), ["/d/b"]);
        assert_eq!(names(0b111), [""; 0]);
        assert_eq!(names(0b101), ["/d/a"]);
        assert!(disk.remove(b).is_err());
    }
}
