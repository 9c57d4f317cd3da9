//! `packed-refs`: many refs in one file of lines.

use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::hex::parse_id;
use crate::record::RefValueBuf;
use std::io::BufRead;
use std::path::{Path, PathBuf};

/// The longest line that is taken for one, in bytes.
const LINE_LIMIT: usize = 1 << 20;

/// A name and what it stands for.
pub(super) type Entry = (Vec<u8>, RefValueBuf);

/// The refs of such a file, in its order.
#[derive(Debug)]
pub(super) struct PackedRefs<R> {
    input: R,
    path: PathBuf,
    hash: HashId,
    line_number: u64,
    /// A line that was read and not used yet.
    waiting: Option<Vec<u8>>,
    /// Whether the file says that its lines are sorted.
    pub(super) sorted: bool,
    pub(super) problems: Vec<String>,
}

impl<R: BufRead> PackedRefs<R> {
    /// Reads the first line, which may say how the others are.
    pub(super) fn open(input: R, path: &Path, hash: HashId) -> Result<PackedRefs<R>> {
        let mut packed = PackedRefs {
            input,
            path: path.to_path_buf(),
            hash,
            line_number: 0,
            waiting: None,
            sorted: false,
            problems: Vec::new(),
        };
        packed.waiting = packed.next_line()?;
        if let Some(line) = &packed.waiting {
            let traits = line.strip_prefix(b"# pack-refs with:");
            let mut traits = traits.unwrap_or_default().split(|&byte| byte == b' ');
            packed.sorted = traits.any(|word| word == b"sorted");
        }
        Ok(packed)
    }

    fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(line) = self.waiting.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let mut limited = std::io::Read::take(&mut self.input, LINE_LIMIT as u64);
        limited
            .read_until(b'\n', &mut line)
            .map_err(Error::io("read", &self.path))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.line_number += 1;
        Ok(Some(line.trim_ascii_end().to_vec()))
    }

    fn advance(&mut self) -> Result<Option<Entry>> {
        while let Some(line) = self.next_line()? {
            if line.starts_with(b"#") {
                continue;
            }
            let Some((id, name)) = self.parse(&line) else {
                let (path, number) = (self.path.display(), self.line_number);
                let text = String::from_utf8_lossy(&line).into_owned();
                self.problems
                    .push(format!("{path}: line {number} is no ref: {text:?}"));
                continue;
            };
            let peeled = match self.next_line()? {
                Some(next) => match next.strip_prefix(b"^") {
                    Some(digits) => parse_id(digits, self.hash),
                    None => {
                        self.waiting = Some(next);
                        None
                    }
                },
                None => None,
            };
            let value = match peeled {
                Some(peeled) => RefValueBuf::Peeled { id, peeled },
                None => RefValueBuf::Object(id),
            };
            return Ok(Some((name, value)));
        }
        Ok(None)
    }

    fn parse(&self, line: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let (digits, name) = line.split_at_checked(2 * self.hash.len())?;
        let name = name.strip_prefix(b" ")?;
        Some((parse_id(digits, self.hash)?, name.to_vec()))
    }
}

impl<R: BufRead> Iterator for PackedRefs<R> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
