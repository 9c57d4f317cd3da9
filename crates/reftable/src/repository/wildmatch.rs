//! Patterns of names: `*` stands for any text, `?` for one byte, `[a-z]` for one of a set.

/// Whether all of `text` fits `pattern`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from) = (0, 0);
    // Where to go on if what follows the last star does not fit: one byte later.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let rest = pattern.get(at..).unwrap_or_default();
        let next = text.get(from);
        if let [b'*', ..] = rest {
            at += 1;
            retry = Some((at, from));
            continue;
        }
        match (one(rest, next.copied()), next) {
            (Some(len), Some(_)) => {
                at += len;
                from += 1;
            }
            (_, None) if rest.is_empty() => return true,
            _ => match retry {
                Some((star, start)) if start < text.len() => {
                    retry = Some((star, start + 1));
                    (at, from) = (star, start + 1);
                }
                _ => return false,
            },
        }
    }
}

/// The length of the first part of a pattern, if `byte` fits it.
fn one(pattern: &[u8], byte: Option<u8>) -> Option<usize> {
    let byte = byte?;
    match pattern {
        [b'?', ..] => Some(1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [b'[', rest @ ..] => set(rest, byte).map(|len| 1 + len),
        [plain, ..] => (*plain == byte).then_some(1),
        [] => None,
    }
}

/// The length of a set after its bracket, if `byte` is in it.
fn set(set: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(set, [b'!' | b'^', ..]);
    let mut at = usize::from(negated);
    let first = at;
    let mut found = false;
    loop {
        match set.get(at..)? {
            [b']', ..] if at > first => break,
            [low, b'-', high, ..] if *high != b']' => {
                found |= (*low..=*high).contains(&byte);
                at += 3;
            }
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [plain, ..] => {
                found |= *plain == byte;
                at += 1;
            }
            [] => return None,
        }
    }
    (found != negated).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_fit_what_they_should() {
        for (pattern, text, expected) in [
            ("refs/stash", "refs/stash", true),
            ("refs/stash", "refs/stashx", false),
            ("refs/heads/*", "refs/heads/a/b", true),
            ("refs/*/HEAD", "refs/remotes/o/HEAD", true),
            ("refs/*/HEAD", "refs/remotes/o/HEADS", false),
            ("*", "", true),
            ("**", "x", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[a", "a", false),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            let found = matches(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern} {text}");
        }
    }
}
