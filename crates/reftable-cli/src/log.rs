//! `reftable log`

use crate::args::Log;
use crate::failure::Failure;
use crate::json;
use crate::lookup::Lookup;
use crate::out::{Out, shown};
use crate::show::full_name;
use crate::target::Target;
use reftable::hex::{hex, put_hex};
use reftable::{LogRecord, LogUpdate, LogValue, View};
use std::io;

/// How many digits of an id are shown where it is abbreviated.
const SHORT: usize = 7;

pub(crate) fn run(args: &Log, out: &mut Out) -> Result<u8, Failure> {
    let target = Target::open(&args.path)?;
    let lookup = Lookup::of(&target, args.name.as_encoded_bytes())?;
    let view = &lookup.view;
    let name = full_name(view, &lookup.name, View::has_reflog)?;
    let name = name.ok_or_else(|| {
        Failure::no(format!(
            "no reflog of {}",
            shown(args.name.as_encoded_bytes())
        ))
    })?;
    let limit = args.max_count.unwrap_or(usize::MAX);
    let newest = view.reflog(&name)?;
    if args.oldest_first {
        let entries = newest.oldest_first()?;
        let last = entries.len();
        for (number, record) in entries.enumerate().take(limit) {
            print(&record.as_record(), last - 1 - number, args, out)?;
        }
        return Ok(0);
    }
    for (number, record) in newest.enumerate().take(limit) {
        print(&record?.as_record(), number, args, out)?;
    }
    Ok(0)
}

/// Prints an entry; `number` counts from the newest one.
fn print(record: &LogRecord<'_>, number: usize, args: &Log, out: &mut Out) -> io::Result<()> {
    if args.json {
        return out.json(&json::of_log(record));
    }
    let LogValue::Update(entry) = &record.value else {
        return Ok(());
    };
    if args.raw {
        let mut line = Vec::new();
        put_raw(&mut line, entry);
        return out.raw_line(&line);
    }
    let id = hex(entry.new_id);
    let id = out.paint(33, id.get(..SHORT).unwrap_or(&id));
    let message = shown(entry.message.trim_ascii_end());
    out.text(format_args!(
        "{id} {}@{{{number}}}: {message}",
        shown(args.name.as_encoded_bytes())
    ))
}

/// Appends an entry as git's files have it, without a line end.
pub(crate) fn put_raw(line: &mut Vec<u8>, entry: &LogUpdate<'_>) {
    put_hex(line, entry.old_id);
    line.push(b' ');
    put_hex(line, entry.new_id);
    line.push(b' ');
    put_flat(line, entry.name);
    line.extend_from_slice(b" <");
    put_flat(line, entry.email);
    let (sign, zone) = match entry.tz_offset {
        minus if minus < 0 => ('-', minus.unsigned_abs()),
        plus => ('+', plus.unsigned_abs()),
    };
    line.extend_from_slice(format!("> {} {sign}{zone:04}\t", entry.time).as_bytes());
    put_flat(
        line,
        entry.message.strip_suffix(b"\n").unwrap_or(entry.message),
    );
}

/// Appends a text in one line: line breaks become blanks, as in git's files.
fn put_flat(line: &mut Vec<u8>, text: &[u8]) {
    line.extend(text.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    }));
}
