//! `storekeeper pack FOLDER`: an app's folder as one package, without a running service.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::printer::Printer;
use super::validate::{self, counted};
use super::{Failed, Outcome, Output};
use crate::app::{App, Problem, Sha256 as Checksum};
use crate::archive;

/// What programs leave in folders and nobody wants in a package.
const LEFT_OUT: [&str; 3] = [".git", ".DS_Store", "Thumbs.db"];

/// Our own files begin so.
const OWN: &[u8] = b".storekeeper";

/// Checks an app and packs its folder; the same files give the same package, byte for byte.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The app's folder: it holds an install.json
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The package: .zip, .tar, .tar.gz, .tgz or .tar.bz2; <name>-<version>.zip here by default
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    form: Output,
}

/// A package, as it is told.
#[derive(Debug, Serialize)]
struct Package {
    file: String,
    bytes: u64,
    sha256: String,
    files: usize,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let checked = validate::report(&args.folder);
    printer.said(&checked.drawn);
    let app = match &checked.app {
        Some(app) if !checked.problems.iter().any(Problem::is_error) => app,
        _ => {
            let folder = args.folder.display();
            return Err(Failed::Because(format!(
                "`{folder}` was not packed: correct the mistakes above"
            )));
        }
    };
    let output = match &args.output {
        Some(output) => output.clone(),
        None => default_output(app),
    };
    let name = app.name.as_str();
    let report = archive::pack_without(&app.dir, &output, Some(name), &is_left_out, &|| false)
        .map_err(Failed::because)?;
    for skipped in &report.skipped {
        printer.warning(skipped);
    }
    let (bytes, sha256) = digest(&output).map_err(|error| {
        Failed::Because(format!("`{}` cannot be read: {error}", output.display()))
    })?;
    let package = Package {
        file: output.display().to_string(),
        bytes,
        sha256,
        files: report.files,
    };
    if args.form.json {
        return Ok(printer.json(&package)?);
    }
    printer.line(format!(
        "{}: {}, {}",
        package.file,
        counted(package.files, "file"),
        size(package.bytes)
    ))?;
    printer.line(format!("sha256 {}", package.sha256))?;
    Ok(())
}

/// `<name>-<version>.zip`; what no file name may have becomes `-`.
fn default_output(app: &App) -> PathBuf {
    let version: String = app
        .install
        .version
        .chars()
        .map(|character| match character {
            '.' | '_' | '+' => character,
            _ if character.is_alphanumeric() => character,
            _ => '-',
        })
        .collect();
    if version.is_empty() {
        return format!("{}.zip", app.name).into();
    }
    format!("{}-{version}.zip", app.name).into()
}

pub(super) fn is_left_out(name: &OsStr) -> bool {
    LEFT_OUT.iter().any(|left_out| name == *left_out) || name.as_encoded_bytes().starts_with(OWN)
}

/// A file's size and SHA-256 in hexadecimal digits.
pub(super) fn digest(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut sha256 = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0_u64;
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes += u64::try_from(count).unwrap_or(u64::MAX);
        sha256.update(buffer.get(..count).unwrap_or_default());
    }
    Ok((bytes, Checksum(sha256.finalize().into()).to_string()))
}

/// A size for people: three digits at least.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}
