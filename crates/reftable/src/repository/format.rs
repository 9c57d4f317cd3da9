//! What a repository's configuration says about its format, accepted and refused as by git.
//!
//! A repository of version 0 has no extensions but a few old ones: git ignores those that it does
//! not know, and refuses those that need version 1. In version 1 it refuses what it does not know.
//! Without a version in the configuration no extension counts.

use super::config::{Config, Setting};
use super::git_dir::os_str;
use crate::error::{Error, Result};
use crate::hash::HashId;
use std::path::{Path, PathBuf};

/// The newest version there is.
const NEWEST_VERSION: i64 = 1;

/// The format of a repository.
#[derive(Clone, Debug)]
pub(super) struct Format {
    pub(super) hash: HashId,
    /// How the refs are kept: "files", "reftable".
    pub(super) storage: String,
    /// Where the refs are, if not in the git directory.
    pub(super) location: Option<PathBuf>,
    /// Whether each worktree may have settings of its own.
    pub(super) worktree_config: bool,
}

/// How far an extension reaches.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extension {
    AnyVersion,
    Version1,
    Unknown,
}

impl Format {
    /// Reads it from the configuration in `common_dir`.
    pub(super) fn of(config: &Config, common_dir: &Path) -> Result<Format> {
        let path = common_dir.join("config");
        let refused = |reason: String| Error::UnsupportedRepository {
            path: path.clone(),
            reason,
        };
        let mut format = Format {
            hash: HashId::Sha1,
            storage: "files".to_owned(),
            location: None,
            worktree_config: false,
        };
        let mut version_1_only = None;
        let mut unknown = None;
        for setting in config.all() {
            let Some(name) = setting.name.strip_prefix(b"extensions.") else {
                continue;
            };
            let name = String::from_utf8_lossy(name).into_owned();
            match format
                .extend(&name, setting, common_dir)
                .map_err(&refused)?
            {
                Extension::AnyVersion => {}
                Extension::Version1 => version_1_only = Some(name),
                Extension::Unknown => unknown = Some(name),
            }
        }
        let Some(setting) = config.get("core.repositoryformatversion") else {
            return Ok(Format {
                hash: HashId::Sha1,
                storage: "files".to_owned(),
                location: None,
                worktree_config: false,
            });
        };
        let number = setting.as_number();
        let version = number
            .ok_or_else(|| refused("core.repositoryFormatVersion is no number".to_owned()))?;
        if version > NEWEST_VERSION {
            let reason = format!("repository format version {version} is not supported");
            return Err(refused(reason));
        }
        match (version, version_1_only, unknown) {
            (0, Some(name), _) => {
                let reason = format!("extensions.{name} in a repository of format version 0");
                Err(refused(reason))
            }
            (1, _, Some(name)) => Err(refused(format!("extensions.{name} is not supported"))),
            _ => Ok(format),
        }
    }

    /// Takes in one extension; the name is in small letters.
    fn extend(
        &mut self,
        name: &str,
        setting: &Setting,
        common_dir: &Path,
    ) -> std::result::Result<Extension, String> {
        let switch = || {
            let value = setting.as_bool();
            value.ok_or_else(|| format!("extensions.{name} is neither on nor off"))
        };
        let text = || {
            let value = setting.value.as_deref();
            value.ok_or_else(|| format!("extensions.{name} has no value"))
        };
        Ok(match name {
            "noop" => Extension::AnyVersion,
            "preciousobjects" => switch().map(|_| Extension::AnyVersion)?,
            "partialclone" => text().map(|_| Extension::AnyVersion)?,
            "worktreeconfig" => {
                self.worktree_config = switch()?;
                Extension::AnyVersion
            }
            "noop-v1" => Extension::Version1,
            "relativeworktrees" | "submodulepathconfig" => switch().map(|_| Extension::Version1)?,
            "objectformat" => {
                self.hash = hash(text()?)?;
                Extension::Version1
            }
            "compatobjectformat" => hash(text()?).map(|_| Extension::Version1)?,
            "refstorage" => {
                self.set_storage(text()?, common_dir)?;
                Extension::Version1
            }
            _ => Extension::Unknown,
        })
    }

    /// Takes in FORMAT, or FORMAT://LOCATION.
    fn set_storage(&mut self, value: &[u8], common_dir: &Path) -> std::result::Result<(), String> {
        let colon = value.iter().position(|&byte| byte == b':');
        let (storage, location) = match colon {
            Some(colon) => {
                let (storage, rest) = value.split_at(colon);
                let rest = rest.get(1..).unwrap_or_default();
                (storage, Some(rest.strip_prefix(b"//").unwrap_or(rest)))
            }
            None => (value, None),
        };
        self.storage = String::from_utf8_lossy(storage).into_owned();
        if !matches!(&*self.storage, "files" | "reftable") {
            return Err(format!(
                "refs are stored as {}, which is unknown",
                self.storage
            ));
        }
        self.location = match location {
            None => None,
            Some(b"") => return Err("location of the refs is empty".to_owned()),
            Some(path) => {
                let path = os_str(path).map_err(|error| error.to_string())?;
                Some(common_dir.join(path))
            }
        };
        Ok(())
    }
}

fn hash(value: &[u8]) -> std::result::Result<HashId, String> {
    match value {
        b"sha1" => Ok(HashId::Sha1),
        b"sha256" => Ok(HashId::Sha256),
        other => {
            let other = String::from_utf8_lossy(other);
            Err(format!("object format {other} is not supported"))
        }
    }
}
