//! `storekeeper run`.

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Runs a command list of an app
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// A key of `commands` in its store.json
    list: String,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let job = client.run(&args.name, &args.list).await?;
    let done = |job: &JobRecord| format!("`{}` of {} was run", args.list, job.app);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
