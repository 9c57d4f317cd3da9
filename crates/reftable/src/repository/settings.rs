//! The settings of a repository that tell how its stacks are written.

use super::config::{Config, Setting};
use crate::error::{Error, Result};
use crate::hash::HashId;
use crate::stack::StackOptions;
use std::path::Path;
use std::time::Duration;

/// The permission bits of files shared with a group, and with everybody.
const GROUP: u32 = 0o660;
const EVERYBODY: u32 = 0o664;
/// What `core.sharedRepository` may give in digits: owners must have both of these.
const OWNER: u32 = 0o600;

/// `core.sharedRepository` and `reftable.*`, as far as they are set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Bits that files get beyond what the umask leaves.
    extra_mode: u32,
    /// The bits that files get whatever the umask says.
    file_mode: Option<u32>,
    block_size: Option<u32>,
    restart_interval: Option<u32>,
    object_index: Option<bool>,
    compaction_factor: Option<u8>,
    /// `Some(None)` is for ever.
    lock_timeout: Option<Option<Duration>>,
}

impl Settings {
    /// Reads them; `path` is the file to name for one that cannot be.
    pub(super) fn of(config: &Config, path: &Path) -> Result<Settings> {
        let mut settings = Settings::default();
        for setting in config.all() {
            let name = String::from_utf8_lossy(&setting.name);
            let refused = |reason| Error::UnsupportedRepository {
                path: path.to_path_buf(),
                reason: format!("{name} {reason}"),
            };
            settings.set(&name, setting).map_err(refused)?;
        }
        Ok(settings)
    }

    fn set(&mut self, name: &str, setting: &Setting) -> std::result::Result<(), &'static str> {
        match name {
            "core.sharedrepository" => return self.set_shared(setting),
            "reftable.blocksize" => {
                self.block_size = Some(number(setting)?).filter(|&size: &u32| size > 0);
            }
            "reftable.restartinterval" => {
                let interval: u16 = number(setting)?;
                self.restart_interval = Some(u32::from(interval)).filter(|&interval| interval > 0);
            }
            "reftable.indexobjects" => {
                self.object_index = Some(setting.as_bool().ok_or("is neither on nor off")?);
            }
            "reftable.geometricfactor" => {
                self.compaction_factor = Some(number(setting)?).filter(|&factor: &u8| factor > 0);
            }
            "reftable.locktimeout" => {
                let milliseconds = setting.as_number().ok_or("is no number")?;
                self.lock_timeout = Some(match u64::try_from(milliseconds) {
                    Ok(milliseconds) => Some(Duration::from_millis(milliseconds)),
                    Err(_) if milliseconds == -1 => None,
                    Err(_) => return Err("is negative"),
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn set_shared(&mut self, setting: &Setting) -> std::result::Result<(), &'static str> {
        let text = setting.value.as_deref().map(String::from_utf8_lossy);
        (self.extra_mode, self.file_mode) = match text.as_deref() {
            Some("umask") => (0, None),
            None | Some("group") => (GROUP, None),
            Some("all" | "world" | "everybody") => (EVERYBODY, None),
            Some(digits) => match u32::from_str_radix(digits, 8) {
                Ok(0) => (0, None),
                Ok(1) => (GROUP, None),
                Ok(2) => (EVERYBODY, None),
                Ok(mode) if mode & OWNER != OWNER => return Err("shuts the owner out"),
                Ok(mode) => (0, Some(mode & 0o666)),
                Err(_) => match setting.as_bool() {
                    Some(true) => (GROUP, None),
                    Some(false) => (0, None),
                    None => return Err("is no permission"),
                },
            },
        };
        Ok(())
    }

    /// The options for the stacks: these settings go before what `options` say.
    pub(super) fn apply(&self, mut options: StackOptions, hash: HashId) -> StackOptions {
        options.write.hash = hash;
        options.list_required = true;
        if options.file_mode.is_none() {
            options.file_mode = self.file_mode;
            options.extra_mode = self.extra_mode;
        }
        let write = &mut options.write;
        write.block_size = self.block_size.unwrap_or(write.block_size);
        write.restart_interval = self.restart_interval.unwrap_or(write.restart_interval);
        write.object_index = self.object_index.unwrap_or(write.object_index);
        options.compaction_factor = self
            .compaction_factor
            .map_or(options.compaction_factor, |factor| factor.max(2));
        options.lock_timeout = self.lock_timeout.unwrap_or(options.lock_timeout);
        options
    }
}

fn number<N: TryFrom<i64>>(setting: &Setting) -> std::result::Result<N, &'static str> {
    let number = setting.as_number().ok_or("is no number")?;
    N::try_from(number).map_err(|_| "is out of range")
}
