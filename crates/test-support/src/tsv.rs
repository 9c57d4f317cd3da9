//! Reader of the records' format of `tests/data` (see its README).

use reftable::HashId;
use reftable::record::{LogRecordBuf, LogUpdateBuf, LogValueBuf, RefRecordBuf, RefValueBuf};
use std::path::Path;

/// The records of a table, or of the merged view of a stack.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    pub header: Option<Header>,
    pub refs: Vec<RefRecordBuf>,
    /// Abbreviated ids and the ref blocks' positions; empty where the list was left out.
    pub objects: Vec<(Vec<u8>, Vec<u64>)>,
    pub logs: Vec<LogRecordBuf>,
}

/// The line `table`.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub version: u8,
    pub hash: HashId,
    pub block_size: u32,
    pub min: u64,
    pub max: u64,
}

pub fn read(path: &Path) -> Expected {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut expected = Expected::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[0] {
            "table" => expected.header = Some(header(&fields[1..])),
            "ref" => expected.refs.push(ref_record(&fields[1..])),
            "obj" => expected.objects.push(object(&fields[1..])),
            "log" => expected.logs.push(log_record(&fields[1..])),
            other => panic!("{}: line of kind {other}", path.display()),
        }
    }
    expected
}

/// Rows of an index, without its first line.
pub fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines()
        .skip(1)
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn header(fields: &[&str]) -> Header {
    let value = |name: &str| {
        let field = fields
            .iter()
            .find_map(|f| f.strip_prefix(name)?.strip_prefix('='));
        field.unwrap_or_else(|| panic!("no {name}"))
    };
    Header {
        version: value("version").parse().unwrap(),
        hash: match value("hash") {
            "sha1" => HashId::Sha1,
            "s256" => HashId::Sha256,
            other => panic!("hash {other}"),
        },
        block_size: value("block_size").parse().unwrap(),
        min: value("min").parse().unwrap(),
        max: value("max").parse().unwrap(),
    }
}

fn ref_record(fields: &[&str]) -> RefRecordBuf {
    let value = match fields[2] {
        "del" => RefValueBuf::Deletion,
        "val1" => RefValueBuf::Object(hex(fields[3])),
        "val2" => RefValueBuf::Peeled {
            id: hex(fields[3]),
            peeled: hex(fields[4]),
        },
        "sym" => RefValueBuf::Symref(unescape(fields[3])),
        other => panic!("ref value {other}"),
    };
    RefRecordBuf {
        name: unescape(fields[0]),
        update_index: fields[1].parse().unwrap(),
        value,
    }
}

fn object(fields: &[&str]) -> (Vec<u8>, Vec<u64>) {
    let positions = match fields[1] {
        "scan" => Vec::new(),
        list => list.split(',').map(|p| p.parse().unwrap()).collect(),
    };
    (hex(fields[0]), positions)
}

fn log_record(fields: &[&str]) -> LogRecordBuf {
    let value = match fields[2] {
        "del" => LogValueBuf::Deletion,
        "upd" => LogValueBuf::Update(LogUpdateBuf {
            old_id: hex(fields[3]),
            new_id: hex(fields[4]),
            name: unescape(fields[5]),
            email: unescape(fields[6]),
            time: fields[7].parse().unwrap(),
            tz_offset: fields[8].parse().unwrap(),
            message: unescape(fields[9]),
        }),
        other => panic!("log value {other}"),
    };
    LogRecordBuf {
        name: unescape(fields[0]),
        update_index: fields[1].parse().unwrap(),
        value,
    }
}

pub fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, escaped)) = rest.split_once('%') {
        out.extend_from_slice(plain.as_bytes());
        out.extend(hex(&escaped[..2]));
        rest = &escaped[2..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
