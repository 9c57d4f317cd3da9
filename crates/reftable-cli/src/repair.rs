//! `reftable repair`

use crate::args::{Repair, Unlock, Which};
use crate::failure::{DAMAGED, Failure};
use crate::out::Out;
use crate::places::stacks;
use crate::unlock;
use reftable::repair::{Outcome, RepairReport, repair_stack};
use std::io;
use std::path::Path;

pub(crate) fn run(args: &Repair, out: &mut Out) -> Result<u8, Failure> {
    let (places, options) = stacks(&args.path)?;
    let mut status = 0;
    for place in places {
        let locks = Unlock {
            path: place.dir.clone(),
            force: args.force,
            dry_run: args.dry_run,
            older_than: unlock::LEAST_AGE,
            which: Which::default(),
        };
        unlock::unlock(&place.dir, &locks, out)?;
        let report = repair_stack(&place.dir, &options, args.dry_run)?;
        print(&report, &place.dir, out)?;
        if args.dry_run && !report.is_sound() {
            status = DAMAGED;
        }
    }
    Ok(status)
}

fn print(report: &RepairReport, dir: &Path, out: &mut Out) -> io::Result<()> {
    let dir = dir.display();
    if report.is_sound() {
        return out.text(format_args!("{dir}: nothing to repair"));
    }
    if let Some(reason) = &report.list_rebuilt {
        out.text(format_args!("{dir}: list made anew: {reason}"))?;
    }
    for table in &report.tables {
        let name = &table.name;
        match &table.outcome {
            Outcome::Sound => out.text(format_args!("{dir}/{name}: kept"))?,
            Outcome::Adopted => out.text(format_args!("{dir}/{name}: taken in, was not listed"))?,
            Outcome::Missing => {
                out.text(format_args!("{dir}/{name}: missing, what it had is lost"))?
            }
            Outcome::Unusable(reason) => out.text(format_args!("{dir}/{name}: lost: {reason}"))?,
            Outcome::Salvaged { refs, logs, losses } => {
                out.text(format_args!(
                    "{dir}/{name}: damaged, {refs} refs and {logs} log entries could be read"
                ))?;
                for loss in losses {
                    out.text(format_args!("  {loss}"))?;
                }
            }
            other => out.text(format_args!("{dir}/{name}: {other:?}"))?,
        }
    }
    match &report.kept_aside {
        Some(aside) => out.text(format_args!(
            "{dir}: repaired, old state in {}",
            aside.display()
        )),
        None => out.text(format_args!("{dir}: not changed")),
    }
}
