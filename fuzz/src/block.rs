//! The contents of one block, in a table that is sound but for it.

use crate::read;
use std::io::Write;

/// A block of one ref `a` that is deleted, behind the header.
const FIRST: &[u8] = b"r\0\0\x26\0\x08a\0\0\0\x1c\0\x01";

pub fn check(data: &[u8]) {
    let [kind, id_len, payload @ ..] = data else {
        return;
    };
    let table = match kind % 4 {
        0 => refs(payload),
        1 => logs(payload),
        2 => index(payload),
        _ => objects(payload, id_len % 32),
    };
    read::table(&table);
}

fn header() -> Vec<u8> {
    let mut bytes = b"REFT\x01\0\0\0".to_vec();
    bytes.extend_from_slice(&0_u64.to_be_bytes());
    bytes.extend_from_slice(&u64::MAX.to_be_bytes());
    bytes
}

fn block(kind: u8, payload: &[u8], before: usize) -> Vec<u8> {
    let len = (before + 4 + payload.len()) as u32;
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&len.to_be_bytes()[1..]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Sections: index of refs, objects with the length of their ids, index of objects, logs, index of
/// logs.
fn finish(mut table: Vec<u8>, sections: [u64; 5]) -> Vec<u8> {
    let mut footer = header();
    for position in sections {
        footer.extend_from_slice(&position.to_be_bytes());
    }
    let crc = crc32fast::hash(&footer);
    footer.extend_from_slice(&crc.to_be_bytes());
    table.extend_from_slice(&footer);
    table
}

fn refs(payload: &[u8]) -> Vec<u8> {
    let mut table = header();
    table.extend(block(b'r', payload, 24));
    finish(table, [0; 5])
}

fn logs(payload: &[u8]) -> Vec<u8> {
    let mut table = header();
    let raw = block(b'g', payload, 24);
    table.extend_from_slice(&raw[..4]);
    let mut encoder = flate2::write::ZlibEncoder::new(table, flate2::Compression::fast());
    encoder.write_all(payload).unwrap();
    finish(encoder.finish().unwrap(), [0, 0, 0, 24, 0])
}

fn index(payload: &[u8]) -> Vec<u8> {
    let mut table = header();
    table.extend_from_slice(FIRST);
    let position = table.len() as u64;
    table.extend(block(b'i', payload, 0));
    finish(table, [position, 0, 0, 0, 0])
}

fn objects(payload: &[u8], id_len: u8) -> Vec<u8> {
    let mut table = header();
    table.extend_from_slice(FIRST);
    let position = table.len() as u64;
    table.extend(block(b'o', payload, 0));
    finish(table, [0, position << 5 | u64::from(id_len), 0, 0, 0])
}
