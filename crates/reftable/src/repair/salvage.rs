//! Reading as much as possible of a damaged table, and telling where records may be missing.

use super::blocks::Walk;
use super::intervals::Piece;
use super::order::in_order;
use super::origin::Origin;
use crate::error::Corruption;
use crate::format::key::split_log_key;
use crate::hash::HashId;
use crate::record::{LogRecordBuf, RefRecordBuf, RefValueBuf};
use bytes::Bytes;
use std::collections::BTreeSet;

/// Records may be missing between these two; `None` is the beginning or the end of the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) after: Option<Vec<u8>>,
    pub(super) before: Option<Vec<u8>>,
}

/// What could be read of a table.
#[derive(Clone, Debug)]
pub(super) struct Salvaged {
    pub(super) range: (u64, u64),
    pub(super) block_size: u32,
    /// In the order of a table, as are the logs.
    pub(super) refs: Vec<RefRecordBuf>,
    pub(super) logs: Vec<LogRecordBuf>,
    /// What is wrong, and where.
    pub(super) flaws: Vec<Corruption>,
    /// Where refs may be missing, by name.
    pub(super) ref_holes: Vec<Hole>,
    /// Where entries of reflogs may be missing: in the logs from the one name to the other, both
    /// included.
    pub(super) log_holes: Vec<Hole>,
    /// Refs of damaged blocks, and those whose ids the table's own object section does not have.
    pub(super) doubtful_refs: BTreeSet<Vec<u8>>,
    /// Names of reflogs with entries out of damaged blocks.
    pub(super) doubtful_logs: BTreeSet<Vec<u8>>,
}

/// Reads what can be read of the table with these bytes; `named` is the range of update indexes
/// that its name gives. An error says why nothing can.
pub(super) fn salvage(
    bytes: &Bytes,
    name: &str,
    hash: HashId,
    named: Option<(u64, u64)>,
) -> Result<Salvaged, String> {
    let origin = Origin::find(bytes, hash, named)?;
    let header = origin.header;
    if header.hash != hash {
        return Err(format!("its hash is {}, not {hash}", header.hash));
    }
    let mut walk = Walk::new(bytes, name, &origin);
    walk.run();
    let ids = walk.ids.filter(|ids| !ids.is_empty());
    let (refs, ref_holes, mut doubtful_refs) =
        flatten(in_order(walk.refs), &walk.last_ref, <[u8]>::to_vec);
    let name_of_log = |key: &[u8]| split_log_key(key).map_or(key, |(name, _)| name).to_vec();
    let (logs, log_holes, doubtful_logs) =
        flatten(in_order(walk.logs), &walk.last_log, name_of_log);
    doubtful_refs.extend(ids.map_or(Vec::new(), |ids| doubtful(&refs, &ids)));
    if refs.is_empty() && logs.is_empty() {
        return Err("no record can be read".to_owned());
    }
    Ok(Salvaged {
        range: (header.min_update_index, header.max_update_index),
        block_size: header.block_size,
        doubtful_refs,
        doubtful_logs,
        refs,
        logs,
        flaws: walk.losses,
        ref_holes,
        log_holes,
    })
}

/// All records, the holes between them, and the names of doubtful ones. `end` is the last key of the
/// section, if that is known: after it is no hole.
fn flatten<R>(
    pieces: Vec<Piece<R>>,
    end: &[u8],
    name: impl Fn(&[u8]) -> Vec<u8>,
) -> (Vec<R>, Vec<Hole>, BTreeSet<Vec<u8>>) {
    let mut all = Vec::new();
    let mut holes: Vec<Hole> = Vec::new();
    let mut doubtful = BTreeSet::new();
    let mut last = None;
    let mut is_end = false;
    let mut open = false;
    for piece in pieces {
        match piece {
            Piece::Hole => open = true,
            Piece::Stray(records) => {
                open = true;
                doubtful.extend(records.iter().map(|record| name(&record.key)));
                all.extend(records);
            }
            Piece::Interval {
                is_doubtful,
                records,
                ..
            } => {
                if let (true, Some(first)) = (open, records.first()) {
                    let before = Some(name(&first.key));
                    let after = last.take();
                    holes.push(Hole { after, before });
                }
                open = false;
                last = records.last().map(|record| name(&record.key));
                is_end = records.last().is_some_and(|record| record.key == end);
                let names = records.iter().filter(|_| is_doubtful);
                doubtful.extend(names.map(|record| name(&record.key)));
                all.extend(records);
            }
        }
    }
    if open && !is_end {
        let (after, before) = (last, None);
        holes.push(Hole { after, before });
    }
    // Strays may have keys that others have as well.
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all.dedup_by(|one, other| one.key == other.key);
    let records = all.into_iter().map(|keyed| keyed.record);
    (records.collect(), holes, doubtful)
}

/// The refs with an id that is not among those of the object section.
fn doubtful(refs: &[RefRecordBuf], ids: &BTreeSet<Vec<u8>>) -> Vec<Vec<u8>> {
    let len = ids.first().map_or(0, Vec::len);
    let is_known = |id: &Vec<u8>| id.get(..len).is_some_and(|short| ids.contains(short));
    let doubtful = refs.iter().filter(|record| match &record.value {
        RefValueBuf::Object(id) => !is_known(id),
        RefValueBuf::Peeled { id, peeled } => !is_known(id) || !is_known(peeled),
        RefValueBuf::Deletion | RefValueBuf::Symref(_) => false,
    });
    doubtful.map(|record| record.name.clone()).collect()
}
