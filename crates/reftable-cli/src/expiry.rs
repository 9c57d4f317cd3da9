//! Which reflog entries a compaction drops, by the rules of `git gc`.

use crate::args::Compact;
use reftable::repository::{Keep, ReflogRule, Stacks};
use reftable::{Error, LogRecord, LogValue};
use std::time::SystemTime;

/// The reflog of this ref is the list of stashes, which `git gc` never shortens by itself.
const STASH: &[u8] = b"refs/stash";

/// The rules for one compaction.
pub(crate) struct Expiry {
    /// The first one that is about a ref counts.
    rules: Vec<ReflogRule>,
    before: u64,
    below: u64,
    now: u64,
}

impl Expiry {
    /// What the command line and the repository say; `None` if nothing is to be dropped.
    pub(crate) fn of(args: &Compact, repository: Option<&Stacks>) -> Result<Option<Expiry>, Error> {
        if args.expire_before.is_none() && args.expire_below.is_none() {
            return Ok(None);
        }
        let except = args.except.iter().map(|pattern| pattern.as_encoded_bytes());
        let keep = |pattern: &[u8]| ReflogRule::new(pattern, Keep::Always);
        let mut rules: Vec<ReflogRule> = except.map(keep).collect();
        if let Some(repository) = repository {
            rules.extend(repository.reflog_rules()?);
        }
        rules.push(keep(STASH));
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Ok(Some(Expiry {
            rules,
            before: args.expire_before.unwrap_or_default(),
            below: args.expire_below.unwrap_or_default(),
            now: since_1970.unwrap_or_default().as_secs(),
        }))
    }

    /// Whether an entry goes.
    pub(crate) fn drops(&self, record: &LogRecord<'_>) -> bool {
        let LogValue::Update(entry) = &record.value else {
            return false;
        };
        let rule = self.rules.iter().find(|rule| rule.is_about(record.name));
        match rule {
            Some(rule) => entry.time < rule.bound(self.now),
            None => entry.time < self.before || record.update_index < self.below,
        }
    }
}
