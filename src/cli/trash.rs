//! `storekeeper trash`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use comfy_table::{Table, presets};
use indicatif::DecimalBytes;

use super::client::{Client, absolute};
use super::printer::Printer;
use super::progress::Watch;
use super::ps::{age, duration};
use super::{Failed, Outcome, Output};
use crate::job::JobRecord;
use crate::job::trash::TrashEntry;

/// What uninstalled apps left: lists it, puts it back, deletes it for good
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Lists what is kept
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Puts an app's data back, with its program
    Restore {
        /// The entry; `trash list` tells them
        id: String,
        /// The package that holds its program, where it cannot be fetched
        #[arg(long, value_name = "FILE")]
        package: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
    /// Deletes for good
    Empty {
        /// The entries; all when none is given
        ids: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

/// Runs the command.
pub(super) async fn run(args: &Args, client: &Client, printer: &mut Printer) -> Outcome {
    match &args.verb {
        Verb::List { output } => list(output, client, printer).await,
        Verb::Restore {
            id,
            package,
            output,
        } => {
            let package = package.as_deref().map(absolute).transpose()?;
            let mut watch = Watch::begin(client).await?;
            let job = client.restore(id, package.as_deref()).await?;
            let done = |job: &JobRecord| format!("{} is back with its data", job.app);
            watch.finish(client, job, output.json, done, printer).await
        }
        Verb::Empty { ids, yes, output } => empty(ids, *yes, output, client, printer).await,
    }
}

async fn list(output: &Output, client: &Client, printer: &mut Printer) -> Outcome {
    let entries = client.trash().await?;
    if output.json {
        return Ok(printer.json(&entries)?);
    }
    let rows: Vec<TrashEntry> = serde_json::from_value(entries).map_err(Failed::because)?;
    if rows.is_empty() {
        printer.line("the trash is empty")?;
        return Ok(());
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["ID", "APP", "VERSION", "SIZE", "AGO", "PROGRAM"]);
    for row in &rows {
        table.add_row([
            row.id.clone(),
            row.app.to_string(),
            row.version.clone(),
            DecimalBytes(row.bytes).to_string(),
            duration(Duration::from_secs(age(row.at).as_secs())),
            if row.can_be_restored {
                "at hand".to_owned()
            } else {
                "needs --package".to_owned()
            },
        ]);
    }
    for line in table.to_string().lines() {
        printer.line(line.trim_end())?;
    }
    Ok(())
}

async fn empty(
    ids: &[String],
    yes: bool,
    output: &Output,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let entries = client.trash().await?;
    let mut rows: Vec<TrashEntry> = serde_json::from_value(entries).map_err(Failed::because)?;
    if let Some(unknown) = ids.iter().find(|id| rows.iter().all(|row| row.id != **id)) {
        return Err(Failed::because(format!(
            "there is no entry `{unknown}` in the trash; `storekeeper trash list` lists them"
        )));
    }
    rows.retain(|row| ids.is_empty() || ids.contains(&row.id));
    let bytes = rows.iter().map(|row| row.bytes).sum();
    let size = DecimalBytes(bytes);
    if !rows.is_empty() && !yes {
        confirm(rows.len(), &size, printer).await?;
    }
    for row in &rows {
        client.remove_trash(&row.id).await?;
    }
    if output.json {
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let told = serde_json::json!({ "removed": ids, "bytes": bytes });
        return Ok(printer.json(&told)?);
    }
    if rows.is_empty() {
        printer.line("the trash is empty")?;
    } else {
        printer.line(format!("{} deleted, {size} freed", entries_of(rows.len())))?;
    }
    Ok(())
}

fn entries_of(count: usize) -> String {
    match count {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

/// Asks the person at the terminal; without one there is nobody to ask.
async fn confirm(count: usize, size: &DecimalBytes, printer: &mut Printer) -> Outcome {
    if !std::io::stdin().is_terminal() || !Printer::is_watched() {
        return Err(Failed::because(format!(
            "this deletes {} with {size} for good; say --yes to do it",
            entries_of(count)
        )));
    }
    printer.note(&format!(
        "Delete {} with {size} for good? [y/N]",
        entries_of(count)
    ));
    let answer = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        Ok::<_, std::io::Error>(answer)
    });
    let answer = answer.await.map_err(Failed::because)?;
    let answer = answer.map_err(Failed::because)?;
    if answer.trim().eq_ignore_ascii_case("y") || answer.trim().eq_ignore_ascii_case("yes") {
        return Ok(());
    }
    Err(Failed::because("nothing was deleted"))
}
