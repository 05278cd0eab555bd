//! What the service and the keeper of the processes say to each other: one JSON text a line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Version of this protocol. A keeper that speaks another one is refused.
pub const PROTOCOL: u32 = 1;

/// A program to run: everything expanded, nothing left to decide.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessSpec {
    /// The program; looked up in `PATH` when it has no separator.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: PathBuf,
    /// Variables beside those of the service's own environment.
    pub env: Vec<(String, String)>,
    /// The file that its output is appended to; rotated by size.
    pub log: PathBuf,
}

/// What a process is to its app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// The main process. What it leaves behind when it ends by itself is ended with it.
    Main,
    /// A program of a step. What it leaves behind belongs to the app until the app is stopped.
    Step,
    /// Left running by a step (`detach`).
    Helper,
}

/// Names one process of one app: `(app, 0)` is its main process, the others are counted up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessKey {
    /// The app.
    pub app: String,
    /// 0 for the main process.
    pub number: u64,
}

/// When a log is rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Size of one file, in bytes.
    pub max_bytes: u64,
    /// How many older files are kept.
    pub keep: u32,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            max_bytes: 10 << 20,
            keep: 5,
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// It was killed by this signal.
    Signal(i32),
    /// Nobody who could tell was there.
    Unknown,
}

/// From the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// The first order; answered by [`Report::Welcome`].
    Hello {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The environment that programs inherit.
        env: Vec<(String, String)>,
        /// When logs are rotated.
        rotation: Rotation,
    },
    /// Start a program; answered by [`Report::Spawned`] or [`Report::NotSpawned`], and at its end
    /// by [`Report::Exited`].
    Spawn {
        /// Its name.
        key: ProcessKey,
        /// What it is to its app.
        role: Role,
        /// The program.
        spec: ProcessSpec,
        /// Given back in [`Report::Welcome`].
        note: String,
    },
    /// End one process with all that it started; answered by [`Report::Ended`].
    End {
        /// Its name.
        key: ProcessKey,
        /// Milliseconds between the polite signal and the kill.
        grace: u64,
        /// Number of the question.
        question: u64,
    },
    /// End everything of an app that is not a running step; answered by [`Report::Ended`].
    EndApp {
        /// The app.
        app: String,
        /// Milliseconds between the polite signal and the kill.
        grace: u64,
        /// Number of the question.
        question: u64,
    },
    /// End this app's processes of that program name, the main one excepted; answered by
    /// [`Report::Ended`].
    EndNamed {
        /// The app.
        app: String,
        /// Name of the program: `mysqld`.
        name: String,
        /// Milliseconds between the polite signal and the kill.
        grace: u64,
        /// Number of the question.
        question: u64,
    },
    /// List an app's processes; answered by [`Report::Processes`].
    List {
        /// The app.
        app: String,
        /// Number of the question.
        question: u64,
    },
    /// Report growth of a log, or stop reporting it.
    Watch {
        /// The log.
        log: PathBuf,
        /// Whether to report.
        on: bool,
    },
    /// End when nothing is left to keep.
    Quit,
}

/// A process that the keeper knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Its name.
    pub key: ProcessKey,
    /// What it is to its app.
    pub role: Role,
    /// Its pid.
    pub pid: u32,
    /// Milliseconds since 1970.
    pub started_at: u64,
    /// Length of the log when it started.
    pub log_start: u64,
    /// What came with the order.
    pub note: String,
    /// How and when (milliseconds since 1970) it ended, when it did and nobody was told.
    pub ended: Option<(Exit, u64)>,
}

/// From the keeper.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Report {
    /// The first report: what an earlier service left. Ends that are told here are forgotten.
    Welcome {
        /// [`PROTOCOL`].
        protocol: u32,
        /// The processes.
        known: Vec<Known>,
    },
    /// A program runs.
    Spawned {
        /// Its name.
        key: ProcessKey,
        /// Its pid.
        pid: u32,
        /// Milliseconds since 1970.
        started_at: u64,
        /// Length of the log at that time.
        log_start: u64,
    },
    /// A program could not be started.
    NotSpawned {
        /// Its name.
        key: ProcessKey,
        /// What the system says.
        reason: String,
    },
    /// A process ended, its output is on disk, and (for a main process) what it left is gone.
    Exited {
        /// Its name.
        key: ProcessKey,
        /// Its pid.
        pid: u32,
        /// How.
        exit: Exit,
        /// Milliseconds since 1970.
        at: u64,
        /// Length of its log at that time.
        log_end: u64,
    },
    /// What was to be ended is gone.
    Ended {
        /// Number of the question.
        question: u64,
        /// Processes that even the hard signal did not end.
        left: Vec<u32>,
    },
    /// An app's processes, the main one first.
    Processes {
        /// Number of the question.
        question: u64,
        /// Their pids.
        pids: Vec<u32>,
    },
    /// A watched log has this length now.
    Grew {
        /// The log.
        log: PathBuf,
        /// Its length in bytes; smaller than before when it was rotated.
        length: u64,
    },
}
