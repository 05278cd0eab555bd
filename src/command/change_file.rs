//! `changeFile`: a template to a file.

use std::io;
use std::path::PathBuf;

use super::context::{Context, StepError, blocking};
use super::write_file::save;

/// Renders the template with the current config. The file need not exist.
///
/// # Errors
/// A missing template, one that does not render, or what the system says, with the path.
pub(super) async fn change_file(
    template: &str,
    file: &str,
    context: &Context,
) -> Result<(), StepError> {
    render(context, context.path(template)?, context.path(file)?).await
}

/// Renders one file to another.
pub(crate) async fn render(
    context: &Context,
    template: PathBuf,
    file: PathBuf,
) -> Result<(), StepError> {
    let context = context.clone();
    blocking(move || {
        let name = context.shown(&template);
        let text = std::fs::read_to_string(&template).map_err(|error| {
            StepError::failed(match error.kind() {
                io::ErrorKind::NotFound => {
                    format!("the template `{name}` is not there; add it or correct `tplPath`")
                }
                io::ErrorKind::InvalidData => {
                    format!("the template `{name}` is not UTF-8; save it as UTF-8")
                }
                _ => format!("the template `{name}` cannot be read: {error}"),
            })
        })?;
        let mut unknown = Vec::new();
        let rendered = context.scope.template(&name, &text, &mut unknown)?;
        context.warn_unknown(&unknown, &format!("the template `{name}`"));
        let file = context.place(file);
        save(&file, rendered.as_bytes(), &context)
    })
    .await
}
