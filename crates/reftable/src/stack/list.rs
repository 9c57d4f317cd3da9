//! `tables.list` and the names of the files beside it.
//!
//! The list has one table's file name per line, oldest first, each ended by a newline. Readers
//! here also take a list without the last newline and skip empty lines. Names carry no meaning;
//! any that is a plain file name is taken.

use crate::error::{Defect, Error, Result};
use crate::fs::Held;

/// The file name of the list.
pub(crate) const LIST: &str = "tables.list";
/// What is added to a file's name to get the name of its lock.
pub(crate) const LOCK_SUFFIX: &str = ".lock";
/// A list may have this many bytes: more than 20,000 names as they are written today, where
/// compaction keeps a stack at a few dozen.
pub(crate) const LIST_LIMIT: u64 = 1 << 20;

/// The names in a list, and its file, if that can be known again.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    pub(super) names: Vec<String>,
    pub(super) file: Option<Held>,
}

/// The names in the bytes of a list.
pub(crate) fn parse(bytes: &[u8]) -> Result<Vec<String>> {
    let mut lines: Vec<(&str, u64)> = Vec::new();
    let mut offset = 0;
    for line in bytes.split(|&byte| byte == b'\n') {
        let start = offset;
        offset += line.len() as u64 + 1;
        if line.is_empty() {
            continue;
        }
        let refuse = |why: &str| Err(malformed(start, format!("{why}: {}", shown(line))));
        if line.iter().any(|&byte| matches!(byte, b'/' | b'\\' | 0)) || matches!(line, b"." | b"..")
        {
            return refuse("not a plain file name");
        }
        let Ok(name) = std::str::from_utf8(line) else {
            return refuse("not UTF-8");
        };
        lines.push((name, start));
    }
    if let Some((name, start)) = find_repeated(&lines) {
        return Err(malformed(
            start,
            format!("listed twice: {}", shown(name.as_bytes())),
        ));
    }
    Ok(lines.iter().map(|(name, _)| String::from(*name)).collect())
}

/// The first line whose name stands in a line before it.
fn find_repeated<'a>(lines: &[(&'a str, u64)]) -> Option<(&'a str, u64)> {
    // As names mostly are, since they begin with the update index.
    if lines.is_sorted_by(|one, next| one.0 < next.0) {
        return None;
    }
    let mut sorted = lines.to_vec();
    sorted.sort_unstable();
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    let repeated = pairs.filter(|(one, next)| one.0 == next.0);
    repeated
        .map(|(_, next)| *next)
        .min_by_key(|(_, start)| *start)
}

/// The part of a line that fits into a message.
fn shown(line: &[u8]) -> String {
    let end = line.len().min(100);
    line.get(..end)
        .unwrap_or_default()
        .escape_ascii()
        .to_string()
}

/// The error about a list.
pub(super) fn malformed(offset: u64, why: impl Into<String>) -> Error {
    Error::corrupt_because(LIST, offset, Defect::BadTablesList, why)
}

/// The bytes of a list.
///
/// Refuses to make a list that [`parse`]'s caller would not read again.
pub(crate) fn encode(names: &[String]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'\n');
    }
    if bytes.len() as u64 > LIST_LIMIT {
        return Err(malformed(LIST_LIMIT, "more tables than a list can have"));
    }
    Ok(bytes)
}

/// A table's final name. The random number keeps it apart from every table that ever had the
/// same range, so an open handle that knows tables by name never mistakes one for another.
pub(crate) fn table_name(min: u64, max: u64, random: u32) -> String {
    format!("0x{min:012x}-0x{max:012x}-{random:08x}.ref")
}

/// A table's name while it is being written. That the name is free shows when the file is made.
pub(super) fn temporary_name(min: u64, max: u64, random: u32) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut name = format!("0x{min:012x}-0x{max:012x}-{random:08x}.temp.");
    let mut unique = random;
    for _ in 0..6 {
        name.push(char::from(DIGITS[unique as usize % DIGITS.len()]));
        unique /= 62;
    }
    name
}

/// Whether git or this library may have given `name` to a table, with or without random part.
pub(crate) fn is_table_name(name: &str) -> bool {
    name.strip_suffix(".ref").is_some_and(is_range)
}

/// The largest update index of the table to which git or this library may have given `name`, as far
/// as the name tells.
pub(super) fn largest_update_index(name: &str) -> Option<u64> {
    let range = name.strip_suffix(".ref").filter(|_| is_table_name(name))?;
    let max = range.split('-').nth(1)?.strip_prefix("0x")?;
    u64::from_str_radix(max, 16).ok()
}

/// Whether git or this library may have given `name` to a table being written.
pub(crate) fn is_temporary_name(name: &str) -> bool {
    name.rsplit_once(".temp.").is_some_and(|(range, unique)| {
        unique.len() == 6
            && unique.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && is_range(range)
    })
}

fn is_range(text: &str) -> bool {
    let mut parts = text.split('-');
    let index = |part: Option<&str>| {
        part.and_then(|part| part.strip_prefix("0x"))
            .is_some_and(|digits| is_hex(digits, 12, 16))
    };
    index(parts.next())
        && index(parts.next())
        && parts.next().is_none_or(|random| is_hex(random, 8, 8))
        && parts.next().is_none()
}

fn is_hex(text: &str, min: usize, max: usize) -> bool {
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (min..=max).contains(&text.len()) && text.bytes().all(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &[u8]) -> Vec<String> {
        parse(bytes).unwrap()
    }

    #[test]
    fn blank_lines_and_a_missing_last_newline_are_accepted() {
        assert!(names(b"").is_empty());
        assert!(names(b"\n\n").is_empty());
        assert_eq!(names(b"\na.ref\n\nb.ref"), ["a.ref", "b.ref"]);
    }

    #[test]
    fn a_carriage_return_is_part_of_the_name() {
        assert_eq!(names(b"a.ref\r\n"), ["a.ref\r"]);
    }

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        let bad: [&[u8]; 8] = [
            b"../x.ref",
            b"/x.ref",
            b"a\\b.ref",
            b"a\0b.ref",
            b".",
            b"..",
            b"a/",
            b"\xff.ref",
        ];
        for line in bad {
            let list = [b"ok.ref\n", line, b"\n"].concat();
            let Err(Error::Corrupt(corruption)) = parse(&list) else {
                panic!("accepted {}", line.escape_ascii());
            };
            assert_eq!(corruption.defect, Defect::BadTablesList);
            assert_eq!(corruption.offset, 7);
        }
    }

    #[test]
    fn the_line_that_is_wrong_is_shown_as_far_as_it_fits() {
        let long = [b"a/".as_slice(), &[b'x'; 500]].concat();
        for (line, text) in [(&b"..\\x.ref"[..], "..\\\\x.ref"), (&long, "a/xxx")] {
            let error = parse(line).unwrap_err().to_string();
            assert!(error.contains(text) && error.len() < 250, "{error}");
        }
    }

    #[test]
    fn a_name_twice_is_refused_where_it_repeats() {
        for (list, offset) in [("a\nb\na\n", 4), ("b\na\na\nb\n", 4), ("a\na\n", 2)] {
            let Err(Error::Corrupt(corruption)) = parse(list.as_bytes()) else {
                panic!("accepted {list}");
            };
            assert_eq!(corruption.defect, Defect::BadTablesList);
            assert_eq!(corruption.offset, offset, "{list}");
        }
        assert_eq!(names(b"c\na\nb\n"), ["c", "a", "b"]);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let list = vec!["a.ref".to_owned(), "b.ref".to_owned()];
        let bytes = encode(&list).unwrap();
        assert_eq!(bytes, b"a.ref\nb.ref\n");
        assert_eq!(names(&bytes), list);
    }

    #[test]
    fn a_list_that_nobody_could_read_is_not_written() {
        let list = vec!["x".repeat(1 << 10); 1 << 10];
        assert!(encode(&list).is_err());
        let longest = "x".repeat(LIST_LIMIT as usize - 1);
        assert!(
            encode(std::slice::from_ref(&longest))
                .is_ok_and(|bytes| bytes.len() as u64 == LIST_LIMIT)
        );
        assert!(encode(&[longest + "x"]).is_err());
    }

    #[test]
    fn names_of_tables_have_at_least_twelve_digits() {
        assert_eq!(
            table_name(1, 0x1f, 0xab),
            "0x000000000001-0x00000000001f-000000ab.ref"
        );
        assert!(is_table_name(&table_name(0, u64::MAX, u32::MAX)));
        let largest = |name: &str| largest_update_index(name);
        assert_eq!(largest(&table_name(1, 0x1f, 0xab)), Some(0x1f));
        assert_eq!(largest(&table_name(0, u64::MAX, u32::MAX)), Some(u64::MAX));
        assert_eq!(largest("0x000000000001-0x000000000002.ref"), Some(2));
        assert_eq!(largest("orphan.ref"), None);
        assert!(is_table_name("0x000000000001-0x000000000001.ref"));
        assert!(!is_table_name("000000000001-000000000001-00000000_7.ref"));
        assert!(!is_table_name("orphan.ref"));
        assert!(!is_table_name("0x00000000000g-0x000000000001-00000000.ref"));
        assert!(!is_table_name("0x000000000001-0x000000000001-0000000.ref"));
        assert!(!is_table_name("0x000000000001-0x00000000001-00000000.ref"));
        assert!(!is_table_name(
            "0x000000000001-0x000000000001-00000000-00000000.ref"
        ));
    }

    #[test]
    fn temporary_names_are_told_from_foreign_files() {
        for unique in [0, 1, 61, 62, u32::MAX] {
            let name = temporary_name(1, 2, unique);
            assert!(is_temporary_name(&name), "{name}");
            assert!(!is_table_name(&name), "{name}");
        }
        assert!(is_temporary_name(
            "0x000000000001-0x000000000001.temp.aB3xYz"
        ));
        for foreign in [
            "notes.temp.aB3xYz",
            "0x000000000001-0x000000000001.temp.a",
            "x.txt",
        ] {
            assert!(!is_temporary_name(foreign), "{foreign}");
        }
    }
}
