//! `reftable verify`

use crate::args::Verify;
use crate::failure::{DAMAGED, Failure, NO};
use crate::json;
use crate::out::{Out, shown_path};
use crate::owners::{identity, users_of};
use crate::places::{Places, StackPlace};
use crate::target::Place;
use indicatif::{ProgressBar, ProgressStyle};
use reftable::table::FileSource;
use reftable::verify::{Finding, Kind, Severity, verify_stack_with, verify_table};
use serde_json::json;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// How often, and after what pauses, a stack that others change is looked at again.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// A file at one moment.
type SeenFile = ((u64, u64), Option<SystemTime>);

pub(crate) fn run(args: &Verify, out: &mut Out) -> Result<u8, Failure> {
    let mut worst = None;
    for path in &args.paths {
        if let Place::File(path) = Place::of(path)? {
            let failed =
                |error| Failure::message(format!("cannot open {}: {error}", path.display()));
            let source = Arc::new(FileSource::open(&path).map_err(failed)?);
            let name = path.file_name().unwrap_or(path.as_os_str());
            let dir = path.parent().unwrap_or(Path::new(""));
            for finding in verify_table(source, &name.to_string_lossy()) {
                worst = worst.max(Some(finding.severity));
                print(&finding, dir, args.json, out)?;
            }
            continue;
        }
        let places = Places::of(path, &args.which)?;
        if !args.quiet {
            places.tell(1);
        }
        for place in &places.stacks {
            let bar = progress_bar(args.quiet || args.json);
            let findings = look(&places, place, &bar);
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

/// What is found in a stack. What only shows that somebody is writing now is no more than a note.
fn look(places: &Places, place: &StackPlace, bar: &ProgressBar) -> Vec<Finding> {
    let check = || {
        verify_stack_with(&place.dir, &places.options, |name, done, all| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(name.to_owned());
        })
    };
    let mut findings = check();
    let is_passing = |finding: &Finding| {
        matches!(
            finding.kind,
            Kind::Lock | Kind::StrayFile | Kind::StrayTable
        )
    };
    for _ in 0..LOOKS {
        if !findings.iter().any(is_passing) {
            return findings;
        }
        if users_of(&place.dir).is_ok_and(|users| !users.known.is_empty()) {
            for finding in findings.iter_mut().filter(|finding| is_passing(finding)) {
                finding.severity = Severity::Note;
            }
            return findings;
        }
        // Nobody is at it now. What is a left-over is the same file the next time too.
        let files = files_of(&findings, &place.dir);
        std::thread::sleep(PAUSE);
        findings = check();
        if files_of(&findings, &place.dir) == files {
            break;
        }
    }
    findings
}

/// The files that findings are about, to be known again.
fn files_of(findings: &[Finding], dir: &Path) -> Vec<(String, Option<SeenFile>)> {
    let file = |finding: &Finding| {
        let metadata = fs::symlink_metadata(dir.join(&finding.file)).ok();
        let seen = metadata.map(|metadata| (identity(&metadata), metadata.modified().ok()));
        (finding.file.clone(), seen)
    };
    findings.iter().map(file).collect()
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
            "git": finding.kind.git_id(),
            "description": finding.kind.description(),
            "detail": finding.detail,
        }));
    }
    let severity = out.paint(color, severity);
    let text = dir.join(finding.to_string());
    out.text(format_args!("{severity}: {}", shown_path(&text)))
}
