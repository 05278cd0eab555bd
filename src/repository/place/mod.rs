//! Where a repository's files lie: the same few things are done with a bucket, a folder and a web
//! server, as far as each can.

mod folder;
mod s3;
mod web;

use std::ops::Range;
use std::path::Path;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use self::folder::Folder;
use self::s3::S3;
use self::web::Web;
use super::address::{Address, User};
use super::credentials::AccessKey;
use super::error::RepositoryError;
use crate::app::Sha256;
use crate::download::Downloader;

/// A file of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// Its name.
    pub(super) file: String,
    /// Its size, bytes.
    pub(super) size: u64,
    /// What changes with its content.
    pub(super) tag: String,
}

/// What a file is known by, so that only that one is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag(pub(super) String);

/// When a file may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// In any case.
    Always,
    /// When there is none of its name.
    New,
    /// When it is still that one.
    Same(Tag),
}

/// What became of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It was written.
    Done,
    /// Its condition did not hold.
    Refused,
}

/// What a file holds, piece by piece.
pub(super) type Content = BoxStream<'static, Result<Bytes, RepositoryError>>;

/// Where a repository's files lie.
pub(super) enum Place {
    S3(S3),
    Folder(Folder),
    Web(Box<Web>),
}

impl Place {
    /// # Errors
    /// When the address must not be connected to, or the key is not complete.
    pub(super) async fn open(
        address: &Address,
        user: User,
        key: Option<&AccessKey>,
        downloader: &Downloader,
    ) -> Result<Self, RepositoryError> {
        Ok(match address {
            Address::S3(bucket) => Self::S3(S3::open(bucket, key, downloader).await?),
            Address::Folder(path) => Self::Folder(Folder::new(path)),
            Address::Web(url) => Self::Web(Box::new(Web::new(url, user, downloader))),
        })
    }

    /// A folder.
    pub(super) fn of_folder(path: &Path) -> Self {
        Self::Folder(Folder::new(path))
    }

    /// Every file, in no order; of a web server there is no such list.
    pub(super) async fn list(&self) -> Result<Option<Vec<Object>>, RepositoryError> {
        match self {
            Self::S3(s3) => s3.list().await.map(Some),
            Self::Folder(folder) => folder.list().await.map(Some),
            Self::Web(_) => Ok(None),
        }
    }

    /// A small file; none when it is not there.
    pub(super) async fn read(
        &self,
        file: &str,
        max_bytes: u64,
    ) -> Result<Option<(Bytes, Tag)>, RepositoryError> {
        match self {
            Self::S3(s3) => s3.read(file, max_bytes).await,
            Self::Folder(folder) => folder.read(file, max_bytes).await,
            Self::Web(web) => web.read(file, max_bytes).await,
        }
    }

    /// Whether a file is there, and how large it is.
    pub(super) async fn head(&self, file: &str) -> Result<Option<Object>, RepositoryError> {
        match self {
            Self::S3(s3) => s3.head(file).await,
            Self::Folder(folder) => folder.head(file).await,
            Self::Web(_) => Ok(None),
        }
    }

    /// Writes a small file.
    pub(super) async fn write(
        &self,
        file: &str,
        content: Bytes,
        only: &Only,
    ) -> Result<Written, RepositoryError> {
        match self {
            Self::S3(s3) => s3.write(file, content, only).await,
            Self::Folder(folder) => folder.write(file, content, only).await,
            Self::Web(web) => Err(web.read_only()),
        }
    }

    /// Sends a file of this computer, which must have this checksum.
    pub(super) async fn send(
        &self,
        file: &str,
        from: &Path,
        size: u64,
        expected: Sha256,
    ) -> Result<(), RepositoryError> {
        match self {
            Self::S3(s3) => s3.send(file, from, size, expected).await,
            Self::Folder(folder) => folder.send(file, from, expected).await,
            Self::Web(web) => Err(web.read_only()),
        }
    }

    /// What a file holds, or a part of it; none when it is not there. Of a web server, `link` is
    /// what its index says.
    pub(super) async fn content(
        &self,
        file: &str,
        link: &str,
        expected: Option<Sha256>,
        range: Option<Range<u64>>,
    ) -> Result<Option<(u64, Content)>, RepositoryError> {
        match self {
            Self::S3(s3) => s3.content(file, range).await,
            Self::Folder(folder) => folder.content(file, range).await,
            Self::Web(web) => web.content(link, expected, range).await.map(Some),
        }
    }

    /// Puts a file's content under another name as well; answers false when it is not there.
    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<bool, RepositoryError> {
        match self {
            Self::S3(s3) => s3.copy(from, to).await,
            Self::Folder(folder) => folder.copy(from, to).await,
            Self::Web(web) => Err(web.read_only()),
        }
    }

    /// Removes a file; one that is not there is no mistake.
    pub(super) async fn remove(&self, file: &str) -> Result<(), RepositoryError> {
        match self {
            Self::S3(s3) => s3.remove(file).await,
            Self::Folder(folder) => folder.remove(file).await,
            Self::Web(web) => Err(web.read_only()),
        }
    }

    /// Whether it can only be read.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(self, Self::Web(_))
    }

    /// Whether writing on a condition is done by ourselves, so that it need not be tried.
    pub(super) fn is_conditional(&self) -> bool {
        matches!(self, Self::Folder(_))
    }

    /// An address by which a file can be fetched for a while; none where it is a path.
    pub(super) async fn signed(&self, file: &str) -> Result<Option<url::Url>, RepositoryError> {
        match self {
            Self::S3(s3) => s3.signed(file).await.map(Some),
            Self::Folder(_) | Self::Web(_) => Ok(None),
        }
    }
}

/// Blocking work on a thread for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What a file on this computer holds, from a place in it on.
async fn stream_file(
    path: &Path,
    range: Range<u64>,
    hold: impl Send + 'static,
) -> Result<Content, RepositoryError> {
    use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
    let fail = {
        let path = path.to_owned();
        move |source| RepositoryError::File {
            path: path.clone(),
            source,
        }
    };
    let mut file = tokio::fs::File::open(path).await.map_err(&fail)?;
    file.seek(std::io::SeekFrom::Start(range.start))
        .await
        .map_err(&fail)?;
    let rest = range.end.saturating_sub(range.start);
    let begin = (file.take(rest), hold, fail);
    let pieces = futures_util::stream::try_unfold(begin, |(mut file, hold, fail)| async move {
        let mut piece = bytes::BytesMut::with_capacity(256 << 10);
        let count = file.read_buf(&mut piece).await.map_err(&fail)?;
        if count == 0 && file.limit() > 0 {
            // It became shorter under our hands: the reader must not take it for whole.
            return Err(fail(std::io::ErrorKind::UnexpectedEof.into()));
        }
        Ok((count > 0).then(|| (piece.freeze(), (file, hold, fail))))
    });
    Ok(Box::pin(pieces))
}
