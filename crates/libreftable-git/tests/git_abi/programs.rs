//! The C interface of git's own library, used from C: every program in `c-tests/git` is compiled
//! against the committed header, linked with plain `cc` and run.

use crate::archive::{NATIVE_LIBS, archive, c, cpp, root, run, scratch};
use std::process::Command;

/// A test program has to say how much it checked.
fn check(name: &str) {
    let program = scratch(name);
    run(c()
        .arg("-I")
        .arg(root().join("crates/libreftable-git/include"))
        .arg(root().join(format!("c-tests/git/{name}.c")))
        .arg(archive())
        .arg("-o")
        .arg(&program)
        .args(NATIVE_LIBS.split(' ')));
    let output = run(&mut Command::new(program));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    assert!(
        said.trim_end().ends_with(" checks passed") && !said.contains(" 0 checks passed"),
        "{name} ended without checking anything: {said:?}"
    );
}

macro_rules! programs {
    ($($name:ident),* $(,)?) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*
    };
}

programs![records, stack, tables];

/// A program that nobody runs tests nothing.
#[test]
fn every_c_program_is_run() {
    let folder = std::fs::read_dir(root().join("c-tests/git")).expect("the C tests");
    let mut found: Vec<String> = folder
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".c").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, PROGRAMS);
}

/// Embedders compile with the strictest flags they have; the header is not to be what breaks.
#[test]
fn the_header_alone_is_clean_c99_and_cpp() {
    for (mut compiler, file) in [(c(), "header.c"), (cpp(), "header.cc")] {
        let source = scratch(file);
        std::fs::write(&source, "#include \"reftable-git.h\"\n").unwrap_or(());
        run(compiler
            .args(["-pedantic", "-fsyntax-only"])
            .arg("-I")
            .arg(root().join("crates/libreftable-git/include"))
            .arg(source));
    }
}
