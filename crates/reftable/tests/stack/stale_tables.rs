//! Files that the server of a network file system does not know any more.

use crate::stack_support::{Call, HookFs, build, names, open_with, scratch, table};
use reftable::Error;

/// On a network file system another machine's removal shows as a stale handle, and the newest list
/// is there a moment later.
#[test]
fn stale_table_and_stale_list_are_looked_for_again() {
    for stale in ["list", "table"] {
        let dir = scratch();
        let fs = HookFs::new();
        let stack = open_with(dir.path(), &fs);
        build(dir.path(), &[table(1, &["a"])]);
        let mut left = 2;
        fs.set_hook(move |call| {
            let is_it = match call {
                Call::Read(_) => stale == "list",
                Call::Open(_) => stale == "table",
                _ => false,
            };
            if is_it && left > 0 {
                left -= 1;
                return Err(std::io::ErrorKind::StaleNetworkFileHandle.into());
            }
            Ok(())
        });
        assert!(stack.reload().unwrap(), "{stale}");
        assert_eq!(names(&stack), ["a"], "{stale}");
    }
}

/// It ends all the same.
#[test]
fn table_that_stays_stale_is_an_error() {
    let dir = scratch();
    let fs = HookFs::new();
    let stack = open_with(dir.path(), &fs);
    build(dir.path(), &[table(1, &["a"])]);
    fs.set_hook(|call| match call {
        Call::Open(_) => Err(std::io::ErrorKind::StaleNetworkFileHandle.into()),
        _ => Ok(()),
    });
    let error = stack.reload().unwrap_err();
    assert!(matches!(error, Error::Io { op: "open", .. }), "{error}");
    assert!(names(&stack).is_empty(), "the old view stays");
}
