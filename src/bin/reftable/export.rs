//! `reftable export`

use crate::args::{Export, ExportFormat};
use crate::failure::{Failure, NO};
use crate::out::{Out, shown};
use crate::target::Target;
use reftable::convert::{ExportReport, export_files, export_packed_refs, export_text};
use reftable::{Error, View};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

pub(crate) fn run(args: &Export, out: &mut Out) -> Result<u8, Failure> {
    let view = Target::open(&args.path)?.view()?;
    let report = match (&args.output, args.format) {
        (Some(dir), ExportFormat::Files) => {
            fs::create_dir(dir).map_err(|error| cannot(dir, &error))?;
            export_files(&view, dir)?
        }
        (Some(path), format) => {
            let file = File::create_new(path).map_err(|error| cannot(path, &error))?;
            write(&view, format, &mut BufWriter::new(file))?
        }
        (None, format) => write(&view, format, out).map_err(|failure| match failure {
            // A reader that goes away is no error of a file.
            Failure::Library(Error::Io { source, .. })
                if source.kind() == io::ErrorKind::BrokenPipe =>
            {
                Failure::Output(source)
            }
            other => other,
        })?,
    };
    let mut errors = io::stderr().lock();
    for name in &report.left_out {
        let _ = writeln!(errors, "left out: {}", shown(name));
    }
    for name in &report.case_conflicts {
        let _ = writeln!(
            errors,
            "differs from another ref in case only: {}",
            shown(name)
        );
    }
    match report.left_out.is_empty() {
        true => Ok(0),
        false => Ok(NO),
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("cannot create {}: {error}", path.display()))
}

fn write(view: &View, format: ExportFormat, out: &mut impl Write) -> Result<ExportReport, Failure> {
    Ok(match format {
        ExportFormat::Text => export_text(view, out)?,
        _ => export_packed_refs(view, out)?,
    })
}
