//! One change of one ref.

use crate::record::RefValueBuf;

/// What a ref must be for a transaction to go through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expected {
    /// Whatever it is.
    #[default]
    Anything,
    /// It must not exist; a symbolic ref to nowhere exists.
    Absent,
    /// It must exist.
    Present,
    /// It must have this object id. For an edit that follows symbolic refs, the ref at the end
    /// of the chain.
    Object(Vec<u8>),
    /// It must be a symbolic ref to this name.
    Symref(Vec<u8>),
}

/// What becomes of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Nothing: only the expectation is checked.
    Verify,
    /// The ref gets this value.
    Set(RefValueBuf),
    /// The ref goes, and its reflog with it. Nothing happens if there is no such ref.
    Delete,
}

/// Who makes a change, for reflog entries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Committer {
    /// Name.
    pub name: Vec<u8>,
    /// Address, without angle brackets.
    pub email: Vec<u8>,
    /// Seconds since 1970 UTC.
    pub time: u64,
    /// The decimal digits of the time zone, as git stores them: +0230 is 230.
    pub tz_offset: i16,
}

impl Committer {
    /// Name and address as text, time in seconds since 1970 UTC, zone in git's decimal digits.
    pub fn new(
        name: impl Into<Vec<u8>>,
        email: impl Into<Vec<u8>>,
        time: u64,
        tz_offset: i16,
    ) -> Committer {
        Committer {
            name: name.into(),
            email: email.into(),
            time,
            tz_offset,
        }
    }
}

/// One change of one ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub(super) name: Vec<u8>,
    pub(super) change: Change,
    pub(super) expected: Expected,
    pub(super) follow: bool,
    pub(super) log: Option<(Committer, Vec<u8>)>,
}

impl Edit {
    /// Any change of the ref `name`.
    pub fn new(name: impl Into<Vec<u8>>, change: Change) -> Edit {
        Edit {
            name: name.into(),
            change,
            expected: Expected::Anything,
            follow: false,
            log: None,
        }
    }

    /// Creates the ref `name` or gives it another object id.
    pub fn update(name: impl Into<Vec<u8>>, id: impl Into<Vec<u8>>) -> Edit {
        Edit::new(name, Change::Set(RefValueBuf::Object(id.into())))
    }

    /// Creates the ref `name`, which must not exist.
    pub fn create(name: impl Into<Vec<u8>>, id: impl Into<Vec<u8>>) -> Edit {
        Edit::update(name, id).expecting(Expected::Absent)
    }

    /// Makes `name` a symbolic ref to `target`.
    pub fn symref(name: impl Into<Vec<u8>>, target: impl Into<Vec<u8>>) -> Edit {
        Edit::new(name, Change::Set(RefValueBuf::Symref(target.into())))
    }

    /// Deletes the ref `name` and its reflog.
    pub fn delete(name: impl Into<Vec<u8>>) -> Edit {
        Edit::new(name, Change::Delete)
    }

    /// Changes nothing and only checks what is expected.
    pub fn verify(name: impl Into<Vec<u8>>, expected: Expected) -> Edit {
        Edit::new(name, Change::Verify).expecting(expected)
    }

    /// The ref must be like this, or the whole transaction fails.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Edit {
        self.expected = expected;
        self
    }

    /// If the ref is symbolic, the edit is meant for the ref at the end of its chain.
    #[must_use]
    pub fn following(mut self) -> Edit {
        self.follow = true;
        self
    }

    /// Enters the change in the reflog. Line breaks of the message become blanks, and it is stored
    /// with one at its end, as git does.
    #[must_use]
    pub fn logging(mut self, committer: Committer, message: impl Into<Vec<u8>>) -> Edit {
        let mut message = message.into();
        message.truncate(message.trim_ascii_end().len());
        for byte in &mut message {
            if matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
        message.push(b'\n');
        self.log = Some((committer, message));
        self
    }

    /// The ref's full name.
    pub fn name(&self) -> &[u8] {
        &self.name
    }
}
