//! One file from its addresses into the cache: tried again, resumed, checked while it comes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{HeaderMap, HeaderValue, IF_RANGE, RANGE};
use sha2::Digest as _;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::address::shown;
use super::cache::{self, Cache, Part, Record, Turn, Whole};
use super::client::{Trusted, explain};
use super::error::DownloadError;
use super::header::{self, ContentRange, Validators};
use super::meter::{Meter, Progress};
use super::{Downloader, Fetched, Request, ask_for_news, name};
use crate::app::Sha256;

/// So much more than ever before is progress: the tries are counted anew.
const PROGRESS_BYTES: u64 = 64 << 10;

/// Tries at one address, however much each of them brings.
const MAX_TRIES: usize = 100;

/// Chunks that wait for the disk. The client's are 400 KiB at most.
const CHUNKS: usize = 8;

/// What stays free on the disk.
const RESERVE_BYTES: u64 = 32 << 20;

/// So much of the beginning tells whether it is a web page.
const HEAD_BYTES: usize = 512;

pub(super) async fn fetch(
    downloader: &Downloader,
    request: &Request,
    progress: &(dyn Fn(&Progress) + Send + Sync),
) -> Result<Fetched, DownloadError> {
    let first = request.addresses.first().ok_or(DownloadError::NoAddress)?;
    let id = cache::id_of(request.sha256, &request.addresses);
    let turn = Arc::new(downloader.cache.turn(&id).await);
    let mut fetch = Fetch {
        downloader,
        request,
        trusted: Trusted::new(&request.trust, &request.addresses),
        id,
        turn,
        meter: Meter::new(progress),
        longest: 0,
    };
    if let Some(sha256) = request.sha256
        && let Some(fetched) = fetch.find(sha256, first).await
    {
        fetch
            .meter
            .begin(shown(first), fetched.bytes, Some(fetched.bytes));
        return Ok(fetched);
    }
    let mut failures = Vec::new();
    for address in &request.addresses {
        match fetch.try_one(address).await {
            Ok(fetched) => return Ok(fetched),
            Err(error) if error.is_final() => return Err(error),
            Err(error) => failures.push(error),
        }
    }
    let others = failures.len().saturating_sub(1);
    let last = failures.pop().ok_or(DownloadError::NoAddress)?;
    Err(match failures.into_iter().next() {
        None => last,
        Some(first) => DownloadError::AllFailed {
            first: Box::new(first),
            others,
            last: Box::new(last),
        },
    })
}

/// A download under way.
struct Fetch<'a> {
    downloader: &'a Downloader,
    request: &'a Request,
    trusted: Trusted,
    id: String,
    turn: Arc<Turn>,
    meter: Meter<'a>,
    /// The longest part so far, bytes.
    longest: u64,
}

/// What one request led to.
enum Step {
    Done(Fetched),
    /// What is here does not go with what the server has: once more from the beginning.
    Anew,
}

/// An answer whose body is to be stored.
struct Incoming<'a> {
    address: &'a Url,
    from: Url,
    response: Response,
    /// Bytes that are here already.
    offset: u64,
    /// Of the whole file.
    total: Option<u64>,
    record: Record,
}

impl Fetch<'_> {
    /// A whole file that is in the cache.
    async fn find(&self, sha256: Sha256, from: &Url) -> Option<Fetched> {
        let found = self.blocking(move |cache| cache.find(sha256)).await;
        let (path, bytes) = found?;
        Some(self.fetched(&path, bytes, sha256, from, true))
    }

    fn fetched(&self, path: &Path, bytes: u64, sha256: Sha256, from: &Url, there: bool) -> Fetched {
        let name = path.file_name().unwrap_or_default();
        Fetched {
            path: path.to_owned(),
            file_name: name.to_string_lossy().into_owned(),
            bytes,
            sha256,
            from: from.clone(),
            was_there: there,
            _hold: self.downloader.cache.hold(path),
        }
    }

    /// Tries one address until it gives the file or there is no hope.
    async fn try_one(&mut self, address: &Url) -> Result<Fetched, DownloadError> {
        let settings = &self.downloader.settings;
        let mut failures = 0;
        for _ in 0..MAX_TRIES {
            let before = self.longest;
            let error = match self.once(address).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) if error.is_passing() => error,
                Err(error) => return Err(error),
            };
            if self.longest >= before.saturating_add(PROGRESS_BYTES) {
                failures = 0;
            }
            let Some(pause) = settings.pauses.get(failures) else {
                return Err(error);
            };
            failures += 1;
            let wished = match &error {
                DownloadError::Status { retry_after, .. } => retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            if wished > settings.longest_pause {
                return Err(error);
            }
            tracing::info!("{error}; trying again");
            tokio::time::sleep(wished.max(*pause)).await;
        }
        Err(DownloadError::Content {
            address: shown(address),
            reason: format!("it broke off {MAX_TRIES} times"),
        })
    }

    /// Asks once, and once more from the beginning if what is here is of no use.
    async fn once(&mut self, address: &Url) -> Result<Fetched, DownloadError> {
        for fresh in [false, true, true] {
            if let Step::Done(fetched) = self.ask(address, fresh).await? {
                return Ok(fetched);
            }
            let id = self.id.clone();
            self.blocking(move |cache| cache.drop_part(&id)).await;
        }
        Err(DownloadError::Content {
            address: shown(address),
            reason: "the server answers with parts that do not belong together".to_owned(),
        })
    }

    async fn ask(&mut self, address: &Url, fresh: bool) -> Result<Step, DownloadError> {
        let id = self.id.clone();
        let (record, size) = self.blocking(move |cache| cache.look(&id)).await;
        let source = cache::source_of(address);
        let mut headers = HeaderMap::new();
        let offset = if fresh {
            0
        } else {
            self.ask_for_rest(&mut headers, &record, size, &source)
        };
        let whole = record
            .whole
            .clone()
            .filter(|whole| offset == 0 && !fresh && whole.source == source);
        if self.request.sha256.is_none()
            && let Some(whole) = &whole
        {
            ask_for_news(&mut headers, &whole.validators);
        }
        let clients = &self.downloader.clients;
        let (response, from) = clients.get(address, &self.trusted, headers).await?;
        let fields = response.headers();
        let total = match (response.status().as_u16(), &whole) {
            (304, Some(whole)) => {
                let found = self.find(whole.sha256, address).await;
                return Ok(found.map_or(Step::Anew, Step::Done));
            }
            (200, _) => {
                let total = header::length(fields);
                let incoming = Incoming {
                    address,
                    from,
                    response,
                    offset: 0,
                    total,
                    record,
                };
                return self.store(incoming).await;
            }
            (206, _) if offset > 0 => {
                if !goes_on(fields, offset, &record, &source) {
                    return Ok(Step::Anew);
                }
                let told = ContentRange::of(fields).and_then(|range| range.total);
                let known = record.part.as_ref().and_then(|part| part.length);
                told.or(known)
                    .or_else(|| Some(offset + header::length(fields)?))
            }
            (416, _) if offset > 0 => {
                // All of it had come, and only its end was missed.
                let total = ContentRange::of(fields).and_then(|range| range.total);
                let is_whole = total == Some(offset) && self.request.sha256.is_some();
                if !is_whole {
                    return Ok(Step::Anew);
                }
                total
            }
            _ => return Err(bad_status(&from, &response)),
        };
        self.store(Incoming {
            address,
            from,
            response,
            offset,
            total,
            record,
        })
        .await
    }

    /// Asks for what is missing, if that can be joined to what is here. Answers how much is.
    fn ask_for_rest(
        &self,
        headers: &mut HeaderMap,
        record: &Record,
        size: u64,
        source: &str,
    ) -> u64 {
        let Some(part) = record.part.as_ref().filter(|_| size > 0) else {
            return 0;
        };
        let strong = part.validators.strong().filter(|_| part.source == source);
        // Without a checksum, halves from two mirrors must not be joined.
        if strong.is_none() && self.request.sha256.is_none() {
            return 0;
        }
        let Ok(range) = HeaderValue::from_str(&format!("bytes={size}-")) else {
            return 0;
        };
        headers.insert(RANGE, range);
        if let Some(strong) = strong.and_then(|text| HeaderValue::from_str(text).ok()) {
            headers.insert(IF_RANGE, strong);
        }
        size
    }

    /// Stores what comes, and makes a file of it when it is whole.
    async fn store(&mut self, mut incoming: Incoming<'_>) -> Result<Step, DownloadError> {
        let stored = self.receive(&mut incoming).await;
        if let Err(
            DownloadError::Content { .. }
            | DownloadError::TooLarge { .. }
            | DownloadError::DiskFull { .. }
            | DownloadError::Refused { .. },
        ) = &stored
        {
            let id = self.id.clone();
            self.blocking(move |cache| cache.drop_part(&id)).await;
        }
        let (bytes, found) = stored?;
        if let Some(expected) = self.request.sha256
            && expected != found
        {
            if incoming.offset > 0 {
                // Perhaps only the halves did not belong together.
                return Ok(Step::Anew);
            }
            let id = self.id.clone();
            self.blocking(move |cache| cache.drop_part(&id)).await;
            return Err(DownloadError::Mismatch {
                address: shown(&incoming.from),
                expected,
                found,
            });
        }
        let fields = incoming.response.headers();
        let name = name::of(fields, incoming.address, &incoming.from);
        let record = Record {
            part: None,
            whole: Some(Whole {
                source: cache::source_of(incoming.address),
                validators: Validators::of(fields),
                sha256: found,
            }),
        };
        let id = self.id.clone();
        let path = self
            .blocking(move |cache| {
                let path = cache.finish(&id, found, &name)?;
                cache.save(&id, &record)?;
                Ok(path)
            })
            .await?;
        let fetched = self.fetched(&path, bytes, found, incoming.address, false);
        self.blocking(Cache::make_room).await;
        self.meter.end(bytes);
        Ok(Step::Done(fetched))
    }

    /// Takes the body in; answers the size and the checksum of the whole file.
    async fn receive(
        &mut self,
        incoming: &mut Incoming<'_>,
    ) -> Result<(u64, Sha256), DownloadError> {
        let Incoming {
            from,
            response,
            offset,
            total,
            ..
        } = incoming;
        let is_complete = *total == Some(*offset) && *offset > 0;
        if header::says_page(response.headers()) && !is_complete {
            return Err(is_page(from));
        }
        self.check_size(from, *offset, *total).await?;
        self.note_part(incoming).await?;
        let Incoming {
            from,
            response,
            offset,
            total,
            ..
        } = incoming;
        let shown_address = shown(from);
        self.meter.begin(shown_address, *offset, *total);
        let cache = &self.downloader.cache;
        let path = cache.part_path(&self.id);
        let mut writer = Writer::start(&path, *offset, Arc::clone(&self.turn))
            .map_err(|error| DownloadError::file(&path, error))?;
        let mut received = *offset;
        let taken = if is_complete {
            Ok(())
        } else {
            self.take(from, response, *offset, &mut received, &mut writer)
                .await
        };
        // Also after a failure: the part is then as long as it is said to be.
        let written = writer.finish().await;
        let (bytes, sha256) = written.map_err(|error| DownloadError::file(&path, error))?;
        self.longest = self.longest.max(bytes);
        taken?;
        if let Some(total) = *total
            && bytes != total
        {
            return Err(DownloadError::Connection {
                address: shown(from),
                reason: format!("the connection broke off after {bytes} of {total} bytes"),
            });
        }
        if bytes == 0 {
            return Err(DownloadError::Content {
                address: shown(from),
                reason: "the server sent an empty file".to_owned(),
            });
        }
        Ok((bytes, sha256))
    }

    /// Refuses what is too large for us or for the disk, as far as it is known before.
    async fn check_size(
        &self,
        from: &Url,
        offset: u64,
        total: Option<u64>,
    ) -> Result<(), DownloadError> {
        if total.is_some_and(|total| total > self.request.max_bytes) {
            return Err(DownloadError::TooLarge {
                address: shown(from),
                limit: self.request.max_bytes,
            });
        }
        let needed = total.unwrap_or(offset).saturating_sub(offset);
        let needed = needed.saturating_add(RESERVE_BYTES);
        self.blocking(move |cache| {
            crate::platform::create_private_dir(cache.dir())
                .map_err(|error| DownloadError::file(&cache.dir().join("."), error))?;
            match crate::archive::free_bytes(cache.dir()) {
                Some(free) if free < needed => Err(DownloadError::DiskFull {
                    folder: cache.dir().display().to_string(),
                    needed,
                    free,
                }),
                Some(_) | None => Ok(()),
            }
        })
        .await
    }

    /// Writes down where the part comes from, before its first byte.
    async fn note_part(&self, incoming: &mut Incoming<'_>) -> Result<(), DownloadError> {
        let part = Part {
            source: cache::source_of(incoming.address),
            validators: Validators::of(incoming.response.headers()),
            length: incoming.total,
        };
        let record = Record {
            part: Some(part),
            whole: incoming.record.whole.take(),
        };
        let (id, is_new) = (self.id.clone(), incoming.offset == 0);
        self.blocking(move |cache| {
            // The old part must not be taken for one of the new file.
            if is_new {
                cache.drop_part(&id);
            }
            cache.save(&id, &record)
        })
        .await
    }

    async fn take(
        &mut self,
        from: &Url,
        response: &mut Response,
        offset: u64,
        received: &mut u64,
        writer: &mut Writer,
    ) -> Result<(), DownloadError> {
        let stall = self.downloader.settings.stall;
        // Of what is new, only a beginning can be looked at.
        let mut head = (offset == 0).then(Vec::new);
        loop {
            let chunk = match tokio::time::timeout(stall, response.chunk()).await {
                Ok(chunk) => chunk.map_err(|error| explain(from, error))?,
                Err(_) => return Err(self.downloader.stalled(from)),
            };
            let Some(chunk) = chunk else { return Ok(()) };
            if let Some(bytes) = &mut head {
                bytes.extend(chunk.iter().take(HEAD_BYTES - bytes.len()));
                if header::looks_like_page(bytes) {
                    return Err(is_page(from));
                }
                if bytes.len() >= HEAD_BYTES {
                    head = None;
                }
            }
            *received += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            if *received > self.request.max_bytes {
                return Err(DownloadError::TooLarge {
                    address: shown(from),
                    limit: self.request.max_bytes,
                });
            }
            if !writer.write(chunk).await {
                // It tells why at its end.
                return Ok(());
            }
            self.meter.at(*received);
        }
    }

    /// Does work on the disk. It goes on when this download is canceled meanwhile, and nobody else
    /// begins the same one before it has ended.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cache) -> T + Send + 'static,
    ) -> T {
        let (cache, turn) = (Arc::clone(&self.downloader.cache), Arc::clone(&self.turn));
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&cache)
        });
        match done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Whether an answer goes on where the part ends, to the end of the same file.
fn goes_on(fields: &HeaderMap, offset: u64, record: &Record, source: &str) -> bool {
    let (Some(range), Some(part)) = (ContentRange::of(fields), &record.part) else {
        return false;
    };
    let Some((first, last)) = range.bytes else {
        return false;
    };
    let is_rest = first == offset && range.total.is_none_or(|total| last + 1 == total);
    let is_as_long = match (part.length, range.total) {
        (Some(known), Some(total)) => known == total,
        (None, _) | (_, None) => true,
    };
    let new = Validators::of(fields);
    let has_changed =
        part.source == source && new.etag.is_some() && new.etag != part.validators.etag;
    is_rest && is_as_long && !has_changed
}

pub(super) fn is_page(address: &Url) -> DownloadError {
    DownloadError::Content {
        address: shown(address),
        reason: "the server sent a web page instead of a file; look at the address in a browser"
            .to_owned(),
    }
}

pub(super) fn bad_status(address: &Url, response: &Response) -> DownloadError {
    DownloadError::Status {
        address: shown(address),
        status: response.status().as_u16(),
        retry_after: header::retry_after(response.headers(), SystemTime::now()),
    }
}

/// Two threads: one writes what came, the other computes its checksum meanwhile. So the network waits
/// for neither, as long as a few chunks are free.
struct Writer {
    to_disk: mpsc::Sender<Bytes>,
    to_sum: mpsc::Sender<Bytes>,
    written: oneshot::Receiver<io::Result<u64>>,
    summed: oneshot::Receiver<io::Result<Sha256>>,
}

impl Writer {
    fn start(path: &Path, offset: u64, turn: Arc<Turn>) -> io::Result<Self> {
        let (to_disk, coming) = mpsc::channel(CHUNKS);
        let (place, held) = (path.to_owned(), Arc::clone(&turn));
        let written = on_thread(held, move || write(&place, offset, coming))?;
        let (to_sum, coming) = mpsc::channel(CHUNKS);
        let place = path.to_owned();
        let summed = on_thread(turn, move || sum(&place, offset, coming))?;
        Ok(Self {
            to_disk,
            to_sum,
            written,
            summed,
        })
    }

    /// False when nothing more is written.
    async fn write(&mut self, chunk: Bytes) -> bool {
        self.to_disk.send(chunk.clone()).await.is_ok() && self.to_sum.send(chunk).await.is_ok()
    }

    /// Waits until everything is written.
    async fn finish(self) -> io::Result<(u64, Sha256)> {
        drop((self.to_disk, self.to_sum));
        let ended = |_| io::Error::other("its writer has ended by a fault");
        let (written, summed) = tokio::join!(self.written, self.summed);
        Ok((written.map_err(ended)??, summed.map_err(ended)??))
    }
}

fn on_thread<T: Send + 'static>(
    turn: Arc<Turn>,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (done, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name("download".to_owned())
        .spawn(move || {
            let result = work();
            // Before the answer: who hears it may begin anew at once.
            drop(turn);
            let _ = done.send(result);
        })?;
    Ok(answer)
}

fn write(path: &Path, offset: u64, mut coming: mpsc::Receiver<Bytes>) -> io::Result<u64> {
    let mut options = File::options();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(offset == 0)
        .open(path)?;
    file.set_len(offset)?;
    let mut bytes = file.seek(SeekFrom::End(0))?;
    while let Some(chunk) = coming.blocking_recv() {
        file.write_all(&chunk)?;
        bytes += u64::try_from(chunk.len()).unwrap_or_default();
    }
    Ok(bytes)
}

fn sum(path: &Path, offset: u64, mut coming: mpsc::Receiver<Bytes>) -> io::Result<Sha256> {
    let mut digest = sha2::Sha256::new();
    if offset > 0 {
        let bytes = cache::hash(File::open(path)?.take(offset), &mut digest)?;
        if bytes != offset {
            return Err(io::Error::other("it was changed by another program"));
        }
    }
    while let Some(chunk) = coming.blocking_recv() {
        digest.update(&chunk);
    }
    Ok(Sha256(digest.finalize().into()))
}
