//! Rules about the source that no compiler checks: where `unsafe` may stand, which module may use
//! which, how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules of the core that serve all others: errors, hashes, digits, names of refs.
const SHARED: &[&str] = &["error", "hash", "hex", "refname"];

/// Which modules of the core each one uses, as `docs/architecture.md` draws it. One that stands
/// further down may use those above it, never the other way round.
const USES: &[(&str, &[&str])] = &[
    ("format", &[]),
    ("fs", &[]),
    ("record", &["format"]),
    ("block", &["format", "record"]),
    ("table", &["format", "fs", "record", "block"]),
    ("merged", &["format", "record", "table"]),
    ("inspect", &["format", "record", "block", "table"]),
    ("blocks", &["format", "fs", "record", "block", "table"]),
    (
        "stack",
        &["format", "fs", "record", "block", "table", "merged"],
    ),
    ("view", &["record", "merged", "stack"]),
    ("repository", &["fs", "stack", "view"]),
    ("transaction", &["record", "stack", "view", "repository"]),
    ("convert", &["record", "fs", "table", "stack", "view"]),
    (
        "verify",
        &[
            "format", "fs", "record", "block", "table", "merged", "stack",
        ],
    ),
    (
        "repair",
        &[
            "format", "fs", "record", "block", "table", "stack", "verify",
        ],
    ),
];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose names end in one of `endings`, with their text.
pub fn files(folder: &str, endings: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        let Ok(entries) = fs::read_dir(&path) else {
            continue;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                open.push(path);
            } else if endings.iter().any(|ending| name(&path).ends_with(ending)) {
                // What cannot be read as text is not source.
                let text = fs::read_to_string(&path).unwrap_or_default();
                found.insert(name(&path), text);
            }
        }
    }
    found
}

/// The path as the root of the package sees it.
fn name(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// The code of a line: without what follows `//`.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether `word` stands in `line` by itself.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].ends_with(is_part) && !line[at + word.len()..].starts_with(is_part)
    })
}

#[test]
fn words_are_found_as_words() {
    assert!(has_word("unsafe { }", "unsafe"));
    assert!(!has_word("unsafe_code", "unsafe"));
    assert!(!has_word("#![deny(unsafe_op_in_unsafe_fn)]", "unsafe"));
    assert_eq!(code("use x; // unsafe"), "use x; ");
}

/// Every Rust file of every package, tests left out.
fn sources() -> BTreeMap<String, String> {
    let mut found = files("src", &[".rs"]);
    found.extend(files("crates", &[".rs"]));
    found.retain(|file, _| file.starts_with("src/") || file.contains("/src/"));
    assert!(found.len() > 150, "the source is not here");
    found
}

/// The core is safe Rust. What is not is the C interface, the memory map, and asking the system for
/// the kind of a file system.
#[test]
fn unsafe_stands_only_in_the_c_packages_and_in_two_files_for_the_system() {
    let homes = ["src/", "crates/capi/", "crates/libreftable-git/"];
    for (file, text) in &sources() {
        let may = homes.iter().any(|home| file.starts_with(home));
        let system =
            ["mmap.rs", "local.rs"].map(|name| format!("crates/reftable/src/fs/platform/{name}"));
        if may || system.contains(file) || file.contains("test-support") {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            assert!(
                !has_word(code(line), "unsafe"),
                "{file}:{}: {line}",
                number + 1
            );
        }
    }
}

/// Besides clippy's check, which a stray attribute could silence.
#[test]
fn every_unsafe_block_says_why_it_is_sound() {
    let mut blocks = 0;
    for (file, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let code = code(line);
            if !code.contains("unsafe {") && !code.contains("unsafe impl") {
                continue;
            }
            blocks += 1;
            // The comment stands above the statement, which may begin some lines before the block.
            let above = lines[number.saturating_sub(6)..=number].join("\n");
            assert!(above.contains("SAFETY:"), "{file}:{}: {line}", number + 1);
        }
    }
    assert!(
        blocks > 0,
        "no unsafe block found: this test looks at nothing"
    );
}

/// The module that a path in a line of code leads to, by `crate::NAME` or `crate::{NAME, ...}`.
fn modules_named(text: &str) -> Vec<String> {
    let joined: String = text.lines().map(code).collect::<Vec<_>>().join(" ");
    let mut names = Vec::new();
    for (at, _) in joined.match_indices("crate::") {
        let rest = joined[at + "crate::".len()..].trim_start();
        let list = match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default(),
            None => rest
                .split([';', '(', ',', '<', '>', ' ', ')'])
                .next()
                .unwrap_or_default(),
        };
        for path in list.split(',') {
            let first = path.trim().split("::").next().unwrap_or_default();
            names.push(first.to_owned());
        }
    }
    names
}

#[test]
fn paths_are_taken_apart() {
    let text =
        "use crate::stack::Lock;\nuse crate::{table::Table, merged};\nfn f(x: crate::fs::Fs)";
    assert_eq!(modules_named(text), ["stack", "table", "merged", "fs"]);
}

/// Which layer a file belongs to.
fn layer_of(file: &str) -> Option<&str> {
    let path = file.strip_prefix("crates/reftable/src/")?;
    path.split(['/', '.']).next()
}

/// Two modules that use each other are one.
#[test]
fn modules_use_only_those_that_the_architecture_draws() {
    let order: Vec<&str> = USES.iter().map(|(module, _)| *module).collect();
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (file, text) in files("crates/reftable/src", &[".rs"]) {
        // The unit tests of a module may build what they need from wherever they like.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let Some(layer) = layer_of(&file) else {
            continue;
        };
        for used in modules_named(text) {
            let Some(at) = order.iter().position(|module| *module == used) else {
                continue;
            };
            if used == layer {
                continue;
            }
            assert!(
                !SHARED.contains(&layer),
                "{file} uses {used}, and serves all"
            );
            let own = order.iter().position(|module| *module == layer);
            assert!(own.is_none_or(|own| at < own), "{file} uses {used}");
            if let Some(own) = own {
                found.entry(order[own]).or_default().insert(order[at]);
            }
        }
    }
    for (module, uses) in USES {
        let expected: BTreeSet<&str> = uses.iter().copied().collect();
        let found = found.remove(module).unwrap_or_default();
        assert_eq!(found, expected, "what {module} uses");
    }
}

/// What differs from system to system stands in one room.
#[test]
fn only_the_platform_room_names_an_operating_system() {
    let room = "crates/reftable/src/fs/platform/";
    let marks = ["cfg(unix)", "cfg!(unix)", "not(unix)", "os::unix", "libc::"];
    let (mut inside, mut outside) = (0, Vec::new());
    for (file, text) in files("crates/reftable/src", &[".rs"]) {
        for line in text.lines().map(code) {
            if marks.iter().any(|mark| line.contains(mark)) {
                inside += usize::from(file.starts_with(room));
                outside.extend((!file.starts_with(room)).then(|| format!("{file}: {line}")));
            }
        }
    }
    assert!(inside > 3, "the room is empty: this test looks at nothing");
    assert!(outside.is_empty(), "{outside:#?}");
}

/// What does not fit on a few screens is two things.
#[test]
fn no_file_is_longer_than_600_lines() {
    let endings = [".rs", ".c", ".h", ".md", ".toml"];
    let folders = [
        "src",
        "crates",
        "tests",
        "c-tests",
        "examples",
        "docs",
        "benches",
        "fuzz/fuzz_targets",
    ];
    let mut seen = 0;
    for folder in folders {
        for (file, text) in files(folder, &endings) {
            if file.contains("/include/") {
                continue;
            }
            seen += 1;
            let lines = text.lines().count();
            assert!(lines <= 600, "{file} has {lines} lines");
        }
    }
    assert!(seen > 50, "only {seen} files: this test looks at nothing");
}

/// A panic that leaves an `extern "C"` function ends the process, and leaves its locks behind.
#[test]
fn every_function_of_the_c_interfaces_stops_panics() {
    // Some do it by a function they share, some call another one of the interface.
    let ways = [
        "guard(",
        "status(",
        "text::<Interface>(",
        "lend_stats(",
        "unsafe { reftable_",
        "unsafe { table::reftable_",
    ];
    // These call the allocator and nothing else, or return a constant.
    let harmless = ["version", "malloc", "realloc", "calloc", "free"];
    for (folder, expected) in [("src", 64), ("crates/libreftable-git/src", 95)] {
        let mut functions = 0;
        for (file, text) in files(folder, &[".rs"]) {
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for function in text.split("#[unsafe(no_mangle)]\n").skip(1) {
                functions += 1;
                let body = function.split("\n}\n").next().unwrap_or_default();
                let is_harmless = harmless
                    .iter()
                    .any(|name| body.contains(&format!(" fn reftable_{name}(")));
                let stops = ways.iter().any(|way| body.contains(way));
                assert!(stops || is_harmless, "{file}: {body}");
            }
        }
        assert_eq!(
            functions, expected,
            "functions of the interface in {folder}"
        );
    }
}

/// A test that was renamed is looked for in vain.
#[test]
fn tests_that_docs_name_exist() {
    let mut named = 0;
    for doc in [
        "docs/c-abi.md",
        "docs/testing.md",
        "crates/reftable/tests/README.md",
    ] {
        let text = fs::read_to_string(root().join(doc)).expect("the docs");
        for word in text.split('`').skip(1).step_by(2) {
            let Some((file, test)) = word.rsplit_once("::") else {
                continue;
            };
            let is_path =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
            if !word.chars().all(is_path) {
                continue;
            }
            // What cargo calls `program::module::test`, or a C program and its test.
            let file = file.replace("::", "/");
            let path = [
                format!("tests/{file}.rs"),
                format!("crates/reftable/tests/{file}.rs"),
                format!("crates/reftable-cli/tests/{file}.rs"),
                format!("crates/libreftable-git/tests/{file}.rs"),
                format!("c-tests/v16/{file}.c"),
            ]
            .map(|path| root().join(path));
            let source = path.iter().filter_map(|path| fs::read_to_string(path).ok());
            named += 1;
            let head = [format!("fn {test}("), format!("static void {test}(")];
            let found = source
                .into_iter()
                .any(|text| head.iter().any(|head| text.contains(head)));
            assert!(found, "{doc} names {word}");
        }
    }
    assert!(named > 20, "only {named}: this test looks at nothing");
}
