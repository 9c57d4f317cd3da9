//! What is pending in this process, so that its end can remove it.

use super::platform::Identity;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// What is pending in this process, and, after a fork, in its parents.
///
/// Only system calls on the files themselves are made while this is held, never code of a caller.
static REGISTER: Mutex<Register> = Mutex::new(Register {
    entries: Vec::new(),
    next_key: 0,
    closed_by: None,
});

/// How often the end of the process asks for the register before it gives up: a thread that holds
/// it for a rename lets go soon, one that a fork left behind in the parent never does.
const EXIT_TRIES: u32 = 1000;

/// See [`REGISTER`].
#[derive(Debug)]
pub(super) struct Register {
    entries: Vec<Entry>,
    next_key: u64,
    /// The process that removed its files because it ends. It makes no more of them; a child that
    /// it had before, or has by now, does.
    closed_by: Option<u32>,
}

/// Stands for one entry: two files can have the same name, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key(u64);

#[derive(Debug)]
struct Entry {
    key: Key,
    path: PathBuf,
    identity: Identity,
    pid: u32,
    /// Nobody uses the file any more, and it could not be removed.
    abandoned: bool,
}

impl Register {
    /// Fails if this process has removed its files already.
    pub(super) fn check_open(&self) -> io::Result<()> {
        if self.closed_by.is_some_and(|pid| pid == std::process::id()) {
            return Err(io::Error::other("the process is ending"));
        }
        Ok(())
    }

    /// Notes a file of this process, whose id is `pid`.
    pub(super) fn insert(&mut self, path: &Path, identity: Identity, pid: u32) -> Key {
        let key = Key(self.next_key);
        self.next_key += 1;
        self.entries.push(Entry {
            key,
            path: path.to_path_buf(),
            identity,
            pid,
            abandoned: false,
        });
        key
    }

    pub(super) fn set_identity(&mut self, key: Key, identity: Identity) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.identity = identity;
        }
    }

    /// Notes that nobody uses a file any more, which could not be removed. It is tried again before
    /// this process makes its next file, and when it ends.
    pub(super) fn abandon(&mut self, key: Key, identity: Identity) {
        if !identity.outlasts_closing() {
            self.remove(key);
        }
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == key) {
            entry.identity = identity;
            entry.abandoned = true;
        }
    }

    /// Tries again to remove what could not be removed when its owner was done with it.
    pub(super) fn remove_abandoned(&mut self) {
        if !self.entries.iter().any(|entry| entry.abandoned) {
            return;
        }
        let pid = std::process::id();
        self.entries.retain(|entry| {
            let due = entry.abandoned && entry.pid == pid;
            !(due && entry.identity.remove_at(&entry.path))
        });
    }

    #[cfg(test)]
    pub(super) fn knows(&self, path: &Path) -> bool {
        self.entries.iter().any(|entry| entry.path == path)
    }

    pub(super) fn remove(&mut self, key: Key) {
        self.entries.retain(|entry| entry.key != key);
        if self.entries.is_empty() {
            // Nothing that a leak checker could find at the end of the process.
            self.entries = Vec::new();
        }
    }
}

pub(super) fn register() -> MutexGuard<'static, Register> {
    REGISTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all files of this process that are still pending; it makes no more of them.
pub(super) fn remove_all() {
    let pid = std::process::id();
    for _ in 0..EXIT_TRIES {
        let mut register = match REGISTER.try_lock() {
            Ok(register) => register,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                std::thread::yield_now();
                continue;
            }
        };
        register.closed_by = Some(pid);
        for entry in register.entries.iter().filter(|entry| entry.pid == pid) {
            entry.identity.remove_at(&entry.path);
        }
        return;
    }
}
