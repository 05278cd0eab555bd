//! `storekeeper import`.

use std::path::PathBuf;

use super::client::{Client, absolute};
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::job::JobRecord;

/// Installs what `export` wrote, perhaps on another computer
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file that was written
    file: PathBuf,
    /// The package that holds its program, where it cannot be fetched
    #[arg(long, value_name = "FILE")]
    package: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let file = absolute(&args.file)?;
    let package = args.package.as_deref().map(absolute).transpose()?;
    let mut watch = Watch::begin(client).await?;
    let job = client.import(&file, package.as_deref()).await?;
    let done = |job: &JobRecord| format!("{} is installed with its data", job.app);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
