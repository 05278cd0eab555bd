//! `mkdir`: a folder with its parents.

use super::context::{Context, StepError, blocking};

/// Makes it; one that exists is fine.
///
/// # Errors
/// What the system says, with the path.
pub(super) async fn mkdir(folder: &str, context: &Context) -> Result<(), StepError> {
    let path = context.path(folder)?;
    let shown = context.shown(&path);
    blocking(move || {
        std::fs::create_dir_all(&path).map_err(|error| {
            StepError::failed(format!("the folder `{shown}` cannot be made: {error}"))
        })
    })
    .await
}
