//! Objects that `scripts/localise` makes: a panic is caught in them, wherever its unwinder is from.

use crate::archive::{c, root, run, scratch};
use std::path::{Path, PathBuf};
use std::process::Command;
use test_support::skip::skip;

/// A library whose function `name` panics, catches that, and returns 1.
fn library(name: &str) -> PathBuf {
    let source = scratch(&format!("{name}.rs"));
    let code = format!(
        "#[unsafe(no_mangle)] pub extern \"C\" fn {name}() -> i32 {{
            let caught = std::panic::catch_unwind(|| panic!(\"on purpose\"));
            i32::from(caught.is_err())
        }}"
    );
    std::fs::write(&source, code).unwrap();
    let archive = scratch(&format!("lib{name}.a"));
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    run(Command::new(rustc)
        .args(["--edition", "2024", "--crate-type", "staticlib"])
        .args(["-O", "-C", "codegen-units=1", "-C", "lto=fat", "-o"])
        .args([&archive, &source]));
    archive
}

fn localise(options: &[&str], archive: &Path, name: &str, output: &str) -> PathBuf {
    let symbols = scratch(&format!("{name}.symbols"));
    std::fs::write(&symbols, format!("{name}\n")).unwrap();
    let object = scratch(output);
    run(Command::new(root().join("scripts/localise"))
        .args(options)
        .args([archive, &symbols, &object]));
    object
}

/// Runs a program that calls the functions twice and wants 1 each time.
fn calls(functions: &[&str], linked: &[&Path], program: &str) -> PathBuf {
    let source = scratch(&format!("{program}.c"));
    let mut code = String::new();
    for function in functions {
        code += &format!("int {function}(void);\n");
    }
    let sum = functions.join("() + ") + "()";
    let expected = functions.len();
    code += &format!(
        "int main(void) {{ return ({sum}) == {expected} && ({sum}) == {expected} ? 0 : 3; }}\n"
    );
    std::fs::write(&source, code).unwrap();
    let program = scratch(program);
    run(c()
        .arg(&source)
        .args(linked)
        .args(["-lpthread", "-lm", "-ldl", "-o"])
        .arg(&program));
    run(&mut Command::new(&program));
    program
}

/// Loading libgcc_s took a tenth of the time of git's short commands.
#[test]
fn an_object_with_its_unwinder_catches_panics_without_libgcc_s() {
    let archive = library("caught");
    let object = localise(&["-u"], &archive, "caught", "with.o");
    let program = calls(&["caught"], &[&object], "with");
    let file = run(c().arg("-print-file-name=libgcc_eh.a")).stdout;
    if !file.starts_with(b"/") {
        skip("this compiler has no libgcc_eh.a: libgcc_s is needed");
        return;
    }
    let wanted = run(Command::new("readelf").arg("-d").arg(program)).stdout;
    let wanted = String::from_utf8_lossy(&wanted).into_owned();
    assert!(
        wanted.contains("(NEEDED)") && !wanted.contains("libgcc_s"),
        "{wanted}"
    );
}

/// git has Rust code of its own. Each library unwinds its frames with its own functions.
#[test]
fn panics_are_caught_beside_another_rust_library() {
    let (archive, other) = (library("first"), library("second"));
    for (options, name) in [(&["-u"][..], "both-with"), (&[], "both-without")] {
        let object = localise(options, &archive, "first", &format!("{name}.o"));
        calls(&["first", "second"], &[&object, &other], name);
    }
}
