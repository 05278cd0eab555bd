//! A repository as others read it from us: its index with addresses that begin here, and of its files
//! those that are in the index.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::error::RepositoryError;
use super::index::{Entry, INDEX_FILE, Index};
use super::{Repository, blocking};

/// Of a web server nobody tells whether its index changed; so long it is believed not to have.
const WEB_KEEP: Duration = Duration::from_secs(5);

/// An index as it is served.
pub struct Served {
    /// The file.
    pub text: Bytes,
    /// What tells it from the next.
    pub etag: String,
    /// The entries by the file of their package.
    entries: HashMap<String, Entry>,
}

impl Served {
    fn new(mut index: Index) -> Self {
        let mut entries = HashMap::new();
        index.each(|entry| {
            let Some(file) = entry.file().map(str::to_owned) else {
                return;
            };
            entries.insert(file.clone(), entry.clone());
            entry.urls = vec![file];
        });
        Self {
            etag: format!("\"{}\"", index.fingerprint()),
            text: index.text().into(),
            entries,
        }
    }

    /// What the index says of a file; none when it is not in there.
    pub fn entry(&self, file: &str) -> Option<&Entry> {
        self.entries.get(file)
    }
}

/// What was served last, and what the index was known by then.
pub(super) type Memo = tokio::sync::Mutex<Option<(String, Instant, Arc<Served>)>>;

impl Repository {
    /// The index as others read it from us. It is read anew only when it changed.
    ///
    /// # Errors
    /// Those of reading.
    pub async fn served(&self) -> Result<Arc<Served>, RepositoryError> {
        let head = self.inner.place.head(INDEX_FILE).await?;
        let tag = head.map(|head| head.tag).unwrap_or_default();
        let mut memo = self.inner.served.lock().await;
        if let Some((known, since, served)) = &*memo
            && *known == tag
            && (!self.is_read_only() || since.elapsed() < WEB_KEEP)
        {
            return Ok(Arc::clone(served));
        }
        let index = self.index().await?;
        let served = Arc::new(blocking(move || Served::new(index)).await);
        *memo = Some((tag, Instant::now(), Arc::clone(&served)));
        Ok(served)
    }
}
