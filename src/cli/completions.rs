//! `storekeeper completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::printer::Printer;
use super::{Arguments, Outcome};

/// Prints a script that completes this command line in a shell
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The shell
    shell: Shell,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    // Written to memory first: the generator panics when its output cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Arguments::command(),
        "storekeeper",
        &mut script,
    );
    printer.writer().write_all(&script)?;
    Ok(())
}
