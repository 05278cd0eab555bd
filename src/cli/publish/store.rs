//! `storekeeper store`.

use serde_json::Value;

use super::super::client::{Client, encoded};
use super::super::printer::Printer;
use super::super::{Failed, Outcome, Output, install, search, upgrade};
use super::app;

/// Lists, shows and installs what is in the store: what was released
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Lists the apps in the store
    #[command(visible_alias = "ls")]
    List {
        /// Only those that have all these words
        #[arg(value_name = "WORDS", default_value = "")]
        search: String,
        /// Only those in this category, by its id
        #[arg(long, value_name = "ID", default_value = "")]
        category: String,
        /// How many
        #[arg(long, default_value_t = 100, value_name = "NUMBER")]
        limit: u64,
        /// After how many others
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Shows an app with its versions in the store
    Show {
        /// Its name or id
        app: String,
        #[command(flatten)]
        output: Output,
    },
    /// Installs an app, as `storekeeper install` does
    Install(install::Args),
    /// Upgrades apps, as `storekeeper upgrade` does
    Upgrade(upgrade::Args),
    /// Lists what can be upgraded, as `storekeeper outdated` does
    Outdated(search::OutdatedArgs),
}

/// Runs the command.
pub(in super::super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    match args.what {
        What::List {
            search,
            category,
            limit,
            offset,
            output,
        } => {
            let path = format!(
                "/v1/active_apps?search_word={}&category_id={}&limit={limit}&offset={offset}",
                encoded(&search),
                encoded(&category)
            );
            let answer: Value = client.v1_get(&path).await.map_err(Failed::coded)?;
            app::list(&answer, &output, printer)
        }
        What::Show { app, output } => app::show(&app, &output, client, printer)
            .await
            .map_err(Failed::coded),
        What::Install(args) => install::run(args, client, printer).await,
        What::Upgrade(args) => upgrade::run(args, client, printer).await,
        What::Outdated(args) => search::outdated(&args, client, printer).await,
    }
}
