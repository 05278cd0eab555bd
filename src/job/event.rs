//! What happens, as a stream that a reader can resume.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::broadcast;

/// How many events are kept for readers that come back.
const MAX_EVENTS: usize = 4096;

/// How many bytes of them. The records of long jobs are large, and idle memory is dear.
const MAX_BYTES: usize = 256 * 1024;

/// How far a connected reader may fall behind before it has to ask for what it missed.
const BACKLOG: usize = 512;

/// One event. Its id on the wire is `<boot>-<number>`.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts up from 1 since the service started.
    pub number: u64,
    /// `app` (a status), `job` (a record), `progress` (of a job's long step), `apps` (the list of apps
    /// changed).
    pub kind: &'static str,
    /// JSON, already serialised once for all readers.
    pub data: Arc<str>,
}

/// The last events and who listens. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    inner: Arc<Inner>,
}

struct Inner {
    boot: String,
    kept: Mutex<Kept>,
    sender: broadcast::Sender<Event>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    bytes: usize,
    newest: u64,
}

impl Events {
    /// An empty stream with a new boot id.
    pub fn new() -> Self {
        let mut random = [0_u8; 8];
        // Without randomness the clock still tells two starts apart.
        let number = match getrandom::fill(&mut random) {
            Ok(()) => u64::from_le_bytes(random),
            Err(_) => super::now(),
        };
        Self {
            inner: Arc::new(Inner {
                boot: format!("{number:x}"),
                kept: Mutex::default(),
                sender: broadcast::Sender::new(BACKLOG),
            }),
        }
    }

    /// Appends an event; the oldest beyond the last 4096, or beyond a quarter of a megabyte, is forgotten.
    pub fn publish(&self, kind: &'static str, data: &Value) {
        self.publish_text(kind, data.to_string().into());
    }

    /// Appends an event that is JSON text already.
    pub(super) fn publish_text(&self, kind: &'static str, data: Arc<str>) {
        let mut kept = self.kept();
        kept.newest += 1;
        let event = Event {
            number: kept.newest,
            kind,
            data,
        };
        kept.bytes += event.data.len();
        kept.events.push_back(event.clone());
        while kept.events.len() > MAX_EVENTS || (kept.bytes > MAX_BYTES && kept.events.len() > 1) {
            if let Some(oldest) = kept.events.pop_front() {
                kept.bytes -= oldest.data.len();
            }
        }
        // Sent under the lock, so that `after` sees each event exactly once. Without readers
        // there is nobody to tell.
        let _ = self.inner.sender.send(event);
    }

    /// Names this run of the service in event ids.
    pub fn boot(&self) -> &str {
        &self.inner.boot
    }

    /// What came after `number` and is still kept (`None`: some of it is forgotten), and the
    /// stream of what comes next, without a gap or an overlap. A receiver that lags asks again.
    pub fn after(&self, number: u64) -> (Option<Vec<Event>>, broadcast::Receiver<Event>) {
        let kept = self.kept();
        let receiver = self.inner.sender.subscribe();
        let oldest = kept
            .events
            .front()
            .map_or(kept.newest + 1, |event| event.number);
        if number > kept.newest || number + 1 < oldest {
            return (None, receiver);
        }
        let missed = kept
            .events
            .iter()
            .filter(|event| event.number > number)
            .cloned()
            .collect();
        (Some(missed), receiver)
    }

    /// Number of the newest event.
    pub fn newest(&self) -> u64 {
        self.kept().newest
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner
            .kept
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.number).collect()
    }

    #[test]
    fn a_reader_that_comes_back_gets_what_it_missed_and_what_comes() {
        let events = Events::new();
        for number in 0..5 {
            events.publish("app", &number.into());
        }
        let (missed, mut next) = events.after(3);
        assert_eq!(numbers(&missed.unwrap()), [4, 5]);
        events.publish("job", &Value::Null);
        assert_eq!(next.try_recv().unwrap().number, 6);
        assert!(next.try_recv().is_err());
    }

    #[test]
    fn a_reader_that_was_away_too_long_is_told() {
        let events = Events::new();
        assert!(events.after(0).0.unwrap().is_empty());
        for number in 0..MAX_EVENTS + 10 {
            events.publish("app", &number.into());
        }
        assert!(events.after(0).0.is_none());
        assert_eq!(events.after(10).0.unwrap().len(), MAX_EVENTS);
        assert!(events.after(events.newest() + 1).0.is_none());
    }

    #[test]
    fn large_events_are_forgotten_sooner() {
        let events = Events::new();
        let large = Value::String("x".repeat(MAX_BYTES / 4));
        for _ in 0..10 {
            events.publish("job", &large);
        }
        assert!(events.after(9).0.is_some());
        assert!(events.after(1).0.is_none());
    }

    #[test]
    fn every_run_of_the_service_has_another_boot_id() {
        assert_ne!(Events::new().boot(), Events::new().boot());
    }
}
