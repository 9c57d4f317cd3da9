//! Every function and struct that a package's source writes for C is in its header, and every function
//! in the list of symbols. What makes the headers leaves out without a word what it does not
//! understand: a function that a macro writes, or whose attribute depends on a condition.

use super::confinement::{files, root};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const GIT: &str = "crates/libreftable-git";

/// The releases of git: the file of each, and its list of symbols.
const RELEASES: [(&str, &str); 4] = [
    ("v2_47", "reftable-git-2.47.symbols"),
    ("v2_53", "reftable-git.symbols"),
    ("v2_55", "reftable-git.symbols"),
    ("master", "reftable-git.symbols"),
];

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the package")
}

/// The Rust files below a folder by the names of files, without their tests.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = files(folder, &[".rs"]);
    for text in found.values_mut() {
        let end = text.find("#[cfg(test)]\nmod").unwrap_or(text.len());
        text.truncate(end);
    }
    found
}

/// The word at the start of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    end.map_or(text, |end| &text[..end])
}

/// The functions that C can call.
fn functions(code: &str) -> BTreeSet<String> {
    let exported = code.split("#[unsafe(no_mangle)]\n").skip(1);
    let heads = exported.filter_map(|rest| rest.split_once("fn "));
    heads.map(|(_, name)| word(name).to_owned()).collect()
}

/// The structs, unions and enums that C sees, as C declares them.
fn types(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rest in code.split("#[repr(C)]\n").skip(1) {
        let head = rest
            .lines()
            .map(str::trim)
            .find(|line| line.starts_with("pub "));
        let mut words = head.unwrap_or_default().split_whitespace().skip(1);
        if let (Some(kind @ ("struct" | "union" | "enum")), Some(name)) =
            (words.next(), words.next())
        {
            // What stays in Rust has a name in Rust's manner.
            if name.starts_with("reftable_") {
                found.insert(format!("{kind} {} {{", word(name)));
            }
        }
    }
    found
}

fn listed(path: &str) -> BTreeSet<String> {
    text(path).lines().map(str::to_owned).collect()
}

/// Compares a package's code with its header.
fn assert_declared(code: &str, header: &str, least: (usize, usize)) {
    let header = text(header);
    let (functions, types) = (functions(code), types(code));
    assert!(
        functions.len() >= least.0 && types.len() >= least.1,
        "this test looks at nothing"
    );
    for function in &functions {
        let declared = header.lines().any(|line| {
            let code = line.split("/*").next().unwrap_or_default();
            code.contains(&format!("{function}(")) && !line.trim_start().starts_with('*')
        });
        assert!(declared, "{function} is not in the header");
    }
    for declaration in &types {
        assert!(
            header.contains(declaration),
            "{declaration} is not in the header"
        );
    }
}

#[test]
fn the_header_of_2020_has_every_function_and_struct() {
    let code: String = sources("src").into_values().collect();
    assert_declared(&code, "include/reftable.h", (63, 13));
    assert_eq!(functions(&code), listed("include/reftable.symbols"));
}

/// The release that a file belongs to alone.
fn release_of(file: &str) -> Option<&'static str> {
    let is_its = |release: &str| file.ends_with(&format!("/releases/{release}.rs"));
    RELEASES
        .iter()
        .map(|(release, _)| *release)
        .find(|release| is_its(release))
}

/// The code of the interface for one release of git.
fn code_for(release: &str) -> String {
    let mut code = String::new();
    for (file, text) in sources(&format!("{GIT}/src")) {
        let others = release_of(&file).is_some_and(|its| its != release)
            || (release == "master" && file.ends_with("/releases/calls.rs"));
        if !others {
            code += &match release {
                "v2_47" => text.replace(
                    "#[cfg(not(git_api = \"2.47\"))]\n#[unsafe(no_mangle)]\n",
                    "",
                ),
                _ => text,
            };
        }
    }
    code
}

#[test]
fn the_header_for_git_has_every_function_and_struct() {
    let code = code_for("v2_55");
    assert_declared(&code, &format!("{GIT}/include/reftable-git.h"), (76, 20));
}

/// An archive for git takes the place of git's own objects. What it lacks would come from these.
#[test]
fn the_lists_of_all_releases_of_git_have_every_function() {
    let newest = listed(&format!("{GIT}/include/reftable-git.symbols"));
    for (release, list) in RELEASES {
        let listed = listed(&format!("{GIT}/include/{list}"));
        let written = functions(&code_for(release));
        let missing: Vec<_> = listed.difference(&written).collect();
        assert!(missing.is_empty(), "{release} lacks {missing:?}");
        // Functions of later releases stay in the archive of 2.47, where nobody sees them.
        let unlisted: Vec<_> = written.difference(&listed).collect();
        let later = |name: &&String| release == "v2_47" && newest.contains(*name);
        assert!(
            unlisted.iter().all(later),
            "{release} does not list {unlisted:?}"
        );
        let own = functions(&text(&format!("{GIT}/src/releases/{release}.rs")));
        assert!(
            own.is_subset(&listed),
            "{release} does not list all of {own:?}"
        );
    }
}

#[test]
fn what_is_written_for_c_is_found() {
    let code = "#[unsafe(no_mangle)]\npub unsafe extern \"C\" fn reftable_x(\n) {}\n\
                #[repr(C)]\n#[derive(Clone)]\npub struct reftable_y {\n}\n#[repr(C)]\nstruct Z {}\n";
    assert_eq!(functions(code), BTreeSet::from(["reftable_x".to_owned()]));
    assert_eq!(
        types(code),
        BTreeSet::from(["struct reftable_y {".to_owned()])
    );
}
