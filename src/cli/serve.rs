//! `storekeeper serve`.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use super::printer::Printer;
use super::{Failed, Outcome, demo, home_or_default, package_server};
use crate::api::{self, Bound, Listen, Options, Origin, Served};
use crate::package::settings::Settings;
use crate::package::shelf::{Note, Report, drop_folder};
use crate::service::Service;

/// The largest package that the package server inside the service takes, as the service itself does.
const MAX_PACKAGE_BYTES: u64 = 8 << 30;

/// Runs the service until it is told to end
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to listen; port 0 takes a free one. An address that others can reach needs the token
    /// [default: localhost:56780]
    #[arg(long, value_name = "ADDR[:PORT]")]
    listen: Option<Listen>,
    /// Let pages of this origin use the service, e.g. `http://localhost:8215`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<Origin>,
    /// Another name by which this computer is called; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// Demand from programs the token that lies in data/token below the home
    #[arg(long)]
    token: bool,
    /// Take the page's files from this folder instead of the program, for working on them
    #[arg(long = "static", value_name = "DIR")]
    page: Option<PathBuf>,
    /// Also run a package server for clients of Qt's appman-package-server, e.g. at localhost:8020
    #[arg(long, value_name = "ADDR[:PORT]")]
    package_server: Option<String>,
    /// Its data folder [default: packages below the home]
    #[arg(long, value_name = "FOLDER", requires = "package_server")]
    package_folder: Option<PathBuf>,
    /// Keep publishing and accounts in a PostgreSQL that several servers share, e.g.
    /// `postgres://USER:PASSWORD@HOST/DATABASE`; else in the home
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "STOREKEEPER_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,
    /// Use a home of its own (~/.godoos-demo) with a small app in it, running
    #[arg(long)]
    demo: bool,
}

/// Runs the command.
pub(super) fn run(args: Args, home: Option<PathBuf>, printer: &mut Printer) -> Outcome {
    log_to_stderr("warn,storekeeper=info");
    let home = match home {
        None if args.demo => home_or_default(None)?.with_file_name(".godoos-demo"),
        home => home_or_default(home)?,
    };
    if let Some(page) = &args.page
        && !page.join("index.html").is_file()
    {
        return Err(Failed::because(format!(
            "`{}` is no folder with the page's files: it has no index.html; give the folder `static` of the sources with --static",
            page.display()
        )));
    }
    let home = std::path::absolute(&home).map_err(Failed::because)?;
    crate::platform::share_heap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // Reading files is short work: more threads would only cost memory.
        .max_blocking_threads(8)
        .thread_keep_alive(Duration::from_secs(1))
        .enable_all()
        .build()
        .map_err(Failed::because)?;
    runtime.block_on(async {
        // First the port: when it is taken, nothing else has happened yet.
        let listen = args.listen.unwrap_or_default();
        let bound = api::bind(listen).map_err(Failed::because)?;
        if args.demo {
            demo::put_in_place(&home)?;
        }
        let command = command(&home, &args);
        let service = Service::open_with(&home, args.database.as_deref())
            .await
            .map_err(Failed::because)?;
        let ending = CancellationToken::new();
        let shelf = match args.package_server {
            None => None,
            Some(address) => {
                let folder = args.package_folder;
                let hosts = &args.allow_host;
                match serve_packages(&service, address, folder, hosts, &ending).await {
                    Ok(served) => Some(served),
                    Err(reason) => {
                        service.close().await;
                        return Err(Failed::Because(reason));
                    }
                }
            }
        };
        let options = Options {
            command,
            origins: args.allow_origin,
            hosts: args.allow_host,
            token: args.token,
            page: args.page,
            shelf: shelf.clone(),
        };
        let for_demo = args.demo.then(|| service.clone());
        let shown_home = home.clone();
        let mut said = Ok(());
        let ready = |bound: &Bound| {
            said = say(printer, bound, &shown_home, options.shelf.as_ref());
            if let Some(service) = for_demo {
                tokio::spawn(demo::start(service, bound.url()));
            }
        };
        let served = api::serve(service, bound, options.clone(), ready).await;
        ending.cancel();
        if let Some(Served { shelf, .. }) = shelf {
            // It only gives its folder back.
            let _ = tokio::task::spawn_blocking(move || shelf.close()).await;
        }
        served.map_err(Failed::because)?;
        // The service did its work, whether its first line was read or not.
        match said {
            Ok(()) | Err(Failed::NobodyReads) => Ok(()),
            Err(other) => Err(other),
        }
    })
}

/// Runs a package server until the token is cancelled.
async fn serve_packages(
    service: &Service,
    address: String,
    folder: Option<PathBuf>,
    hosts: &[String],
    ending: &CancellationToken,
) -> Result<Served, String> {
    let folder = folder.unwrap_or_else(|| service.library.shelf_dir());
    let events = service.events.clone();
    let report: Report = Box::new(move |notes| {
        for note in notes {
            tracing::info!("package server: {}", note.to_string().trim());
        }
        let changes = |note: &Note| {
            matches!(
                note,
                Note::Adding(_) | Note::Updating(_) | Note::Removing(_)
            )
        };
        if notes.iter().any(changes) {
            events.publish("shelf", &serde_json::json!({}));
        }
    });
    let opened = tokio::task::spawn_blocking(move || {
        let given = Settings {
            listen_address: Some(address),
            ..Settings::default()
        };
        let opened = package_server::open(&folder, given, false, |rules| {
            rules.max_bytes = MAX_PACKAGE_BYTES;
            report
        })?;
        opened.shelf.scan();
        drop_folder::watch(&opened.shelf)
            .map_err(|error| package_server::cannot_watch(&opened.shelf, &error))?;
        Ok::<_, String>(opened)
    });
    let opened = opened.await.map_err(|fault| fault.to_string())??;
    let served = Served {
        shelf: opened.shelf.clone(),
        url: opened.listening.address.url(),
        project: opened.project.clone(),
    };
    let (hosts, ending) = (hosts.to_vec(), ending.clone());
    tokio::spawn(async move {
        let ended = api::package_server::serve(
            opened.listening,
            opened.shelf,
            opened.project,
            &hosts,
            ending,
        );
        if let Err(error) = ended.await {
            tracing::error!("the package server ended: {error}");
        }
    });
    Ok(served)
}

/// The command that starts the service like this again, whatever the working directory is then; or why
/// there is none.
fn command(home: &Path, args: &Args) -> Result<Vec<OsString>, String> {
    // Its address holds a password, which would stand in a readable file; and without it the service
    // would come back with another database, in which there are no accounts.
    if args.database.is_some() {
        return Err("it was started with --database; let the system start it with STOREKEEPER_DATABASE in its environment, e.g. by a systemd unit of your own".to_owned());
    }
    let program = std::env::current_exe()
        .map_err(|error| format!("it does not know where its own program lies: {error}"))?;
    let mut command: Vec<OsString> = vec![program.into(), "serve".into()];
    command.extend(["--home".into(), home.into()]);
    if let Some(listen) = args.listen {
        command.extend(["--listen".into(), listen.to_string().into()]);
    }
    for origin in &args.allow_origin {
        command.extend(["--allow-origin".into(), origin.to_string().into()]);
    }
    for host in &args.allow_host {
        command.extend(["--allow-host".into(), host.into()]);
    }
    if args.token {
        command.push("--token".into());
    }
    if let Some(address) = &args.package_server {
        command.extend(["--package-server".into(), address.into()]);
    }
    if let Some(folder) = &args.package_folder {
        let folder = std::path::absolute(folder).map_err(|error| error.to_string())?;
        command.extend(["--package-folder".into(), folder.into()]);
    }
    Ok(command)
}

fn say(printer: &mut Printer, bound: &Bound, home: &Path, shelf: Option<&Served>) -> Outcome {
    printer.line(format!(
        "Storekeeper is ready at {}/ (home {})",
        bound.url(),
        home.display()
    ))?;
    if let Some(Served { shelf, url, .. }) = shelf {
        printer.line(format!(
            "The package server is ready at {url}/ (folder {})",
            shelf.folder().display()
        ))?;
    }
    printer.flush()?;
    Ok(())
}

/// `STOREKEEPER_LOG` says what is logged, e.g. `debug` or `storekeeper::api=debug`.
pub(super) fn log_to_stderr(default: &str) {
    let filter =
        EnvFilter::try_from_env("STOREKEEPER_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a fault in Storekeeper: {panic}");
    }));
}
