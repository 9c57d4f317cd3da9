//! Into a stack.

use super::admit::Admission;
use super::loose::{LooseRefs, Place};
use super::packed::{Entry, PackedRefs};
use super::{loose, reflog};
use crate::error::{Error, Result};
use crate::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefValueBuf};
use crate::refname::check_name;
use crate::stack::Stack;
use crate::table::TableWriter;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::iter::Peekable;
use std::path::{Path, PathBuf};

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Refs written.
    pub refs: u64,
    /// Reflogs written.
    pub logs: u64,
    /// Reflog entries written.
    pub log_entries: u64,
    /// What could not be taken over: a ref with its name, other things with file and line.
    pub problems: Vec<String>,
    /// What was taken over though git complains of it.
    pub warnings: Vec<String>,
}

impl ImportReport {
    /// Notes a ref that was not taken over.
    pub(super) fn refuse(&mut self, name: &[u8], reason: &str) {
        let name = String::from_utf8_lossy(name);
        self.problems.push(format!("{name}: {reason}"));
    }
}

/// Imports the refs and reflogs of a files repository into a stack, as one transaction.
///
/// `git_dir` is the git directory, or that of a linked worktree for the worktree's own refs;
/// `common_dir` is the one with the objects, the same but for linked worktrees. The hash is the
/// stack's. `progress` is called now and then with the number of refs and log entries so far.
///
/// Nobody may change the repository meanwhile. A tag is stored with the object it peels to where
/// `packed-refs` or a loose object tells.
///
/// # Errors
///
/// Errors of the system and of [`Stack::add`]; then the stack is as it was. Files and lines that
/// are no refs, and refs that git or a table would refuse, are no error but in the report.
pub fn import_files(
    git_dir: &Path,
    common_dir: &Path,
    stack: &Stack,
    mut progress: impl FnMut(u64),
) -> Result<ImportReport> {
    let hash = stack.options().write.hash;
    let place = Place {
        git_dir,
        objects: common_dir.join("objects"),
        hash,
    };
    let LooseRefs { refs, problems } = LooseRefs::read(&place)?;
    let mut report = ImportReport {
        problems,
        ..ImportReport::default()
    };
    // A linked worktree has no such file.
    let path = git_dir.join("packed-refs");
    let mut packed = match File::open(&path) {
        Ok(file) => Some(PackedRefs::open(BufReader::new(file), &path, hash)?),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("open", path)(error)),
    };
    let logs = Logs::find(git_dir)?;
    let base = stack.next_update_index()?;
    stack.add(|writer| {
        writer.set_limits(base, base.saturating_add(logs.longest.saturating_sub(1)));
        let sorted: Box<dyn Iterator<Item = Result<Entry>> + '_> = match &mut packed {
            None => Box::new(std::iter::empty()),
            Some(packed) if packed.sorted => Box::new(packed.by_ref()),
            Some(packed) => {
                let all = packed.by_ref().collect::<Result<BTreeMap<_, _>>>()?;
                Box::new(all.into_iter().map(Ok))
            }
        };
        let mut merged = Merged {
            loose: refs.into_iter().peekable(),
            packed: sorted.peekable(),
        };
        let mut admission = Admission::default();
        while let Some((name, value)) = merged.advance()? {
            admission.write(writer, base, (&name, &value), &mut report)?;
            progress(report.refs);
        }
        logs.write(writer, base, &mut report, &mut progress)
    })?;
    report
        .problems
        .extend(packed.into_iter().flat_map(|packed| packed.problems));
    Ok(report)
}

/// Loose refs hide packed ones of the same name.
struct Merged<'a> {
    loose: Peekable<std::collections::btree_map::IntoIter<Vec<u8>, RefValueBuf>>,
    packed: Peekable<Box<dyn Iterator<Item = Result<Entry>> + 'a>>,
}

impl Merged<'_> {
    fn advance(&mut self) -> Result<Option<Entry>> {
        let loose = self.loose.peek().map(|(name, _)| name);
        match (loose, self.packed.peek()) {
            (Some(loose), Some(Ok((packed, _)))) if loose >= packed => {
                let same = loose == packed;
                let packed = self.packed.next().transpose()?;
                Ok(if same { self.loose.next() } else { packed })
            }
            (None, _) | (_, Some(Err(_))) => self.packed.next().transpose(),
            _ => Ok(self.loose.next()),
        }
    }
}

/// The files of reflogs.
struct Logs {
    files: BTreeMap<Vec<u8>, PathBuf>,
    /// How many lines the longest one has, or 1.
    longest: u64,
}

impl Logs {
    fn find(git_dir: &Path) -> Result<Logs> {
        let files = loose::files_below(&git_dir.join("logs"), "")?;
        let mut longest = 1;
        for path in files.values() {
            let mut input = BufReader::new(File::open(path).map_err(Error::io("open", path))?);
            let mut lines = 0;
            loop {
                let bytes = input.fill_buf().map_err(Error::io("read", path))?;
                if bytes.is_empty() {
                    break;
                }
                lines += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
                let len = bytes.len();
                input.consume(len);
            }
            // The last line may lack its end.
            longest = longest.max(lines + 1);
        }
        Ok(Logs { files, longest })
    }

    /// Writes the logs. Each entry of a log has an update index of its own, the oldest one `base`.
    fn write(
        &self,
        writer: &mut TableWriter<'_>,
        base: u64,
        report: &mut ImportReport,
        progress: &mut impl FnMut(u64),
    ) -> Result<()> {
        let hash = writer.options().hash;
        for (name, path) in &self.files {
            if let Err(error) = check_name(name) {
                report.problems.push(format!("{}: {error}", path.display()));
                continue;
            }
            let bytes = fs::read(path).map_err(Error::io("read", path))?;
            let mut entries = Vec::new();
            for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
                match reflog::parse(line, hash) {
                    _ if line.is_empty() => {}
                    Some(entry) => entries.push(entry),
                    None => {
                        let (path, number) = (path.display(), number + 1);
                        report
                            .problems
                            .push(format!("{path}: line {number} is no entry"));
                    }
                }
            }
            report.logs += 1;
            report.log_entries += entries.len() as u64;
            if entries.is_empty() {
                entries.push(marker(hash.len()));
            }
            for (number, entry) in (0..).zip(entries).collect::<Vec<_>>().into_iter().rev() {
                let record = LogRecordBuf {
                    name: name.clone(),
                    update_index: base.saturating_add(number),
                    value: LogValueBuf::Update(entry),
                };
                match writer.add_log(&record.as_record()) {
                    Err(Error::TooLarge { .. }) => {
                        report.log_entries -= 1;
                        report.refuse(name, "entry of its reflog larger than a block");
                    }
                    result => result?,
                }
            }
            progress(report.refs + report.log_entries);
        }
        Ok(())
    }
}

/// The entry that says that there is a log, though without entries.
fn marker(id_len: usize) -> LogUpdateBuf {
    LogUpdateBuf {
        old_id: vec![0; id_len],
        new_id: vec![0; id_len],
        ..LogUpdateBuf::default()
    }
}
