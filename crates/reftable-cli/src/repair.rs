//! `reftable repair`

use crate::args::{Repair, Unlock, Which};
use crate::failure::{DAMAGED, Failure, NO};
use crate::json;
use crate::out::{Out, shown};
use crate::places::Places;
use crate::unlock;
use reftable::repair::{
    Keys, Loss, LossKind, Outcome, Part, RepairOptions, RepairReport, TableReport, repair_stack,
};
use serde_json::{Value, json};
use std::io;
use std::path::Path;

pub(crate) fn run(args: &Repair, out: &mut Out) -> Result<u8, Failure> {
    let Places {
        stacks, options, ..
    } = Places::all(&args.path)?;
    let mut status = 0;
    for place in stacks {
        let locks = Unlock {
            path: place.dir.clone(),
            force: args.force,
            dry_run: args.dry_run,
            older_than: unlock::LEAST_AGE,
            which: Which::default(),
        };
        unlock::unlock(&place.dir, &locks, out)?;
        let mut wishes = RepairOptions::default();
        wishes.dry_run = args.dry_run;
        wishes.take_unlisted = args.take_unlisted;
        let report = repair_stack(&place.dir, &options, wishes)?;
        match args.json {
            true => print_json(&report, &place.dir, out)?,
            false => print(&report, &place.dir, out)?,
        }
        status = status.max(status_of(&report, args.dry_run));
    }
    Ok(status)
}

fn status_of(report: &RepairReport, dry_run: bool) -> u8 {
    match report.worst_loss() {
        Some(LossKind::Lost) => DAMAGED,
        _ if dry_run && !report.is_sound() => DAMAGED,
        Some(_) => NO,
        None => 0,
    }
}

fn print(report: &RepairReport, dir: &Path, out: &mut Out) -> io::Result<()> {
    let dir = shown(dir.as_os_str().as_encoded_bytes());
    for flaw in &report.list_flaws {
        out.text(format_args!("{dir}/tables.list: {flaw}"))?;
    }
    if report.list_rebuilt {
        out.text(format_args!("{dir}/tables.list: made anew from the tables"))?;
    }
    for table in &report.tables {
        if report.is_sound() && table.outcome == Outcome::Sound {
            continue;
        }
        let name = shown(table.name.as_bytes());
        out.text(format_args!("{dir}/{name}: {}", describe(&table.outcome)))?;
        if let Outcome::Salvaged { losses, .. } = &table.outcome {
            for loss in losses {
                out.text(format_args!("  {loss}"))?;
            }
        }
    }
    for loss in &report.losses {
        out.text(describe_loss(loss))?;
    }
    for path in &report.kept_aside {
        let path = shown(path.as_os_str().as_encoded_bytes());
        out.text(format_args!("kept: {path}"))?;
    }
    match (report.is_sound(), report.is_changed) {
        (true, _) => out.text(format_args!("{dir}: nothing to repair")),
        (false, true) => out.text(format_args!("{dir}: repaired")),
        (false, false) => out.text(format_args!("{dir}: not changed")),
    }
}

fn describe(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sound => "kept".to_owned(),
        Outcome::Matched(line) => format!("kept, its line of the list was damaged: {line}"),
        Outcome::Adopted(replaced) if replaced.is_empty() => "taken in, was not listed".to_owned(),
        Outcome::Adopted(replaced) => {
            format!("taken in, has what was in {}", replaced.join(", "))
        }
        Outcome::Replaced(name) => format!("{name} has its records"),
        Outcome::Salvaged { refs, logs, .. } => {
            format!("damaged, {refs} refs and {logs} log entries could be read")
        }
        Outcome::Uncertain { from, refs, logs } => {
            format!("missing; {refs} refs and {logs} log entries of {from} may be what it had")
        }
        Outcome::Missing => "missing".to_owned(),
        Outcome::Unusable(reason) => format!("of no use: {reason}"),
        Outcome::NotTaken(reason) => format!("not taken: {reason}"),
        other => format!("{other:?}"),
    }
}

/// One sentence about a loss.
fn describe_loss(loss: &Loss) -> String {
    let table = shown(loss.table.as_bytes());
    let named = |name: &Option<Vec<u8>>| name.as_deref().map(shown);
    let what = match &loss.keys {
        Keys::Name(name) => shown(name),
        Keys::Between { after, before } => match (named(after), named(before)) {
            (None, None) => "any name".to_owned(),
            (Some(after), None) => format!("names after {after}"),
            (None, Some(before)) => format!("names before {before}"),
            (Some(after), Some(before)) => format!("names between {after} and {before}"),
        },
    };
    let part = match loss.part {
        Part::Refs => "refs",
        Part::Logs => "reflogs",
    };
    let indexes = match loss.update_indexes {
        Some((min, max)) if min == max => format!(", update index {min}"),
        Some((min, max)) => format!(", update indexes {min} to {max}"),
        None => String::new(),
    };
    let kind = match (loss.kind, loss.part) {
        (LossKind::Lost, Part::Refs) => "lost or older",
        (LossKind::Lost, Part::Logs) => "entries lost",
        (LossKind::PossiblyDeleted, Part::Refs) => "not there, possibly deleted",
        (LossKind::PossiblyDeleted, Part::Logs) => "entries not there, possibly deleted",
        (LossKind::Uncertain, _) => "uncertain",
        (LossKind::NotTaken, _) => "not taken, possibly never committed",
        _ => "in doubt",
    };
    format!("{part}: {what}: {kind} ({table}{indexes})")
}

fn print_json(report: &RepairReport, dir: &Path, out: &mut Out) -> io::Result<()> {
    let folder = json::text(dir.as_os_str().as_encoded_bytes());
    for table in &report.tables {
        out.json(&json_of_table(&folder, table))?;
    }
    for loss in &report.losses {
        out.json(&json_of_loss(&folder, loss))?;
    }
    let paths = report.kept_aside.iter();
    let kept: Vec<Value> = paths
        .map(|path| json::text(path.as_os_str().as_encoded_bytes()))
        .collect();
    out.json(&json!({
        "folder": folder,
        "sound": report.is_sound(),
        "changed": report.is_changed,
        "list_flaws": report.list_flaws,
        "list_rebuilt": report.list_rebuilt,
        "kept_aside": kept,
    }))
}

fn json_of_table(folder: &Value, table: &TableReport) -> Value {
    let (outcome, more) = match &table.outcome {
        Outcome::Sound => ("sound", json!({})),
        Outcome::Matched(line) => ("matched", json!({ "line": line })),
        Outcome::Adopted(replaced) => ("adopted", json!({ "replaces": replaced })),
        Outcome::Replaced(name) => ("replaced", json!({ "by": name })),
        Outcome::Salvaged { refs, logs, losses } => {
            let flaws: Vec<String> = losses.iter().map(ToString::to_string).collect();
            (
                "salvaged",
                json!({ "refs": refs, "log_entries": logs, "flaws": flaws }),
            )
        }
        Outcome::Uncertain { from, refs, logs } => (
            "uncertain",
            json!({ "from": from, "refs": refs, "log_entries": logs }),
        ),
        Outcome::Missing => ("missing", json!({})),
        Outcome::Unusable(reason) => ("unusable", json!({ "reason": reason })),
        Outcome::NotTaken(reason) => ("not taken", json!({ "reason": reason })),
        other => ("other", json!({ "reason": format!("{other:?}") })),
    };
    let mut value = json!({ "folder": folder, "table": table.name, "outcome": outcome });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(more);
    }
    value
}

fn json_of_loss(folder: &Value, loss: &Loss) -> Value {
    let kind = match loss.kind {
        LossKind::Lost => "lost",
        LossKind::PossiblyDeleted => "possibly deleted",
        LossKind::Uncertain => "uncertain",
        LossKind::NotTaken => "not taken",
        _ => "other",
    };
    let part = match loss.part {
        Part::Refs => "refs",
        Part::Logs => "reflogs",
    };
    let text = |name: &Option<Vec<u8>>| name.as_deref().map(json::text);
    let keys = match &loss.keys {
        Keys::Name(name) => json!({ "name": json::text(name) }),
        Keys::Between { after, before } => {
            json!({ "after": text(after), "before": text(before) })
        }
    };
    let indexes = loss.update_indexes.map(|(min, max)| json!([min, max]));
    let mut value = json!({
        "folder": folder,
        "loss": kind,
        "part": part,
        "table": loss.table,
        "update_indexes": indexes,
    });
    if let (Value::Object(value), Value::Object(keys)) = (&mut value, keys) {
        value.extend(keys);
    }
    value
}
