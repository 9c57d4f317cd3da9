//! `reftable hash`

use crate::args::Hash;
use crate::failure::Failure;
use crate::log::put_raw;
use crate::out::Out;
use crate::target::Target;
use reftable::hex::{hex, put_hex};
use reftable::{LogValue, RefValue};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;

pub(crate) fn run(args: &Hash, out: &mut Out) -> Result<u8, Failure> {
    let view = Target::open(&args.path)?.view()?;
    let mut digest = Sha256::new();
    let mut line = Vec::new();
    let _ = view.for_each(b"", |record| {
        line.clear();
        match record.value {
            RefValue::Symref(target) => {
                line.extend_from_slice(b"ref: ");
                line.extend_from_slice(target);
            }
            RefValue::Object(id) | RefValue::Peeled { id, .. } => put_hex(&mut line, id),
            RefValue::Deletion => return ControlFlow::<()>::Continue(()),
        }
        line.push(b' ');
        line.extend_from_slice(record.name);
        line.push(b'\n');
        digest.update(&line);
        ControlFlow::Continue(())
    })?;
    if args.logs {
        let _ = view.for_each_log(|record| {
            if let LogValue::Update(entry) = &record.value {
                line.clear();
                line.extend_from_slice(record.name);
                line.push(b' ');
                put_raw(&mut line, entry);
                line.push(b'\n');
                digest.update(&line);
            }
            ControlFlow::<()>::Continue(())
        })?;
    }
    out.text(hex(&digest.finalize()))?;
    Ok(0)
}
