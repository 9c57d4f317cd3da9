//! What the README shows is what compiles, and what the documents name is there.

use std::fs;
use std::path::{Path, PathBuf};

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
    let example =
        fs::read_to_string(root.join("crates/reftable/examples/refs.rs")).expect("the example");
    // What the lints want at the top of a file is left out.
    let code = example.find("use ").map_or("", |start| &example[start..]);
    assert!(code.contains("fn main"), "{code}");
    assert_eq!(block(&readme, "rust"), code);
}

#[test]
fn the_c_example_is_the_one_in_examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let example = fs::read_to_string(root.join("examples/c/list.c")).expect("the example");
    let code = example
        .find("#include")
        .map_or("", |start| &example[start..]);
    assert!(code.contains("int main"), "{code}");
    assert_eq!(block(&readme, "c"), code);
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

/// All files below a folder of the package whose names end in one of `endings`, with their text.
fn texts(folder: &Path, endings: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(texts(&path, endings));
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push((path.clone(), fs::read_to_string(path).unwrap_or_default()));
        }
    }
    found
}

/// Comments name sections of the format by number; a number without a section helps nobody.
#[test]
fn every_section_of_the_format_that_code_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let format = fs::read_to_string(root.join("docs/format.md")).expect("the format");
    let heading = |line: &str| {
        Some(
            line.trim_start_matches('#')
                .trim()
                .split(' ')
                .next()?
                .to_owned(),
        )
    };
    let headings = format.lines().filter(|line| line.starts_with("##"));
    let sections: Vec<_> = headings.filter_map(heading).collect();
    let has = |number: &str| {
        let number = number.trim_end_matches('.');
        sections
            .iter()
            .any(|section| section.trim_end_matches('.') == number)
    };
    let mut seen = 0;
    for (file, text) in texts(&root.join("crates/reftable/src"), &[".rs"]) {
        for named in text.split("format section").skip(1) {
            // The number may stand in the next line.
            let number = named.trim_start_matches(['s', ' ', '/', '!', '\n']);
            let end = number.find(|c: char| !c.is_ascii_digit() && c != '.');
            let number = &number[..end.unwrap_or(number.len())];
            assert!(has(number), "{}: section {number}", file.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} sections are named");
}

/// Documents name each other, scripts, and folders.
#[test]
fn every_file_that_a_document_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut documents = texts(&root.join("docs"), &[".md"]);
    for name in [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
    ] {
        let path = root.join(name);
        let text = fs::read_to_string(&path).expect(name);
        documents.push((path, text));
    }
    let folders = [
        "docs/",
        "tests/",
        "src/",
        "scripts/",
        "crates/",
        "include/",
        "examples/",
        "c-tests/",
    ];
    let mut seen = 0;
    for (document, text) in documents {
        let folder = document.parent().unwrap_or(root);
        let links = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://")) {
            let path = folder.join(link.split('#').next().unwrap_or_default());
            assert!(path.exists(), "{}: {link}", document.display());
            seen += 1;
        }
        for name in text.split('`').skip(1).step_by(2) {
            let plain = !name.contains([' ', '*', '$', '=', '{', '<']);
            if plain && folders.iter().any(|folder| name.starts_with(folder)) {
                assert!(root.join(name).exists(), "{}: {name}", document.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 30, "only {seen} names");
}
