//! What happens, as a stream that a reader can resume.

use std::sync::Arc;

use serde_json::Value;

/// One event. Its id on the wire is `<boot>-<number>`.
#[derive(Clone, Debug)]
pub struct Event {
    /// Counts up from 1 since the service started.
    pub number: u64,
    /// `app` (a status), `job` (a record), `apps` (the list of apps changed).
    pub kind: &'static str,
    /// JSON, already serialised once for all readers.
    pub data: Arc<str>,
}

/// The last events and who listens. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    _inner: Arc<()>,
}

impl Events {
    /// An empty stream with a new boot id.
    pub fn new() -> Self {
        todo!()
    }

    /// Appends an event; the oldest beyond the last 4096 is forgotten.
    pub fn publish(&self, kind: &'static str, data: &Value) {
        let _ = (kind, data);
        todo!()
    }

    /// Names this run of the service in event ids.
    pub fn boot(&self) -> &str {
        todo!()
    }

    /// What came after `number` and is still kept (`None`: some of it is forgotten), and the
    /// stream of what comes next, without a gap or an overlap.
    pub fn after(
        &self,
        number: u64,
    ) -> (Option<Vec<Event>>, tokio::sync::broadcast::Receiver<Event>) {
        let _ = number;
        todo!()
    }

    /// Number of the newest event.
    pub fn newest(&self) -> u64 {
        todo!()
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}
