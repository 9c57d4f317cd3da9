//! Tables and stacks written by other programs: everything in them is read, by scans and by lookups, and
//! what is written again from it is the same.

use reftable::record::{LogRecordBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use reftable::{HashId, Stack, StackOptions, Table, WriteOptions};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use test_support::{corpus, read, records, tsv};

/// A table of the corpus with its records.
struct Golden {
    name: String,
    path: PathBuf,
    expected: tsv::Expected,
    /// The restart interval, if git's C code wrote the table with padding: then what this crate
    /// writes has the same ref blocks.
    git_interval: Option<u32>,
}

fn all_tables() -> Vec<Golden> {
    let mut found: Vec<Golden> = corpus::tables()
        .into_iter()
        .map(|entry| Golden {
            name: entry.name.clone(),
            expected: entry.expected(),
            git_interval: git_interval(&entry.columns[0]),
            path: entry.path,
        })
        .collect();
    for stack in corpus::stacks() {
        for name in listed(&stack.path.join("reftable")) {
            let path = stack.path.join("reftable").join(&name);
            let header = header_of(&std::fs::read(&path).unwrap());
            let interval = match header.block_size {
                256 => 8,
                65_535 => 64,
                _ => 16,
            };
            let by_git = stack.columns[0].starts_with("git 2");
            found.push(Golden {
                name: format!("{}/{name}", stack.name),
                expected: records_of(&stack.path, &path),
                git_interval: by_git.then_some(interval),
                path,
            });
        }
    }
    assert!(found.len() > 150, "only {} tables", found.len());
    found
}

/// The records of a table of a stack. Where it is the only one, they are those of the stack.
fn records_of(stack: &Path, table: &Path) -> tsv::Expected {
    let mut records = table.to_path_buf().into_os_string();
    records.push(".tsv");
    if Path::new(&records).exists() {
        return tsv::read(Path::new(&records));
    }
    let mut expected = tsv::read(&stack.join("expected.tsv"));
    expected.header = Some(header_of(&std::fs::read(table).unwrap()));
    expected
}

fn header_of(table: &[u8]) -> tsv::Header {
    let number = |at: usize| u64::from_be_bytes(table[at..at + 8].try_into().unwrap());
    tsv::Header {
        version: table[4],
        hash: if table[4] == 2 {
            HashId::Sha256
        } else {
            HashId::Sha1
        },
        block_size: (number(0) & 0xff_ffff) as u32,
        min: number(8),
        max: number(16),
    }
}

fn listed(dir: &Path) -> Vec<String> {
    let list = std::fs::read_to_string(dir.join("tables.list")).unwrap();
    list.lines().map(str::to_owned).collect()
}

fn git_interval(writer: &str) -> Option<u32> {
    if !writer.starts_with("git 2.55.0 C") || writer.contains("unpadded") {
        return None;
    }
    let interval = writer.split(' ').find_map(|word| word.strip_prefix("ri="));
    Some(interval.map_or(16, |i| i.parse().unwrap()))
}

/// Options that lay out a table as this one is.
fn layout_of(golden: &Golden) -> WriteOptions {
    let header = golden.expected.header.unwrap();
    let mut options = WriteOptions::default();
    options.hash = header.hash;
    options.restart_interval = golden.git_interval.unwrap_or(16);
    match header.block_size {
        0 => options.padded = false,
        size => options.block_size = size,
    }
    options
}

#[test]
fn every_table_reads_to_its_records() {
    for golden in all_tables() {
        let table =
            Table::open_file(&golden.path).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        let header = golden.expected.header.unwrap();
        assert_eq!(table.version(), header.version, "{}", golden.name);
        assert_eq!(table.hash(), header.hash, "{}", golden.name);
        assert_eq!(table.block_size(), header.block_size, "{}", golden.name);
        assert_eq!(table.min_update_index(), header.min, "{}", golden.name);
        assert_eq!(table.max_update_index(), header.max, "{}", golden.name);
        let len = std::fs::metadata(&golden.path).unwrap().len();
        assert_eq!(table.file_len(), len, "{}", golden.name);
        let table = Arc::new(table);
        let refs = read::refs(&table).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        read::assert_same(&golden.name, &refs, &golden.expected.refs);
        let logs = read::logs(&table).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        read::assert_same(&golden.name, &logs, &golden.expected.logs);
    }
}

/// Among the tables are some whose index lost entries or leads into another section (written by a
/// library of 2020), some whose root has several blocks or a block larger than the block size, and
/// one whose object section left a list out: none of that may hide a record.
#[test]
fn every_record_is_found_by_its_key() {
    for golden in all_tables() {
        let table = Arc::new(Table::open_file(&golden.path).unwrap());
        read::assert_found(
            &golden.name,
            &table,
            &golden.expected.refs,
            &golden.expected.logs,
        );
    }
}

#[test]
fn every_object_leads_to_exactly_its_refs() {
    for golden in all_tables() {
        let table = Arc::new(Table::open_file(&golden.path).unwrap());
        read::assert_refs_for(&golden.name, &table, &golden.expected.refs);
    }
}

#[test]
fn scan_from_any_ref_gives_the_rest() {
    for golden in all_tables() {
        let table = Arc::new(Table::open_file(&golden.path).unwrap());
        let refs = &golden.expected.refs;
        for (n, record) in refs.iter().enumerate().step_by(refs.len() / 20 + 1) {
            let rest = read::refs_from(&table, &record.name).unwrap();
            read::assert_same(&golden.name, &rest, &refs[n..]);
            let mut after = record.name.clone();
            after.push(0);
            let rest = read::refs_from(&table, &after).unwrap();
            read::assert_same(&golden.name, &rest, &refs[n + 1..]);
        }
    }
}

#[test]
fn records_written_again_are_the_same() {
    for golden in all_tables() {
        let (refs, logs) = (&golden.expected.refs, &golden.expected.logs);
        if refs.is_empty() && logs.is_empty() {
            continue;
        }
        let header = golden.expected.header.unwrap();
        let bytes = records::table(layout_of(&golden), (header.min, header.max), refs, logs)
            .unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        let table = read::open(&bytes).unwrap_or_else(|e| panic!("{}: {e}", golden.name));
        assert_eq!(table.min_update_index(), header.min, "{}", golden.name);
        assert_eq!(table.max_update_index(), header.max, "{}", golden.name);
        read::assert_holds(&golden.name, &table, refs, logs);
    }
}

/// Header and ref blocks leave no choice but the restart interval, so a table that git wrote
/// begins with the very bytes that this crate writes for the same records.
#[test]
fn ref_blocks_are_byte_for_byte_those_of_git() {
    let mut compared = 0;
    for golden in all_tables() {
        let (Some(_), Some(header)) = (golden.git_interval, golden.expected.header) else {
            continue;
        };
        let (refs, logs) = (&golden.expected.refs, &golden.expected.logs);
        if refs.is_empty() {
            continue;
        }
        let theirs = std::fs::read(&golden.path).unwrap();
        let ours =
            records::table(layout_of(&golden), (header.min, header.max), refs, logs).unwrap();
        let end = ref_section_end(&theirs);
        assert_eq!(
            end,
            ref_section_end(&ours),
            "{}: end of the ref section",
            golden.name
        );
        let same = theirs[..end]
            .iter()
            .zip(&ours[..end])
            .position(|(a, b)| a != b);
        assert_eq!(same, None, "{}: first different byte", golden.name);
        compared += 1;
    }
    assert!(compared > 100, "only {compared} tables compared");
}

/// Where the last ref block ends.
fn ref_section_end(table: &[u8]) -> usize {
    let (header, footer) = if table[4] == 1 { (24, 68) } else { (28, 72) };
    let end = table.len() - footer;
    let (mut block, mut in_file) = (0, header);
    loop {
        let len = u32::from_be_bytes(table[in_file..in_file + 4].try_into().unwrap()) & 0xff_ffff;
        let after = block + len as usize;
        block = after;
        while block < end && table[block] == 0 {
            block += 1;
        }
        if block == end || table[block] != b'r' {
            return after;
        }
        in_file = block;
    }
}

fn open_stack(entry: &corpus::Entry) -> Stack {
    let dir = entry.path.join("reftable");
    let mut options = StackOptions::default();
    if entry.name.contains("sha256") {
        options.write.hash = HashId::Sha256;
    }
    Stack::open(&dir, options).unwrap_or_else(|e| panic!("{}: {e}", entry.name))
}

#[test]
fn every_stack_reads_to_its_merged_records() {
    for entry in corpus::stacks() {
        let stack = open_stack(&entry);
        let expected = tsv::read(&entry.path.join("expected.tsv"));
        let view = stack.merged();
        read::assert_same(
            &entry.name,
            &read::merged_refs(&view).unwrap(),
            &expected.refs,
        );
        read::assert_same(
            &entry.name,
            &read::merged_logs(&view).unwrap(),
            &expected.logs,
        );
    }
}

#[test]
fn every_record_of_a_stack_is_found_by_its_name() {
    for entry in corpus::stacks() {
        let stack = open_stack(&entry);
        let expected = tsv::read(&entry.path.join("expected.tsv"));
        let mut alive: BTreeMap<Vec<u8>, RefRecordBuf> = BTreeMap::new();
        for record in expected.refs {
            alive.insert(record.name.clone(), record);
        }
        let mut newest: BTreeMap<Vec<u8>, LogRecordBuf> = BTreeMap::new();
        for record in expected.logs {
            newest.entry(record.name.clone()).or_insert(record);
        }
        for name in names_in_any_table(&entry) {
            let found = stack.read_ref(&name, |r| r.to_buf()).unwrap();
            assert_eq!(found.as_ref(), alive.get(&name), "{}", entry.name);
            let found = stack.read_log(&name, |r| r.to_buf()).unwrap();
            assert_eq!(found.as_ref(), newest.get(&name), "{}", entry.name);
        }
    }
}

/// The names of refs and reflogs, deleted ones included.
fn names_in_any_table(entry: &corpus::Entry) -> Vec<Vec<u8>> {
    let mut names = vec![b"refs/heads/no-such-branch".to_vec(), b"zzz".to_vec()];
    for table in listed(&entry.path.join("reftable")) {
        let records = records_of(&entry.path, &entry.path.join("reftable").join(table));
        names.extend(records.refs.into_iter().map(|r| r.name));
        names.extend(records.logs.into_iter().map(|r| r.name));
    }
    names
}

/// What git itself printed for these repositories: name, id, peeled id, target.
#[test]
fn every_stack_resolves_as_git_resolved_it() {
    let mut lines = 0;
    for entry in corpus::stacks() {
        let listing = entry.path.join("for-each-ref.txt");
        // The git of 2020 went on to show a ref after it had deleted its target.
        if !listing.exists()
            || entry.path.join("../../worktrees").exists()
            || entry.name.starts_with("git-v16")
        {
            continue;
        }
        let stack = open_stack(&entry);
        for line in std::fs::read_to_string(listing).unwrap().lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let value = resolve(&stack, fields[0].as_bytes());
            let (id, peeled) = match value {
                Some(RefValueBuf::Object(id)) => (id, Vec::new()),
                Some(RefValueBuf::Peeled { id, peeled }) => (id, peeled),
                other => panic!("{}: {} is {other:?}", entry.name, fields[0]),
            };
            assert_eq!(tsv::to_hex(&id), fields[1], "{}: {}", entry.name, fields[0]);
            // Without a peeled id in the table, git looks at the object itself.
            if !peeled.is_empty() {
                assert_eq!(
                    tsv::to_hex(&peeled),
                    fields[2],
                    "{}: {}",
                    entry.name,
                    fields[0]
                );
            }
            lines += 1;
        }
    }
    assert!(lines > 100, "only {lines} refs compared");
}

fn resolve(stack: &Stack, name: &[u8]) -> Option<RefValueBuf> {
    let mut name = name.to_vec();
    for _ in 0..5 {
        match stack.read_ref(&name, |r| r.to_buf().value).unwrap()? {
            RefValueBuf::Symref(target) => name = target,
            value => return Some(value),
        }
    }
    None
}

/// JGit leaves the final newline of a message away and writes zones in minutes; git writes an entry
/// without ids to say that a reflog exists. All of it passes through unchanged.
#[test]
fn log_entries_of_other_writers_keep_every_byte() {
    let jgit = corpus::stacks()
        .into_iter()
        .find(|s| s.name == "jgit-updates")
        .unwrap();
    let logs = read::merged_logs(&open_stack(&jgit).merged()).unwrap();
    let updates = logs.iter().filter_map(|log| match &log.value {
        LogValueBuf::Update(update) => Some(update),
        LogValueBuf::Deletion => None,
    });
    let updates: Vec<_> = updates.collect();
    assert!(
        updates
            .iter()
            .any(|u| !u.message.is_empty() && !u.message.ends_with(b"\n"))
    );

    let values = corpus::tables()
        .into_iter()
        .find(|t| t.name == "log-values.ref")
        .unwrap();
    let table = Arc::new(Table::open_file(&values.path).unwrap());
    let marker = read::read_log(&table, b"HEAD", 9).unwrap().unwrap();
    let LogValueBuf::Update(marker) = marker.value else {
        panic!("the marker is an entry");
    };
    assert_eq!(marker.old_id, [0; 20]);
    assert_eq!(marker.new_id, [0; 20]);
    assert!(marker.name.is_empty() && marker.message.is_empty());
}
