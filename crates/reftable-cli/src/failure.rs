//! Why a command failed, and the exit status that tells.

use crate::out::shown;
use reftable::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// The answer is no.
pub(crate) const NO: u8 = 1;
/// Wrong usage.
const USAGE: u8 = 2;
/// Bytes on disk are damaged.
pub(crate) const DAMAGED: u8 = 3;
/// Somebody else holds a lock or was faster.
pub(crate) const LOCKED: u8 = 4;
/// Anything else.
const FAILED: u8 = 5;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library says so.
    Library(Error),
    /// Standard output cannot be written.
    Output(io::Error),
    /// The tool says so, with its exit status.
    Other(String, u8),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl Failure {
    /// A failure in words.
    pub(crate) fn message(text: impl Into<String>) -> Failure {
        Failure::Other(text.into(), FAILED)
    }

    /// Wrong usage, in words.
    pub(crate) fn usage(text: impl Into<String>) -> Failure {
        Failure::Other(text.into(), USAGE)
    }

    /// The answer is no, in words.
    pub(crate) fn no(text: impl Into<String>) -> Failure {
        Failure::Other(text.into(), NO)
    }

    /// Whether nobody reads the output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// The reason in words.
    pub(crate) fn text(&self) -> String {
        let text = match self {
            Failure::Output(error) => format!("cannot write the output: {error}"),
            Failure::Library(error) => error.to_string(),
            Failure::Other(text, _) => text.clone(),
        };
        shown(text.as_bytes())
    }

    /// Prints the reason, and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        let status = match self {
            // The reader has seen enough.
            Failure::Output(_) if self.is_broken_pipe() => return ExitCode::SUCCESS,
            Failure::Output(_) => FAILED,
            Failure::Library(error) => status_of(error),
            Failure::Other(_, status) => *status,
        };
        // Nothing is left to do if that fails too.
        let _ = writeln!(io::stderr(), "reftable: {}", self.text());
        ExitCode::from(status)
    }
}

fn status_of(error: &Error) -> u8 {
    match error {
        Error::Corrupt(_) | Error::NotFound { .. } | Error::HashMismatch { .. } => DAMAGED,
        Error::Locked { .. } | Error::Outdated { .. } => LOCKED,
        _ => FAILED,
    }
}
