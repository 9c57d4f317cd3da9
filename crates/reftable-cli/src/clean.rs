//! `reftable clean`

use crate::args::Clean;
use crate::failure::Failure;
use crate::out::{Out, shown_path};
use crate::places::Places;
use crate::retry::retrying;

pub(crate) fn run(args: &Clean, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    for place in &places.stacks {
        let stack = places.open(place)?;
        let mut removed = Vec::new();
        let result = retrying(&stack, || {
            stack.clean_with(|name| removed.push(place.dir.join(name)))
        });
        for path in removed {
            out.text(format_args!("removed {}", shown_path(&path)))?;
        }
        result?;
    }
    Ok(0)
}
