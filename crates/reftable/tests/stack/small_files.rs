//! Small files, as the list is one, read from a system that does not know their length exactly.
#![cfg(target_os = "linux")]

use reftable::fs::{Fs, OsFs};
use std::io::ErrorKind;
use std::path::Path;

/// Some file systems give no length, or an old one. What is read is what counts: of a list that never
/// ends no more than the limit is held in memory, and none is cut.
#[test]
fn length_that_counts_is_that_of_what_was_read() {
    // The system says that this has no bytes.
    let path = Path::new("/proc/version");
    assert_eq!(std::fs::metadata(path).unwrap().len(), 0);
    let bytes = std::fs::read(path).unwrap();
    let len = bytes.len() as u64;
    for limit in [len, len + 1, 1 << 20] {
        assert_eq!(OsFs.read(path, limit).unwrap(), bytes, "{limit}");
        assert_eq!(OsFs.read_held(path, limit).unwrap().0, bytes, "{limit}");
    }
    for limit in [0, 1, 2, len / 2, len - 1] {
        let error = OsFs.read(path, limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{limit}");
        let error = OsFs.read_held(path, limit).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::FileTooLarge, "{limit}");
    }
}
