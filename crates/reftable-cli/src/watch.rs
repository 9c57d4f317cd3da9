//! `reftable watch`

use crate::args::Watch;
use crate::diff;
use crate::failure::Failure;
use crate::out::Out;
use crate::target::Target;
use reftable::View;
use reftable::repository::Stacks;
use reftable::view::RefChange;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

pub(crate) fn run(args: &Watch, out: &mut Out) -> Result<u8, Failure> {
    let mut watched = Watched::open(&args.path)?;
    let mut view = watched.target.view()?;
    let mut left = args.count;
    while left != Some(0) {
        let new = match watched.look(&args.path) {
            Ok(Some(new)) => new,
            Ok(None) => {
                std::thread::sleep(Duration::from_millis(args.interval.max(1)));
                continue;
            }
            Err(failure) if args.wait => {
                watched = wait(args, &failure, out)?;
                watched.target.view()?
            }
            Err(failure) => return Err(failure),
        };
        let changes = new.diff(&view, args.prefix.as_encoded_bytes())?;
        let changes: Vec<RefChange> = changes.collect::<Result<_, _>>()?;
        for change in &changes {
            diff::print(change, args.json, out)?;
        }
        out.flush()?;
        view = new;
        if !changes.is_empty() {
            left = left.map(|left| left - 1);
        }
    }
    Ok(0)
}

/// Waits until the stack can be read again.
fn wait(args: &Watch, failure: &Failure, out: &mut Out) -> Result<Watched, Failure> {
    out.flush()?;
    let _ = writeln!(std::io::stderr(), "reftable: waiting: {}", failure.text());
    loop {
        std::thread::sleep(Duration::from_millis(args.interval.max(1)));
        if let Ok(watched) = Watched::open(&args.path) {
            return Ok(watched);
        }
    }
}

/// What is watched, and what its repository said when it was opened.
struct Watched {
    target: Target,
    stacks: Option<Stacks>,
}

impl Watched {
    fn open(path: &Path) -> Result<Watched, Failure> {
        let mut target = Target::open(path)?;
        if let Target::Folder(stack) = &target {
            // From now on a list that goes away is no empty stack.
            if stack.dir().join("tables.list").exists() {
                let mut options = stack.options().clone();
                options.list_required = true;
                target = Target::Folder(stack.with_options(options));
            }
        }
        let stacks = match &target {
            Target::Repository(_) => Some(Stacks::discover(path)?),
            _ => None,
        };
        Ok(Watched { target, stacks })
    }

    /// The new view if anything has changed. Fails as [`Target::open`] does if the repository has
    /// gone, or keeps its refs in another way now.
    fn look(&mut self, path: &Path) -> Result<Option<View>, Failure> {
        if let Some(stacks) = &self.stacks {
            if Stacks::discover(path)? != *stacks {
                *self = Watched::open(path)?;
                return Ok(Some(self.target.view()?));
            }
        }
        match self.target.reload() {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            // Opening it anew says more: that the repository was migrated, or deleted.
            Err(_) => *self = Watched::open(path)?,
        }
        Ok(Some(self.target.view()?))
    }
}
