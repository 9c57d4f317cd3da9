//! `reftable import`

use crate::args::{Import, ObjectFormat};
use crate::failure::{Failure, NO};
use crate::out::{Out, shown, shown_path};
use crate::places::StackPlace;
use crate::target::options;
use indicatif::{ProgressBar, ProgressStyle};
use reftable::convert::{ImportReport, import_files, import_text};
use reftable::repository::{RefStorage, is_gitfile};
use reftable::{HashId, Stack};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Records between two looks at the progress bar.
const STEP: u64 = 1000;

pub(crate) fn run(args: &Import, out: &mut Out) -> Result<u8, Failure> {
    // A pipe is a text too.
    let is_folder = |path: &Path| path.is_dir() || is_gitfile(path) || !path.exists();
    let is_text = args.source == Path::new("-") || !is_folder(&args.source);
    let storage = match is_text {
        true => None,
        false => Some(files_storage(&args.source)?),
    };
    let failed = |error| cannot_use(&args.dir, &error);
    fs::create_dir_all(&args.dir).map_err(failed)?;
    if fs::read_dir(&args.dir).map_err(failed)?.next().is_some() {
        let text = format!("{} is not empty", args.dir.display());
        return Err(Failure::message(text));
    }
    match storage {
        None => from_text(args, out),
        Some(storage) => from_files(args, &storage, out),
    }
}

fn cannot_use(path: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("cannot use {}: {error}", path.display()))
}

/// The repository at `path`, whose refs must be files.
fn files_storage(path: &Path) -> Result<RefStorage, Failure> {
    let storage = RefStorage::of(path)?;
    match &*storage.format {
        "files" => Ok(storage),
        _ => Err(Failure::message(format!(
            "refs of {} are no files",
            path.display()
        ))),
    }
}

fn from_text(args: &Import, out: &mut Out) -> Result<u8, Failure> {
    let hash = match args.object_format {
        ObjectFormat::Sha1 => HashId::Sha1,
        ObjectFormat::Sha256 => HashId::Sha256,
    };
    let (name, input): (_, Box<dyn BufRead>) = if args.source == Path::new("-") {
        ("standard input".into(), Box::new(io::stdin().lock()))
    } else {
        let file = File::open(&args.source);
        let file = file.map_err(|error| cannot_use(&args.source, &error))?;
        (
            args.source.to_string_lossy(),
            Box::new(BufReader::new(file)),
        )
    };
    let stack = make_stack(&args.dir, None, hash)?;
    let bar = progress_bar(args.quiet);
    let report = import_text(input, &name, &stack, |done| show(&bar, done))?;
    bar.finish_and_clear();
    finish(&report, stack.dir(), out)
}

/// Moves the bar now and then.
fn show(bar: &ProgressBar, done: u64) {
    if done % STEP == 0 {
        bar.set_position(done);
    }
}

fn from_files(args: &Import, storage: &RefStorage, out: &mut Out) -> Result<u8, Failure> {
    let common = &storage.common_dir;
    let mut status = 0;
    for (worktree, git_dir) in git_dirs(common).map_err(|error| cannot_use(common, &error))? {
        let stack = make_stack(&args.dir, worktree, storage.hash)?;
        let bar = progress_bar(args.quiet);
        let report = import_files(&git_dir, common, &stack, |done| show(&bar, done))?;
        bar.finish_and_clear();
        status = finish(&report, stack.dir(), out)?.max(status);
    }
    Ok(status)
}

/// Prints what was done; the exit status.
fn finish(report: &ImportReport, dir: &Path, out: &mut Out) -> Result<u8, Failure> {
    for problem in &report.problems {
        out.text(format_args!(
            "not taken over: {}",
            shown(problem.as_bytes())
        ))?;
    }
    for warning in &report.warnings {
        out.text(format_args!("taken over: {}", shown(warning.as_bytes())))?;
    }
    let (refs, logs, entries) = (report.refs, report.logs, report.log_entries);
    let dir = shown_path(dir);
    out.text(format_args!(
        "{dir}: {refs} refs, {logs} reflogs of {entries} entries"
    ))?;
    Ok(
        match report.problems.is_empty() && report.warnings.is_empty() {
            true => 0,
            false => NO,
        },
    )
}

/// The git directory and those of linked worktrees with their names.
fn git_dirs(common: &Path) -> io::Result<Vec<(Option<OsString>, PathBuf)>> {
    let mut dirs = vec![(None, common.to_path_buf())];
    match fs::read_dir(common.join("worktrees")) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry?;
                dirs.push((Some(entry.file_name()), entry.path()));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    dirs.sort();
    Ok(dirs)
}

fn make_stack(dir: &Path, worktree: Option<OsString>, hash: HashId) -> Result<Stack, Failure> {
    let dir = StackPlace {
        worktree,
        dir: PathBuf::new(),
    }
    .folder_in(dir);
    let failed = |error| Failure::message(format!("cannot create {}: {error}", dir.display()));
    fs::create_dir_all(&dir).map_err(failed)?;
    let mut options = options();
    options.write.hash = hash;
    Ok(Stack::open(&dir, options)?)
}

/// Shows itself on standard error if that is a terminal.
fn progress_bar(hidden: bool) -> ProgressBar {
    if hidden {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} records") {
        bar.set_style(style);
    }
    bar
}
