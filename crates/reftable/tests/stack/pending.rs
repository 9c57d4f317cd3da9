//! Files that belong to their creator: whose they are, and what the end of a process does to them.

use crate::stack_support::{add, assert_tidy, build, files, open, refs, scratch, table};
use reftable::Error;
use reftable::fs::{Fs, Mode, OsFs, PendingFile, remove_pending_files};
use std::fs::{File, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime};
use test_support::helper;

const MODE: Mode = Mode {
    extra: 0,
    bits: 0o666,
    exact: false,
};

fn create(path: &Path) -> Box<dyn PendingFile> {
    OsFs.create(path, MODE).unwrap()
}

/// Makes a file at `path`, where none is, at another time than the file of `metadata` was made,
/// however coarse the clock is.
fn make_later_than(path: &Path, metadata: &Metadata) {
    let times = |metadata: &Metadata| (metadata.created().ok(), metadata.modified().unwrap());
    File::create_new(path).unwrap();
    while times(&std::fs::metadata(path).unwrap()) == times(metadata) {
        std::fs::remove_file(path).unwrap();
        File::create_new(path).unwrap();
    }
}

/// What others may do to a lock that stays the same file: copying a repository by hard links,
/// correcting permissions and touching it left the lock of a table there for good.
#[test]
fn closed_file_is_known_whatever_was_done_to_it() {
    type Deed = fn(&Path);
    let deeds: [(&str, Deed); 3] = [
        ("link", |path| {
            std::fs::hard_link(path, path.with_extension("copy")).unwrap();
        }),
        ("chmod", |path| {
            std::fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
        }),
        ("rename and back", |path| {
            let other = path.with_extension("other");
            std::fs::rename(path, &other).unwrap();
            std::fs::rename(&other, path).unwrap();
        }),
    ];
    for (name, deed) in deeds {
        let dir = scratch();
        let path = dir.path().join("table.lock");
        let mut file = create(&path);
        file.close();
        let before = std::fs::metadata(&path).unwrap();
        let times = |metadata: &Metadata| (metadata.ctime(), metadata.ctime_nsec());
        while times(&std::fs::metadata(&path).unwrap()) == times(&before) {
            let _ = std::fs::remove_file(path.with_extension("copy"));
            deed(&path);
        }
        drop(file);
        assert!(!path.exists(), "{name}");
    }
}

/// Where the file system knows when a file was made, even that is no other file.
#[test]
fn closed_file_that_was_touched_is_known() {
    let dir = scratch();
    let path = dir.path().join("table.lock");
    let mut file = create(&path);
    file.close();
    if std::fs::metadata(&path).unwrap().created().is_err() {
        test_support::skip::skip("the file system does not keep when files were made");
        return;
    }
    let hour_ago = SystemTime::now() - Duration::from_secs(3600);
    let touched = File::options().write(true).open(&path).unwrap();
    touched.set_modified(hour_ago).unwrap();
    drop(file);
    assert!(!path.exists());
}

/// The lock of a table is closed at once, so that a long stack can be locked. Its inode can then
/// serve the lock that somebody else makes after a person removed this one, which was removed in
/// turn: two compactions ran over the same table.
#[test]
fn closed_file_is_told_from_another_one_with_its_inode() {
    let dir = scratch();
    let path = dir.path().join("table.lock");
    // Whether an inode comes back at once is up to the file system, and to who else makes files.
    for _ in 0..100 {
        let mut file = create(&path);
        file.close();
        let ours = std::fs::metadata(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        make_later_than(&path, &ours);
        let reused = std::fs::metadata(&path).unwrap().ino() == ours.ino();
        drop(file);
        assert!(path.exists(), "the file is somebody else's");
        std::fs::remove_file(&path).unwrap();
        if reused {
            break;
        }
    }

    // What is still ours goes.
    let mut file = create(&path);
    file.close();
    drop(file);
    assert!(!path.exists());
}

#[test]
#[ignore = "helper process"]
fn helper_ends_with_a_closed_file() {
    let Some(args) = helper::args(helper_ends_with_a_closed_file) else {
        return;
    };
    let path = Path::new(&args["dir"]).join("table.lock");
    let mut file = create(&path);
    file.close();
    let ours = std::fs::metadata(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    make_later_than(&path, &ours);
    let reused = std::fs::metadata(&path).unwrap().ino() == ours.ino();
    remove_pending_files();
    std::mem::forget(file);
    std::process::exit(if reused { 7 } else { 8 });
}

/// The same at the end of the process.
#[test]
fn end_of_the_process_leaves_another_file_with_the_inode_of_a_closed_one() {
    for _ in 0..20 {
        let dir = scratch();
        let arg = ("dir", dir.path().to_str().unwrap());
        let mut command = helper::command(helper_ends_with_a_closed_file, &[arg]);
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(7 | 8)), "{output:?}");
        assert_eq!(files(dir.path()), ["table.lock"]);
        if output.status.code() == Some(7) {
            break;
        }
    }
}

#[test]
#[ignore = "helper process"]
fn helper_has_two_files_of_one_name() {
    let Some(args) = helper::args(helper_has_two_files_of_one_name) else {
        return;
    };
    let path = Path::new(&args["dir"]).join("tables.list.lock");
    // The register may hand the place of one entry to another.
    let other = create(&Path::new(&args["dir"]).join("other"));
    let first = create(&path);
    std::fs::remove_file(&path).unwrap();
    let second = create(&path);
    drop(other);
    drop(first);
    assert!(path.exists());
    remove_pending_files();
    assert!(!path.exists(), "the second file was forgotten");
    std::mem::forget(second);
    std::process::exit(7);
}

/// The lock that a person removed was dropped after it had been taken again: the new one was
/// forgotten in its stead, and stayed at the end of the process.
#[test]
fn file_of_the_same_name_as_another_is_not_forgotten_with_it() {
    let dir = scratch();
    let arg = ("dir", dir.path().to_str().unwrap());
    let mut command = helper::command(helper_has_two_files_of_one_name, &[arg]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert!(files(dir.path()).is_empty());
}

#[test]
#[ignore = "helper process"]
fn helper_cannot_unlock_at_first() {
    let Some(args) = helper::args(helper_cannot_unlock_at_first) else {
        return;
    };
    let folder = Path::new(&args["dir"]).join("folder");
    std::fs::create_dir(&folder).unwrap();
    let mut closed = create(&folder.join("table.lock"));
    closed.close();
    let files = [closed, create(&folder.join("tables.list.lock"))];
    // For a moment the path leads nowhere, which is not to say that the locks are gone.
    let aside = folder.with_extension("aside");
    std::fs::rename(&folder, &aside).unwrap();
    std::fs::write(&folder, "a file").unwrap();
    drop(files);
    std::fs::remove_file(&folder).unwrap();
    std::fs::rename(&aside, &folder).unwrap();
    assert_eq!(self::files(&folder).len(), 2);
    remove_pending_files();
    std::process::exit(7);
}

/// A lock that could not be removed was forgotten, and stayed when the process had ended.
#[test]
fn end_of_the_process_removes_what_could_not_be_removed_before() {
    let dir = scratch();
    let arg = ("dir", dir.path().to_str().unwrap());
    let mut command = helper::command(helper_cannot_unlock_at_first, &[arg]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(files(&dir.path().join("folder")), [""; 0]);
}

#[test]
#[ignore = "helper process"]
fn helper_goes_on_while_it_ends() {
    let Some(args) = helper::args(helper_goes_on_while_it_ends) else {
        return;
    };
    let stack = open(Path::new(&args["dir"]));
    let mut addition = stack.begin().unwrap();
    addition.add(refs(&stack, &["+b"])).unwrap();
    remove_pending_files();
    // The transaction has lost its lock, and another one cannot begin.
    assert!(matches!(addition.commit(), Err(Error::Io { .. })));
    for result in [
        stack.add(refs(&stack, &["+c"])),
        stack.compact_all(None),
        stack.clean(),
    ] {
        assert!(matches!(result, Err(Error::Io { .. })), "{result:?}");
    }
    assert!(!stack.reload().unwrap(), "reading goes on");
    std::process::exit(7);
}

/// Threads go on while the process ends: a lock that one of them took after the others had been
/// removed stayed.
#[test]
fn process_that_ends_makes_no_more_files() {
    let dir = scratch();
    let old = build(dir.path(), &[table(1, &["a"]), table(2, &["z"])]);
    let arg = ("dir", dir.path().to_str().unwrap());
    let mut command = helper::command(helper_goes_on_while_it_ends, &[arg]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    assert_eq!(crate::stack_support::list(dir.path()), old);
    assert_tidy(dir.path());
    add(&open(dir.path()), &["+b"]);
}
