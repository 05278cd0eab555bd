//! `storekeeper doctor`.

use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::printer::Printer;
use super::{Failed, Outcome, Output};
use crate::app::AppName;

/// Tells why an app is not up
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app
    name: AppName,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Diagnosis {
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    level: String,
    check: String,
    message: String,
    help: String,
}

/// Runs the command; fails when it finds a reason.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let diagnosis: Value = client.doctor(&args.name).await?;
    if args.output.json {
        printer.json(&diagnosis)?;
    }
    let diagnosis: Diagnosis = serde_json::from_value(diagnosis).map_err(Failed::because)?;
    if !args.output.json {
        for finding in &diagnosis.findings {
            let mark = match finding.level.as_str() {
                "error" => "✗",
                "warning" => "!",
                _ => "✓",
            };
            let message = finding.message.replace('\n', "\n    ");
            printer.line(format!("{mark} {}: {message}", finding.check))?;
            if !finding.help.is_empty() {
                printer.line(format!("    → {}", finding.help))?;
            }
        }
    }
    if diagnosis.findings.iter().any(|it| it.level == "error") {
        Err(Failed::Quietly)
    } else {
        Ok(())
    }
}
