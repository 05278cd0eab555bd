//! `storekeeper install`.

use std::path::Path;

use super::client::{Client, absolute};
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;

/// Installs an app: from a folder, or by name when its folder is in the run directory
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder with an install.json, or the name of an app
    #[arg(value_name = "FOLDER|NAME")]
    what: String,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let path = Path::new(&args.what);
    let job = match AppName::parse(&args.what) {
        // A name means the app of that name; a folder that is called so can be written `./name`.
        Ok(name) if client.library().app_dir(&name).is_dir() || !path.is_dir() => {
            client.change(&name, "install").await?
        }
        _ => client.add(&absolute(path)?).await?,
    };
    let done = |job: &crate::job::JobRecord| format!("{} is installed", job.app);
    watch
        .finish(client, job, args.output.json, done, printer)
        .await
}
