//! What a program that uses the crate relies on beside the results: threads, errors, few dependencies.

use reftable::table::{FileSource, MemorySource};
use reftable::transaction::Prepared;
use reftable::{
    Addition, Edit, Error, MergedTable, Repository, Stack, StackOptions, StateToken, Table,
    TableWriter, Transaction, View,
};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Compiling this is the test: each of these is said to go between threads.
const _: () = {
    const fn is_shared<T: Send + Sync + 'static>() {}
    const fn is_sent<T: Send + 'static>() {}
    is_shared::<Repository>();
    is_shared::<Stack>();
    is_shared::<StackOptions>();
    is_shared::<View>();
    is_shared::<MergedTable>();
    is_shared::<Table>();
    is_shared::<FileSource>();
    is_shared::<MemorySource>();
    is_shared::<Transaction>();
    is_shared::<Edit>();
    is_shared::<StateToken>();
    is_shared::<reftable::repair::RepairReport>();
    is_shared::<reftable::verify::Finding>();
    is_sent::<Addition>();
    is_sent::<Prepared>();
    is_sent::<reftable::view::Refs>();
    is_sent::<reftable::view::Logs>();
    is_sent::<reftable::view::Diff>();
    is_sent::<reftable::merged::MergedRefIter>();
    // Whatever a program does with errors, it can do with these.
    is_shared::<Error>();
};

fn boxed(path: &Path) -> Result<Table, Box<dyn std::error::Error + Send + Sync>> {
    Ok(Table::open_file(path)?)
}

#[test]
fn errors_say_which_file_and_where_and_keep_the_cause() {
    let data = test_support::corpus::dir().join("corrupt");
    let error = boxed(&data.join("crc-wrong.ref")).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("crc-wrong.ref"), "{text}");
    let Some(Error::Corrupt(corruption)) = error.downcast_ref::<Error>() else {
        panic!("{error:?}");
    };
    assert_eq!(corruption.file, "crc-wrong.ref");
    let len = std::fs::metadata(data.join("crc-wrong.ref")).unwrap().len();
    assert!(corruption.offset >= len - 72, "the footer is where it is");
    assert!(text.contains(&corruption.offset.to_string()), "{text}");
    let nowhere = boxed(&data.join("no-such-file")).unwrap_err();
    assert!(nowhere.to_string().contains("no-such-file"), "{nowhere}");
    // A folder can be opened, but is no file.
    let folder = boxed(&data).unwrap_err();
    assert!(folder.to_string().contains("corrupt"), "{folder}");
    assert!(folder.source().is_some(), "the system's reason");
}

/// Who waits in vain wants to know for whom: the file, and since when it has been there.
#[test]
fn a_lock_is_told_with_its_path_and_age_for_each_call() {
    let scratch = tempfile::tempdir().unwrap();
    let stack = Stack::open(scratch.path(), StackOptions::default()).unwrap();
    let lock = scratch.path().join("tables.list.lock");
    let file = std::fs::File::create(&lock).unwrap();
    let hour = Duration::from_secs(3600);
    file.set_modified(std::time::SystemTime::now() - hour)
        .unwrap();
    let mut transaction = Transaction::new();
    transaction.push(Edit::create("refs/heads/main", [0x11; 20]));
    for timeout in [Duration::ZERO, Duration::from_millis(1)] {
        let error = transaction
            .prepare_stack(&stack, Some(timeout))
            .unwrap_err();
        let Error::Locked { path, age } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(path.file_name(), lock.file_name());
        assert!(age.unwrap() >= hour, "{age:?}");
        assert!(
            error.to_string().contains("tables.list.lock, made 36"),
            "{error}"
        );
    }
    std::fs::remove_file(&lock).unwrap();
    let prepared = transaction
        .prepare_stack(&stack, Some(Duration::ZERO))
        .unwrap();
    // Other code may hold it open, on another thread too.
    let committed = std::thread::spawn(move || prepared.commit())
        .join()
        .unwrap();
    committed.unwrap();
    stack.reload().unwrap();
    assert!(stack.view().find(b"refs/heads/main").unwrap().is_some());
}

/// A writer can be moved, and what it writes to may be borrowed.
#[test]
fn a_table_can_be_written_to_borrowed_memory() {
    let mut bytes = Vec::new();
    let mut writer = TableWriter::new(&mut bytes, reftable::WriteOptions::default()).unwrap();
    writer.set_limits(1, 1);
    assert!(matches!(writer.finish(), Err(Error::EmptyTable)));
    drop(writer);
    assert_eq!(bytes.len(), 92, "header and footer");
}

/// A prompt or an editor that only reads refs does not want a command line and a C interface.
#[test]
fn there_are_few_dependencies() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--locked", "--edges", "normal"])
        .args(["--prefix", "none", "--format", "{p}"])
        .output()
        .unwrap();
    let text = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        names.contains("reftable") && names.contains("flate2"),
        "{text}"
    );
    let others = names.len() - 1;
    // Elsewhere the system is reached by other crates than libc.
    assert!(others <= 8 || !cfg!(target_os = "linux"), "{names:?}");
}
