//! `storekeeper version`.

use std::path::PathBuf;

use comfy_table::{Table, presets};
use futures_util::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::catalog::{print, text};
use super::super::client::{Client, encoded};
use super::super::printer::Printer;
use super::super::{Failed, Outcome, Output};
use super::{app_id, find_version, rows};

/// Adds versions of apps and leads them into the store
///
/// A version is named by its id or as APP@NUMBER. Exit codes: 0 ok, 2 usage, 3 the package cannot be
/// taken, 4 its number is taken or its state does not allow it, 5 denied, 6 the repository cannot be
/// reached.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(subcommand)]
    what: What,
}

/// A version and how to print.
#[derive(Debug, clap::Args)]
struct One {
    /// The version: its id or APP@NUMBER
    version: String,
    #[command(flatten)]
    output: Output,
}

/// A version and a reason.
#[derive(Debug, clap::Args)]
struct WithMessage {
    /// The version: its id or APP@NUMBER
    version: String,
    /// The reason
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Adds a version to an app, a draft
    Add {
        /// The app: its name or id
        app: String,
        /// The package
        file: PathBuf,
        /// What is new in it
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        #[command(flatten)]
        output: Output,
    },
    /// Puts another package in the place of a draft's
    Replace {
        /// The version: its id or APP@NUMBER
        version: String,
        /// The package
        file: PathBuf,
        /// What is new in it
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Lists the versions of an app, or all that you may see
    #[command(visible_alias = "ls")]
    List {
        /// The app: its name or id
        app: Option<String>,
        /// Only those in this state; may be repeated
        #[arg(long, value_name = "STATE")]
        status: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Asks for a version's review
    Submit(One),
    /// Takes that back
    Cancel(One),
    /// Begins to look at it (administrators)
    Review(One),
    /// Finds it good (administrators)
    Pass(One),
    /// Finds it bad, with a reason (administrators)
    Reject(WithMessage),
    /// Puts a version that was passed into the store
    Release {
        /// The version: its id or APP@NUMBER
        version: String,
        /// Submit and pass it before, as far as it is needed and you may
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Takes a version out of the store (administrators)
    Suspend(WithMessage),
    /// Puts a suspended version back (administrators)
    Recover(One),
    /// Deletes a version that is not in the store
    #[command(visible_alias = "remove")]
    Rm(One),
    /// Tells a version's history
    Audits(One),
    /// Saves a version's package
    Download {
        /// The version: its id or APP@NUMBER
        version: String,
        /// The file; named as the package when not given
        #[arg(short, long = "to", value_name = "FILE")]
        to: Option<PathBuf>,
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
    match what {
        What::Add {
            app,
            file,
            description,
            output,
        } => {
            let path = format!(
                "/v1/app_versions?app_id={}&description={}",
                encoded(&app_id(client, &app).await?),
                encoded(&description)
            );
            let made = client.v1_upload(Method::POST, &path, &file).await?;
            if output.json {
                return Ok(printer.json(&made)?);
            }
            Ok(printer.line(format!(
                "uploaded as a draft: version {}; `storekeeper version submit {0}` asks for its review",
                text(&made, "version_id")
            ))?)
        }
        What::Replace {
            version,
            file,
            description,
            output,
        } => {
            let id = text(&find_version(client, &version).await?, "version_id");
            let mut path = format!("/v1/app_versions?version_id={}", encoded(&id));
            if let Some(description) = description {
                path.push_str("&description=");
                path.push_str(&encoded(&description));
            }
            let answer = client.v1_upload(Method::PATCH, &path, &file).await?;
            if output.json {
                return Ok(printer.json(&answer)?);
            }
            Ok(printer.line(format!("{version} has another package; it is a draft"))?)
        }
        What::List {
            app,
            status,
            output,
        } => {
            let mut path = format!(
                "/v1/app_versions?limit=200&sort_key=sequence&status={}",
                encoded(&status.join(","))
            );
            if let Some(app) = app {
                path.push_str("&app_id=");
                path.push_str(&encoded(&app_id(client, &app).await?));
            }
            let answer: Value = client.v1_get(&path).await?;
            if output.json {
                return Ok(printer.json(&answer)?);
            }
            table(&answer, printer)
        }
        What::Submit(one) => act(&one, "submit", client, printer).await,
        What::Cancel(one) => act(&one, "cancel", client, printer).await,
        What::Review(one) => act(&one, "review", client, printer).await,
        What::Pass(one) => act(&one, "pass", client, printer).await,
        What::Recover(one) => act(&one, "recover", client, printer).await,
        What::Rm(one) => act(&one, "delete", client, printer).await,
        What::Reject(one) => act_saying(&one, "reject", client, printer).await,
        What::Suspend(one) => act_saying(&one, "suspend", client, printer).await,
        What::Release {
            version,
            yes,
            output,
        } => release(&version, yes, &output, client, printer).await,
        What::Audits(one) => audits(&one, client, printer).await,
        What::Download {
            version,
            to,
            output,
        } => download(&version, to, &output, client, printer).await,
    }
}

async fn act(one: &One, action: &str, client: &Client, printer: &mut Printer) -> Outcome {
    let found = find_version(client, &one.version).await?;
    take(client, &text(&found, "version_id"), action, "").await?;
    said(&one.version, &found, action, &one.output, printer)
}

async fn act_saying(
    one: &WithMessage,
    action: &str,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let found = find_version(client, &one.version).await?;
    take(client, &text(&found, "version_id"), action, &one.message).await?;
    said(&one.version, &found, action, &one.output, printer)
}

async fn take(client: &Client, id: &str, action: &str, message: &str) -> Outcome {
    let path = format!("/v1/app_version/action/{action}");
    let body = json!({ "version_id": id, "message": message });
    client.v1_send(Method::POST, &path, &body).await?;
    Ok(())
}

fn said(
    version: &str,
    found: &Value,
    action: &str,
    output: &Output,
    printer: &mut Printer,
) -> Outcome {
    if output.json {
        let told = json!({ "version_id": text(found, "version_id"), "action": action });
        return Ok(printer.json(&told)?);
    }
    let done = match action {
        "submit" => "waits for its review",
        "cancel" => "is a draft again",
        "review" => "is being reviewed",
        "pass" => "was passed; its developer releases it with `storekeeper version release`",
        "reject" => "was rejected",
        "release" => "is in the store",
        "suspend" => "was taken out of the store",
        "recover" => "is in the store again",
        _ => "was deleted",
    };
    Ok(printer.line(format!("{version} {done}"))?)
}

/// Each step on the way is taken, and written into the history, by itself.
async fn release(
    version: &str,
    yes: bool,
    output: &Output,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let found = find_version(client, version).await?;
    let id = text(&found, "version_id");
    let status = text(&found, "status");
    if yes {
        if matches!(status.as_str(), "draft" | "rejected") {
            take(client, &id, "submit", "").await?;
        }
        if matches!(
            status.as_str(),
            "draft" | "rejected" | "submitted" | "in-review"
        ) {
            take(client, &id, "pass", "").await?;
        }
    }
    take(client, &id, "release", "").await?;
    said(version, &found, "release", output, printer)
}

async fn audits(one: &One, client: &Client, printer: &mut Printer) -> Outcome {
    // A deleted one is in no list, and still has its history.
    let id = match find_version(client, &one.version).await {
        Ok(found) => text(&found, "version_id"),
        Err(_) if one.version.starts_with("appv-") => one.version.clone(),
        Err(error) => return Err(error),
    };
    let path = format!("/v1/app_version_audits?version_id={}", encoded(&id));
    let answer: Value = client.v1_get(&path).await?;
    if one.output.json {
        return Ok(printer.json(&answer)?);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["WHEN", "ACTION", "STATE", "BY", "AS", "MESSAGE"]);
    for row in rows(&answer, "app_version_audit_set") {
        table.add_row(
            [
                "status_time",
                "action",
                "status",
                "operator",
                "operator_type",
                "message",
            ]
            .map(|key| text(row, key)),
        );
    }
    print(&table, printer)
}

async fn download(
    version: &str,
    to: Option<PathBuf>,
    output: &Output,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let found = find_version(client, version).await?;
    let id = text(&found, "version_id");
    let to = to.unwrap_or_else(|| PathBuf::from(text(&found, "package_name")));
    let path = format!("/v1/app_version/package?version_id={}", encoded(&id));
    let response = client.v1_open(&path).await?;
    let mut pieces = response.bytes_stream();
    let fail = |error: std::io::Error| {
        Failed::because(format!("`{}` cannot be written: {error}", to.display()))
    };
    let folder = match to.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let file = tempfile::Builder::new()
        .prefix(".storekeeper-")
        .tempfile_in(folder)
        .map_err(fail)?;
    let mut digest = <sha2::Sha256 as sha2::Digest>::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| {
            Failed::because(format!(
                "the package did not come whole: {error}; try again"
            ))
        })?;
        sha2::Digest::update(&mut digest, &piece);
        std::io::Write::write_all(&mut file.as_file(), &piece).map_err(fail)?;
    }
    let digest = crate::app::Sha256(sha2::Digest::finalize(digest).into()).to_string();
    if digest != text(&found, "sha256") {
        return Err(Failed::Coded(
            super::super::Code::Repository,
            format!(
                "the package that came is not the one that was uploaded: its SHA-256 should be {} and is {digest}; somebody changed it in the repository",
                text(&found, "sha256")
            ),
        ));
    }
    file.persist(&to).map_err(|error| fail(error.error))?;
    if output.json {
        let told = json!({ "version_id": id, "file": to, "sha256": digest });
        return Ok(printer.json(&told)?);
    }
    Ok(printer.line(format!("{version} was saved as {}", to.display()))?)
}

/// Prints a list of versions.
pub(super) fn table(answer: &Value, printer: &mut Printer) -> Outcome {
    let rows = rows(answer, "app_version_set");
    if rows.is_empty() {
        return Ok(printer.line("there are no versions")?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "APP", "VERSION", "STATE", "OWNER", "CHANGED", "ID", "MESSAGE",
    ]);
    for row in rows {
        table.add_row(
            [
                "app_name",
                "name",
                "status",
                "owner",
                "status_time",
                "version_id",
                "message",
            ]
            .map(|key| text(row, key)),
        );
    }
    print(&table, printer)
}
