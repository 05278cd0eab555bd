//! `storekeeper pkg lint`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::problem::{Severity, draw};
use crate::app::{App, Problem};
use crate::archive;
use crate::cli::printer::Printer;
use crate::cli::validate;
use crate::cli::{Code, Failed, Outcome, Output, pack};
use crate::command::check::is_unknown_word;
use crate::repository::{self, Description, RepositoryError, semver};

/// Looks for what is wrong with apps that are to be published
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders of apps, or packages
    #[arg(required = true, value_name = "FOLDER|PACKAGE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// What was found.
pub(super) enum Linted {
    /// An app of ours, in a folder.
    App(Box<App>),
    /// Another kind of package in a folder, or a package.
    Package(Box<Description>),
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let mut good = true;
    let mut results: Vec<Value> = Vec::new();
    for path in &args.paths {
        let (linted, problems) = lint(path, printer)?;
        let is_good = linted.is_some();
        good &= is_good;
        if args.output.json {
            results.push(json!({
                "path": path.display().to_string(),
                "ok": is_good,
                "problems": problems,
            }));
        } else {
            let verdict = if is_good {
                "can be published"
            } else {
                "cannot be published"
            };
            printer.line(format!("{}: {verdict}", path.display()))?;
        }
    }
    if args.output.json {
        printer.json(&results)?;
    }
    if good {
        Ok(())
    } else {
        let message = "correct the mistakes above".to_owned();
        Err(Failed::Coded(Code::Package, message))
    }
}

/// Checks one folder or package. The app is there when it can be published; what is wrong has been
/// shown, and is answered as `{file, reason, severity}`.
pub(super) fn lint(
    path: &Path,
    printer: &mut Printer,
) -> Result<(Option<Linted>, Vec<Value>), Failed> {
    if path.is_file() {
        return Ok(described(repository::inspect(path), printer));
    }
    let has = |file: &str| path.join(file).is_file();
    if !has("install.json") && (has("package.json") || has("Chart.yaml")) {
        return foreign(path, printer);
    }
    let checked = validate::report(path);
    let mut problems = checked.problems;
    if let Some(app) = &checked.app {
        problems.extend(published(app));
        for problem in &mut problems {
            if is_unknown_word(problem) {
                problem.severity = Severity::Error;
                "add it to `config` in store.json, or correct it".clone_into(&mut problem.help);
            }
        }
        app.locate(&mut problems);
    }
    let folder = path.to_string_lossy().replace('\\', "/");
    printer.said(&draw(&problems, folder.trim_end_matches('/'), &|file| {
        checked.app.as_ref()?.text_of(file).map(str::to_owned)
    }));
    let is_good = !problems.iter().any(Problem::is_error);
    let told = problems.iter().map(|problem| {
        json!({
            "file": problem.file,
            "path": problem.path,
            "line": problem.line,
            "column": problem.column,
            "severity": problem.severity,
            "reason": problem.message,
            "help": problem.help,
        })
    });
    let told = told.collect();
    let app = checked.app.filter(|_| is_good);
    Ok((app.map(|app| Linted::App(Box::new(app))), told))
}

/// What only matters once others are to install it.
fn published(app: &App) -> Vec<Problem> {
    const FILE: &str = "install.json";
    let install = &app.install;
    let mut problems = Vec::new();
    let version = &install.version;
    if semver(version).is_none() || version.starts_with('v') {
        let message = if version.is_empty() {
            "`version` is missing".to_owned()
        } else {
            format!(
                "`{}` is no semantic version",
                version.escape_debug().take(80).collect::<String>()
            )
        };
        let help =
            "write three numbers, such as 1.0.0: by them later versions are told from earlier ones";
        problems.push(Problem::error(FILE, "version", message).with_help(help));
    }
    if install.is_dev {
        let message = "`isDev` says that the folder is the developer's own";
        let help = "set it to false: others install the package";
        problems.push(Problem::warning(FILE, "isDev", message).with_help(help));
    }
    for (key, value, help) in [
        ("desc", &install.desc, "say in a sentence what the app is"),
        ("icon", &install.icon, "give it a picture below static/"),
        (
            "category",
            &install.category,
            "without one it is found under `others`",
        ),
    ] {
        if value.is_empty() {
            let message = format!("`{key}` is empty");
            problems.push(Problem::warning(FILE, key, message).with_help(help));
        }
    }
    if !install.pkg.is_empty() && install.pkg_sha256.is_empty() {
        let message = "`pkg` has no checksum: its owner could give out another file one day";
        let help = "write its SHA-256 as `pkgSha256`";
        problems.push(Problem::warning(FILE, "pkg", message).with_help(help));
    }
    problems
}

/// An OpenPitrix package or a Helm chart in a folder: packed for a look, and looked at.
fn foreign(folder: &Path, printer: &mut Printer) -> Result<(Option<Linted>, Vec<Value>), Failed> {
    let dir = tempfile::tempdir().map_err(Failed::because)?;
    let package = dir.path().join("package.tgz");
    let name = top(folder)?;
    archive::pack_without(folder, &package, Some(&name), &pack::is_left_out, &|| false)
        .map_err(Failed::because)?;
    let found = repository::inspect(&package).and_then(|found| {
        if found.name == name {
            return Ok(found);
        }
        Err(RepositoryError::Package {
            details: vec![(
                "package.json".to_owned(),
                format!(
                    "`name` is `{}`, but the folder is called `{name}`",
                    found.name
                ),
            )],
        })
    });
    Ok(described(found, printer))
}

/// The name of a folder.
pub(super) fn top(folder: &Path) -> Result<String, Failed> {
    let whole = folder.canonicalize().map_err(|error| {
        Failed::because(format!("`{}` cannot be read: {error}", folder.display()))
    })?;
    let name = whole.file_name().unwrap_or_default();
    Ok(name.to_string_lossy().into_owned())
}

fn described(
    found: Result<Description, RepositoryError>,
    printer: &mut Printer,
) -> (Option<Linted>, Vec<Value>) {
    match found {
        Ok(found) => {
            let told = found.warnings.iter().map(|warning| {
                printer.warning(warning);
                json!({ "file": "", "reason": warning, "severity": "warning" })
            });
            let told = told.collect();
            (Some(Linted::Package(Box::new(found))), told)
        }
        Err(RepositoryError::Package { details }) => {
            let told = details.iter().map(|(file, reason)| {
                let shown = if file.is_empty() {
                    reason.clone()
                } else {
                    format!("{file}: {reason}")
                };
                printer.error(&shown);
                json!({ "file": file, "reason": reason, "severity": "error" })
            });
            (None, told.collect())
        }
        Err(error) => {
            printer.error(&error.to_string());
            let told = json!({ "file": "", "reason": error.to_string(), "severity": "error" });
            (None, vec![told])
        }
    }
}
