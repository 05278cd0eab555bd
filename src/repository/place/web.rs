//! A web server with an index: it is only read.

use std::ops::Range;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::address::{User, resolve};
use super::super::error::RepositoryError;
use super::{Content, Tag, stream_file};
use crate::app::Sha256;
use crate::download::{Answer, Downloader, Request, Trust, Validators};

/// Largest package, bytes.
const MAX_PACKAGE_BYTES: u64 = 16 << 30;

/// A web server with an index.
pub(in super::super) struct Web {
    /// With its user.
    base: Url,
    shown: String,
    downloader: Downloader,
}

impl Web {
    pub(super) fn new(base: &Url, user: User, downloader: &Downloader) -> Self {
        let shown = base.to_string();
        let mut base = base.clone();
        if let Some((name, password)) = user {
            // An http address always takes them.
            let _ = base.set_username(&name);
            let _ = base.set_password(Some(&password));
        }
        Self {
            base,
            shown,
            downloader: downloader.clone(),
        }
    }

    pub(super) async fn read(
        &self,
        file: &str,
        max_bytes: u64,
    ) -> Result<Option<(Bytes, Tag)>, RepositoryError> {
        let address = self.resolve(file)?;
        let none = Validators::default();
        // The user configured it, so it may lie in his own network.
        let read = self
            .downloader
            .read(&address, &Trust::Given, &none, max_bytes);
        match read.await {
            Ok(Answer::Body { bytes, .. }) => Ok(Some((bytes.into(), Tag(String::new())))),
            Ok(Answer::Missing | Answer::Same) => Ok(None),
            Err(error) => Err(self.unreadable(&error.to_string())),
        }
    }

    pub(super) async fn content(
        &self,
        link: &str,
        expected: Option<Sha256>,
        range: Option<Range<u64>>,
    ) -> Result<(u64, Content), RepositoryError> {
        let request = Request {
            addresses: vec![self.resolve(link)?],
            sha256: expected,
            max_bytes: MAX_PACKAGE_BYTES,
            trust: Trust::Source(self.base.clone()),
        };
        let never = CancellationToken::new();
        let fetched = self.downloader.fetch(&request, &never, &|_| ()).await?;
        let (path, size) = (fetched.path.clone(), fetched.bytes);
        let content = stream_file(&path, range.unwrap_or(0..size), fetched).await?;
        Ok((size, content))
    }

    fn resolve(&self, link: &str) -> Result<Url, RepositoryError> {
        resolve(&self.base, link).map_err(|reason| self.unreadable(&reason))
    }

    pub(super) fn read_only(&self) -> RepositoryError {
        RepositoryError::ReadOnly(self.shown.clone())
    }

    fn unreadable(&self, reason: &str) -> RepositoryError {
        RepositoryError::Unreadable {
            address: self.shown.clone(),
            reason: reason.to_owned(),
            code: 109,
        }
    }
}
