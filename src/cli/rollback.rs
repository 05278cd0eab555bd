//! `storekeeper rollback`.

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Brings the version back that was there before the last upgrade; the data stay as they are now
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// With the data as they were then; the present ones stay with the present version
    #[arg(long)]
    with_data: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let job = client.rollback(&args.name, args.with_data).await?;
    let done = |job: &JobRecord| format!("{} is back at the version before", job.app);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
