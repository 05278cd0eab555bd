//! `storekeeper serve`.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use super::printer::Printer;
use super::{Failed, Outcome, demo, home_or_default};
use crate::api::{self, Bound, Listen, Options, Origin};
use crate::service::Service;

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
    /// Use a home of its own (~/.godoos-demo) with a small app in it, running
    #[arg(long)]
    demo: bool,
}

/// Runs the command.
pub(super) fn run(args: Args, home: Option<PathBuf>, printer: &mut Printer) -> Outcome {
    log_to_stderr();
    let home = match home {
        None if args.demo => home_or_default(None)?.with_file_name(".godoos-demo"),
        home => home_or_default(home)?,
    };
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
        let service = Service::open(&home).await.map_err(Failed::because)?;
        let options = Options {
            origins: args.allow_origin,
            hosts: args.allow_host,
            token: args.token,
        };
        let for_demo = args.demo.then(|| service.clone());
        let shown_home = home.clone();
        let mut said = Ok(());
        let ready = |bound: &Bound| {
            said = say(printer, bound, &shown_home);
            if let Some(service) = for_demo {
                tokio::spawn(demo::start(service, bound.url()));
            }
        };
        api::serve(service, bound, options, ready)
            .await
            .map_err(Failed::because)?;
        // The service did its work, whether its first line was read or not.
        match said {
            Ok(()) | Err(Failed::NobodyReads) => Ok(()),
            Err(other) => Err(other),
        }
    })
}

fn say(printer: &mut Printer, bound: &Bound, home: &std::path::Path) -> Outcome {
    printer.line(format!(
        "Storekeeper is ready at {}/ (home {})",
        bound.url(),
        home.display()
    ))?;
    printer.flush()?;
    Ok(())
}

/// `STOREKEEPER_LOG` says what is logged, e.g. `debug` or `storekeeper::api=debug`.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_env("STOREKEEPER_LOG")
        .unwrap_or_else(|_| EnvFilter::new("warn,storekeeper=info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a fault in Storekeeper: {panic}");
    }));
}
