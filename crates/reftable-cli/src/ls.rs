//! `reftable ls`

use crate::args::Ls;
use crate::failure::Failure;
use crate::json;
use crate::out::Out;
use crate::target::Target;
use reftable::hex::{parse_hex, put_hex};
use reftable::{RefRecord, RefValue};
use std::io;
use std::ops::ControlFlow;

pub(crate) fn run(args: &Ls, out: &mut Out) -> Result<u8, Failure> {
    let view = Target::open(&args.path)?.view()?;
    let mut lines = Lines::default();
    let mut print = |record: &RefRecord<'_>| match args.json {
        true => out.json(&json::of_ref(record)),
        false => lines.print(record, args.peel, out),
    };
    if let Some(id) = &args.points_at {
        let id = parse_hex(id.as_bytes())
            .ok_or_else(|| Failure::message("the id is not hexadecimal"))?;
        if id.len() != view.hash().len() {
            let text = format!("an id has {} digits here", 2 * view.hash().len());
            return Err(Failure::message(text));
        }
        for record in view.pointing_at(&id)? {
            if record.name.starts_with(args.prefix.as_encoded_bytes()) {
                print(&record.as_record())?;
            }
        }
        return Ok(0);
    }
    let stopped = view.for_each(args.prefix.as_encoded_bytes(), |record| {
        match print(&record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    })?;
    match stopped {
        ControlFlow::Break(error) => Err(error.into()),
        ControlFlow::Continue(()) => Ok(0),
    }
}

/// Makes the lines; keeps its memory from line to line.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    digits: Vec<u8>,
}

impl Lines {
    /// Writes a ref as "ID NAME" or "ref: TARGET NAME".
    pub(crate) fn print(
        &mut self,
        record: &RefRecord<'_>,
        peel: bool,
        out: &mut Out,
    ) -> io::Result<()> {
        let (id, peeled) = match record.value {
            RefValue::Object(id) => (id, None),
            RefValue::Peeled { id, peeled } => (id, Some(peeled)),
            RefValue::Symref(target) => {
                return out.line(&[b"ref: ", target, b" ", record.name]);
            }
            RefValue::Deletion => return out.line(&[b"deleted ", record.name]),
        };
        self.digits.clear();
        put_hex(&mut self.digits, id);
        out.line(&[&self.digits, b" ", record.name])?;
        if let (Some(peeled), true) = (peeled, peel) {
            self.digits.clear();
            put_hex(&mut self.digits, peeled);
            out.line(&[&self.digits, b" ", record.name, b"^{}"])?;
        }
        Ok(())
    }
}
