//! `storekeeper settings`.

use serde_json::{Map, Value};

use super::client::Client;
use super::printer::Printer;
use super::{Failed, Outcome, Output};

/// Shows the service's own settings, or changes them
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// New values, e.g. `proxy=http://proxy:3128`; without a value (`proxy=`) the default is back
    #[arg(value_name = "KEY=VALUE")]
    values: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    let mut change = Map::new();
    for value in &args.values {
        let Some((key, value)) = value.split_once('=') else {
            return Err(Failed::because(format!(
                "`{value}` is no setting with a value; write it as KEY=VALUE"
            )));
        };
        let value = match value {
            "" => Value::Null,
            value => value.into(),
        };
        change.insert(key.to_owned(), value);
    }
    let settings = if change.is_empty() {
        client.settings().await?
    } else {
        client.change_settings(change).await?
    };
    if args.output.json {
        printer.json(&settings)?;
        return Ok(());
    }
    for (key, value) in &settings {
        let value = value.as_str().unwrap_or("as the environment says");
        printer.line(format!("{key}: {value}"))?;
    }
    Ok(())
}
