//! `reftable export`

use crate::args::{Export, ExportFormat};
use crate::failure::{Failure, NO};
use crate::out::{Out, shown};
use crate::places::Places;
use crate::target::{Place, Target};
use indicatif::{ProgressBar, ProgressStyle};
use reftable::convert::{
    ExportReport, export_files, export_packed_refs, export_text, export_worktree_files,
};
use reftable::{Error, View};
use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;

/// A writer that shows how much it has written.
struct Counted<W> {
    inner: W,
    bar: ProgressBar,
}

impl<W> Counted<W> {
    fn new(inner: W, bar: &ProgressBar) -> Counted<W> {
        let bar = bar.clone();
        Counted { inner, bar }
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.bar.inc(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Shows itself on standard error if that is a terminal, and the refs do not go there.
fn progress_bar(args: &Export) -> ProgressBar {
    let in_the_way = args.output.is_none() && io::stdout().is_terminal();
    if args.quiet || in_the_way {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bytes}") {
        bar.set_style(style);
    }
    bar
}

pub(crate) fn run(args: &Export, out: &mut Out) -> Result<u8, Failure> {
    if let (Some(dir), ExportFormat::Files) = (&args.output, args.format) {
        return files(args, dir);
    }
    let view = view(args)?;
    let bar = progress_bar(args);
    let report = match (&args.output, args.format) {
        (Some(path), format) => {
            let file = File::create_new(path).map_err(|error| cannot(path, &error))?;
            write(&view, format, &mut BufWriter::new(Counted::new(file, &bar)))?
        }
        (None, format) => {
            write(&view, format, &mut Counted::new(out, &bar)).map_err(|failure| match failure {
                // A reader that goes away is no error of a file.
                Failure::Library(Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::BrokenPipe =>
                {
                    Failure::Output(source)
                }
                other => other,
            })?
        }
    };
    bar.finish_and_clear();
    Ok(tell(&report, b""))
}

/// The refs that one file is to have: those that the path sees, or of the stack asked for.
fn view(args: &Export) -> Result<View, Failure> {
    if let Place::File(_) = Place::of(&args.path)? {
        return Target::open(&args.path)?.view();
    }
    let places = Places::of(&args.path, &args.which)?;
    if let (Some(_), Some(place)) = (&args.which.stack, places.stacks.first()) {
        return Ok(places.open(place)?.view());
    }
    for place in places
        .stacks
        .iter()
        .filter(|place| place.worktree.is_some())
    {
        let name = shown(&place.prefix());
        let _ = writeln!(io::stderr(), "left out: {name} (no place in this form)");
    }
    Target::open(&args.path)?.view()
}

/// Writes a folder laid out like a git directory, with those of linked worktrees in it.
fn files(args: &Export, dir: &Path) -> Result<u8, Failure> {
    let create = |dir: &Path| fs::create_dir_all(dir).map_err(|error| cannot(dir, &error));
    let mut stacks = Vec::new();
    if let Place::File(_) = Place::of(&args.path)? {
        stacks.push((
            Vec::new(),
            dir.to_path_buf(),
            Target::open(&args.path)?.view()?,
        ));
    } else {
        let places = Places::of(&args.path, &args.which)?;
        places.tell(2);
        for place in &places.stacks {
            let below = place.folder_in(dir).parent().unwrap_or(dir).to_path_buf();
            let view = places.open(place)?.view();
            match places.whole {
                true => stacks.push((place.prefix(), below, view)),
                false => stacks.push((Vec::new(), dir.to_path_buf(), view)),
            }
        }
    }
    fs::create_dir(dir).map_err(|error| cannot(dir, &error))?;
    let mut status = 0;
    for (prefix, below, view) in stacks {
        create(&below)?;
        let report = match prefix.is_empty() {
            true => export_files(&view, &below)?,
            false => export_worktree_files(&view, &below)?,
        };
        status = tell(&report, &prefix).max(status);
    }
    Ok(status)
}

/// Tells what was not written; the exit status. Names begin with `prefix`.
fn tell(report: &ExportReport, prefix: &[u8]) -> u8 {
    let shown = |name: &[u8]| shown(&[prefix, name].concat());
    let mut errors = io::stderr().lock();
    for name in &report.left_out {
        let _ = writeln!(errors, "left out: {} (no place in this form)", shown(name));
    }
    for name in &report.refused {
        let _ = writeln!(errors, "left out: {} (git refuses it)", shown(name));
    }
    for name in &report.case_conflicts {
        let _ = writeln!(
            errors,
            "differs from another ref in case only: {}",
            shown(name)
        );
    }
    match report.refused.is_empty() {
        true => 0,
        false => NO,
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
