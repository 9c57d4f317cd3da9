//! The names of a stack's refs: those that git refuses, and those that exclude each other.

use super::{Finding, Kind, Severity};
use crate::error::{Error, Result};
use crate::merged::MergedTable;
use crate::refname::{check_name, validate};

/// So many names are told: one wrong program may have written a million.
const MAX_FINDINGS: usize = 500;

/// Checks the refs that are there when everything deleted is left out. Errors of reading are
/// findings about the tables, which others tell.
pub(super) fn check(view: &MergedTable) -> Vec<Finding> {
    let mut findings = Vec::new();
    let _ = walk(view, &mut findings);
    findings
}

fn walk(view: &MergedTable, findings: &mut Vec<Finding>) -> Result<()> {
    // Each name begins with the one before; the last one is the last ref.
    let mut beginnings: Vec<Vec<u8>> = Vec::new();
    let mut refs = view.refs_from(b"")?;
    while let Some(record) = refs.next()? {
        let name = record.name;
        while beginnings
            .last()
            .is_some_and(|last| !name.starts_with(last))
        {
            beginnings.pop();
        }
        let is_folder = |last: &&Vec<u8>| name.get(last.len()) == Some(&b'/');
        if let Some(folder) = beginnings.iter().find(is_folder) {
            let folder = String::from_utf8_lossy(folder);
            let detail = format!("{} below {folder}", String::from_utf8_lossy(name));
            findings.push(about(
                view,
                name,
                Severity::Warning,
                Kind::NameConflict,
                detail,
            )?);
        }
        let severity = match validate(name) {
            Err(_) => Severity::Warning,
            Ok(()) => Severity::Note,
        };
        if let Err(Error::InvalidName { reason, .. }) = check_name(name) {
            let detail = format!("{:?}: {reason}", String::from_utf8_lossy(name));
            findings.push(about(view, name, severity, Kind::RefName, detail)?);
        }
        if findings.len() >= MAX_FINDINGS {
            return Ok(());
        }
        beginnings.push(name.to_vec());
    }
    Ok(())
}

/// A finding about a ref, with the table that has it.
fn about(
    view: &MergedTable,
    name: &[u8],
    severity: Severity,
    kind: Kind,
    detail: String,
) -> Result<Finding> {
    let mut file = "";
    for table in view.tables() {
        if table.read_ref(name, |_| ())?.is_some() {
            file = table.name();
        }
    }
    Ok(Finding::about(file, severity, kind, Some(detail)))
}
