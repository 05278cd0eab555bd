//! `storekeeper pkg pack`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::lint::{Linted, lint, top};
use crate::archive;
use crate::cli::pack::{digest, is_left_out, size};
use crate::cli::printer::Printer;
use crate::cli::validate::counted;
use crate::cli::{Code, Failed, Outcome, Output};

/// Checks apps and packs each as <name>-<version>.zip; the same files give the same bytes
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of apps
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
    /// The kind of archive
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where the packages go; here by default
    #[arg(long, short = 'd', value_name = "FOLDER", default_value = ".")]
    destination: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// The kinds of archives.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    /// For apps; the default
    Zip,
    /// As OpenPitrix and Helm have them
    Tgz,
}

/// A package, as it is told.
#[derive(Serialize)]
struct Packed {
    file: String,
    name: String,
    version: String,
    bytes: u64,
    sha256: String,
    files: usize,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut packed = Vec::new();
    for folder in &args.folders {
        packed.push(pack(folder, args, printer)?);
    }
    if args.output.json {
        return Ok(printer.json(&packed)?);
    }
    for package in &packed {
        printer.line(format!(
            "{}: {}, {}",
            package.file,
            counted(package.files, "file"),
            size(package.bytes)
        ))?;
        printer.line(format!("sha256 {}", package.sha256))?;
    }
    Ok(())
}

fn pack(folder: &Path, args: &Args, printer: &mut Printer) -> Result<Packed, Failed> {
    if !folder.is_dir() {
        let message = format!("`{}` is no folder", folder.display());
        return Err(Failed::Coded(Code::Usage, message));
    }
    let (name, version, ending) = match lint(folder, printer)?.0 {
        Some(Linted::App(app)) => (app.name.to_string(), app.install.version.clone(), ".zip"),
        Some(Linted::Package(found)) => (found.name.clone(), found.version.clone(), ".tgz"),
        None => {
            let message = format!(
                "`{}` was not packed: correct the mistakes above",
                folder.display()
            );
            return Err(Failed::Coded(Code::Package, message));
        }
    };
    let ending = match args.format {
        None => ending,
        Some(Format::Zip) => ".zip",
        Some(Format::Tgz) => ".tgz",
    };
    let file = args.destination.join(format!("{name}-{version}{ending}"));
    let root = folder.canonicalize().map_err(Failed::because)?;
    let top = top(folder)?;
    let report = archive::pack_without(&root, &file, Some(&top), &is_left_out, &|| false)
        .map_err(Failed::because)?;
    for skipped in &report.skipped {
        printer.warning(skipped);
    }
    let (bytes, sha256) = digest(&file).map_err(|error| {
        Failed::because(format!("`{}` cannot be read: {error}", file.display()))
    })?;
    Ok(Packed {
        file: file.display().to_string(),
        name,
        version,
        bytes,
        sha256,
        files: report.files,
    })
}
