//! The wall clock as numbers: milliseconds since 1970, UTC. A clock that is set before that reads as 1970.

use std::time::SystemTime;

/// Now.
pub(crate) fn now_ms() -> u64 {
    ms(SystemTime::now())
}

/// A moment.
pub(crate) fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
