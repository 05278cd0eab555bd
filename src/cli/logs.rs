//! `storekeeper logs`.

use super::client::{Client, Lines};
use super::printer::Printer;
use super::{Failed, Outcome, Output};
use crate::app::AppName;

/// Shows an app's output
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    /// Go on with what it prints from now on
    #[arg(short, long)]
    follow: bool,
    /// How many lines from the end
    #[arg(short = 'n', long, default_value_t = 200, value_name = "NUMBER")]
    lines: usize,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    if !args.follow {
        let Lines { lines } = client.logs(&args.name, args.lines).await?;
        if args.output.json {
            return Ok(printer.json(&lines)?);
        }
        for line in lines {
            printer.line(line)?;
        }
        return Ok(());
    }
    let mut stream = client.follow_logs(&args.name, args.lines).await?;
    while let Some(event) = stream.next().await? {
        if event.kind != "log" {
            continue;
        }
        let Lines { lines } = serde_json::from_str(&event.data).map_err(Failed::because)?;
        for line in lines {
            if args.output.json {
                printer.line(serde_json::to_string(&line).map_err(Failed::because)?)?;
            } else {
                printer.line(line)?;
            }
        }
        printer.flush()?;
    }
    Err(Failed::because(
        "the service ended; start it again to follow on",
    ))
}
