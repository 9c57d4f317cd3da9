//! Damaged tables made byte by byte, and what must come of them.

use crate::damaged::{class, defects, read_by_all_means};
use crate::encode::{RawBlock, RawTable, object, varint};

/// The table is refused when it is opened, with this class of error.
pub fn refused(what: &str, classes: &str, bytes: &[u8]) {
    let error = read_by_all_means(what, bytes).err();
    let error = error.unwrap_or_else(|| panic!("{what}: opened"));
    assert!(
        classes.split('|').any(|c| c == class(&error)),
        "{what}: {error}, not {classes}"
    );
    found(what, classes, bytes);
}

/// The table opens, but reading its records gives this class of error.
pub fn unreadable(what: &str, classes: &str, bytes: &[u8]) {
    let outcome = read_by_all_means(what, bytes).unwrap_or_else(|e| panic!("{what}: open: {e}"));
    let error = outcome.errors().first().copied();
    let error = error.unwrap_or_else(|| panic!("{what}: read without error: {outcome:?}"));
    assert!(
        classes.split('|').any(|c| c == class(error)),
        "{what}: {error}, not {classes}"
    );
    found(what, classes, bytes);
}

/// The deep check finds this class of error first. Reading may work.
pub fn found(what: &str, classes: &str, bytes: &[u8]) {
    let _ = read_by_all_means(what, bytes);
    let findings = defects(what, bytes);
    let first = findings
        .first()
        .unwrap_or_else(|| panic!("{what}: nothing found"));
    let fits = classes.split('|').any(|class| class == first.kind.name());
    assert!(fits, "{what}: {findings:#?}, not {classes}");
}

/// One table of one block.
pub fn one_block(block: &RawBlock) -> RawTable {
    let mut table = RawTable::new();
    table.push(&block.plain());
    table
}

pub fn one_ref() -> RawTable {
    one_block(&RawBlock::first(b'r').full(b"refs/heads/a", 1, &object(0x11)))
}

/// A log-only table whose block is not the first.
pub fn one_log_block(block: &RawBlock) -> RawTable {
    let mut table = RawTable::new();
    table.log = table.push(&block.deflated());
    table
}

/// `refs/heads/a` with id 11… in the block at 0, `refs/heads/b` with id 22… in the one given.
pub fn two_ref_blocks() -> (RawTable, u64) {
    let mut table = one_ref();
    let second = RawBlock::new(b'r').full(b"refs/heads/b", 1, &object(0x22));
    let position = table.push(&second.plain());
    (table, position)
}

pub fn index(records: &[(&[u8], u64)]) -> RawBlock {
    records
        .iter()
        .fold(RawBlock::new(b'i'), |block, (key, position)| {
            block.full(key, 0, &varint(*position))
        })
}

/// Two ref blocks with a right index.
pub fn indexed() -> (RawTable, u64) {
    let (mut table, second) = two_ref_blocks();
    let index = index(&[(b"refs/heads/a", 0), (b"refs/heads/b", second)]);
    table.ref_index = table.push(&index.plain());
    (table, second)
}
