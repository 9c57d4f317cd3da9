//! Refs by object id over a whole view.

use super::{View, is_per_worktree};
use crate::error::Result;
use crate::merged::MergedTable;
use crate::record::RefRecordBuf;
use std::collections::BTreeMap;

impl View {
    /// The refs that have the object `id`, or whose tag peels to it, in the order of names.
    ///
    /// Each table is asked by its object section where it has one, and what it answers is looked
    /// up in the whole view: a newer table may have moved the ref.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`](crate::Error::Corrupt), errors of the system, and
    /// [`Error::Misuse`](crate::Error::Misuse) for an id of another length than the hash has.
    pub fn pointing_at(&self, id: &[u8]) -> Result<Vec<RefRecordBuf>> {
        let mut found = BTreeMap::new();
        collect(&self.shared, id, &mut found)?;
        if let Some(worktree) = &self.worktree {
            found.retain(|name: &Vec<u8>, _| !is_per_worktree(name));
            let mut own = BTreeMap::new();
            collect(worktree, id, &mut own)?;
            found.extend(own.into_iter().filter(|(name, _)| is_per_worktree(name)));
        }
        Ok(found.into_values().collect())
    }
}

fn collect(
    view: &MergedTable,
    id: &[u8],
    found: &mut BTreeMap<Vec<u8>, RefRecordBuf>,
) -> Result<()> {
    for table in view.tables() {
        let mut hits = table.refs_for(id)?;
        while let Some(hit) = hits.next()? {
            if found.contains_key(hit.name) {
                continue;
            }
            let current = view.read_ref(hit.name, |record| {
                let has = record.value.ids().any(|found| found == id);
                has.then(|| record.to_buf())
            })?;
            if let Some(record) = current.flatten() {
                found.insert(record.name.clone(), record);
            }
        }
    }
    Ok(())
}
