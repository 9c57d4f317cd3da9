//! Stacks whose tables were written with other block sizes than new ones.

use crate::stack_support::{
    TableFile, add, assert_tidy, list, names, object, open, quick, scratch, symref, table,
    tombstone,
};
use reftable::{Error, Result, Stack, StackOptions, Table, TableWriter};
use std::path::Path;

fn open_with(dir: &Path, block_size: u32, padded: bool) -> Stack {
    let mut options = quick();
    options.write.block_size = block_size;
    options.write.padded = padded;
    Stack::open(dir, options).unwrap()
}

fn add_symref(stack: &Stack, name: &str, target: &[u8]) -> Result<()> {
    stack.add(|writer| {
        let next = stack.next_update_index()?;
        writer.set_limits(next, next);
        writer.add_ref(&symref(name.as_bytes(), next, target))
    })
}

/// A program can want the block size of its options and nothing else. Then a compaction that cannot
/// have it says so, and leaves the tables.
#[test]
fn blocks_do_not_grow_if_they_must_not() {
    for padded in [true, false] {
        let dir = scratch();
        let target = [b'x'; 5000];
        add_symref(&open_with(dir.path(), 1 << 16, padded), "refs/big", &target).unwrap();
        let mut options = quick();
        options.quirks.fixed_blocks = true;
        options.auto_compact = false;
        let stack = Stack::open(dir.path(), options).unwrap();
        add(&stack, &["+a"]);
        let before = list(dir.path());
        let error = stack.compact_all(None).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
        assert_eq!(list(dir.path()), before);
        assert_tidy(dir.path());
    }
}

/// A long record of a table with long blocks did not fit the shorter blocks of the stack's other
/// tables: every later commit reported that, and the number of tables grew without a bound.
#[test]
fn record_that_fitted_its_table_fits_the_compacted_one() {
    let target = [b'x'; 5000];
    for padded in [true, false] {
        let dir = scratch();
        add_symref(&open_with(dir.path(), 1 << 16, padded), "refs/big", &target).unwrap();
        let stack = open(dir.path());
        for number in 0..40 {
            let name = format!("refs/n{number:02}");
            add_symref(&stack, &name, &[b'y'; 3000]).unwrap();
            assert!(list(dir.path()).len() < 12);
        }
        stack.compact_all(None).unwrap();
        assert_eq!(stack.stats().failures, 0);
        assert_eq!(names(&stack).len(), 41);
        let found = stack.read_ref(b"refs/big", |record| {
            record == symref(b"refs/big", 1, &target)
        });
        assert_eq!(found.unwrap(), Some(true));
        assert_tidy(dir.path());

        // Tables that have nothing to do with it keep to the options.
        let error = add_symref(&stack, "refs/more", &target).unwrap_err();
        assert!(matches!(error, Error::TooLarge { .. }), "{error}");
    }
}

/// The first block of a file also holds the file's header, so that a record which filled a later
/// one is too long for it.
#[test]
fn record_that_filled_a_block_can_become_the_first_of_a_table() {
    let dir = scratch();
    let fits = |target: &[u8]| {
        let mut writer = TableWriter::new(Vec::new(), quick().write).unwrap();
        writer.set_limits(1, 1);
        writer.add_ref(&object(b"a", 1)).unwrap();
        writer.add_ref(&symref(b"z", 1, target)).is_ok()
    };
    let longest = (3000..4096).rev().find(|&len| fits(&vec![b'x'; len]));
    let target = vec![b'x'; longest.unwrap()];
    let full = TableFile {
        min: 1,
        max: 1,
        refs: vec![object(b"a", 1), symref(b"z", 1, &target)],
        ..TableFile::default()
    };
    let deleting = TableFile {
        min: 2,
        max: 2,
        refs: vec![tombstone(b"a", 2)],
        ..TableFile::default()
    };
    crate::stack_support::build(dir.path(), &[full, deleting]);
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack), ["z"]);
    assert_eq!(list(dir.path()).len(), 1);
    assert_tidy(dir.path());
}

#[test]
fn compacted_table_has_the_longest_blocks_of_its_tables() {
    let dir = scratch();
    crate::stack_support::build(dir.path(), &[table(1, &["a"])]);
    add(&open_with(dir.path(), 1 << 13, true), &["+b"]);
    let stack = open(dir.path());
    stack.compact_all(None).unwrap();
    add(&stack, &["+c"]);
    stack.compact_all(None).unwrap();
    let path = dir.path().join(&list(dir.path())[0]);
    assert_eq!(Table::open_file(path).unwrap().block_size(), 1 << 13);

    let stack = open_with(dir.path(), 1 << 14, true);
    add(&stack, &["+d"]);
    stack.compact_all(None).unwrap();
    let path = dir.path().join(&list(dir.path())[0]);
    assert_eq!(Table::open_file(path).unwrap().block_size(), 1 << 14);
}

/// A layout that no table can have was found out about by the first transaction only.
#[test]
fn layout_that_no_table_can_have_is_refused_on_opening() {
    let dir = scratch();
    let open = |change: &dyn Fn(&mut StackOptions)| {
        let mut options = quick();
        change(&mut options);
        Stack::open(dir.path(), options)
    };
    for block_size in [0, 1, 36, 1 << 24, u32::MAX] {
        let result = open(&|options| options.write.block_size = block_size);
        assert!(matches!(result, Err(Error::Misuse(_))), "{block_size}");
    }
    let result = open(&|options| options.write.restart_interval = 0);
    assert!(matches!(result, Err(Error::Misuse(_))));
    for block_size in [64, (1 << 24) - 1] {
        assert!(open(&|options| options.write.block_size = block_size).is_ok());
    }
}
