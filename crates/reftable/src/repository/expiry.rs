//! `gc.PATTERN.reflogExpire`: how long reflogs are kept, for some refs.

use super::config::Config;
use super::wildmatch::matches;

/// Seconds in the units of git's dates.
const UNITS: [(&str, u64); 7] = [
    ("second", 1),
    ("minute", 60),
    ("hour", 3600),
    ("day", 86_400),
    ("week", 7 * 86_400),
    ("month", 30 * 86_400),
    ("year", 365 * 86_400),
];

/// How long the reflogs of some refs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReflogRule {
    /// Which refs: `*` stands for any text.
    pub pattern: Vec<u8>,
    /// Entries older than this are dropped.
    pub keep: Keep,
}

/// How long entries of a reflog are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// For ever.
    Always,
    /// Since a moment in seconds since 1970.
    Since(u64),
    /// For this number of seconds.
    For(u64),
}

impl ReflogRule {
    /// A rule for the refs that fit `pattern`.
    pub fn new(pattern: impl Into<Vec<u8>>, keep: Keep) -> ReflogRule {
        ReflogRule {
            pattern: pattern.into(),
            keep,
        }
    }

    /// Whether the rule is about the ref `name`.
    pub fn is_about(&self, name: &[u8]) -> bool {
        matches(&self.pattern, name)
    }

    /// The moment in seconds since 1970 before which entries go; 0 for none.
    pub fn bound(&self, now: u64) -> u64 {
        match self.keep {
            Keep::Always => 0,
            Keep::Since(moment) => moment,
            Keep::For(seconds) => now.saturating_sub(seconds),
        }
    }
}

/// The rules of a configuration in their order. Of one pattern the last value counts.
pub(super) fn rules(config: &Config) -> Result<Vec<ReflogRule>, String> {
    let mut rules: Vec<ReflogRule> = Vec::new();
    for setting in config.all() {
        let Some(rest) = setting.name.strip_prefix(b"gc.") else {
            continue;
        };
        let Some(dot) = rest.iter().rposition(|&byte| byte == b'.') else {
            continue;
        };
        let (pattern, key) = rest.split_at(dot);
        // A pattern that only says what unreachable entries do keeps the others for ever.
        let keep =
            match key {
                b".reflogexpire" => {
                    let keep = setting.value.as_deref().and_then(parse);
                    Some(keep.ok_or_else(|| {
                        format!("cannot tell the time of {}", shown(&setting.name))
                    })?)
                }
                b".reflogexpireunreachable" => None,
                _ => continue,
            };
        let known = rules.iter_mut().find(|rule| rule.pattern == pattern);
        match (known, keep) {
            (Some(rule), Some(keep)) => rule.keep = keep,
            (Some(_), None) => {}
            (None, keep) => rules.push(ReflogRule {
                pattern: pattern.to_vec(),
                keep: keep.unwrap_or(Keep::Always),
            }),
        }
    }
    Ok(rules)
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// `never`, `now`, `90 days ago`, `2.weeks`, or seconds since 1970; `None` for git's other dates.
fn parse(value: &[u8]) -> Option<Keep> {
    let text = std::str::from_utf8(value).ok()?.to_ascii_lowercase();
    match text.trim() {
        "never" | "false" => return Some(Keep::Always),
        "now" | "all" => return Some(Keep::Since(u64::MAX)),
        _ => {}
    }
    let parts: Vec<&str> = text
        .split(|c: char| c.is_ascii_whitespace() || c == '.')
        .filter(|part| !part.is_empty() && *part != "ago")
        .collect();
    match parts[..] {
        [seconds] if seconds.len() > 8 => seconds.parse().ok().map(Keep::Since),
        [_, _, ..] if parts.len() % 2 == 0 => {
            let mut all = 0_u64;
            for pair in parts.chunks(2) {
                let [number, unit] = pair else { return None };
                let unit = unit.strip_suffix('s').unwrap_or(unit);
                let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
                all = all.checked_add(number.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
            }
            Some(Keep::For(all))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Keep, parse};

    #[test]
    fn times_are_read_as_people_write_them() {
        let days = |days: u64| Some(Keep::For(days * 86_400));
        for (text, expected) in [
            ("never", Some(Keep::Always)),
            ("false", Some(Keep::Always)),
            ("now", Some(Keep::Since(u64::MAX))),
            ("90 days", days(90)),
            ("90.days.ago", days(90)),
            ("2 weeks ago", days(14)),
            ("1 week 1 day", days(8)),
            ("1700000000", Some(Keep::Since(1_700_000_000))),
            ("90", None),
            ("yesterday at noon", None),
            ("", None),
        ] {
            assert_eq!(parse(text.as_bytes()), expected, "{text}");
        }
    }
}
