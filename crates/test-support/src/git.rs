//! Runs the system's git, where there is one that knows reftable.

use crate::skip::skip;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A git of version 2.45 or later.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
}

/// A repository in a folder of its own.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    dir: tempfile::TempDir,
}

impl Git {
    /// `$GIT`, or `git` in the path; without one that is new enough, the test is skipped.
    pub fn find(what: &str) -> Option<Git> {
        match Git::new() {
            Ok(git) => Some(git),
            Err(reason) => {
                skip(&format!("{what}: {reason}"));
                None
            }
        }
    }

    /// The same for a test that goes on without git.
    pub fn new() -> Result<Git, String> {
        let program = std::env::var_os("GIT").unwrap_or_else(|| "git".into());
        let git = Git {
            program: program.into(),
        };
        match git.version() {
            Ok((2, minor)) if minor < 45 => Err(format!("git 2.{minor} does not know reftable")),
            Ok(_) => Ok(git),
            Err(reason) => Err(reason),
        }
    }

    fn version(&self) -> Result<(u32, u32), String> {
        let output = Command::new(&self.program).arg("version").output();
        let output = output.map_err(|e| format!("cannot run {}: {e}", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers = text.trim().strip_prefix("git version ").and_then(|v| {
            let mut parts = v.split('.');
            Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
        });
        numbers.ok_or_else(|| format!("cannot tell the version from {text:?}"))
    }

    /// `git init` with the reftable format.
    pub fn init(&self, hash: &str) -> Repository {
        let repository = Repository {
            git: self.clone(),
            dir: tempfile::tempdir().unwrap(),
        };
        let format = format!("--object-format={hash}");
        repository.run(&[
            "init",
            "-q",
            "-b",
            "main",
            "--ref-format=reftable",
            &format,
            ".",
        ]);
        repository
    }
}

impl Repository {
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The folder of the main stack.
    pub fn stack(&self) -> PathBuf {
        self.dir.path().join(".git/reftable")
    }

    /// Runs git, which must succeed; its output without the final newline.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> String {
        self.finish(args, self.command())
    }

    /// The same with a file as its input.
    pub fn run_with<S: AsRef<OsStr>>(&self, args: &[S], input: std::fs::File) -> String {
        let mut command = self.command();
        command.stdin(input);
        self.finish(args, command)
    }

    fn finish<S: AsRef<OsStr>>(&self, args: &[S], mut command: Command) -> String {
        let output = command.args(args).output().unwrap();
        let line: Vec<_> = args
            .iter()
            .map(|a| a.as_ref().to_string_lossy().into_owned())
            .collect();
        assert!(
            output.status.success(),
            "git {}: {}",
            line.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim_end_matches('\n').to_owned()
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.git.program);
        command.current_dir(self.dir.path());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("GIT_") {
                command.env_remove(name);
            }
        }
        command
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", self.dir.path())
            .env("GIT_AUTHOR_NAME", "A U Thor")
            .env("GIT_AUTHOR_EMAIL", "author@example.com")
            .env("GIT_COMMITTER_NAME", "C O Mitter")
            .env("GIT_COMMITTER_EMAIL", "committer@example.com")
            .env("GIT_COMMITTER_DATE", "1700000000 +0230")
            .env("GIT_AUTHOR_DATE", "1700000000 +0230");
        command
    }

    /// A new commit on the current branch; its id.
    pub fn commit(&self, message: &str) -> String {
        self.run(&["commit", "-q", "--allow-empty", "-m", message]);
        self.run(&["rev-parse", "HEAD"])
    }
}
