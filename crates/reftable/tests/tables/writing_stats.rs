//! What a writer says it has written, against what is in the file.

use reftable::table::{BlockStats, Stats, TableSink};
use reftable::{HashId, Result, TableWriter, WriteOptions};
use test_support::layout::{self, Placed};
use test_support::records::{self, add_all};

const SHA1: HashId = HashId::Sha1;

fn write(options: &WriteOptions, refs: usize, logs: usize) -> (Vec<u8>, Stats) {
    let refs = records::branches(SHA1, refs);
    let log = |n: usize| records::log(format!("refs/heads/b{n:05}"), 1, SHA1, "message\n");
    let logs: Vec<_> = (0..logs).map(log).collect();
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, options.clone()).unwrap();
    writer.set_limits(1, 1);
    add_all(&mut writer, &refs, &logs).unwrap();
    writer.finish().unwrap();
    let (stats, len) = (*writer.stats(), writer.bytes_written());
    drop(writer);
    assert_eq!(len, bytes.len() as u64);
    (bytes, stats)
}

/// The number of restarts at the end of a block that is not deflated.
fn restarts(bytes: &[u8], block: &Placed) -> u64 {
    let end = block.position + block.len;
    u64::from(u16::from_be_bytes([bytes[end - 2], bytes[end - 1]]))
}

/// Counts of the blocks of one type, as far as the file shows them.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    blocks: u64,
    offset: u64,
    index_blocks: u64,
    index_offset: u64,
}

fn seen(stats: &BlockStats) -> Seen {
    Seen {
        blocks: stats.blocks,
        offset: stats.offset,
        index_blocks: stats.index_blocks,
        index_offset: stats.index_offset,
    }
}

/// What the file shows of a type: its blocks, and those of the index that follow them at once.
fn in_file(blocks: &[Placed], kind: u8, index: usize) -> Seen {
    let own: Vec<&Placed> = blocks.iter().filter(|block| block.kind == kind).collect();
    let after = blocks.iter().skip_while(|block| block.kind != kind);
    let after = after.skip_while(|block| block.kind == kind);
    Seen {
        blocks: own.len() as u64,
        offset: own.first().map_or(0, |block| block.position as u64),
        index_blocks: match own.is_empty() {
            true => 0,
            false => after.take_while(|block| block.kind == b'i').count() as u64,
        },
        index_offset: index as u64,
    }
}

#[test]
fn statistics_are_those_of_the_file() {
    let mut levels = [0; 3];
    for padded in [true, false] {
        for block_size in [256, 512, 4096] {
            for (refs, logs) in [(1, 0), (0, 1), (7, 7), (100, 30), (900, 300)] {
                let mut options = records::options(block_size);
                options.padded = padded;
                let (bytes, stats) = write(&options, refs, logs);
                let (blocks, footer) = (layout::blocks(&bytes), layout::footer(&bytes));
                let what = format!("{refs} refs, {logs} logs, {options:?}");
                let sections = [
                    (&stats.refs, b'r', footer.ref_index),
                    (&stats.objects, b'o', footer.object_index),
                    (&stats.logs, b'g', footer.log_index),
                ];
                for (section, kind, index) in sections {
                    let expected = in_file(&blocks, kind, index);
                    assert_eq!(seen(section), expected, "{what}");
                    let deep = section.max_index_level;
                    assert_eq!(deep == 0, index == 0, "{what}");
                    levels[deep.min(2) as usize] += 1;
                }
                let is_index = |block: &&Placed| block.kind == b'i';
                let index: Vec<&Placed> = blocks.iter().filter(is_index).collect();
                assert_eq!(stats.blocks, blocks.len() as u64, "{what}");
                assert_eq!(stats.index.blocks, index.len() as u64, "{what}");
                // Every block but a root is listed once.
                let below = |s: &BlockStats| match s.index_offset {
                    0 => 0,
                    _ => s.blocks + s.index_blocks - 1,
                };
                let listed = [&stats.refs, &stats.objects, &stats.logs].map(below);
                assert_eq!(stats.index.entries, listed.iter().sum::<u64>(), "{what}");
                let count = |kind| {
                    let of_kind = blocks.iter().filter(|block| block.kind == kind);
                    of_kind.map(|block| restarts(&bytes, block)).sum::<u64>()
                };
                assert_eq!(stats.index.restarts, count(b'i'), "{what}");
                assert_eq!(stats.refs.restarts, count(b'r'), "{what}");
                assert_eq!(stats.objects.restarts, count(b'o'), "{what}");
                let entries = (stats.refs.entries, stats.logs.entries);
                assert_eq!(entries, (refs as u64, logs as u64), "{what}");
                assert_eq!(stats.object_id_len, footer.object_id_len as u8, "{what}");
            }
        }
    }
    assert!(levels.iter().all(|times| *times > 0), "{levels:?}");
}

/// A table without records is one header and one footer.
#[test]
fn nothing_is_counted_where_nothing_was_added() {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, WriteOptions::default()).unwrap();
    assert!(writer.finish().is_err());
    assert_eq!(*writer.stats(), Stats::default());
    assert_eq!(writer.bytes_written(), 24 + 68);
}

/// Counts the pieces that it takes.
#[derive(Default)]
struct Pieces {
    blocks: usize,
    zeros: usize,
    empty: usize,
}

impl TableSink for Pieces {
    fn write(&mut self, data: &[u8]) -> Result<()> {
        match data {
            [] => self.empty += 1,
            _ if data.iter().all(|byte| *byte == 0) => self.zeros += 1,
            _ => self.blocks += 1,
        }
        Ok(())
    }
}

/// What `TableSink` says of the calls.
#[test]
fn sink_gets_each_block_as_one_piece_and_no_empty_ones() {
    for padded in [true, false] {
        let mut options = records::options(256);
        options.padded = padded;
        let refs = records::branches(SHA1, 100);
        let (bytes, stats) = write(&options, 100, 0);
        let mut pieces = Pieces::default();
        let mut writer = TableWriter::new(&mut pieces, options).unwrap();
        writer.set_limits(1, 1);
        add_all(&mut writer, &refs, &[]).unwrap();
        writer.finish().unwrap();
        drop(writer);
        let padded_blocks = layout::blocks(&bytes)
            .iter()
            .filter(|block| block.padding > 0)
            .count();
        assert_eq!(padded_blocks > 0, padded);
        // The blocks and the footer.
        assert_eq!(pieces.blocks as u64, stats.blocks + 1);
        assert_eq!((pieces.zeros, pieces.empty), (padded_blocks, 0));
    }
}
