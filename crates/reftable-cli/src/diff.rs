//! `reftable diff`

use crate::args::Diff;
use crate::failure::{Failure, NO};
use crate::json;
use crate::out::{Out, shown};
use crate::places::Places;
use crate::target::{Place, Target};
use reftable::hex::hex;
use reftable::record::RefValueBuf;
use reftable::view::RefChange;
use reftable::{HashId, MergedTable, View};
use serde_json::json;
use std::io::{self, Write};
use std::path::Path;

pub(crate) fn run(args: &Diff, out: &mut Out) -> Result<u8, Failure> {
    let mut old = Side::open(&args.old, args)?;
    if let Some(index) = args.since {
        return match old.stacks.first() {
            Some((_, view)) => since(args, view, index, out),
            None => Ok(0),
        };
    }
    let mut new = match &args.new {
        Some(path) => Side::open(path, args)?,
        None => return Err(Failure::message("nothing to compare with")),
    };
    if !(old.whole && new.whole) {
        // A table or a stack is compared with the stack that all worktrees share.
        old.stacks.truncate(1);
        new.stacks.truncate(1);
    }
    let mut names: Vec<Vec<u8>> = [&old, &new].into_iter().flat_map(Side::names).collect();
    names.sort();
    names.dedup();
    if names.len() > 1 {
        let mut errors = std::io::stderr().lock();
        for name in &names {
            let name = if name.is_empty() {
                b"main-worktree/"
            } else {
                name.as_slice()
            };
            let _ = writeln!(errors, "looked at {}", shown(name));
        }
    }
    let mut status = 0;
    for prefix in names {
        for change in new.view(&prefix)?.diff(&old.view(&prefix)?, b"")? {
            let mut change = change?;
            change.name.splice(0..0, prefix.iter().copied());
            if change.name.starts_with(args.prefix.as_encoded_bytes()) {
                print(&change, args.json, out)?;
                status = NO;
            }
        }
    }
    Ok(status)
}

/// One of the stores that are compared: its stacks, by what names of their refs begin with.
struct Side {
    stacks: Vec<(Vec<u8>, View)>,
    whole: bool,
}

impl Side {
    fn open(path: &Path, args: &Diff) -> Result<Side, Failure> {
        if let Place::File(path) = Place::of(path)? {
            return Ok(Side {
                stacks: vec![(Vec::new(), Target::open(&path)?.view()?)],
                whole: false,
            });
        }
        let places = Places::of(path, &args.which)?;
        let mut stacks = Vec::new();
        for place in &places.stacks {
            let prefix = match places.whole {
                true => place.prefix(),
                false => Vec::new(),
            };
            stacks.push((prefix, places.open(place)?.view()));
        }
        Ok(Side {
            stacks,
            whole: places.whole,
        })
    }

    fn names(&self) -> impl Iterator<Item = Vec<u8>> {
        self.stacks.iter().map(|(name, _)| name.clone())
    }

    /// The refs of one stack; none if there is no such stack.
    fn view(&self, name: &[u8]) -> Result<View, Failure> {
        match self.stacks.iter().find(|(found, _)| found == name) {
            Some((_, view)) => Ok(view.clone()),
            None => Ok(View::new(MergedTable::new(Vec::new(), self.hash())?)),
        }
    }

    fn hash(&self) -> HashId {
        let first = self.stacks.first();
        first.map_or(HashId::Sha1, |(_, view)| view.hash())
    }
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
