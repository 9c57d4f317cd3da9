//! Reading tables that may be damaged in any way.

use crate::{alloc, read, source::CountingSource};
use reftable::record::{LogRecordBuf, RefRecordBuf};
use reftable::verify::{Finding, Severity, verify_table};
use reftable::{Error, Result, Table};
use std::sync::Arc;

/// What the tables of the tests, all below 64 KiB, may cost to read.
const MEMORY: usize = 4 << 20;

/// What reading by all means gave.
#[derive(Debug)]
pub struct Outcome {
    pub refs: Result<Vec<RefRecordBuf>>,
    pub logs: Result<Vec<LogRecordBuf>>,
    /// Errors of lookups.
    pub lookups: Vec<Error>,
    /// Records that a scan shows and a lookup does not find.
    pub missed: Vec<Vec<u8>>,
}

impl Outcome {
    /// Keeps the error of a lookup; a few say it all, and memory is counted.
    fn failed<T>(&mut self, result: Result<T>) {
        if self.lookups.len() < 20 {
            self.lookups.extend(result.err());
        }
    }

    /// The errors, those of scans first.
    pub fn errors(&self) -> Vec<&Error> {
        let scans = self
            .refs
            .as_ref()
            .err()
            .into_iter()
            .chain(self.logs.as_ref().err());
        scans.chain(&self.lookups).collect()
    }
}

/// Reads a table by all means, with bounded work and memory. The error is that of opening it.
///
/// Lookups are made for every record that scans show, and for some names that are likely.
pub fn read_by_all_means(what: &str, bytes: &[u8]) -> Result<Outcome> {
    let source = CountingSource::new(bytes.to_vec());
    let (peak, outcome) = alloc::peak(|| {
        let table = Arc::new(Table::open(source.clone(), "table.ref")?);
        Ok(read_open_table(&table))
    });
    assert!(peak < MEMORY, "{what}: {peak} bytes allocated");
    // Each record is looked up a few times, and each lookup descends a few levels or scans a few blocks.
    let records = match &outcome {
        Ok(Outcome { refs, logs, .. }) => {
            refs.as_ref().map_or(0, Vec::len) + logs.as_ref().map_or(0, Vec::len)
        }
        Err(_) => 0,
    };
    let limit = 2_000 + 1_000 * records as u64;
    assert!(
        source.reads() < limit,
        "{what}: {} reads for {records} records",
        source.reads()
    );
    outcome
}

fn read_open_table(table: &Arc<Table>) -> Outcome {
    let mut outcome = Outcome {
        refs: read::refs(table),
        logs: read::logs(table),
        lookups: Vec::new(),
        missed: Vec::new(),
    };
    let refs = outcome.refs.as_deref().unwrap_or_default().to_vec();
    let logs = outcome.logs.as_deref().unwrap_or_default().to_vec();
    for record in &refs {
        note(
            &mut outcome,
            &record.name,
            read::read_ref(table, &record.name),
            record,
        );
        for id in read::ids(record) {
            let found = read::refs_for(table, id);
            let found = found.map(|refs| refs.into_iter().find(|r| r == record));
            note(&mut outcome, &record.name, found, record);
        }
    }
    for record in &logs {
        let found = read::read_log(table, &record.name, record.update_index);
        note(&mut outcome, &record.name, found, record);
    }
    for name in [
        &b"HEAD"[..],
        b"refs/heads/main",
        b"refs/heads/b",
        b"zzz",
        b"\0",
        b"\xff\xff",
    ] {
        outcome.failed(read::read_ref(table, name));
        outcome.failed(read::refs_from(table, name));
        outcome.failed(read::read_log(table, name, 1));
    }
    for byte in [0, 0x11, 0x22, 0x80, 0xff] {
        outcome.failed(read::refs_for(table, &vec![byte; table.hash().len()]));
    }
    outcome
}

fn note<T: PartialEq>(outcome: &mut Outcome, name: &[u8], found: Result<Option<T>>, wanted: &T) {
    match found {
        Ok(found) if found.as_ref() == Some(wanted) => {}
        Ok(_) => outcome.missed.push(name.to_vec()),
        Err(error) => outcome.failed(Err::<T, _>(error)),
    }
}

/// The errors that a deep check finds, with bounded work and memory.
pub fn defects(what: &str, bytes: &[u8]) -> Vec<Finding> {
    let source = CountingSource::new(bytes.to_vec());
    let (peak, mut findings) = alloc::peak(|| verify_table(source.clone(), "table.ref"));
    assert!(
        peak < MEMORY,
        "{what}: {peak} bytes allocated by the deep check"
    );
    let limit = 1_000 + bytes.len() as u64;
    assert!(
        source.reads() < limit,
        "{what}: {} reads by the deep check",
        source.reads()
    );
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

/// The name of an error's class, as the indexes of the corrupt files have it.
pub fn class(error: &Error) -> &'static str {
    match error {
        Error::Corrupt(corruption) => corruption.defect.name(),
        Error::NotFound { .. } => "NotFound",
        Error::Io { .. } => "IoError",
        Error::HashMismatch { .. } => "HashMismatch",
        Error::RangeOverlap { .. } => "UpdateIndexRange",
        other => panic!("not an error of reading: {other}"),
    }
}
