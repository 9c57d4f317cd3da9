//! `reftable verify`

use crate::args::Verify;
use crate::failure::{DAMAGED, Failure, NO};
use crate::json;
use crate::out::Out;
use crate::target::{Place, stacks};
use indicatif::{ProgressBar, ProgressStyle};
use reftable::table::FileSource;
use reftable::verify::{Finding, Severity, verify_stack_with, verify_table};
use serde_json::json;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &Verify, out: &mut Out) -> Result<u8, Failure> {
    let mut worst = None;
    for path in &args.paths {
        if let Place::File(path) = Place::of(path) {
            let failed =
                |error| Failure::message(format!("cannot open {}: {error}", path.display()));
            let source = Arc::new(FileSource::open(&path).map_err(failed)?);
            let name = path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy();
            let dir = path.parent().unwrap_or(Path::new("."));
            for finding in verify_table(source, &name) {
                worst = worst.max(Some(finding.severity));
                print(&finding, dir, args.json, out)?;
            }
            continue;
        }
        let (places, options) = stacks(path)?;
        for place in places {
            let bar = progress_bar(args.quiet || args.json);
            let findings = verify_stack_with(&place.dir, &options, |name, done, all| {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
                bar.set_message(name.to_owned());
            });
            bar.finish_and_clear();
            for finding in findings {
                worst = worst.max(Some(finding.severity));
                print(&finding, &place.dir, args.json, out)?;
            }
        }
    }
    Ok(match worst {
        Some(Severity::Error) => DAMAGED,
        Some(Severity::Warning) => NO,
        _ => 0,
    })
}

/// Shows itself on standard error if that is a terminal.
fn progress_bar(hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} tables {msg}") {
        bar.set_style(style);
    }
    bar
}

fn print(finding: &Finding, dir: &Path, as_json: bool, out: &mut Out) -> io::Result<()> {
    let (severity, color) = match finding.severity {
        Severity::Note => ("note", 36),
        Severity::Warning => ("warning", 33),
        Severity::Error => ("error", 31),
    };
    if as_json {
        return out.json(&json!({
            "severity": severity,
            "folder": json::text(dir.as_os_str().as_encoded_bytes()),
            "file": finding.file,
            "offset": finding.offset,
            "kind": finding.kind.name(),
            "description": finding.kind.description(),
            "detail": finding.detail,
        }));
    }
    let severity = out.paint(color, severity);
    out.text(format_args!("{severity}: {}/{finding}", dir.display()))
}
