//! Reading whole tables and views into owned records.

use reftable::record::{LogRecordBuf, RefRecordBuf, RefValueBuf};
use reftable::table::MemorySource;
use reftable::{MergedTable, Result, Table};
use std::sync::Arc;

/// No iterator of a test's table gives so many records: beyond this it is endless.
const MANY: usize = 3_000_000;

pub fn open(bytes: &[u8]) -> Result<Arc<Table>> {
    let source = Arc::new(MemorySource::new(bytes.to_vec()));
    Table::open(source, "table.ref").map(Arc::new)
}

macro_rules! drain {
    ($iter:expr) => {{
        let mut iter = $iter;
        let mut records = Vec::new();
        loop {
            match iter.next() {
                Ok(Some(record)) => records.push(record.to_buf()),
                Ok(None) => {
                    assert!(matches!(iter.next(), Ok(None)), "the end is not the end");
                    break Ok(records);
                }
                Err(error) => {
                    let again = iter.next().map(|_| ()).expect_err("an error is forgotten");
                    assert_eq!(
                        again.defect(),
                        error.defect(),
                        "another error at the second call"
                    );
                    break Err(error);
                }
            }
            assert!(records.len() < MANY, "endless iterator");
        }
    }};
}

pub fn refs(table: &Arc<Table>) -> Result<Vec<RefRecordBuf>> {
    refs_from(table, b"")
}

pub fn refs_from(table: &Arc<Table>, name: &[u8]) -> Result<Vec<RefRecordBuf>> {
    drain!(table.refs_from(name)?)
}

pub fn logs(table: &Arc<Table>) -> Result<Vec<LogRecordBuf>> {
    drain!(table.logs_from(b"", u64::MAX)?)
}

pub fn refs_for(table: &Arc<Table>, id: &[u8]) -> Result<Vec<RefRecordBuf>> {
    drain!(table.refs_for(id)?)
}

pub fn read_ref(table: &Table, name: &[u8]) -> Result<Option<RefRecordBuf>> {
    table.read_ref(name, |record| record.to_buf())
}

/// The record of exactly this name and update index.
pub fn read_log(
    table: &Arc<Table>,
    name: &[u8],
    update_index: u64,
) -> Result<Option<LogRecordBuf>> {
    let mut iter = table.logs_from(name, update_index)?;
    let found = iter.next()?.map(|record| record.to_buf());
    Ok(found.filter(|log| log.name == name && log.update_index == update_index))
}

pub fn merged_refs(view: &MergedTable) -> Result<Vec<RefRecordBuf>> {
    merged_refs_from(view, b"")
}

pub fn merged_refs_from(view: &MergedTable, name: &[u8]) -> Result<Vec<RefRecordBuf>> {
    drain!(view.refs_from(name)?)
}

pub fn merged_logs(view: &MergedTable) -> Result<Vec<LogRecordBuf>> {
    merged_logs_from(view, b"", u64::MAX)
}

pub fn merged_logs_from(
    view: &MergedTable,
    name: &[u8],
    update_index: u64,
) -> Result<Vec<LogRecordBuf>> {
    drain!(view.logs_from(name, update_index)?)
}

/// Whether the ref has `id` as its value or peeled value.
pub fn points_at(record: &RefRecordBuf, wanted: &[u8]) -> bool {
    match &record.value {
        RefValueBuf::Object(id) => id == wanted,
        RefValueBuf::Peeled { id, peeled } => id == wanted || peeled == wanted,
        RefValueBuf::Deletion | RefValueBuf::Symref(_) => false,
    }
}

/// The ids that a ref mentions.
pub fn ids(record: &RefRecordBuf) -> Vec<&[u8]> {
    match &record.value {
        RefValueBuf::Object(id) => vec![id],
        RefValueBuf::Peeled { id, peeled } => vec![id, peeled],
        RefValueBuf::Deletion | RefValueBuf::Symref(_) => Vec::new(),
    }
}

/// Checks that a table holds exactly these records, by scans and by every kind of lookup.
pub fn assert_holds(what: &str, table: &Arc<Table>, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) {
    let scanned = self::refs(table).unwrap_or_else(|e| panic!("{what}: scan of refs: {e}"));
    assert_same(what, &scanned, refs);
    let scanned = self::logs(table).unwrap_or_else(|e| panic!("{what}: scan of logs: {e}"));
    assert_same(what, &scanned, logs);
    assert_found(what, table, refs, logs);
    assert_refs_for(what, table, refs);
}

/// As `assert_eq`, but shows the first difference alone.
pub fn assert_same<T: PartialEq + std::fmt::Debug>(what: &str, got: &[T], wanted: &[T]) {
    for (n, (got, wanted)) in got.iter().zip(wanted).enumerate() {
        assert_eq!(got, wanted, "{what}: record {n}");
    }
    assert_eq!(got.len(), wanted.len(), "{what}: number of records");
}

/// Checks that each of these records is found by its key.
pub fn assert_found(what: &str, table: &Arc<Table>, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) {
    for record in refs {
        let found = read_ref(table, &record.name).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(found.as_ref(), Some(record), "{what}: lookup by name");
        let mut absent = record.name.clone();
        absent.push(1);
        if !refs.iter().any(|r| r.name == absent) {
            let found = read_ref(table, &absent).unwrap_or_else(|e| panic!("{what}: {e}"));
            assert_eq!(found, None, "{what}: lookup of a name that is not there");
        }
    }
    for record in logs {
        let found = read_log(table, &record.name, record.update_index);
        let found = found.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(
            found.as_ref(),
            Some(record),
            "{what}: lookup of a log record"
        );
    }
}

/// Checks that every id mentioned leads to exactly the refs that mention it.
pub fn assert_refs_for(what: &str, table: &Arc<Table>, refs: &[RefRecordBuf]) {
    let mut wanted: Vec<Vec<u8>> = refs.iter().flat_map(ids).map(<[u8]>::to_vec).collect();
    wanted.sort();
    wanted.dedup();
    let unknown = vec![0xa5; table.hash().len()];
    wanted.push(unknown);
    for id in wanted {
        let found = refs_for(table, &id).unwrap_or_else(|e| panic!("{what}: refs_for: {e}"));
        let expected: Vec<_> = refs.iter().filter(|r| points_at(r, &id)).cloned().collect();
        assert_same(&format!("{what}: refs_for"), &found, &expected);
    }
}
