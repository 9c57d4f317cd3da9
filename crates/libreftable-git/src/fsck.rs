//! Checking a stack.

use crate::stack::{reftable_stack, stack_of};
use crate::{Code, status};
use reftable_capi::layout;
use std::ffi::{CString, c_char, c_int, c_void};

/// What a check can find.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub enum reftable_fsck_error {
    /// A table with a name that no writer gives.
    REFTABLE_FSCK_ERROR_TABLE_NAME = 0,
    /// How many there are.
    #[expect(dead_code, reason = "for programs that have a table of them")]
    REFTABLE_FSCK_MAX_VALUE,
}

/// What was found.
#[repr(C)]
pub struct reftable_fsck_info {
    /// What it is.
    pub error: reftable_fsck_error,
    /// An English text.
    pub msg: *const c_char,
    /// The file.
    pub path: *const c_char,
}

layout!(reftable_fsck_info: 24 / 8 { error @ 0, msg @ 8, path @ 16 });

/// Whether a name has the form of those that git and JGit give to tables.
fn is_valid_name(name: &str) -> bool {
    let stem = name
        .strip_suffix(".ref")
        .or_else(|| name.strip_suffix(".log"));
    let Some(stem) = stem else {
        return false;
    };
    let is_number = |part: &str| {
        let digits = part.strip_prefix("0x").unwrap_or(part);
        (1..=16).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    };
    let parts: Vec<&str> = stem.split('-').collect();
    parts.len() == 3 && parts.into_iter().all(is_number)
}

/// Checks the names of the loaded tables. verbose_fn, which may be NULL, is called with a text for
/// each table, report_fn for each finding. info and the texts last for the call.
///
/// Returns 0, or what report_fn returned, the results of several calls or-ed together;
/// REFTABLE_API_ERROR for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reftable_fsck_check(
    stack: *mut reftable_stack,
    report_fn: Option<
        unsafe extern "C" fn(info: *mut reftable_fsck_info, cb_data: *mut c_void) -> c_int,
    >,
    verbose_fn: Option<unsafe extern "C" fn(msg: *const c_char, cb_data: *mut c_void)>,
    cb_data: *mut c_void,
) -> c_int {
    status(|| {
        let stack = stack_of(stack)?;
        let report = report_fn.ok_or(Code::MISUSE)?;
        let mut found = 0;
        for name in stack.stack.table_names() {
            // Names come from a list that has no NUL.
            let shown = CString::new(name.as_str()).unwrap_or_default();
            let text = CString::new(format!("Checking table: {name}")).unwrap_or_default();
            if let Some(verbose) = verbose_fn {
                // SAFETY: contract 6.
                unsafe { verbose(text.as_ptr(), cb_data) };
            }
            if !is_valid_name(&name) {
                let mut info = reftable_fsck_info {
                    error: reftable_fsck_error::REFTABLE_FSCK_ERROR_TABLE_NAME,
                    msg: c"invalid reftable table name".as_ptr(),
                    path: shown.as_ptr(),
                };
                // SAFETY: contract 6.
                found |= unsafe { report(&raw mut info, cb_data) };
            }
        }
        Ok(found)
    })
}

#[cfg(test)]
mod tests {
    use super::is_valid_name;

    #[test]
    fn names_of_git_and_jgit_are_valid_and_those_of_2020_are_not() {
        for valid in [
            "0x000000000001-0x000000000002-0123abcd.ref",
            "000000000001-000000000002-0123abcd.log",
        ] {
            assert!(is_valid_name(valid), "{valid}");
        }
        for invalid in [
            "0x000000000001-0x000000000001.ref",
            "0x1-0x1-0x1.reftable",
            "foo.ref",
            "--.ref",
            "0x1-0x1-0x1-0x1.ref",
            "0x1-0x1-xyz.ref",
        ] {
            assert!(!is_valid_name(invalid), "{invalid}");
        }
    }
}
