//! `reftable dump`

use crate::args::Dump;
use crate::failure::Failure;
use crate::json;
use crate::log::put_raw;
use crate::out::{Out, shown};
use crate::places::Places;
use crate::target::Place;
use reftable::hex::hex;
use reftable::inspect::{BlockInfo, Content, Part, RecordInfo, walk};
use reftable::{LogRecord, LogValue, RefRecord, RefValue, Table};
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;

pub(crate) fn run(args: &Dump, out: &mut Out) -> Result<u8, Failure> {
    if let Place::File(path) = Place::of(&args.path)? {
        dump(&Arc::new(Table::open_file(path)?), args, out)?;
        return Ok(0);
    }
    let places = Places::of(&args.path, &args.which)?;
    for place in &places.stacks {
        let stack = places.open(place)?;
        for table in stack.merged().tables() {
            dump(table, args, out)?;
        }
    }
    Ok(0)
}

fn dump(table: &Arc<Table>, args: &Dump, out: &mut Out) -> Result<(), Failure> {
    head(table, args.json, out)?;
    let mut written = Ok(());
    walk(table, |part| {
        if written.is_err() {
            return;
        }
        written = match (part, args.json) {
            (Part::Block(block), true) => out.json(&block_json(&block)),
            (Part::Block(block), false) => block_text(&block, out),
            (Part::Record(_), _) if args.blocks => Ok(()),
            (Part::Record(record), true) => out.json(&record_json(&record)),
            (Part::Record(record), false) => record_text(&record, out),
        };
    })?;
    Ok(written?)
}

fn head(table: &Table, as_json: bool, out: &mut Out) -> io::Result<()> {
    if as_json {
        return out.json(&json!({
            "table": json::text(table.name().as_bytes()),
            "bytes": table.file_len(),
            "version": table.version(),
            "hash": table.hash().to_string(),
            "block_size": table.block_size(),
            "min_update_index": table.min_update_index(),
            "max_update_index": table.max_update_index(),
        }));
    }
    out.text(format_args!(
        "table {}: {} bytes, version {}, {}, block size {}, update indexes {} to {}",
        shown(table.name().as_bytes()),
        table.file_len(),
        table.version(),
        table.hash(),
        table.block_size(),
        table.min_update_index(),
        table.max_update_index()
    ))
}

fn block_json(block: &BlockInfo) -> Value {
    json!({
        "block": block.kind.name(),
        "section": block.section.name(),
        "level": block.level,
        "offset": block.position,
        "bytes": block.stored_len,
        "inflated_bytes": block.len,
        "padding": block.padding,
        "restarts": block.restarts,
    })
}

fn block_text(block: &BlockInfo, out: &mut Out) -> io::Result<()> {
    let kind = match block.level {
        0 => block.kind.name().to_owned(),
        level => format!("{} index, level {level}", block.section.name()),
    };
    out.text(format_args!(
        "block {} ({kind}): {} bytes, {} inflated, {} padding, {} restarts",
        block.position, block.stored_len, block.len, block.padding, block.restarts
    ))
}

fn record_json(record: &RecordInfo<'_>) -> Value {
    let content = match &record.content {
        Content::Ref(found) => json::of_ref(found),
        Content::Log(found) => json::of_log(found),
        Content::Object { id, blocks } => json!({ "object": hex(id), "blocks": blocks }),
        Content::Index { last_key, block } => {
            json!({ "last_key": json::text(last_key), "block": block })
        }
        _ => Value::Null,
    };
    json!({ "offset": record.offset, "restart": record.is_restart, "record": content })
}

fn record_text(record: &RecordInfo<'_>, out: &mut Out) -> io::Result<()> {
    let mark = if record.is_restart { '*' } else { ' ' };
    let text = match &record.content {
        Content::Ref(found) => ref_text(found),
        Content::Log(found) => log_text(found),
        Content::Object { id, blocks } if blocks.is_empty() => format!("{} anywhere", hex(id)),
        Content::Object { id, blocks } => format!("{} in {blocks:?}", hex(id)),
        Content::Index { last_key, block } => format!("{} in {block}", shown(last_key)),
        _ => String::new(),
    };
    out.text(format_args!(" {mark}{:>8} {text}", record.offset))
}

fn ref_text(found: &RefRecord<'_>) -> String {
    let value = match found.value {
        RefValue::Deletion => "deleted".to_owned(),
        RefValue::Object(id) => hex(id),
        RefValue::Peeled { id, peeled } => format!("{} peeled {}", hex(id), hex(peeled)),
        RefValue::Symref(target) => format!("ref: {}", shown(target)),
    };
    format!("{} @{} {value}", shown(found.name), found.update_index)
}

fn log_text(found: &LogRecord<'_>) -> String {
    let value = match &found.value {
        LogValue::Deletion => "deleted".to_owned(),
        LogValue::Update(entry) => {
            let mut line = Vec::new();
            put_raw(&mut line, entry);
            shown(&line)
        }
    };
    format!("{} @{} {value}", shown(found.name), found.update_index)
}
