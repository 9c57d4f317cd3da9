//! Ref records (format section 7).

use super::{Context, Kind, Range, bytes};
use crate::error::Defect;
use crate::format::key::has_nul;
use crate::format::varint::{put_string, put_varint, two_groups};
use crate::format::{BlockType, Cursor, Parse};

/// One ref, its bytes borrowed from the block it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefRecord<'a> {
    /// The ref's full name, as bytes; need not be UTF-8.
    pub name: &'a [u8],
    /// The transaction that wrote the ref.
    pub update_index: u64,
    /// What the ref is.
    pub value: RefValue<'a>,
}

/// The value of a ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefValue<'a> {
    /// A tombstone: hides the name in older tables.
    Deletion,
    /// An object id, 20 or 32 bytes.
    Object(&'a [u8]),
    /// An annotated tag and the object it peels to.
    Peeled {
        /// The tag's id.
        id: &'a [u8],
        /// The id of the object that the tag stands for, fully peeled.
        peeled: &'a [u8],
    },
    /// A symbolic ref: the full name of its target.
    Symref(&'a [u8]),
}

/// A ref that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefRecordBuf {
    /// The ref's full name.
    pub name: Vec<u8>,
    /// The transaction that wrote the ref.
    pub update_index: u64,
    /// What the ref is.
    pub value: RefValueBuf,
}

/// The value of a [`RefRecordBuf`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefValueBuf {
    /// A tombstone.
    Deletion,
    /// An object id.
    Object(Vec<u8>),
    /// An annotated tag and the object it peels to.
    Peeled {
        /// The tag's id.
        id: Vec<u8>,
        /// The id of the object that the tag stands for.
        peeled: Vec<u8>,
    },
    /// The target of a symbolic ref.
    Symref(Vec<u8>),
}

impl<'a> RefValue<'a> {
    /// The object ids that it has: that of the ref, and the peeled one.
    pub fn ids(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (id, peeled) = match *self {
            RefValue::Object(id) => (Some(id), None),
            RefValue::Peeled { id, peeled } => (Some(id), Some(peeled)),
            RefValue::Deletion | RefValue::Symref(_) => (None, None),
        };
        id.into_iter().chain(peeled)
    }
}

impl RefRecord<'_> {
    /// Whether this is a tombstone.
    pub fn is_deletion(&self) -> bool {
        matches!(self.value, RefValue::Deletion)
    }

    /// A copy that owns its bytes.
    pub fn to_buf(&self) -> RefRecordBuf {
        RefRecordBuf {
            name: self.name.to_vec(),
            update_index: self.update_index,
            value: match self.value {
                RefValue::Deletion => RefValueBuf::Deletion,
                RefValue::Object(id) => RefValueBuf::Object(id.to_vec()),
                RefValue::Peeled { id, peeled } => RefValueBuf::Peeled {
                    id: id.to_vec(),
                    peeled: peeled.to_vec(),
                },
                RefValue::Symref(target) => RefValueBuf::Symref(target.to_vec()),
            },
        }
    }
}

impl RefRecordBuf {
    /// The record, borrowed.
    pub fn as_record(&self) -> RefRecord<'_> {
        RefRecord {
            name: &self.name,
            update_index: self.update_index,
            value: self.value.as_value(),
        }
    }
}

impl RefValueBuf {
    /// The value, borrowed.
    pub fn as_value(&self) -> RefValue<'_> {
        match self {
            RefValueBuf::Deletion => RefValue::Deletion,
            RefValueBuf::Object(id) => RefValue::Object(id),
            RefValueBuf::Peeled { id, peeled } => RefValue::Peeled { id, peeled },
            RefValueBuf::Symref(target) => RefValue::Symref(target),
        }
    }
}

/// The kind of ref records.
#[derive(Debug)]
pub(crate) struct Refs;

/// A decoded value of a ref.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RefSpan {
    update_index: u64,
    value_type: u8,
    value: Range,
}

const DELETION: u8 = 0;
const OBJECT: u8 = 1;
const PEELED: u8 = 2;
const SYMREF: u8 = 3;

impl Kind for Refs {
    const BLOCK: BlockType = BlockType::Ref;
    type Span = RefSpan;
    type Record<'a> = RefRecord<'a>;

    #[inline(always)]
    fn check_key(_key: &[u8], suffix: &[u8], _context: &Context) -> Result<(), Defect> {
        // The prefix was checked as part of the key before.
        match has_nul(suffix) {
            false => Ok(()),
            true => Err(Defect::NameNul),
        }
    }

    #[inline(always)]
    fn read_value(cursor: &mut Cursor<'_>, extra: u8, context: &Context) -> Parse<RefSpan> {
        let at = *cursor;
        let delta = cursor.varint()?;
        let update_index = match context.min_update_index.checked_add(delta) {
            Some(index) if index <= context.max_update_index => index,
            Some(_) => return Err(at.flaw(Defect::UpdateIndexRange)),
            None => return Err(at.flaw(Defect::UpdateIndexOverflow)),
        };
        let start = cursor.offset();
        let value = match extra {
            DELETION => (start, start),
            OBJECT => {
                cursor.take(context.id_len)?;
                (start, cursor.offset())
            }
            PEELED => {
                cursor.take(context.id_len.saturating_mul(2))?;
                (start, cursor.offset())
            }
            SYMREF => read_target(cursor)?,
            _ => return Err(at.flaw(Defect::BadValueType)),
        };
        Ok(RefSpan {
            update_index,
            value_type: extra,
            value,
        })
    }

    #[inline(always)]
    fn read_short(
        extra: u8,
        first: [u8; 2],
        at: usize,
        context: &Context,
    ) -> Option<(RefSpan, usize)> {
        let [high, low] = first;
        if high & low >= 0x80 {
            return None;
        }
        // Both forms are frequent, so that guessing would go wrong: no branch.
        let has_two = high >> 7;
        let two = two_groups(u64::from(high), u64::from(low));
        let one = u64::from(high);
        let delta = one ^ ((one ^ two) & u64::from(has_two).wrapping_neg());
        let start = at.wrapping_add(1).wrapping_add(usize::from(has_two));
        let range = context
            .max_update_index
            .checked_sub(context.min_update_index)?;
        if extra > PEELED || delta > range {
            return None;
        }
        let ids = usize::from(extra);
        let end = start.wrapping_add(ids.wrapping_mul(context.id_len));
        let span = RefSpan {
            update_index: context.min_update_index.wrapping_add(delta),
            value_type: extra,
            value: (start, end),
        };
        Some((span, end))
    }

    #[inline(always)]
    fn record<'a>(
        key: &'a [u8],
        span: RefSpan,
        block: &'a [u8],
        context: &Context,
    ) -> RefRecord<'a> {
        let value = bytes(block, span.value);
        RefRecord {
            name: key,
            update_index: span.update_index,
            value: match span.value_type {
                DELETION => RefValue::Deletion,
                OBJECT => RefValue::Object(value),
                PEELED => match value.split_at_checked(context.id_len) {
                    Some((id, peeled)) => RefValue::Peeled { id, peeled },
                    None => RefValue::Deletion,
                },
                _ => RefValue::Symref(value),
            },
        }
    }

    #[inline]
    fn is_deletion(span: &RefSpan) -> bool {
        span.value_type == DELETION
    }
}

fn read_target(cursor: &mut Cursor<'_>) -> Parse<Range> {
    let at = *cursor;
    let len = cursor.varint()?;
    let start = cursor.offset();
    let target = cursor.take_u64(len)?;
    if target.is_empty() {
        return Err(at.flaw(Defect::EmptySymref));
    }
    if has_nul(target) {
        return Err(at.flaw(Defect::NameNul));
    }
    Ok((start, cursor.offset()))
}

impl RefRecord<'_> {
    /// The value type that stands in the record's head.
    #[doc(hidden)]
    pub fn value_type(&self) -> u8 {
        match self.value {
            RefValue::Deletion => DELETION,
            RefValue::Object(_) => OBJECT,
            RefValue::Peeled { .. } => PEELED,
            RefValue::Symref(_) => SYMREF,
        }
    }

    /// Appends everything that follows the key; `min_update_index` is the table's.
    pub(crate) fn put_value(&self, out: &mut Vec<u8>, min_update_index: u64) {
        put_varint(out, self.update_index.saturating_sub(min_update_index));
        match self.value {
            RefValue::Deletion => {}
            RefValue::Object(id) => out.extend_from_slice(id),
            RefValue::Peeled { id, peeled } => {
                out.extend_from_slice(id);
                out.extend_from_slice(peeled);
            }
            RefValue::Symref(target) => put_string(out, target),
        }
    }
}
