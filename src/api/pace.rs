//! How slowly a client may send us something.

use std::time::{Duration, Instant};

/// A client that sends nothing for so long is gone.
const MAX_SILENCE: Duration = Duration::from_secs(30);

/// After this time a client has to have kept to [`MIN_RATE`].
const GRACE: Duration = Duration::from_mins(1);

/// Bytes per second. Who is slower holds on to us, not to a package.
const MIN_RATE: u64 = 1024;

/// How fast something comes in.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Instant,
    bytes: u64,
}

impl Pace {
    /// Begins now.
    pub(super) fn begin() -> Self {
        Self {
            begin: Instant::now(),
            bytes: 0,
        }
    }

    /// So many bytes more have come.
    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// How long to wait for what comes next. Nothing at all is waited for once it is too slow; what is
    /// there already may still be taken.
    pub(super) fn patience(&self) -> Duration {
        self.patience_after(self.begin.elapsed())
    }

    fn patience_after(&self, elapsed: Duration) -> Duration {
        let due = GRACE.max(Duration::from_secs(self.bytes / MIN_RATE));
        MAX_SILENCE.min(due.saturating_sub(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slow_is_waited_for_less_and_less() {
        let check = |seconds: u64, bytes: u64, expected: u64| {
            let mut pace = Pace::begin();
            pace.add(bytes);
            let patience = pace.patience_after(Duration::from_secs(seconds));
            assert_eq!(
                patience,
                Duration::from_secs(expected),
                "{bytes} bytes after {seconds} s"
            );
        };
        check(0, 0, 30);
        check(40, 0, 20);
        check(60, 0, 0);
        check(60, 60 << 10, 0);
        check(60, 70 << 10, 10);
        check(600, 590 << 10, 0);
        check(600, 610 << 10, 10);
        check(600, 10 << 20, 30);
    }
}
