//! git's rules for the names of refs, which are stricter than those of the format.

use crate::error::{Error, Result};

/// Checks that git would take `name`.
///
/// A stack checks less: see [`refname::validate`](crate::refname::validate). Transactions check
/// this for every ref they write, so that no ref comes to be that git calls broken.
///
/// # Errors
///
/// [`Error::InvalidName`].
///
/// ```
/// use reftable::transaction::check_name;
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

fn fault(name: &[u8]) -> Option<&'static str> {
    let has = |pair: &[u8]| name.windows(2).any(|window| window == pair);
    let root = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'-');
    let in_refs = name.starts_with(b"refs/");
    if !in_refs && (name.is_empty() || !name.iter().all(root)) {
        return Some("neither in refs/ nor in capital letters");
    }
    for component in name.split(|&byte| byte == b'/') {
        match component {
            b"" => return Some("empty component"),
            [b'.', ..] => return Some("component that begins with '.'"),
            _ if component.ends_with(b".lock") => return Some("component that ends with '.lock'"),
            _ => {}
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
