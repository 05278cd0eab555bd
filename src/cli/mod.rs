//! The command line: one file per command. All but `serve`, `package-server`, `validate`, `pack`, `pkg`,
//! `ampkg` and `mirror` talk to the running service by its HTTP interface.

mod ampkg;
mod catalog;
mod client;
mod completions;
mod config;
mod demo;
mod demo_hello;
mod doctor;
mod export;
mod import;
mod install;
mod jobs;
mod logs;
mod mirror;
mod pack;
mod package_server;
mod pin;
mod pkg;
mod plan;
mod printer;
mod progress;
mod ps;
mod publish;
mod repo;
mod rollback;
mod run;
mod search;
mod serve;
mod settings;
mod skip;
mod start;
mod trash;
mod uninstall;
mod upgrade;
pub mod validate;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use self::client::Client;
use self::printer::Printer;

/// A local app store: installs, starts, sets up and supervises apps.
#[derive(Debug, Parser)]
#[command(name = "storekeeper", version, max_term_width = 100)]
struct Arguments {
    /// The data root; ~/.godoos when neither this nor the variable is given
    #[arg(long, global = true, env = "STOREKEEPER_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Install(install::Args),
    Upgrade(upgrade::Args),
    Rollback(rollback::Args),
    Pin(pin::Args),
    Skip(skip::Args),
    Uninstall(uninstall::Args),
    Trash(trash::Args),
    Export(export::Args),
    Import(import::Args),
    /// Starts apps; a running one is a success
    Start(start::Args),
    /// Stops apps with all their processes
    Stop(start::Args),
    /// Stops apps, if they run, and starts them
    Restart(start::Args),
    Ps(ps::Args),
    Logs(logs::Args),
    Config(config::Args),
    Run(run::Args),
    Plan(plan::Args),
    Validate(validate::Args),
    Pack(pack::Args),
    PackageServer(package_server::Args),
    Ampkg(ampkg::Args),
    Doctor(doctor::Args),
    Jobs(jobs::Args),
    Catalog(catalog::Args),
    Search(search::SearchArgs),
    Outdated(search::OutdatedArgs),
    Mirror(mirror::Args),
    Repo(repo::Args),
    Pkg(pkg::Args),
    App(publish::app::Args),
    Version(publish::version::Args),
    Store(publish::store::Args),
    Category(publish::category::Args),
    User(publish::user::Args),
    Settings(settings::Args),
    Completions(completions::Args),
    DemoHello(demo_hello::Args),
}

/// Given to every command that prints.
#[derive(Debug, Args)]
struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Why a command did not succeed.
#[derive(Debug)]
enum Failed {
    /// A sentence for the user.
    Because(String),
    /// The service refused it: its status and its words.
    Refused(u16, String),
    /// A sentence for the user, and the exit code by which scripts tell what it is.
    Coded(Code, String),
    /// Everything is said already.
    Quietly,
    /// Likewise, and the exit code is not the usual one.
    With(ExitCode),
    /// Nobody reads what is printed any more (`| head`): no failure of ours.
    NobodyReads,
}

/// What went wrong with a package or a repository, for scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Code {
    /// The command line makes no sense.
    Usage,
    /// A package is none, or not a good one.
    Package,
    /// It is there already, or in a state in which that cannot be done.
    Conflict,
    /// It is not allowed.
    Denied,
    /// A repository cannot be reached, read or written.
    Repository,
}

impl Code {
    fn exit(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage => 2,
            Self::Package => 3,
            Self::Conflict => 4,
            Self::Denied => 5,
            Self::Repository => 6,
        })
    }
}

impl Failed {
    /// The same with an exit code of its own, where the service refused it.
    fn coded(self) -> Self {
        match self {
            Self::Refused(status, message) => match status {
                400 | 404 => Self::Coded(Code::Usage, message),
                401 | 403 => Self::Coded(Code::Denied, message),
                409 | 412 => Self::Coded(Code::Conflict, message),
                422 => Self::Coded(Code::Package, message),
                502 | 503 => Self::Coded(Code::Repository, message),
                _ => Self::Because(message),
            },
            other => other,
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that `map_err(Failed::because)` reads as it means"
    )]
    fn because(error: impl ToString) -> Self {
        Self::Because(error.to_string())
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::NobodyReads
        } else {
            Self::Because(format!("the output cannot be written: {error}"))
        }
    }
}

/// How a command ends.
type Outcome = Result<(), Failed>;

/// Reads the command line, obeys it, and answers the exit code: 0 ok, 1 failed, 2 usage.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        // The codes of `ampkg` are those of the original, for which 2 means something else.
        Err(error) if error.use_stderr() && ampkg::is_asked() => {
            let _ = error.print();
            return ExitCode::FAILURE;
        }
        Err(error) => error.exit(),
    };
    let mut printer = Printer::new();
    let outcome = arguments.obey(&mut printer);
    let outcome = outcome.and_then(|()| Ok(printer.flush()?));
    match outcome {
        Ok(()) | Err(Failed::NobodyReads) => ExitCode::SUCCESS,
        Err(Failed::Quietly) => ExitCode::FAILURE,
        Err(Failed::With(code)) => code,
        Err(Failed::Coded(code, reason)) => {
            printer.error(&reason);
            code.exit()
        }
        Err(Failed::Because(reason) | Failed::Refused(_, reason)) => {
            printer.error(&reason);
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn obey(self, printer: &mut Printer) -> Outcome {
        let home = self.home;
        match self.command {
            Command::Serve(args) => serve::run(args, home, printer),
            Command::Validate(args) => {
                if validate::run(&args, printer.writer())? {
                    Ok(())
                } else {
                    Err(Failed::Quietly)
                }
            }
            Command::Pack(args) => pack::run(&args, printer),
            Command::PackageServer(args) => package_server::run(args, printer),
            Command::Ampkg(args) => ampkg::run(args, printer),
            Command::Completions(args) => completions::run(&args, printer),
            Command::DemoHello(args) => demo_hello::run(&args),
            Command::Mirror(args) => mirror::run(&args, home, printer),
            Command::Pkg(args) => pkg::run(&args, printer),
            command => {
                let home = home_or_default(home)?;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Failed::because)?;
                runtime.block_on(async {
                    let client = Client::of_home(&home)?;
                    command.ask(&client, printer).await
                })
            }
        }
    }
}

impl Command {
    /// The commands that talk to the service.
    async fn ask(self, client: &Client, printer: &mut Printer) -> Outcome {
        match self {
            Self::Install(args) => install::run(args, client, printer).await,
            Self::Upgrade(args) => upgrade::run(args, client, printer).await,
            Self::Rollback(args) => rollback::run(&args, client, printer).await,
            Self::Pin(args) => pin::run(&args, client, printer).await,
            Self::Skip(args) => skip::run(&args, client, printer).await,
            Self::Trash(args) => trash::run(&args, client, printer).await,
            Self::Export(args) => export::run(&args, client, printer).await,
            Self::Import(args) => import::run(&args, client, printer).await,
            Self::Uninstall(args) => uninstall::run(args, client, printer).await,
            Self::Start(args) => start::run(args, start::Change::Start, client, printer).await,
            Self::Stop(args) => start::run(args, start::Change::Stop, client, printer).await,
            Self::Restart(args) => start::run(args, start::Change::Restart, client, printer).await,
            Self::Ps(args) => ps::run(&args, client, printer).await,
            Self::Logs(args) => logs::run(&args, client, printer).await,
            Self::Config(args) => config::run(args, client, printer).await,
            Self::Run(args) => run::run(&args, client, printer).await,
            Self::Plan(args) => plan::run(&args, client, printer).await,
            Self::Doctor(args) => doctor::run(&args, client, printer).await,
            Self::Jobs(args) => jobs::run(&args, client, printer).await,
            Self::Settings(args) => settings::run(&args, client, printer).await,
            Self::Catalog(args) => catalog::run(args, client, printer).await,
            Self::Repo(args) => repo::run(args, client, printer).await,
            Self::App(args) => publish::app::run(args, client, printer).await,
            Self::Version(args) => publish::version::run(args, client, printer).await,
            Self::Store(args) => publish::store::run(args, client, printer).await,
            Self::Category(args) => publish::category::run(args, client, printer).await,
            Self::User(args) => publish::user::run(args, client, printer).await,
            Self::Search(args) => search::search(&args, client, printer).await,
            Self::Outdated(args) => search::outdated(&args, client, printer).await,
            Self::Serve(_)
            | Self::Validate(_)
            | Self::Pack(_)
            | Self::PackageServer(_)
            | Self::Ampkg(_)
            | Self::Completions(_)
            | Self::DemoHello(_)
            | Self::Mirror(_)
            | Self::Pkg(_) => Ok(()),
        }
    }
}

/// The home that was named, or `~/.godoos`.
fn home_or_default(home: Option<PathBuf>) -> Result<PathBuf, Failed> {
    home.or_else(|| Some(std::env::home_dir()?.join(".godoos")))
        .ok_or_else(|| {
            Failed::because(
                "there is no home directory to put the data in; name a folder with --home",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
