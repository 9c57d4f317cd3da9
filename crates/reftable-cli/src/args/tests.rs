//! What the command line shows and takes.

use super::*;
use clap::CommandFactory;

/// The command lines of the tool in a text: indented, up to a pipe, a comment or the like.
fn examples(text: &str) -> Vec<Vec<&str>> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("  ")) {
        let Some(start) = line.find("reftable ") else {
            continue;
        };
        let before = line[..start].trim();
        if !before.is_empty() && !before.ends_with(['|', '(']) {
            continue;
        }
        let end = |word: &&str| !matches!(*word, "|" | "&&" | ">" | "#" | "=");
        let words = line[start..].split_whitespace().take_while(end);
        found.push(words.map(|word| word.trim_end_matches(')')).collect());
    }
    found
}

/// The help of `stat` once showed an option that had gone.
#[test]
fn examples_in_help_and_readme_are_command_lines_that_are_understood() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(readme).unwrap_or_default();
    let readme = examples(&readme);
    assert!(readme.len() >= 8, "{readme:?}");
    let mut seen = 0;
    for command in Cli::command().get_subcommands() {
        let help = command.get_after_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let of_command = examples(&help);
        assert!(
            command.is_hide_set() || !of_command.is_empty(),
            "{}",
            command.get_name()
        );
        for words in of_command.iter().chain(&readme) {
            let parsed = Cli::try_parse_from(words);
            assert!(parsed.is_ok(), "{words:?}: {parsed:?}");
            seen += 1;
        }
    }
    assert!(seen > 40);
}

#[test]
fn definitions_do_not_contradict_each_other() {
    Cli::command().debug_assert();
}
