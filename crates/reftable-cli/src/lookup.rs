//! From the name that a person gives to a ref, as git understands it.

use crate::failure::Failure;
use crate::places::worktrees_in;
use crate::target::Target;
use reftable::view::is_per_worktree;
use reftable::{Stack, View};
use std::path::Path;

/// Where to look for a name.
pub(crate) struct Lookup {
    /// The refs as the worktree sees them that the name is about.
    pub(crate) view: View,
    /// What names of that worktree's own refs begin with, seen from here.
    pub(crate) prefix: Vec<u8>,
    /// The name there.
    pub(crate) name: Vec<u8>,
}

impl Lookup {
    /// Understands `@`, and names of other worktrees' refs, `worktrees/NAME/REF`.
    pub(crate) fn of(target: &Target, name: &[u8]) -> Result<Lookup, Failure> {
        let name = if name == b"@" { b"HEAD" } else { name };
        if let Some(lookup) = of_worktree(target, name)? {
            return Ok(lookup);
        }
        Ok(Lookup {
            view: target.view()?,
            prefix: Vec::new(),
            name: name.to_vec(),
        })
    }

    /// A name as it is seen from here.
    pub(crate) fn seen(&self, name: &[u8]) -> Vec<u8> {
        match is_per_worktree(name) {
            true => [&self.prefix, name].concat(),
            false => name.to_vec(),
        }
    }
}

/// The lookup of `worktrees/NAME/REF`; `None` for other names, and if there is no such worktree.
fn of_worktree(target: &Target, name: &[u8]) -> Result<Option<Lookup>, Failure> {
    let Some(rest) = name.strip_prefix(b"worktrees/") else {
        return Ok(None);
    };
    let slash = rest
        .iter()
        .position(|&byte| byte == b'/')
        .unwrap_or(rest.len());
    let (worktree, name) = rest.split_at(slash);
    let name = name.get(1..).unwrap_or_default();
    if !is_per_worktree(name) || name.is_empty() {
        return Ok(None);
    }
    let is_it = |found: &std::ffi::OsStr| found.as_encoded_bytes() == worktree;
    let view = match target {
        Target::Repository(repository) => {
            let names = repository.worktrees()?;
            let Some(found) = names.iter().find(|found| is_it(found)) else {
                return Ok(None);
            };
            repository.view_of_worktree(found)?
        }
        Target::Folder(stack) => {
            let above = stack.dir().parent().unwrap_or(Path::new(""));
            let stacks = worktrees_in(above)?;
            let Some((_, dir)) = stacks.iter().find(|(found, _)| is_it(found)) else {
                return Ok(None);
            };
            let own = Stack::open(dir, stack.options().clone())?;
            View::with_worktree(stack.merged(), Some(own.merged()))
        }
        Target::File(_) => return Ok(None),
    };
    Ok(Some(Lookup {
        view,
        prefix: [b"worktrees/", worktree, b"/"].concat(),
        name: name.to_vec(),
    }))
}
