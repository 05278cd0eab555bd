//! The command lists: a step is one variant of [`Command`], one file each.

mod change_file;
pub mod check;
mod context;
mod delete_file;
mod diff;
mod exec;
pub mod files;
pub mod load;
mod mkdir;
mod output;
pub mod plan;
pub mod preview;
pub mod produce;
mod program;
mod restart;
mod run;
mod start;
mod start_app;
mod stop;
mod stop_app;
pub mod title;
mod unzip;
mod write_file;
pub mod written;
mod zip;

pub(crate) use change_file::render;
pub use context::{Answer, Context, Host, StepEnd, StepError, StepErrorKind};
pub use run::{run, run_one};

use crate::app::install::Item;
use crate::app::store::Until;

/// A step whose name is resolved and whose fields are demanded. Texts still hold placeholders: they
/// are expanded when the step runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start the app's own process.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Run a program.
    Exec(Box<Exec>),
    /// Write `content` to a file.
    WriteFile {
        /// The file.
        file: String,
        /// Its content.
        content: String,
    },
    /// Render a template to a file.
    ChangeFile {
        /// The template; rendered by Handlebars when its name ends in `.hbs`.
        template: String,
        /// The file.
        file: String,
    },
    /// Delete a file or an empty folder.
    DeleteFile {
        /// The file or folder.
        file: String,
    },
    /// Unpack an archive.
    Unzip {
        /// The archive.
        archive: String,
        /// The folder.
        folder: String,
    },
    /// Pack a folder.
    Zip {
        /// The folder.
        folder: String,
        /// The archive.
        archive: String,
    },
    /// Make a folder with its parents.
    Mkdir {
        /// The folder.
        folder: String,
    },
    /// Start another app.
    StartApp {
        /// Its name.
        app: String,
    },
    /// Stop another app.
    StopApp {
        /// Its name.
        app: String,
    },
}

/// The fields of `exec`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exec {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its environment, beside the list's.
    pub envs: Vec<Item>,
    /// Its working directory; the app's folder when empty.
    pub cwd: String,
    /// Seconds to wait: after its end, or with `kill` at most for its end.
    pub waiting: f64,
    /// End it after `waiting`.
    pub kill: bool,
    /// With `kill`: name of further processes of this app to end.
    pub process_name: String,
    /// A non-zero exit is an error.
    pub strict: bool,
    /// Seconds it may take.
    pub timeout: f64,
    /// Leave it running as a helper of the app.
    pub detach: bool,
    /// What `waiting` really waits for.
    pub until: Option<Until>,
}
