//! Lines of text into a stack, written as they come.

use super::admit::Admission;
use super::import::ImportReport;
use super::text::{self, Line};
use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::record::RefValueBuf;
use crate::stack::{Addition, Stack};
use std::collections::BTreeMap;
use std::io::BufRead;

/// Imports refs from lines as [`export_text`](super::export_text), `git for-each-ref`,
/// `git show-ref` and `git ls-remote` print them, as one transaction.
///
/// Lines in the order of the names are written as they come; those that are not are kept in memory,
/// and get a table of their own. Of several lines about one ref the last counts, but for an id
/// behind a symbolic ref, as `git ls-remote --symref` prints it. What a tag peels to has to follow
/// the tag. The list of the stack is locked from the first line on. `progress` is called now and
/// then with the number of refs so far.
///
/// ```
/// use reftable::convert::import_text;
/// use reftable::{Stack, StackOptions};
///
/// # let dir = tempfile::tempdir().expect("a folder");
/// # let stack = Stack::open(dir.path(), StackOptions::default())?;
/// let lines = "ref: refs/heads/main HEAD\n\
///     1c800fee065026b163341a2722c46ca32fd88847 refs/heads/main\n";
/// let report = import_text(lines.as_bytes(), "the example", &stack, |_| ())?;
/// assert_eq!((report.refs, report.problems.len()), (2, 0));
/// # Ok::<(), reftable::Error>(())
/// ```
///
/// # Errors
///
/// Errors of the system and of [`Stack::add`]; then the stack is as it was. Lines that are no refs,
/// and refs that git or a table would refuse, are no error but in the report.
pub fn import_text(
    input: impl BufRead,
    name: &str,
    stack: &Stack,
    progress: impl FnMut(u64),
) -> Result<ImportReport> {
    let mut lines = Lines {
        input,
        name,
        hash: stack.options().write.hash,
        number: 0,
        last: None,
        recent: None,
        late: BTreeMap::new(),
        report: ImportReport::default(),
        progress,
    };
    let mut addition = stack.begin()?;
    let base = addition.next_update_index()?;
    addition.add(|writer| {
        writer.set_limits(base, base);
        let mut admission = Admission::default();
        while let Some((name, value)) = lines.advance()? {
            let report = &mut lines.report;
            admission.write(writer, base, (&name, &value), report)?;
            (lines.progress)(report.refs);
        }
        Ok(())
    })?;
    let mut late = std::mem::take(&mut lines.late);
    while let Some(conflict) = write_late(&mut addition, &late, &mut lines.report)? {
        late.remove(&conflict);
    }
    addition.commit()?;
    Ok(lines.report)
}

/// Writes the refs that were out of order. Gives the name of one that excludes a ref written before,
/// which was told; then nothing was written.
fn write_late(
    addition: &mut Addition,
    late: &BTreeMap<Vec<u8>, RefValueBuf>,
    report: &mut ImportReport,
) -> Result<Option<Vec<u8>>> {
    let above = addition.next_update_index()?;
    let mut tried = report.clone();
    let result = addition.add(|writer| {
        writer.set_limits(above, above);
        let mut admission = Admission::default();
        for (name, value) in late {
            admission.write(writer, above, (name, value), &mut tried)?;
        }
        Ok(())
    });
    match result {
        Err(Error::NameConflict { name, existing }) => {
            let existing = String::from_utf8_lossy(&existing).into_owned();
            report.refuse(&name, &format!("excluded by the ref {existing}"));
            Ok(Some(name))
        }
        result => {
            result?;
            *report = tried;
            Ok(None)
        }
    }
}

type Entry = (Vec<u8>, RefValueBuf);

/// The refs of a text.
struct Lines<'a, R, P> {
    input: R,
    /// What the text is called in messages.
    name: &'a str,
    hash: HashId,
    /// Of the line read last, from 1 on.
    number: u64,
    /// The last ref in order. Lines about it may follow.
    last: Option<Entry>,
    /// The name of the ref in the line read last, if it was taken.
    recent: Option<Vec<u8>>,
    /// Refs out of order.
    late: BTreeMap<Vec<u8>, RefValueBuf>,
    report: ImportReport,
    progress: P,
}

impl<R: BufRead, P: FnMut(u64)> Lines<'_, R, P> {
    /// The next ref in order, complete; others are put aside.
    fn advance(&mut self) -> Result<Option<Entry>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.input.read_until(b'\n', &mut line);
            if read.map_err(Error::io("read", self.name))? == 0 {
                return Ok(self.last.take());
            }
            self.number += 1;
            match text::parse(&line, self.hash) {
                Some(Line::Nothing) => {}
                Some(Line::Ref(name, value)) => {
                    self.recent = Some(name.clone());
                    if let Some(complete) = self.take_ref(name, value) {
                        return Ok(Some(complete));
                    }
                }
                Some(Line::Peeled(name, peeled)) => self.take_peeled(&name, peeled),
                Some(Line::PeeledBefore(peeled)) => match self.recent.take() {
                    Some(name) => self.take_peeled(&name, peeled),
                    None => self.problem("peels no ref"),
                },
                None => {
                    self.recent = None;
                    self.problem("is no ref");
                }
            }
        }
    }

    /// Takes in a ref; returns the one before it if that is in order and complete.
    fn take_ref(&mut self, name: Vec<u8>, value: RefValueBuf) -> Option<Entry> {
        let known = match &mut self.last {
            Some((last, known)) if *last == name => Some(known),
            _ => self.late.get_mut(&name),
        };
        match (known, value) {
            (Some(RefValueBuf::Symref(_)), RefValueBuf::Object(_)) => None,
            (Some(known), value) => {
                *known = value;
                None
            }
            (None, value) => match &self.last {
                Some((last, _)) if name < *last => {
                    self.late.insert(name, value);
                    None
                }
                _ => self.last.replace((name, value)),
            },
        }
    }

    /// Takes in what a tag peels to.
    fn take_peeled(&mut self, name: &[u8], peeled: Vec<u8>) {
        let known = match &mut self.last {
            Some((last, value)) if last == name => Some(value),
            _ => self.late.get_mut(name),
        };
        match known {
            Some(value) => {
                if let RefValueBuf::Object(id) = value {
                    let id = std::mem::take(id);
                    *value = RefValueBuf::Peeled { id, peeled };
                }
            }
            None => self.problem("peels a ref that is not the one before"),
        }
    }

    fn problem(&mut self, what: &str) {
        let (name, number) = (self.name, self.number);
        let problem = format!("{name}: line {number} {what}");
        self.report.problems.push(problem);
    }
}
