//! `unzip`: an archive to a folder.

use super::context::{Context, StepError, blocking};
use crate::archive::{self, Limits};

/// Unpacks it, keeping modes, by the rules of [`archive`].
///
/// # Errors
/// Those of the archive, naming it and the entry.
pub(super) async fn unzip(archive: &str, folder: &str, context: &Context) -> Result<(), StepError> {
    let (archive, folder) = (context.path(archive)?, context.path(folder)?);
    let cancel = context.cancel.clone();
    blocking(move || {
        archive::unpack(&archive, &folder, &Limits::default(), &|| {
            cancel.is_cancelled()
        })?;
        Ok(())
    })
    .await
}
