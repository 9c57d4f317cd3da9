//! What can go wrong, with the file and the offset where it did.
//!
//! One error type serves the whole crate. Whatever is wrong with bytes on disk is an
//! [`Error::Corrupt`], whose [`Defect`] names the broken rule of the format; the other variants
//! are the system's errors, the protocol of the stack (locks, outdated views) and misuse.

use crate::hash::HashId;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation on a file.
    Io {
        /// What was being done, as a verb: "open", "read", "rename".
        op: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Bytes of a table or of a `tables.list` that break the format.
    Corrupt(Box<Corruption>),
    /// A table that the list names does not exist, or a list that has to.
    NotFound {
        /// The missing file.
        path: PathBuf,
    },
    /// Somebody else holds a lock.
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long ago the lock file was made, where the file system tells.
        age: Option<Duration>,
    },
    /// The list on disk is no longer the one that was loaded; reload and try again.
    Outdated {
        /// The list.
        path: PathBuf,
    },
    /// A call that breaks the rules of this API; says which rule.
    Misuse(&'static str),
    /// A record whose key does not come after the one written before it.
    OutOfOrder {
        /// The refused key.
        key: Vec<u8>,
    },
    /// A record that fits no block.
    TooLarge {
        /// The refused key.
        key: Vec<u8>,
        /// The limit in bytes.
        limit: u64,
    },
    /// A writer was closed without a record. The table is complete and valid all the same.
    EmptyTable,
    /// A ref would be both a name and a folder of names.
    NameConflict {
        /// The name being written.
        name: Vec<u8>,
        /// The name it conflicts with.
        existing: Vec<u8>,
    },
    /// A ref name with a component that no ref may have.
    InvalidName {
        /// The refused name.
        name: Vec<u8>,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// A table uses another hash function than its stack.
    HashMismatch {
        /// The table's name.
        table: String,
        /// The hash of the stack.
        expected: HashId,
        /// The hash of the table.
        found: HashId,
    },
    /// The update indexes of two neighbouring tables overlap or descend, where that was to be
    /// refused.
    RangeOverlap {
        /// The newer table's name.
        table: String,
    },
    /// Neither the path nor any folder it is in is a repository of git.
    NoRepository {
        /// Where the search began.
        path: PathBuf,
    },
    /// The repository keeps its refs in another way.
    NotReftable {
        /// The file that says so.
        path: PathBuf,
        /// The way: "files".
        storage: String,
    },
    /// A repository that this library does not understand.
    UnsupportedRepository {
        /// The file that says so.
        path: PathBuf,
        /// What is not understood.
        reason: String,
    },
    /// A chain of symbolic refs that does not end.
    SymrefChain {
        /// Where the chain begins.
        name: Vec<u8>,
        /// How many steps were taken.
        limit: usize,
    },
    /// A ref does not have the value that a transaction expects.
    Unexpected {
        /// The ref.
        name: Vec<u8>,
        /// What was expected, in words.
        expected: String,
        /// What was found, in words.
        found: String,
    },
    /// A transaction changes a ref twice.
    DuplicateEdit {
        /// The ref.
        name: Vec<u8>,
    },
    /// The value with which a caller's function failed, given back unchanged.
    Callback(i32),
}

/// Where bytes break the format, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Corruption {
    /// Name of the table or list.
    pub file: String,
    /// Offset in the file, in bytes. Inside a log block, the position of the block.
    pub offset: u64,
    /// The broken rule.
    pub defect: Defect,
    /// What was expected and found, where more can be said than the rule.
    pub detail: Option<String>,
}

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A rule of the format that bytes on disk can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Defect { $($(#[$doc])* $name,)* }

        impl Defect {
            /// The rule's name, as in `Defect::FooterCrc`: "FooterCrc".
            pub fn name(self) -> &'static str {
                match self { $(Defect::$name => stringify!($name),)* }
            }

            /// One sentence about the rule.
            pub fn description(self) -> &'static str {
                match self { $(Defect::$name => $text,)* }
            }
        }
    };
}

defects! {
    /// The file cannot hold a header and a footer.
    TooShort = "file too short for a header and a footer",
    /// The magic bytes are missing at the start of the header or of the footer.
    BadMagic = "magic bytes missing",
    /// Neither version 1 nor 2.
    UnsupportedVersion = "unsupported format version",
    /// A version 2 table with an unknown hash id.
    BadHashId = "unknown hash id",
    /// The footer's checksum is wrong.
    FooterCrc = "footer checksum wrong",
    /// The footer does not begin with the bytes of the header.
    HeaderFooterMismatch = "header and footer differ",
    /// The smallest update index is above the largest.
    BadUpdateIndexRange = "min_update_index above max_update_index",
    /// A section position in the footer that cannot be.
    BadPosition = "impossible section position",
    /// Length of abbreviated object ids outside 1 to the length of an id.
    BadObjIdLen = "impossible length of abbreviated object ids",
    /// Another block type than the one that must stand here.
    BadBlockType = "wrong block type",
    /// A block length that cannot be.
    BadBlockLen = "impossible block length",
    /// A restart table that cannot be.
    BadRestart = "damaged restart table",
    /// Bytes between blocks where none may be.
    BadPadding = "padding where there may be none",
    /// A variable-length number beyond 64 bits.
    VarintOverflow = "number exceeds 64 bits",
    /// A record that runs into the end of its block.
    RecordTruncated = "record runs beyond its block",
    /// A key that shares more bytes with its predecessor than that has, or any at a restart.
    BadPrefix = "impossible key prefix",
    /// A record without a key.
    EmptyKey = "empty key",
    /// A key that does not come after its predecessor.
    KeyOrder = "keys out of order",
    /// A reserved value type.
    BadValueType = "reserved value type",
    /// A symbolic ref without a target.
    EmptySymref = "symbolic ref without target",
    /// A ref name or target with a NUL byte.
    NameNul = "NUL byte in a name",
    /// An update index beyond 64 bits.
    UpdateIndexOverflow = "update index exceeds 64 bits",
    /// An update index above the table's largest.
    UpdateIndexRange = "update index above the table's maximum",
    /// A log key without the NUL and the eight bytes of the update index.
    BadLogKey = "malformed log key",
    /// The object section and the ref section disagree.
    BadObjPositions = "object section disagrees with the ref blocks",
    /// An index that does not lead to the blocks it stands for.
    BadIndex = "index disagrees with the blocks",
    /// Compressed data that cannot be inflated.
    Zlib = "cannot inflate log block",
    /// Compressed data of another length than announced.
    InflatedSize = "log block inflates to another length than announced",
    /// A `tables.list` with an impossible name, a name twice, or beyond all size.
    BadTablesList = "malformed tables.list",
}

impl Corruption {
    pub(crate) fn new(file: &str, offset: u64, defect: Defect) -> Corruption {
        Corruption {
            file: file.to_owned(),
            offset,
            defect,
            detail: None,
        }
    }
}

impl Error {
    /// An [`Error::Io`], as a function to give to `map_err`.
    pub fn io(op: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Error {
        let path = path.as_ref().to_path_buf();
        move |source| Error::Io { op, path, source }
    }

    /// An [`Error::Corrupt`].
    pub fn corrupt(file: &str, offset: u64, defect: Defect) -> Error {
        Error::Corrupt(Box::new(Corruption::new(file, offset, defect)))
    }

    /// An [`Error::Corrupt`] that says more than the broken rule.
    pub(crate) fn corrupt_because(
        file: &str,
        offset: u64,
        defect: Defect,
        detail: impl Into<String>,
    ) -> Error {
        Error::Corrupt(Box::new(Corruption {
            detail: Some(detail.into()),
            ..Corruption::new(file, offset, defect)
        }))
    }

    /// The same error once more, for a caller who goes on asking after the first time.
    #[doc(hidden)]
    pub fn again(&self) -> Error {
        match self {
            Error::Io { op, path, source } => Error::Io {
                op,
                path: path.clone(),
                source: match source.raw_os_error() {
                    Some(code) => io::Error::from_raw_os_error(code),
                    None => source.kind().into(),
                },
            },
            Error::Corrupt(corruption) => Error::Corrupt(corruption.clone()),
            Error::Callback(value) => Error::Callback(*value),
            Error::NotFound { path } => Error::NotFound { path: path.clone() },
            _ => Error::Misuse("use after an error"),
        }
    }

    fn fmt_repository(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoRepository { path } => {
                write!(f, "no git repository at or above {}", path.display())
            }
            Error::NotReftable { path, storage } => {
                let path = path.display();
                write!(f, "{path}: refs are stored as {storage}, not as reftable")
            }
            Error::UnsupportedRepository { path, reason } => {
                write!(f, "{}: {reason}", path.display())
            }
            _ => Ok(()),
        }
    }

    /// The broken rule, if this is about bytes on disk.
    pub fn defect(&self) -> Option<Defect> {
        match self {
            Error::Corrupt(corruption) => Some(corruption.defect),
            _ => None,
        }
    }
}

/// Names are bytes; messages show them as text as far as that goes.
fn text(name: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(name)
}

/// What is said in front of a missing file's path.
fn missing(path: &Path) -> &'static str {
    match path.extension() {
        Some(extension) if extension == "list" => "list of tables does not exist: ",
        _ => "table does not exist: ",
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Io { op, path, source } => {
                write!(f, "cannot {op} {}: {source}", path.display())
            }
            Error::Corrupt(corruption) => corruption.fmt(f),
            Error::NotFound { path } => write!(f, "{}{}", missing(path), path.display()),
            Error::Locked { path, age: None } => write!(f, "locked by {}", path.display()),
            Error::Locked {
                path,
                age: Some(age),
            } => write!(
                f,
                "locked by {}, made {} s ago",
                path.display(),
                age.as_secs()
            ),
            Error::Outdated { path } => {
                write!(f, "{} changed since it was loaded", path.display())
            }
            Error::Misuse(rule) => write!(f, "misuse of the API: {rule}"),
            Error::OutOfOrder { key } => {
                write!(f, "record out of order or repeated: {}", text(key))
            }
            Error::TooLarge { key, limit } => {
                write!(f, "record exceeds {limit} bytes: {}", text(key))
            }
            Error::EmptyTable => write!(f, "table without records"),
            Error::NameConflict { name, existing } => {
                write!(f, "{} conflicts with {}", text(name), text(existing))
            }
            Error::InvalidName { name, reason } => {
                write!(f, "invalid ref name {:?}: {reason}", text(name))
            }
            Error::HashMismatch {
                table,
                expected,
                found,
            } => write!(f, "{table}: hash is {found}, not {expected}"),
            Error::RangeOverlap { table } => write!(
                f,
                "{table}: update indexes do not come after those of the table before"
            ),
            Error::NoRepository { .. }
            | Error::NotReftable { .. }
            | Error::UnsupportedRepository { .. } => self.fmt_repository(f),
            Error::SymrefChain { name, limit } => {
                let name = text(name);
                write!(f, "{name}: no end after {limit} symbolic refs")
            }
            Error::Unexpected {
                name,
                expected,
                found,
            } => write!(f, "{} is {found}, expected {expected}", text(name)),
            Error::DuplicateEdit { name } => {
                write!(f, "{} is changed twice in one transaction", text(name))
            }
            Error::Callback(value) => write!(f, "callback failed with {value}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.defect.description();
        write!(f, "{}: offset {}: {what}", self.file, self.offset)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}
