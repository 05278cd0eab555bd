//! A bucket, by the S3 protocol.

use std::error::Error as _;
use std::future::Future;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path;
use object_store::signer::Signer as _;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, MultipartUpload, ObjectStore,
    ObjectStoreExt as _, PutMode, PutOptions, RetryConfig, UpdateVersion,
};
use sha2::Digest as _;
use tokio::io::AsyncReadExt as _;

use super::super::address::Bucket;
use super::super::credentials::AccessKey;
use super::super::error::RepositoryError;
use super::{Content, Object, Only, Tag, Written};
use crate::app::Sha256;
use crate::download::{Downloader, Trust};

/// A request that is small must be answered within this time.
const PATIENCE: Duration = Duration::from_mins(1);

/// One part of a large file must have arrived within this time.
const PART_PATIENCE: Duration = Duration::from_mins(10);

/// Parts of a large file, bytes. S3 takes none below 5 MiB.
const PART_BYTES: u64 = 8 << 20;

/// S3 takes no more parts than this.
const MAX_PARTS: u64 = 10_000;

/// So many parts are on their way at once.
const PARTS_AT_ONCE: usize = 4;

/// How long an address that was made for a download is good.
const SIGNED_FOR: Duration = Duration::from_hours(1);

/// A bucket, or what lies below a prefix in it.
pub(in super::super) struct S3 {
    store: Arc<AmazonS3>,
    bucket: Bucket,
    address: String,
}

/// Gives our own client: it connects only to where downloads may go, and follows no redirects.
#[derive(Debug)]
struct Connector(reqwest::Client);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.0.clone()))
    }
}

impl S3 {
    pub(super) async fn open(
        bucket: &Bucket,
        key: Option<&AccessKey>,
        downloader: &Downloader,
    ) -> Result<Self, RepositoryError> {
        let key = key.ok_or(RepositoryError::Credential {
            reason: "an S3 repository needs an access key id and a secret access key",
            code: 104,
        })?;
        let address = super::Address::S3(bucket.clone()).to_string();
        let client = downloader.client(&bucket.endpoint, &Trust::Given).await;
        let client = client.map_err(|error| RepositoryError::Unreadable {
            address: address.clone(),
            reason: error.to_string(),
            code: 106,
        })?;
        let retry = RetryConfig {
            backoff: BackoffConfig {
                init_backoff: Duration::from_millis(100),
                max_backoff: Duration::from_secs(2),
                base: 2.0,
            },
            max_retries: 4,
            retry_timeout: Duration::from_secs(30),
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(bucket.endpoint.as_str().trim_end_matches('/'))
            .with_region(&bucket.region)
            .with_bucket_name(&bucket.name)
            .with_access_key_id(&key.access_key_id)
            .with_secret_access_key(&key.secret_access_key)
            .with_allow_http(true)
            .with_virtual_hosted_style_request(false)
            .with_disable_tagging(true)
            .with_retry(retry)
            .with_http_connector(Connector(client))
            .build()
            .map_err(|error| RepositoryError::Unreadable {
                address: address.clone(),
                reason: error.to_string(),
                code: 106,
            })?;
        Ok(Self {
            store: Arc::new(store),
            bucket: bucket.clone(),
            address,
        })
    }

    /// Names are checked before they come here: letters, digits and `._+-` are no key's trouble.
    fn path(&self, file: &str) -> Result<Path, RepositoryError> {
        Path::parse(self.bucket.key(file)).map_err(|error| self.unreadable(&error.to_string()))
    }

    pub(super) async fn list(&self) -> Result<Vec<Object>, RepositoryError> {
        let prefix = match self.bucket.prefix.as_str() {
            "" => None,
            prefix => Some(Path::parse(prefix).map_err(|it| self.unreadable(&it.to_string()))?),
        };
        let listing = self.store.list_with_delimiter(prefix.as_ref());
        // It may have many pages.
        let listing = self.in_time(PART_PATIENCE, listing).await;
        let listing = listing.map_err(|error| self.unreadable_by(&error))?;
        let objects = listing.objects.into_iter().filter_map(|meta| {
            Some(Object {
                file: meta.location.filename()?.to_owned(),
                size: meta.size,
                tag: meta
                    .e_tag
                    .unwrap_or_else(|| meta.last_modified.timestamp_millis().to_string()),
            })
        });
        Ok(objects.collect())
    }

    pub(super) async fn read(
        &self,
        file: &str,
        max_bytes: u64,
    ) -> Result<Option<(Bytes, Tag)>, RepositoryError> {
        let path = self.path(file)?;
        let read = self.in_time(PATIENCE, async {
            let got = self.store.get(&path).await?;
            let tag = got.meta.e_tag.clone().unwrap_or_default();
            if got.meta.size > max_bytes {
                return Ok((None, tag));
            }
            Ok((Some(got.bytes().await?), tag))
        });
        match read.await {
            Ok((Some(content), tag)) => Ok(Some((content, Tag(tag)))),
            Ok((None, _)) => Err(RepositoryError::Oversized {
                address: self.address.clone(),
                file: file.to_owned(),
                max_bytes,
            }),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable_by(&error)),
        }
    }

    pub(super) async fn head(&self, file: &str) -> Result<Option<Object>, RepositoryError> {
        let path = self.path(file)?;
        match self.in_time(PATIENCE, self.store.head(&path)).await {
            Ok(meta) => Ok(Some(Object {
                file: file.to_owned(),
                size: meta.size,
                tag: meta.e_tag.unwrap_or_default(),
            })),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.unreadable_by(&error)),
        }
    }

    pub(super) async fn write(
        &self,
        file: &str,
        content: Bytes,
        only: &Only,
    ) -> Result<Written, RepositoryError> {
        let path = self.path(file)?;
        let mode = match only {
            Only::Always => PutMode::Overwrite,
            Only::New => PutMode::Create,
            Only::Same(Tag(tag)) => PutMode::Update(UpdateVersion {
                e_tag: Some(tag.clone()),
                version: None,
            }),
        };
        let options = PutOptions::from(mode);
        let put = self.store.put_opts(&path, content.into(), options);
        match self.in_time(PATIENCE, put).await {
            Ok(_) => Ok(Written::Done),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(Written::Refused),
            Err(error) => Err(self.unwritable_by(&error)),
        }
    }

    pub(super) async fn send(
        &self,
        file: &str,
        from: &FilePath,
        size: u64,
        expected: Sha256,
    ) -> Result<(), RepositoryError> {
        let path = self.path(file)?;
        let part = PART_BYTES.max(size.div_ceil(MAX_PARTS));
        let part = usize::try_from(part).unwrap_or(usize::MAX);
        let mut source = tokio::fs::File::open(from)
            .await
            .map_err(|source| file_error(from, source))?;
        let first = read_part(&mut source, part)
            .await
            .map_err(|source| file_error(from, source))?;
        let mut digest = sha2::Sha256::new();
        digest.update(&first);
        if first.len() < part {
            check(file, expected, digest)?;
            let put = self.store.put(&path, first.into());
            let put = self.in_time(PART_PATIENCE, put).await;
            return put.map(drop).map_err(|error| self.unwritable_by(&error));
        }
        let begun = self.in_time(PATIENCE, self.store.put_multipart(&path));
        let mut upload = begun.await.map_err(|error| self.unwritable_by(&error))?;
        let sent = self
            .send_parts(upload.as_mut(), first, &mut source, part, &mut digest, from)
            .await
            .and_then(|()| check(file, expected, digest));
        let sent = match sent {
            Ok(()) => {
                let whole = self.in_time(PART_PATIENCE, upload.complete()).await;
                whole.map(drop).map_err(|error| self.unwritable_by(&error))
            }
            Err(error) => Err(error),
        };
        if sent.is_err() {
            // What cannot be taken back now, the server forgets by its own rules.
            let _ = self.in_time(PATIENCE, upload.abort()).await;
        }
        sent
    }

    /// A few parts are on their way while the next is read, and no more are in memory.
    async fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        first: Bytes,
        source: &mut tokio::fs::File,
        part: usize,
        digest: &mut sha2::Sha256,
        from: &FilePath,
    ) -> Result<(), RepositoryError> {
        let mut under_way = futures_util::stream::FuturesUnordered::new();
        let mut next = Some(first);
        loop {
            while under_way.len() < PARTS_AT_ONCE
                && let Some(piece) = next.take()
            {
                under_way.push(tokio::time::timeout(
                    PART_PATIENCE,
                    upload.put_part(piece.into()),
                ));
                let read = read_part(source, part).await;
                let piece = read.map_err(|source| file_error(from, source))?;
                if !piece.is_empty() {
                    digest.update(&piece);
                    next = Some(piece);
                }
            }
            match under_way.next().await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(self.unwritable_by(&error)),
                Some(Err(_)) => return Err(self.unwritable(TOO_SLOW)),
                None => return Ok(()),
            }
        }
    }

    pub(super) async fn content(
        &self,
        file: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<(u64, Content)>, RepositoryError> {
        let path = self.path(file)?;
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let got = self.in_time(PATIENCE, self.store.get_opts(&path, options));
        let got = match got.await {
            Ok(got) => got,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(self.unreadable_by(&error)),
        };
        let size = got.meta.size;
        let address = self.address.clone();
        let pieces = got
            .into_stream()
            .map_err(move |error| RepositoryError::Unreadable {
                address: address.clone(),
                reason: reason(&error),
                code: 106,
            });
        Ok(Some((size, Box::pin(pieces))))
    }

    /// The server copies: not a byte comes this way.
    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<bool, RepositoryError> {
        let (from, to) = (self.path(from)?, self.path(to)?);
        match self
            .in_time(PART_PATIENCE, self.store.copy(&from, &to))
            .await
        {
            Ok(()) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(self.unwritable_by(&error)),
        }
    }

    pub(super) async fn remove(&self, file: &str) -> Result<(), RepositoryError> {
        let path = self.path(file)?;
        match self.in_time(PATIENCE, self.store.delete(&path)).await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(self.unwritable_by(&error)),
        }
    }

    pub(super) async fn signed(&self, file: &str) -> Result<url::Url, RepositoryError> {
        let path = self.path(file)?;
        let signed = self.store.signed_url(http::Method::GET, &path, SIGNED_FOR);
        let signed = signed.await.map_err(|error| self.unreadable_by(&error))?;
        url::Url::parse(signed.as_str()).map_err(|error| self.unreadable(&error.to_string()))
    }

    async fn in_time<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = object_store::Result<T>>,
    ) -> object_store::Result<T> {
        let late = |_| object_store::Error::Generic {
            store: "S3",
            source: TOO_SLOW.into(),
        };
        tokio::time::timeout(patience, work)
            .await
            .map_err(late)
            .flatten()
    }

    fn unreadable(&self, reason: &str) -> RepositoryError {
        RepositoryError::Unreadable {
            address: self.address.clone(),
            reason: reason.to_owned(),
            code: 106,
        }
    }

    fn unreadable_by(&self, error: &object_store::Error) -> RepositoryError {
        self.unreadable(&reason(error))
    }

    fn unwritable(&self, reason: &str) -> RepositoryError {
        RepositoryError::Unwritable {
            address: self.address.clone(),
            reason: reason.to_owned(),
        }
    }

    fn unwritable_by(&self, error: &object_store::Error) -> RepositoryError {
        self.unwritable(&reason(error))
    }
}

const TOO_SLOW: &str = "the server does not answer in time; try again later";

fn file_error(path: &FilePath, source: std::io::Error) -> RepositoryError {
    RepositoryError::File {
        path: path.to_owned(),
        source,
    }
}

/// Fills a part, or what is left of the file.
async fn read_part(file: &mut tokio::fs::File, size: usize) -> std::io::Result<Bytes> {
    let mut part = BytesMut::with_capacity(size);
    while part.len() < size {
        let room = size - part.len();
        let count = (&mut *file)
            .take(u64::try_from(room).unwrap_or(u64::MAX))
            .read_buf(&mut part)
            .await?;
        if count == 0 {
            break;
        }
    }
    Ok(part.freeze())
}

/// Holds what was read against what it was to be: the file may have changed under our hands.
fn check(file: &str, expected: Sha256, digest: sha2::Sha256) -> Result<(), RepositoryError> {
    let found = Sha256(digest.finalize().into());
    if found == expected {
        return Ok(());
    }
    Err(RepositoryError::Mismatch {
        file: file.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    })
}

/// There is no such object; a bucket that is not there is another matter.
fn is_missing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::NotFound { .. })
        && code_of(&text_of(error)) != Some("NoSuchBucket")
}

/// What an error and its causes say.
fn text_of(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = cause.source();
    }
    text
}

/// The code in the server's answer.
fn code_of(text: &str) -> Option<&str> {
    text.split_once("<Code>")?
        .1
        .split_once("</Code>")
        .map(|it| it.0)
}

/// What happened, in our words. Of the server's answer only its code is told: some repeat the
/// request in it, with its signature.
fn reason(error: &object_store::Error) -> String {
    let text = text_of(error);
    match code_of(&text) {
        Some("InvalidAccessKeyId" | "NotSignedUp") => {
            "the server does not know the access key id; look whether it is written right"
                .to_owned()
        }
        Some("SignatureDoesNotMatch") => {
            "the secret access key is not that of the access key id".to_owned()
        }
        Some("NoSuchBucket") => {
            "there is no such bucket; make it first, or correct the address".to_owned()
        }
        Some("RequestTimeTooSkewed" | "RequestExpired") => {
            "the clocks of this computer and of the server differ too much; set the clock"
                .to_owned()
        }
        Some("AccessDenied") => "the access key may not do that (AccessDenied)".to_owned(),
        Some(code) => format!("the server answers {}", code.escape_debug()),
        None => {
            if matches!(
                error,
                object_store::Error::PermissionDenied { .. }
                    | object_store::Error::Unauthenticated { .. }
            ) {
                return "the access key may not do that".to_owned();
            }
            // An answer that is a page of the web says nothing to anybody.
            let line = text.split(['<', '\n']).next().unwrap_or_default();
            let line: String = line
                .trim_end_matches([':', ' '])
                .chars()
                .take(300)
                .collect();
            format!("{line}; look at the address and the network")
        }
    }
}
