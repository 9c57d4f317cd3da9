//! `reftable diff`

use crate::args::Diff;
use crate::failure::{Failure, NO};
use crate::json;
use crate::out::{Out, shown};
use crate::target::Target;
use reftable::View;
use reftable::hex::hex;
use reftable::record::RefValueBuf;
use reftable::view::RefChange;
use serde_json::json;
use std::io;

pub(crate) fn run(args: &Diff, out: &mut Out) -> Result<u8, Failure> {
    let old = Target::open(&args.old)?.view()?;
    if let Some(index) = args.since {
        return since(args, &old, index, out);
    }
    let new = match &args.new {
        Some(path) => Target::open(path)?.view()?,
        None => return Err(Failure::message("nothing to compare with")),
    };
    let mut status = 0;
    for change in new.diff(&old, args.prefix.as_encoded_bytes())? {
        print(&change?, args.json, out)?;
        status = NO;
    }
    Ok(status)
}

/// Refs and log entries above an update index.
fn since(args: &Diff, view: &View, index: u64, out: &mut Out) -> Result<u8, Failure> {
    let changes = view.changes_since(index)?;
    let mut status = 0;
    for record in &changes.refs {
        if !record.name.starts_with(args.prefix.as_encoded_bytes()) {
            continue;
        }
        status = NO;
        match (args.json, &record.value) {
            (true, _) => out.json(&json::of_ref(&record.as_record()))?,
            (false, RefValueBuf::Deletion) => out.line(&[b"- ", &record.name])?,
            (false, value) => out.line(&[b"+ ", describe(value).as_bytes(), b" ", &record.name])?,
        }
    }
    for record in &changes.logs {
        if args.json && record.name.starts_with(args.prefix.as_encoded_bytes()) {
            status = NO;
            out.json(&json::of_log(&record.as_record()))?;
        }
    }
    Ok(status)
}

/// Prints a change.
pub(crate) fn print(change: &RefChange, as_json: bool, out: &mut Out) -> io::Result<()> {
    let name = change.name.as_slice();
    if as_json {
        return out.json(&json!({
            "name": json::text(name),
            "old": change.old.as_ref().map(json::of_value_buf),
            "new": change.new.as_ref().map(json::of_value_buf),
        }));
    }
    let line = match (&change.old, &change.new) {
        (Some(old), Some(new)) => {
            let text = format!("~ {} {} {}", describe(old), describe(new), shown(name));
            out.paint(33, &text)
        }
        (Some(old), None) => out.paint(31, &format!("- {} {}", describe(old), shown(name))),
        (None, Some(new)) => out.paint(32, &format!("+ {} {}", describe(new), shown(name))),
        (None, None) => return Ok(()),
    };
    out.text(line)
}

fn describe(value: &RefValueBuf) -> String {
    match value {
        RefValueBuf::Deletion => "deleted".to_owned(),
        RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. } => hex(id),
        RefValueBuf::Symref(target) => format!("ref:{}", shown(target)),
    }
}
