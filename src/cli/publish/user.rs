//! `storekeeper user`.

use std::io::{BufRead as _, IsTerminal as _};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use reqwest::Method;
use serde_json::{Value, json};

use super::super::catalog::{print, text};
use super::super::client::{Client, encoded};
use super::super::printer::Printer;
use super::super::{Failed, Outcome, Output};
use super::rows;

/// Manages who may use this store, and as what
///
/// Without users there is only you, and you may do everything. The first user switches accounts on: from
/// then on everybody needs a token. You, on this computer, are still known by the command line.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(subcommand)]
    what: What,
}

/// What a user may do.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Look at the store and install from it
    User,
    /// Also upload apps, and release them after a review
    Developer,
    /// Also review, suspend, and manage repositories, categories and users
    Admin,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Adds a user; the password is read from the input, or from `STOREKEEPER_PASSWORD`
    Add {
        /// The name
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
    /// Lists the users
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Changes what a user may do
    Set {
        /// The name
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: Role,
        #[command(flatten)]
        output: Output,
    },
    /// Sets a password, which ends the user's logins
    Passwd {
        /// The name; yours when not given
        #[arg(default_value = "")]
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Removes a user with his tokens; without users accounts are off again
    #[command(visible_alias = "remove")]
    Rm {
        /// The name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Logs in: prints a token for `STOREKEEPER_TOKEN`
    Login {
        /// The name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Makes, lists and revokes tokens
    #[command(subcommand)]
    Token(Token),
}

#[derive(Debug, clap::Subcommand)]
enum Token {
    /// Makes a token that holds until it is revoked; it is shown this once
    Create {
        /// The user; yourself when not given
        #[arg(default_value = "")]
        name: String,
        /// What it is for
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
        #[command(flatten)]
        output: Output,
    },
    /// Lists tokens
    #[command(visible_alias = "ls")]
    List {
        /// The user; all users when not given
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Revokes a token: it is refused from now on
    Revoke {
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
        What::Add { name, role, output } => {
            let password = password(printer).await?;
            let body = json!({ "name": name, "password": password, "role": role.as_str() });
            let answer = client.v1_send(Method::POST, "/v1/users", &body).await?;
            let said = format!("{name} was added as {}", role.as_str());
            (answer, output, said)
        }
        What::List { output } => {
            let answer: Value = client.v1_get("/v1/users").await?;
            if !output.json && rows(&answer, "user_set").is_empty() {
                return Ok(printer.line(
                    "there are no users: accounts are off, and whoever uses this computer may do everything",
                )?);
            }
            return table(
                &answer,
                "user_set",
                &[("NAME", "name"), ("ROLE", "role"), ("SINCE", "create_time")],
                &output,
                printer,
            );
        }
        What::Set { name, role, output } => {
            let body = json!({ "name": name, "role": role.as_str() });
            let answer = client.v1_send(Method::PATCH, "/v1/users", &body).await?;
            (answer, output, format!("{name} is {} now", role.as_str()))
        }
        What::Passwd { name, output } => {
            let password = password(printer).await?;
            let body = json!({ "name": name, "password": password });
            let answer = client.v1_send(Method::PATCH, "/v1/users", &body).await?;
            (answer, output, "the password was set".to_owned())
        }
        What::Rm { name, output } => {
            let body = json!({ "name": [name] });
            let answer = client.v1_send(Method::DELETE, "/v1/users", &body).await?;
            (answer, output, format!("{name} was removed"))
        }
        What::Login { name, output } => {
            let password = password(printer).await?;
            let body = json!({ "name": name, "password": password });
            let answer = client.v1_send(Method::POST, "/v1/login", &body).await?;
            let token = text(&answer, "token");
            (answer, output, token)
        }
        What::Token(Token::Create {
            name,
            label,
            output,
        }) => {
            let body = json!({ "user": name, "label": label });
            let answer = client.v1_send(Method::POST, "/v1/tokens", &body).await?;
            let token = text(&answer, "token");
            (answer, output, token)
        }
        What::Token(Token::List { name, output }) => {
            let path = match &name {
                Some(name) => format!("/v1/tokens?user={}", encoded(name)),
                None => "/v1/tokens?all=true".to_owned(),
            };
            let answer: Value = client.v1_get(&path).await?;
            return table(
                &answer,
                "token_set",
                &[
                    ("USER", "account"),
                    ("FOR", "label"),
                    ("SINCE", "create_time"),
                    ("UNTIL", "expires"),
                    ("ID", "token_id"),
                ],
                &output,
                printer,
            );
        }
        What::Token(Token::Revoke { id, output }) => {
            let body = json!({ "token_id": [id] });
            let answer = client.v1_send(Method::DELETE, "/v1/tokens", &body).await?;
            (answer, output, format!("{id} was revoked"))
        }
    };
    if output.json {
        return Ok(printer.json(&answer)?);
    }
    Ok(printer.line(said)?)
}

fn table(
    answer: &Value,
    set: &str,
    columns: &[(&str, &str)],
    output: &Output,
    printer: &mut Printer,
) -> Outcome {
    if output.json {
        return Ok(printer.json(answer)?);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(columns.iter().map(|(title, _)| *title));
    for row in rows(answer, set) {
        table.add_row(columns.iter().map(|(_, key)| text(row, key)));
    }
    print(&table, printer)
}

/// A password never stands in a command line, where every user of the computer could read it.
async fn password(printer: &mut Printer) -> Result<String, Failed> {
    if let Ok(password) = std::env::var("STOREKEEPER_PASSWORD") {
        return Ok(password);
    }
    if std::io::stdin().is_terminal() {
        printer.note("Password (it is shown as you type; or set STOREKEEPER_PASSWORD):");
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        Ok::<_, std::io::Error>(line)
    });
    let line = read.await.map_err(Failed::because)?;
    let line = line.map_err(Failed::because)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
