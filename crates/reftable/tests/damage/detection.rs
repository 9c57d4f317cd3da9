//! Which damage shows and which does not: every single flipped bit of every small table, sorted by
//! the block it is in. The footer has a checksum, and every log block one of its stream; ref,
//! object and index blocks have none. `docs/durability.md` tells what follows from that.

use reftable::HashId;
use reftable::record::{LogRecordBuf, RefRecordBuf};
use std::collections::BTreeMap;
use test_support::damaged::defects;
use test_support::{corpus, layout, read, records};

/// Longer tables take too long to be damaged in every bit.
const SMALL: usize = 700;

/// What came of a flipped bit.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    /// The table did not open, or a scan ended in an error.
    refused: u32,
    /// The records are the same, and the deep check tells that something is wrong.
    same_and_found: u32,
    /// The records are the same, and nothing is wrong: the bit has no meaning.
    same: u32,
    /// Other records, and the deep check tells.
    other_and_found: u32,
    /// Other records, and nobody can tell.
    other: u32,
}

type Records = (Vec<RefRecordBuf>, Vec<LogRecordBuf>);

fn contents(bytes: &[u8]) -> Option<Records> {
    let table = read::open(bytes).ok()?;
    Some((read::refs(&table).ok()?, read::logs(&table).ok()?))
}

/// The block, or other part, that a byte is in.
fn part(bytes: &[u8], at: usize) -> &'static str {
    let footer = layout::footer(bytes);
    if at < footer.header_len {
        return "header";
    }
    if at >= footer.start {
        return "footer";
    }
    let block = layout::blocks(bytes).into_iter().rev();
    let block = block
        .into_iter()
        .find(|block| block.position <= at)
        .unwrap();
    match block.kind {
        _ if at >= block.position + block.in_file => "padding",
        b'r' => "ref block",
        b'o' => "object block",
        b'i' => "index block",
        _ => "log block",
    }
}

fn damage(bytes: &[u8], counts: &mut BTreeMap<&'static str, Counts>) {
    let sound = contents(bytes).unwrap();
    for at in 0..bytes.len() {
        let count = counts.entry(part(bytes, at)).or_default();
        for bit in 0..8 {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= 1 << bit;
            let Some(found) = contents(&damaged) else {
                count.refused += 1;
                continue;
            };
            let told = !defects("flipped", &damaged).is_empty();
            *match (found == sound, told) {
                (true, true) => &mut count.same_and_found,
                (true, false) => &mut count.same,
                (false, true) => &mut count.other_and_found,
                (false, false) => &mut count.other,
            } += 1;
        }
    }
}

/// Small blocks: several of refs, objects, both indexes, and logs.
fn with_every_kind_of_block() -> Vec<u8> {
    let refs = records::branches(HashId::Sha1, 30);
    let log = |n: u64| records::log("refs/heads/a", n, HashId::Sha1, "message\n");
    let logs: Vec<_> = (0..5).rev().map(log).collect();
    records::table(records::options(150), (0, 9), &refs, &logs).unwrap()
}

#[test]
fn only_ref_blocks_can_change_without_a_trace() {
    let mut counts = BTreeMap::new();
    let mut tables = 0;
    for table in corpus::tables()
        .into_iter()
        .filter(|t| t.columns[1] == "ok")
    {
        let bytes = table.bytes();
        if bytes.len() <= SMALL {
            damage(&bytes, &mut counts);
            tables += 1;
        }
    }
    damage(&with_every_kind_of_block(), &mut counts);
    println!("flipped bits of {} tables:", tables + 1);
    for (part, count) in &counts {
        println!("{part:>13}: {count:?}");
        let silent = count.other + count.other_and_found;
        match *part {
            "header" | "footer" => {
                assert_eq!(count.same + count.same_and_found + silent, 0, "{part}");
            }
            // What they say is redundant, or protected.
            "object block" | "index block" | "padding" | "log block" => {
                assert_eq!(silent, 0, "{part}");
            }
            _ => {}
        }
    }
    // A wrong index or object section is told, though all records are there; of the object section
    // a few bits have no meaning, as the restart that a lookup would find without.
    assert_eq!(counts["index block"].same, 0);
    let objects = counts["object block"];
    assert!(objects.same * 100 < objects.same_and_found, "{objects:?}");
    let refs = counts["ref block"];
    let noticed = refs.refused + refs.other_and_found + refs.same_and_found;
    assert!(noticed * 4 > noticed + refs.other, "{refs:?}");
    assert!(
        refs.other > 0,
        "the format has a checksum for refs after all"
    );
    assert!(tables >= 10, "{tables}");
}
