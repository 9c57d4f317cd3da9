//! The tool on what other implementations wrote, and on what nobody should.

use crate::tool::{data, status, tool};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use test_support::corpus;

/// The stacks for which git printed what it saw.
///
/// The git of 2020 lists a symbolic ref to nowhere under the id of the ref before it, and reads
/// reflogs backwards; there is nothing to agree with.
fn stacks_with(file: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(data("stacks")).unwrap() {
        let path = entry.unwrap().path();
        let of_2020 = path.ends_with("git-v16-basic") || path.ends_with("git-v16-compacted");
        if path.join(file).is_file() && !(of_2020 && file.ends_with(".txt")) {
            found.push(path);
        }
    }
    assert!(found.len() > 14, "{found:?}");
    found.sort();
    found
}

/// Runs a command on a stack; its lines as JSON.
fn json(command: &[&str], stack: &Path) -> Vec<Value> {
    let path = stack.join("reftable");
    let args: Vec<_> = command
        .iter()
        .map(AsRef::as_ref)
        .chain([path.as_os_str()])
        .collect();
    let text = tool(Path::new("."), &args);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn ls_agrees_with_git_on_every_stack() {
    for stack in stacks_with("for-each-ref.txt") {
        let refs = json(&["ls", "--json"], &stack);
        let by_name: BTreeMap<_, _> = refs
            .iter()
            .map(|found| (string(&found["name"]), found))
            .collect();
        let expected = fs::read_to_string(stack.join("for-each-ref.txt")).unwrap();
        let mut expected = expected.lines();
        for (name, found) in &by_name {
            if !name.starts_with("refs/") {
                continue;
            }
            let mut end = *found;
            while let Some(next) = end.get("symref") {
                match by_name.get(string(next)) {
                    Some(next) => end = next,
                    None => break,
                }
            }
            // git leaves out symbolic refs that lead nowhere.
            if end.get("id").is_some() {
                let (id, peeled) = (string(&end["id"]), string(&end["peeled"]));
                let symref = found.get("symref").map(string).unwrap_or_default();
                let line: Vec<_> = expected.next().unwrap().split('\t').collect();
                assert_eq!([*name, id, symref], [line[0], line[1], line[3]]);
                // What is not stored, git finds out by itself.
                assert!(
                    peeled.is_empty() || peeled == line[2],
                    "{}: {name}",
                    stack.display()
                );
            }
        }
        assert_eq!(expected.next(), None, "{}", stack.display());
    }
}

#[test]
fn show_agrees_with_ls_for_every_ref_of_every_stack() {
    let mut count = 0;
    for stack in stacks_with("reftable/tables.list") {
        let path = stack.join("reftable");
        // Each ref is a process.
        for found in json(&["ls", "--json"], &stack).iter().step_by(7).take(12) {
            let name = string(&found["name"]);
            let args = [
                "show".as_ref(),
                "--json".as_ref(),
                name.as_ref(),
                path.as_os_str(),
            ];
            let text = tool(Path::new("."), &args);
            let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
            assert_eq!(first, *found, "{}", stack.display());
            count += 1;
        }
    }
    assert!(count > 30);
}

/// Bytes that are no plain characters are written as %XX.
fn unescape(text: &str) -> Vec<u8> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// The time zones of git are decimal digits; what git shows is what it reads of them.
#[test]
fn log_agrees_with_git_on_every_stack() {
    for stack in stacks_with("reflog.txt") {
        let expected = fs::read_to_string(stack.join("reflog.txt")).unwrap();
        let path = stack.join("reftable");
        for section in expected.split("== ").skip(1) {
            let (name, lines) = section.split_once('\n').unwrap();
            // git shows no reflogs of refs that are gone.
            if lines.trim() == "(not shown)" || lines.trim().is_empty() {
                continue;
            }
            let name = OsString::from_vec(unescape(name));
            let args = [
                "log".as_ref(),
                "--json".as_ref(),
                name.as_ref(),
                path.as_os_str(),
            ];
            let (_, text, _) = status(Path::new("."), &args);
            let ours: Vec<String> = text
                .lines()
                .map(|line| {
                    let entry: Value = serde_json::from_str(line).unwrap();
                    let (new, time) = (string(&entry["new"]), &entry["time"]);
                    let message = string(&entry["message"]);
                    // git takes the last byte for a line end, which JGit does not write.
                    let message = message.get(..message.len().saturating_sub(1));
                    let message = message.unwrap_or_default().split('\n').next();
                    let message = message.unwrap_or_default().trim_end();
                    format!("{new} {time} {message}")
                })
                // git leaves out the entries that a renaming makes.
                .filter(|line| !line.trim_start_matches('0').starts_with(' '))
                .collect();
            let theirs: Vec<String> = lines
                .lines()
                // A message of several lines goes on in lines without tabs.
                .filter(|line| line.contains('\t'))
                .map(|line| {
                    let mut parts = line.splitn(5, '\t');
                    let new = parts.next().unwrap();
                    let when = parts.nth(2).unwrap().rsplit_once("@{").unwrap().1;
                    let time = when.split([' ', '}']).next().unwrap();
                    format!(
                        "{new} {time} {}",
                        parts.next().unwrap_or_default().trim_end()
                    )
                })
                .collect();
            assert_eq!(
                ours,
                theirs,
                "{} {}",
                stack.display(),
                name.to_string_lossy()
            );
        }
    }
}

#[test]
fn verify_finds_no_errors_in_what_git_and_jgit_wrote() {
    for stack in stacks_with("reftable/tables.list") {
        let name = stack.file_name().unwrap().to_string_lossy().into_owned();
        let args = ["verify".into(), stack.join("reftable").into_os_string()];
        let (code, text, errors) = status(Path::new("."), &args);
        assert_eq!(errors, "", "{name}");
        // JGit names a converted table after other update indexes than it has; Go ends the list
        // without a newline, which git 2.55 reads as an empty one, and wrote an id of nothing but
        // zeros.
        assert!(
            code == 0 || code == 3 && name.starts_with("go-"),
            "{name}: {text}"
        );
    }
}

#[test]
fn verify_names_the_defect_of_every_damaged_table() {
    let entries = corpus::corrupt_tables();
    assert!(entries.len() > 50);
    for entry in entries {
        let args = ["verify".as_ref(), "--json".as_ref(), entry.path.as_os_str()];
        let (code, text, _) = status(Path::new("."), &args);
        let kinds: Vec<String> = text
            .lines()
            .map(|line| {
                let finding: Value = serde_json::from_str(line).unwrap();
                assert_eq!(finding["file"], entry.name, "a finding names its file");
                assert!(finding["offset"].is_u64(), "{}: and the place", entry.name);
                string(&finding["kind"]).to_owned()
            })
            .collect();
        let expected: Vec<&str> = entry.columns[0].split('|').collect();
        let harmless = expected.iter().any(|class| class.starts_with("ok"));
        let found = kinds.iter().any(|kind| expected.contains(&&**kind));
        assert!(
            found || harmless && code == 0,
            "{}: {kinds:?}, expected {expected:?}",
            entry.name
        );
        assert_eq!(code, if kinds.is_empty() { 0 } else { 3 }, "{}", entry.name);
    }
}
