//! Panics stop here: unwinding into C frames is undefined, and aborting would leave lock files.
//!
//! A panic is a defect of this library, never an answer to input. The guard turns it into the
//! function's own way to say "failed". It installs no panic hook: hooks belong to the whole
//! program, and in a Rust program with this feature they would be the program's. Hence the one
//! line that std prints for a panic is the only output this library can ever cause.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `body`; if it panics, the result is `on_panic`.
///
/// What `body` was changing is left as the unwinding leaves it: handles are released, files of an
/// addition removed. No half-done value is reachable afterwards, as a value in exclusive use is
/// given back by a destructor.
pub fn guard<T>(on_panic: T, body: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            // Dropping a payload can panic again; leaking a few bytes cannot.
            std::mem::forget(payload);
            on_panic
        }
    }
}

#[cfg(test)]
mod tests {
    use super::guard;

    #[test]
    fn a_panic_becomes_the_given_value() {
        assert_eq!(guard(-1, || 7), 7);
        assert_eq!(guard(-1, || panic!("on purpose")), -1);
    }

    /// A payload whose destructor panics used to be a way around a guard.
    #[test]
    fn a_payload_that_panics_when_dropped_is_contained() {
        struct Grenade;
        impl Drop for Grenade {
            fn drop(&mut self) {
                panic!("second panic");
            }
        }
        let result = guard(-1, || std::panic::panic_any(Grenade));
        assert_eq!(result, -1);
    }
}
