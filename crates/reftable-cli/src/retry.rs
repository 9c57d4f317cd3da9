//! Commands beside others that write.

use reftable::{Error, Stack};
use std::time::{Duration, Instant};

/// Does what may lose a race with other writers again, as long as the lock time-out says.
///
/// Waiting for the lock of the list is the library's part. What remains is a list that was replaced
/// after it was loaded, and a table that somebody else is merging.
pub(crate) fn retrying<T>(
    stack: &Stack,
    mut attempt: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    let timeout = stack.options().lock_timeout;
    let mut pause = Duration::from_millis(1);
    loop {
        let error = match attempt() {
            Err(error @ (Error::Outdated { .. } | Error::Locked { .. })) => error,
            result => return result,
        };
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        if left == Some(Duration::ZERO) {
            return Err(error);
        }
        std::thread::sleep(left.map_or(pause, |left| left.min(pause)));
        pause = (2 * pause).min(Duration::from_millis(100));
        stack.reload()?;
    }
}
