//! The command line against a running service: what it prints, and how it ends.

mod commands;
mod doctor;
mod failures;
mod installs;
mod logs;
mod pack;

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::Service;

/// How a command went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a command on the home of a service.
pub(crate) fn run(service: &Service, arguments: &[&str]) -> Ran {
    let output = command(service, arguments).output().unwrap();
    Ran {
        code: output.status.code().expect("it is not killed"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A command on the home of a service.
fn command(service: &Service, arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_storekeeper"));
    command
        .args(arguments)
        .env("STOREKEEPER_HOME", service.home())
        .current_dir(service.scratch())
        .stdin(Stdio::null());
    command
}

impl Ran {
    /// It went well, and said nothing beside its result.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        assert_eq!(self.err, "", "{self:?}");
        self
    }

    /// It failed with these words in its sentence.
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?}: {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
        self
    }

    /// Its output has these words.
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.out.contains(word), "{word:?}: {self:?}");
        }
        self
    }

    /// Its output is one JSON text and nothing else.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
