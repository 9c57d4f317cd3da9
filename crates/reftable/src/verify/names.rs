//! The refs of a stack as git sees them: names that git refuses, names that exclude each other, and
//! values that lead nowhere.

use super::{Finding, Kind, Severity};
use crate::error::{Error, Result};
use crate::merged::MergedTable;
use crate::record::{RefRecord, RefValue};
use crate::refname::{check_name, check_target};

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
        if let Err(Error::InvalidName { reason, .. }) = check_name(name) {
            // git passes such a ref over.
            let detail = format!("{:?}: {reason}", String::from_utf8_lossy(name));
            findings.push(about(view, name, Severity::Error, Kind::RefName, detail)?);
        }
        for (severity, kind, detail) in value_faults(&record) {
            findings.push(about(view, name, severity, kind, detail)?);
        }
        if findings.len() >= MAX_FINDINGS {
            return Ok(());
        }
        beginnings.push(name.to_vec());
    }
    Ok(())
}

/// What git reports about the value of a ref.
fn value_faults(record: &RefRecord<'_>) -> Vec<(Severity, Kind, String)> {
    let name = String::from_utf8_lossy(record.name);
    let mut faults = Vec::new();
    match record.value {
        RefValue::Object(id) | RefValue::Peeled { id, .. } => {
            if id.iter().all(|&byte| byte == 0) {
                faults.push((Severity::Error, Kind::BadRefOid, format!("{name:?}")));
            }
        }
        RefValue::Symref(target) => {
            let detail = format!("{name:?} points to {:?}", String::from_utf8_lossy(target));
            if record.name == b"HEAD" && !target.starts_with(b"refs/heads/") {
                faults.push((Severity::Error, Kind::BadHeadTarget, detail.clone()));
            }
            if check_target(target).is_err() {
                faults.push((Severity::Error, Kind::BadReferentName, detail));
            } else if is_outside(target) {
                faults.push((Severity::Note, Kind::SymrefTargetIsNotARef, detail));
            }
        }
        RefValue::Deletion => {}
    }
    faults
}

fn is_outside(target: &[u8]) -> bool {
    target.contains(&b'/') && !target.starts_with(b"refs/") && !target.starts_with(b"worktrees/")
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
