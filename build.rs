//! Makes `reftable.h` from the source, into the build folder, and says whether the committed one in
//! `include/` is the same.

use c_header::Header;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    Header {
        name: "reftable",
        guard: "REFTABLE_H",
        introduction: INTRODUCTION,
        enums: &["reftable_error", "reftable_block"],
        system_headers: &[],
    }
    .generate()
}

/// The header's text before its declarations.
const INTRODUCTION: &str = "\
/*
 * Reading and writing git's reftables. Made from src/ by build.rs; do not edit.
 *
 * The functions are those of reftable.h in git's series v16 of June 2020.
 *
 * Results: unless something else is said, 0 is success, 1 is \"not found\" or \"at the end\", and
 * negative values are errors: see enum reftable_error, reftable_error_str and
 * reftable_error_to_errno. NULL where a value is needed is REFTABLE_API_ERROR. Functions that free
 * something accept NULL.
 *
 * Memory: a record handed out belongs to the caller, each of its pointers being a block of malloc's
 * (see reftable_set_alloc). Pointers described as belonging to a stack or a writer live as long as
 * that does. Strings are bytes in no particular encoding, ended by NUL.
 *
 * Threads: one thread at a time uses an object and what was made from it.
 */";
