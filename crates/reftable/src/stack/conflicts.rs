//! Which names of refs exclude each other.
//!
//! A ref is a path: `refs/heads/a` cannot exist beside `refs/heads/a/b`, since other storage of
//! refs keeps them as files in folders. A [`Stack`](crate::Stack) checks the refs of every table
//! added to it, unless its options say otherwise.

use crate::error::{Error, Result};
use crate::merged::{MergedRefIter, MergedTable};
use crate::refname::validate;

/// Checks that `view` may take a table that adds the refs `added` and deletes `deleted`.
///
/// Both lists are in ascending order of bytes. Names that the view already has may be added again.
/// The names are checked in their order; the first fault is returned.
///
/// # Errors
///
/// [`Error::InvalidName`] for a name that [`validate`] refuses, [`Error::NameConflict`] for one
/// that would be a ref and a folder of refs at once, and whatever reading the view says.
pub fn check_names<N: AsRef<[u8]>>(view: &MergedTable, added: &[N], deleted: &[N]) -> Result<()> {
    let mut check = Check {
        view,
        added,
        deleted,
        cursor: None,
        gap: None,
        folder: Vec::new(),
    };
    for (position, name) in added.iter().enumerate() {
        let name = name.as_ref();
        validate(name)?;
        if let Some(existing) = check.find_below(position, name)? {
            return Err(conflict(name, &existing));
        }
        if let Some(existing) = check.find_above(name)? {
            return Err(conflict(name, existing));
        }
    }
    Ok(())
}

fn conflict(name: &[u8], existing: &[u8]) -> Error {
    Error::NameConflict {
        name: name.to_vec(),
        existing: existing.to_vec(),
    }
}

/// A cursor reads on for at most this many refs before it is set anew: reading one costs far less.
const STEPS_BEFORE_SEEK: u32 = 8;

struct Check<'a, N> {
    view: &'a MergedTable,
    added: &'a [N],
    deleted: &'a [N],
    cursor: Option<MergedRefIter>,
    /// What the cursor found out last: the view has no ref from the first name on up to the
    /// second (`None`: to the end). Saves a seek per name when there are more names than refs.
    gap: Option<(Vec<u8>, Option<Vec<u8>>)>,
    /// A folder that is known to be no ref, and neither are the folders it is in. Neighbouring
    /// names mostly share it.
    folder: Vec<u8>,
}

fn contains<N: AsRef<[u8]>>(names: &[N], name: &[u8]) -> bool {
    names
        .binary_search_by(|probe| probe.as_ref().cmp(name))
        .is_ok()
}

impl<N: AsRef<[u8]>> Check<'_, N> {
    /// A ref in the folder `name`, which is the added name at `position`.
    fn find_below(&mut self, position: usize, name: &[u8]) -> Result<Option<Vec<u8>>> {
        let prefix = [name, b"/"].concat();
        // Names that begin with this one follow it at once, but not all of them are below it.
        let rest = self.added.get(position + 1..).unwrap_or_default();
        if rest
            .first()
            .is_some_and(|next| next.as_ref().starts_with(name))
        {
            let first = rest.partition_point(|probe| probe.as_ref() < &*prefix);
            match rest.get(first).map(AsRef::as_ref) {
                Some(found) if found.starts_with(&prefix) => return Ok(Some(found.to_vec())),
                _ => {}
            }
        }
        self.find_in_view(prefix)
    }

    fn find_in_view(&mut self, prefix: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let mut steps = 0;
        if let Some((from, to)) = &self.gap {
            let beyond = |to: &Vec<u8>| *to > prefix && !to.starts_with(&prefix);
            if *from <= prefix && to.as_ref().is_none_or(beyond) {
                return Ok(None);
            }
            // The cursor stands after the end of the gap.
            if to.as_ref().is_some_and(|to| *to < prefix) {
                steps = STEPS_BEFORE_SEEK;
            }
        }
        let cursor = match &mut self.cursor {
            Some(cursor) => cursor,
            None => self.cursor.insert(self.view.refs_from(&prefix)?),
        };
        if steps == 0 {
            cursor.seek(&prefix)?;
        }
        // Tombstones are looked at only below the prefix, not in the whole rest of the view.
        let next = loop {
            match cursor.next()? {
                None => break None,
                Some(found) if found.name < &*prefix => {
                    if steps == 1 {
                        cursor.seek(&prefix)?;
                    }
                    steps = steps.saturating_sub(1);
                }
                Some(found) if !found.name.starts_with(&prefix) => {
                    break Some(found.name.to_vec());
                }
                Some(found) if found.is_deletion() || contains(self.deleted, found.name) => {}
                Some(found) => return Ok(Some(found.name.to_vec())),
            }
        };
        self.gap = Some((prefix, next));
        Ok(None)
    }

    /// A ref that has the name of a folder `name` is in.
    fn find_above<'n>(&mut self, name: &'n [u8]) -> Result<Option<&'n [u8]>> {
        let slashes = name.iter().enumerate().filter(|&(_, &byte)| byte == b'/');
        let mut folder: &[u8] = b"";
        for (end, _) in slashes {
            folder = &name[..end];
            if !self.is_known(folder) && self.exists(folder)? {
                return Ok(Some(folder));
            }
        }
        self.folder.clear();
        self.folder.extend_from_slice(folder);
        Ok(None)
    }

    fn is_known(&self, folder: &[u8]) -> bool {
        let rest = self.folder.strip_prefix(folder);
        rest.is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/'))
    }

    fn exists(&self, name: &[u8]) -> Result<bool> {
        if contains(self.added, name) {
            return Ok(true);
        }
        Ok(!contains(self.deleted, name) && self.view.read_ref(name, |_| ())?.is_some())
    }
}
