//! `reftable snapshot`

use crate::args::Snapshot;
use crate::failure::Failure;
use crate::out::Out;
use crate::target::stacks;
use reftable::Stack;
use std::fs;

pub(crate) fn run(args: &Snapshot, out: &mut Out) -> Result<u8, Failure> {
    let (places, options) = stacks(&args.path)?;
    let failed = |error| Failure::message(format!("cannot use {}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    if fs::read_dir(&args.dir).map_err(failed)?.next().is_some() {
        return Err(Failure::message(format!(
            "{} is not empty",
            args.dir.display()
        )));
    }
    for place in places {
        let below = place.folder_in(&args.dir);
        fs::create_dir_all(&below).map_err(failed)?;
        Stack::open(&place.dir, options.clone())?.copy_to(&below)?;
        out.text(below.display())?;
    }
    Ok(0)
}
