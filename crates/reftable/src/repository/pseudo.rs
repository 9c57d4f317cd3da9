//! Pseudo refs: two names that are files in every storage of refs.

use super::Repository;
use super::git_dir::is_absent;
use crate::error::{Error, Result};
use crate::hex::parse_id;
use std::fs::File;
use std::io::Read;

/// The names. What the files have after the first object id is git's own business.
pub(crate) const PSEUDO_REFS: [&str; 2] = ["FETCH_HEAD", "MERGE_HEAD"];

impl Repository {
    /// The object id that `FETCH_HEAD` or `MERGE_HEAD` stands for; `None` for other names, and if
    /// there is no such file. Each worktree has its own.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn pseudo_ref(&self, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut names = PSEUDO_REFS.iter();
        let Some(name) = names.find(|known| known.as_bytes() == name) else {
            return Ok(None);
        };
        let path = self.git_dir().join(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(Error::io("open", path)(error)),
        };
        let mut digits = Vec::new();
        file.take(2 * self.hash().len() as u64)
            .read_to_end(&mut digits)
            .map_err(Error::io("read", path))?;
        Ok(parse_id(&digits, self.hash()))
    }
}
