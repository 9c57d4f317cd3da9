//! The real file system.

use super::pending::{Name, OsPendingFile};
use super::platform::{self, open_without_waiting};
use super::source::{BlockSource, FileSource};
use super::{Fs, Held, Mode, PendingFile, held, register};
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

/// The real file system.
///
/// Files are opened close-on-exec. Interrupted and short reads and writes go on where they
/// stopped.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsFs;

impl Fs for OsFs {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        Ok(read_whole(path, limit)?.0)
    }

    fn read_held(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, Option<Held>)> {
        let (bytes, file, metadata) = read_whole(path, limit)?;
        Ok((bytes, held::hold(file, &metadata)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>> {
        Ok(Arc::new(FileSource::new(
            open_without_waiting(path)?,
            path,
        )?))
    }

    fn create(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        Ok(Box::new(OsPendingFile::create(path, mode, Name::Shared)?))
    }

    fn create_unique(&self, path: &Path, mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        Ok(Box::new(OsPendingFile::create(path, mode, Name::Unique)?))
    }

    fn create_named(&self, path: &Path, mode: Mode) -> io::Result<Option<Box<dyn PendingFile>>> {
        self.create_unique(path, mode).map(Some)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(dir)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect()
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        fs::symlink_metadata(path)?.modified()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        platform::sync_dir(dir)
    }

    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn random(&self) -> u32 {
        // The keys of a RandomState come from the system once per thread, and a fork copies them:
        // the process id and the time keep parent and child apart.
        static DRAWS: AtomicU64 = AtomicU64::new(0);
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        hasher.write_u64(DRAWS.fetch_add(1, Ordering::Relaxed));
        hasher.write_u128(since_1970.unwrap_or_default().as_nanos());
        (hasher.finish() >> 32) as u32
    }
}

/// The bytes of a small file, the file, and what was said about it before it was read.
fn read_whole(path: &Path, limit: u64) -> io::Result<(Vec<u8>, File, Metadata)> {
    let file = open_without_waiting(path)?;
    let metadata = regular(&file)?;
    let len = metadata.len();
    if len > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // One byte more than announced, which some file systems do not know exactly: a reader that
    // gets as many as announced knows that it has seen the end.
    let announced = usize::try_from(len).unwrap_or(0);
    let mut bytes = vec![0; announced + 1];
    let read = read_some(&file, &mut bytes)?;
    bytes.truncate(read);
    if read != announced {
        let left = limit.saturating_add(1).saturating_sub(read as u64);
        (&file).take(left).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok((bytes, file, metadata))
}

fn read_some(mut file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Length in bytes of a file that has to be a regular one.
pub(crate) fn regular_len(file: &File) -> io::Result<u64> {
    Ok(regular(file)?.len())
}

/// What the system says about a file that has to be a regular one.
fn regular(file: &File) -> io::Result<Metadata> {
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(metadata)
}

/// Removes every file that this process made through an [`OsFs`] and that is still pending: locks
/// that are held and tables that no list names yet.
///
/// From then on this process makes no more of them: transactions and compactions fail, also those
/// of threads that go on while the process ends. Reading goes on.
///
/// For a process that ends without unwinding its stack, as by [`std::process::exit`] or C's
/// `exit`: call it from an `atexit` function, or from a thread that waits for signals. It is safe
/// to call from within a transaction. Files of a parent process stay, so a forked child may exit
/// in peace. A child of a process with several threads must not write to stacks: another
/// thread may have held the lock that the making of files takes, which nobody releases then.
pub fn remove_pending_files() {
    register::remove_all();
}
