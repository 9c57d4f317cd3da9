//! Chooses the release of git whose interface is built, and makes its header from the source, into
//! the build folder.
//!
//! The releases have functions of the same names, so an archive has one of them, and the
//! environment says which: a feature could be turned on together with another.

use c_header::Header;
use std::error::Error;

/// The release whose header is committed.
const DEFAULT_RELEASE: &str = "2.55";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(reftable_host_glue)");
    println!(
        "cargo::rustc-check-cfg=cfg(git_api, values(\"2.47\", \"2.53\", \"2.55\", \"master\"))"
    );
    println!("cargo::rerun-if-env-changed=REFTABLE_HOST_GLUE");
    println!("cargo::rerun-if-env-changed=REFTABLE_GIT_API");
    // An archive for git reaches the system through functions that git supplies. Nothing else can
    // be linked with it.
    if std::env::var_os("REFTABLE_HOST_GLUE").is_some_and(|value| value == "1") {
        println!("cargo::rustc-cfg=reftable_host_glue");
    }
    let release = release()?;
    println!("cargo::rustc-cfg=git_api=\"{release}\"");
    if release != DEFAULT_RELEASE {
        return Ok(());
    }
    Header {
        name: "reftable-git",
        guard: "REFTABLE_GIT_H",
        introduction: INTRODUCTION,
        enums: &[
            "reftable_error",
            "reftable_hash",
            "reftable_ref_value_type",
            "reftable_log_value_type",
            "reftable_block_data",
        ],
        system_headers: &["stdbool.h"],
    }
    .generate()
}

/// The releases whose interface differs.
const RELEASES: [&str; 4] = ["2.47", "2.53", DEFAULT_RELEASE, "master"];

/// The release of git whose interface is built: the one that the environment names, or, in a package
/// that is there to compile another one, the one in its name.
fn release() -> Result<String, Box<dyn Error>> {
    let package = std::env::var("CARGO_PKG_NAME")?;
    let release = match package.strip_prefix("libreftable-git-") {
        Some(release) => release.replace('-', "."),
        None => std::env::var("REFTABLE_GIT_API").unwrap_or_else(|_| DEFAULT_RELEASE.to_owned()),
    };
    match RELEASES.contains(&&*release) {
        true => Ok(release),
        false => Err(format!("REFTABLE_GIT_API={release}: no such release").into()),
    }
}

/// The header's text before its declarations.
const INTRODUCTION: &str = "\
/*
 * Reading and writing git's reftables. Made from src/ by build.rs; do not edit.
 *
 * The functions are those that git 2.55 calls: they take the place of the objects of its folder
 * reftable/. Programs written for the headers in that folder need no change.
 *
 * Results: unless something else is said, 0 is success, 1 is \"not found\" or \"at the end\", and
 * negative values are errors: see enum reftable_error and reftable_error_str. NULL where a value is
 * needed is REFTABLE_API_ERROR. Functions that free something accept NULL.
 *
 * Memory: a record handed out belongs to the caller, each of its strings being a block of malloc's
 * (see reftable_set_alloc). Pointers described as belonging to a stack or a writer live as long as
 * that does. Strings are bytes in no particular encoding, ended by NUL.
 *
 * Threads: one thread at a time uses an object and what was made from it.
 */";
