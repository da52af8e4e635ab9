//! The wall clock, read here only, and its ISO-8601 form.

use jiff::Timestamp;

/// Milliseconds since 1970, UTC.
pub(super) type Millis = u64;

/// Now. A clock set before 1970 reads as 1970.
pub(super) fn now() -> Millis {
    crate::time::now_ms()
}

/// `2026-05-05T12:34:56.789Z`. Beyond the year 9999 it is the end of that.
pub(super) fn iso(at: Millis) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    at.unwrap_or(Timestamp::MAX).strftime("%FT%T.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leap_days_and_borders_of_years_are_right() {
        for (at, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_777_984_496_789, "2026-05-05T12:34:56.789Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(iso(at), text);
        }
    }
}
