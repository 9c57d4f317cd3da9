//! The static library that C programs link, as cargo built it for these tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock};

/// What a program that links the library links besides, in the words of rustc. `reftable.pc` leaves out
/// what a C compiler adds by itself.
pub(crate) const NATIVE_LIBS: &str = "-lgcc_s -lutil -lrt -lpthread -lm -ldl -lc";

/// What cargo calls the archive of the package.
const ARCHIVE: &str = match env!("CARGO_PKG_NAME").as_bytes() {
    b"libreftable" => "libreftable.a",
    _ => "libreftable_git.a",
};

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").exists())
        .unwrap()
}

/// A file or folder for this test program alone.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
    std::fs::create_dir_all(&dir).unwrap();
    dir.join(name)
}

/// Runs `cargo` on the package whose tests these are.
pub(crate) fn cargo(command: &str) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(root())
        .args([command, "--package", env!("CARGO_PKG_NAME"), "--lib"])
        .args(["--message-format", "json"]);
    cargo
}

/// Output of a command that has to succeed.
pub(crate) fn run(command: &mut Command) -> Output {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// Builds the archive as `cargo` says, and copies it to `name`. Cargo is asked for its path: the
/// newest file of that name in the target folder may well have been built with other settings. It
/// is copied before another test can build it with its own.
pub(crate) fn build(cargo: &mut Command, name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _alone = BUILDING.lock().unwrap();
    let output = run(cargo);
    let messages = String::from_utf8(output.stdout).unwrap();
    let path = messages
        .lines()
        .filter(|line| line.contains(r#""reason":"compiler-artifact""#))
        .flat_map(|line| line.split('"'))
        .find(|text| text.ends_with(ARCHIVE))
        .expect("cargo names no archive");
    let copy = scratch(name);
    std::fs::copy(path, &copy).unwrap();
    copy
}

/// The archive that needs nothing but the system.
pub(crate) fn archive() -> &'static Path {
    static ARCHIVE: OnceLock<PathBuf> = OnceLock::new();
    ARCHIVE.get_or_init(|| build(&mut cargo("build"), "libreftable.a"))
}

/// The C compiler, or the one that `CC` names, with the warnings of careful programs as errors.
pub(crate) fn c() -> Command {
    let mut command = compiler()
        .std("c99")
        .try_get_compiler()
        .unwrap()
        .to_command();
    command.args(["-Werror", "-g"]);
    command
}

/// The same for C++ and `CXX`.
pub(crate) fn cpp() -> Command {
    let mut command = compiler()
        .cpp(true)
        .try_get_compiler()
        .unwrap()
        .to_command();
    command.arg("-Werror");
    command
}

/// What cargo tells build scripts, and not tests.
fn compiler() -> cc::Build {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut build = cc::Build::new();
    build
        .target(&target)
        .host(&target)
        .opt_level(0)
        .warnings(true)
        .cargo_metadata(false);
    build
}
