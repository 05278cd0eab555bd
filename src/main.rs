//! The `storekeeper` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else makes a thread: the keeper is small and stays so.
    storekeeper::platform::run_keeper_if_asked();
    storekeeper::cli::main()
}
