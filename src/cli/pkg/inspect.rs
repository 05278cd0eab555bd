//! `storekeeper pkg inspect`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use comfy_table::{Table, presets};

use crate::cli::catalog::print;
use crate::cli::pack::size;
use crate::cli::printer::Printer;
use crate::cli::{Outcome, Output};
use crate::repository::{Description, inspect};

/// Describes a package: ours, OpenPitrix's or a Helm chart
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The package
    package: PathBuf,
    /// The language of an OpenPitrix package's texts, e.g. zh-cn
    #[arg(long, value_name = "LANGUAGE")]
    locale: Option<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let found = inspect(&args.package).map_err(super::failed)?;
    if args.output.json {
        return Ok(printer.json(&found)?);
    }
    show(&found, args.locale.as_deref(), printer)
}

fn show(found: &Description, locale: Option<&str>, printer: &mut Printer) -> Outcome {
    let none = BTreeMap::new();
    let texts = locale.and_then(|it| found.locales.get(it)).unwrap_or(&none);
    let local = |text: &String| texts.get(text).unwrap_or(text).clone();
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let maintainers: Vec<&str> = found.maintainers.iter().map(|it| &*it.name).collect();
    let languages: Vec<&str> = found.locales.keys().map(String::as_str).collect();
    let digest = found.digest.map(|it| it.to_string()).unwrap_or_default();
    for (what, value) in [
        ("name", found.name.clone()),
        ("version", found.version.clone()),
        ("app version", found.app_version.clone()),
        ("kind", found.kind.as_str().to_owned()),
        ("description", local(&found.description)),
        ("home", found.home.clone()),
        ("category", found.category.clone()),
        ("platforms", found.platforms.join(" ")),
        ("keywords", found.keywords.join(" ")),
        ("maintainers", maintainers.join(", ")),
        ("sources", found.sources.join(" ")),
        ("languages", languages.join(" ")),
        ("files", found.files.len().to_string()),
        ("size", size(found.size)),
        ("sha256", digest),
    ] {
        if !value.is_empty() {
            table.add_row([what, &value]);
        }
    }
    print(&table, printer)?;
    if !found.parameters.is_empty() {
        let mut table = Table::new();
        let header = ["PARAMETER", "TYPE", "DEFAULT", "NEEDED", "LABEL", "MEANING"];
        table.load_style(presets::NOTHING).set_header(header);
        for parameter in &found.parameters {
            let default = match &parameter.default {
                serde_json::Value::Null => String::new(),
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            table.add_row([
                parameter.key.clone(),
                parameter.kind.clone(),
                default,
                if parameter.required { "yes" } else { "" }.to_owned(),
                local(&parameter.label),
                local(&parameter.description),
            ]);
        }
        print(&table, printer)?;
    }
    for warning in &found.warnings {
        printer.warning(warning);
    }
    if let Some(reason) = found.refusal {
        printer.note(&format!("it cannot be installed here: {reason}"));
    }
    Ok(())
}
