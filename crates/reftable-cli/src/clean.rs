//! `reftable clean`

use crate::args::Clean;
use crate::failure::Failure;
use crate::out::Out;
use crate::target::stacks;
use reftable::Stack;
use std::collections::BTreeSet;
use std::path::Path;

pub(crate) fn run(args: &Clean, out: &mut Out) -> Result<u8, Failure> {
    let (places, options) = stacks(&args.path)?;
    for place in places {
        let stack = Stack::open(&place.dir, options.clone())?;
        let before = files(&place.dir)?;
        stack.clean()?;
        for name in before.difference(&files(&place.dir)?) {
            out.text(format_args!("removed {}", place.dir.join(name).display()))?;
        }
    }
    Ok(0)
}

fn files(dir: &Path) -> Result<BTreeSet<std::ffi::OsString>, Failure> {
    let failed = |error| Failure::message(format!("cannot list {}: {error}", dir.display()));
    let entries = std::fs::read_dir(dir).map_err(failed)?;
    let names = entries.map(|entry| Ok(entry.map_err(failed)?.file_name()));
    names.collect()
}
