//! Reads all there is of a table, in every way, and holds the answers against each other.

use reftable::record::{LogRecordBuf, RefRecordBuf, RefValueBuf};
use reftable::table::{BlockSource, MemorySource};
use reftable::verify::{Finding, Severity, verify_table};
use reftable::{Error, MergedTable, Result, Table};
use std::sync::Arc;

/// A byte of deflated data gives at most so many.
const INFLATION: usize = 1032;
/// The shortest record has so many bytes: two lengths, and an update index or a name.
const LEAST_RECORD: usize = 2;

pub fn refs(table: &Arc<Table>) -> Result<Vec<RefRecordBuf>> {
    let limit = table.file_len() as usize / LEAST_RECORD;
    let mut iter = table.refs_from(b"")?;
    let mut records = Vec::new();
    while let Some(record) = iter.next()? {
        records.push(record.to_buf());
        assert!(records.len() <= limit, "more refs than the file can hold");
    }
    Ok(records)
}

pub fn logs(table: &Arc<Table>) -> Result<Vec<LogRecordBuf>> {
    let limit = table.file_len() as usize * INFLATION / LEAST_RECORD;
    let mut iter = table.logs_from(b"", u64::MAX)?;
    let mut records = Vec::new();
    while let Some(record) = iter.next()? {
        records.push(record.to_buf());
        assert!(records.len() <= limit, "more logs than the file can hold");
    }
    Ok(records)
}

/// Everything that a view shows.
pub fn view(view: &MergedTable) -> Result<(Vec<RefRecordBuf>, Vec<LogRecordBuf>)> {
    let (mut refs, mut logs) = (Vec::new(), Vec::new());
    let mut iter = view.refs_from(b"")?;
    while let Some(record) = iter.next()? {
        refs.push(record.to_buf());
    }
    let mut iter = view.logs_from(b"", u64::MAX)?;
    while let Some(record) = iter.next()? {
        logs.push(record.to_buf());
    }
    Ok((refs, logs))
}

pub fn is_sound(findings: &[Finding]) -> bool {
    findings
        .iter()
        // Names and ids that only git refuses do not keep a table from being read.
        .all(|found| found.severity < Severity::Error || found.kind.git_id().is_some())
}

/// A table that the deep check finds nothing wrong with reads without errors, and lookups and
/// scans agree. Of any other table, nothing may be endless or panic.
pub fn table(bytes: &[u8]) {
    let source: Arc<dyn BlockSource> = Arc::new(MemorySource::new(bytes.to_vec()));
    let findings = verify_table(Arc::clone(&source), "t.ref");
    let sound = is_sound(&findings);
    let table = match Table::open(source, "t.ref") {
        Ok(table) => Arc::new(table),
        Err(error) => {
            assert!(!sound, "the deep check missed {error}");
            return;
        }
    };
    let refs = refs(&table);
    let logs = logs(&table);
    if sound {
        let refs = refs.as_ref().unwrap_or_else(missed);
        let logs = logs.as_ref().unwrap_or_else(missed);
        lookups(&table, refs, logs);
        return;
    }
    let _ = try_lookups(
        &table,
        refs.as_deref().unwrap_or(&[]),
        logs.as_deref().unwrap_or(&[]),
    );
}

fn missed<T>(error: &Error) -> T {
    panic!("the deep check missed {error}")
}

fn try_lookups(table: &Arc<Table>, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) -> Result<()> {
    for record in refs.iter().take(20) {
        let _ = table.read_ref(&record.name, |_| ());
        let _ = table
            .refs_from(&record.name)
            .and_then(|mut iter| iter.next().map(|_| ()));
        for id in ids(record) {
            let Ok(mut iter) = table.refs_for(id) else {
                continue;
            };
            while let Ok(Some(_)) = iter.next() {}
        }
    }
    for record in logs.iter().take(20) {
        let mut iter = table.logs_from(&record.name, record.update_index)?;
        let _ = iter.next()?;
    }
    let _ = table.read_ref(b"refs/heads/main", |_| ());
    let _ = table.logs_from(b"refs/heads/main", 7)?.next()?;
    let mut iter = table.refs_for(&[0x11; 32][..table.hash().len()])?;
    while iter.next()?.is_some() {}
    Ok(())
}

fn lookups(table: &Arc<Table>, refs: &[RefRecordBuf], logs: &[LogRecordBuf]) {
    let step = refs.len() / 40 + 1;
    for record in refs.iter().step_by(step) {
        let found = table.read_ref(&record.name, |found| found.to_buf());
        assert_eq!(found.unwrap().as_ref(), Some(record));
        for id in ids(record).into_iter().take(2) {
            let mut found = Vec::new();
            let mut iter = table.refs_for(id).unwrap();
            while let Some(record) = iter.next().unwrap() {
                found.push(record.to_buf());
            }
            let wanted: Vec<_> = refs.iter().filter(|r| ids(r).contains(&id)).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "refs for an id");
        }
    }
    let step = logs.len() / 40 + 1;
    for record in logs.iter().step_by(step) {
        let mut iter = table.logs_from(&record.name, record.update_index).unwrap();
        let found = iter.next().unwrap().map(|found| found.to_buf());
        assert_eq!(found.as_ref(), Some(record));
    }
}

fn ids(record: &RefRecordBuf) -> Vec<&[u8]> {
    match &record.value {
        RefValueBuf::Object(id) => vec![id],
        RefValueBuf::Peeled { id, peeled } => vec![id, peeled],
        RefValueBuf::Deletion | RefValueBuf::Symref(_) => Vec::new(),
    }
}
