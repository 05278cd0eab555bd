//! The places that clients take. When all are taken, whoever has asked for nothing for the longest time
//! leaves.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How soon who should leave is looked for again, when nobody could, or when nobody did.
const NOBODY: Duration = Duration::from_millis(50);
const LEAVING: Duration = Duration::from_secs(1);

/// All places.
pub(super) struct Places {
    free: Arc<Semaphore>,
    /// Who waits for a request, the longest first.
    idle: Mutex<BTreeMap<Waiting, CancellationToken>>,
    next: AtomicU64,
}

/// Since when, and who.
type Waiting = (Instant, u64);

/// A place that is taken, until this is dropped.
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    leaves: CancellationToken,
    _taken: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            free: Arc::new(Semaphore::new(count)),
            idle: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    /// Takes a place: a free one, else that of somebody who leaves for it. While all are busy it waits.
    pub(super) async fn take(self: &Arc<Self>) -> Place {
        let taken = loop {
            let free = Arc::clone(&self.free);
            if let Ok(taken) = Arc::clone(&free).try_acquire_owned() {
                break taken;
            }
            let pause = if self.make_room() { LEAVING } else { NOBODY };
            if let Ok(Ok(taken)) = timeout(pause, free.acquire_owned()).await {
                break taken;
            }
        };
        Place {
            places: Arc::clone(self),
            number: self.next.fetch_add(1, Ordering::Relaxed),
            leaves: CancellationToken::new(),
            _taken: taken,
        }
    }

    /// Sends away whoever waits longest. Answers whether there is one.
    pub(super) fn make_room(&self) -> bool {
        let longest = self.waiting().pop_first();
        longest.map(|(_, leaves)| leaves.cancel()).is_some()
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Waiting, CancellationToken>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What comes, if it comes before somebody else needs the place.
    pub(super) async fn wait_for<T>(&self, coming: impl Future<Output = Option<T>>) -> Option<T> {
        let waiting = (Instant::now(), self.number);
        let leaves = self.leaves.clone();
        self.places.waiting().insert(waiting, leaves);
        let _waits = Waits(&self.places, waiting);
        tokio::select! {
            biased;
            come = coming => come,
            () = self.leaves.cancelled() => None,
        }
    }
}

/// Somebody is known to wait, until this is dropped.
struct Waits<'a>(&'a Places, Waiting);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.waiting().remove(&self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_longest_leaves_and_who_is_busy_stays() {
        let places = Places::new(3);
        let busy = places.take().await;
        let wait = |place: Place| {
            let waits = async move { place.wait_for(std::future::pending::<Option<()>>()).await };
            tokio::spawn(waits)
        };
        let first = wait(places.take().await);
        while places.waiting().is_empty() {
            tokio::task::yield_now().await;
        }
        let second = wait(places.take().await);
        while places.waiting().len() < 2 {
            tokio::task::yield_now().await;
        }
        let _third = places.take().await;
        assert_eq!(first.await.unwrap(), None);
        assert!(!second.is_finished());
        let _fourth = places.take().await;
        assert_eq!(second.await.unwrap(), None);
        // Nobody waits: one who is busy must be done first.
        let fifth = {
            let places = Arc::clone(&places);
            tokio::spawn(async move { places.take().await })
        };
        tokio::task::yield_now().await;
        assert!(!fifth.is_finished());
        drop(busy);
        fifth.await.unwrap();
    }
}
