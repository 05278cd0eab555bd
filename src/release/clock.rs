//! Times: kept in milliseconds since 1970, written as RFC 3339.

use chrono::{DateTime, SecondsFormat, Utc};

/// Now, in milliseconds since 1970.
pub fn now() -> u64 {
    u64::try_from(Utc::now().timestamp_millis()).unwrap_or(0)
}

/// A time as the interface writes it: `2026-11-27T10:46:58.123Z`.
pub fn rfc3339(milliseconds: u64) -> String {
    moment(milliseconds).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The day of a time: `2026-11-27`.
pub fn day(milliseconds: u64) -> String {
    moment(milliseconds).date_naive().to_string()
}

fn moment(milliseconds: u64) -> DateTime<Utc> {
    let milliseconds = i64::try_from(milliseconds).unwrap_or(0);
    DateTime::from_timestamp_millis(milliseconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_wants_them() {
        assert_eq!(rfc3339(1_795_776_418_123), "2026-11-27T10:46:58.123Z");
        assert_eq!(day(951_782_400_000), "2000-02-29");
    }
}
