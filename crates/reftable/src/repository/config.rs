//! As much of git's configuration format as a repository's own settings need.
//!
//! Sections, keys, quotes, escapes, comments and lines that go on are read; includes are not, and
//! neither does git for the settings that tell what a repository is.

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The settings of one file.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// Name in small letters (those of a sub-section as they are), and value.
    settings: Vec<(String, String)>,
}

impl Config {
    /// Reads a file, which must exist.
    pub(super) fn read(path: &Path) -> Result<Config> {
        let bytes = fs::read(path).map_err(Error::io("read", path))?;
        parse(&String::from_utf8_lossy(&bytes)).map_err(|line| Error::UnsupportedRepository {
            path: path.to_path_buf(),
            reason: format!("bad line {line}"),
        })
    }

    /// The last value of a setting, its name in small letters.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut settings = self.settings.iter().rev();
        let (_, value) = settings.find(|(found, _)| found == name)?;
        Some(value)
    }
}

/// The settings in a text, or the number of the line that is none.
fn parse(text: &str) -> std::result::Result<Config, usize> {
    let mut config = Config::default();
    let mut section = String::new();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let mut rest = line.trim_start();
        if let Some(head) = rest.strip_prefix('[') {
            let (name, behind) = parse_section(head).ok_or(number + 1)?;
            section = name;
            rest = behind.trim_start();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let key_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let (key, behind) = rest.split_at(key_end.unwrap_or(rest.len()));
        let name = format!("{section}.{}", key.to_ascii_lowercase());
        let value = match behind.trim_start().strip_prefix('=') {
            _ if key.is_empty() => None,
            Some(value) => parse_value(value, || lines.next().map(|(_, line)| line)),
            // A key alone is a switch that is on.
            None if behind.trim().is_empty() => Some("true".to_owned()),
            None => None,
        };
        config.settings.push((name, value.ok_or(number + 1)?));
    }
    Ok(config)
}

/// `section]` or `section "sub"]`, and what follows.
fn parse_section(head: &str) -> Option<(String, &str)> {
    let end = head.find([']', '"'])?;
    let name = head.get(..end)?.trim_end().to_ascii_lowercase();
    let rest = head.get(end..)?;
    if let Some(behind) = rest.strip_prefix(']') {
        return Some((name, behind));
    }
    let mut sub = String::new();
    let mut chars = rest.get(1..)?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let behind = rest.get(at + 2..)?.strip_prefix(']')?;
                return Some((format!("{name}.{sub}"), behind));
            }
            '\\' => sub.push(chars.next()?.1),
            other => sub.push(other),
        }
    }
    None
}

/// A value, which may go on over several lines.
fn parse_value<'a>(
    first: &'a str,
    mut next_line: impl FnMut() -> Option<&'a str>,
) -> Option<String> {
    let mut value = String::new();
    // Blanks count only if something follows them.
    let mut kept = 0;
    let mut quoted = false;
    let mut chars = first.trim_start().chars();
    loop {
        let Some(c) = chars.next() else {
            value.truncate(kept);
            return (!quoted).then_some(value);
        };
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => {
                value.truncate(kept);
                return Some(value);
            }
            '\\' => match chars.next() {
                None => {
                    chars = next_line()?.chars();
                    continue;
                }
                Some('n') => value.push('\n'),
                Some('t') => value.push('\t'),
                Some('b') => value.push('\u{8}'),
                Some(c @ ('\\' | '"')) => value.push(c),
                Some(_) => return None,
            },
            c if c.is_whitespace() && !quoted => {
                value.push(c);
                continue;
            }
            c => value.push(c),
        }
        kept = value.len();
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn settings_are_found_as_git_writes_and_people_edit_them() {
        let config = parse(
            "[core]\n\trepositoryformatversion = 1\n\tbare=false ; why\n[Extensions] objectFormat = sha256\n\
             [extensions]\n  refStorage = \"reftable\" # yes\n[remote \"a \\\"b\"]\nurl = x \\\n  y\n[core]\nbare\n",
        )
        .unwrap();
        assert_eq!(config.get("core.repositoryformatversion"), Some("1"));
        assert_eq!(config.get("extensions.objectformat"), Some("sha256"));
        assert_eq!(config.get("extensions.refstorage"), Some("reftable"));
        assert_eq!(config.get("remote.a \"b.url"), Some("x   y"));
        assert_eq!(config.get("core.bare"), Some("true"), "the last one counts");
        assert_eq!(config.get("core.none"), None);
    }

    #[test]
    fn a_line_that_is_no_setting_is_named() {
        assert_eq!(parse("[core]\nbare = true\n= 1\n").unwrap_err(), 3);
        assert_eq!(parse("[core\n").unwrap_err(), 1);
        assert_eq!(parse("[a \"b]\n").unwrap_err(), 1);
        assert_eq!(parse("[a]\nb = \"c\n").unwrap_err(), 2);
        assert_eq!(parse("[a]\nb = \\q\n").unwrap_err(), 2);
    }
}
