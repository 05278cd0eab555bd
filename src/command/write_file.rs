//! `writeFile`: a text to a file.

use std::io;
use std::path::{Path, PathBuf};

use super::context::{Context, StepError, blocking};
use super::written;

/// Writes the content at once, with the folders above it. Empty content is an empty file.
///
/// # Errors
/// What the system says, with the path.
pub(super) async fn write_file(file: &str, text: &str, context: &Context) -> Result<(), StepError> {
    let path = context.place(context.path(file)?);
    let mut unknown = Vec::new();
    let text = context.scope.text(text, &mut unknown);
    context.warn_unknown(&unknown, "`content`");
    let context = context.clone();
    blocking(move || save(&path, text.as_bytes(), &context)).await
}

/// Replaces a file at once, making the folders above it, and notes what a list wrote there.
pub(super) fn save(path: &Path, text: &[u8], context: &Context) -> Result<(), StepError> {
    let shown = context.shown(path);
    let fail = |error: io::Error| {
        let why = match error.kind() {
            io::ErrorKind::StorageFull => "the disk is full; free some space".to_owned(),
            io::ErrorKind::PermissionDenied => format!("{error}; make its folder writable"),
            _ => error.to_string(),
        };
        StepError::failed(format!("`{shown}` cannot be written: {why}"))
    };
    if path.is_dir() {
        return Err(fail(io::Error::other("it is a folder")));
    }
    let parent = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    std::fs::create_dir_all(parent).map_err(fail)?;
    crate::library::save(path, text).map_err(fail)?;
    written::note(&context.app.dir, path, text).map_err(fail)
}
