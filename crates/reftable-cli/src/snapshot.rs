//! `reftable snapshot`

use crate::args::Snapshot;
use crate::failure::Failure;
use crate::out::{Out, shown_path};
use crate::places::Places;
use std::fs;

pub(crate) fn run(args: &Snapshot, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    // Before anything is made: a repository without its stack gives no copy.
    for place in &places.stacks {
        places.open(place)?;
    }
    let failed = |error| Failure::message(format!("cannot use {}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    if fs::read_dir(&args.dir).map_err(failed)?.next().is_some() {
        return Err(Failure::message(format!(
            "{} is not empty",
            args.dir.display()
        )));
    }
    for place in &places.stacks {
        let below = place.folder_in(&args.dir);
        fs::create_dir_all(&below).map_err(failed)?;
        places.open(place)?.copy_to(&below)?;
        out.text(shown_path(&below))?;
    }
    Ok(0)
}
