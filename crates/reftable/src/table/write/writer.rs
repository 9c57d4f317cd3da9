//! Writing a table: refs, then logs, then everything that follows from them.

use super::index::{IndexEntry, IndexLayout, lay_out};
use super::objects::Objects;
use super::options::{DEFAULT_BLOCK_SIZE, WriteOptions};
use super::output::Output;
use super::split::split_log_block;
use super::stats::{BlockStats, Stats};
use crate::block::{BlockWriter, Deflater, Effort};
use crate::error::{Error, Result};
use crate::format::key::put_log_key;
use crate::format::{BlockType, Footer, Header, MAX_BLOCK_LEN};
use crate::record::{LogRecord, LogValue, RefRecord, RefValue, count_bits, put_positions};

/// Where a writer puts the bytes of a table.
pub trait TableSink {
    /// Takes the next bytes of the file, all of them. A call brings one block, the header, the
    /// footer, or the zeros between two blocks.
    fn write(&mut self, data: &[u8]) -> Result<()>;
}

impl TableSink for Vec<u8> {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        self.extend_from_slice(data);
        Ok(())
    }
}

impl<S: TableSink + ?Sized> TableSink for &mut S {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        (**self).write(data)
    }
}

/// What has been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Empty,
    Refs,
    Logs,
    Finished,
}

/// Writes one table: refs in the order of their names, then log records by name and newest first.
///
/// Nothing is complete before [`TableWriter::finish`].
///
/// ```
/// use reftable::{RefRecord, RefValue, TableWriter, WriteOptions};
///
/// let mut bytes = Vec::new();
/// let mut writer = TableWriter::new(&mut bytes, WriteOptions::default())?;
/// writer.set_limits(1, 1);
/// writer.add_ref(&RefRecord {
///     name: b"refs/heads/main",
///     update_index: 1,
///     value: RefValue::Object(&[0x11; 20]),
/// })?;
/// writer.finish()?;
/// drop(writer);
/// assert_eq!(bytes.len(), 139);
/// # Ok::<(), reftable::Error>(())
/// ```
pub struct TableWriter<'a> {
    pub(super) out: Output<'a>,
    pub(super) options: WriteOptions,
    header: Header,
    footer: Footer,
    state: State,
    /// A misuse that the next call reports.
    misuse: Option<&'static str>,
    block: Option<BlockWriter>,
    /// A finished block as it goes to the sink.
    stored: Vec<u8>,
    /// The leaf blocks of the section so far.
    index: Vec<IndexEntry>,
    objects: Objects,
    last_key: Vec<u8>,
    log_key: Vec<u8>,
    deflater: Deflater,
    stats: Stats,
}

impl std::fmt::Debug for TableWriter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter")
            .field("header", &self.header)
            .field("state", &self.state)
            .field("stats", &self.stats)
            .finish_non_exhaustive()
    }
}

impl<'a> TableWriter<'a> {
    /// A writer that puts a table laid out by `options` into `sink`.
    ///
    /// # Errors
    /// Those of [`WriteOptions::validate`].
    pub fn new(sink: impl TableSink + 'a, options: WriteOptions) -> Result<TableWriter<'a>> {
        options.validate()?;
        let header = Header {
            version: Header::version_for(options.hash),
            // Where blocks are not aligned the header says so: readers rely on it.
            block_size: if options.padded {
                options.block_size
            } else {
                0
            },
            min_update_index: 0,
            max_update_index: 0,
            hash: options.hash,
        };
        Ok(TableWriter {
            out: Output::new(Box::new(sink)),
            options,
            header,
            footer: Footer::default(),
            state: State::Empty,
            misuse: None,
            block: None,
            stored: Vec::new(),
            index: Vec::new(),
            objects: Objects::default(),
            last_key: Vec::new(),
            log_key: Vec::new(),
            deflater: Deflater::default(),
            stats: Stats::default(),
        })
    }

    /// Sets the range of update indexes that the table stands for; 0 to 0 if it is never set.
    ///
    /// It belongs in front of the first record. A later call, or a range upside down, is reported
    /// as [`Error::Misuse`] by the next record and by [`TableWriter::finish`].
    pub fn set_limits(&mut self, min: u64, max: u64) {
        if self.state != State::Empty {
            self.misuse = Some("limits set after the first record");
        } else if min > max {
            self.misuse = Some("limits upside down");
        } else {
            self.misuse = None;
            self.header.min_update_index = min;
            self.header.max_update_index = max;
        }
    }

    /// How hard to try to make log blocks small.
    pub(crate) fn set_effort(&mut self, effort: Effort) {
        self.deflater.set_effort(effort);
    }

    /// The range of update indexes, smallest first.
    pub fn limits(&self) -> (u64, u64) {
        (self.header.min_update_index, self.header.max_update_index)
    }

    /// The layout.
    pub fn options(&self) -> &WriteOptions {
        &self.options
    }

    /// Adds a ref. Its name must come after the last one's, its update index lie within the
    /// limits.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`], [`Error::TooLarge`] for a record that fits no block, and
    /// [`Error::Misuse`]; after these the writer goes on with further records. Errors of the sink
    /// come again with every later call.
    pub fn add_ref(&mut self, record: &RefRecord<'_>) -> Result<()> {
        self.check_usable()?;
        let (min, max) = self.limits();
        if record.update_index < min || record.update_index > max {
            return Err(Error::Misuse("update index outside the limits"));
        }
        if self.state == State::Logs {
            return Err(Error::Misuse("ref after a log record"));
        }
        self.check_value(&record.value)?;
        self.check_order(record.name)?;
        if record.name.contains(&0) {
            return Err(Error::Misuse("NUL byte in a ref name"));
        }
        self.state = State::Refs;
        let put = |out: &mut Vec<u8>| record.put_value(out, min);
        self.add(BlockType::Ref, record.name, record.value_type(), put)?;
        if self.options.object_index {
            let position = self.out.position();
            for id in record.value.ids() {
                self.objects.add(id, position);
            }
        }
        Ok(())
    }

    /// Adds a log record. Its key must come after the last one's: names ascend, for one name
    /// update indexes descend. Update indexes outside the limits are allowed, since expiry and
    /// renaming rewrite old entries.
    ///
    /// An entry that is larger than the block size gets a block of its own.
    ///
    /// # Errors
    /// As [`TableWriter::add_ref`].
    pub fn add_log(&mut self, record: &LogRecord<'_>) -> Result<()> {
        self.check_usable()?;
        if let LogValue::Update(update) = &record.value {
            let len = self.options.hash.len();
            if update.old_id.len() != len || update.new_id.len() != len {
                return Err(Error::Misuse("object id of the wrong length"));
            }
        }
        if record.name.is_empty() || record.name.contains(&0) {
            return Err(Error::Misuse("log record with an impossible name"));
        }
        let mut key = std::mem::take(&mut self.log_key);
        key.clear();
        put_log_key(&mut key, record.name, record.update_index);
        let result = self.add_log_key(&key, record);
        self.log_key = key;
        result
    }

    fn add_log_key(&mut self, key: &[u8], record: &LogRecord<'_>) -> Result<()> {
        if self.state != State::Logs {
            self.finish_refs()?;
            self.start_logs()?;
        }
        self.check_order(key)?;
        let put = |out: &mut Vec<u8>| record.put_value(out);
        self.add(BlockType::Log, key, record.log_type(), put)
    }

    fn check_usable(&self) -> Result<()> {
        if self.state == State::Finished {
            return Err(Error::Misuse("writer is finished"));
        }
        self.out.check()?;
        self.misuse.map_or(Ok(()), |rule| Err(Error::Misuse(rule)))
    }

    fn check_value(&self, value: &RefValue<'_>) -> Result<()> {
        let len = self.options.hash.len();
        if let RefValue::Symref(target) = value {
            if target.is_empty() || target.contains(&0) {
                return Err(Error::Misuse("impossible target of a symbolic ref"));
            }
        }
        match value.ids().all(|id| id.len() == len) {
            true => Ok(()),
            false => Err(Error::Misuse("object id of the wrong length")),
        }
    }

    /// Keys ascend, across blocks too; an empty key comes after nothing.
    fn check_order(&mut self, key: &[u8]) -> Result<()> {
        if key <= self.last_key.as_slice() {
            return Err(Error::OutOfOrder { key: key.to_vec() });
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        Ok(())
    }

    /// Adds a record to the section of `kind`, in a new block if the current one is full.
    fn add(
        &mut self,
        kind: BlockType,
        key: &[u8],
        extra: u8,
        put_value: impl Fn(&mut Vec<u8>),
    ) -> Result<()> {
        if self.current_block(kind).add(key, extra, &put_value) {
            return Ok(());
        }
        self.flush_block()?;
        let block_size = self.options.block_size as usize;
        let block = self.current_block(kind);
        if block.add(key, extra, &put_value) {
            return Ok(());
        }
        let mut limit = block_size;
        if kind == BlockType::Log {
            limit = MAX_BLOCK_LEN;
            block.set_limit(limit);
            let added = block.add(key, extra, &put_value);
            block.set_limit(block_size);
            if added {
                return Ok(());
            }
        }
        Err(Error::TooLarge {
            key: key.to_vec(),
            limit: limit as u64,
        })
    }

    /// The block being filled, a new one if there is none.
    fn current_block(&mut self, kind: BlockType) -> &mut BlockWriter {
        let limit = self.options.block_size as usize;
        let interval = self.options.restart_interval;
        self.block.get_or_insert_with(|| {
            let front = match self.out.position() {
                0 => self.header.encode(),
                _ => Vec::new(),
            };
            BlockWriter::new(kind, &front, limit, interval)
        })
    }

    /// Writes the block being filled, if it has records.
    fn flush_block(&mut self) -> Result<()> {
        match self.block.take() {
            Some(block) if block.entries() > 0 => self.write_block(block),
            _ => Ok(()),
        }
    }

    fn write_block(&mut self, mut block: BlockWriter) -> Result<()> {
        let kind = block.kind();
        let (entries, restarts) = (u64::from(block.entries()), block.restarts() as u64);
        let mut stored = std::mem::take(&mut self.stored);
        let len = block.finish().len();
        let mut padding = 0;
        if kind == BlockType::Log {
            let room = len.max(self.log_read_size());
            let deflated = block.deflate(&mut self.deflater, room, &mut stored);
            deflated.map_err(|_| Error::Misuse("log block cannot be deflated"))?;
            if entries > 1 && stored.len() > room {
                self.stored = stored;
                return split_log_block(self, &block);
            }
        } else if self.options.padded {
            padding = (self.options.block_size as usize).saturating_sub(len);
        }
        let bytes = match kind {
            BlockType::Log => stored.as_slice(),
            _ => block.finished(),
        };
        let position = self.out.position();
        self.out.write(bytes, padding)?;
        self.stored = stored;
        self.index.push(IndexEntry {
            last_key: block.last_key().to_vec(),
            position,
        });
        let stats = self.section_stats(kind);
        if stats.blocks == 0 {
            stats.offset = position;
        }
        stats.blocks = stats.blocks.saturating_add(1);
        stats.entries = stats.entries.saturating_add(entries);
        stats.restarts = stats.restarts.saturating_add(restarts);
        self.stats.blocks = self.stats.blocks.saturating_add(1);
        Ok(())
    }

    /// Other readers fetch that many bytes of a log block, or its announced length if that is more;
    /// a block that takes more in the file is out of their reach.
    fn log_read_size(&self) -> usize {
        match self.options.padded {
            true => self.options.block_size as usize,
            false => DEFAULT_BLOCK_SIZE as usize,
        }
    }

    /// Writes log blocks with given records; used to split a block.
    pub(super) fn write_log_records(&mut self, records: &[super::split::RawRecord]) -> Result<()> {
        let interval = self.options.restart_interval;
        let mut block = BlockWriter::new(BlockType::Log, &[], MAX_BLOCK_LEN, interval);
        for record in records {
            let put = |out: &mut Vec<u8>| out.extend_from_slice(&record.value);
            block.add(&record.key, record.extra, put);
        }
        self.write_block(block)
    }

    fn section_stats(&mut self, kind: BlockType) -> &mut BlockStats {
        match kind {
            BlockType::Ref => &mut self.stats.refs,
            BlockType::Obj => &mut self.stats.objects,
            BlockType::Log => &mut self.stats.logs,
            BlockType::Index => &mut self.stats.index,
        }
    }

    /// Ends the ref section: its last block, its index, the objects.
    fn finish_refs(&mut self) -> Result<()> {
        self.footer.ref_index = self.finish_section(BlockType::Ref)?;
        if self.footer.ref_index != 0 && !self.objects.is_empty() {
            self.write_objects()?;
        }
        self.objects = Objects::default();
        Ok(())
    }

    fn write_objects(&mut self) -> Result<()> {
        let mut objects = std::mem::take(&mut self.objects);
        let id_len = objects.sort();
        self.footer.obj = self.out.position();
        self.footer.obj_id_len = id_len;
        self.stats.object_id_len = u8::try_from(id_len).unwrap_or_default();
        for (id, positions) in objects.groups() {
            let key = id.get(..id_len).unwrap_or(&id);
            let put = |out: &mut Vec<u8>| put_positions(out, &positions);
            match self.add(BlockType::Obj, key, count_bits(&positions), put) {
                // A list that fits no block is left out: readers look at all refs then.
                Err(Error::TooLarge { .. }) => {
                    self.add(BlockType::Obj, key, 0, |out| put_positions(out, &[]))?;
                }
                result => result?,
            }
        }
        self.footer.obj_index = self.finish_section(BlockType::Obj)?;
        Ok(())
    }

    /// Starts the log section right after the last block. At the start of the file the header
    /// stands alone: log blocks that count it are invisible to JGit (format section 12.2).
    fn start_logs(&mut self) -> Result<()> {
        self.out.drop_padding();
        if self.out.position() == 0 {
            let header = self.header.encode();
            self.out.write(&header, 0)?;
        }
        self.footer.log = self.out.position();
        self.last_key.clear();
        self.state = State::Logs;
        Ok(())
    }

    /// Writes the last block of a section and its index; returns the position of the index's
    /// root, 0 if the section needs none.
    fn finish_section(&mut self, kind: BlockType) -> Result<u64> {
        self.flush_block()?;
        let entries = std::mem::take(&mut self.index);
        let without_index = match (kind, self.options.padded) {
            (BlockType::Log, _) | (_, false) => 1,
            _ => 3,
        };
        if entries.len() <= without_index {
            return Ok(0);
        }
        let block_size = self.options.block_size;
        let aligned = self.options.padded && kind != BlockType::Log;
        let layout = IndexLayout {
            start: self.out.position(),
            limit: match self.options.padded {
                true => block_size as usize,
                false => MAX_BLOCK_LEN,
            },
            alignment: aligned.then_some(u64::from(block_size)),
            restart_interval: self.options.restart_interval,
        };
        let Some(index) = lay_out(entries, layout) else {
            return Ok(0);
        };
        for block in &index.blocks {
            let padding = match aligned {
                true => (block_size as usize).saturating_sub(block.len()),
                false => 0,
            };
            self.out.write(block, padding)?;
        }
        let count = index.blocks.len() as u64;
        let section = self.section_stats(kind);
        section.index_blocks = count;
        section.max_index_level = index.levels;
        section.index_offset = index.root;
        self.stats.blocks = self.stats.blocks.saturating_add(count);
        let all = &mut self.stats.index;
        all.blocks = all.blocks.saturating_add(count);
        all.entries = all.entries.saturating_add(index.entries);
        all.restarts = all.restarts.saturating_add(index.restarts);
        Ok(index.root)
    }

    /// Writes what is left of the table, and its footer.
    ///
    /// # Errors
    /// [`Error::EmptyTable`] if no record was added; the table is complete and valid all the
    /// same. [`Error::Misuse`] the second time. Errors of the sink.
    pub fn finish(&mut self) -> Result<()> {
        self.check_usable()?;
        match self.state {
            State::Refs => self.finish_refs()?,
            State::Logs => self.footer.log_index = self.finish_section(BlockType::Log)?,
            State::Empty | State::Finished => {}
        }
        self.out.drop_padding();
        let empty = self.out.position() == 0;
        if empty {
            let header = self.header.encode();
            self.out.write(&header, 0)?;
        }
        let footer = self.footer.encode(&self.header);
        self.out.write(&footer, 0)?;
        self.state = State::Finished;
        match self.stats.blocks {
            0 => Err(Error::EmptyTable),
            _ => Ok(()),
        }
    }

    /// What was written so far; complete after [`TableWriter::finish`].
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Bytes written so far, padding that is due included.
    pub fn bytes_written(&self) -> u64 {
        self.out.position()
    }
}
