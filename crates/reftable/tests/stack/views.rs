//! Views and iterators of a stack, while compactions go through the tables that they began with.

use crate::stack_support::{add, build, names, open, scratch, table};

#[cfg(target_os = "linux")]
fn numbered(count: u32) -> Vec<String> {
    (0..count).map(|i| format!("refs/heads/{i:05}")).collect()
}

/// Every page of the tables stayed in memory, since the tables were mapped to be merged: 60 MB
/// instead of 11 for 48 MB of tables.
#[test]
#[cfg(target_os = "linux")]
fn compaction_maps_no_table() {
    let dir = scratch();
    let names = numbered(40_000);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (first, second) = names.split_at(names.len() / 2);
    build(dir.path(), &[table(1, first), table(2, second)]);
    let stack = open(dir.path());
    // Tables that are in use keep their maps.
    let view = stack.merged();
    let is_mapped = || {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        maps.contains(&*dir.path().to_string_lossy())
    };
    stack.compact_all(None).unwrap();
    assert!(!is_mapped());
    let mut refs = view.refs_from(b"").unwrap();
    let mut count = 0;
    while refs.next().unwrap().is_some() {
        count += 1;
    }
    assert_eq!(count, names.len());
    assert!(is_mapped(), "scans do map");
}

/// Programs keep many descriptors for other files.
#[test]
#[cfg(target_os = "linux")]
fn mapped_tables_keep_no_descriptor() {
    let dir = scratch();
    let names = numbered(20_000);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    build(dir.path(), &[table(1, &names)]);
    let stack = open(dir.path());
    let open_tables = || {
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let open = open.flat_map(|entry| std::fs::read_link(entry.path()));
        let is_table = |path: &std::path::PathBuf| {
            path.starts_with(dir.path()) && path.extension().is_some_and(|name| name == "ref")
        };
        open.filter(is_table).count()
    };
    assert_eq!(open_tables(), 1);
    let view = stack.merged();
    let found = |name: &&str| view.read_ref(name.as_bytes(), |_| ()).unwrap().is_some();
    assert!(names.iter().step_by(500).all(found));
    assert_eq!(open_tables(), 0);
}

/// An iterator leaves older tables alone as long as only the ref it was sought for is wanted. They
/// may have been compacted away by the time when it needs them.
#[test]
fn an_iterator_goes_on_in_the_tables_it_began_with() {
    let dir = scratch();
    build(
        dir.path(),
        &[
            table(1, &["a", "b", "d"]),
            table(2, &["c"]),
            table(3, &["b"]),
        ],
    );
    let stack = open(dir.path());
    let mut refs = stack.merged().refs_from(b"").unwrap();
    refs.seek(b"b").unwrap();
    add(&stack, &["+bb", "-c"]);
    stack.compact_all(None).unwrap();
    assert_eq!(names(&stack), ["a", "b", "bb", "d"]);
    let mut seen = Vec::new();
    while let Some(record) = refs.next().unwrap() {
        seen.push((
            String::from_utf8_lossy(record.name).into_owned(),
            record.update_index,
        ));
    }
    let expected = [("b", 3), ("c", 2), ("d", 1)];
    assert_eq!(seen, expected.map(|(name, index)| (name.to_owned(), index)));
}
