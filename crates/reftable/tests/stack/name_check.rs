//! Which names a stack takes beside each other.

use crate::stack_support::{
    TableFile, add, assert_tidy, build, log, names, object, open, options, quick, refs, scratch,
    table,
};
use reftable::stack::check_names;
use reftable::table::MemorySource;
use reftable::{Error, HashId, MergedTable, Stack, Table};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The error of adding `names` (`+name` or `-name`) to a stack that has `existing`.
fn try_add(existing: &[&str], names: &[&str]) -> Result<(), Error> {
    let dir = scratch();
    if !existing.is_empty() {
        build(dir.path(), &[table(1, existing)]);
    }
    let stack = open(dir.path());
    let result = stack.add(refs(&stack, names));
    assert_tidy(dir.path());
    result
}

fn conflict(existing: &[&str], names: &[&str]) -> (String, String) {
    match try_add(existing, names) {
        Err(Error::NameConflict { name, existing }) => (
            String::from_utf8(name).unwrap(),
            String::from_utf8(existing).unwrap(),
        ),
        other => panic!("{existing:?} {names:?}: {other:?}"),
    }
}

fn pair(name: &str, existing: &str) -> (String, String) {
    (name.to_owned(), existing.to_owned())
}

#[test]
fn ref_and_folder_of_one_name_exclude_each_other() {
    assert_eq!(conflict(&["a/b"], &["+a"]), pair("a", "a/b"));
    assert_eq!(conflict(&["a"], &["+a/b"]), pair("a/b", "a"));
    assert_eq!(conflict(&["a"], &["+a/b/c"]), pair("a/b/c", "a"));
    assert_eq!(conflict(&["a/b"], &["+a/b/c"]), pair("a/b/c", "a/b"));
    assert_eq!(conflict(&["a/b/c"], &["+a"]), pair("a", "a/b/c"));
    assert_eq!(conflict(&[], &["+a", "+a/b"]), pair("a", "a/b"));
    assert_eq!(conflict(&[], &["+a", "+a-b", "+a/b"]), pair("a", "a/b"));
}

#[test]
fn neighbouring_names_do_not_conflict() {
    let existing = ["a!", "a-b", "a.b", "a0", "aa", "a\u{80}", "b/a"];
    try_add(&existing, &["+a"]).unwrap();
    try_add(&existing, &["+a/b"]).unwrap();
    try_add(&existing, &["+b/a", "+b/b"]).unwrap();
    try_add(&["a/b"], &["+a/b", "+a/c"]).unwrap();
    try_add(&[], &["+a", "+a-b", "+a.b", "+a0", "+aa", "+a\u{ff}"]).unwrap();
}

#[test]
fn what_the_same_table_deletes_does_not_conflict() {
    try_add(&["a/b"], &["+a", "-a/b"]).unwrap();
    try_add(&["a"], &["-a", "+a/b"]).unwrap();
    try_add(&["a/b", "a/c"], &["+a", "-a/b", "-a/c"]).unwrap();
    assert_eq!(conflict(&["a/b", "a/c"], &["+a", "-a/b"]), pair("a", "a/c"));
    assert_eq!(conflict(&["a"], &["+a/b", "-a/c"]), pair("a/b", "a"));
}

#[test]
fn what_earlier_tables_deleted_does_not_conflict() {
    let dir = scratch();
    build(
        dir.path(),
        &[table(1, &["a", "b/c", "b/d"]), table(2, &["-a", "-b/c"])],
    );
    let stack = open(dir.path());
    let error = stack.add(refs(&stack, &["+b"])).unwrap_err();
    assert!(matches!(error, Error::NameConflict { existing, .. } if existing == b"b/d"));
    add(&stack, &["+a/b"]);
    add(&stack, &["-b/d"]);
    add(&stack, &["+b"]);
    assert_eq!(names(&stack), ["a/b", "b"]);
}

#[test]
fn tables_of_one_transaction_are_checked_against_each_other() {
    let dir = scratch();
    let stack = open(dir.path());
    let write = |index, name: &'static [u8]| {
        move |writer: &mut reftable::TableWriter<'_>| {
            writer.set_limits(index, index);
            writer.add_ref(&object(name, index))
        }
    };
    let mut addition = stack.begin().unwrap();
    addition.add(write(1, b"a")).unwrap();
    let error = addition.add(write(2, b"a/b")).unwrap_err();
    assert!(matches!(error, Error::NameConflict { .. }), "{error}");
    addition.add(write(2, b"b")).unwrap();
    addition.commit().unwrap();
    assert_eq!(names(&stack), ["a", "b"]);
}

#[test]
fn components_that_are_empty_or_dots_are_refused() {
    for name in [
        "/a", "a/", "a//b", "./a", "../a", "a/./b", "a/../b", ".", "..", "p/.", "p/..",
    ] {
        let error = try_add(&[], &[&format!("+{name}")]).unwrap_err();
        assert!(
            matches!(&error, Error::InvalidName { name: refused, .. } if refused == name.as_bytes()),
            "{name}: {error}"
        );
    }
    for name in ["a b", "x.lock", "...", "a/.b", "a\u{1}b", "@{", "~^:"] {
        try_add(&[], &[&format!("+{name}")]).unwrap();
    }
}

#[test]
fn first_fault_in_order_of_names_is_reported() {
    let error = try_add(&["a/b"], &["+a", "+c/../d"]).unwrap_err();
    assert!(matches!(error, Error::NameConflict { .. }), "{error}");
    let error = try_add(&["x/b"], &["+c/../d", "+x"]).unwrap_err();
    assert!(matches!(error, Error::InvalidName { .. }), "{error}");
}

#[test]
fn deletions_and_logs_are_not_checked() {
    try_add(&["a"], &["-a/b", "-c//d"]).unwrap();
    let dir = scratch();
    build(dir.path(), &[table(1, &["a"])]);
    let stack = open(dir.path());
    stack
        .add(|writer| {
            writer.set_limits(2, 2);
            writer.add_log(&log(b"a/b", 2, 1))?;
            writer.add_log(&log(b"c/..", 2, 1))
        })
        .unwrap();
}

#[test]
fn conflict_is_reported_before_a_wrong_update_index() {
    let dir = scratch();
    build(
        dir.path(),
        &[TableFile {
            max: 5,
            ..table(1, &["a"])
        }],
    );
    let stack = open(dir.path());
    let add = |name: &'static [u8]| {
        stack.add(move |writer| {
            writer.set_limits(1, 1);
            writer.add_ref(&object(name, 1))
        })
    };
    assert!(matches!(add(b"a/b"), Err(Error::NameConflict { .. })));
    assert!(matches!(add(b"b/."), Err(Error::InvalidName { .. })));
    assert!(matches!(add(b"b"), Err(Error::Misuse(_))));
    assert_tidy(dir.path());
}

#[test]
fn check_can_be_switched_off() {
    let dir = scratch();
    let mut options = quick();
    options.check_names = false;
    let stack = Stack::open(dir.path(), options).unwrap();
    add(&stack, &["+a", "+a/b", "+c/.."]);
    assert_eq!(names(&stack), ["a", "a/b", "c/.."]);
}

/// Every pair of names over a small alphabet, in one table and in two, against the rule itself.
#[test]
fn pairs_of_names_agree_with_the_rule() {
    let parts = ["a", "b", "a/a", "a/b", "b/a", "a-b", "a/a/b", "a.", "a0/b"];
    let excludes = |one: &str, other: &str| {
        one.strip_prefix(other)
            .is_some_and(|rest| rest.starts_with('/'))
            || other
                .strip_prefix(one)
                .is_some_and(|rest| rest.starts_with('/'))
    };
    for old in parts {
        for new in parts {
            let result = try_add(&[old], &[&format!("+{new}")]);
            assert_eq!(
                result.is_err(),
                excludes(old, new),
                "{old} then {new}: {result:?}"
            );
            let mut both = [format!("+{old}"), format!("+{new}")];
            both.sort();
            if old != new {
                let both: Vec<&str> = both.iter().map(String::as_str).collect();
                let result = try_add(&[], &both);
                assert_eq!(result.is_err(), excludes(old, new), "{both:?}: {result:?}");
            }
        }
    }
}

/// Draws numbers that look random and are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn name(&mut self) -> String {
        let parts = ["a", "b", "c", "a-b", "a.", "0"];
        let count = 1 + self.below(3);
        let parts: Vec<&str> = (0..count).map(|_| parts[self.below(parts.len())]).collect();
        parts.join("/")
    }

    fn names(&mut self, limit: usize) -> BTreeSet<String> {
        let count = self.below(limit);
        (0..count).map(|_| self.name()).collect()
    }
}

/// Random views and tables against the rule itself: the first added name, in order, that is a
/// folder of a ref or has a ref for a folder.
#[test]
fn random_tables_agree_with_the_rule() {
    let mut draw = Draw(1);
    let mut conflicts = 0;
    for round in 0..2000 {
        let older = draw.names(12);
        let mut gone = draw.names(6);
        let newer: BTreeSet<String> = draw.names(6).difference(&gone).cloned().collect();
        let open = |update_index, names: &BTreeSet<String>, gone: &BTreeSet<String>| {
            let all: BTreeSet<String> = names.union(gone).cloned().collect();
            let signed = all.iter().map(|name| match gone.contains(name) {
                true => format!("-{name}"),
                false => name.clone(),
            });
            let signed: Vec<String> = signed.collect();
            let signed: Vec<&str> = signed.iter().map(String::as_str).collect();
            if signed.is_empty() {
                return None;
            }
            let bytes = table(update_index, &signed).bytes(options().write);
            let source = Arc::new(MemorySource::new(bytes));
            Some(Arc::new(Table::open(source, "test").unwrap()))
        };
        let tables = [open(1, &older, &BTreeSet::new()), open(2, &newer, &gone)];
        let view = MergedTable::new(tables.into_iter().flatten().collect(), HashId::Sha1).unwrap();

        let deleted = draw.names(4);
        let added: BTreeSet<String> = draw.names(12).difference(&deleted).cloned().collect();
        gone.extend(deleted.iter().cloned());
        let mut after: BTreeSet<String> = older.difference(&gone).cloned().collect();
        after.extend(newer.difference(&deleted).cloned());
        after.extend(added.iter().cloned());
        let is_below = |one: &str, other: &str| {
            one.strip_prefix(other)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let conflicting = |name: &&String| {
            after
                .iter()
                .any(|other| is_below(name, other) || is_below(other, name))
        };
        let expected = added.iter().find(conflicting);

        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
        match check_names(&view, &list(&added), &list(&deleted)) {
            Ok(()) => assert_eq!(expected, None, "round {round}"),
            Err(Error::NameConflict { name, .. }) => {
                assert_eq!(
                    expected.map(String::as_bytes),
                    Some(&*name),
                    "round {round}"
                );
                conflicts += 1;
            }
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(conflicts > 200 && conflicts < 1800, "{conflicts}");
}
