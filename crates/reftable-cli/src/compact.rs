//! `reftable compact`

use crate::args::Compact;
use crate::failure::Failure;
use crate::out::{Out, shown_path};
use crate::places::Places;
use crate::retry::retrying;
use reftable::{LogExpiry, Stack};

pub(crate) fn run(args: &Compact, out: &mut Out) -> Result<u8, Failure> {
    let places = Places::of(&args.path, &args.which)?;
    for place in &places.stacks {
        let stack = places.open(place)?;
        let before = size(&stack);
        if args.all {
            let expires = args.expire_before.is_some() || args.expire_below.is_some();
            let expiry = LogExpiry {
                time: args.expire_before.unwrap_or_default(),
                min_update_index: args.expire_below.unwrap_or_default(),
            };
            retrying(&stack, || stack.compact_all(expires.then_some(expiry)))?;
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
