//! As much of git's configuration format as a repository's own settings need.
//!
//! Sections, keys, quotes, escapes, comments and lines that go on are read; includes are not, and
//! neither does git for the settings that tell what a repository is. Values are bytes, since they
//! may be paths.

use super::git_dir::is_absent;
use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The settings of one file, or of several one after the other.
#[derive(Debug, Default)]
pub(super) struct Config {
    settings: Vec<Setting>,
}

/// A line `name = value`.
#[derive(Debug)]
pub(super) struct Setting {
    /// In small letters, but for those of a sub-section.
    pub(super) name: Vec<u8>,
    /// `None` for a name alone, which is a switch that is on.
    pub(super) value: Option<Vec<u8>>,
}

impl Config {
    /// Reads a file; one that does not exist has no settings.
    pub(super) fn read(path: &Path) -> Result<Config> {
        let mut config = Config::default();
        config.read_more(path)?;
        Ok(config)
    }

    /// Reads another file, whose settings come after those read before.
    pub(super) fn read_more(&mut self, path: &Path) -> Result<()> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(Error::io("read", path)(error)),
        };
        let config = parse(&bytes).map_err(|line| Error::UnsupportedRepository {
            path: path.to_path_buf(),
            reason: format!("bad line {line}"),
        })?;
        self.settings.extend(config.settings);
        Ok(())
    }

    /// All settings in their order.
    pub(super) fn all(&self) -> &[Setting] {
        &self.settings
    }

    /// The last one of this name in small letters.
    pub(super) fn get(&self, name: &str) -> Option<&Setting> {
        let mut settings = self.settings.iter().rev();
        settings.find(|setting| setting.name == name.as_bytes())
    }
}

impl Setting {
    /// The value as git understands switches; `None` if it is none.
    pub(super) fn as_bool(&self) -> Option<bool> {
        let Some(value) = &self.value else {
            return Some(true);
        };
        let is = |words: &[&str]| {
            let mut words = words.iter();
            words.any(|word| value.eq_ignore_ascii_case(word.as_bytes()))
        };
        if is(&["true", "yes", "on"]) {
            return Some(true);
        }
        if is(&["false", "no", "off", ""]) {
            return Some(false);
        }
        self.as_number().map(|number| number != 0)
    }

    /// The value as git understands numbers: decimal, `0x…` or `0…`, with k, m or g after it.
    pub(super) fn as_number(&self) -> Option<i64> {
        let text = std::str::from_utf8(self.value.as_ref()?).ok()?;
        let text = text.trim_ascii_start();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (text, factor) = match text.as_bytes().last()?.to_ascii_lowercase() {
            b'k' => (text.get(..text.len() - 1)?, 1 << 10),
            b'm' => (text.get(..text.len() - 1)?, 1 << 20),
            b'g' => (text.get(..text.len() - 1)?, 1 << 30),
            _ => (text, 1),
        };
        let (digits, radix) = match (text.strip_prefix("0x"), text.strip_prefix('0')) {
            (Some(digits), _) => (digits, 16),
            (None, Some(digits)) if !digits.is_empty() => (digits, 8),
            _ => (text, 10),
        };
        if !digits.starts_with(|c: char| c.is_digit(radix)) {
            return None;
        }
        let number = i64::from_str_radix(digits, radix).ok()?;
        let number = number.checked_mul(factor)?;
        Some(if negative { -number } else { number })
    }
}

/// The settings in a text, or the number of the line that is none.
fn parse(bytes: &[u8]) -> std::result::Result<Config, usize> {
    // A character for each byte: all that matters here is ASCII.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text: String = bytes.iter().copied().map(char::from).collect();
    let mut config = Config::default();
    let mut section = String::new();
    let mut lines = text.split('\n').enumerate();
    while let Some((number, line)) = lines.next() {
        let mut rest = line.trim_ascii_start();
        if let Some(head) = rest.strip_prefix('[') {
            let (name, after) = parse_section(head).ok_or(number + 1)?;
            section = name;
            rest = after.trim_ascii_start();
        }
        if rest.is_empty() || rest.starts_with(['#', ';']) {
            continue;
        }
        let key_end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let (key, after) = rest.split_at(key_end.unwrap_or(rest.len()));
        let name = format!("{section}.{}", key.to_ascii_lowercase());
        let value = match after.trim_ascii_start().strip_prefix('=') {
            _ if key.is_empty() => None,
            Some(value) => parse_value(value, || lines.next().map(|(_, line)| line)).map(Some),
            None if is_blank_or_comment(after) => Some(None),
            None => None,
        };
        config.settings.push(Setting {
            name: to_bytes(&name),
            value: value.ok_or(number + 1)?.as_deref().map(to_bytes),
        });
    }
    Ok(config)
}

fn is_blank_or_comment(text: &str) -> bool {
    let text = text.trim_ascii();
    text.is_empty() || text.starts_with(['#', ';'])
}

/// The bytes that characters were made of.
fn to_bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
        .collect()
}

/// `section]` or `section "sub"]`, and what follows.
fn parse_section(head: &str) -> Option<(String, &str)> {
    let end = head.find([']', '"'])?;
    let name = head.get(..end)?.trim_ascii_end().to_ascii_lowercase();
    let rest = head.get(end..)?;
    if let Some(after) = rest.strip_prefix(']') {
        return Some((name, after));
    }
    let mut sub = String::new();
    let mut chars = rest.get(1..)?.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = rest.get(at + 2..)?.strip_prefix(']')?;
                return Some((format!("{name}.{sub}"), after));
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
    let mut chars = first.trim_ascii_start().chars();
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
            c if c.is_ascii_whitespace() && !quoted => {
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
    use super::{Config, parse};

    fn value(config: &Config, name: &str) -> Option<String> {
        let value = config.get(name)?.value.as_deref();
        value.map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn settings_are_found_as_git_writes_and_people_edit_them() {
        let config = parse(
            b"[core]\n\trepositoryformatversion = 1\n\tbare=false ; why\n[Extensions] objectFormat = sha256\n\
             [extensions]\r\n  refStorage = \"reftable\" # yes\r\n[remote \"a \\\"b\"]\nurl = x \\\n  y\n[core]\nbare # on\n",
        )
        .unwrap();
        let value = |name| value(&config, name);
        assert_eq!(value("core.repositoryformatversion").as_deref(), Some("1"));
        assert_eq!(value("extensions.objectformat").as_deref(), Some("sha256"));
        assert_eq!(value("extensions.refstorage").as_deref(), Some("reftable"));
        assert_eq!(value("remote.a \"b.url").as_deref(), Some("x   y"));
        let bare = config.get("core.bare").and_then(|bare| bare.as_bool());
        assert_eq!(bare, Some(true), "the last one counts");
        assert!(config.get("core.none").is_none());
    }

    #[test]
    fn values_are_bytes_numbers_and_switches() {
        let config = parse(b"[a]\np = \"caf\xe9 \xff\"\nn = 0x10k\no = 010\nb = oN\nz=-1\nx=1x\n");
        let config = config.unwrap();
        let get = |name| config.get(name).unwrap();
        assert_eq!(get("a.p").value.as_deref(), Some(&b"caf\xe9 \xff"[..]));
        assert_eq!(get("a.n").as_number(), Some(16 << 10));
        assert_eq!(get("a.o").as_number(), Some(8));
        assert_eq!(get("a.z").as_number(), Some(-1));
        assert_eq!(get("a.x").as_number(), None);
        assert_eq!(get("a.b").as_bool(), Some(true));
        assert_eq!(get("a.n").as_bool(), Some(true));
        assert_eq!(get("a.p").as_bool(), None);
    }

    #[test]
    fn a_line_that_is_no_setting_is_named() {
        assert_eq!(parse(b"[core]\nbare = true\n= 1\n").unwrap_err(), 3);
        assert_eq!(parse(b"[core\n").unwrap_err(), 1);
        assert_eq!(parse(b"[a \"b]\n").unwrap_err(), 1);
        assert_eq!(parse(b"[a]\nb = \"c\n").unwrap_err(), 2);
        assert_eq!(parse(b"[a]\nb = \\q\n").unwrap_err(), 2);
    }
}
