//! `storekeeper search` and `storekeeper outdated`.

use comfy_table::{Table, presets};
use serde_json::Value;

use super::catalog::{print, text};
use super::client::Client;
use super::printer::Printer;
use super::{Outcome, Output};

/// Looks for apps in the catalogs, by name and description
#[derive(Debug, clap::Args)]
pub(super) struct SearchArgs {
    /// Words that must all be there; for Chinese, the first letters of its syllables serve too
    #[arg(value_name = "QUERY", required = true)]
    words: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Lists the installed apps of which a catalog has a newer version
#[derive(Debug, clap::Args)]
pub(super) struct OutdatedArgs {
    #[command(flatten)]
    output: Output,
}

/// Runs `search`.
pub(super) async fn search(args: &SearchArgs, client: &Client, printer: &mut Printer) -> Outcome {
    let query = args.words.join(" ");
    let found = client.offers(&query, false).await?;
    if args.output.json {
        return Ok(printer.json(&found)?);
    }
    let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        printer.line(format!(
            "no catalog has anything for `{query}`; `storekeeper catalog list` lists them"
        ))?;
        return Ok(());
    }
    let mut table = Table::new();
    let header = ["NAME", "VERSION", "CATALOG", "INSTALLED", "DESCRIPTION"];
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        table.add_row([
            text(row, "name"),
            or_dash(text(row, "version")),
            text(row, "catalog"),
            or_dash(text(row, "installed")),
            text(row, "desc"),
        ]);
    }
    print(&table, printer)
}

/// Runs `outdated`.
pub(super) async fn outdated(
    args: &OutdatedArgs,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let found = client.offers("", true).await?;
    if args.output.json {
        return Ok(printer.json(&found)?);
    }
    let rows = found.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.is_empty() {
        return Ok(printer.line("everything is up to date")?);
    }
    let mut table = Table::new();
    let header = ["NAME", "INSTALLED", "OFFERED", "CATALOG", ""];
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        let is_pinned = row.get("pinned").and_then(Value::as_bool) == Some(true);
        table.add_row([
            text(row, "name"),
            text(row, "installed"),
            text(row, "version"),
            text(row, "catalog"),
            if is_pinned { "pinned" } else { "" }.to_owned(),
        ]);
    }
    print(&table, printer)
}

fn or_dash(text: String) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text
    }
}
