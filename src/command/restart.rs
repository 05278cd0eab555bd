//! `restart`: stop and start; a stopped app is started.

use super::context::{Context, StepError};
use super::start::start;

/// Stops the app, if it runs, and starts it. It stays wanted all the while.
///
/// # Errors
/// Those of both.
pub(super) async fn restart(context: &Context) -> Result<(), StepError> {
    context
        .supervisor
        .stop(&context.app.name, None)
        .await
        .map_err(|error| context.refused(&error))?;
    context.check_canceled()?;
    start(context).await
}
