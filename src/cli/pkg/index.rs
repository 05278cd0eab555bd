//! `storekeeper pkg index`.

use std::path::PathBuf;

use chrono::Utc;
use serde_json::json;
use url::Url;

use crate::cli::printer::Printer;
use crate::cli::{Code, Failed, Outcome, Output};
use crate::repository::{INDEX_FILE, Index, index_folder};

/// Writes the index.yaml of a folder of packages, for a web server
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; what lies in folders below it does not count
    folder: PathBuf,
    /// The address that the packages will have; without it they are beside the index
    #[arg(long, value_name = "ADDRESS")]
    url: Option<Url>,
    /// An earlier index, whose versions stay
    #[arg(long, value_name = "FILE")]
    merge: Option<PathBuf>,
    /// Fail when a package is not good, and write nothing; else it is told and left out
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let earlier = match &args.merge {
        None => Index::default(),
        Some(file) => {
            let unread = |error: &dyn std::fmt::Display| {
                Failed::because(format!("`{}` cannot be read: {error}", file.display()))
            };
            let text = std::fs::read_to_string(file).map_err(|error| unread(&error))?;
            Index::parse(&text).map_err(|reason| unread(&reason))?
        }
    };
    let url = args.url.as_ref();
    let (mut index, problems) = index_folder(&args.folder, url, earlier).map_err(super::failed)?;
    for problem in &problems {
        printer.warning(problem);
    }
    if args.strict && !problems.is_empty() {
        let message = format!(
            "{} packages are not good; nothing was written",
            problems.len()
        );
        return Err(Failed::Coded(Code::Package, message));
    }
    let file = args.folder.join(INDEX_FILE);
    let text = index.write(Utc::now());
    crate::library::save(&file, text.as_bytes()).map_err(|error| {
        Failed::because(format!("`{}` cannot be written: {error}", file.display()))
    })?;
    let packages = index.packages().count();
    if args.output.json {
        return Ok(printer.json(&json!({
            "file": file.display().to_string(),
            "packages": packages,
            "versions": index.len(),
            "problems": problems,
        }))?);
    }
    printer.line(format!(
        "{}: {} versions of {packages} packages",
        file.display(),
        index.len()
    ))?;
    Ok(())
}
