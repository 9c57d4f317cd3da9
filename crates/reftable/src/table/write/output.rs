//! The bytes of a table on their way out: positions and padding.

use super::TableSink;
use crate::error::{Error, Result};

/// Counts what goes to the sink, and puts padding between blocks once something follows.
pub(crate) struct Output<'a> {
    sink: Box<dyn TableSink + 'a>,
    /// Position of the next byte, after the padding that is due.
    position: u64,
    padding_due: usize,
    failed: Option<Error>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(sink: Box<dyn TableSink + 'a>) -> Output<'a> {
        Output {
            sink,
            position: 0,
            padding_due: 0,
            failed: None,
        }
    }

    /// Position of what is written next.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Whether a write failed; nothing can be written after that.
    pub(crate) fn check(&self) -> Result<()> {
        self.failed
            .as_ref()
            .map_or(Ok(()), |error| Err(error.again()))
    }

    /// Forgets the padding that is due: the next block starts where the last one ended.
    pub(crate) fn drop_padding(&mut self) {
        self.position = self.position.saturating_sub(self.padding_due as u64);
        self.padding_due = 0;
    }

    /// Writes `data`; `padding` bytes of zeros follow it if something else does.
    pub(crate) fn write(&mut self, data: &[u8], padding: usize) -> Result<()> {
        self.check()?;
        let due = std::mem::take(&mut self.padding_due);
        let mut result = Ok(());
        if due > 0 {
            result = self.sink.write(&vec![0; due]);
        }
        result = result.and_then(|()| self.sink.write(data));
        if let Err(error) = &result {
            self.failed = Some(error.again());
        }
        self.padding_due = padding;
        let written = data.len().saturating_add(padding) as u64;
        self.position = self.position.saturating_add(written);
        result
    }
}
