//! `storekeeper plan`.

use serde_json::Value;

use super::client::Client;
use super::printer::Printer;
use super::{Outcome, Output};
use crate::app::AppName;

/// Shows what a command list of an app would do
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
    let preview: Value = client.plan(&args.name, &args.list).await?;
    Ok(printer.json(&preview)?)
}
