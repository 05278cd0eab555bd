//! `storekeeper export`.

use std::path::PathBuf;

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Failed, Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Writes an app's settings, data and where its program came from into one file
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// The file; NAME.export.zip in this folder when it is not given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// With the program itself, too
    #[arg(long)]
    with_program: bool,
    #[command(flatten)]
    print: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let file = match &args.output {
        Some(file) => file.clone(),
        None => format!("{}.export.zip", args.name).into(),
    };
    // The service has another working directory.
    let file = std::path::absolute(file).map_err(Failed::because)?;
    let mut watch = Watch::begin(client).await?;
    let job = client.export(&args.name, &file, args.with_program).await?;
    let done = |job: &JobRecord| format!("{} is written to {}", job.app, file.display());
    watch
        .finish(client, job, args.print.json, done, printer)
        .await
}
