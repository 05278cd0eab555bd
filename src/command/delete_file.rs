//! `deleteFile`: a file or an empty folder.

use std::fs;
use std::io;

use super::context::{Context, StepError, blocking};

/// Deletes it; a link and not what it leads to. What is not there is fine.
///
/// # Errors
/// A folder that is not empty, or what the system says.
pub(super) async fn delete_file(file: &str, context: &Context) -> Result<(), StepError> {
    let path = context.path(file)?;
    let shown = context.shown(&path);
    blocking(move || {
        let done = fs::symlink_metadata(&path).and_then(|found| {
            if found.is_dir() {
                fs::remove_dir(&path)
            } else {
                fs::remove_file(&path)
            }
        });
        match done {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                Err(StepError::failed(format!(
                    "the folder `{shown}` is not empty; `deleteFile` deletes files and empty folders only"
                )))
            }
            Err(error) => Err(StepError::failed(format!(
                "`{shown}` cannot be deleted: {error}"
            ))),
        }
    })
    .await
}
