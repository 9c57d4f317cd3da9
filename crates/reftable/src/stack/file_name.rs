//! The names of the files beside the list.

/// What ends the name of a table.
pub(crate) const TABLE_SUFFIX: &str = ".ref";
/// What is added to a file's name to get the name of its lock.
pub(crate) const LOCK_SUFFIX: &str = ".lock";

/// A table's final name. The random number keeps it apart from every table that ever had the
/// same range, so an open handle that knows tables by name never mistakes one for another.
pub(crate) fn table_name(min: u64, max: u64, random: u32) -> String {
    format!("0x{min:012x}-0x{max:012x}-{random:08x}{TABLE_SUFFIX}")
}

/// A table's name while it is being written. That the name is free shows when the file is made.
pub(crate) fn temporary_name(min: u64, max: u64, random: u32) -> String {
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
    name.strip_suffix(TABLE_SUFFIX).is_some_and(is_range)
}

/// The largest update index of the table to which git or this library may have given `name`, as far
/// as the name tells.
pub(crate) fn largest_update_index(name: &str) -> Option<u64> {
    let range = name
        .strip_suffix(TABLE_SUFFIX)
        .filter(|_| is_table_name(name))?;
    let max = range.split('-').nth(1)?.strip_prefix("0x")?;
    u64::from_str_radix(max, 16).ok()
}

/// The update indexes in the name that git or this library has given to a table.
pub(crate) fn binding_range_of(name: &str) -> Option<(u64, u64)> {
    range_of(name).filter(|_| is_table_name(name))
}

/// Whether a table with the update indexes in `range` is another one than that named `name`: the bytes
/// of another table of the list whose names are `listed`, or of one of its predecessors, are there.
///
/// Names alone bind nobody: JGit gives some tables names with too small a range.
pub(crate) fn is_other_table(name: &str, range: (u64, u64), listed: &[String]) -> bool {
    let Some(named) = range_of(name) else {
        return false;
    };
    let is_within = range.0 <= named.0 && named.1 <= range.1;
    let is_its = |other: &String| {
        let other_range = range_of(other).filter(|_| other != name);
        other_range.is_some_and(|other| other.0 <= range.1 && range.0 <= other.1)
    };
    !is_within && listed.iter().any(is_its)
}

/// The update indexes in a table's name, as git, JGit and this library give them: two hexadecimal
/// numbers.
pub(crate) fn range_of(name: &str) -> Option<(u64, u64)> {
    let mut parts = name.split(['-', '.']);
    let mut number = || {
        let part = parts.next()?;
        let digits = part.strip_prefix("0x").unwrap_or(part);
        let is_number = digits.len() >= 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_number.then(|| u64::from_str_radix(digits, 16).ok())?
    };
    let (min, max) = (number()?, number()?);
    (min <= max).then_some((min, max))
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

    #[test]
    fn names_of_all_writers_tell_their_update_indexes() {
        assert_eq!(
            range_of("0x000000000001-0x00000000001f-000000ab.ref"),
            Some((1, 0x1f))
        );
        assert_eq!(range_of("0x000000000001-0x000000000002.ref"), Some((1, 2)));
        assert_eq!(
            range_of("000000000003-000000000003-0badcafe.log"),
            Some((3, 3))
        );
        assert_eq!(range_of("table.ref"), None);
        assert_eq!(range_of("0x000000000002-0x000000000001.ref"), None);
        assert_eq!(range_of("1-2.ref"), None);
    }
}
