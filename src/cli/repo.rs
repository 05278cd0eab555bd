//! `storekeeper repo`.

use std::io::Read as _;

use comfy_table::{Table, presets};
use serde_json::{Map, Value, json};

use super::catalog::{print, text};
use super::client::Client;
use super::printer::Printer;
use super::ps::{age, duration};
use super::{Code, Failed, Outcome, Output};

/// Adds, lists, changes, checks and removes repositories: where packages are published
///
/// Exit codes: 0 ok, 2 a name or an address cannot be used, 4 it is there already or at work, 5 denied,
/// 6 the repository cannot be reached, read or written.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Adds a repository that can be read
    Add {
        /// Its name: small letters, digits and `-`
        name: String,
        /// `s3://s3.<region>.<host>/<bucket>`, `s3://<host>:<port>/<bucket>`, `https://…`, `http://…` or a folder
        #[arg(value_name = "ADDRESS|FOLDER")]
        address: String,
        #[command(flatten)]
        key: Key,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Seconds between two syncs; 0: only by hand
        #[arg(long, value_name = "SECONDS")]
        sync_period: Option<u64>,
        #[command(flatten)]
        output: Output,
    },
    /// Lists the repositories
    #[command(visible_alias = "ls")]
    List {
        /// Removed ones, too
        #[arg(long)]
        deleted: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Shows a repository with its packages
    Show {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Changes a repository
    Set {
        /// Its name
        name: String,
        /// Another name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Another address; it must be readable
        #[arg(long, value_name = "ADDRESS|FOLDER")]
        address: Option<String>,
        #[command(flatten)]
        key: Key,
        /// What it is for
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        /// Seconds between two syncs; 0: only by hand
        #[arg(long, value_name = "SECONDS")]
        sync_period: Option<u64>,
        #[command(flatten)]
        output: Output,
    },
    /// Says whether reading, listing, writing and conditional writing work; leaves nothing behind
    Validate {
        /// Its name, or the address of one that is not added
        #[arg(value_name = "NAME|ADDRESS|FOLDER")]
        name: String,
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        output: Output,
    },
    /// Brings a repository up to date now
    Index {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Tells what happened with a repository
    Events {
        /// Its name
        name: String,
        /// How many
        #[arg(long, default_value_t = 20, value_name = "NUMBER")]
        limit: usize,
        #[command(flatten)]
        output: Output,
    },
    /// Removes a repository; what lies in it stays, and what was installed from it, too
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name
        name: String,
        #[command(flatten)]
        output: Output,
    },
}

/// The key of an S3 repository.
#[derive(Debug, clap::Args)]
struct Key {
    /// The access key id of an S3 repository
    #[arg(long, value_name = "ID", env = "STOREKEEPER_ACCESS_KEY_ID")]
    access_key_id: Option<String>,
    /// Its secret; better in the variable, where no other user sees it, or - to read it from the input
    #[arg(
        long,
        value_name = "SECRET|-",
        env = "STOREKEEPER_SECRET_ACCESS_KEY",
        hide_env_values = true
    )]
    secret_access_key: Option<String>,
}

impl Key {
    fn put_into(&self, body: &mut Map<String, Value>) -> Result<(), Failed> {
        if let Some(id) = &self.access_key_id {
            body.insert("accessKeyId".to_owned(), json!(id));
        }
        match self.secret_access_key.as_deref() {
            Some("-") => {
                let mut secret = String::new();
                let input = std::io::stdin()
                    .lock()
                    .take(4096)
                    .read_to_string(&mut secret);
                input.map_err(|error| {
                    Failed::because(format!("the secret cannot be read from the input: {error}"))
                })?;
                body.insert("secretAccessKey".to_owned(), json!(secret.trim()));
            }
            Some(secret) => {
                body.insert("secretAccessKey".to_owned(), json!(secret));
            }
            None => {}
        }
        Ok(())
    }
}

/// Runs the command.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    obey(args.what, client, printer)
        .await
        .map_err(Failed::coded)
}

#[expect(clippy::too_many_lines, reason = "one arm for each subcommand")]
async fn obey(what: What, client: &Client, printer: &mut Printer) -> Outcome {
    match what {
        What::Add {
            name,
            address,
            key,
            description,
            sync_period,
            output,
        } => {
            let mut body = object(&json!({ "name": name, "url": whole(&address)? }));
            key.put_into(&mut body)?;
            if let Some(description) = description {
                body.insert("description".to_owned(), json!(description));
            }
            if let Some(seconds) = sync_period {
                body.insert("syncPeriod".to_owned(), json!(seconds));
            }
            let added = client.add_repository(&Value::Object(body)).await?;
            if output.json {
                return Ok(printer.json(&added)?);
            }
            printer.line(format!(
                "{name} was added ({}); its packages are listed by `storekeeper repo show {name}`",
                text(&added, "url")
            ))?;
            Ok(())
        }
        What::List { deleted, output } => {
            list(&client.repositories(deleted).await?, &output, printer)
        }
        What::Show { name, output } => show(&name, &output, client, printer).await,
        What::Set {
            name,
            rename,
            address,
            key,
            description,
            sync_period,
            output,
        } => {
            let mut body = Map::new();
            key.put_into(&mut body)?;
            if let Some(address) = address {
                body.insert("url".to_owned(), json!(whole(&address)?));
            }
            for (field, value) in [("name", rename), ("description", description)] {
                if let Some(value) = value {
                    body.insert(field.to_owned(), json!(value));
                }
            }
            if let Some(seconds) = sync_period {
                body.insert("syncPeriod".to_owned(), json!(seconds));
            }
            let changed = client
                .change_repository(&name, &Value::Object(body))
                .await?;
            if output.json {
                return Ok(printer.json(&changed)?);
            }
            printer.line(format!("{} was changed", text(&changed, "name")))?;
            Ok(())
        }
        What::Validate { name, key, output } => {
            let found = if name.contains("://") || name.contains(['/', '\\']) {
                let mut body = object(&json!({ "url": whole(&name)? }));
                key.put_into(&mut body)?;
                client.try_out_repository(&Value::Object(body)).await?
            } else {
                client.ask_repository(&name, "validate").await?
            };
            validated(&found, &output, printer)
        }
        What::Index { name, output } => {
            let event = client.ask_repository(&name, "index").await?;
            if output.json {
                printer.json(&event)?;
            }
            for problem in problems(&event) {
                printer.warning(problem);
            }
            let result = text(&event, "result");
            if text(&event, "status") == "failed" {
                return Err(Failed::Coded(Code::Repository, result));
            }
            if !output.json {
                printer.line(format!("{name}: {result}"))?;
            }
            Ok(())
        }
        What::Events {
            name,
            limit,
            output,
        } => {
            let events = client
                .repository(&name, &format!("/events?limit={limit}"))
                .await?;
            happened(&events, &output, printer)
        }
        What::Rm { name, output } => {
            client.remove_repository(&name).await?;
            if output.json {
                return Ok(printer.json(&json!({ "name": name }))?);
            }
            printer.line(format!("{name} was removed; what lies in it stays there, its apps are no longer in the store"))?;
            Ok(())
        }
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// A folder is written out, because the service works elsewhere; it need not be there yet.
fn whole(address: &str) -> Result<String, Failed> {
    if address.contains("://") {
        return Ok(address.to_owned());
    }
    let path = std::path::absolute(address).map_err(Failed::because)?;
    Ok(path.display().to_string())
}

fn problems(row: &Value) -> impl Iterator<Item = &str> {
    let list = row.get("problems").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn number(row: &Value, key: &str) -> u64 {
    row.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn list(list: &Value, output: &Output, printer: &mut Printer) -> Outcome {
    if output.json {
        return Ok(printer.json(list)?);
    }
    let rows = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut table = Table::new();
    let header = [
        "NAME", "TYPE", "ADDRESS", "PACKAGES", "VERSIONS", "STATE", "SYNCED",
    ];
    table.load_style(presets::NOTHING).set_header(header);
    for row in rows {
        let nothing = Value::Null;
        let sync = row.get("sync").unwrap_or(&nothing);
        let state = match (text(row, "status").as_str(), text(sync, "status")) {
            ("deleted", _) => "deleted".to_owned(),
            (_, state) if state.is_empty() => "not yet".to_owned(),
            (_, state) => state,
        };
        let synced = sync.get("syncedAt").and_then(Value::as_u64);
        table.add_row([
            text(row, "name"),
            text(row, "type"),
            text(row, "url"),
            number(sync, "packages").to_string(),
            number(sync, "versions").to_string(),
            state,
            synced.map_or_else(
                || "never".to_owned(),
                |at| format!("{} ago", duration(age(at))),
            ),
        ]);
    }
    print(&table, printer)?;
    for row in rows {
        let error = row.get("sync").map(|sync| text(sync, "error"));
        if let Some(error) = error.filter(|error| !error.is_empty()) {
            printer.warning(&format!("{}: {error}", text(row, "name")));
        }
    }
    Ok(())
}

async fn show(name: &str, output: &Output, client: &Client, printer: &mut Printer) -> Outcome {
    let mut record = client.repository(name, "").await?;
    let packages = client.repository(name, "/packages").await?;
    if output.json {
        if let Some(record) = record.as_object_mut() {
            record.insert("packages".to_owned(), packages);
        }
        return Ok(printer.json(&record)?);
    }
    printer.line(format!(
        "{name}: {} ({})",
        text(&record, "url"),
        text(&record, "type")
    ))?;
    let description = text(&record, "description");
    if !description.is_empty() {
        printer.line(description)?;
    }
    let mut table = Table::new();
    let header = ["PACKAGE", "VERSION", "KIND", "OLDER", "DESCRIPTION"];
    table.load_style(presets::NOTHING).set_header(header);
    for package in packages.as_array().into_iter().flatten() {
        let versions = package.get("versions").and_then(Value::as_array);
        let versions = versions.map(Vec::as_slice).unwrap_or_default();
        let Some((newest, older)) = versions.split_first() else {
            continue;
        };
        let older: Vec<String> = older.iter().map(|it| text(it, "version")).collect();
        let description: String = text(newest, "description").chars().take(60).collect();
        table.add_row([
            text(package, "name"),
            text(newest, "version"),
            text(newest, "type"),
            older.join(" "),
            description,
        ]);
    }
    print(&table, printer)?;
    if let Some(sync) = record.get("sync") {
        let error = text(sync, "error");
        if !error.is_empty() {
            printer.warning(&error);
        }
        for problem in problems(sync) {
            printer.warning(problem);
        }
    }
    Ok(())
}

fn validated(found: &Value, output: &Output, printer: &mut Printer) -> Outcome {
    let is = |key: &str| found.get(key).and_then(Value::as_bool) == Some(true);
    let detail = text(found, "detail");
    if output.json {
        printer.json(found)?;
    } else {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        for (what, key) in [
            ("reading", "readable"),
            ("listing", "listable"),
            ("writing", "writable"),
            ("conditional writing", "conditional"),
        ] {
            table.add_row([what, if is(key) { "works" } else { "does not work" }]);
        }
        let index = text(found, "index");
        let versions = number(found, "packages");
        table.add_row(["index.yaml", &format!("{index}, {versions} versions")]);
        print(&table, printer)?;
    }
    if is("ok") {
        if !detail.is_empty() {
            printer.warning(&detail);
        }
        return Ok(());
    }
    let code = number(found, "error_code");
    let exit = match code {
        103..=105 | 107 | 108 | 110 | 111 | 114 => Code::Usage,
        _ => Code::Repository,
    };
    Err(Failed::Coded(exit, format!("{detail} (code {code})")))
}

fn happened(events: &Value, output: &Output, printer: &mut Printer) -> Outcome {
    if output.json {
        return Ok(printer.json(events)?);
    }
    let mut table = Table::new();
    let header = ["WHEN", "STATE", "BY", "RESULT"];
    table.load_style(presets::NOTHING).set_header(header);
    for event in events.as_array().into_iter().flatten() {
        let at = number(event, "createdAt");
        table.add_row([
            format!("{} ago", duration(age(at))),
            text(event, "status"),
            text(event, "owner"),
            text(event, "result"),
        ]);
    }
    print(&table, printer)?;
    if let Some(newest) = events.as_array().and_then(|events| events.first()) {
        for problem in problems(newest) {
            printer.warning(problem);
        }
    }
    Ok(())
}
