//! Time, bytes and memory of a workload, and the line that reports them.

use nix::time::{ClockId, clock_gettime};
use reftable::{LogRecord, LogValue, RefRecord, RefValue};
use std::fs;
use std::io;
use std::path::Path;

/// What a reading workload found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: u64,
    /// Tells whether two programs read the same.
    pub(crate) sum: u64,
}

impl Found {
    #[inline]
    pub(crate) fn add_ref(&mut self, record: &RefRecord<'_>, update_index: u64) {
        let id = match record.value {
            RefValue::Object(id) | RefValue::Peeled { id, .. } => first_bytes(id),
            _ => 0,
        };
        let last = record.name.last().copied().unwrap_or_default();
        let rotated = self.sum.rotate_left(1);
        self.sum = rotated
            .wrapping_add(record.name.len() as u64 * 257)
            .wrapping_add(u64::from(last))
            .wrapping_add(update_index)
            .wrapping_add(id);
        self.records += 1;
    }

    #[inline]
    pub(crate) fn add_log(&mut self, record: &LogRecord<'_>) {
        let LogValue::Update(update) = record.value else {
            return;
        };
        let first = update.message.first().copied().unwrap_or_default();
        let rotated = self.sum.rotate_left(1);
        self.sum = rotated
            .wrapping_add(record.name.len() as u64 * 257)
            .wrapping_add(record.update_index.wrapping_mul(3))
            .wrapping_add(first_bytes(update.new_id))
            .wrapping_add(update.time)
            .wrapping_add(update.message.len() as u64 * 31)
            .wrapping_add(u64::from(first));
        self.records += 1;
    }
}

fn first_bytes(id: &[u8]) -> u64 {
    id.first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Measures laps; of several the least counts.
#[derive(Debug)]
pub(crate) struct Laps {
    cpu: u64,
    wall: u64,
}

impl Laps {
    pub(crate) fn new() -> Laps {
        Laps {
            cpu: u64::MAX,
            wall: u64::MAX,
        }
    }

    /// Runs a lap; what `run` gives.
    pub(crate) fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let cpu = now(CPU);
        let wall = now(WALL);
        let result = timed_lap(run);
        self.wall = self.wall.min(now(WALL) - wall);
        self.cpu = self.cpu.min(now(CPU) - cpu);
        result
    }

    /// CPU nanoseconds of the shortest lap.
    pub(crate) fn cpu(&self) -> u64 {
        self.cpu
    }
    /// The line of a workload: name, operations of a lap, CPU and wall nanoseconds of a lap, bytes
    /// written, largest memory and memory on the heap in KiB, records, and their sum.
    pub(crate) fn report(
        &self,
        workload: &str,
        operations: u64,
        bytes: u64,
        found: Found,
    ) -> String {
        format!(
            "{workload}\t{operations}\t{}\t{}\t{bytes}\t{}\t{}\t{}\t{:016x}",
            self.cpu,
            self.wall,
            process_figure("/proc/self/status", "VmHWM:"),
            process_figure("/proc/self/status", "RssAnon:"),
            found.records,
            found.sum
        )
    }
}

/// A function of its own: counting instructions begins and ends with it.
#[inline(never)]
fn timed_lap<T>(run: impl FnOnce() -> T) -> T {
    run()
}

const CPU: ClockId = ClockId::CLOCK_PROCESS_CPUTIME_ID;
const WALL: ClockId = ClockId::CLOCK_MONOTONIC;

/// Nanoseconds; these two clocks are everywhere where `/proc` is.
fn now(clock: ClockId) -> u64 {
    clock_gettime(clock).map_or(0, |now| {
        now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
    })
}

/// A number behind `key` in a file below `/proc`.
fn process_figure(file: &str, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key));
    let figure = value.and_then(|value| value.split_whitespace().next()?.parse().ok());
    figure.unwrap_or_default()
}

/// Bytes that this process has written so far.
pub(crate) fn bytes_written() -> u64 {
    process_figure("/proc/self/io", "wchar:")
}

/// The size of all files of a folder.
pub(crate) fn folder_size(dir: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(dir)? {
        size += entry?.metadata()?.len();
    }
    Ok(size)
}

/// Makes an empty folder in place of what is there.
pub(crate) fn make_folder(dir: &Path) -> io::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    fs::create_dir_all(dir)
}

/// Makes a copy of a stack. Tables are linked, not copied, where that can be.
pub(crate) fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    make_folder(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let copy = to.join(entry.file_name());
        if entry.file_name() == "tables.list" || fs::hard_link(entry.path(), &copy).is_err() {
            fs::copy(entry.path(), &copy)?;
        }
    }
    Ok(())
}
