//! A cheap and exact answer to "has anything changed?".

use super::Repository;
use crate::error::{Error, Result};
use crate::stack::Stack;
use crate::stack::list::{LIST, LIST_LIMIT};
use std::fmt;
use std::io;

/// The state of a repository's refs and reflogs, or of a stack's: equal tokens, equal refs.
///
/// It is the text of the lists of tables. Tables never change, and their names have a random part,
/// so the lists say everything; making a token reads those small files and nothing else. (The C
/// library of 2020 gives names without a random part, and may give one again when it drops reflog
/// entries from a stack of one table.) A compaction changes the token though not the refs.
///
/// A token can be kept as text, to be compared by another process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StateToken(String);

impl StateToken {
    /// The token as text, lines of file names.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A token that was kept as text.
    pub fn from_text(text: impl Into<String>) -> StateToken {
        StateToken(text.into())
    }
}

impl fmt::Display for StateToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn read_list(stack: &Stack) -> Result<String> {
    let path = stack.dir().join(LIST);
    match stack.options().fs.read(&path, LIST_LIMIT) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

impl Stack {
    /// The state on disk, which may be newer than the loaded one.
    ///
    /// ```
    /// use reftable::{Edit, Stack, StackOptions, Transaction};
    ///
    /// # let dir = tempfile::tempdir().expect("a folder");
    /// # let stack = Stack::open(dir.path(), StackOptions::default())?;
    /// let before = stack.state_on_disk()?;
    /// let mut transaction = Transaction::new();
    /// transaction.push(Edit::symref("HEAD", "refs/heads/main"));
    /// transaction.prepare_stack(&stack, None)?.commit()?;
    /// // If the program keeps something that follows from the refs, it makes it anew now.
    /// assert_ne!(stack.state_on_disk()?, before);
    /// # Ok::<(), reftable::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn state_on_disk(&self) -> Result<StateToken> {
        Ok(StateToken(read_list(self)?))
    }
}

impl Repository {
    /// The state on disk, which may be newer than the loaded one.
    ///
    /// # Errors
    ///
    /// Errors of the system.
    pub fn state_on_disk(&self) -> Result<StateToken> {
        let mut text = read_list(&self.shared)?;
        if let Some(worktree) = &self.worktree {
            text.push('\n');
            text.push_str(&read_list(worktree)?);
        }
        Ok(StateToken(text))
    }
}
