//! Tables that are complete but not yet listed.

use super::Inner;
use super::file_name::temporary_name;
use crate::error::{Error, Result};
use crate::fs::{MemorySource, PendingFile};
use crate::table::{Table, TableSink, TableWriter, WriteOptions};
use bytes::Bytes;
use std::cell::OnceCell;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Up to this length in bytes a table stays in memory until it is published, and a transaction
/// that is given up, or whose table is merged with others at once, makes no file. The bytes of
/// longer ones go to the system in pieces of at least this length.
const PIECE: usize = 64 << 10;
/// How many random names are tried for a new file.
const NAME_TRIES: u32 = 100;

/// A complete table that no list names. Dropping it removes what there is of it on disk.
#[derive(Debug)]
pub(super) struct StagedTable {
    contents: Contents,
    /// The table for reading, once somebody has asked for it.
    opened: OnceCell<Arc<Table>>,
    pub(super) min_update_index: u64,
    pub(super) max_update_index: u64,
    /// Number of refs, tombstones included.
    pub(super) refs: u64,
    /// Length in bytes.
    pub(super) file_len: u64,
}

#[derive(Debug)]
enum Contents {
    Memory(Bytes),
    File(Box<dyn PendingFile>),
}

impl StagedTable {
    /// Lets `write` make a table laid out by `options`; `None` if it adds no record.
    ///
    /// A temporary file, should one be needed, is named after `range`. On failure it is removed.
    pub(super) fn write(
        inner: &Inner,
        options: WriteOptions,
        range: (u64, u64),
        write: impl FnOnce(&mut TableWriter<'_>) -> Result<()>,
    ) -> Result<Option<StagedTable>> {
        let mut sink = FileSink {
            inner,
            range,
            buffer: Vec::new(),
            file: None,
        };
        let mut writer = TableWriter::new(&mut sink, options)?;
        write(&mut writer)?;
        match writer.finish() {
            Ok(()) => {}
            Err(Error::EmptyTable) => return Ok(None),
            Err(error) => return Err(error),
        }
        let (min_update_index, max_update_index) = writer.limits();
        let refs = writer.stats().refs.entries;
        let file_len = writer.bytes_written();
        drop(writer);
        Ok(Some(StagedTable {
            contents: sink.finish()?,
            opened: OnceCell::new(),
            min_update_index,
            max_update_index,
            refs,
            file_len,
        }))
    }

    /// Opens the table where it is now, the first time.
    pub(super) fn open(&self, inner: &Inner) -> Result<Arc<Table>> {
        if let Some(table) = self.opened.get() {
            return Ok(Arc::clone(table));
        }
        let table = match &self.contents {
            Contents::Memory(bytes) => {
                Table::open(Arc::new(MemorySource::new(bytes.clone())), "new table")?
            }
            Contents::File(file) => {
                let path = file.path();
                let source = inner
                    .options
                    .fs
                    .open(path)
                    .map_err(Error::io("open", path))?;
                let name = path.file_name().unwrap_or(path.as_os_str());
                Table::open(source, &name.to_string_lossy())?
            }
        };
        Ok(Arc::clone(self.opened.get_or_init(|| Arc::new(table))))
    }

    /// The bytes of the table, if they are in memory.
    pub(super) fn in_memory(&self) -> Option<&Bytes> {
        match &self.contents {
            Contents::Memory(bytes) => Some(bytes),
            Contents::File(_) => None,
        }
    }

    /// Gives the table its final name by renaming a temporary file, steps P1 and P2.
    pub(super) fn place(self, inner: &Inner, path: &Path) -> Result<()> {
        let mut file = match self.contents {
            Contents::File(file) => file,
            Contents::Memory(bytes) => {
                let range = (self.min_update_index, self.max_update_index);
                let mut file = create_temporary(inner, range)?;
                write_all(&mut *file, &bytes)?;
                file
            }
        };
        // P1: the bytes of the table, before any list can name it.
        if inner.is_durable() {
            let result = file.sync();
            result.map_err(Error::io("sync", file.path()))?;
        }
        // P2: its final name.
        file.persist(path).map_err(Error::io("rename to", path))
    }
}

pub(super) fn write_all(file: &mut dyn PendingFile, data: &[u8]) -> Result<()> {
    let result = file.write_all(data);
    result.map_err(Error::io("write", file.path()))
}

fn create_temporary(inner: &Inner, (min, max): (u64, u64)) -> Result<Box<dyn PendingFile>> {
    let fs = &inner.options.fs;
    let mut tries = 0;
    loop {
        let name = temporary_name(min, max, fs.random());
        let path = inner.dir.join(name);
        match fs.create_unique(&path, inner.mode()) {
            Ok(file) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < NAME_TRIES => {
                tries += 1;
            }
            Err(error) => return Err(Error::io("create", path)(error)),
        }
    }
}

/// Takes the blocks of a table, and makes a file for them when they become many.
struct FileSink<'a> {
    inner: &'a Inner,
    range: (u64, u64),
    buffer: Vec<u8>,
    file: Option<Box<dyn PendingFile>>,
}

impl FileSink<'_> {
    fn flush(&mut self) -> Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(create_temporary(self.inner, self.range)?),
        };
        write_all(&mut **file, &self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<Contents> {
        if self.file.is_some() {
            self.flush()?;
        }
        Ok(match self.file {
            Some(file) => Contents::File(file),
            None => Contents::Memory(self.buffer.into()),
        })
    }
}

impl TableSink for FileSink<'_> {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() > PIECE {
            self.flush()?;
        }
        Ok(())
    }
}
