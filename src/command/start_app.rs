//! `startApp`: another app.

use super::context::{Context, StepError, StepErrorKind};
use crate::app::AppName;

/// Starts it and waits until it is ready; a running one is a success.
///
/// # Errors
/// An unknown app, a cycle of apps that start each other, or why it did not start.
pub(super) async fn start_app(app: &str, context: &Context) -> Result<(), StepError> {
    let app = name(app, context)?;
    context.host.start_app(&app).await
}

/// The app that a step names.
pub(super) fn name(app: &str, context: &Context) -> Result<AppName, StepError> {
    let name = context.scope.path(app)?;
    AppName::parse(&name).map_err(|error| StepError::new(StepErrorKind::Invalid, error.to_string()))
}
