//! An archive for git reaches files and locks through functions of its host. `c-tests/git-host` has a
//! host that counts what it is asked for.

use crate::archive::{NATIVE_LIBS, build, c, cargo, root, run, scratch};
use std::process::Command;

/// The setting is given to the compiler, not to the build script as `git-archive` does: cargo
/// keeps what it builds so apart, and need not build all other tests again.
#[test]
fn files_of_a_host_are_all_given_back() {
    let mut cargo = cargo("rustc");
    cargo.args(["--", "--cfg", "reftable_host_glue"]);
    let program = scratch("files");
    run(c()
        .arg("-I")
        .arg(root().join("crates/libreftable-git/include"))
        .arg(root().join("c-tests/git-host/files.c"))
        .arg(build(&mut cargo, "libreftable-host.a"))
        .arg("-o")
        .arg(&program)
        .args(NATIVE_LIBS.split(' ')));
    let output = run(&mut Command::new(program));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    assert!(said.contains("7 tests"), "{said:?}");
}
