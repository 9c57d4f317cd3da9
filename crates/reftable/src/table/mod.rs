//! One file: sections of blocks between a header and a footer.
//!
//! [`Table`] opens a file and knows where its sections are. `read` enters a section through its
//! index and walks through it; [`RefsFor`] goes through the object section. `learned` makes lookups
//! faster the more there are. `write` makes files: [`TableWriter`].
//!
//! Indexes that other writers damaged are survived: see `read/descend.rs`.
#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation
)]

mod learned;
mod read;
mod write;

pub use crate::fs::{BlockSource, FileSource, MemorySource};
pub use read::{LogIter, RefIter, RefsFor};
pub(crate) use read::{Section, SectionIter, read_exactly};
pub use write::{
    BLOCK_SIZE_LIMIT, BlockStats, DEFAULT_BLOCK_SIZE, DEFAULT_RESTART_INTERVAL, Stats, TableSink,
    TableWriter, WriteOptions,
};

use crate::block::Inflater;
use crate::error::{Corruption, Defect, Error, Result};
use crate::format::{BlockType, Footer, Header};
use crate::hash::HashId;
use crate::record::{Context, Kind, Logs, RefRecord, Refs};
use learned::Learned;
use std::path::Path;
use std::sync::Arc;

/// One immutable table, open for reading.
#[derive(Debug)]
pub struct Table {
    name: String,
    source: Arc<dyn BlockSource>,
    header: Header,
    footer: Footer,
    /// Position of the footer, where the last block ends.
    end: u64,
    /// What the first block is; `None` in an empty table.
    first: Option<BlockType>,
    learned: Learned,
}

impl Table {
    /// Opens the table whose bytes `source` has. `name` is for errors.
    ///
    /// Reads header and footer and checks what they say; blocks are checked as they are read.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    pub fn open(source: Arc<dyn BlockSource>, name: &str) -> Result<Table> {
        let len = source.len();
        let at = |offset| move |defect| Error::corrupt(name, offset, defect);
        let front_len = len.min(Header::MAX_LEN as u64);
        // The byte after the header says what the first block is.
        let front_len = usize::try_from(front_len).unwrap_or_default();
        let more = usize::from(len > Header::MAX_LEN as u64);
        let front = read_exactly(&*source, name, 0, front_len.saturating_add(more))?;
        let header = Header::decode(&front).map_err(at(0))?;
        let footer_len = header.footer_len();
        let least = header.len().saturating_add(footer_len);
        let end = match len.checked_sub(footer_len as u64) {
            Some(end) if len >= least as u64 => end,
            _ => {
                let detail = format!("{len} bytes");
                return Err(Error::Corrupt(Box::new(Corruption {
                    detail: Some(detail),
                    ..Corruption::new(name, len, Defect::TooShort)
                })));
            }
        };
        let back = read_exactly(&*source, name, end, footer_len)?;
        let footer = Footer::decode(&back, &header, &front).map_err(at(end))?;
        if header.min_update_index > header.max_update_index {
            return Err(at(8)(Defect::BadUpdateIndexRange));
        }
        let mut table = Table {
            name: name.to_owned(),
            source,
            header,
            footer,
            end,
            first: None,
            learned: Learned::default(),
        };
        if end > header.len() as u64 {
            let byte = front.get(header.len()).copied().unwrap_or_default();
            table.first = match BlockType::from_byte(byte) {
                first @ Some(BlockType::Ref | BlockType::Log) => first,
                _ => return Err(at(header.len() as u64)(Defect::BadBlockType)),
            };
        }
        table.check_positions()?;
        Ok(table)
    }

    /// Opens a file under its file name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`] and those of [`Table::open`].
    pub fn open_file(path: impl AsRef<Path>) -> Result<Table> {
        let path = path.as_ref();
        let source = FileSource::open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound {
                path: path.to_path_buf(),
            },
            _ => Error::io("open", path)(source),
        })?;
        let name = path.file_name().unwrap_or(path.as_os_str());
        Table::open(Arc::new(source), &name.to_string_lossy())
    }

    /// Checks what the footer says about the sections (format section 19, group B).
    fn check_positions(&self) -> Result<()> {
        let Footer {
            ref_index,
            obj,
            obj_index,
            log,
            log_index,
            ..
        } = self.footer;
        let bad = |defect| Err(Error::corrupt(&self.name, self.end, defect));
        let mut last = 0;
        for position in [ref_index, obj, obj_index, log, log_index] {
            if position == 0 {
                continue;
            }
            if position < self.header.len() as u64 || position >= self.end || position <= last {
                return bad(Defect::BadPosition);
            }
            last = position;
        }
        let refs = self.first == Some(BlockType::Ref);
        let logs = self.log_start().is_some();
        // Logs that start the file start after its header, whatever form they have.
        let header_len = self.header.len() as u64;
        let logs_misplaced = self.first == Some(BlockType::Log) && log != 0 && log != header_len;
        if logs_misplaced
            || (ref_index != 0 || obj != 0) && !refs
            || obj_index != 0 && obj == 0
            || log_index != 0 && !logs
        {
            return bad(Defect::BadPosition);
        }
        let id_len = self.footer.obj_id_len;
        if obj != 0 && (id_len == 0 || id_len > self.header.hash.len()) {
            return bad(Defect::BadObjIdLen);
        }
        Ok(())
    }

    /// Where the log section starts, if there is one. It starts the file at position 0 in tables
    /// of the C library, and after the header in those of JGit (format section 12.2).
    fn log_start(&self) -> Option<u64> {
        match (self.footer.log, self.first) {
            (0, Some(BlockType::Log)) => Some(0),
            (0, _) => None,
            (position, _) => Some(position),
        }
    }

    /// The name given when it was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The hash of its object ids.
    pub fn hash(&self) -> HashId {
        self.header.hash
    }

    /// The format version, 1 or 2.
    pub fn version(&self) -> u8 {
        self.header.version
    }

    /// The block size in bytes that the header gives; 0 if blocks are not aligned.
    pub fn block_size(&self) -> u32 {
        self.header.block_size
    }

    /// The smallest update index of its refs.
    pub fn min_update_index(&self) -> u64 {
        self.header.min_update_index
    }

    /// The largest update index of its records.
    pub fn max_update_index(&self) -> u64 {
        self.header.max_update_index
    }

    /// Length in bytes of abbreviated object ids, if there is an object section.
    pub fn object_id_len(&self) -> Option<usize> {
        (self.footer.obj != 0).then_some(self.footer.obj_id_len)
    }

    /// Length of the file in bytes, header and footer included.
    pub fn file_len(&self) -> u64 {
        self.source.len()
    }

    /// Length of the file header in bytes.
    pub fn header_len(&self) -> usize {
        self.header.len()
    }

    /// Length of the footer in bytes.
    pub fn footer_len(&self) -> usize {
        self.header.footer_len()
    }

    /// What decoding a record needs to know.
    pub(crate) fn context(&self) -> Context {
        Context {
            id_len: self.header.hash.len(),
            min_update_index: self.header.min_update_index,
            max_update_index: self.header.max_update_index,
            obj_id_len: self.footer.obj_id_len,
        }
    }

    /// Looks up the ref of exactly this name and gives it to `f`, tombstones included.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    pub fn read_ref<R>(
        &self,
        name: &[u8],
        f: impl FnOnce(RefRecord<'_>) -> R,
    ) -> Result<Option<R>> {
        if name.is_empty() || self.lacks_ref(name) {
            return Ok(None);
        }
        let found = self.look_up(name, f)?;
        if found.is_none() {
            self.note_missing_ref();
        }
        Ok(found)
    }

    /// Whether it is known without a look at the table that it has no ref of this name.
    pub(crate) fn lacks_ref(&self, name: &[u8]) -> bool {
        self.learned.lacks_ref(name)
    }

    /// Notes that a ref was looked for in vain.
    pub(crate) fn note_missing_ref(&self) {
        self.learned.note_missing_ref(self);
    }

    fn look_up<R>(&self, name: &[u8], f: impl FnOnce(RefRecord<'_>) -> R) -> Result<Option<R>> {
        let mut inflater = Inflater::default();
        let context = self.context();
        let Some(mut block) = self.leaf_for::<Refs>(name, &mut inflater)? else {
            return Ok(None);
        };
        loop {
            let flaw = |flaw| block.error(&self.name, flaw);
            if let Some(found) = block.locate::<Refs>(name, &context).map_err(flaw)? {
                let record = || Refs::record(name, found.span, block.records(), &context);
                return Ok(found.exact.then(|| f(record())));
            }
            match self.next_block(&block, BlockType::Ref, &mut inflater)? {
                Some(next) => block = next,
                None => return Ok(None),
            }
        }
    }

    /// Refs from `name` on in the order of names, tombstones included; all of them from `b""`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    pub fn refs_from(self: &Arc<Self>, name: &[u8]) -> Result<RefIter> {
        let mut iter = SectionIter::<Refs>::new(self);
        iter.seek(name)?;
        Ok(RefIter(iter))
    }

    /// Log records from the newest of `name` with at most `update_index` on: older ones of that
    /// name, then later names, each newest first; tombstones included. All from `b""`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and the errors of the source.
    pub fn logs_from(self: &Arc<Self>, name: &[u8], update_index: u64) -> Result<LogIter> {
        let mut iter = SectionIter::<Logs>::new(self);
        iter.seek(&crate::format::key::log_seek_key(name, update_index))?;
        Ok(LogIter(iter))
    }

    /// Refs whose object id or peeled id is `id`, in the order of names.
    ///
    /// # Errors
    /// [`Error::Corrupt`], the errors of the source, and [`Error::Misuse`] for an id of another
    /// length than the table's hash has.
    pub fn refs_for(self: &Arc<Self>, id: &[u8]) -> Result<RefsFor> {
        RefsFor::new(self, id)
    }
}
