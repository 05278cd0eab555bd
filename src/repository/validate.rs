//! Tries what works with a repository, and leaves nothing behind.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::error::RepositoryError;
use super::index::MAX_INDEX_BYTES;
use super::place::{Object, Only, Tag, Written};
use super::{Repository, now, random_word};

/// What works with a repository.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing of its own that works or does not"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Validation {
    /// Whether it can be used for what it is for: reading, at least.
    pub ok: bool,
    /// OpenPitrix's code of what does not work; 0 when it can be used.
    pub error_code: u16,
    /// Packages can be read.
    pub readable: bool,
    /// Packages that lie there are found without an index.
    pub listable: bool,
    /// Packages can be published.
    pub writable: bool,
    /// Two writers at once do not overwrite each other's index.
    pub conditional: bool,
    /// `found`, `absent` or `invalid`.
    pub index: String,
    /// How many versions its index has.
    pub packages: usize,
    /// What does not work and why, in sentences; empty when all does.
    pub detail: String,
}

/// How the objects begin by which it is tried; the time follows.
const PROBE: &str = "storekeeper-probe-";

/// Trying takes less time.
const PROBE_AGE: Duration = Duration::from_mins(10);

const NOT_CONDITIONAL: &str = "the server ignores the conditions of writes, so only one program at a time may publish here: two would overwrite each other's index";

impl Repository {
    /// Tries what works, and leaves nothing behind.
    pub async fn validate(&self) -> Validation {
        let mut found = Validation {
            index: "absent".to_owned(),
            ..Validation::default()
        };
        let mut details: Vec<String> = Vec::new();
        let place = &self.inner.place;
        match place.list().await {
            Ok(list) => found.listable = list.is_some(),
            Err(error) => {
                found.error_code = self.inner.address.code();
                details.push(error.to_string());
            }
        }
        match self.read_index().await {
            Ok(Some((index, _))) => {
                found.readable = true;
                "found".clone_into(&mut found.index);
                found.packages = index.len();
            }
            Ok(None) if place.is_read_only() => {
                found.error_code = 109;
                details.push(format!(
                    "there is no index.yaml at `{}`; a repository on a web server has one",
                    self.inner.address
                ));
            }
            // Where the list cannot be read, nothing was read at all.
            Ok(None) => found.readable = found.listable,
            Err(error @ RepositoryError::Index { .. }) => {
                "invalid".clone_into(&mut found.index);
                // Elsewhere it is made anew of what lies there.
                found.readable = !place.is_read_only();
                if place.is_read_only() {
                    found.error_code = error.code();
                }
                details.push(error.to_string());
            }
            Err(error) => {
                let text = error.to_string();
                found.error_code = error.code();
                if !details.contains(&text) {
                    details.push(text);
                }
            }
        }
        if !place.is_read_only() && found.readable {
            match self.probe().await {
                Ok(conditional) => {
                    found.writable = true;
                    found.conditional = conditional;
                    if !conditional {
                        details.push(NOT_CONDITIONAL.to_owned());
                    }
                }
                Err(error) => details.push(error.to_string()),
            }
        }
        found.ok = found.readable && found.error_code == 0;
        if !found.ok && found.error_code == 0 {
            found.error_code = self.inner.address.code();
        }
        found.detail = details.join("; ");
        found
    }

    /// Whether the server refuses a write whose condition does not hold: tried with an object that is
    /// removed again.
    async fn probe(&self) -> Result<bool, RepositoryError> {
        let place = &self.inner.place;
        let file = format!("{PROBE}{:012x}-{}", now(), random_word());
        let tried = async {
            let content = || Bytes::from_static(b"Storekeeper tries whether it can write here.\n");
            place.write(&file, content(), &Only::New).await?;
            let twice = place.write(&file, content(), &Only::New).await;
            let other = Only::Same(Tag("\"00000000000000000000000000000000\"".to_owned()));
            let stale = place.write(&file, content(), &other).await;
            // A server that does not know conditions may answer that it does not implement them.
            let refused = |written| matches!(written, Ok(Written::Refused));
            Ok(refused(twice) && refused(stale))
        };
        let tried: Result<bool, RepositoryError> = tried.await;
        let removed = place.remove(&file).await;
        let conditional = tried?;
        removed?;
        *self.known_conditional() = Some(conditional);
        Ok(conditional)
    }

    fn known_conditional(&self) -> std::sync::MutexGuard<'_, Option<bool>> {
        let known = self.inner.conditional.lock();
        known.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Removes what trying that was cut off left.
    pub(super) async fn remove_old_probes(&self, files: &[Object]) -> Result<(), RepositoryError> {
        for object in files {
            let at = object.file.strip_prefix(PROBE);
            let at = at.and_then(|rest| u64::from_str_radix(rest.split('-').next()?, 16).ok());
            // One that is young may be at work.
            if at.is_some_and(|at| u128::from(now().saturating_sub(at)) > PROBE_AGE.as_millis()) {
                self.inner.place.remove(&object.file).await?;
            }
        }
        Ok(())
    }

    /// Whether the server knows conditions, tried once.
    pub(super) async fn conditional(&self) -> Result<bool, RepositoryError> {
        let inner = &self.inner;
        if inner.place.is_conditional() {
            return Ok(true);
        }
        let known = *self.known_conditional();
        if let Some(known) = known {
            return Ok(known);
        }
        let known = self.probe().await?;
        if !known {
            tracing::warn!(repository = inner.name, "{NOT_CONDITIONAL}");
        }
        Ok(known)
    }

    /// Writes a file on a condition; where the server knows none, the condition is looked at before.
    pub(super) async fn write(
        &self,
        file: &str,
        content: Bytes,
        only: Only,
    ) -> Result<Written, RepositoryError> {
        let place = &self.inner.place;
        if only == Only::Always || self.conditional().await? {
            return place.write(file, content, &only).await;
        }
        let known = place.read(file, MAX_INDEX_BYTES).await?;
        let holds = match (&only, known) {
            (Only::Always, _) | (Only::New, None) => true,
            (Only::Same(expected), Some((_, tag))) => *expected == tag,
            (Only::New, Some(_)) | (Only::Same(_), None) => false,
        };
        if !holds {
            return Ok(Written::Refused);
        }
        place.write(file, content, &Only::Always).await
    }
}
