//! `storekeeper skip`.

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Lets one version of an app be offered no more
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// The version
    version: String,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let skip = Some(args.version.as_str());
    let job = client.change_offers(&args.name, None, skip).await?;
    let done = |job: &JobRecord| format!("{} skips {}", job.app, args.version);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
