//! `tables.list`.
//!
//! The list has one table's file name per line, oldest first, each ended by a newline. Readers
//! here also take a list without the last newline and skip empty lines. Names carry no meaning;
//! any that is a plain file name is taken.

use crate::error::{Defect, Error, Result};
use crate::fs::Held;

/// The file name of the list.
pub(crate) const LIST: &str = "tables.list";
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
pub(crate) fn shown(line: &[u8]) -> String {
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
}
