//! Tests that start their own program again, to be another process.
//!
//! A helper is a test that is ignored, so that only [`command`] runs it:
//!
//! ```ignore
//! #[test]
//! #[ignore = "helper process"]
//! fn helper_says_its_name() {
//!     let Some(args) = helper::args(helper_says_its_name) else {
//!         return;
//!     };
//!     println!("{}", args["name"]);
//! }
//! ```

use std::collections::BTreeMap;
use std::process::Command;

/// Which helper the process is to be.
const WHICH: &str = "REFTABLE_TEST_HELPER";

/// Before the names of its arguments.
const ARGUMENT: &str = "REFTABLE_TEST_ARG_";

/// The name by which the test program knows a test function: its path without the program's name.
fn name<F: Fn()>() -> &'static str {
    let path = std::any::type_name::<F>();
    path.split_once("::").map_or(path, |(_, name)| name)
}

/// What [`command`] gave to this process, if it is this helper.
pub fn args<F: Fn()>(_: F) -> Option<BTreeMap<String, String>> {
    let wanted = std::env::var(WHICH).is_ok_and(|value| value == name::<F>());
    let args = std::env::vars()
        .filter_map(|(key, value)| Some((key.strip_prefix(ARGUMENT)?.to_owned(), value)));
    wanted.then(|| args.collect())
}

/// A command that runs this test function of this very program as another process.
pub fn command<F: Fn()>(_: F, args: &[(&str, &str)]) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = name::<F>();
    command.args([
        "--exact",
        name,
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(WHICH, name);
    for (key, value) in args {
        command.env(format!("{ARGUMENT}{key}"), value);
    }
    command
}
