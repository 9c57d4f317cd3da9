//! Where the sections of a written table begin, and which of them get an index.

use reftable::{HashId, WriteOptions};
use test_support::layout::{self, Placed};
use test_support::{read, records};

const SHA1: HashId = HashId::Sha1;

fn count(blocks: &[Placed], kind: u8) -> usize {
    blocks.iter().filter(|block| block.kind == kind).count()
}

fn unpadded(block_size: u32) -> WriteOptions {
    let mut options = records::options(block_size);
    options.padded = false;
    options
}

/// As `docs/format.md` says. Other programs' writers draw the same line.
#[test]
fn aligned_blocks_have_an_index_from_the_fourth_on_and_all_others_from_the_second() {
    for (options, least) in [(records::options(256), 4), (unpadded(256), 2)] {
        let mut seen = [0; 7];
        for refs in 1..60 {
            let refs = records::branches(SHA1, refs);
            let bytes = records::table(options.clone(), (1, 1), &refs, &[]).unwrap();
            let (blocks, footer) = (layout::blocks(&bytes), layout::footer(&bytes));
            for (kind, index) in [(b'r', footer.ref_index), (b'o', footer.object_index)] {
                let number = count(&blocks, kind);
                let what = format!("{number} blocks {}, {options:?}", kind as char);
                assert_eq!(index != 0, number >= least, "{what}");
                seen[number.min(6)] += 1;
            }
            // Objects lead to ref blocks, which few blocks need not.
            let (index, objects) = (footer.ref_index, footer.objects);
            assert_eq!(index != 0, objects != 0, "{} refs", refs.len());
        }
        assert!(seen[1..6].iter().all(|times| *times > 0), "{seen:?}");
    }
}

/// Log blocks of any table have an index from the second on, since none of them is aligned.
#[test]
fn log_blocks_have_an_index_from_the_second_on() {
    for options in [records::options(256), unpadded(256)] {
        let mut seen = [0; 5];
        for logs in 1..40 {
            let log = |n: usize| records::log(format!("refs/heads/{n:04}"), 1, SHA1, "message\n");
            let logs: Vec<_> = (0..logs).map(log).collect();
            let bytes = records::table(options.clone(), (1, 1), &[], &logs).unwrap();
            let number = count(&layout::blocks(&bytes), b'g');
            let index = layout::footer(&bytes).log_index;
            assert_eq!(index != 0, number > 1, "{number} blocks, {options:?}");
            seen[number.min(4)] += 1;
        }
        assert!(seen[1..].iter().all(|times| *times > 0), "{seen:?}");
    }
}

/// Logs follow the last block before them at once, whichever section that belongs to.
#[test]
fn no_padding_stands_in_front_of_logs() {
    let logs = [records::log("refs/heads/a", 1, SHA1, "message\n")];
    let mut kinds = Vec::new();
    for objects in [true, false] {
        for refs in [1, 5, 12, 40, 90, 300] {
            let mut options = records::options(512);
            options.object_index = objects;
            let refs = records::branches(SHA1, refs);
            let bytes = records::table(options, (1, 1), &refs, &logs).unwrap();
            let (blocks, footer) = (layout::blocks(&bytes), layout::footer(&bytes));
            let log = blocks.iter().position(|block| block.kind == b'g').unwrap();
            let before = &blocks[log - 1];
            let what = format!("{} refs, objects: {objects}", refs.len());
            assert!(objects || footer.objects == 0, "{what}");
            assert_eq!(before.padding, 0, "{what}");
            assert_eq!(before.position + before.in_file, footer.log, "{what}");
            assert_eq!(blocks[log].position, footer.log, "{what}");
            // Else nothing would be there to leave out.
            assert_ne!(before.in_file, 512, "{what}");
            kinds.push(before.kind);
        }
    }
    assert!(b"rio".iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
}

/// A name can fit a block of refs, and no block of the index together with the position of that
/// block. The index would lack it, or have a block that others cannot read.
#[test]
fn name_that_fits_no_block_of_the_index_leaves_the_index_out() {
    let mut outcomes = Vec::new();
    for len in 200..250 {
        let mut refs = records::branches(SHA1, 100);
        let name = format!("refs/z{}", "z".repeat(len - 6));
        refs.push(records::tombstone(name, 1));
        let Ok(bytes) = records::table(records::options(256), (1, 1), &refs, &[]) else {
            outcomes.push("refused");
            continue;
        };
        let index = count(&layout::blocks(&bytes), b'i');
        assert_eq!(layout::footer(&bytes).ref_index == 0, index == 0, "{len}");
        outcomes.push(if index == 0 { "without" } else { "with" });
        let table = read::open(&bytes).unwrap();
        read::assert_holds(&format!("{len} bytes"), &table, &refs, &[]);
    }
    outcomes.dedup();
    assert_eq!(outcomes, ["with", "without", "refused"]);
}
