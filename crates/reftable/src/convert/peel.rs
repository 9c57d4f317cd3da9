//! What an annotated tag stands for, as far as objects lie in files of their own.

use crate::hash::HashId;
use crate::hex::{parse_id, put_hex};
use flate2::read::ZlibDecoder;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A chain of tags of tags is followed so far.
const MAX_TAGS: usize = 10;
/// The first bytes of an object that tell whether it is a tag, and of what.
const HEAD_LEN: u64 = 128;

/// The object that the tag `id` peels to. `None` if it is no tag, or lies in a pack: a ref without
/// this information is complete, and readers peel it themselves.
pub(super) fn peel(objects: &Path, id: &[u8], hash: HashId) -> Option<Vec<u8>> {
    let mut peeled = tagged(objects, id, hash)??;
    for _ in 0..MAX_TAGS {
        match tagged(objects, &peeled, hash)? {
            Some(next) => peeled = next,
            None => return Some(peeled),
        }
    }
    None
}

/// What an object is a tag of, or that it is no tag; `None` if it cannot be read.
fn tagged(objects: &Path, id: &[u8], hash: HashId) -> Option<Option<Vec<u8>>> {
    let mut digits = Vec::new();
    put_hex(&mut digits, id);
    let digits = String::from_utf8(digits).ok()?;
    let (folder, name) = digits.split_at_checked(2)?;
    let file = File::open(objects.join(folder).join(name)).ok()?;
    let mut head = Vec::new();
    ZlibDecoder::new(file)
        .take(HEAD_LEN)
        .read_to_end(&mut head)
        .ok()?;
    if !head.starts_with(b"tag ") {
        return Some(None);
    }
    let start = head.iter().position(|&byte| byte == 0)? + 1;
    let line = head.get(start..)?.split(|&byte| byte == b'\n').next()?;
    parse_id(line.strip_prefix(b"object ")?, hash).map(Some)
}
