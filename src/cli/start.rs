//! `storekeeper start`, `stop` and `restart`.

use serde_json::Value;

use super::client::{AppRow, Client};
use super::printer::Printer;
use super::progress::Watch;
use super::{Failed, Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;
use crate::supervisor::State;

/// Starts, stops or restarts apps
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The apps
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<AppName>,
    /// All that are installed
    #[arg(long, conflicts_with = "names")]
    all: bool,
    #[command(flatten)]
    output: Output,
}

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Restart.
    Restart,
}

impl Change {
    fn verb(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }

    fn done(self, job: &JobRecord) -> String {
        match self {
            Self::Start | Self::Restart => format!("{} runs", job.app),
            Self::Stop => format!("{} is stopped", job.app),
        }
    }

    /// Whether `--all` means this app.
    fn concerns(self, app: &AppRow) -> bool {
        app.error.is_none()
            && app.installed.is_some()
            && (self == Self::Start || app.status.state != State::Stopped)
    }
}

/// Runs the command. A failure of one app keeps none of the others.
pub(super) async fn run(
    args: Args,
    change: Change,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let names = if args.all {
        let apps: Value = client.apps(false).await?;
        let apps: Vec<AppRow> = serde_json::from_value(apps).map_err(Failed::because)?;
        apps.into_iter()
            .filter(|app| change.concerns(app))
            .map(|app| app.name)
            .collect()
    } else {
        args.names
    };
    // All are asked for before the first is waited for: apps start side by side.
    let mut watch = Watch::begin(client).await?;
    let mut jobs = Vec::new();
    let mut failed = false;
    for name in &names {
        match client.change(name, change.verb()).await {
            Ok(id) => jobs.push(id),
            Err(Failed::Because(reason) | Failed::Refused(_, reason)) => {
                printer.error(&reason);
                failed = true;
            }
            Err(other) => return Err(other),
        }
    }
    for id in jobs {
        let outcome = watch
            .finish(
                client,
                id,
                args.output.json,
                |job| change.done(job),
                printer,
            )
            .await;
        match outcome {
            Ok(()) => {}
            Err(Failed::Quietly) => failed = true,
            Err(other) => return Err(other),
        }
    }
    if failed { Err(Failed::Quietly) } else { Ok(()) }
}
