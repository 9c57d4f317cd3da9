//! Makes a C header and the list of exported functions from the source of a package, for its
//! `build.rs`.
//!
//! Both are committed in the package's `include/`, so that a C program needs no Rust to compile. A
//! build writes into its own folder alone, and warns if the committed files are not the same;
//! `REFTABLE_WRITE_HEADERS=1` writes them anew.

#![expect(
    clippy::print_stdout,
    reason = "cargo reads what a build script prints"
)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A header and where it comes from: `src/lib.rs` of the package that is built.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Of the files, without extension.
    pub name: &'static str,
    /// The include guard.
    pub guard: &'static str,
    /// The text before the declarations.
    pub introduction: &'static str,
    /// Types that no function mentions.
    pub enums: &'static [&'static str],
    /// Headers to include besides those of every interface.
    pub system_headers: &'static [&'static str],
}

impl Header {
    /// Generates both files, for a call from `build.rs`.
    ///
    /// # Errors
    ///
    /// If the source cannot be parsed, or a file cannot be written.
    pub fn generate(&self) -> Result<(), Box<dyn Error>> {
        let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
        let built = PathBuf::from(env::var("OUT_DIR")?);
        for input in ["src", "include"] {
            println!("cargo::rerun-if-changed={input}");
        }
        println!("cargo::rerun-if-env-changed=REFTABLE_WRITE_HEADERS");
        let bindings = cbindgen::Builder::new()
            .with_config(self.config()?)
            .with_src(root.join("src/lib.rs"))
            .generate()?;

        let mut header = Vec::new();
        bindings.write(&mut header);
        let listed = built.join("listed");
        bindings.generate_symfile(&listed);
        let symbols = names(&fs::read_to_string(listed)?);
        for (extension, text) in [("h", &header[..]), ("symbols", symbols.as_bytes())] {
            let file = Path::new(self.name).with_extension(extension);
            fs::write(built.join(&file), text)?;
            compare(&root.join("include").join(file), text)?;
        }
        Ok(())
    }

    fn config(&self) -> Result<cbindgen::Config, Box<dyn Error>> {
        let mut config: cbindgen::Config = toml(include_str!("cbindgen.toml"))?;
        config.header = Some(self.introduction.to_owned());
        config.include_guard = Some(self.guard.to_owned());
        config.after_includes = Some(version_macros()?);
        config.export.include = self.enums.iter().map(|&name| name.to_owned()).collect();
        for &header in self.system_headers {
            config.sys_includes.push(header.to_owned());
        }
        Ok(config)
    }
}

/// cbindgen reads its settings from files alone.
fn toml(text: &str) -> Result<cbindgen::Config, Box<dyn Error>> {
    let file = PathBuf::from(env::var("OUT_DIR")?).join("cbindgen.toml");
    fs::write(&file, text)?;
    Ok(cbindgen::Config::from_file(file)?)
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

/// Says whether the committed file is the generated one, or writes it if that is asked for.
fn compare(committed: &Path, generated: &[u8]) -> Result<(), Box<dyn Error>> {
    if fs::read(committed).is_ok_and(|text| text == generated) {
        return Ok(());
    }
    if env::var_os("REFTABLE_WRITE_HEADERS").is_some_and(|value| value == "1") {
        fs::write(committed, generated)?;
        return Ok(());
    }
    println!(
        "cargo::warning={} is not what the source says",
        committed.display()
    );
    Ok(())
}
