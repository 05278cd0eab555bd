//! `stopApp`: another app.

use super::context::{Context, StepError};
use super::start_app::name;

/// Stops it; done when nothing of it lives.
///
/// # Errors
/// An unknown app, or why it did not stop.
pub(super) async fn stop_app(app: &str, context: &Context) -> Result<(), StepError> {
    let app = name(app, context)?;
    context.host.stop_app(&app).await
}
