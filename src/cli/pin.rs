//! `storekeeper pin`.

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Keeps an app at its version: `upgrade --all` leaves it alone
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// Let it be upgraded again
    #[arg(long)]
    off: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let job = client
        .change_offers(&args.name, Some(!args.off), None)
        .await?;
    let done = |job: &JobRecord| {
        if args.off {
            format!("{} is no longer pinned", job.app)
        } else {
            format!("{} is pinned", job.app)
        }
    };
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
