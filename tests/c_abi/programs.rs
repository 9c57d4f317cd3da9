//! The C interface, used from C: every program in `c-tests/v16` is compiled against the committed
//! header, linked with plain `cc` and run.

use crate::archive::{NATIVE_LIBS, archive, c, cpp, root, run, scratch};
use std::path::PathBuf;
use std::process::Command;

/// The C compiler, which finds the header.
fn cc() -> Command {
    let mut cc = c();
    cc.arg("-I").arg(root().join("include"));
    cc
}

/// Compiles and links a program.
fn build(source: &str) -> PathBuf {
    let source = root().join(source);
    let program = scratch("bin").join(source.file_stem().unwrap_or_default());
    std::fs::create_dir_all(scratch("bin")).unwrap_or_default();
    run(cc()
        .arg(&source)
        .arg(archive())
        .arg("-o")
        .arg(&program)
        .args(NATIVE_LIBS.split(' ')));
    program
}

/// A test program has to say how much it checked.
fn check(name: &str) {
    let output = run(&mut Command::new(build(&format!("c-tests/v16/{name}.c"))));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
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

programs![
    abi, additions, alloc, compaction, damaged, errors, extensions, forks, iterators, locks,
    merged, names, objects, reader, records, reentrancy, sinks, sources, stack, system, tables,
    threads, writer,
];

/// A program that nobody runs tests nothing.
#[test]
fn every_c_program_is_run() {
    let folder = std::fs::read_dir(root().join("c-tests/v16")).expect("the C tests");
    let mut found: Vec<String> = folder
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".c").map(str::to_owned))
        .collect();
    found.sort();
    assert_eq!(found, PROGRAMS);
}

/// Embedders compile with the strictest flags they have; the header is not to be what breaks.
#[test]
fn the_header_alone_is_clean_c99() {
    let source = scratch("header.c");
    std::fs::write(
        &source,
        "#include \"reftable.h\"\n#include \"reftable.h\"\n",
    )
    .unwrap_or(());
    run(cc()
        .args(["-pedantic", "-Wstrict-prototypes", "-fsyntax-only"])
        .arg(source));
}

#[test]
fn the_header_alone_is_clean_cpp() {
    let source = scratch("header.cc");
    std::fs::write(&source, "#include \"reftable.h\"\n").unwrap_or(());
    run(cpp()
        .args(["-pedantic", "-fsyntax-only"])
        .arg("-I")
        .arg(root().join("include"))
        .arg(source));
}

/// From C++ the functions have their plain names, too.
#[test]
fn a_cpp_program_links() {
    let source = scratch("version.cc");
    let program = scratch("version");
    let text = "#include \"reftable.h\"\n#include <cstring>\n\
        int main() { return std::strcmp(reftable_error_str(-2), \"I/O error\") != 0; }\n";
    std::fs::write(&source, text).unwrap_or(());
    run(cpp()
        .arg("-I")
        .arg(root().join("include"))
        .arg(source)
        .arg(archive())
        .arg("-o")
        .arg(&program)
        .args(NATIVE_LIBS.split(' ')));
    run(&mut Command::new(program));
}

/// What the example and the README show must be what happens. The README's program lists what the
/// example wrote.
#[test]
fn the_example_and_the_program_in_the_readme_run() {
    let folder = scratch("example.stack");
    let _ = std::fs::remove_dir_all(&folder);
    let output = run(Command::new(build("examples/c/refs.c")).arg(&folder));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("HEAD stands for refs/heads/main"), "{said}");
    assert!(folder.join("tables.list").exists(), "{said}");

    let readme = std::fs::read_to_string(root().join("README.md")).expect("the README");
    let program = readme
        .split("```c\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let source = scratch("list.c");
    std::fs::write(&source, program.expect("a C program")).expect("a scratch file");
    let list = scratch("list");
    run(cc()
        .arg(&source)
        .arg(archive())
        .arg("-o")
        .arg(&list)
        .args(NATIVE_LIBS.split(' ')));
    let output = run(Command::new(&list).arg(&folder));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said, "refs/heads/main\nrefs/heads/topic\nrefs/tags/v1\n");
}
