//! Which names refs may have: what the format asks for, and git's own rules, which are stricter.

use crate::error::{Error, Result};

/// Checks that `name` has neither empty components nor any that is `.` or `..`.
///
/// # Errors
///
/// [`Error::InvalidName`].
///
/// ```
/// use reftable::refname::validate;
///
/// assert!(validate(b"refs/heads/main").is_ok());
/// assert!(validate(b"refs//main").is_err());
/// assert!(validate(b"refs/heads/..").is_err());
/// ```
pub fn validate(name: &[u8]) -> Result<()> {
    check_components(name).map_err(|reason| Error::InvalidName {
        name: name.to_vec(),
        reason,
    })
}

fn check_components(name: &[u8]) -> std::result::Result<(), &'static str> {
    for component in name.split(|&byte| byte == b'/') {
        match component {
            b"" => return Err("empty component"),
            b"." => return Err("component '.'"),
            b".." => return Err("component '..'"),
            _ => {}
        }
    }
    Ok(())
}

/// Checks that git would take `name`.
///
/// A stack checks less: see [`validate`]. Transactions check this for every ref they write, so that
/// no ref comes to be that git calls broken.
///
/// # Errors
///
/// [`Error::InvalidName`].
///
/// ```
/// use reftable::refname::check_name;
///
/// assert!(check_name(b"refs/heads/main").is_ok());
/// assert!(check_name(b"HEAD").is_ok());
/// assert!(check_name(b"refs/heads/a..b").is_err());
/// assert!(check_name(b"main").is_err());
/// ```
pub fn check_name(name: &[u8]) -> Result<()> {
    match fault(name) {
        None => Ok(()),
        Some(reason) => Err(Error::InvalidName {
            name: name.to_vec(),
            reason,
        }),
    }
}

/// What git does not allow about a name, if anything.
fn fault(name: &[u8]) -> Option<&'static str> {
    let in_refs = name.starts_with(b"refs/");
    let is_root = name.iter().all(|byte| is_root_byte(*byte));
    if !in_refs && (name.is_empty() || !is_root) {
        return Some("neither in refs/ nor in capital letters");
    }
    format_fault(name)
}

/// Checks that git would follow a symbolic ref to `target`: a well-formed name, but not one of a
/// single component other than a root ref.
pub(crate) fn check_target(target: &[u8]) -> Result<()> {
    let is_root = target.iter().all(|byte| is_root_byte(*byte)) && !target.is_empty();
    let fault = match target.contains(&b'/') || is_root {
        true => format_fault(target),
        false => Some("neither in a folder nor in capital letters"),
    };
    match fault {
        None => Ok(()),
        Some(reason) => Err(Error::InvalidName {
            name: target.to_vec(),
            reason,
        }),
    }
}

fn is_root_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-')
}

/// What is wrong with a name wherever it is.
fn format_fault(name: &[u8]) -> Option<&'static str> {
    let has = |pair: &[u8]| name.windows(2).any(|window| window == pair);
    if let Err(reason) = check_components(name) {
        return Some(reason);
    }
    for component in name.split(|&byte| byte == b'/') {
        if component.starts_with(b".") {
            return Some("component that begins with '.'");
        }
        if component.ends_with(b".lock") {
            return Some("component that ends with '.lock'");
        }
    }
    let refused = |byte: &u8| {
        *byte < 0x20
            || matches!(
                *byte,
                0x7f | b' ' | b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\'
            )
    };
    if name.iter().any(refused) {
        return Some("character that git does not allow");
    }
    if has(b"..") {
        return Some("two dots in a row");
    }
    if has(b"@{") {
        return Some("\"@{\"");
    }
    name.ends_with(b".").then_some("dot at its end")
}

#[cfg(test)]
mod tests {
    use super::validate;

    #[test]
    fn components_are_neither_empty_nor_dots() {
        for good in [
            "HEAD",
            "refs/heads/a",
            "a/...",
            "a/.b",
            "a b/\u{1}",
            "x.lock",
        ] {
            assert!(validate(good.as_bytes()).is_ok(), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", ".", "..", "./a", "a/../b", "p/.", "p/..",
        ] {
            assert!(validate(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
