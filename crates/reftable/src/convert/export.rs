//! Out of a view.

use super::reflog;
use crate::error::{Error, Result};
use crate::fs::file_name;
use crate::hex::put_hex;
use crate::record::{LogValue, RefRecord, RefValue};
use crate::refname::{check_name, check_target};
use crate::view::View;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExportReport {
    /// Refs written.
    pub refs: u64,
    /// Reflogs written.
    pub logs: u64,
    /// Refs that the form has no place for: symbolic ones, and those outside of `refs/`.
    pub left_out: Vec<Vec<u8>>,
    /// Refs and reflogs that were not written since git refuses their names or targets: in a line
    /// of text, one with a line break would be taken for two refs.
    pub refused: Vec<Vec<u8>>,
    /// Refs that differ from another one in the case of letters alone, which many file systems do
    /// not tell apart.
    pub case_conflicts: Vec<Vec<u8>>,
}

/// Gives all refs that git takes for refs to `write`, whose errors are about `path`; the names of
/// the others are put in the report.
fn each_ref(
    view: &View,
    path: &Path,
    report: &mut ExportReport,
    mut write: impl FnMut(&RefRecord<'_>, &mut ExportReport) -> io::Result<()>,
) -> Result<()> {
    let done = view.for_each(b"", |record| {
        if is_refused(&record) {
            report.refused.push(record.name.to_vec());
            return ControlFlow::Continue(());
        }
        match write(&record, report) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    })?;
    match done {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(Error::io("write", path)(error)),
    }
}

/// Whether git would refuse the ref's name or target.
fn is_refused(record: &RefRecord<'_>) -> bool {
    let target = match record.value {
        RefValue::Symref(target) => check_target(target),
        _ => Ok(()),
    };
    check_name(record.name).is_err() || target.is_err()
}

/// Writes the refs in the form of git's `packed-refs`, tags with what they peel to.
///
/// The form has no place for symbolic refs and root refs; the report names them.
///
/// # Errors
///
/// Those of [`View::find`], and [`Error::Io`] with the errors of `out`.
pub fn export_packed_refs(view: &View, mut out: impl Write) -> Result<ExportReport> {
    let path = Path::new("packed-refs");
    let mut report = ExportReport::default();
    // As in git's own stacks, what is stored without a peeled object is no tag.
    out.write_all(b"# pack-refs with: peeled fully-peeled sorted \n")
        .map_err(Error::io("write", path))?;
    let mut line = Vec::new();
    each_ref(view, path, &mut report, |record, report| {
        line.clear();
        match record.value {
            RefValue::Object(id) | RefValue::Peeled { id, .. }
                if record.name.starts_with(b"refs/") =>
            {
                put_hex(&mut line, id);
            }
            _ => {
                report.left_out.push(record.name.to_vec());
                return Ok(());
            }
        }
        line.push(b' ');
        line.extend_from_slice(record.name);
        line.push(b'\n');
        if let RefValue::Peeled { peeled, .. } = record.value {
            line.push(b'^');
            put_hex(&mut line, peeled);
            line.push(b'\n');
        }
        report.refs += 1;
        out.write_all(&line)
    })?;
    out.flush().map_err(Error::io("write", path))?;
    Ok(report)
}

/// Writes the refs as lines "ID NAME", "ID NAME^{}" for what a tag peels to, and
/// "ref: TARGET NAME". [`import_text`](super::import_text) reads them again.
///
/// # Errors
///
/// As [`export_packed_refs`].
pub fn export_text(view: &View, mut out: impl Write) -> Result<ExportReport> {
    let path = Path::new("refs");
    let mut report = ExportReport::default();
    let mut line = Vec::new();
    each_ref(view, path, &mut report, |record, report| {
        line.clear();
        match record.value {
            RefValue::Object(id) | RefValue::Peeled { id, .. } => put_hex(&mut line, id),
            RefValue::Symref(target) => {
                line.extend_from_slice(b"ref: ");
                line.extend_from_slice(target);
            }
            RefValue::Deletion => return Ok(()),
        }
        line.push(b' ');
        line.extend_from_slice(record.name);
        line.push(b'\n');
        if let RefValue::Peeled { peeled, .. } = record.value {
            put_hex(&mut line, peeled);
            line.push(b' ');
            line.extend_from_slice(record.name);
            line.extend_from_slice(b"^{}\n");
        }
        report.refs += 1;
        out.write_all(&line)
    })?;
    out.flush().map_err(Error::io("write", path))?;
    Ok(report)
}

/// Writes refs and reflogs into `dir` as a git directory has them: `packed-refs`, symbolic and
/// root refs as files, and `logs/`. The folder must exist; files in it are not replaced.
///
/// # Errors
///
/// As [`export_packed_refs`].
pub fn export_files(view: &View, dir: &Path) -> Result<ExportReport> {
    let report = export_packed_refs(view, create(&dir.join("packed-refs"))?)?;
    export_rest(view, dir, report)
}

/// [`export_files`] for the directory of a linked worktree in a git directory: all its refs become
/// files, since git reads no `packed-refs` there.
///
/// # Errors
///
/// As [`export_packed_refs`].
pub fn export_worktree_files(view: &View, dir: &Path) -> Result<ExportReport> {
    let mut report = ExportReport::default();
    each_ref(view, dir, &mut report, |record, report| {
        report.left_out.push(record.name.to_vec());
        Ok(())
    })?;
    export_rest(view, dir, report)
}

/// Writes what the report says to be left out as files, and the reflogs.
fn export_rest(view: &View, dir: &Path, mut report: ExportReport) -> Result<ExportReport> {
    for name in std::mem::take(&mut report.left_out) {
        let line = view.find_with(&name, |record| {
            let mut line = Vec::new();
            match record.value {
                RefValue::Symref(target) => {
                    line.extend_from_slice(b"ref: ");
                    line.extend_from_slice(target);
                }
                RefValue::Object(id) | RefValue::Peeled { id, .. } => put_hex(&mut line, id),
                RefValue::Deletion => {}
            }
            line.push(b'\n');
            line
        })?;
        let path = place(dir, &name)?;
        let mut file = create(&path)?;
        let line = line.unwrap_or_default();
        file.write_all(&line)
            .and_then(|()| file.flush())
            .map_err(Error::io("write", path))?;
        report.refs += 1;
    }
    export_logs(view, dir, &mut report)?;
    let mut seen = HashSet::new();
    let _ = view.for_each(b"", |record| {
        if !seen.insert(record.name.to_ascii_lowercase()) {
            report.case_conflicts.push(record.name.to_vec());
        }
        ControlFlow::<()>::Continue(())
    })?;
    Ok(report)
}

fn export_logs(view: &View, dir: &Path, report: &mut ExportReport) -> Result<()> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    let _ = view.for_each_log(|record| {
        if names.last().is_none_or(|last| last != record.name) && !record.is_deletion() {
            names.push(record.name.to_vec());
        }
        ControlFlow::<()>::Continue(())
    })?;
    for name in names {
        if check_name(&name).is_err() {
            report.refused.push(name);
            continue;
        }
        let path = place(&dir.join("logs"), &name)?;
        let mut lines = Vec::new();
        for record in view.reflog(&name)?.oldest_first()? {
            if let LogValue::Update(entry) = record.as_record().value {
                reflog::put(&mut lines, &entry);
            }
        }
        let mut file = create(&path)?;
        file.write_all(&lines)
            .and_then(|()| file.flush())
            .map_err(Error::io("write", path))?;
        report.logs += 1;
    }
    Ok(())
}

/// The path of a ref's file; makes the folders it is in. Names that could leave `dir` are refused.
fn place(dir: &Path, name: &[u8]) -> Result<PathBuf> {
    crate::refname::validate(name)?;
    let mut path = dir.to_path_buf();
    path.push(file_name(name).ok_or_else(|| Error::InvalidName {
        name: name.to_vec(),
        reason: "not UTF-8, which file names must be here",
    })?);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    }
    Ok(path)
}

fn create(path: &Path) -> Result<BufWriter<File>> {
    let file = File::create_new(path).map_err(Error::io("create", path))?;
    Ok(BufWriter::new(file))
}
