//! Refs as lines of text, in the forms that git's commands print.

use crate::hash::HashId;
use crate::hex::parse_id;
use crate::record::RefValueBuf;

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A ref.
    Ref(Vec<u8>, RefValueBuf),
    /// What the ref of this name peels to.
    Peeled(Vec<u8>, Vec<u8>),
    /// What the ref of the line before peels to.
    PeeledBefore(Vec<u8>),
    /// Nothing: empty, or a comment.
    Nothing,
}

/// Reads "ID NAME", "ID TYPE<tab>NAME" (`git for-each-ref`), "ID<tab>NAME" (`git ls-remote`),
/// "ID NAME^{}", "^ID" (`packed-refs`) and "ref: TARGET NAME", with a blank or tab between the parts.
pub(super) fn parse(line: &[u8], hash: HashId) -> Option<Line> {
    let line = line.trim_ascii_end();
    if line.is_empty() || line.starts_with(b"#") {
        return Some(Line::Nothing);
    }
    if let Some(digits) = line.strip_prefix(b"^") {
        return parse_id(digits, hash).map(Line::PeeledBefore);
    }
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let mut parts = line.split(blank);
    let (first, name) = (parts.next()?, parts.next_back()?);
    if first == b"ref:" {
        let target = parts.next().filter(|target| !target.is_empty())?;
        let target = RefValueBuf::Symref(target.to_vec());
        return Some(Line::Ref(name.to_vec(), target));
    }
    let id = parse_id(first, hash)?;
    Some(match name.strip_suffix(b"^{}") {
        Some(name) => Line::Peeled(name.to_vec(), id),
        None => Line::Ref(name.to_vec(), RefValueBuf::Object(id)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_several_commands_are_understood() {
        let id = "11".repeat(20);
        let main = Line::Ref(
            b"refs/heads/main".to_vec(),
            RefValueBuf::Object(vec![0x11; 20]),
        );
        for line in [
            format!("{id} refs/heads/main"),
            format!("{id} commit\trefs/heads/main\n"),
            format!("{id}\trefs/heads/main\r\n"),
        ] {
            assert_eq!(
                parse(line.as_bytes(), HashId::Sha1),
                Some(main_copy(&main)),
                "{line}"
            );
        }
        let peeled = format!("{id} refs/tags/v1^{{}}");
        let expected = Line::Peeled(b"refs/tags/v1".to_vec(), vec![0x11; 20]);
        assert_eq!(parse(peeled.as_bytes(), HashId::Sha1), Some(expected));
        let before = format!("^{id}\n");
        let expected = Line::PeeledBefore(vec![0x11; 20]);
        assert_eq!(parse(before.as_bytes(), HashId::Sha1), Some(expected));
        let target = RefValueBuf::Symref(b"refs/heads/main".to_vec());
        let expected = Line::Ref(b"HEAD".to_vec(), target);
        assert_eq!(
            parse(b"ref: refs/heads/main HEAD", HashId::Sha1),
            Some(expected)
        );
        assert_eq!(parse(b"# comment", HashId::Sha1), Some(Line::Nothing));
        for bad in ["x", "ref: a", "11 refs/heads/main"] {
            assert_eq!(parse(bad.as_bytes(), HashId::Sha1), None, "{bad}");
        }
    }

    fn main_copy(line: &Line) -> Line {
        match line {
            Line::Ref(name, value) => Line::Ref(name.clone(), value.clone()),
            _ => Line::Nothing,
        }
    }
}
