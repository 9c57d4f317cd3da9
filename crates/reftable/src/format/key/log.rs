//! Keys of log records (format section 10.3).

/// Length in bytes of what follows the name in a log key: NUL and the update index.
pub(crate) const LOG_KEY_TAIL: usize = 9;

/// Appends the key of the log record (`name`, `update_index`): the index is stored reversed, so
/// that newer entries come first (format section 10.3).
pub(crate) fn put_log_key(out: &mut Vec<u8>, name: &[u8], update_index: u64) {
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(&(u64::MAX ^ update_index).to_be_bytes());
}

/// The key from which to look for log records of `name` up to `update_index`; empty, which is
/// before everything, for an empty name.
pub(crate) fn log_seek_key(name: &[u8], update_index: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len().saturating_add(LOG_KEY_TAIL));
    if !name.is_empty() {
        put_log_key(&mut key, name, update_index);
    }
    key
}

/// Name and update index of a log key, unless it is malformed.
#[inline]
pub(crate) fn split_log_key(key: &[u8]) -> Option<(&[u8], u64)> {
    let (name, reversed) = key.split_last_chunk()?;
    match name.split_last() {
        Some((0, name)) if !name.is_empty() && !name.contains(&0) => {
            Some((name, u64::MAX ^ u64::from_be_bytes(*reversed)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_keys_sort_newest_first() {
        let key = |index| {
            let mut key = Vec::new();
            put_log_key(&mut key, b"refs/heads/main", index);
            key
        };
        let indexes = [u64::MAX, 1 << 63, (1 << 32) + 1, 1 << 32, 2, 1, 0];
        for pair in indexes.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        assert_eq!(split_log_key(&key(5)), Some((&b"refs/heads/main"[..], 5)));
    }

    #[test]
    fn malformed_log_keys_are_refused() {
        assert_eq!(split_log_key(b"\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"name\x01\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"na\0me\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(split_log_key(b"short"), None);
    }
}
