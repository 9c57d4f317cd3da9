//! The stacks that the reading workloads read, and the tables they are made of.

use crate::data::{self, Log, Ref, RefKind, draw};
use crate::measure::make_folder;
use reftable::table::TableSink;
use reftable::{Result, TableWriter, WriteOptions};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// A file that is written in pieces of 64 KiB.
#[derive(Debug)]
struct FileSink {
    file: File,
    buffer: Vec<u8>,
}

impl FileSink {
    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }
}

impl TableSink for FileSink {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= 64 << 10 {
            // A benchmark has no use for a code of its own.
            self.flush().map_err(|_| reftable::Error::Callback(-2))?;
        }
        Ok(())
    }
}

pub(crate) fn put_records(
    writer: &mut TableWriter<'_>,
    refs: &[Ref],
    logs: &[Log],
    update_index: Option<u64>,
) -> Result<()> {
    for each in refs {
        writer.add_ref(&each.record(update_index))?;
    }
    for each in logs {
        writer.add_log(&each.record(update_index))?;
    }
    Ok(())
}

/// Writes a table with update indexes from `min` to `max`.
pub(crate) fn write_table(
    path: &Path,
    refs: &[Ref],
    logs: &[Log],
    (min, max): (u64, u64),
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut sink = FileSink {
        file: File::create(path)?,
        buffer: Vec::new(),
    };
    let mut writer = TableWriter::new(&mut sink, WriteOptions::default())?;
    writer.set_limits(min, max);
    put_records(&mut writer, refs, logs, None)?;
    writer.finish()?;
    drop(writer);
    sink.flush()?;
    Ok(())
}

type Outcome = std::result::Result<(), Box<dyn std::error::Error>>;

/// Adds a table on top of a stack.
pub(crate) fn add_table(dir: &Path, refs: &[Ref], logs: &[Log], limits: (u64, u64)) -> Outcome {
    let list = dir.join("tables.list");
    let mut names = fs::read_to_string(&list).unwrap_or_default();
    let (min, max) = limits;
    let name = format!("0x{min:012x}-0x{max:012x}-{:08x}.ref", names.len());
    write_table(&dir.join(&name), refs, logs, limits)?;
    names.push_str(&name);
    names.push('\n');
    fs::write(list, names)?;
    Ok(())
}

/// Newer versions of `count` out of `total` refs: a fifth are new ones, an eighth tombstones.
pub(crate) fn make_changes(total: u64, count: u64, generation: u64) -> Vec<Ref> {
    let stride = (total / count).max(1);
    let numbers = (0..count).map(|i| {
        let drawn = draw(i, 50 + generation);
        let number = 1 + (i * stride + drawn % stride) % (total - 1);
        if drawn >> 32 & 0xff < 51 {
            number + total * generation
        } else {
            number
        }
    });
    let mut refs = data::make_refs(numbers, generation);
    refs.dedup_by(|a, b| a.name == b.name);
    for (i, each) in refs.iter_mut().enumerate() {
        each.update_index = 1000 + generation;
        if draw(i as u64, 60 + generation) % 8 == 0 {
            each.kind = RefKind::Tombstone;
        }
    }
    refs
}

/// Adds `parts` tables to a stack, each of `share` times as many refs as the one before.
fn add_changes(dir: &Path, total: u64, parts: u64, first: u64, share: (u64, u64)) -> Outcome {
    let mut count = first;
    for generation in 1..=parts {
        let refs = make_changes(total, count.max(1), generation);
        add_table(dir, &refs, &[], (1000 + generation, 1000 + generation))?;
        count = count * share.0 / share.1;
    }
    Ok(())
}

/// Makes all stacks for `total` refs below `fixtures`; see `docs/performance.md`.
pub(crate) fn prepare(fixtures: &Path, total: u64) -> Outcome {
    let folder = |name: &str| {
        let dir = fixtures.join(name);
        make_folder(&dir).map(|()| dir)
    };
    let refs = data::make_refs(0..total, 0);
    add_table(&folder("one")?, &refs, &[], (1, 1000))?;
    let six = folder("six")?;
    add_table(&six, &refs, &[], (1, 1000))?;
    add_changes(&six, total, 5, total / 4, (1, 4))?;

    let ten = folder("ten")?;
    let refs = data::make_refs(0..total / 10, 0);
    add_table(&ten, &refs, &[], (1, 1000))?;
    add_changes(&ten, total, 9, total / 25, (2, 5))?;

    let logs = data::make_logs(total / 2);
    add_table(&folder("logs")?, &[], &logs, (1, total / 2))?;
    prepare_parts(&folder("parts")?, total)
}

/// Eight tables of refs and logs that partly hide each other.
fn prepare_parts(dir: &Path, total: u64) -> Outcome {
    let (ref_count, log_count) = (total / 10, total / 20);
    for part in 0..8 {
        let index = part + 1;
        let first = part * log_count;
        let mut refs = data::make_refs(first..first + ref_count, part);
        for each in &mut refs {
            each.update_index = index;
        }
        let numbers = first..first + log_count;
        let mut logs: Vec<Log> = numbers
            .map(|number| Log::new(data::ref_name(number), index, number))
            .collect();
        data::sort_logs(&mut logs);
        add_table(dir, &refs, &logs, (index, index))?;
    }
    Ok(())
}
