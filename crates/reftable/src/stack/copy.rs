//! A consistent copy of a stack while others write.

use super::Stack;
use super::list::{LIST, encode};
use super::reload::is_vanished;
use crate::error::{Error, Result};
use crate::fs::{Fs, Mode};
use std::io;
use std::path::Path;

/// How many times the copy begins anew because tables went away under it.
const TRIES: u32 = 100;
/// Bytes copied at once.
const PIECE: u64 = 1 << 20;

/// Tables in the copy. Those that no list names in the end are removed.
struct Copied<'a> {
    fs: &'a dyn Fs,
    dir: &'a Path,
    names: Vec<String>,
}

impl Copied<'_> {
    fn remove(&mut self) -> Result<()> {
        for name in self.names.drain(..) {
            let path = self.dir.join(name);
            match self.fs.remove(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                result => result.map_err(Error::io("remove", path))?,
            }
        }
        Ok(())
    }
}

/// A copy that fails leaves no table.
impl Drop for Copied<'_> {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

impl Stack {
    /// Copies the stack as it is on disk at one moment into `dir`, which must exist and have no
    /// stack. Takes no lock: tables never change, and if one is compacted away before it is
    /// copied, the copy begins anew.
    ///
    /// # Errors
    ///
    /// Those of [`Stack::reload`], and errors of the system. A copy that fails leaves no table.
    pub fn copy_to(&self, dir: impl AsRef<Path>) -> Result<()> {
        let dir = dir.as_ref();
        let fs = &*self.inner.options.fs;
        let list = dir.join(LIST);
        match fs.modified(&list) {
            Ok(_) => {
                let exists = io::ErrorKind::AlreadyExists.into();
                return Err(Error::io("create", list)(exists));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::io("find", list)(error)),
        }
        let mut tries = 0;
        let mut copied = Copied {
            fs,
            dir,
            names: Vec::new(),
        };
        loop {
            let names = self.inner.read_list()?.names;
            let result = names
                .iter()
                .try_for_each(|name| self.copy_table(name, &mut copied));
            match result {
                Ok(()) => {
                    // What was copied before a compaction replaced it is none of the copy's.
                    copied.names.retain(|name| !names.contains(name));
                    copied.remove()?;
                    copied.names.clone_from(&names);
                    let list = encode(&names)?;
                    // The names of the tables, before a list has them.
                    fs.sync_dir(dir).map_err(Error::io("sync", dir))?;
                    self.create(dir, LIST, |put| put(&list))?;
                    fs.sync_dir(dir).map_err(Error::io("sync", dir))?;
                    copied.names.clear();
                    return Ok(());
                }
                Err(error) if is_vanished(&error) => {
                    tries += 1;
                    if tries >= TRIES || self.inner.read_list()?.names == names {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Copies one table, unless an earlier try has.
    fn copy_table(&self, name: &str, copied: &mut Copied<'_>) -> Result<()> {
        let (fs, dir) = (&self.inner.options.fs, copied.dir);
        if copied.names.iter().any(|known| known == name) {
            return Ok(());
        }
        let path = self.inner.dir.join(name);
        let source = fs.open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NotFound { path: path.clone() },
            _ => Error::io("open", &path)(error),
        })?;
        source.expect_scan();
        copied.names.push(name.to_owned());
        self.create(dir, name, |put| {
            let mut offset = 0;
            while offset < source.len() {
                let len = PIECE.min(source.len() - offset);
                put(&source.read(offset, usize::try_from(len).unwrap_or_default())?)?;
                offset += len;
            }
            Ok(())
        })
    }

    /// Makes a file of what `write` puts; it gets its name when it is complete.
    fn create(
        &self,
        dir: &Path,
        name: &str,
        write: impl FnOnce(&mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>,
    ) -> Result<()> {
        let path = dir.join([name, ".copy"].concat());
        let mode = Mode {
            bits: 0o666,
            exact: false,
            extra: 0,
        };
        let fs: &dyn Fs = &*self.inner.options.fs;
        let mut file = fs.create(&path, mode).map_err(Error::io("create", &path))?;
        write(&mut |data| file.write_all(data).map_err(Error::io("write", &path)))?;
        file.sync().map_err(Error::io("sync", &path))?;
        let to = dir.join(name);
        file.persist(&to).map_err(Error::io("rename to", to))
    }
}
