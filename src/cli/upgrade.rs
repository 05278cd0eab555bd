//! `storekeeper upgrade`.

use serde_json::{Value, json};

use super::client::{AppRow, Client, Offer, Wish, absolute};
use super::install::{Dependencies, body, is_address};
use super::printer::Printer;
use super::progress::one_by_one;
use super::{Failed, Outcome, Output};
use crate::app::{AppName, Origin};
use crate::job::JobRecord;

/// Brings apps to a newer version and keeps their data; what does not become ready is taken back
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own"
)]
pub(super) struct Args {
    /// The apps
    #[arg(required_unless_present = "all", value_name = "NAME")]
    names: Vec<AppName>,
    /// All that came from a catalog, but for pinned ones and skipped versions
    #[arg(long, conflicts_with_all = ["names", "version", "from"])]
    all: bool,
    /// That version; else the newest
    #[arg(long, value_name = "VERSION", conflicts_with = "from")]
    version: Option<String>,
    /// Take it from this catalog
    #[arg(long, value_name = "NAME", conflicts_with = "from")]
    catalog: Option<String>,
    /// Take it from a package file, or from its address
    #[arg(long, value_name = "FILE|URL")]
    from: Option<String>,
    #[command(flatten)]
    dependencies: Dependencies,
    /// Start it at the end, even if it did not run
    #[arg(long)]
    start: bool,
    /// Take an older version than the one that is there
    #[arg(long)]
    older: bool,
    /// Take the place of an app that came from elsewhere
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command. A failure of one app keeps none of the others.
pub(super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    if args.from.is_some() && args.names.len() > 1 {
        return Err(Failed::because(
            "--from is the package of one app; name one",
        ));
    }
    let names = if args.all {
        all(client, printer).await?
    } else {
        args.names.clone()
    };
    if names.is_empty() && !args.output.json {
        printer.line("there is nothing to upgrade: no app that may change came from a catalog")?;
    }
    let done = |job: &JobRecord| format!("{} is up to date", job.app);
    let ask = async |name: AppName| args.ask(client, &name).await;
    one_by_one(client, names, ask, args.output.json, done, printer).await
}

/// The apps that `--all` means; tells of those that it leaves alone.
async fn all(client: &Client, printer: &mut Printer) -> Result<Vec<AppName>, Failed> {
    let apps: Value = client.apps(false).await?;
    let apps: Vec<AppRow> = serde_json::from_value(apps).map_err(Failed::because)?;
    let mut names = Vec::new();
    for app in apps {
        let Some(version) = &app.installed else {
            continue;
        };
        if app.pinned {
            printer.note(&format!(
                "{} is pinned at {version} and left alone",
                app.name
            ));
            continue;
        }
        if !matches!(app.origin, Some(Origin::Catalog { .. })) {
            continue;
        }
        if !app.skipped.is_empty() {
            let versions = app.skipped.join(", ");
            printer.note(&format!("{} skips {versions}", app.name));
        }
        names.push(app.name);
    }
    Ok(names)
}

impl Args {
    async fn ask(&self, client: &Client, name: &AppName) -> Result<u64, Failed> {
        let wish = Wish {
            dependencies: self.dependencies.are_installed(),
            start: self.start,
            older: self.older,
            replace: self.replace,
        };
        let Some(from) = &self.from else {
            let offer = Offer {
                version: self.version.as_deref(),
                catalog: self.catalog.as_deref(),
                wish,
            };
            return client.obtain(name, "upgrade", &offer).await;
        };
        let mut body = body(wish, Some(name));
        if is_address(from) {
            body.insert("url".to_owned(), json!(from));
        } else {
            let file = absolute(from.as_ref())?;
            body.insert("package".to_owned(), json!(file));
        }
        client.add(body).await
    }
}
