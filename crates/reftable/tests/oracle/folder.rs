//! Undamaged stacks in memory, and what they show.

use fault_fs::FaultFs;
use reftable::record::{LogRecordBuf, RefRecordBuf};
use reftable::table::MemorySource;
use reftable::{HashId, Stack, StackOptions, Table};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub const DIR: &str = "/repository/reftable";
pub const LIST: &str = "tables.list";

/// The files of a folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A stack, and all that it has been.
#[derive(Clone, Debug)]
pub struct Scene {
    pub name: String,
    pub hash: HashId,
    /// The states, oldest first; the last one is the oracle.
    pub history: Vec<Files>,
}

impl Scene {
    pub fn now(&self) -> &Files {
        self.history.last().unwrap()
    }
}

/// The names in a list.
pub fn listed(files: &Files) -> Vec<String> {
    let list = String::from_utf8_lossy(files.get(LIST).map_or(&[], Vec::as_slice)).into_owned();
    list.lines().map(str::to_owned).collect()
}

pub fn open_table(bytes: &[u8], name: &str) -> reftable::Result<Arc<Table>> {
    let source = Arc::new(MemorySource::new(bytes.to_vec()));
    Table::open(source, name).map(Arc::new)
}

pub fn disk(files: &Files) -> FaultFs {
    let fs = FaultFs::new(Path::new(DIR));
    for (name, bytes) in files {
        fs.put(&Path::new(DIR).join(name), bytes).unwrap();
    }
    fs
}

pub fn files(fs: &FaultFs) -> Files {
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let files = fs.files().into_iter();
    files.map(|(path, bytes)| (name(&path), bytes)).collect()
}

pub fn options(fs: &FaultFs, hash: HashId) -> StackOptions {
    let mut options = StackOptions::default();
    options.fs = Arc::new(fs.clone());
    options.write.hash = hash;
    options
}

/// What a stack shows: refs and entries of reflogs, tombstones left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shown {
    pub refs: BTreeMap<Vec<u8>, RefRecordBuf>,
    pub logs: BTreeMap<(Vec<u8>, u64), LogRecordBuf>,
}

pub fn shown(fs: &FaultFs, hash: HashId) -> reftable::Result<Shown> {
    let stack = Stack::open(DIR, options(fs, hash))?;
    let merged = stack.merged();
    let mut shown = Shown::default();
    let mut refs = merged.refs_from(b"")?;
    while let Some(record) = refs.next()? {
        shown.refs.insert(record.name.to_vec(), record.to_buf());
    }
    let mut logs = merged.logs_from(b"", u64::MAX)?;
    while let Some(record) = logs.next()? {
        let key = (record.name.to_vec(), record.update_index);
        shown.logs.insert(key, record.to_buf());
    }
    Ok(shown)
}
