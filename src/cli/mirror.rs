//! `storekeeper mirror`.

use std::path::PathBuf;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use super::printer::Printer;
use super::{Failed, Outcome, Output, home_or_default};
use crate::app::AppName;
use crate::catalog::mirror::{Wanted, mirror};
use crate::catalog::{Catalogs, Location};
use crate::download::Progress;
use crate::library::Library;

/// Copies a catalog with its packages into a folder, which is a catalog for machines without a network
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; what is in it and did not change is not fetched again
    folder: PathBuf,
    /// Which catalog: a name, or an address; not needed when there is only one
    #[arg(long, value_name = "NAME|ADDRESS")]
    catalog: Option<String>,
    /// Only this category; may be repeated
    #[arg(long, value_name = "CATEGORY", value_parser = clap::builder::PossibleValuesParser::new(crate::app::parse::CATEGORIES))]
    category: Vec<String>,
    /// Only this app; may be repeated
    #[arg(long, value_name = "NAME")]
    app: Vec<AppName>,
    /// Only for this system; may be repeated
    #[arg(long, value_name = "SYSTEM", value_parser = clap::builder::PossibleValuesParser::new(crate::catalog::mirror::SYSTEMS))]
    os: Vec<String>,
    /// Only for this architecture, by Go's name; may be repeated
    #[arg(long, value_name = "ARCHITECTURE", value_parser = clap::builder::PossibleValuesParser::new(crate::catalog::mirror::ARCHITECTURES))]
    arch: Vec<String>,
    /// Older versions, too
    #[arg(long)]
    history: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command; it needs no service.
pub(super) fn run(args: &Args, home: Option<PathBuf>, printer: &mut Printer) -> Outcome {
    let home = std::path::absolute(home_or_default(home)?).map_err(Failed::because)?;
    let location = location(args.catalog.as_deref(), &Library::at(&home))?;
    let folder = std::path::absolute(&args.folder).map_err(Failed::because)?;
    let wanted = Wanted {
        categories: args.category.clone(),
        apps: args.app.clone(),
        systems: args.os.clone(),
        architectures: args.arch.clone(),
        history: args.history,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failed::because)?;
    let bar = if Printer::is_watched() {
        let bar = ProgressBar::no_length();
        bar.set_style(
            ProgressStyle::with_template("{msg} {bar:30} {bytes} of {total_bytes}, {eta}")
                .expect("the template is ours and sound"),
        );
        bar
    } else {
        ProgressBar::hidden()
    };
    let tell = |app: &str, progress: &Progress| {
        bar.set_message(app.to_owned());
        bar.set_length(progress.total.unwrap_or(progress.completed));
        bar.set_position(progress.completed);
    };
    let report = runtime.block_on(async {
        let cancel = CancellationToken::new();
        let copying = mirror(&location, &folder, &wanted, &cancel, &tell);
        tokio::pin!(copying);
        tokio::select! {
            report = &mut copying => report,
            _ = tokio::signal::ctrl_c() => {
                // What came so far stays, and the next run goes on from there.
                cancel.cancel();
                copying.await
            }
        }
    });
    bar.finish_and_clear();
    let report = report.map_err(Failed::because)?;
    if args.output.json {
        printer.json(&report)?;
    } else {
        printer.line(format!(
            "{} apps in {} lists; {} files fetched ({}), {} were there",
            report.apps,
            report.lists,
            report.fetched,
            HumanBytes(report.bytes),
            report.kept
        ))?;
    }
    for failure in &report.failures {
        printer.warning(failure);
    }
    if report.failures.is_empty() {
        Ok(())
    } else {
        Err(Failed::Quietly)
    }
}

fn location(named: Option<&str>, library: &Library) -> Result<Location, Failed> {
    if let Some(address) = named.filter(|named| named.contains("://") || named.contains('/')) {
        let whole = if address.contains("://") {
            address.to_owned()
        } else {
            let path = super::client::absolute(address.as_ref())?;
            path.display().to_string()
        };
        return Location::parse(&whole).map_err(Failed::because);
    }
    let configured = Catalogs::configured_in(library).map_err(Failed::because)?;
    let all: Vec<&str> = configured.iter().map(|it| it.name.as_str()).collect();
    let known = match all.as_slice() {
        [] => "there are none".to_owned(),
        all => format!("there are {}", all.join(", ")),
    };
    let found = match named {
        Some(named) => configured.iter().find(|it| it.name.as_str() == named),
        None if configured.len() == 1 => configured.first(),
        None => None,
    };
    let found = found.ok_or_else(|| {
        let what = match named {
            Some(named) => format!("there is no catalog `{named}`"),
            None => "say which catalog is to be copied".to_owned(),
        };
        Failed::because(format!(
            "{what}; give --catalog a name or an address ({known})"
        ))
    })?;
    Location::parse(&found.address).map_err(Failed::because)
}
