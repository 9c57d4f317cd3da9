//! All refs as an iterator of the standard library.

use super::{View, is_per_worktree};
use crate::error::{Error, Result};
use crate::merged::MergedRefIter;
use crate::record::RefRecordBuf;
use std::cmp::Ordering;
use std::iter::{FusedIterator, Peekable};
use std::vec;

/// Refs in the order of their names, each a copy of its own. Ends after the first error.
///
/// [`View::for_each`] is faster: it copies nothing.
#[derive(Debug)]
pub struct Refs {
    shared: Option<MergedRefIter>,
    /// A ref of the repository that comes after some of the worktree's.
    waiting: Option<RefRecordBuf>,
    own: Peekable<vec::IntoIter<RefRecordBuf>>,
    linked: bool,
}

impl View {
    /// The refs whose names begin with `prefix`; all of them for `b""`.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], and errors of the system. They may also come from the iterator.
    ///
    /// ```
    /// use reftable::{HashId, MergedTable, View};
    ///
    /// let view = View::new(MergedTable::new(Vec::new(), HashId::Sha1)?);
    /// let names = view.refs(b"refs/")?.map(|record| Ok(record?.name));
    /// let names: Vec<Vec<u8>> = names.collect::<reftable::Result<_>>()?;
    /// assert!(names.is_empty());
    /// # Ok::<(), reftable::Error>(())
    /// ```
    pub fn refs(&self, prefix: &[u8]) -> Result<Refs> {
        Ok(Refs {
            shared: Some(self.shared.refs_with_prefix(prefix)?),
            waiting: None,
            own: self.own_refs(prefix)?.into_iter().peekable(),
            linked: self.worktree.is_some(),
        })
    }
}

impl Refs {
    fn next_shared(&mut self) -> Result<Option<RefRecordBuf>> {
        if let Some(record) = self.waiting.take() {
            return Ok(Some(record));
        }
        let Some(shared) = &mut self.shared else {
            return Ok(None);
        };
        while let Some(record) = shared.next()? {
            if !(self.linked && is_per_worktree(record.name)) {
                return Ok(Some(record.to_buf()));
            }
        }
        self.shared = None;
        Ok(None)
    }

    fn advance(&mut self) -> Result<Option<RefRecordBuf>> {
        let Some(shared) = self.next_shared()? else {
            return Ok(self.own.next());
        };
        match self.own.peek().map(|own| own.name.cmp(&shared.name)) {
            Some(Ordering::Less) => {
                self.waiting = Some(shared);
                Ok(self.own.next())
            }
            _ => Ok(Some(shared)),
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.shared = None;
        self.own = Vec::new().into_iter().peekable();
        error
    }
}

impl Iterator for Refs {
    type Item = Result<RefRecordBuf>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.advance();
        result.map_err(|error| self.fail(error)).transpose()
    }
}

impl FusedIterator for Refs {}
