//! Files that belong to their creator until they get a final name.

use super::entry::{self, patiently};
use super::platform::{self, Identity};
use super::register::{Key, Register, register};
use super::{Held, Mode, PendingFile, held};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A pending file of the real file system.
#[derive(Debug)]
pub(super) struct OsPendingFile {
    path: PathBuf,
    /// `None` once closed.
    file: Option<File>,
    identity: Identity,
    key: Key,
    pid: u32,
    pending: bool,
}

/// Who else may make a file of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// Everybody: it is that of a lock.
    Shared,
    /// Nobody: it has a random part.
    Unique,
}

impl OsPendingFile {
    pub(super) fn create(path: &Path, mode: Mode, name: Name) -> io::Result<OsPendingFile> {
        // Held over the creation: no moment is left at which the end of the process could miss
        // the file.
        let mut register = register();
        register.check_open()?;
        // A lock of this process that it could not remove is in its own way.
        register.remove_abandoned();
        let file = open_new(path, mode)?;
        let identity = match prepare(&file, mode, name) {
            Ok(identity) => identity,
            Err(error) => {
                let _ = patiently(|| entry::unlink(path));
                return Err(error);
            }
        };
        let pid = std::process::id();
        Ok(OsPendingFile {
            path: path.to_path_buf(),
            file: Some(file),
            identity,
            key: register.insert(path, identity, pid),
            pid,
            pending: true,
        })
    }

    /// Fails in a forked child, which shares the descriptor: what it writes to the lock would be
    /// in the list that the parent makes of it.
    fn check_owner(&self) -> io::Result<()> {
        match self.pid == std::process::id() {
            true => Ok(()),
            false => Err(io::Error::other(
                "the file is that of the process before the fork",
            )),
        }
    }

    fn open_file(&mut self) -> io::Result<&mut File> {
        self.check_owner()?;
        self.file
            .as_mut()
            .ok_or_else(|| io::Error::other("the file is closed"))
    }

    /// What tells the file from others when it is closed. Without the times it has to be what told
    /// the open one.
    fn identity_once_closed(&self) -> Identity {
        match &self.file {
            Some(file) if self.identity != Identity::of_name() => {
                Identity::of(file).unwrap_or(self.identity)
            }
            _ => self.identity,
        }
    }

    /// Ends what `result` says of renaming the file to `to`.
    fn renamed(
        &mut self,
        result: io::Result<()>,
        to: &Path,
        register: &mut Register,
    ) -> io::Result<()> {
        match result {
            // A network file system that lost the answer asks again, and is told that the file is
            // not there any more.
            Err(_) if self.identity.has_moved(&self.path, to) => {}
            result => result?,
        }
        register.remove(self.key);
        self.pending = false;
        self.path = to.to_path_buf();
        Ok(())
    }
}

fn open_new(path: &Path, mode: Mode) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    platform::set_mode(&mut options, mode.bits);
    options.open(path)
}

fn prepare(file: &File, mode: Mode, name: Name) -> io::Result<Identity> {
    if mode.exact {
        platform::set_exact_mode(file, mode.bits | mode.extra)?;
    } else if mode.extra != 0 {
        platform::add_mode(file, mode.extra)?;
    }
    match name {
        Name::Shared => Ok(Identity::of_open(&patiently(|| file.metadata())?)),
        Name::Unique => Ok(Identity::of_name()),
    }
}

impl PendingFile for OsPendingFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.open_file()?.write_all(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.open_file()?.sync_all()
    }

    fn close(&mut self) {
        self.identity = self.identity_once_closed();
        self.file = None;
        register().set_identity(self.key, self.identity);
    }

    fn hold(&self) -> Option<Held> {
        // Another descriptor: closing this one is what sends the bytes to a server.
        let file = self.file.as_ref()?.try_clone().ok()?;
        let metadata = file.metadata().ok()?;
        held::hold(file, &metadata)
    }

    fn persist(&mut self, to: &Path) -> io::Result<()> {
        if !self.pending {
            return Err(io::Error::other("the file already has its final name"));
        }
        self.check_owner()?;
        // Held over the rename: the end of the process must neither miss the file nor, after the
        // rename, remove what another process has made under the old name.
        let mut register = register();
        if self.path == to {
            self.file = None;
            return self.renamed(Ok(()), to, &mut register);
        }
        match patiently(|| self.identity.is_at(&self.path)) {
            Ok(true) => {}
            Ok(false) => return Err(io::Error::other("another file has taken its name")),
            // An error of the system would say that the renaming may have taken effect.
            Err(error) => return Err(io::Error::other(error)),
        }
        // Its time of change is no help here: closing may send data to a server, which changes it.
        self.file = None;
        let result = fs::rename(&self.path, to);
        self.renamed(result, to, &mut register)
    }
}

impl Drop for OsPendingFile {
    fn drop(&mut self) {
        // In a forked child the file is still the parent's.
        if !self.pending || self.pid != std::process::id() {
            return;
        }
        let mut register = register();
        // Removed while the file is open, so that its inode cannot serve another one.
        if self.identity.remove_at(&self.path) {
            register.remove(self.key);
        } else {
            register.abandon(self.key, self.identity_once_closed());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const MODE: Mode = Mode {
        extra: 0,
        bits: 0o666,
        exact: false,
    };

    /// Renaming over a network can take effect and fail all the same. The commit was reported as
    /// failed, and its tables were removed although the list named them.
    #[test]
    fn rename_that_took_effect_succeeded_whatever_it_says() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, to) = (dir.path().join("lock"), dir.path().join("list"));
        let lost = || Err(io::ErrorKind::NotFound.into());

        let mut file = OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
        fs::write(&to, "old").expect("another file");
        file.close();
        assert!(file.renamed(lost(), &to, &mut register()).is_err());
        assert!(file.pending, "the other file is not this one");

        fs::rename(&path, &to).expect("a free name");
        assert!(file.renamed(lost(), &to, &mut register()).is_ok());
        assert_eq!(file.path(), to);
        drop(file);
        assert!(to.exists());
    }

    /// Somebody removed the lock as abandoned, and renaming it failed: another list is there, and the
    /// commit must not count as done.
    #[test]
    fn rename_of_a_file_that_is_gone_failed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, to) = (dir.path().join("lock"), dir.path().join("list"));
        for other in [false, true] {
            let mut file = OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
            fs::remove_file(&path).expect("a file");
            if other {
                fs::write(&to, "other").expect("another file");
            }
            let lost = Err(io::ErrorKind::NotFound.into());
            assert!(file.renamed(lost, &to, &mut register()).is_err());
        }
        // Two names of one file: it has not moved.
        let mut file = OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
        fs::remove_file(&to).expect("a file");
        fs::hard_link(&path, &to).expect("a second name");
        let failed = Err(io::ErrorKind::PermissionDenied.into());
        assert!(file.renamed(failed, &to, &mut register()).is_err());
    }

    /// A process that makes locks for years would remember all of them.
    #[test]
    fn files_that_have_their_name_or_are_gone_are_forgotten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("lock");
        let create = || OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
        let mut file = create();
        assert!(register().knows(&path));
        file.persist(&dir.path().join("list")).expect("a free name");
        assert!(!register().knows(&path));
        drop(file);
        let file = create();
        assert!(register().knows(&path));
        drop(file);
        assert!(!register().knows(&path));
    }

    /// A child that was forked within a transaction has a copy of it. What it did to the lock, and
    /// dropping its copy alone, took the transaction from the parent.
    #[test]
    fn file_of_the_process_before_the_fork_is_not_touched() {
        let dir = tempfile::tempdir().expect("a folder");
        let (path, to) = (dir.path().join("lock"), dir.path().join("list"));
        let mut file = OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
        let own = std::mem::replace(&mut file.pid, u32::MAX);
        assert!(file.write_all(b"child").is_err());
        assert!(file.sync().is_err());
        assert!(file.persist(&path).is_err(), "nor may it keep its name");
        assert!(file.persist(&to).is_err());
        assert!(!to.exists());
        drop(file);
        assert!(path.exists(), "dropping it is the parent's");
        assert_eq!(fs::read(&path).expect("the file"), b"");

        fs::remove_file(&path).expect("a file");
        let mut file = OsPendingFile::create(&path, MODE, Name::Shared).expect("a file");
        assert_eq!(file.pid, own);
        assert!(file.write_all(b"parent").is_ok());
        assert!(file.persist(&to).is_ok());
    }

    /// Only what the system answers shows that a file was synced: it refuses to sync a device.
    #[test]
    #[cfg(target_os = "linux")]
    fn syncing_a_file_is_asked_of_the_system() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut file =
            OsPendingFile::create(&dir.path().join("lock"), MODE, Name::Shared).expect("a file");
        assert!(file.sync().is_ok());
        let device = File::options().write(true).open("/dev/null");
        file.file = Some(device.expect("a device"));
        assert!(file.sync().is_err());
        file.close();
        assert!(file.sync().is_err(), "it is closed");
    }
}
