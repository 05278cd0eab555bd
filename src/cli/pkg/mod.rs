//! `storekeeper pkg`: what a developer of packages needs, without a running service.

mod create;
mod index;
mod inspect;
mod lint;
mod pack;
mod serve;

use super::printer::Printer;
use super::{Code, Failed, Outcome};
use crate::repository::RepositoryError;

/// Makes, checks, packs, lists and serves packages
///
/// Exit codes: 0 ok, 1 failed, 2 usage, 3 a package is not good.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Create(create::Args),
    Lint(lint::Args),
    Pack(pack::Args),
    Index(index::Args),
    Serve(serve::Args),
    Inspect(inspect::Args),
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    match &args.what {
        What::Create(args) => create::run(args, printer),
        What::Lint(args) => lint::run(args, printer),
        What::Pack(args) => pack::run(args, printer),
        What::Index(args) => index::run(args, printer),
        What::Serve(args) => serve::run(args, printer),
        What::Inspect(args) => inspect::run(args, printer),
    }
}

/// What is wrong with a package has an exit code of its own.
fn failed(error: RepositoryError) -> Failed {
    match error {
        RepositoryError::Package { .. }
        | RepositoryError::Unusable { .. }
        | RepositoryError::Archive(_) => Failed::Coded(Code::Package, error.to_string()),
        other => Failed::because(other),
    }
}
