//! What the README shows is what compiles.

use std::fs;
use std::path::Path;

/// The first block of code of a language.
fn block<'a>(readme: &'a str, language: &str) -> &'a str {
    readme
        .split(&format!("```{language}\n"))
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .unwrap_or_default()
}

/// Cargo compiles and lints the example with every test run; the README shows the same text.
#[test]
fn the_rust_example_is_the_one_in_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let example = fs::read_to_string(root.join("examples/refs.rs")).expect("the example");
    // What the lints want at the top of a file is left out.
    let code = example.find("use ").map_or("", |start| &example[start..]);
    assert!(code.contains("fn main"), "{code}");
    assert_eq!(block(&readme, "rust"), code);
}

/// Newcomers follow the map of the folders.
#[test]
fn the_map_names_folders_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let map = readme.split("## Where things are").nth(1).expect("the map");
    let rows = map.lines().filter_map(|line| line.strip_prefix("| `"));
    let folders: Vec<&str> = rows.filter_map(|row| row.split('`').next()).collect();
    assert!(folders.len() > 5, "{folders:?}");
    for folder in folders {
        assert!(root.join(folder).is_dir(), "{folder} does not exist");
    }
}
