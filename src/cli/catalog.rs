//! `storekeeper catalog`.

use comfy_table::{Table, presets};
use serde_json::Value;

use super::client::Client;
use super::printer::Printer;
use super::ps::{age, duration};
use super::{Failed, Outcome, Output};

/// Adds, lists, removes and refreshes catalogs: where apps come from
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Adds a catalog and fetches its lists
    Add {
        /// Its address (http, https or a folder; a package server is one, too), perhaps after a name
        /// for it
        #[arg(value_name = "NAME|ADDRESS", num_args = 1..=2, required = true)]
        words: Vec<String>,
        /// Its place in the order, from 0; the last when not given
        #[arg(long, value_name = "NUMBER")]
        position: Option<usize>,
        /// The project that a package server must serve [default: PROJECT]
        #[arg(long, value_name = "ID")]
        project_id: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Lists the catalogs in their order
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Removes a catalog; what was installed from it stays
    Remove {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Fetches what changed in the lists of a catalog, or of all
    Refresh {
        /// Its name
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

/// Runs the command.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    match args.what {
        What::Add {
            words,
            position,
            project_id,
            output,
        } => {
            let (name, address) = match words.as_slice() {
                [name, address] => (name.as_str(), address.as_str()),
                [address] => ("", address.as_str()),
                _ => return Err(Failed::because("give an address, perhaps after a name")),
            };
            let added = client
                .add_catalog(name, &whole(address)?, position, project_id.as_deref())
                .await?;
            if output.json {
                printer.json(&added)?;
            }
            let name = text(&added, "name");
            // It is there all the same, and tried again by itself.
            match added.get("message").and_then(Value::as_str) {
                Some(message) => printer.warning(&format!("{name} was added, but {message}")),
                None if output.json => {}
                None => printer.line(format!("{name} was added"))?,
            }
            Ok(())
        }
        What::List { output } => {
            let list = client.catalogs().await?;
            show(&list, &output, printer)
        }
        What::Remove { name, output } => {
            client.remove_catalog(&name).await?;
            if output.json {
                Ok(printer.json(&serde_json::json!({ "name": name }))?)
            } else {
                Ok(printer.line(format!("{name} was removed"))?)
            }
        }
        What::Refresh { name, output } => {
            let list = client.refresh_catalogs(name.as_deref()).await?;
            show(&list, &output, printer)
        }
    }
}

/// A folder is written out, because the service works elsewhere.
fn whole(address: &str) -> Result<String, Failed> {
    if address.contains("://") {
        return Ok(address.to_owned());
    }
    let path = super::client::absolute(address.as_ref())?;
    Ok(path.display().to_string())
}

fn show(list: &Value, output: &Output, printer: &mut Printer) -> Outcome {
    if output.json {
        return Ok(printer.json(list)?);
    }
    let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        printer
            .line("there are no catalogs yet; add one with `storekeeper catalog add ADDRESS`")?;
        return Ok(());
    }
    let mut table = Table::new();
    let header = ["NAME", "ADDRESS", "APPS", "SYNCED"];
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        let lists = row.get("entries").and_then(Value::as_object);
        let apps: u64 = lists
            .iter()
            .flat_map(|lists| lists.values())
            .filter_map(Value::as_u64)
            .sum();
        let synced = row.get("syncedAt").and_then(Value::as_u64);
        table.add_row([
            text(row, "name"),
            text(row, "address"),
            apps.to_string(),
            synced.map_or_else(
                || "never".to_owned(),
                |at| format!("{} ago", duration(age(at))),
            ),
        ]);
    }
    print(&table, printer)?;
    for row in rows {
        let name = text(row, "name");
        if let Some(error) = row.get("error").filter(|error| error.is_object()) {
            printer.warning(&format!("{name}: {}", text(error, "message")));
        }
        for problem in row
            .get("problems")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            printer.warning(&format!("{name}: {}", problem.as_str().unwrap_or_default()));
        }
    }
    Ok(())
}

/// A text of an object; empty when there is none.
pub(super) fn text(row: &Value, key: &str) -> String {
    let value = row.get(key).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

/// Prints a table without the spaces at its lines' ends.
pub(super) fn print(table: &Table, printer: &mut Printer) -> Outcome {
    for line in table.to_string().lines() {
        printer.line(line.trim_end())?;
    }
    Ok(())
}
