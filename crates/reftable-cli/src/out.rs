//! Standard output: buffered, coloured on a terminal only.

use crate::failure::Failure;
use clap::ValueEnum;
use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::path::Path;

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
    terminal: bool,
    /// Bytes of a line, kept to be used again.
    line: Vec<u8>,
}

impl Out {
    pub(crate) fn new(color: Color) -> Out {
        let stdout = io::stdout().lock();
        let terminal = stdout.is_terminal();
        let colored = match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none(),
        };
        Out {
            stdout: BufWriter::with_capacity(BUFFER, stdout),
            colored,
            terminal,
            line: Vec::new(),
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.stdout.flush()?)
    }

    /// Writes a line of ids and names, which are pieces one after the other. What no name of git's
    /// may have is escaped: a newline in a name would make two lines of one.
    pub(crate) fn line(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        self.line.clear();
        for piece in pieces {
            escape_controls(&mut self.line, piece);
        }
        self.end_line()
    }

    /// Writes a line of bytes as they are; on a terminal, what would disturb it is escaped.
    pub(crate) fn raw_line(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.line.clear();
        self.line.extend_from_slice(bytes);
        self.end_line()
    }

    fn end_line(&mut self) -> io::Result<()> {
        if self.terminal {
            self.line = shown(&self.line).into_bytes();
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
        // JSON escapes no more than it must.
        let text = value.to_string();
        match text.contains(char::is_control) {
            false => writeln!(self.stdout, "{text}"),
            true => {
                let mut escaped = String::new();
                for c in text.chars() {
                    match c.is_control() {
                        true => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
                        false => escaped.push(c),
                    }
                }
                writeln!(self.stdout, "{escaped}")
            }
        }
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
        if self.terminal {
            for line in data.split_inclusive(|&byte| byte == b'\n') {
                let text = line.strip_suffix(b"\n");
                self.stdout
                    .write_all(shown(text.unwrap_or(line)).as_bytes())?;
                self.stdout
                    .write_all(text.map_or(b"".as_slice(), |_| b"\n"))?;
            }
            return Ok(data.len());
        }
        self.stdout.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stdout.flush()
    }
}

/// Appends bytes; control bytes become `\\xNN`, and a backslash, which no name of git's has, too.
fn escape_controls(out: &mut Vec<u8>, bytes: &[u8]) {
    let escaped = |byte: &u8| byte.is_ascii_control() || *byte == b'\\';
    if !bytes.iter().any(escaped) {
        return out.extend_from_slice(bytes);
    }
    for byte in bytes {
        match escaped(byte) {
            true => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
            false => out.push(*byte),
        }
    }
}

/// A path as text for people, as [`shown`] makes it.
pub(crate) fn shown_path(path: &Path) -> String {
    shown(path.as_os_str().as_encoded_bytes())
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
