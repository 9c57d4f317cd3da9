//! `reftable show`

use crate::args::Show;
use crate::failure::Failure;
use crate::json;
use crate::ls::Lines;
use crate::out::{Out, shown};
use crate::target::Target;
use reftable::View;
use reftable::hex::hex;

pub(crate) fn run(args: &Show, out: &mut Out) -> Result<u8, Failure> {
    let view = Target::open(&args.path)?.view()?;
    let name = full_name(&view, args.name.as_encoded_bytes(), |view, name| {
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
            let record = record.as_record();
            match args.json {
                true => out.json(&json::of_ref(&record))?,
                false => lines.print(&record, true, out)?,
            }
        }
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
