//! `stop`: the app's own process and all that it started.

use super::context::{Context, StepError};

/// Stops the app; done when nothing of it lives. A stopped app is a success.
///
/// # Errors
/// When the processes cannot be reached, or it cannot be written down that the app is not wanted.
pub(super) async fn stop(context: &Context) -> Result<(), StepError> {
    let app = &context.app.name;
    // Written before, so that it does not come back when the service dies in between.
    let noted = if context.database.app(app).wanted {
        let change = context
            .database
            .update_app(app, |record| record.wanted = false);
        change.await.map(drop)
    } else {
        Ok(())
    };
    // A full disk is no reason to let it run.
    context
        .supervisor
        .stop(app, None)
        .await
        .map_err(|error| context.refused(&error))?;
    Ok(noted?)
}
