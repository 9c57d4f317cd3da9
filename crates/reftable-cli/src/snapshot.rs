//! `reftable snapshot`

use crate::args::Snapshot;
use crate::failure::Failure;
use crate::out::{Out, shown_path};
use crate::places::Places;
use reftable::fs::{Fs, OsFs};
use std::fs;
use std::path::Path;

pub(crate) fn run(args: &Snapshot, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    // Before anything is made: a repository without its stack gives no copy.
    for place in &places.stacks {
        places.open(place)?;
    }
    let is_new = !args.dir.exists();
    let failed = |error| Failure::message(format!("cannot use {}: {error}", args.dir.display()));
    fs::create_dir_all(&args.dir).map_err(failed)?;
    if fs::read_dir(&args.dir).map_err(failed)?.next().is_some() {
        return Err(Failure::message(format!(
            "{} is not empty",
            args.dir.display()
        )));
    }
    let copied = copy(&places, &args.dir, out);
    if copied.is_err() {
        // A part of a copy is none, and would be in the way of the next try.
        for entry in fs::read_dir(&args.dir).into_iter().flatten().flatten() {
            let _ = fs::remove_dir_all(entry.path());
        }
        if is_new {
            let _ = fs::remove_dir(&args.dir);
        }
    }
    copied.map(|()| 0)
}

/// Copies every stack to its folder below `dir`, durably.
fn copy(places: &Places, dir: &Path, out: &mut Out) -> Result<(), Failure> {
    let failed = |error| Failure::message(format!("cannot use {}: {error}", dir.display()));
    for place in &places.stacks {
        let below = place.folder_in(dir);
        fs::create_dir_all(&below).map_err(failed)?;
        places.open(place)?.copy_to(&below)?;
        // The names of the new folders, up to one that was there before.
        let above = below.ancestors().skip(1);
        for folder in above.take_while(|folder| folder.starts_with(dir)) {
            OsFs.sync_dir(folder).map_err(failed)?;
        }
        out.text(shown_path(&below))?;
    }
    Ok(())
}
