//! `reftable watch`

use crate::args::Watch;
use crate::diff;
use crate::failure::Failure;
use crate::out::Out;
use crate::target::Target;
use reftable::view::RefChange;
use std::time::Duration;

pub(crate) fn run(args: &Watch, out: &mut Out) -> Result<u8, Failure> {
    let target = Target::open(&args.path)?;
    let mut view = target.view()?;
    let mut left = args.count;
    while left != Some(0) {
        // Reading the list again is all that happens if nothing has changed.
        if !target.reload()? {
            std::thread::sleep(Duration::from_millis(args.interval.max(1)));
            continue;
        }
        let new = target.view()?;
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
