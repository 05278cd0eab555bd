//! How far a download is, and how fast.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How often progress is told at most.
const PERIOD: Duration = Duration::from_millis(100);

/// The speed is that of the last few seconds.
const WINDOW: Duration = Duration::from_secs(5);

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes that are here.
    pub completed: u64,
    /// Bytes of the whole file, where the server says so.
    pub total: Option<u64>,
    /// Speed of the last few seconds.
    pub bytes_per_second: u64,
    /// How long the rest will take at that speed.
    pub seconds_left: Option<u64>,
    /// The address that is asked, without passwords.
    pub address: String,
}

/// Measures one download.
pub(super) struct Meter<'a> {
    tell: &'a (dyn Fn(&Progress) + Send + Sync),
    address: String,
    total: Option<u64>,
    told: Option<Instant>,
    samples: VecDeque<(Instant, u64)>,
}

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a (dyn Fn(&Progress) + Send + Sync)) -> Self {
        Self {
            tell,
            address: String::new(),
            total: None,
            told: None,
            samples: VecDeque::new(),
        }
    }

    /// A transfer begins, with so many bytes here already.
    pub(super) fn begin(&mut self, address: String, completed: u64, total: Option<u64>) {
        self.address = address;
        self.total = total;
        self.samples.clear();
        self.told = None;
        self.at(completed);
    }

    /// So many bytes are here.
    pub(super) fn at(&mut self, completed: u64) {
        let now = Instant::now();
        if self.told.is_none_or(|told| now - told >= PERIOD) {
            self.tell(now, completed);
        }
    }

    /// All bytes are here.
    pub(super) fn end(&mut self, completed: u64) {
        self.total = Some(completed);
        self.tell(Instant::now(), completed);
    }

    fn tell(&mut self, now: Instant, completed: u64) {
        self.told = Some(now);
        self.samples.push_back((now, completed));
        while self.samples.len() > 2
            && (self.samples.front()).is_some_and(|(time, _)| now - *time > WINDOW)
        {
            self.samples.pop_front();
        }
        let speed = self.samples.front().map_or(0, |(time, bytes)| {
            speed(completed.saturating_sub(*bytes), now - *time)
        });
        let rest = self.total.map(|total| total.saturating_sub(completed));
        (self.tell)(&Progress {
            completed,
            total: self.total,
            bytes_per_second: speed,
            seconds_left: rest.and_then(|rest| match (rest, speed) {
                (0, _) => Some(0),
                (_, 0) => None,
                _ => Some(rest.div_ceil(speed)),
            }),
            address: self.address.clone(),
        });
    }
}

/// Bytes per second.
fn speed(bytes: u64, time: Duration) -> u64 {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    (bytes.saturating_mul(1000))
        .checked_div(milliseconds)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn progress_is_told_at_the_beginning_and_at_the_end() {
        let told = Mutex::new(Vec::new());
        let tell = |progress: &Progress| told.lock().unwrap().push(progress.clone());
        let mut meter = Meter::new(&tell);
        meter.begin("http://x/".to_owned(), 10, Some(100));
        for completed in 11..90 {
            meter.at(completed);
        }
        meter.end(100);
        let told = told.lock().unwrap();
        let first = told.first().unwrap();
        assert_eq!(
            (first.completed, first.total, first.seconds_left),
            (10, Some(100), None)
        );
        let last = told.last().unwrap();
        assert_eq!((last.completed, last.seconds_left), (100, Some(0)));
        assert!(told.len() < 20);
    }

    #[test]
    fn a_speed_is_bytes_by_time() {
        assert_eq!(speed(1000, Duration::from_millis(500)), 2000);
        assert_eq!(speed(1000, Duration::ZERO), 0);
    }
}
