//! The folder of a stack: the list, every table in it, and what lies beside them.

use super::{Finding, Kind, Severity, names, verify_table};
use crate::error::{Defect, Error};
use crate::merged::MergedTable;
use crate::stack::StackOptions;
use crate::stack::file_name::{LOCK_SUFFIX, is_other_table, is_table_name, is_temporary_name};
use crate::stack::list::{LIST, LIST_LIMIT, parse};
use crate::table::Table;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// How often a stack is looked at whose list is replaced meanwhile.
const MAX_LOOKS: u32 = 100;

/// Checks a stack: its list, each table it names, their order, and the other files in the folder.
///
/// Of `options`, the hash and the file system count. Nothing is locked, so what other processes
/// change meanwhile may show: a lock or a table not yet listed is no more than a warning for that
/// reason. If the list is replaced meanwhile, all is looked at again. A folder that does not exist
/// is an empty stack, unless the options require a list.
pub fn verify_stack(dir: impl AsRef<Path>, options: &StackOptions) -> Vec<Finding> {
    verify_stack_with(dir, options, |_, _, _| ())
}

/// [`verify_stack`] that tells how far it is: calls `progress` before each table, with the table's
/// name, the number of tables done, and that of all.
pub fn verify_stack_with(
    dir: impl AsRef<Path>,
    options: &StackOptions,
    mut progress: impl FnMut(&str, usize, usize),
) -> Vec<Finding> {
    let dir = dir.as_ref();
    let mut looks = 1;
    loop {
        let list = options.fs.read(&dir.join(LIST), LIST_LIMIT).ok();
        let mut check = Check {
            dir,
            options,
            findings: Vec::new(),
        };
        if let Some(names) = check.list() {
            check.tables(&names, &mut progress);
            check.other_files(&names);
        }
        let is_sound = |finding: &Finding| finding.severity < Severity::Warning;
        if check.findings.iter().all(is_sound) || looks >= MAX_LOOKS {
            return check.findings;
        }
        // Somebody who replaces the list removes what it named: then this is no damage.
        if options.fs.read(&dir.join(LIST), LIST_LIMIT).ok() == list {
            return check.findings;
        }
        looks += 1;
    }
}

struct Check<'a> {
    dir: &'a Path,
    options: &'a StackOptions,
    findings: Vec<Finding>,
}

impl Check<'_> {
    fn found(&mut self, file: &str, severity: Severity, kind: Kind, detail: Option<String>) {
        self.findings
            .push(Finding::about(file, severity, kind, detail));
    }

    /// The names in the list; `None` if it cannot be read.
    fn list(&mut self) -> Option<Vec<String>> {
        let bytes = match self.options.fs.read(&self.dir.join(LIST), LIST_LIMIT) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.options.list_required {
                    let detail = "the stack has gone".to_owned();
                    self.found(LIST, Severity::Error, Kind::NotFound, Some(detail));
                }
                Vec::new()
            }
            Err(error) => {
                let kind = match error.kind() {
                    io::ErrorKind::FileTooLarge => Kind::Defect(Defect::BadTablesList),
                    _ => Kind::IoError,
                };
                self.found(LIST, Severity::Error, kind, Some(error.to_string()));
                return None;
            }
        };
        if bytes.last().is_some_and(|byte| *byte != b'\n') {
            // Some versions of git then read no table at all.
            self.found(LIST, Severity::Error, Kind::NoFinalNewline, None);
        }
        match parse(&bytes) {
            Ok(names) => Some(names),
            Err(error) => {
                self.findings.push(Finding::error(LIST, &error));
                None
            }
        }
    }

    /// Each listed table, and its range against that of the table before.
    fn tables(&mut self, listed: &[String], progress: &mut impl FnMut(&str, usize, usize)) {
        let mut last_max = None;
        let mut tables = Vec::new();
        for (done, name) in listed.iter().enumerate() {
            progress(name, done, listed.len());
            let Some(table) = self.table(name, listed) else {
                continue;
            };
            let (min, max) = (table.min_update_index(), table.max_update_index());
            if last_max.is_some_and(|last| min <= last) {
                let detail = format!("{min} to {max} after {}", last_max.unwrap_or_default());
                self.found(
                    name,
                    Severity::Warning,
                    Kind::UpdateIndexRange,
                    Some(detail),
                );
            }
            last_max = last_max.max(Some(max));
            tables.push(Arc::new(table));
        }
        // With a table missing, what it deleted would seem to be there.
        if tables.len() == listed.len() {
            if let Ok(view) = MergedTable::new(tables, self.options.write.hash) {
                self.findings.extend(names::check(&view.hiding_deletions()));
            }
        }
    }

    /// Checks one table; gives it if it can be opened.
    fn table(&mut self, name: &str, listed: &[String]) -> Option<Table> {
        if !is_table_name(name) {
            self.found(name, Severity::Note, Kind::TableName, None);
        }
        let path = self.dir.join(name);
        let source = match self.options.fs.open(&path) {
            Ok(source) => source,
            Err(error) => {
                let error = match error.kind() {
                    io::ErrorKind::NotFound => Error::NotFound { path },
                    _ => Error::io("open", path)(error),
                };
                self.findings.push(Finding::error(name, &error));
                return None;
            }
        };
        self.findings.extend(verify_table(source.clone(), name));
        let table = Table::open(source, name).ok()?;
        let range = (table.min_update_index(), table.max_update_index());
        if is_other_table(name, range, listed) {
            let detail = format!("it has {} to {}", range.0, range.1);
            let kind = Kind::OtherTable;
            self.found(name, Severity::Error, kind, Some(detail));
        }
        let (expected, found) = (self.options.write.hash, table.hash());
        if found != expected {
            let detail = format!("{found} instead of {expected}");
            self.found(name, Severity::Error, Kind::HashMismatch, Some(detail));
        }
        Some(table)
    }

    /// Locks and left-overs. Files of other programs are their own business.
    fn other_files(&mut self, listed: &[String]) {
        let entries = match self.options.fs.entries(self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let detail = Some(error.to_string());
                return self.found(".", Severity::Error, Kind::IoError, detail);
            }
        };
        let mut names: Vec<String> = entries
            .iter()
            .map(|entry| entry.to_string_lossy().into_owned())
            .collect();
        names.sort();
        for name in names {
            let kind = if is_lock_name(&name) {
                Kind::Lock
            } else if is_temporary_name(&name) {
                Kind::StrayFile
            } else if is_table_file(&name) && !listed.contains(&name) {
                Kind::StrayTable
            } else {
                continue;
            };
            let age = self.age(&name);
            self.found(&name, Severity::Warning, kind, age);
        }
    }

    /// How long ago a file was written.
    fn age(&self, name: &str) -> Option<String> {
        let modified = self.options.fs.modified(&self.dir.join(name)).ok()?;
        let age = SystemTime::now().duration_since(modified).ok()?;
        Some(format!("written {} s ago", age.as_secs()))
    }
}

fn is_lock_name(name: &str) -> bool {
    name.strip_suffix(LOCK_SUFFIX)
        .is_some_and(|locked| locked == LIST || is_table_file(locked))
}

/// Whether some writer gives tables such names: JGit ends those without refs with `.log`.
fn is_table_file(name: &str) -> bool {
    let stem = name
        .strip_suffix(".ref")
        .or_else(|| name.strip_suffix(".log"));
    stem.is_some_and(|stem| !stem.is_empty())
}
