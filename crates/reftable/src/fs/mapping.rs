//! Whether tables are mapped into memory: a page of a mapped file that cannot be read any more,
//! since somebody cut the file or a server does not know it any more, ends the process.

use super::platform;
use memmap2::Mmap;
use std::fs::File;
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The environment variable that forbids mapping with the value 0.
const VARIABLE: &str = "REFTABLE_MMAP";

/// Whether this process may map files.
static ALLOWED: AtomicBool = AtomicBool::new(true);

/// Which files are mapped into memory when many of their blocks are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mapping {
    /// Those on file systems of this machine. Where other machines can remove and cut files, they
    /// are read: network file systems, and those that a program serves.
    #[default]
    Local,
    /// None. A table that is cut while it is in use gives an error.
    Never,
}

impl Mapping {
    /// What the environment asks for: [`Mapping::Never`] if `REFTABLE_MMAP` is `0`.
    ///
    /// For programs that let their users choose; the library itself follows [`set_mapping`] alone.
    /// The variable is read once per process.
    pub fn from_env() -> Mapping {
        static CHOICE: OnceLock<Mapping> = OnceLock::new();
        *CHOICE.get_or_init(|| match std::env::var_os(VARIABLE) {
            Some(value) if value == "0" => Mapping::Never,
            _ => Mapping::Local,
        })
    }
}

/// Chooses which files this process maps from now on; what is mapped already stays so.
pub fn set_mapping(mapping: Mapping) {
    ALLOWED.store(mapping == Mapping::Local, Ordering::Relaxed);
}

/// Maps a whole table for reading, if that is allowed and safe.
pub(super) fn map(file: &File) -> io::Result<Mmap> {
    if !ALLOWED.load(Ordering::Relaxed) || !platform::is_local(file) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    platform::map(file)
}
