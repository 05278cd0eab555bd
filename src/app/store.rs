//! `store.json`: how an app is run. The fields are those of the GodoOS store manual; the optional
//! keys of ours are marked.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::config_schema::ConfigSchema;
use super::install::Item;

/// The names of the built-in commands.
pub const BUILTINS: [&str; 12] = [
    "start",
    "stop",
    "restart",
    "exec",
    "writeFile",
    "changeFile",
    "deleteFile",
    "unzip",
    "zip",
    "mkdir",
    "startApp",
    "stopApp",
];

/// The record of one `store.json`, exactly as written: placeholders unexpanded, names unresolved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreInfo {
    /// The app's name; optional, `install.json` wins.
    pub name: String,
    /// Icon: a file below `static/`.
    pub icon: String,
    /// Category; `install.json` wins.
    pub category: String,
    /// Description; `install.json` wins.
    pub desc: String,
    /// The program and how it is kept running.
    pub setting: Setting,
    /// The app's settings with their defaults. Each key is a placeholder.
    pub config: Map<String, Value>,
    /// Ours: what the settings are, so that a form can ask for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<ConfigSchema>,
    /// The command lists by name.
    pub commands: IndexMap<String, Vec<Step>>,
    /// What is done at install.
    pub install: InstallSection,
    /// What is done at start.
    pub start: StartSection,
    /// Keys that the manual does not know, kept as they are.
    #[serde(flatten)]
    #[schemars(skip)]
    pub extra: Map<String, Value>,
}

/// The main program of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Setting {
    /// Path of the program, e.g. `{exePath}/bin/mysqld`.
    pub bin_path: String,
    /// The program's configuration file; `<confPath>.tpl` is rendered to it at install.
    pub conf_path: String,
    /// Name of the program's processes, for programs that start more than one.
    pub progress_name: String,
    /// Whether the app is restarted when it ends by itself.
    pub is_on: bool,
    /// Ours: when a started app counts as ready.
    pub ready: Option<Until>,
    /// Ours: seconds between the polite signal and the kill; 10 when absent.
    pub stop_timeout: Option<f64>,
}

/// One step of a command list, as written. Which fields count depends on `name`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Step {
    /// A built-in command (start, stop, restart, exec, writeFile, changeFile, deleteFile, unzip,
    /// zip, mkdir, startApp, stopApp) or a key of `commands`.
    pub name: String,
    /// File or folder that the step works on.
    pub file_path: String,
    /// Text, target folder, archive, app or process name, depending on the command.
    pub content: String,
    /// Program of `exec`.
    pub bin_path: String,
    /// Template of `changeFile`.
    pub tpl_path: String,
    /// Arguments of `exec`.
    pub cmds: Vec<String>,
    /// Seconds; see `exec`.
    pub waiting: f64,
    /// End the program after `waiting`.
    pub kill: bool,
    /// Environment variables of `exec`.
    pub envs: Vec<Item>,
    /// Ours: a non-zero exit is an error.
    pub strict: bool,
    /// Ours: seconds that `exec` may take; 600 when absent.
    pub timeout: Option<f64>,
    /// Ours: working directory of `exec`; the app's folder when empty.
    pub cwd: String,
    /// Ours: leave the program running as a helper of the app.
    pub detach: bool,
    /// Ours: what `waiting` really waits for.
    pub until: Option<Until>,
}

/// Ours: a condition to wait for; exactly one of port, http, file and log is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Until {
    /// A TCP port on this computer that accepts a connection; a number or `"{port}"`.
    pub port: Option<String>,
    /// An address that answers a GET with a status below 400.
    pub http: Option<String>,
    /// A file that exists.
    pub file: Option<String>,
    /// A text in the program's output since its start.
    pub log: Option<String>,
    /// Seconds; 60 when absent.
    pub timeout: Option<f64>,
}

/// The `install` section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstallSection {
    /// Environment of the install commands.
    pub install_envs: Vec<Item>,
    /// Keys of `commands` (or built-ins) that are run at install.
    pub install_cmds: Vec<String>,
}

/// The `start` section.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StartSection {
    /// Environment of the program and of the commands before and after it.
    pub start_envs: Vec<Item>,
    /// Keys of `commands` (or built-ins) that are run before the program starts.
    pub before_cmds: Vec<String>,
    /// The program's arguments.
    pub start_cmds: Vec<String>,
    /// Keys of `commands` (or built-ins) that are run after the program started.
    pub after_cmds: Vec<String>,
}
