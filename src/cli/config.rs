//! `storekeeper config`.

use std::str::FromStr;

use clap::Subcommand;
use serde_json::{Map, Value};

use super::client::Client;
use super::printer::Printer;
use super::progress::Watch;
use super::{Outcome, Output};
use crate::app::AppName;
use crate::job::JobRecord;

/// Shows or changes an app's settings
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows all settings, secrets as ***, or one setting as it is
    Get {
        /// The app
        name: AppName,
        /// The setting
        key: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Changes settings
    Set {
        /// The app
        name: AppName,
        /// The settings; a value that reads as a number or true or false is one, else it is text
        #[arg(required = true, value_name = "KEY=VALUE")]
        settings: Vec<Assignment>,
        /// Run this command list then, e.g. the one that writes the program's configuration
        #[arg(long, value_name = "LIST")]
        run: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Sets settings back to their defaults
    Unset {
        /// The app
        name: AppName,
        /// The settings
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
        /// Run this command list then
        #[arg(long, value_name = "LIST")]
        run: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// `port=3307`.
#[derive(Clone, Debug, PartialEq)]
struct Assignment {
    key: String,
    value: Value,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("`{text}` sets nothing; write KEY=VALUE, e.g. port=3307"))?;
        let value = match serde_json::from_str(value) {
            Ok(scalar @ (Value::Number(_) | Value::Bool(_))) => scalar,
            // A password `null` or `[]` is text.
            _ => Value::from(value),
        };
        Ok(Self {
            key: key.to_owned(),
            value,
        })
    }
}

/// Runs the command.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    match args.action {
        Action::Get {
            name,
            key: Some(key),
            output,
        } => {
            let value = client.config_value(&name, &key).await?;
            match value {
                Value::String(text) if !output.json => printer.line(text)?,
                other => printer.json(&other)?,
            }
            Ok(())
        }
        Action::Get {
            name,
            key: None,
            output,
        } => {
            let config = client.config(&name).await?;
            if output.json {
                return Ok(printer.json(&config)?);
            }
            for (key, value) in config {
                let value = match value {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                printer.line(format!("{key}={value}"))?;
            }
            Ok(())
        }
        Action::Set {
            name,
            settings,
            run,
            output,
        } => {
            let set = settings.into_iter().map(|it| (it.key, it.value)).collect();
            change(name, set, Vec::new(), run, &output, client, printer).await
        }
        Action::Unset {
            name,
            keys,
            run,
            output,
        } => change(name, Map::new(), keys, run, &output, client, printer).await,
    }
}

async fn change(
    name: AppName,
    set: Map<String, Value>,
    unset: Vec<String>,
    run: Option<String>,
    output: &Output,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let mut watch = Watch::begin(client).await?;
    let job = client.set_config(&name, set, unset, run).await?;
    let done = |job: &JobRecord| match &job.list {
        Some(list) => format!(
            "the settings of {} are saved, and `{list}` was run",
            job.app
        ),
        None => format!("the settings of {} are saved", job.app),
    };
    watch.finish(client, job, output.json, done, printer).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_a_number_or_a_truth_when_it_reads_as_one() {
        for (text, value) in [
            ("port=3307", json!(3307)),
            ("on=true", json!(true)),
            ("name=true story", json!("true story")),
            ("zip=00123", json!("00123")),
            ("password=a=b", json!("a=b")),
            ("x=null", json!("null")),
            ("x=[1]", json!("[1]")),
            ("x=\"1\"", json!("\"1\"")),
            ("x=", json!("")),
        ] {
            assert_eq!(text.parse::<Assignment>().unwrap().value, value, "{text}");
        }
        assert!("port".parse::<Assignment>().is_err());
        assert!("=1".parse::<Assignment>().is_err());
    }
}
