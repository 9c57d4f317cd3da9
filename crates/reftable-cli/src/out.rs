//! Standard output: buffered, coloured on a terminal only.

use crate::failure::Failure;
use clap::ValueEnum;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Enough for the system to be called rarely.
const BUFFER: usize = 64 << 10;

/// When to use colours.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Standard output.
#[derive(Debug)]
pub(crate) struct Out {
    stdout: BufWriter<StdoutLock<'static>>,
    colored: bool,
    /// Bytes of a line, kept to be used again.
    line: Vec<u8>,
}

impl Out {
    pub(crate) fn new(color: Color) -> Out {
        let stdout = io::stdout().lock();
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => stdout.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        };
        Out {
            stdout: BufWriter::with_capacity(BUFFER, stdout),
            colored,
            line: Vec::new(),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// Writes a line of bytes, which are pieces one after the other.
    pub(crate) fn line(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        self.line.clear();
        for piece in pieces {
            self.line.extend_from_slice(piece);
        }
        self.line.push(b'\n');
        self.stdout.write_all(&self.line)
    }

    /// Writes a line of text.
    pub(crate) fn text(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.stdout, "{text}")
    }

    /// Writes a JSON value as a line.
    pub(crate) fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        writeln!(self.stdout, "{value}")
    }

    /// The text in a colour, given as the number of ANSI, where colours are used.
    pub(crate) fn paint(&self, color: u8, text: &str) -> String {
        match self.colored {
            true => format!("\u{1b}[{color}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

impl Write for Out {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.stdout.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Bytes as text for people: what is no UTF-8 or would disturb a terminal is escaped.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() {
                true => text.extend(c.escape_default()),
                false => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
