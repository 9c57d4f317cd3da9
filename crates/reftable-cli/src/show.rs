//! `reftable show`

use crate::args::Show;
use crate::failure::Failure;
use crate::json;
use crate::lookup::Lookup;
use crate::ls::Lines;
use crate::out::{Out, shown};
use crate::target::Target;
use reftable::hex::hex;
use reftable::{RefRecord, View};
use serde_json::json;

pub(crate) fn run(args: &Show, out: &mut Out) -> Result<u8, Failure> {
    let target = Target::open(&args.path)?;
    let lookup = Lookup::of(&target, args.name.as_encoded_bytes())?;
    if let Target::Repository(repository) = &target {
        if let Some(id) = repository.pseudo_ref(args.name.as_encoded_bytes())? {
            return pseudo_ref(&id, args, out);
        }
    }
    let view = &lookup.view;
    let name = full_name(view, &lookup.name, |view, name| {
        Ok(view.find(name)?.is_some())
    })?;
    let name = name.ok_or_else(|| {
        Failure::no(format!(
            "no such ref: {}",
            shown(args.name.as_encoded_bytes())
        ))
    })?;
    let resolved = view.resolve(&name)?;
    if args.id {
        let id = resolved.id().ok_or_else(|| {
            let end = String::from_utf8_lossy(resolved.name()).into_owned();
            Failure::no(format!(
                "{} leads to {end}, which does not exist",
                shown(args.name.as_encoded_bytes())
            ))
        })?;
        out.text(hex(id))?;
        return Ok(0);
    }
    let mut lines = Lines::default();
    for name in &resolved.names {
        // The last one may not exist.
        if let Some(record) = view.find(name)? {
            let name = lookup.seen(&record.name);
            let record = RefRecord {
                name: &name,
                ..record.as_record()
            };
            match args.json {
                true => out.json(&json::of_ref(&record))?,
                false => lines.print(&record, true, out)?,
            }
        }
    }
    Ok(0)
}

/// Prints what a file of git's own says.
fn pseudo_ref(id: &[u8], args: &Show, out: &mut Out) -> Result<u8, Failure> {
    let name = args.name.as_encoded_bytes();
    let digits = hex(id);
    if args.json {
        out.json(&json!({ "name": json::text(name), "id": digits }))?;
    } else if args.id {
        out.text(digits)?;
    } else {
        out.line(&[digits.as_bytes(), b" ", name])?;
    }
    Ok(0)
}

/// The name that git would take a short one for.
pub(crate) fn full_name(
    view: &View,
    name: &[u8],
    exists: impl Fn(&View, &[u8]) -> Result<bool, reftable::Error>,
) -> Result<Option<Vec<u8>>, Failure> {
    let folders: [&[u8]; 5] = [
        b"",
        b"refs/",
        b"refs/tags/",
        b"refs/heads/",
        b"refs/remotes/",
    ];
    for folder in folders {
        let full = [folder, name].concat();
        if exists(view, &full)? {
            return Ok(Some(full));
        }
    }
    let remote_head = [b"refs/remotes/", name, b"/HEAD"].concat();
    Ok(exists(view, &remote_head)?.then_some(remote_head))
}
