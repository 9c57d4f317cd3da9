//! `reftable hash`
//!
//! What is digested can be read in one way only: every name, value and text has its length before
//! it.

use crate::args::Hash;
use crate::failure::Failure;
use crate::out::Out;
use crate::places::Places;
use crate::target::{Place, Target};
use reftable::hex::hex;
use reftable::{LogUpdate, LogValue, RefValue, View};
use sha2::{Digest, Sha256};
use std::ops::ControlFlow;

/// What the digest begins with, so that those of other rules are never taken for equal.
const VERSION: &str = "v2";

pub(crate) fn run(args: &Hash, out: &mut Out) -> Result<u8, Failure> {
    let mut digest = Digester(Sha256::new());
    if let Place::File(path) = Place::of(&args.path)? {
        digest.stack(b"", &Target::open(&path)?.view()?, args.logs)?;
    } else {
        let places = Places::of(&args.path, &args.which)?;
        places.tell(2);
        for place in &places.stacks {
            let view = places.open(place)?.view();
            digest.stack(&place.prefix(), &view, args.logs)?;
        }
    }
    out.text(format_args!("{VERSION}:{}", hex(&digest.0.finalize())))?;
    Ok(0)
}

struct Digester(Sha256);

impl Digester {
    fn text(&mut self, text: &[u8]) {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
    }

    fn kind(&mut self, kind: u8) {
        self.0.update([kind]);
    }

    fn stack(&mut self, name: &[u8], view: &View, logs: bool) -> Result<(), Failure> {
        self.kind(b'S');
        self.text(name);
        let _ = view.for_each(b"", |record| {
            let (kind, value) = match record.value {
                RefValue::Symref(target) => (b'T', target),
                RefValue::Object(id) | RefValue::Peeled { id, .. } => (b'R', id),
                RefValue::Deletion => return ControlFlow::<()>::Continue(()),
            };
            self.kind(kind);
            self.text(record.name);
            self.text(value);
            ControlFlow::Continue(())
        })?;
        match logs {
            true => self.logs(view),
            false => Ok(()),
        }
    }

    fn logs(&mut self, view: &View) -> Result<(), Failure> {
        let mut last = Vec::new();
        let _ = view.for_each_log(|record| {
            let LogValue::Update(entry) = &record.value else {
                return ControlFlow::<()>::Continue(());
            };
            if last != record.name {
                last = record.name.to_vec();
                self.kind(b'L');
                self.text(record.name);
            }
            // The mark of an empty reflog has told already that there is one.
            if !entry.is_marker() {
                self.entry(entry);
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    fn entry(&mut self, entry: &LogUpdate<'_>) {
        self.kind(b'E');
        self.text(entry.old_id);
        self.text(entry.new_id);
        self.text(entry.name);
        self.text(entry.email);
        self.0.update(entry.time.to_be_bytes());
        self.0.update(entry.tz_offset.to_be_bytes());
        // Writers differ in whether they store the end of the line.
        self.text(entry.message.strip_suffix(b"\n").unwrap_or(entry.message));
    }
}
