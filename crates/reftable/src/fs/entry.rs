//! The looks at a name and the removals that unlocking takes, which can fail for a moment.

use super::platform::Identity;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

/// How often unlocking looks at a file and removes it while that fails: a network file system may
/// fail for a moment.
const TRIES: u32 = 5;

/// Does `act` until it succeeds or the file is not there, some times at most.
pub(super) fn patiently<T>(mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut result = act();
    for _ in 1..TRIES {
        match &result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => result = act(),
            _ => break,
        }
    }
    result
}

impl Identity {
    /// Of an open file, to be told from others also when it is closed.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn of(file: &File) -> io::Result<Identity> {
        patiently(|| file.metadata()).map(|metadata| Identity::of_closed(&metadata))
    }

    /// Removes the file at `path` if it is this one; whether it is not there any more.
    ///
    /// A removal that fails is tried again, and each try looks anew: one that failed may have taken
    /// effect all the same, and another process have taken the lock since.
    pub fn remove_at(self, path: &Path) -> bool {
        let removed = patiently(|| match self.is_at(path)? {
            true => unlink(path),
            false => Ok(()),
        });
        match removed {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        }
    }
}

/// What the system says about the file of this name, links not followed.
pub(super) fn look(path: &Path) -> io::Result<Metadata> {
    #[cfg(test)]
    faults::ask(faults::Call::Look)?;
    fs::symlink_metadata(path)
}

/// Removes the name of a file.
pub(super) fn unlink(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    faults::ask(faults::Call::Unlink)?;
    fs::remove_file(path)
}

/// What goes wrong with the calls of this thread.
#[cfg(test)]
pub(super) mod faults {
    use std::cell::RefCell;
    use std::io;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Call {
        Look,
        Unlink,
    }

    type Injector = Box<dyn FnMut(Call) -> Option<io::ErrorKind>>;

    thread_local! {
        static INJECTOR: RefCell<Option<Injector>> = const { RefCell::new(None) };
    }

    pub(super) fn ask(call: Call) -> io::Result<()> {
        let kind = INJECTOR.with_borrow_mut(|injector| injector.as_mut().and_then(|ask| ask(call)));
        kind.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Runs `act` while `injector` is asked about each call for the error that it is to have.
    pub(crate) fn with<R>(
        injector: impl FnMut(Call) -> Option<io::ErrorKind> + 'static,
        act: impl FnOnce() -> R,
    ) -> R {
        INJECTOR.set(Some(Box::new(injector)));
        let result = act();
        INJECTOR.set(None);
        result
    }
}

#[cfg(all(test, unix))]
#[expect(clippy::expect_used, reason = "helper functions of tests")]
mod tests {
    use super::faults::{self, Call};
    use crate::{RefRecord, RefValue, Stack, StackOptions};
    use std::cell::Cell;
    use std::io;
    use std::io::ErrorKind::{Interrupted, PermissionDenied, StaleNetworkFileHandle, TimedOut};
    use std::path::Path;
    use std::rc::Rc;

    /// A stack of four tables.
    fn stack(dir: &Path) -> Stack {
        let options = StackOptions {
            auto_compact: false,
            ..StackOptions::default()
        };
        let stack = Stack::open(dir, options).expect("an empty stack");
        for name in ["a", "b", "c", "d"] {
            add(&stack, name).expect("no fault");
        }
        stack
    }

    fn add(stack: &Stack, name: &str) -> crate::Result<()> {
        let update_index = stack.next_update_index()?;
        stack.add(|table| {
            table.set_limits(update_index, update_index);
            table.add_ref(&RefRecord {
                name: name.as_bytes(),
                update_index,
                value: RefValue::Symref(b"refs/heads/main"),
            })
        })
    }

    fn locks(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).expect("a folder");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| name.contains(".lock")).collect()
    }

    /// Fails the calls from the number `first` on, `count` of them; the flag tells that it did.
    fn fail(
        first: usize,
        count: usize,
        kind: io::ErrorKind,
    ) -> (impl FnMut(Call) -> Option<io::ErrorKind>, Rc<Cell<bool>>) {
        let (mut number, reached) = (0, Rc::new(Cell::new(false)));
        let told = Rc::clone(&reached);
        let injector = move |_| {
            number += 1;
            let fails = (first..first + count).contains(&(number - 1));
            told.set(told.get() || fails);
            fails.then_some(kind)
        };
        (injector, reached)
    }

    /// One look that failed left the lock of the list to its own process, which then waited for
    /// itself; one removal that failed left a table locked for good.
    #[test]
    fn one_failing_call_leaves_no_lock() {
        for kind in [
            StaleNetworkFileHandle,
            TimedOut,
            Interrupted,
            PermissionDenied,
        ] {
            for first in 0.. {
                let dir = tempfile::tempdir().expect("a folder");
                let stack = stack(dir.path());
                let (injector, reached) = fail(first, 1, kind);
                let result = faults::with(injector, || stack.compact_all(None));
                assert!(result.is_ok(), "{kind} at {first}: {result:?}");
                assert_eq!(locks(dir.path()), [""; 0], "{kind} at {first}");
                if !reached.get() {
                    assert!(first > 10, "{first}");
                    break;
                }
            }
        }
    }

    /// What could not be removed for longer is removed before this process makes the next file.
    #[test]
    fn lock_that_could_not_be_removed_goes_before_the_next_one_is_made() {
        for call in [Call::Look, Call::Unlink] {
            let dir = tempfile::tempdir().expect("a folder");
            let stack = stack(dir.path());
            let addition = stack.begin().expect("no fault");
            let injector = move |called| (called == call).then_some(StaleNetworkFileHandle);
            faults::with(injector, || drop(addition));
            assert_eq!(
                locks(dir.path()),
                ["tables.list.lock"],
                "nothing can be done"
            );
            add(&stack, "e").expect("its own lock");
            assert_eq!(locks(dir.path()), [""; 0]);
        }
    }
}
