//! `storekeeper app`.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::super::catalog::{print, text};
use super::super::client::{Client, encoded};
use super::super::printer::Printer;
use super::super::{Failed, Outcome, Output};
use super::{app_id, find_app, rows};

/// Uploads, lists, shows, edits and deletes apps that are published
///
/// Exit codes: 0 ok, 2 usage, 3 the package cannot be taken, 4 its name is taken or its state does not
/// allow it, 5 denied, 6 the repository cannot be reached.
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Makes an app with its first version, a draft, of a package
    Upload {
        /// The package: .zip, .tar, .tgz or .tar.bz2
        file: PathBuf,
        /// The repository that it is published in
        #[arg(long, default_value = "local", value_name = "NAME|ID")]
        repo: String,
        /// The app's name, which the package must bear
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        /// A category, by its id; may be repeated
        #[arg(long, value_name = "ID")]
        category: Vec<String>,
        /// What is new in the first version
        #[arg(long, value_name = "TEXT", default_value = "")]
        description: String,
        #[command(flatten)]
        output: Output,
    },
    /// Lists your apps; administrators see everybody's
    #[command(visible_alias = "ls")]
    List {
        /// Only those that have all these words
        #[arg(value_name = "WORDS", default_value = "")]
        search: String,
        /// Only those in this state: draft, active, suspended, deleted
        #[arg(long, value_name = "STATE")]
        status: Vec<String>,
        /// How many
        #[arg(long, default_value_t = 100, value_name = "NUMBER")]
        limit: u64,
        /// After how many others
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Shows an app with its versions
    Show {
        /// Its name or id
        app: String,
        #[command(flatten)]
        output: Output,
    },
    /// Changes what an app is; the store shows it with the next release
    Edit(Edit),
    /// Deletes an app whose versions are all deleted
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name or id
        app: String,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Edit {
    /// Its name or id
    app: String,
    /// What it is, in a sentence
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// A file that tells it at length
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    /// Its home page
    #[arg(long, value_name = "ADDRESS")]
    home_page: Option<String>,
    /// Words by which it is found, with commas between them
    #[arg(long, value_name = "WORDS")]
    keywords: Option<String>,
    /// Where its sources are, with commas between them
    #[arg(long, value_name = "ADDRESSES")]
    sources: Option<String>,
    /// Its categories by their ids, with commas between them
    #[arg(long, value_name = "IDS")]
    category: Option<String>,
    /// A picture for its icon; `-` removes it
    #[arg(long, value_name = "FILE|-")]
    icon: Option<PathBuf>,
    /// A picture of it at work, for one of the places 0 to 5: `0=FILE`; `0=-` removes it; may be repeated
    #[arg(long, value_name = "PLACE=FILE")]
    screenshot: Vec<String>,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(in super::super) async fn run(args: Args, client: &Client, printer: &mut Printer) -> Outcome {
    obey(args.what, client, printer)
        .await
        .map_err(Failed::coded)
}

async fn obey(what: What, client: &Client, printer: &mut Printer) -> Outcome {
    match what {
        What::Upload {
            file,
            repo,
            name,
            category,
            description,
            output,
        } => {
            let path = format!(
                "/v1/apps?repo_id={}&name={}&category_id={}&description={}",
                encoded(&repo),
                encoded(&name),
                encoded(&category.join(",")),
                encoded(&description)
            );
            let made = client.v1_upload(Method::POST, &path, &file).await?;
            if output.json {
                return Ok(printer.json(&made)?);
            }
            printer.line(format!(
                "uploaded as a draft: app {}, version {}; `storekeeper version submit {1}` asks for its review",
                text(&made, "app_id"),
                text(&made, "version_id")
            ))?;
            Ok(())
        }
        What::List {
            search,
            status,
            limit,
            offset,
            output,
        } => {
            let path = format!(
                "/v1/apps?search_word={}&status={}&limit={limit}&offset={offset}",
                encoded(&search),
                encoded(&status.join(","))
            );
            let answer: Value = client.v1_get(&path).await?;
            list(&answer, &output, printer)
        }
        What::Show { app, output } => show(&app, &output, client, printer).await,
        What::Edit(args) => edit(args, client, printer).await,
        What::Rm { app, output } => {
            let id = app_id(client, &app).await?;
            let body = json!({ "app_id": [id] });
            let answer = client.v1_send(Method::DELETE, "/v1/apps", &body).await?;
            if output.json {
                return Ok(printer.json(&answer)?);
            }
            Ok(printer.line(format!("{app} was deleted"))?)
        }
    }
}

/// Prints a list of apps.
pub(super) fn list(answer: &Value, output: &Output, printer: &mut Printer) -> Outcome {
    if output.json {
        return Ok(printer.json(answer)?);
    }
    let rows = rows(answer, "app_set");
    if rows.is_empty() {
        return Ok(printer.line("there are no apps")?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header([
        "NAME",
        "STATE",
        "LATEST",
        "ITS STATE",
        "REPOSITORY",
        "OWNER",
        "ID",
    ]);
    for row in rows {
        let latest = row.get("latest_app_version").cloned().unwrap_or_default();
        table.add_row([
            text(row, "name"),
            text(row, "status"),
            text(&latest, "name"),
            text(&latest, "status"),
            text(row, "repo_id"),
            text(row, "owner"),
            text(row, "app_id"),
        ]);
    }
    print(&table, printer)
}

/// Prints an app with its versions.
pub(super) async fn show(
    app: &str,
    output: &Output,
    client: &Client,
    printer: &mut Printer,
) -> Outcome {
    let found = find_app(client, app).await?;
    let id = text(&found, "app_id");
    let query = format!("app_id={}&sort_key=sequence&limit=200", encoded(&id));
    let mut versions: Value = client.v1_get(&format!("/v1/app_versions?{query}")).await?;
    if rows(&versions, "app_version_set").is_empty() {
        let path = format!("/v1/active_app_versions?{query}");
        versions = client.v1_get(&path).await?;
    }
    if output.json {
        let mut all = found;
        if let Some(all) = all.as_object_mut() {
            let set = rows(&versions, "app_version_set").to_vec();
            all.insert("app_version_set".to_owned(), set.into());
        }
        return Ok(printer.json(&all)?);
    }
    for (title, key) in [
        ("name", "name"),
        ("id", "app_id"),
        ("state", "status"),
        ("repository", "repo_id"),
        ("owner", "owner"),
        ("description", "description"),
        ("home", "home"),
        ("keywords", "keywords"),
        ("icon", "icon"),
        ("updated", "update_time"),
    ] {
        let value = text(&found, key);
        if !value.is_empty() {
            printer.line(format!("{:<12} {value}", format!("{title}:")))?;
        }
    }
    let categories: Vec<String> = rows(&found, "category_set")
        .iter()
        .map(|category| text(category, "name"))
        .collect();
    printer.line(format!("{:<12} {}", "categories:", categories.join(", ")))?;
    printer.line("")?;
    super::version::table(&versions, printer)
}

async fn edit(args: Edit, client: &Client, printer: &mut Printer) -> Outcome {
    let id = app_id(client, &args.app).await?;
    let mut body = Map::new();
    let readme = match &args.readme {
        Some(file) => Some(String::from_utf8_lossy(&read(file)?).into_owned()),
        None => None,
    };
    for (key, value) in [
        ("description", args.description),
        ("readme", readme),
        ("home", args.home_page),
        ("keywords", args.keywords),
        ("sources", args.sources),
        ("category_id", args.category),
    ] {
        if let Some(value) = value {
            body.insert(key.to_owned(), value.into());
        }
    }
    if !body.is_empty() {
        body.insert("app_id".to_owned(), id.as_str().into());
        let body = Value::Object(body);
        client.v1_send(Method::PATCH, "/v1/apps", &body).await?;
    }
    if let Some(icon) = &args.icon {
        attach(client, &id, "icon", 0, icon).await?;
    }
    for screenshot in &args.screenshot {
        let (place, file) = screenshot
            .split_once('=')
            .ok_or_else(|| wrong(screenshot))?;
        let place: u32 = place.parse().map_err(|_| wrong(screenshot))?;
        attach(client, &id, "screenshot", place, Path::new(file)).await?;
    }
    if args.output.json {
        return Ok(printer.json(&json!({ "app_id": id }))?);
    }
    Ok(printer.line(format!(
        "{} was changed; the store shows it with the next release",
        args.app
    ))?)
}

fn wrong(screenshot: &str) -> Failed {
    Failed::Coded(
        super::super::Code::Usage,
        format!("`{screenshot}` is no place and file; write e.g. 0=picture.png"),
    )
}

fn read(file: &Path) -> Result<Vec<u8>, Failed> {
    std::fs::read(file)
        .map_err(|error| Failed::because(format!("`{}` cannot be read: {error}", file.display())))
}

async fn attach(client: &Client, id: &str, kind: &str, place: u32, file: &Path) -> Outcome {
    use base64::Engine as _;
    let content = if file == Path::new("-") {
        Vec::new()
    } else {
        read(file)?
    };
    let content = base64::engine::general_purpose::STANDARD.encode(content);
    let body = json!({
        "app_id": id, "type": kind, "sequence": place, "attachment_content": content,
    });
    client
        .v1_send(Method::PATCH, "/v1/app/attachment", &body)
        .await?;
    Ok(())
}
