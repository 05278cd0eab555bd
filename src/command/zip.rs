//! `zip`: a folder to an archive.

use super::context::{Context, StepError, blocking};
use crate::archive;

/// Packs it, the folder's own name on top of its entries.
///
/// # Errors
/// What the system says, with the file.
pub(super) async fn zip(folder: &str, archive: &str, context: &Context) -> Result<(), StepError> {
    let (folder, archive) = (context.path(folder)?, context.path(archive)?);
    let cancel = context.cancel.clone();
    let report = blocking(move || {
        let top = folder.file_name().map(|name| name.to_string_lossy());
        Ok(archive::pack(&folder, &archive, top.as_deref(), &|| {
            cancel.is_cancelled()
        })?)
    })
    .await?;
    for skipped in report.skipped {
        context.host.warn(skipped);
    }
    Ok(())
}
