//! The file system by way of functions that git supplies (its `reftable/system.c`): temporary files
//! and locks that git removes when it dies, its sync policy, its random numbers and clock.
//!
//! Only an archive that is made for git has this part: nothing else could be linked.

mod calls;

use super::options::Fsync;
use calls::{
    flock_acquire, flock_close, flock_commit, flock_release, reftable_rand, tmpfile_close,
    tmpfile_delete, tmpfile_from_pattern, tmpfile_rename,
};
use reftable::fs::{Fs, Held, Identity, Mode, OsFs, PendingFile, hold};
use reftable::table::BlockSource;
use std::ffi::{CStr, CString, OsStr, OsString, c_char, c_int, c_long, c_void};
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::ptr::null_mut;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A temporary file or a lock, as git's functions have it. Both have one layout.
#[repr(C)]
#[derive(Debug)]
struct HostFile {
    path: *const c_char,
    fd: c_int,
    priv_: *mut c_void,
}

/// The file name of the list, whose lock may be waited for.
const LIST_LOCK: &str = "tables.list.lock";
/// How git's functions find the part of a name that they may choose.
const PLACEHOLDER: &[u8] = b"XXXXXX";
/// What `flock_acquire` returns for a lock that somebody else holds.
const LOCKED: c_int = reftable_capi::error::LOCK;
/// git's file system.
#[derive(Debug)]
pub(super) struct HostFs {
    lock_timeout_ms: c_long,
    /// The function of the options that makes a file durable, before git 2.54.
    fsync: Option<Fsync>,
}

impl HostFs {
    /// The file system for a stack that waits so long for the lock of its list.
    pub(super) fn new(lock_timeout_ms: c_long, fsync: Option<Fsync>) -> Arc<HostFs> {
        Arc::new(HostFs {
            lock_timeout_ms,
            fsync,
        })
    }
}

fn c_path(path: &OsStr) -> io::Result<CString> {
    CString::new(path.as_bytes()).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// The system's reason for a failure of one of git's functions.
fn check(result: c_int) -> io::Result<()> {
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Fs for HostFs {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        OsFs.read(path, limit)
    }

    fn read_held(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, Option<Held>)> {
        OsFs.read_held(path, limit)
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>> {
        OsFs.open(path)
    }

    /// Locks are files whose name ends so; everything else is a temporary file, of whose name git
    /// chooses the last letters.
    fn create(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        let kind = match path.extension() {
            Some(extension) if extension == "lock" => Kind::Lock,
            _ => Kind::Temporary,
        };
        let file = HostPending::create(path, kind, self)?;
        if mode.exact {
            let permissions = Permissions::from_mode(mode.bits);
            let changed = file.file()?.set_permissions(permissions);
            changed?;
        }
        Ok(Box::new(file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        OsFs.entries(dir)
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        OsFs.modified(path)
    }

    /// git syncs files and leaves folders to the file system.
    fn sync_dir(&self, _dir: &Path) -> io::Result<()> {
        Ok(())
    }

    fn now(&self) -> Duration {
        #[cfg(any(git_api = "2.55", git_api = "master"))]
        return Duration::from_millis(calls::reftable_time_ms());
        #[cfg(not(any(git_api = "2.55", git_api = "master")))]
        OsFs.now()
    }

    fn sleep(&self, time: Duration) {
        OsFs.sleep(time);
    }

    fn random(&self) -> u32 {
        reftable_rand()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Lock,
    Temporary,
}

/// A lock or a temporary file of git's. Dropping it removes it, and so does git when it dies.
#[derive(Debug)]
struct HostPending {
    kind: Kind,
    host: HostFile,
    path: PathBuf,
    fsync: Option<Fsync>,
    /// Of a file that was closed early.
    closed: Option<Identity>,
}

// SAFETY: git's functions use the file from whatever thread calls them, one at a time.
unsafe impl Send for HostPending {}

impl HostPending {
    fn create(path: &Path, kind: Kind, fs: &HostFs) -> io::Result<HostPending> {
        let mut host = HostFile {
            path: std::ptr::null(),
            fd: -1,
            priv_: null_mut(),
        };
        match kind {
            Kind::Lock => {
                let target = c_path(path.with_extension("").as_os_str())?;
                let timeout = match path.ends_with(LIST_LOCK) {
                    true => fs.lock_timeout_ms,
                    false => 0,
                };
                // SAFETY: an idle lock and a string, both for the call.
                match unsafe { flock_acquire(&raw mut host, target.as_ptr(), timeout) } {
                    LOCKED => return Err(io::ErrorKind::AlreadyExists.into()),
                    result => check(result)?,
                }
            }
            Kind::Temporary => {
                let name = path.as_os_str().as_bytes();
                let kept = name.len().saturating_sub(PLACEHOLDER.len());
                let pattern = [name.get(..kept).unwrap_or_default(), PLACEHOLDER].concat();
                let pattern = c_path(OsStr::from_bytes(&pattern))?;
                // SAFETY: an idle file and a string, both for the call.
                check(unsafe { tmpfile_from_pattern(&raw mut host, pattern.as_ptr()) })?;
            }
        }
        // SAFETY: set by the successful call, and a string as long as the file is held.
        let made = unsafe { CStr::from_ptr(host.path) };
        let path = PathBuf::from(OsStr::from_bytes(made.to_bytes()));
        Ok(HostPending {
            kind,
            host,
            path,
            fsync: fs.fsync,
            closed: None,
        })
    }

    /// The open file, which git closes.
    fn file(&self) -> io::Result<ManuallyDrop<File>> {
        if self.host.fd < 0 {
            return Err(io::Error::other("the file is closed"));
        }
        // SAFETY: git has it open, and this value does not close it.
        Ok(ManuallyDrop::new(unsafe {
            File::from_raw_fd(self.host.fd)
        }))
    }

    /// What tells the file from another one that took its name.
    fn identity(&self) -> Option<Identity> {
        let of_open = || Identity::of(&*self.file().ok()?).ok();
        self.closed.or_else(of_open)
    }

    /// Ends a call by which git lets go of the file, with its `result`. git forgets a file that it
    /// could not remove: it is removed here, if it still is the one of this `identity`.
    fn let_go(&self, identity: Option<Identity>, result: c_int) -> io::Result<()> {
        let result = check(result);
        if let (Err(_), Some(identity), true) = (&result, identity, self.host.path.is_null()) {
            identity.remove_at(&self.path);
        }
        result
    }
}

impl PendingFile for HostPending {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.file()?.write_all(data)
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = self.file()?;
        match self.fsync {
            // SAFETY: contract 6; an open file.
            Some(fsync) => check(unsafe { fsync(file.as_raw_fd()) }),
            #[cfg(not(git_api = "2.53"))]
            None => check(calls::reftable_fsync(file.as_raw_fd())),
            #[cfg(git_api = "2.53")]
            None => file.sync_all(),
        }
    }

    fn close(&mut self) {
        self.closed = self.identity();
        // A failure to close says nothing about a file that is not read.
        let _ = match self.kind {
            // SAFETY: a lock that is held.
            Kind::Lock => unsafe { flock_close(&raw mut self.host) },
            // SAFETY: a file that is held.
            Kind::Temporary => unsafe { tmpfile_close(&raw mut self.host) },
        };
    }

    fn hold(&self) -> Option<Held> {
        let file = self.file().ok()?.try_clone().ok()?;
        let metadata = file.metadata().ok()?;
        hold(file, &metadata)
    }

    fn persist(&mut self, to: &Path) -> io::Result<()> {
        let target = c_path(to.as_os_str())?;
        let identity = self.identity();
        match self.kind {
            // A lock can only get the name that it protects.
            Kind::Lock if self.path.with_extension("") != *to => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            Kind::Lock => {
                // SAFETY: a lock that is held.
                let result = unsafe { flock_commit(&raw mut self.host) };
                self.let_go(identity, result)?;
            }
            Kind::Temporary => {
                // SAFETY: a file that is held, and a string for the call.
                let result = unsafe { tmpfile_rename(&raw mut self.host, target.as_ptr()) };
                self.let_go(identity, result)?;
            }
        }
        self.path = to.to_path_buf();
        Ok(())
    }
}

impl Drop for HostPending {
    fn drop(&mut self) {
        // Whoever supplies the functions may have no use for `priv`, but a file has a path.
        if self.host.path.is_null() {
            return;
        }
        let identity = self.identity();
        let result = match self.kind {
            // SAFETY: a lock that is held.
            Kind::Lock => unsafe { flock_release(&raw mut self.host) },
            // SAFETY: a file that is held.
            Kind::Temporary => unsafe { tmpfile_delete(&raw mut self.host) },
        };
        // What cannot be removed here either is what a crash would leave.
        let _ = self.let_go(identity, result);
    }
}
