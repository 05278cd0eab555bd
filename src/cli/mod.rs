//! The command line: one file per command. All but `serve` and `validate` talk to the running
//! service by its HTTP interface.

mod client;
mod completions;
mod config;
mod demo;
mod demo_hello;
mod doctor;
mod install;
mod jobs;
mod logs;
mod plan;
mod printer;
mod progress;
mod ps;
mod run;
mod serve;
mod start;
mod uninstall;
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
    Uninstall(uninstall::Args),
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
    Doctor(doctor::Args),
    Jobs(jobs::Args),
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
    /// Everything is said already.
    Quietly,
    /// Nobody reads what is printed any more (`| head`): no failure of ours.
    NobodyReads,
}

impl Failed {
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
    let arguments = Arguments::parse();
    let mut printer = Printer::new();
    let outcome = arguments.obey(&mut printer);
    let outcome = outcome.and_then(|()| Ok(printer.flush()?));
    match outcome {
        Ok(()) | Err(Failed::NobodyReads) => ExitCode::SUCCESS,
        Err(Failed::Quietly) => ExitCode::FAILURE,
        Err(Failed::Because(reason)) => {
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
            Command::Completions(args) => completions::run(&args, printer),
            Command::DemoHello(args) => demo_hello::run(&args),
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
            Self::Serve(_) | Self::Validate(_) | Self::Completions(_) | Self::DemoHello(_) => {
                Ok(())
            }
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
