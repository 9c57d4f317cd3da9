//! Locking, checking, and writing the tables of a transaction.

use super::edit::{Change, Edit, Expected};
use super::records::Records;
use crate::error::{Error, Result};
use crate::hex::hex;
use crate::record::RefValueBuf;
use crate::refname::check_name;
use crate::stack::{Addition, Stack};
use crate::view::{View, is_per_worktree, of_main_worktree};
use std::collections::BTreeSet;
use std::time::Duration;

/// A transaction that only waits for its commit, and holds the locks meanwhile.
///
/// Dropping it aborts. It can go to another thread.
#[derive(Debug)]
#[must_use = "dropping it aborts the transaction"]
pub struct Prepared {
    /// The repository's stack first.
    additions: Vec<Addition>,
}

const _: () = {
    const fn is_send<T: Send>() {}
    is_send::<Prepared>();
};

impl Prepared {
    /// Makes the changes take effect and releases the locks.
    ///
    /// The changes of one stack take effect at once. A transaction over the repository's stack and
    /// a worktree's commits one after the other, the repository's first.
    ///
    /// # Errors
    ///
    /// Those of [`Addition::commit`]. If the first stack fails, nothing has changed; if the second
    /// one does, the first is committed.
    pub fn commit(mut self) -> Result<()> {
        for addition in &mut self.additions {
            addition.commit()?;
        }
        Ok(())
    }

    /// Gives the transaction up. The stacks are as they were.
    pub fn abort(self) {
        drop(self);
    }
}

/// The stacks of a repository.
pub(super) struct Stores<'a> {
    pub(super) shared: &'a Stack,
    pub(super) worktree: Option<&'a Stack>,
}

impl Stores<'_> {
    /// The number of the stack that has the ref `name`, and its name there.
    fn place<'n>(&self, name: &'n [u8]) -> (usize, &'n [u8]) {
        if let Some(own) = of_main_worktree(name) {
            return (0, own);
        }
        (
            usize::from(self.worktree.is_some() && is_per_worktree(name)),
            name,
        )
    }

    /// Whether the edits concern the stack of this number. One that follows symbolic refs may end
    /// anywhere, and one with a log may concern `HEAD`.
    fn concerns(&self, number: usize, edits: &[Edit]) -> bool {
        let may =
            |edit: &Edit| edit.follow || edit.log.is_some() || self.place(&edit.name).0 == number;
        edits.iter().any(may)
    }

    fn view(&self) -> View {
        let worktree = self.worktree.map(Stack::merged);
        View::with_worktree(self.shared.merged(), worktree)
    }
}

/// The lock on one stack.
struct Locked {
    number: usize,
    addition: Addition,
}

pub(super) fn prepare(
    edits: &[Edit],
    stores: &Stores<'_>,
    timeout: Option<Duration>,
) -> Result<Prepared> {
    let mut locked = Vec::new();
    let stacks = std::iter::once(stores.shared).chain(stores.worktree);
    for (number, stack) in stacks.enumerate() {
        if stores.concerns(number, edits) {
            let addition = stack.begin_within(timeout)?;
            locked.push(Locked { number, addition });
        }
    }
    // Both are locked and loaded: this is what the commit will change.
    let view = stores.view();
    let mut plan = Plan {
        view: &view,
        stores,
        edited: BTreeSet::new(),
        records: [Records::default(), Records::default()],
    };
    for edit in edits {
        plan.add(edit)?;
    }
    let mut records = plan.finish(edits)?;
    for Locked { number, addition } in &mut locked {
        if let Some(records) = records.get_mut(*number) {
            records.write(addition)?;
        }
    }
    let additions = locked.into_iter().map(|locked| locked.addition).collect();
    Ok(Prepared { additions })
}

/// What the edits come to.
struct Plan<'a> {
    view: &'a View,
    stores: &'a Stores<'a>,
    /// The refs edited so far: each the number of its stack, and its name there. A name alone is
    /// not enough, since a ref can have two.
    edited: BTreeSet<(usize, Vec<u8>)>,
    /// One for each stack.
    records: [Records; 2],
}

impl Plan<'_> {
    fn add(&mut self, edit: &Edit) -> Result<()> {
        // The refs that the edit goes through; the last one is changed.
        let mut names = match edit.follow {
            true => self.view.resolve(&edit.name)?.names,
            false => vec![edit.name.clone()],
        };
        let name = names.pop().unwrap_or_default();
        let (number, name_there) = self.stores.place(&name);
        if !self.edited.insert((number, name_there.to_vec())) {
            return Err(Error::DuplicateEdit { name });
        }
        let found = self.view.find(&name)?.map(|record| record.value);
        check_expected(&name, &edit.expected, found.as_ref())?;
        match &edit.change {
            Change::Verify => return Ok(()),
            Change::Set(value) => {
                check_name(name_there)?;
                if matches!(value, RefValueBuf::Deletion) {
                    return Err(Error::Misuse("a ref cannot be set to a tombstone"));
                }
                self.records_of(number).set(name_there, value.clone());
            }
            Change::Delete if found.is_none() => return Ok(()),
            Change::Delete => {
                let indexes = self.view.log_indexes(&name)?;
                self.records_of(number).delete(name_there, indexes);
            }
        }
        if edit.change != Change::Delete {
            names.push(name.clone());
        }
        self.log(edit, &name, &names)
    }

    fn records_of(&mut self, number: usize) -> &mut Records {
        let [shared, worktree] = &mut self.records;
        match number {
            0 => shared,
            _ => worktree,
        }
    }

    /// Enters a change of `name` in the reflogs of `names`.
    fn log(&mut self, edit: &Edit, name: &[u8], names: &[Vec<u8>]) -> Result<()> {
        let Some((committer, message)) = &edit.log else {
            return Ok(());
        };
        let zero = vec![0; self.view.hash().len()];
        let old = self.view.resolve(name)?;
        let old_id = old.id().unwrap_or(&zero).to_vec();
        let new_id = match &edit.change {
            Change::Set(RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. }) => id.clone(),
            Change::Set(RefValueBuf::Symref(target)) => {
                let target = self.view.resolve(target)?;
                target.id().unwrap_or(&zero).to_vec()
            }
            _ => zero,
        };
        for name in names {
            let (number, name) = self.stores.place(name);
            let ids = (old_id.clone(), new_id.clone());
            self.records_of(number).log(name, ids, committer, message);
        }
        Ok(())
    }

    /// Enters changes of the branch that `HEAD` names in the log of `HEAD`.
    fn finish(mut self, edits: &[Edit]) -> Result<[Records; 2]> {
        let (number, name) = self.stores.place(b"HEAD");
        if self.edited.contains(&(number, name.to_vec())) {
            return Ok(self.records);
        }
        let head = self.view.resolve(b"HEAD")?;
        for edit in edits {
            let concerned = !edit.follow && head.names.len() > 1 && edit.name == head.name();
            let changes = match edit.change {
                Change::Verify => false,
                Change::Set(_) => true,
                Change::Delete => head.record.is_some(),
            };
            if concerned && changes {
                self.log(edit, &edit.name, &[b"HEAD".to_vec()])?;
            }
        }
        Ok(self.records)
    }
}

fn check_expected(name: &[u8], expected: &Expected, found: Option<&RefValueBuf>) -> Result<()> {
    let fits = match (expected, found) {
        (Expected::Anything, _) | (Expected::Absent, None) | (Expected::Present, Some(_)) => true,
        (
            Expected::Object(wanted),
            Some(RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. }),
        ) => wanted == id,
        (Expected::Symref(wanted), Some(RefValueBuf::Symref(target))) => wanted == target,
        _ => false,
    };
    if fits {
        return Ok(());
    }
    Err(Error::Unexpected {
        name: name.to_vec(),
        expected: match expected {
            Expected::Anything => "anything".to_owned(),
            Expected::Absent => "no such ref".to_owned(),
            Expected::Present => "a ref".to_owned(),
            Expected::Object(id) => hex(id),
            Expected::Symref(target) => format!("ref: {}", String::from_utf8_lossy(target)),
        },
        found: match found {
            None | Some(RefValueBuf::Deletion) => "no ref".to_owned(),
            Some(RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. }) => hex(id),
            Some(RefValueBuf::Symref(target)) => {
                format!("ref: {}", String::from_utf8_lossy(target))
            }
        },
    })
}
