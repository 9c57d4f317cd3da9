//! Reflogs as files of lines.

use crate::hash::HashId;
use crate::hex::{parse_id, put_hex};
use crate::record::{LogUpdate, LogUpdateBuf};

/// The entry of a line without its end; `None` if it is none.
pub(super) fn parse(line: &[u8], hash: HashId) -> Option<LogUpdateBuf> {
    let digits = 2 * hash.len();
    let (old, rest) = line.split_at_checked(digits)?;
    let (new, rest) = rest.strip_prefix(b" ")?.split_at_checked(digits)?;
    let rest = rest.strip_prefix(b" ")?;
    let (who, message) = match rest.iter().position(|&byte| byte == b'\t') {
        Some(tab) => (rest.get(..tab)?, rest.get(tab + 1..)?),
        None => (rest, b"".as_slice()),
    };
    let end = who.iter().rposition(|&byte| byte == b'>')?;
    let start = who.iter().position(|&byte| byte == b'<')?;
    let when = std::str::from_utf8(who.get(end + 1..)?).ok()?;
    let (time, zone) = when.trim().split_once(' ')?;
    let mut message = message.to_vec();
    message.push(b'\n');
    Some(LogUpdateBuf {
        old_id: parse_id(old, hash)?,
        new_id: parse_id(new, hash)?,
        name: who.get(..start)?.trim_ascii_end().to_vec(),
        email: who.get(start + 1..end)?.to_vec(),
        time: time.parse().ok()?,
        tz_offset: zone.parse().ok()?,
        message,
    })
}

/// Appends the line of an entry, with its end.
pub(super) fn put(out: &mut Vec<u8>, entry: &LogUpdate<'_>) {
    put_hex(out, entry.old_id);
    out.push(b' ');
    put_hex(out, entry.new_id);
    out.push(b' ');
    put_flat(out, entry.name);
    out.extend_from_slice(b" <");
    put_flat(out, entry.email);
    let sign = if entry.tz_offset < 0 { '-' } else { '+' };
    let zone = entry.tz_offset.unsigned_abs();
    out.extend_from_slice(format!("> {} {sign}{zone:04}", entry.time).as_bytes());
    let message = entry.message.strip_suffix(b"\n").unwrap_or(entry.message);
    if !message.is_empty() {
        out.push(b'\t');
        put_flat(out, message);
    }
    out.push(b'\n');
}

/// Appends a text in one line: a line break in it must not make another entry.
fn put_flat(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{LogRecordBuf, LogValue, LogValueBuf};

    #[test]
    fn lines_survive_the_way_there_and_back() {
        let ids = format!("{} {}", "0".repeat(40), "ab".repeat(20));
        for rest in [
            "A U Thor <a@example.com> 1700000000 +0230\tcommit (initial): one",
            "A <> 0 -0800",
            "A <odd <email> 5 +1400\ttab\tin message",
        ] {
            let line = format!("{ids} {rest}");
            let entry = parse(line.as_bytes(), HashId::Sha1).expect(rest);
            let record = LogRecordBuf {
                name: b"HEAD".to_vec(),
                update_index: 1,
                value: LogValueBuf::Update(entry),
            };
            let mut out = Vec::new();
            if let LogValue::Update(entry) = record.as_record().value {
                put(&mut out, &entry);
            }
            assert_eq!(String::from_utf8(out).unwrap(), line + "\n");
        }
        for bad in ["", "A <a> 1", "A a> 1 +0000", "A <a> x +0000"] {
            let line = format!("{ids} {bad}");
            assert_eq!(parse(line.as_bytes(), HashId::Sha1), None, "{bad}");
        }
    }
}
