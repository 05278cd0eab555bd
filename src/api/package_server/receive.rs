//! A package on its way in: written beside the shelf while it comes, checked, put in place.

use std::io::{self, Write as _};
use std::time::Duration;

use tempfile::NamedTempFile;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Site;
use super::connection::{Body, Connection, Gone};
use crate::package::PackageError;
use crate::package::shelf::{Incoming, Put, Shelf, ShelfError};

/// A package waits so long for others that are on their way.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the lines on the console call it.
const SHOWN: &str = "HTTP";

/// Takes a package from a connection. Of one that is refused the rest of the body is left.
pub(super) async fn receive(
    connection: &mut Connection,
    body: &mut Body,
    site: &Site,
) -> Result<Result<Put, ShelfError>, Gone> {
    let shelf = &site.shelf;
    let received = {
        // Each holds two blocks of memory, however slow it is.
        match timeout(PATIENCE, site.uploads.acquire()).await {
            Ok(_place) => collect(connection, body, shelf).await?,
            Err(_) => Err(ShelfError::Busy),
        }
    };
    let put = match received {
        Ok(file) => {
            // Each check takes a processor.
            let turn = site.checks.acquire().await;
            let at_work = shelf.clone();
            let put = tokio::task::spawn_blocking(move || {
                at_work.put(Incoming::Received(file.into_temp_path()))
            });
            let put = put.await.unwrap_or_else(|fault| {
                tracing::error!("a package was not checked: {fault}");
                Err(ShelfError::Fault)
            });
            drop(turn);
            put
        }
        Err(error) => Err(error),
    };
    let speaking = shelf.clone();
    let said = tokio::task::spawn_blocking(move || {
        speaking.report_put(SHOWN, &put);
        put
    });
    said.await.map_err(|_| Gone)
}

/// A package that came in is deleted on a thread for that: it may be large.
struct Partial(Option<NamedTempFile>);

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(file) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn_blocking(move || drop(file));
        }
    }
}

/// The file, the block that was written into it, and how that went.
type Written = (Partial, Vec<u8>, io::Result<()>);

async fn collect(
    connection: &mut Connection,
    body: &mut Body,
    shelf: &Shelf,
) -> Result<Result<NamedTempFile, ShelfError>, Gone> {
    let limit = shelf.rules().max_bytes;
    let too_large = || PackageError::Refused("package file is too large".to_owned()).into();
    if body.announced().is_some_and(|bytes| bytes > limit) {
        return Ok(Err(too_large()));
    }
    let place = shelf.clone();
    let made = tokio::task::spawn_blocking(move || place.receive()).await;
    let mut file = match made.map_err(io::Error::other).flatten() {
        Ok(file) => Partial(Some(file)),
        Err(error) => return Ok(Err(ShelfError::Disk(error))),
    };
    let mut total = 0_u64;
    let mut spare = Vec::new();
    // One block is written while the next one comes.
    let mut writing: Option<JoinHandle<Written>> = None;
    loop {
        let mut block = std::mem::take(&mut spare);
        block.clear();
        let filled = connection.fill(body, &mut block).await;
        if let Some(written) = writing.take() {
            let (same, buffer, result) = written.await.map_err(|_| Gone)?;
            (file, spare) = (same, buffer);
            if let Err(error) = result {
                return Ok(Err(ShelfError::Disk(error)));
            }
        }
        filled?;
        total = total.saturating_add(u64::try_from(block.len()).unwrap_or(u64::MAX));
        if total > limit {
            return Ok(Err(too_large()));
        }
        if block.is_empty() {
            break;
        }
        writing = Some(tokio::task::spawn_blocking(move || {
            let mut file = file;
            let result = match &mut file.0 {
                Some(file) => file.write_all(&block),
                None => Ok(()),
            };
            (file, block, result)
        }));
        // The block that was moved is here again before it is needed.
        file = Partial(None);
    }
    file.0.take().map(Ok).ok_or(Gone)
}
