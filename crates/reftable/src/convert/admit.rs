//! Which refs an import takes: the others are told, one by one, and stop nothing.

use super::import::ImportReport;
use crate::error::{Error, Result};
use crate::record::{RefRecord, RefValueBuf};
use crate::refname::{check_name, check_target};
use crate::table::TableWriter;

/// Looks at refs in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Admission {
    /// Each begins with the one before; the last one is the last ref taken.
    beginnings: Vec<Vec<u8>>,
}

impl Admission {
    /// Whether a ref is taken; if not, why.
    pub(super) fn check(
        &mut self,
        name: &[u8],
        value: &RefValueBuf,
    ) -> std::result::Result<(), String> {
        fault(name, value).map_or(Ok(()), Err)?;
        while self
            .beginnings
            .last()
            .is_some_and(|last| !name.starts_with(last))
        {
            self.beginnings.pop();
        }
        let is_folder = |last: &&Vec<u8>| name.get(last.len()) == Some(&b'/');
        if let Some(folder) = self.beginnings.iter().find(is_folder) {
            return Err(format!("below the ref {}", String::from_utf8_lossy(folder)));
        }
        self.beginnings.push(name.to_vec());
        Ok(())
    }

    /// Writes a ref if it can be taken, and tells if it cannot, or if git would complain of it.
    pub(super) fn write(
        &mut self,
        writer: &mut TableWriter<'_>,
        update_index: u64,
        (name, value): (&[u8], &RefValueBuf),
        report: &mut ImportReport,
    ) -> Result<()> {
        if let Err(reason) = self.check(name, value) {
            report.refuse(name, &reason);
            return Ok(());
        }
        let record = RefRecord {
            name,
            update_index,
            value: value.as_value(),
        };
        match writer.add_ref(&record) {
            Err(Error::TooLarge { limit, .. }) => {
                report.refuse(name, &format!("larger than a block of {limit} bytes"));
                self.beginnings.pop();
                return Ok(());
            }
            result => result?,
        }
        report.refs += 1;
        if let (b"HEAD", RefValueBuf::Symref(target)) = (name, value) {
            if !target.starts_with(b"refs/heads/") {
                let target = String::from_utf8_lossy(target);
                report.warnings.push(format!(
                    "HEAD points to no branch: {target} (badHeadTarget)"
                ));
            }
        }
        Ok(())
    }
}

/// What git would refuse about a ref, with the id of git's message.
fn fault(name: &[u8], value: &RefValueBuf) -> Option<String> {
    if let Err(Error::InvalidName { reason, .. }) = check_name(name) {
        return Some(format!("{reason} (badRefName)"));
    }
    match value {
        RefValueBuf::Object(id) | RefValueBuf::Peeled { id, .. } => {
            let is_zero = id.iter().all(|&byte| byte == 0);
            is_zero.then(|| "id of nothing but zeros (badRefOid)".to_owned())
        }
        RefValueBuf::Symref(target) => {
            let target_text = String::from_utf8_lossy(target);
            let bad = check_target(target).is_err();
            bad.then(|| format!("leads to {target_text}, which can be no ref (badReferentName)"))
        }
        RefValueBuf::Deletion => None,
    }
}
