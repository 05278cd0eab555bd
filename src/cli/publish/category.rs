//! `storekeeper category`.

use comfy_table::{Table, presets};
use reqwest::Method;
use serde_json::{Value, json};

use super::super::catalog::{print, text};
use super::super::client::Client;
use super::super::printer::Printer;
use super::super::{Failed, Outcome, Output};
use super::rows;

/// Lists and manages the categories of the store
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What a category is.
#[derive(Debug, clap::Args)]
struct Fields {
    /// Its names in other languages, as JSON: `{"zh_cn": "数据库"}`
    #[arg(long, value_name = "JSON")]
    locale: Option<String>,
    /// What is in it
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists the categories
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Adds a category (administrators)
    Add {
        /// Its name
        name: String,
        #[command(flatten)]
        fields: Fields,
    },
    /// Changes a category (administrators)
    Set {
        /// Its id
        id: String,
        /// Another name
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Removes a category that no app is in (administrators)
    #[command(visible_alias = "remove")]
    Rm {
        /// Its id
        id: String,
        #[command(flatten)]
        output: Output,
    },
}

/// Runs the command.
pub(in super::super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    obey(args.what, client, printer)
        .await
        .map_err(Failed::coded)
}

async fn obey(what: What, client: &Client, printer: &mut Printer) -> Outcome {
    let (answer, output, said) = match what {
        What::List { output } => return list(&output, client, printer).await,
        What::Add { name, fields } => {
            let body = json!({
                "name": name, "locale": fields.locale, "description": fields.description,
            });
            let answer = client
                .v1_send(Method::POST, "/v1/categories", &body)
                .await?;
            let said = format!("{name} was added as {}", text(&answer, "category_id"));
            (answer, fields.output, said)
        }
        What::Set { id, name, fields } => {
            let body = json!({
                "category_id": id, "name": name, "locale": fields.locale,
                "description": fields.description,
            });
            let answer = client
                .v1_send(Method::PATCH, "/v1/categories", &body)
                .await?;
            (answer, fields.output, format!("{id} was changed"))
        }
        What::Rm { id, output } => {
            let body = json!({ "category_id": [id] });
            let answer = client
                .v1_send(Method::DELETE, "/v1/categories", &body)
                .await?;
            (answer, output, format!("{id} was removed"))
        }
    };
    if output.json {
        return Ok(printer.json(&answer)?);
    }
    Ok(printer.line(said)?)
}

async fn list(output: &Output, client: &Client, printer: &mut Printer) -> Outcome {
    let answer: Value = client.v1_get("/v1/categories").await?;
    if output.json {
        return Ok(printer.json(&answer)?);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["NAME", "ID", "DESCRIPTION"]);
    for row in rows(&answer, "category_set") {
        table.add_row(["name", "category_id", "description"].map(|key| text(row, key)));
    }
    print(&table, printer)
}
