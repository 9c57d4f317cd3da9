//! A file system in memory that fails or loses its power on demand, for tests and fuzzers.
//!
//! Every call is an operation with a number, which a fault can be given to. After a power cut, or
//! the death of the process, nothing works any more; what is left of the files is asked for with
//! [`FaultFs::after_power_cut`] and [`FaultFs::after_kill`].

mod disk;

use disk::{Disk, mix};
pub use disk::{SurvivingBytes, Survivors};
use reftable::fs::{Fs, Held, HeldFile, Mode, PendingFile};
use reftable::table::{BlockSource, MemorySource};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Reads a small file.
    Read,
    /// Opens a table.
    Open,
    /// Lists a folder.
    Entries,
    /// Asks for a file's time.
    Modified,
    /// Makes a file.
    Create,
    /// Writes to a pending file.
    Write,
    /// Makes the bytes of a pending file durable.
    Sync,
    /// Gives a pending file its final name.
    Persist,
    /// Gives a file a second name.
    Link,
    /// Removes a file, also one that is still pending when it is dropped.
    Remove,
    /// Makes the names in a folder durable.
    SyncDir,
}

impl Action {
    /// Whether it changes what is there, or what of it is durable.
    pub fn is_change(self) -> bool {
        use Action::{Create, Link, Persist, Remove, Sync, SyncDir, Write};
        matches!(
            self,
            Create | Write | Sync | Persist | Link | Remove | SyncDir
        )
    }
}

/// A call to the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Counted from 0.
    pub number: usize,
    /// What it does.
    pub action: Action,
    /// The file or folder; for [`Action::Persist`] and [`Action::Link`] the new name.
    pub path: PathBuf,
}

/// What goes wrong with an operation. Numbers are those of the system's errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails and does nothing.
    Error(i32),
    /// It fails after half of its bytes if it is a [`Action::Write`], else as [`Fault::Error`].
    ShortWrite(i32),
    /// It is done, and reported to have failed.
    LateError(i32),
    /// The process or the machine stops before it.
    Stop,
}

type Injector = Box<dyn FnMut(&Operation) -> Option<Fault> + Send>;

/// A file system in memory. Clones share it.
#[derive(Clone)]
pub struct FaultFs(Arc<Mutex<State>>);

struct State {
    disk: Disk,
    operations: Vec<Operation>,
    injector: Option<Injector>,
    stopped: bool,
    slept: Duration,
    draws: u64,
}

impl fmt::Debug for FaultFs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultFs")
    }
}

impl FaultFs {
    /// A file system with one folder, which must be an absolute path.
    pub fn new(dir: &Path) -> FaultFs {
        let mut disk = Disk::default();
        disk.add_folder(dir);
        FaultFs::with(disk, 0)
    }

    fn with(disk: Disk, draws: u64) -> FaultFs {
        FaultFs(Arc::new(Mutex::new(State {
            disk,
            operations: Vec::new(),
            injector: None,
            stopped: false,
            slept: Duration::ZERO,
            draws,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on `injector` is asked about each operation.
    pub fn inject(&self, injector: impl FnMut(&Operation) -> Option<Fault> + Send + 'static) {
        self.state().injector = Some(Box::new(injector));
    }

    /// Nothing goes wrong any more, except that a stopped file system stays so.
    pub fn clear(&self) {
        self.state().injector = None;
    }

    /// What has been asked for so far.
    pub fn operations(&self) -> Vec<Operation> {
        self.operations_since(0)
    }

    /// What has been asked for from the operation of this number on.
    pub fn operations_since(&self, number: usize) -> Vec<Operation> {
        let operations = &self.state().operations;
        operations.get(number..).unwrap_or_default().to_vec()
    }

    /// Number of the operations so far.
    pub fn count(&self) -> usize {
        self.state().operations.len()
    }

    /// Whether [`Fault::Stop`] has come.
    pub fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    /// Number of the changes of names that a power cut could undo.
    pub fn unsynced(&self) -> usize {
        self.state().disk.unsynced()
    }

    /// What the next process finds, without a power cut.
    pub fn after_kill(&self) -> FaultFs {
        let state = self.state();
        FaultFs::with(state.disk.clone(), state.draws)
    }

    /// What is found when the power is back.
    pub fn after_power_cut(&self, survivors: Survivors) -> FaultFs {
        let state = self.state();
        FaultFs::with(state.disk.after_power_cut(survivors), state.draws)
    }

    /// All files, as programs see them.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.state();
        let read = |path: &PathBuf| Some((path.clone(), state.disk.bytes(path).ok()?.to_vec()));
        state.disk.paths().filter_map(read).collect()
    }

    /// Puts a file on the disk, in place of one that may be there. Not counted as an operation.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is no such folder.
    pub fn put(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let disk = &mut self.state().disk;
        if disk.file_at(path).is_ok() {
            disk.remove(path)?;
        }
        let file = disk.create(path)?;
        disk.append(file, bytes)?;
        disk.sync(file)?;
        disk.sync_folder(path.parent().unwrap_or(Path::new("")))
    }

    /// Removes a file as a person would. Not counted as an operation.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none.
    pub fn take_away(&self, path: &Path) -> io::Result<()> {
        self.state().disk.remove(path)
    }

    /// Removes a folder and what is in it. Not counted as an operation.
    pub fn take_away_folder(&self, dir: &Path) {
        self.state().disk.remove_folder(dir);
    }

    /// Sets when a file was last written.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if there is none.
    pub fn set_modified(&self, path: &Path, time: SystemTime) -> io::Result<()> {
        self.state().disk.set_modified(path, time)
    }

    fn perform<R>(
        &self,
        action: Action,
        path: &Path,
        act: impl FnOnce(&mut Disk) -> io::Result<R>,
    ) -> io::Result<R> {
        let mut state = self.state();
        match state.begin(action, path)? {
            None => act(&mut state.disk),
            Some(Fault::LateError(code)) => {
                act(&mut state.disk)?;
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Fault::Error(code) | Fault::ShortWrite(code)) => {
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Fault::Stop) => {
                state.stopped = true;
                Err(stopped())
            }
        }
    }

    fn write(&self, file: usize, path: &Path, data: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        match state.begin(Action::Write, path)? {
            None => state.disk.append(file, data),
            Some(Fault::LateError(code)) => {
                state.disk.append(file, data)?;
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Fault::ShortWrite(code)) => {
                let half = data.get(..data.len() / 2).unwrap_or_default();
                state.disk.append(file, half)?;
                Err(io::Error::from_raw_os_error(code))
            }
            Some(Fault::Error(code)) => Err(io::Error::from_raw_os_error(code)),
            Some(Fault::Stop) => {
                // A write is not one step for the disk: part of it may be under way.
                state.disk.append(file, data)?;
                state.stopped = true;
                Err(stopped())
            }
        }
    }
}

impl State {
    fn begin(&mut self, action: Action, path: &Path) -> io::Result<Option<Fault>> {
        if self.stopped {
            return Err(stopped());
        }
        let operation = Operation {
            number: self.operations.len(),
            action,
            path: path.to_path_buf(),
        };
        let fault = self.injector.as_mut().and_then(|ask| ask(&operation));
        self.operations.push(operation);
        Ok(fault)
    }
}

fn stopped() -> io::Error {
    io::Error::other("the machine has stopped")
}

impl Fs for FaultFs {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        self.perform(Action::Read, path, |disk| {
            let bytes = disk.bytes(path)?;
            if bytes.len() as u64 > limit {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            Ok(bytes.to_vec())
        })
    }

    fn read_held(&self, path: &Path, limit: u64) -> io::Result<(Vec<u8>, Option<Held>)> {
        let bytes = self.read(path, limit)?;
        let file = self.state().disk.file_at(path)?;
        let fs = self.clone();
        Ok((bytes, Some(Arc::new(HeldInMemory { fs, file }))))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn BlockSource>> {
        self.perform(Action::Open, path, |disk| {
            let source = MemorySource::new(disk.bytes(path)?.to_vec());
            Ok(Arc::new(source) as Arc<dyn BlockSource>)
        })
    }

    fn create(&self, path: &Path, _mode: Mode) -> io::Result<Box<dyn PendingFile>> {
        let file = self.perform(Action::Create, path, |disk| disk.create(path))?;
        Ok(Box::new(FaultFile {
            fs: self.clone(),
            path: path.to_path_buf(),
            file,
            pending: true,
        }))
    }

    fn create_named(&self, path: &Path, mode: Mode) -> io::Result<Option<Box<dyn PendingFile>>> {
        self.create(path, mode).map(Some)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.perform(Action::Link, to, |disk| disk.link(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.perform(Action::Remove, path, |disk| disk.remove(path))
    }

    fn entries(&self, dir: &Path) -> io::Result<Vec<OsString>> {
        self.perform(Action::Entries, dir, |disk| disk.names(dir))
    }

    fn modified(&self, path: &Path) -> io::Result<SystemTime> {
        self.perform(Action::Modified, path, |disk| disk.modified(path))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.perform(Action::SyncDir, dir, |disk| disk.sync_folder(dir))
    }

    fn now(&self) -> Duration {
        self.state().slept
    }

    fn sleep(&self, time: Duration) {
        self.state().slept += time;
    }

    fn random(&self) -> u32 {
        let mut state = self.state();
        state.draws = state.draws.wrapping_add(1);
        (mix(state.draws) >> 32) as u32
    }
}

#[derive(Debug)]
struct HeldInMemory {
    fs: FaultFs,
    file: usize,
}

impl HeldFile for HeldInMemory {
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let found = |disk: &mut Disk| disk.file_at(path);
        Ok(self.fs.perform(Action::Modified, path, found)? == self.file)
    }
}

#[derive(Debug)]
struct FaultFile {
    fs: FaultFs,
    path: PathBuf,
    file: usize,
    pending: bool,
}

impl PendingFile for FaultFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_all(&mut self, data: &[u8]) -> io::Result<()> {
        self.fs.write(self.file, &self.path, data)
    }

    fn sync(&mut self) -> io::Result<()> {
        let file = self.file;
        self.fs
            .perform(Action::Sync, &self.path, |disk| disk.sync(file))
    }

    fn hold(&self) -> Option<Held> {
        let (fs, file) = (self.fs.clone(), self.file);
        Some(Arc::new(HeldInMemory { fs, file }))
    }

    fn persist(&mut self, to: &Path) -> io::Result<()> {
        if !self.pending {
            return Err(io::Error::other("the file already has its final name"));
        }
        let (file, from) = (self.file, &self.path);
        if from != to {
            self.fs
                .perform(Action::Persist, to, |disk| disk.rename(file, from, to))?;
        }
        self.pending = false;
        self.path = to.to_path_buf();
        Ok(())
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        if !self.pending {
            return;
        }
        let is_own = self.fs.state().disk.file_at(&self.path).ok() == Some(self.file);
        if is_own {
            // What cannot be removed stays, as in the real file system.
            let _ = self.fs.remove(&self.path);
        }
    }
}
