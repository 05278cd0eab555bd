//! `storekeeper uninstall`.

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;

/// Uninstalls an app; its data stay, and so does the folder of a developer's app
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// Delete its data too
    #[arg(long)]
    purge: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let job = client.uninstall(&args.name, args.purge).await?;
    let done = |job: &crate::job::JobRecord| format!("{} is uninstalled", job.app);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
