//! `reftable stat`

use crate::args::Stat;
use crate::failure::Failure;
use crate::json;
use crate::out::{Out, shown, shown_path};
use crate::places::Places;
use crate::target::Place;
use reftable::inspect::{BlockInfo, BlockKind, Content, Part, RecordInfo, walk};
use reftable::table::TableSink;
use reftable::{LogValue, MergedTable, RefValue, Stack, Table, TableWriter, WriteOptions};
use serde_json::{Value, json};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Width of the longest bar.
const BAR: u64 = 40;

pub(crate) fn run(args: &Stat, out: &mut Out) -> Result<u8, Failure> {
    for path in &args.paths {
        if let Place::File(path) = Place::of(path)? {
            let table = Arc::new(Table::open_file(&path)?);
            let counts = TableCounts::of(&table)?;
            match args.json {
                true => out.json(&counts.to_json(&table))?,
                false => counts.print(&table, out)?,
            }
            continue;
        }
        let places = Places::of(path, &args.which)?;
        for place in &places.stacks {
            let stack = places.open(place)?;
            let counts = StackCounts::of(&stack)?;
            match args.json {
                true => out.json(&counts.to_json(&place.dir))?,
                false => counts.print(&place.dir, out)?,
            }
        }
    }
    Ok(0)
}

/// What a section has. Lengths are in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct SectionCounts {
    records: u64,
    blocks: u64,
    index_blocks: u64,
    index_levels: u32,
    /// In the file, with index and padding.
    bytes: u64,
    padding: u64,
    /// Inflated, without padding.
    inflated: u64,
    restarts: u64,
    key_bytes: u64,
    shared_bytes: u64,
}

#[derive(Debug, Default)]
struct TableCounts {
    refs: SectionCounts,
    objects: SectionCounts,
    logs: SectionCounts,
    ref_tombstones: u64,
    symrefs: u64,
    peeled: u64,
    log_tombstones: u64,
}

impl TableCounts {
    fn of(table: &Arc<Table>) -> Result<TableCounts, Failure> {
        let mut counts = TableCounts::default();
        let mut section = BlockKind::Refs;
        walk(table, |part| match part {
            Part::Block(block) => {
                section = block.section;
                counts.section(section).add_block(&block);
            }
            Part::Record(record) => counts.add_record(section, &record),
        })?;
        Ok(counts)
    }

    fn section(&mut self, kind: BlockKind) -> &mut SectionCounts {
        match kind {
            BlockKind::Objects => &mut self.objects,
            BlockKind::Logs => &mut self.logs,
            _ => &mut self.refs,
        }
    }

    fn add_record(&mut self, section: BlockKind, record: &RecordInfo<'_>) {
        match &record.content {
            Content::Ref(found) => match found.value {
                RefValue::Deletion => self.ref_tombstones += 1,
                RefValue::Symref(_) => self.symrefs += 1,
                RefValue::Peeled { .. } => self.peeled += 1,
                RefValue::Object(_) => {}
            },
            Content::Log(found) if matches!(found.value, LogValue::Deletion) => {
                self.log_tombstones += 1;
            }
            Content::Index { .. } => return,
            _ => {}
        }
        let counts = self.section(section);
        counts.records += 1;
        counts.key_bytes += record.key_len;
        counts.shared_bytes += record.shared;
    }

    fn sections(&self) -> [(&'static str, SectionCounts); 3] {
        [
            ("ref", self.refs),
            ("obj", self.objects),
            ("log", self.logs),
        ]
    }

    fn records(&self) -> u64 {
        self.refs.records + self.logs.records
    }

    fn to_json(&self, table: &Table) -> Value {
        let sections = self.sections().map(|(name, counts)| {
            json!({
                "section": name,
                "records": counts.records,
                "blocks": counts.blocks,
                "index_blocks": counts.index_blocks,
                "index_levels": counts.index_levels,
                "bytes": counts.bytes,
                "padding": counts.padding,
                "inflated_bytes": counts.inflated,
                "restarts": counts.restarts,
                "key_bytes": counts.key_bytes,
                "shared_key_bytes": counts.shared_bytes,
            })
        });
        json!({
            "table": json::text(table.name().as_bytes()),
            "bytes": table.file_len(),
            "version": table.version(),
            "hash": table.hash().to_string(),
            "block_size": table.block_size(),
            "min_update_index": table.min_update_index(),
            "max_update_index": table.max_update_index(),
            "ref_tombstones": self.ref_tombstones,
            "symrefs": self.symrefs,
            "peeled": self.peeled,
            "log_tombstones": self.log_tombstones,
            "object_id_bytes": table.object_id_len(),
            "sections": sections,
        })
    }

    fn print(&self, table: &Table, out: &mut Out) -> io::Result<()> {
        out.text(shown(table.name().as_bytes()))?;
        out.text(format_args!(
            "  {} bytes, version {}, {}, block size {}, update indexes {} to {}",
            table.file_len(),
            table.version(),
            table.hash(),
            table.block_size(),
            table.min_update_index(),
            table.max_update_index()
        ))?;
        for (name, counts) in self.sections() {
            if counts.blocks > 0 {
                counts.print(name, out)?;
            }
        }
        out.text(format_args!(
            "  {} refs ({} tombstones, {} symbolic, {} peeled tags), {} log entries ({} tombstones)",
            self.refs.records,
            self.ref_tombstones,
            self.symrefs,
            self.peeled,
            self.logs.records,
            self.log_tombstones
        ))
    }
}

impl SectionCounts {
    fn add_block(&mut self, block: &BlockInfo) {
        self.bytes += block.stored_len + block.padding;
        self.padding += block.padding;
        if block.level > 0 {
            self.index_blocks += 1;
            self.index_levels = self.index_levels.max(block.level);
            return;
        }
        self.blocks += 1;
        self.restarts += block.restarts;
        self.inflated += block.len;
    }

    fn print(&self, name: &str, out: &mut Out) -> io::Result<()> {
        out.text(format_args!(
            "  {name}: {} records in {} blocks, {} bytes ({:.1} per record, {} padding), \
             {} index blocks in {} levels, a restart every {:.1} records, {:.0} % of keys shared",
            self.records,
            self.blocks,
            self.bytes,
            ratio(self.bytes, self.records),
            self.padding,
            self.index_blocks,
            self.index_levels,
            ratio(self.records, self.restarts),
            100.0 * ratio(self.shared_bytes, self.key_bytes)
        ))
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn ratio(a: u64, b: u64) -> f64 {
    match b {
        0 => 0.0,
        b => a as f64 / b as f64,
    }
}

/// Counts of the whole stack.
struct StackCounts {
    tables: Vec<(Arc<Table>, TableCounts)>,
    bytes: u64,
    records: u64,
    shadowed: u64,
    tombstones: u64,
    compacted_bytes: u64,
    compaction_due: bool,
}

impl StackCounts {
    fn of(stack: &Stack) -> Result<StackCounts, Failure> {
        let view = stack.merged();
        let mut tables = Vec::new();
        for table in view.tables() {
            tables.push((Arc::clone(table), TableCounts::of(table)?));
        }
        let records = tables.iter().map(|(_, counts)| counts.records()).sum();
        let all = MergedTable::new(view.tables().to_vec(), view.hash())?;
        let keys = compacted(&all, &stack.options().write)?.records;
        let compacted = compacted(&view, &stack.options().write)?;
        Ok(StackCounts {
            bytes: view.tables().iter().map(|table| table.file_len()).sum(),
            records,
            shadowed: u64::saturating_sub(records, keys),
            tombstones: keys.saturating_sub(compacted.records),
            compacted_bytes: compacted.bytes,
            compaction_due: stack.compaction_required(),
            tables,
        })
    }

    fn to_json(&self, dir: &Path) -> Value {
        let tables = self.tables.iter();
        let tables: Vec<_> = tables
            .map(|(table, counts)| counts.to_json(table))
            .collect();
        json!({
            "stack": json::text(dir.as_os_str().as_encoded_bytes()),
            "bytes": self.bytes,
            "records": self.records,
            "shadowed_records": self.shadowed,
            "effective_tombstones": self.tombstones,
            "compacted_bytes": self.compacted_bytes,
            "compaction_required": self.compaction_due,
            "tables": tables,
        })
    }

    fn print(&self, dir: &Path, out: &mut Out) -> io::Result<()> {
        let (number, bytes) = (self.tables.len(), self.bytes);
        out.text(format_args!(
            "{}: {number} tables, {bytes} bytes",
            shown_path(dir)
        ))?;
        let lengths = self.tables.iter().map(|(table, _)| table.file_len());
        let longest = lengths.max().unwrap_or(1);
        for (table, _) in &self.tables {
            let len = table.file_len();
            let width = usize::try_from((len * BAR).div_ceil(longest)).unwrap_or_default();
            let bar = out.paint(36, &"#".repeat(width));
            out.text(format_args!(
                "  {len:>12} {bar} {}",
                shown(table.name().as_bytes())
            ))?;
        }
        out.text(format_args!(
            "  {} records, {} of them shadowed, {} tombstones in effect",
            self.records, self.shadowed, self.tombstones
        ))?;
        out.text(format_args!(
            "  compaction of all tables saves {} bytes; automatic compaction is {}",
            bytes.saturating_sub(self.compacted_bytes),
            if self.compaction_due {
                "due"
            } else {
                "not due"
            }
        ))?;
        for (table, counts) in &self.tables {
            counts.print(table, out)?;
        }
        Ok(())
    }
}

/// What one table with all of a view's records would be.
struct Compacted {
    records: u64,
    bytes: u64,
}

fn compacted(view: &MergedTable, options: &WriteOptions) -> Result<Compacted, Failure> {
    struct Nowhere;
    impl TableSink for Nowhere {
        fn write(&mut self, _data: &[u8]) -> reftable::Result<()> {
            Ok(())
        }
    }
    let mut records = 0;
    let mut writer = TableWriter::new(Nowhere, options.clone())?;
    writer.set_limits(view.min_update_index(), view.max_update_index());
    let mut refs = view.refs_from(b"")?;
    while let Some(record) = refs.next()? {
        writer.add_ref(&record)?;
        records += 1;
    }
    let mut logs = view.logs_from(b"", u64::MAX)?;
    while let Some(record) = logs.next()? {
        writer.add_log(&record)?;
        records += 1;
    }
    let bytes = match writer.finish() {
        Ok(()) => writer.bytes_written(),
        // Then there is no table at all.
        Err(reftable::Error::EmptyTable) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(Compacted { records, bytes })
}
