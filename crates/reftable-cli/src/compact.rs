//! `reftable compact`

use crate::args::Compact;
use crate::expiry::Expiry;
use crate::failure::Failure;
use crate::out::{Out, shown_path};
use crate::places::Places;
use crate::retry::retrying;
use reftable::Stack;

pub(crate) fn run(args: &Compact, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    let expiry = Expiry::of(args, places.repository.as_ref())?;
    for place in &places.stacks {
        let stack = places.open(place)?;
        let before = size(&stack);
        if args.all {
            retrying(&stack, || match &expiry {
                Some(expiry) => stack.compact_dropping(&|record| expiry.drops(record)),
                None => stack.compact_all(None),
            })?;
        } else {
            retrying(&stack, || stack.auto_compact())?;
        }
        let after = size(&stack);
        let dir = shown_path(&place.dir);
        let ((tables, bytes), (less_tables, less_bytes)) = (before, after);
        out.text(format_args!(
            "{dir}: {tables} tables, {bytes} bytes -> {less_tables} tables, {less_bytes} bytes"
        ))?;
    }
    Ok(0)
}

/// Number of tables, and their length in bytes.
fn size(stack: &Stack) -> (usize, u64) {
    let view = stack.merged();
    let bytes = view.tables().iter().map(|table| table.file_len()).sum();
    (view.tables().len(), bytes)
}
