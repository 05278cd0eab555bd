//! What `bench/packages` measures: unpacks one archive into a folder that is not there, as an
//! install does, and tells how much it was.

use std::path::PathBuf;
use std::process::ExitCode;

use storekeeper::archive::{Limits, unpack_new};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(archive), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: bench_unpack ARCHIVE FOLDER");
        return ExitCode::from(2);
    };
    match unpack_new(&archive, &folder, &Limits::default(), &|_, _| {}, &|| false) {
        Ok(unpacked) => {
            let report = unpacked.report;
            println!("{} files, {} bytes", report.files, report.bytes);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
