//! Records as text on C's stdout.
//!
//! The text goes through stdio, so that it comes out in order with what the program prints itself.

use super::record::{LogFields, RefFields, reftable_log_record, reftable_ref_record};
use std::ffi::CString;
use std::io::Write;

/// Prints a text and a newline. A text with a NUL byte cannot be, as its parts come from strings.
pub(super) fn print(text: Vec<u8>) {
    if let Ok(text) = CString::new(text) {
        // SAFETY: a string that ends with NUL; stdio takes its own lock.
        unsafe { libc::puts(text.as_ptr()) };
    }
}

/// A string as printf shows it.
fn shown(text: Option<&[u8]>) -> &[u8] {
    text.unwrap_or(b"(null)")
}

/// Adds an id in hex; nothing for NULL.
fn push_hex(out: &mut Vec<u8>, id: Option<&[u8]>) {
    for byte in id.unwrap_or_default() {
        push(out, format_args!("{byte:02x}"));
    }
}

fn push(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to memory cannot fail.
    let _ = out.write_fmt(text);
}

/// A ref as one line, without its newline.
pub(super) fn ref_text(record: &reftable_ref_record, fields: &RefFields<'_>) -> Vec<u8> {
    let mut out = b"ref{".to_vec();
    out.extend_from_slice(shown(fields.name));
    push(&mut out, format_args!("({}) ", record.update_index));
    push_hex(&mut out, fields.value);
    if fields.target_value.is_some() {
        out.extend_from_slice(b" (T ");
        push_hex(&mut out, fields.target_value);
        out.push(b')');
    }
    if let Some(target) = fields.target {
        out.extend_from_slice(b"=> ");
        out.extend_from_slice(target);
    }
    out.push(b'}');
    out
}

/// A log record as lines, without the last newline.
pub(super) fn log_text(record: &reftable_log_record, fields: &LogFields<'_>) -> Vec<u8> {
    let mut out = b"log{".to_vec();
    out.extend_from_slice(shown(fields.ref_name));
    push(&mut out, format_args!("({}) ", record.update_index));
    out.extend_from_slice(shown(fields.name));
    out.extend_from_slice(b" <");
    out.extend_from_slice(shown(fields.email));
    push(
        &mut out,
        format_args!("> {} {:04}\n", record.time, record.tz_offset),
    );
    push_hex(&mut out, fields.old_hash);
    out.extend_from_slice(b" => ");
    push_hex(&mut out, fields.new_hash);
    out.extend_from_slice(b"\n\n");
    out.extend_from_slice(shown(fields.message));
    out.extend_from_slice(b"\n}");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::CStr;
    use std::ptr::null_mut;

    /// A string for a field; never freed.
    fn text(text: &'static CStr) -> *mut std::ffi::c_char {
        text.as_ptr().cast_mut()
    }

    const REF: reftable_ref_record = reftable_ref_record {
        ref_name: null_mut(),
        update_index: 42,
        value: null_mut(),
        target_value: null_mut(),
        target: null_mut(),
    };

    fn shown_ref(record: &reftable_ref_record, len: usize) -> String {
        // SAFETY: literals, and ids of `len` bytes.
        let fields = unsafe { record.fields(len) };
        String::from_utf8(ref_text(record, &fields)).expect("ASCII")
    }

    #[test]
    fn a_ref_is_one_line() {
        let mut record = REF;
        assert_eq!(shown_ref(&record, 20), "ref{(null)(42) }");
        record.ref_name = text(c"refs/heads/x");
        assert_eq!(shown_ref(&record, 20), "ref{refs/heads/x(42) }");
        record.target = text(c"refs/heads/y");
        assert_eq!(
            shown_ref(&record, 20),
            "ref{refs/heads/x(42) => refs/heads/y}"
        );
    }

    /// Ids of 32 bytes are 64 digits, which once ran over a buffer made for 32.
    #[test]
    fn ids_are_printed_in_full() {
        let (mut value, mut peeled) = ([0xab_u8; 32], [1_u8; 32]);
        let record = reftable_ref_record {
            ref_name: text(c"t"),
            value: value.as_mut_ptr(),
            target_value: peeled.as_mut_ptr(),
            ..REF
        };
        for len in [20, 32] {
            let (value, peeled) = ("ab".repeat(len), "01".repeat(len));
            assert_eq!(
                shown_ref(&record, len),
                format!("ref{{t(42) {value} (T {peeled})}}")
            );
        }
    }

    #[test]
    fn a_log_record_is_its_fields_and_its_message() {
        let mut old = [0xcd_u8; 20];
        let mut record = reftable_log_record {
            ref_name: text(c"HEAD"),
            update_index: 7,
            new_hash: null_mut(),
            old_hash: old.as_mut_ptr(),
            name: text(c"A U Thor"),
            email: null_mut(),
            time: 99,
            tz_offset: 30,
            message: text(c"why\n"),
        };
        let shown = |record: &reftable_log_record| {
            // SAFETY: literals, and ids of 20 bytes.
            let fields = unsafe { record.fields(20) };
            String::from_utf8(log_text(record, &fields)).expect("ASCII")
        };
        let old = "cd".repeat(20);
        assert_eq!(
            shown(&record),
            format!("log{{HEAD(7) A U Thor <(null)> 99 0030\n{old} => \n\nwhy\n\n}}")
        );
        record.tz_offset = -130;
        assert!(shown(&record).contains("> 99 -130\n"));
    }
}
