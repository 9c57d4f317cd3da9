//! Following symbolic refs.

use super::View;
use crate::error::{Error, Result};
use crate::record::{RefRecordBuf, RefValueBuf};

/// How many symbolic refs a chain may have, as in git.
pub const MAX_SYMREFS: usize = 5;

/// Where a chain of symbolic refs leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The names on the way: the one asked for first, the last one is not symbolic.
    pub names: Vec<Vec<u8>>,
    /// The ref of the last name; `None` if it does not exist, as for a branch without commits.
    pub record: Option<RefRecordBuf>,
}

impl Resolved {
    /// The object id at the end.
    pub fn id(&self) -> Option<&[u8]> {
        match &self.record.as_ref()?.value {
            RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. } => Some(id),
            RefValueBuf::Deletion | RefValueBuf::Symref(_) => None,
        }
    }

    /// The last name of the chain.
    pub fn name(&self) -> &[u8] {
        self.names.last().map(Vec::as_slice).unwrap_or_default()
    }
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Head {
    /// A branch that exists.
    Branch {
        /// Its full name.
        name: Vec<u8>,
        /// Its commit.
        id: Vec<u8>,
    },
    /// A branch without commits.
    Unborn {
        /// Its full name.
        name: Vec<u8>,
    },
    /// A commit and no branch.
    Detached {
        /// The commit.
        id: Vec<u8>,
    },
    /// There is no `HEAD`.
    Missing,
}

impl View {
    /// Follows the chain of symbolic refs from `name` on.
    ///
    /// # Errors
    ///
    /// [`Error::SymrefChain`] beyond [`MAX_SYMREFS`] symbolic refs, and those of [`View::find`].
    pub fn resolve(&self, name: &[u8]) -> Result<Resolved> {
        let mut names = vec![name.to_vec()];
        let mut record = self.find(name)?;
        while let Some(RefRecordBuf {
            value: RefValueBuf::Symref(target),
            ..
        }) = &record
        {
            if names.len() > MAX_SYMREFS {
                return Err(Error::SymrefChain {
                    name: name.to_vec(),
                    limit: MAX_SYMREFS,
                });
            }
            let target = target.clone();
            record = self.find(&target)?;
            names.push(target);
        }
        Ok(Resolved { names, record })
    }

    /// What `HEAD` says.
    ///
    /// # Errors
    ///
    /// Those of [`View::resolve`].
    pub fn head(&self) -> Result<Head> {
        let Resolved { mut names, record } = self.resolve(b"HEAD")?;
        let name = (names.len() > 1).then(|| names.pop()).flatten();
        Ok(match (name, record.map(|record| record.value)) {
            (Some(name), Some(RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. })) => {
                Head::Branch { name, id }
            }
            (None, Some(RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. })) => {
                Head::Detached { id }
            }
            (Some(name), _) => Head::Unborn { name },
            (None, _) => Head::Missing,
        })
    }
}
