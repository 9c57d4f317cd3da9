//! Log records (format section 10.3): one entry of a reflog each.

use super::{Context, Kind, Range, bytes, read_string};
use crate::error::Defect;
use crate::format::key::split_log_key;
use crate::format::varint::{put_string, put_varint};
use crate::format::{BlockType, Cursor, Parse};

/// One reflog entry, its bytes borrowed from the block it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogRecord<'a> {
    /// The ref's full name.
    pub name: &'a [u8],
    /// The transaction of the entry; unique for one ref.
    pub update_index: u64,
    /// The entry, or a tombstone.
    pub value: LogValue<'a>,
}

/// What a log record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogValue<'a> {
    /// A tombstone: hides the entry of the same name and update index in older tables.
    Deletion,
    /// An entry.
    Update(LogUpdate<'a>),
}

/// A change of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogUpdate<'a> {
    /// The object id before, 20 or 32 bytes; all zero if the ref was created.
    pub old_id: &'a [u8],
    /// The object id after; all zero if the ref was deleted.
    pub new_id: &'a [u8],
    /// Who made the change.
    pub name: &'a [u8],
    /// Their address, without angle brackets.
    pub email: &'a [u8],
    /// When, in seconds since 1970 UTC.
    pub time: u64,
    /// The time zone's number as it stands in the file: git writes the decimal digits of the zone
    /// (+0230 is 230), JGit writes minutes (150).
    pub tz_offset: i16,
    /// Why, as stored; git ends it with a newline.
    pub message: &'a [u8],
}

impl<'a> LogUpdate<'a> {
    /// The mark that a reflog exists; `zero` is an id of zeros.
    pub(crate) fn marker(zero: &'a [u8]) -> LogUpdate<'a> {
        LogUpdate {
            old_id: zero,
            new_id: zero,
            name: b"",
            email: b"",
            time: 0,
            tz_offset: 0,
            message: b"",
        }
    }

    /// Whether this is no entry but the mark that a reflog exists: both ids are zero. git writes
    /// one for a reflog without entries, and readers of entries pass it over (format section 16.5).
    /// The other fields do not matter; a compaction by git adds a newline to the message.
    pub fn is_marker(&self) -> bool {
        let mut bytes = self.old_id.iter().chain(self.new_id);
        bytes.all(|&byte| byte == 0)
    }
}

/// A log record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecordBuf {
    /// The ref's full name.
    pub name: Vec<u8>,
    /// The transaction of the entry.
    pub update_index: u64,
    /// The entry, or a tombstone.
    pub value: LogValueBuf,
}

/// What a [`LogRecordBuf`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogValueBuf {
    /// A tombstone.
    Deletion,
    /// An entry.
    Update(LogUpdateBuf),
}

/// A change of a ref that owns its bytes; see [`LogUpdate`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of LogUpdate")]
pub struct LogUpdateBuf {
    pub old_id: Vec<u8>,
    pub new_id: Vec<u8>,
    pub name: Vec<u8>,
    pub email: Vec<u8>,
    pub time: u64,
    pub tz_offset: i16,
    pub message: Vec<u8>,
}

impl LogRecord<'_> {
    /// Whether this is a tombstone.
    pub fn is_deletion(&self) -> bool {
        matches!(self.value, LogValue::Deletion)
    }

    /// A copy that owns its bytes.
    pub fn to_buf(&self) -> LogRecordBuf {
        LogRecordBuf {
            name: self.name.to_vec(),
            update_index: self.update_index,
            value: match &self.value {
                LogValue::Deletion => LogValueBuf::Deletion,
                LogValue::Update(update) => LogValueBuf::Update(LogUpdateBuf {
                    old_id: update.old_id.to_vec(),
                    new_id: update.new_id.to_vec(),
                    name: update.name.to_vec(),
                    email: update.email.to_vec(),
                    time: update.time,
                    tz_offset: update.tz_offset,
                    message: update.message.to_vec(),
                }),
            },
        }
    }
}

impl LogRecordBuf {
    /// The record, borrowed.
    pub fn as_record(&self) -> LogRecord<'_> {
        LogRecord {
            name: &self.name,
            update_index: self.update_index,
            value: match &self.value {
                LogValueBuf::Deletion => LogValue::Deletion,
                LogValueBuf::Update(update) => LogValue::Update(LogUpdate {
                    old_id: &update.old_id,
                    new_id: &update.new_id,
                    name: &update.name,
                    email: &update.email,
                    time: update.time,
                    tz_offset: update.tz_offset,
                    message: &update.message,
                }),
            },
        }
    }
}

/// The kind of log records.
#[derive(Debug)]
pub(crate) struct Logs;

/// A decoded value of a log record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogSpan {
    log_type: u8,
    /// Both object ids, the old one first.
    ids: Range,
    name: Range,
    email: Range,
    time: u64,
    tz_offset: i16,
    message: Range,
}

const DELETION: u8 = 0;
const UPDATE: u8 = 1;

impl Kind for Logs {
    const BLOCK: BlockType = BlockType::Log;
    type Span = LogSpan;
    type Record<'a> = LogRecord<'a>;

    #[inline]
    fn check_key(key: &[u8], _suffix: &[u8], _context: &Context) -> Result<(), Defect> {
        match split_log_key(key) {
            Some(_) => Ok(()),
            None => Err(Defect::BadLogKey),
        }
    }

    #[inline]
    fn read_value(cursor: &mut Cursor<'_>, extra: u8, context: &Context) -> Parse<LogSpan> {
        match extra {
            // All fields are zero: a tombstone has no remains of another record.
            DELETION => Ok(LogSpan::default()),
            UPDATE => {
                let start = cursor.offset();
                cursor.take(context.id_len.saturating_mul(2))?;
                Ok(LogSpan {
                    log_type: UPDATE,
                    ids: (start, cursor.offset()),
                    name: read_string(cursor)?,
                    email: read_string(cursor)?,
                    time: cursor.varint()?,
                    tz_offset: cursor.i16()?,
                    message: read_string(cursor)?,
                })
            }
            _ => Err(cursor.flaw(Defect::BadValueType)),
        }
    }

    #[inline]
    fn record<'a>(
        key: &'a [u8],
        span: LogSpan,
        block: &'a [u8],
        context: &Context,
    ) -> LogRecord<'a> {
        // The key was checked when the record was decoded.
        let (name, update_index) = split_log_key(key).unwrap_or_default();
        let ids = bytes(block, span.ids).split_at_checked(context.id_len);
        LogRecord {
            name,
            update_index,
            value: match ids {
                Some((old_id, new_id)) if span.log_type == UPDATE => LogValue::Update(LogUpdate {
                    old_id,
                    new_id,
                    name: bytes(block, span.name),
                    email: bytes(block, span.email),
                    time: span.time,
                    tz_offset: span.tz_offset,
                    message: bytes(block, span.message),
                }),
                _ => LogValue::Deletion,
            },
        }
    }

    #[inline]
    fn is_deletion(span: &LogSpan) -> bool {
        span.log_type == DELETION
    }
}

impl LogRecord<'_> {
    /// The log type that stands in the record's head.
    pub(crate) fn log_type(&self) -> u8 {
        match self.value {
            LogValue::Deletion => DELETION,
            LogValue::Update(_) => UPDATE,
        }
    }

    /// Appends everything that follows the key.
    pub(crate) fn put_value(&self, out: &mut Vec<u8>) {
        if let LogValue::Update(update) = &self.value {
            out.extend_from_slice(update.old_id);
            out.extend_from_slice(update.new_id);
            put_string(out, update.name);
            put_string(out, update.email);
            put_varint(out, update.time);
            out.extend_from_slice(&update.tz_offset.to_be_bytes());
            put_string(out, update.message);
        }
    }
}
