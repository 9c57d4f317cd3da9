//! Loading the list and the tables it names.

use super::Inner;
use super::list::{LIST_LIMIT, List, encode, malformed, parse};
use super::lock::longer_pause;
use super::publish::Committed;
use super::snapshot::{Snapshot, View};
use crate::error::{Error, Result};
use crate::fs::{Held, MemorySource};
use crate::table::Table;
use bytes::Bytes;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

/// How long, at least, a reload goes on while the list keeps changing under it.
const PATIENCE: Duration = Duration::from_secs(3);
/// How many times, at least, a reload tries while the list keeps changing under it.
const MIN_TRIES: u32 = 3;

impl Inner {
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.view().snapshot)
    }

    /// The list on disk; a missing list or folder is an empty stack unless the list is required.
    pub(super) fn read_list(&self) -> Result<List> {
        match self.read_list_bytes()? {
            Some(read) => self.parse_list(read),
            None if self.options.list_required => Err(Error::NotFound {
                path: self.list.clone(),
            }),
            None => Ok(List::default()),
        }
    }

    fn parse_list(&self, (bytes, file): (Vec<u8>, Option<Held>)) -> Result<List> {
        if self.options.quirks.whole_lists && bytes.last().is_some_and(|&last| last != b'\n') {
            return Err(malformed(bytes.len() as u64, "the last line has no end"));
        }
        let names = parse(&bytes)?;
        Ok(List { names, file })
    }

    fn read_list_bytes(&self) -> Result<Option<(Vec<u8>, Option<Held>)>> {
        let mut result = self.options.fs.read_held(&self.list, LIST_LIMIT);
        for _ in 1..MIN_TRIES {
            match &result {
                // Another machine replaced it between opening and reading.
                Err(error) if is_stale(error) => {
                    result = self.options.fs.read_held(&self.list, LIST_LIMIT);
                }
                _ => break,
            }
        }
        match result {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Err(malformed(LIST_LIMIT, "more bytes than a list can have"))
            }
            Err(error) => Err(Error::io("read", &self.list)(error)),
        }
    }

    /// Whether the list on disk is that of `snapshot`, as far as that can be told without reading
    /// it.
    fn is_list_of(&self, snapshot: &Snapshot) -> bool {
        let held = snapshot.list_file.as_ref();
        held.is_some_and(|held| held.is_at(&self.list).unwrap_or(false))
    }

    /// Fails unless the list on disk is that of `base`. The list must be locked.
    ///
    /// It is read: a writer must not trust what the system remembers of a file, which on a
    /// network another machine may have replaced.
    pub(super) fn check_current(&self, base: &Snapshot) -> Result<()> {
        let same = match self.read_list_bytes()? {
            // Nearly always the list is as we would write it.
            Some((bytes, _)) if encode(&base.names).is_ok_and(|list| list == bytes) => true,
            Some(read) => self.parse_list(read)?.names == base.names,
            None => base.names.is_empty(),
        };
        match same {
            true => Ok(()),
            false => Err(self.outdated()),
        }
    }

    /// The error for a view that others have overtaken.
    pub(super) fn outdated(&self) -> Error {
        Error::Outdated {
            path: self.list.clone(),
        }
    }

    /// Brings the view up to date; whether it changed.
    ///
    /// The list may be replaced, and tables it named be removed, between reading it and opening
    /// them. Then another look is due; only if the list still names a missing table, or never
    /// comes to rest, the table counts as lost. On a network file system a table that another
    /// machine removed may also be one whose server does not know it any more.
    pub(super) fn reload(&self) -> Result<bool> {
        self.reload_if(|current| !self.is_list_of(current))
    }

    /// As [`Inner::reload`], while the list is locked: it is read in any case.
    pub(super) fn reload_locked(&self) -> Result<bool> {
        self.reload_if(|_| true)
    }

    fn reload_if(&self, may_differ: impl Fn(&Snapshot) -> bool) -> Result<bool> {
        let fs = &self.options.fs;
        let start = fs.now();
        let mut pause = Duration::ZERO;
        let mut tries = 0;
        loop {
            // Threads that share the handle may overtake each other between the look at the list
            // and the change of the view. Then another look is due, which is no try: the other
            // thread got on.
            let seen = self.view().clone();
            let current = &seen.snapshot;
            let list = match may_differ(current) {
                true => Some(self.read_list()?).filter(|list| list.names != current.names),
                false => None,
            };
            let Some(list) = list else {
                if self.confirm(current) {
                    return Ok(false);
                }
                continue;
            };
            let error = match self.load(current, &list, &[]) {
                Ok(snapshot) => {
                    if self.install(snapshot, &seen) {
                        return Ok(true);
                    }
                    continue;
                }
                Err(error) if is_vanished(&error) => error,
                Err(error) => return Err(error),
            };
            tries += 1;
            // What a server said of a file that it does not know may be the past; a name that is
            // missing below the newest list stays so.
            let is_final = matches!(error, Error::NotFound { .. }) || tries >= MIN_TRIES;
            if is_final && self.read_list()?.names == list.names {
                return Err(error);
            }
            if tries >= MIN_TRIES && fs.now().saturating_sub(start) >= PATIENCE {
                return Err(error);
            }
            pause = longer_pause(&**fs, pause);
            fs.sleep(pause);
        }
    }

    /// Makes a change the view, which was `base` when its list took effect.
    ///
    /// The list needs not be read again: what we have written is one state of the stack. Only if
    /// somebody else has replaced it already, or another thread the view, it is.
    /// `seen` is the view from before that.
    pub(super) fn adopt(
        &self,
        seen: &View,
        base: &Arc<Snapshot>,
        committed: &Committed,
    ) -> Result<()> {
        if Arc::ptr_eq(&seen.snapshot, base) {
            match self.load(base, &committed.list, &committed.in_memory) {
                Ok(snapshot) => {
                    if self.install(snapshot, seen) {
                        return Ok(());
                    }
                }
                Err(error) if is_vanished(&error) => {}
                Err(error) => return Err(error),
            }
        }
        self.reload().map(|_| ())
    }

    /// Opens what `list` has and `current` has not, taking bytes that are in memory from there.
    fn load(
        &self,
        current: &Snapshot,
        list: &List,
        in_memory: &[(String, Bytes)],
    ) -> Result<Snapshot> {
        let known = current.names.iter().zip(current.tables());
        let mut known: Vec<(&String, &Arc<Table>)> = known.collect();
        known.sort_unstable_by_key(|(name, _)| *name);
        let tables = list.names.iter().map(|name| {
            if let Ok(at) = known.binary_search_by_key(&name, |(name, _)| name) {
                return Ok(Arc::clone(known[at].1));
            }
            match in_memory.iter().find(|(new, _)| new == name) {
                Some((_, bytes)) => Table::open(Arc::new(MemorySource::new(bytes.clone())), name),
                None => self.open_table(name),
            }
            .map(Arc::new)
        });
        let tables = tables.collect::<Result<_>>()?;
        Snapshot::new(list.clone(), tables, &self.options)
    }

    fn open_table(&self, name: &str) -> Result<Table> {
        let path = self.dir.join(name);
        match self.options.fs.open(&path) {
            Ok(source) => Table::open(source, name),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::NotFound { path }),
            Err(error) => Err(Error::io("open", path)(error)),
        }
    }

    pub(super) fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the list is that of `current`, if `current` still is the view.
    fn confirm(&self, current: &Arc<Snapshot>) -> bool {
        let mut view = self.view();
        let unchanged = Arc::ptr_eq(&view.snapshot, current);
        view.looks += u64::from(unchanged);
        unchanged
    }

    /// Makes `snapshot` the view, if the view still is what was `seen` before the list was read.
    fn install(&self, mut snapshot: Snapshot, seen: &View) -> bool {
        let mut view = self.view();
        let unchanged = view.looks == seen.looks;
        if unchanged {
            snapshot.generation = view.snapshot.generation + 1;
            view.snapshot = Arc::new(snapshot);
            view.looks += 1;
        }
        unchanged
    }
}

/// Whether a table has been removed since the list was read.
pub(super) fn is_vanished(error: &Error) -> bool {
    match error {
        Error::NotFound { .. } => true,
        Error::Io { source, .. } => is_stale(source),
        _ => false,
    }
}

/// Whether a server does not know a file any more that it knew when the file was opened.
fn is_stale(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::StaleNetworkFileHandle
}

/// The folder, independent of the process's current one.
pub(super) fn absolute(dir: &Path) -> Result<PathBuf> {
    // As programs mostly give it. The function of the system takes it apart all the same.
    if dir.is_absolute() {
        return Ok(dir.to_path_buf());
    }
    std::path::absolute(dir).map_err(Error::io("find", dir))
}
