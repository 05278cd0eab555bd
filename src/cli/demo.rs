//! `storekeeper serve --demo`: a home with one small app in it.

use std::path::Path;

use include_dir::{Dir, include_dir};

use super::Failed;
use super::printer::Printer;
use crate::app::AppName;
use crate::job::{Action, JobState, Source};
use crate::library::Library;
use crate::service::Service;

/// The app that needs nothing but this program.
pub(super) static HELLO: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/demo/hello");

fn name() -> AppName {
    AppName::parse("hello").expect("the name follows the rule")
}

/// Puts the app into the home, unless it is there.
pub(super) fn put_in_place(home: &Path) -> Result<(), Failed> {
    let library = Library::open(home).map_err(Failed::because)?;
    let folder = library.app_dir(&name());
    if folder.exists() {
        return Ok(());
    }
    let put = || {
        // Under another name until it is whole.
        let beside = tempfile::Builder::new()
            .prefix(".storekeeper-")
            .tempdir_in(library.run_dir())?;
        HELLO.extract(beside.path())?;
        std::fs::rename(beside.keep(), &folder)
    };
    put().map_err(|error| {
        Failed::because(format!(
            "the demo app cannot be written to `{}`: {error}",
            folder.display()
        ))
    })
}

/// Installs and starts the app, and tells where it is.
pub(super) async fn start(service: Service, url: String) {
    let name = name();
    let mut printer = Printer::new();
    for action in [Action::Install(Source::InPlace.into()), Action::Start] {
        let failure = match service.jobs.submit(&name, action).await {
            Ok(ticket) => {
                let record = ticket.finished().await;
                if record.state == JobState::Succeeded {
                    continue;
                }
                record.error.as_ref().map(|error| error.message.clone())
            }
            Err(failure) => Some(failure.message),
        };
        // Without a message the service is ending.
        if let Some(message) = failure {
            printer.error(&format!("the demo app did not come up: {message}"));
        }
        return;
    }
    let port = service
        .app(&name)
        .ok()
        .and_then(|app| Some(service.config(&app).values().get("port")?.to_string()))
        .unwrap_or_default();
    let port = port.trim_matches('"');
    // Where nobody reads, nobody is to be told.
    let _ = printer.line(format!(
        "The demo app `hello` greets at http://localhost:{port}/ and is set up at {url}/static/hello/"
    ));
    let _ = printer.flush();
}
