//! Keeps the C header and the list of exported functions in `include/` up to date with the source.
//!
//! Both are committed, so that a C program needs no Rust to compile; a build that changes them
//! says so. Without the feature `capi` there is nothing to do.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(reftable_host_glue)");
    println!(
        "cargo::rustc-check-cfg=cfg(git_api, values(\"2.47\", \"2.53\", \"2.55\", \"master\"))"
    );
    println!("cargo::rerun-if-env-changed=REFTABLE_HOST_GLUE");
    println!("cargo::rerun-if-env-changed=REFTABLE_GIT_API");
    // An archive for git reaches the system through functions that git supplies. Nothing else can
    // be linked with it, so this is no feature that a build of all features would turn on.
    if std::env::var_os("REFTABLE_HOST_GLUE").is_some_and(|value| value == "1") {
        println!("cargo::rustc-cfg=reftable_host_glue");
    }
    #[cfg(feature = "abi-git")]
    println!("cargo::rustc-cfg=git_api=\"{}\"", git_api()?);
    #[cfg(feature = "capi")]
    header::generate()?;
    Ok(())
}

/// The release of git whose API is built; the committed header is that of the default.
#[cfg(feature = "abi-git")]
fn git_api() -> Result<String, Box<dyn Error>> {
    let release = std::env::var("REFTABLE_GIT_API").unwrap_or_else(|_| "2.55".to_owned());
    match &*release {
        "2.47" | "2.53" | "2.55" | "master" => Ok(release),
        _ => Err(format!("REFTABLE_GIT_API={release}: no such release").into()),
    }
}

#[cfg(feature = "capi")]
mod header {
    use std::error::Error;
    use std::path::{Path, PathBuf};
    use std::{env, fs};

    /// The header's text before its declarations.
    #[cfg_attr(feature = "abi-git", allow(dead_code, reason = "the other profile's"))]
    const INTRODUCTION: &str = "\
/*
 * Reading and writing git's reftables. Made from src/capi/v16 by build.rs; do not edit.
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

    /// The introduction of the header for git.
    #[cfg_attr(
        not(feature = "abi-git"),
        allow(dead_code, reason = "the other profile's")
    )]
    const GIT_INTRODUCTION: &str = "\
/*
 * Reading and writing git's reftables. Made from src/capi/git by build.rs; do not edit.
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

    /// Which C API, and where its header is.
    struct Profile {
        source: &'static str,
        header: &'static str,
        symbols: &'static str,
        guard: &'static str,
        introduction: &'static str,
        /// Enums that no function mentions.
        enums: &'static [&'static str],
    }

    #[cfg(not(feature = "abi-git"))]
    const PROFILE: Profile = Profile {
        source: "src/capi/v16",
        header: "include/reftable.h",
        symbols: "include/reftable.symbols",
        guard: "REFTABLE_H",
        introduction: INTRODUCTION,
        enums: &["reftable_error", "reftable_block"],
    };

    #[cfg(feature = "abi-git")]
    const PROFILE: Profile = Profile {
        source: "src/capi/git",
        header: "include/reftable-git.h",
        symbols: "include/reftable-git.symbols",
        guard: "REFTABLE_GIT_H",
        introduction: GIT_INTRODUCTION,
        enums: &[
            "reftable_error",
            "reftable_hash",
            "reftable_ref_value_type",
            "reftable_log_value_type",
            "reftable_block_data",
        ],
    };

    pub(crate) fn generate() -> Result<(), Box<dyn Error>> {
        for input in [PROFILE.source, "cbindgen.toml", "Cargo.toml", "include"] {
            println!("cargo::rerun-if-changed={input}");
        }
        let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
        let mut config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
        config.header = Some(PROFILE.introduction.to_owned());
        config.include_guard = Some(PROFILE.guard.to_owned());
        config.after_includes = Some(version_macros()?);
        config.export.include = PROFILE.enums.iter().map(|&name| name.to_owned()).collect();
        if cfg!(feature = "abi-git") {
            config.sys_includes.push("stdbool.h".to_owned());
        }
        let bindings = cbindgen::Builder::new()
            .with_config(config)
            .with_src(root.join(PROFILE.source).join("mod.rs"))
            .generate()?;

        let mut header = Vec::new();
        bindings.write(&mut header);
        update(&root.join(PROFILE.header), &header)?;

        let listed = PathBuf::from(env::var("OUT_DIR")?).join("symbols");
        bindings.generate_symfile(&listed);
        let symbols = names(&fs::read_to_string(listed)?);
        update(&root.join(PROFILE.symbols), symbols.as_bytes())
    }

    /// The package's version for the preprocessor.
    fn version_macros() -> Result<String, Box<dyn Error>> {
        let part = |name: &str| env::var(format!("CARGO_PKG_VERSION{name}"));
        Ok(format!(
            "\n/* The version of this header; reftable_version() is that of the library. */\n\
             #define REFTABLE_VERSION \"{}\"\n\
             #define REFTABLE_VERSION_MAJOR {}\n\
             #define REFTABLE_VERSION_MINOR {}\n\
             #define REFTABLE_VERSION_PATCH {}",
            part("")?,
            part("_MAJOR")?,
            part("_MINOR")?,
            part("_PATCH")?,
        ))
    }

    /// The names in a symbol file as cbindgen writes it for linkers, sorted, one a line.
    fn names(symbol_file: &str) -> String {
        let mut names: Vec<&str> = symbol_file
            .lines()
            .map(|line| line.trim().trim_end_matches(';'))
            .filter(|name| !name.is_empty() && !name.contains(['{', '}']))
            .collect();
        names.sort_unstable();
        names.iter().map(|name| format!("{name}\n")).collect()
    }

    /// Writes a file if that changes it. A package in a registry cannot be written to, and need not.
    fn update(path: &Path, text: &[u8]) -> Result<(), Box<dyn Error>> {
        if fs::read(path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        println!("cargo::warning={} changed; commit it", path.display());
        fs::write(path, text)?;
        Ok(())
    }
}
