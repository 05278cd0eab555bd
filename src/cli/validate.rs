//! `storekeeper validate FOLDER…`: every mistake in apps' manifests, without a running service.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::app::problem::draw;
use crate::app::{App, AppName, Problem};
use crate::command::check::check;
use crate::command::files::Disk;
use crate::command::load::load;

/// Looks for mistakes in the manifests of apps.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Folders of apps: each holds an install.json and mostly a store.json
    #[arg(required = true, value_name = "FOLDER")]
    pub folders: Vec<PathBuf>,
    /// Print the problems as a JSON array
    #[arg(long)]
    pub json: bool,
}

/// Reads the folders and prints what is wrong with them. Answers whether there is no error;
/// warnings are none.
///
/// # Errors
/// When the output cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> io::Result<bool> {
    let reports: Vec<Report> = args.folders.iter().map(|folder| report(folder)).collect();
    let count = |errors: bool| {
        let problems = reports.iter().flat_map(|report| &report.problems);
        problems
            .filter(|problem| problem.is_error() == errors)
            .count()
    };
    let (errors, warnings) = (count(true), count(false));
    if args.json {
        let problems: Vec<Value> = reports.iter().flat_map(Report::to_json).collect();
        writeln!(out, "{:#}", Value::Array(problems))?;
    } else {
        for report in &reports {
            write!(out, "{}", report.drawn)?;
        }
        writeln!(
            out,
            "{} checked: {}, {}",
            counted(reports.len(), "app"),
            counted(errors, "error"),
            counted(warnings, "warning")
        )?;
    }
    Ok(errors == 0)
}

/// What was found in one folder.
pub(super) struct Report {
    folder: String,
    /// The app, as far as it was understood.
    pub(super) app: Option<App>,
    pub(super) problems: Vec<Problem>,
    /// The problems as people see them.
    pub(super) drawn: String,
}

impl Report {
    fn new(folder: &Path, app: Option<App>, problems: Vec<Problem>) -> Self {
        let folder = folder.to_string_lossy().replace('\\', "/");
        let folder = match folder.trim_end_matches('/') {
            "" => folder,
            trimmed => trimmed.to_owned(),
        };
        let drawn = draw(&problems, &folder, &|file| {
            app.as_ref()?.text_of(file).map(str::to_owned)
        });
        Self {
            folder,
            app,
            problems,
            drawn,
        }
    }

    /// The problems, each with the folder before its file.
    fn to_json(&self) -> impl Iterator<Item = Value> {
        self.problems.iter().map(|problem| {
            json!({
                "file": format!("{}/{}", self.folder, problem.file),
                "path": problem.path,
                "line": problem.line,
                "column": problem.column,
                "severity": problem.severity,
                "message": problem.message,
                "help": problem.help,
            })
        })
    }
}

/// Checks the app in a folder.
pub(super) fn report(folder: &Path) -> Report {
    let fail = |message: String, help: &str| {
        let problem = Problem::error("install.json", "", message).with_help(help);
        Report::new(folder, None, vec![problem])
    };
    // `.` has a name only when its links and dots are followed.
    let dir = match folder.canonicalize() {
        Ok(dir) if dir.is_dir() => dir,
        Ok(_) => {
            let message = format!("`{}` is not a folder", folder.display());
            return fail(message, "give the folder that the file lies in");
        }
        Err(error) => {
            let message = format!("the folder `{}` cannot be read: {error}", folder.display());
            return fail(message, "");
        }
    };
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let name = match AppName::parse(&name) {
        Ok(name) => name,
        Err(error) => return fail(error.to_string(), "rename the folder"),
    };
    let (app, problems) = load(&name, &dir);
    let problems = match &app {
        Some(app) => check(app, problems, &Disk::new(&dir)),
        None => problems,
    };
    Report::new(folder, app, problems)
}

/// `1 app`, `2 apps`.
pub(super) fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Validates an app `demo` with these files; answers what is printed, the temporary folder
    /// taken out, and whether all is well.
    fn check(files: &[(&str, &str)], json: bool) -> (String, bool) {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let dir = home.join("run").join("demo");
        fs::create_dir_all(dir.join("bin")).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
        }
        let args = Args {
            folders: vec![dir],
            json,
        };
        let mut out = Vec::new();
        let good = run(&args, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        let folder = format!("{}/run/", home.to_string_lossy().replace('\\', "/"));
        (out.replace(&folder, ""), good)
    }

    const INSTALL: &str = r#"{"name": "demo", "version": "1", "hasStart": true}"#;

    #[test]
    fn an_app_without_mistakes_is_good() {
        let store = r#"{
            "setting": {"binPath": "{exePath}/bin/server", "confPath": "{exePath}/server.conf"},
            "config": {"port": 1},
            "start": {"startCmds": ["--port={port}"]}
        }"#;
        let files = [
            ("install.json", INSTALL),
            ("store.json", store),
            ("server.conf.tpl", "port {port};"),
            ("bin/server", ""),
        ];
        let (out, good) = check(&files, false);
        assert_eq!(out, "1 app checked: 0 errors, 0 warnings\n");
        assert!(good);
        let (out, good) = check(&files, true);
        assert_eq!(out, "[]\n");
        assert!(good);
    }

    const BROKEN: &str = r#"{
  "name": "other",
  "setting": { "binPath": "{exePath}/bin/srever", "confPath": "/etc/server.conf" },
  "config": { "port": 1, "home": "x", "dir": "{exePath}/data", "a": "{prot}" },
  "commands": {
    "setting": [
      { "name": "exce", "binPath": "x" },
      { "name": "changeFile", "tplPath": "{exePath}/a.tpl", "filePath": "{dirr}/a.conf" },
      { "name": "changeFile", "tplPath": "{exePath}/b.tpl", "filePath": "{exePath}/../b" },
      { "name": "initData" },
    ],
    "initData": [
      { "name": "exec", "binPath": "{exePath}/bin/x", "cmds": ["{password}"], "detach": true, "kill": true },
      { "name": "setting" },
      { "name": "startApp", "content": "a/b" }
    ],
    "unpack": [
      { "name": "unzip", "filePath": "{exePath}/tools.zip", "content": "tools" },
      { "name": "exec", "binPath": "tools/run" },
      { "name": "exec", "binPath": "sh" }
    ]
  },
  "start": { "beforeCmds": ["restart", "unpack"] }
}"#;

    #[test]
    #[expect(
        clippy::too_many_lines,
        reason = "that is what the drawn problems need"
    )]
    fn every_mistake_is_drawn() {
        let (out, good) = check(
            &[
                (
                    "install.json",
                    r#"{"name": "dmeo", "setting": true, "dependencies": [{"name": "a b"}]}"#,
                ),
                ("store.json", BROKEN),
                ("a.tpl", "port {port} {Port}"),
                ("c.hbs", "{{port}}"),
            ],
            false,
        );
        assert!(!good);
        insta::assert_snapshot!(out, @r#"
        warning: no step and no `confPath` uses this template
        --> demo/c.hbs
        help: write a `changeFile` with its path, or remove it

        error: the name `dmeo` is not the name of the folder, `demo`
         --> demo/install.json:1:10
          |
        1 | {"name": "dmeo", "setting": true, "dependencies": [{"name": "a b"}]}
          |          ^^^^^^
        help: make them equal

        warning: `setting` offers a settings page, but there is no static/index.html
         --> demo/install.json:1:29
          |
        1 | {"name": "dmeo", "setting": true, "dependencies": [{"name": "a b"}]}
          |                             ^^^^
        help: write the page, or set `setting` to false

        error: `a b` is not an app name: it has a character that is not allowed; use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, the last not a dot
         --> demo/install.json:1:61
          |
        1 | {"name": "dmeo", "setting": true, "dependencies": [{"name": "a b"}]}
          |                                                             ^^^^^

        warning: the name `other` differs from install.json's, which is the one that counts
         --> demo/store.json:2:11
          |
        2 |   "name": "other",
          |           ^^^^^^^
        help: remove it

        error: the program `bin/srever` is not there
         --> demo/store.json:3:27
          |
        3 |   "setting": { "binPath": "{exePath}/bin/srever", "confPath": "/etc/server.conf" },
          |                           ^^^^^^^^^^^^^^^^^^^^^^
        help: put it there, or correct the path

        warning: `/etc/server.conf` lies outside of the app's folder
         --> demo/store.json:3:63
          |
        3 |   "setting": { "binPath": "{exePath}/bin/srever", "confPath": "/etc/server.conf" },
          |                                                               ^^^^^^^^^^^^^^^^^^
        help: write a path that begins with {exePath}

        warning: the config key `home` cannot be used: `{home}` is built in
         --> demo/store.json:4:34
          |
        4 |   "config": { "port": 1, "home": "x", "dir": "{exePath}/data", "a": "{prot}" },
          |                                  ^^^
        help: give it another name

        warning: `{prot}` is not known and stays as it is
         --> demo/store.json:4:69
          |
        4 |   "config": { "port": 1, "home": "x", "dir": "{exePath}/data", "a": "{prot}" },
          |                                                                     ^^^^^^^^
        help: did you mean `{port}`?

        error: unknown command `exce`
         --> demo/store.json:7:17
          |
        7 |       { "name": "exce", "binPath": "x" },
          |                 ^^^^^^ not a built-in, nor a key of `commands`
        help: did you mean `exec`?

        warning: `{Port}` in the template `a.tpl` is not known and stays as it is
         --> demo/store.json:8:42
          |
        8 |       { "name": "changeFile", "tplPath": "{exePath}/a.tpl", "filePath": "{dirr}/a.conf" },
          |                                          ^^^^^^^^^^^^^^^^^
        help: did you mean `{port}`?

        error: `{dirr}` is not known
         --> demo/store.json:8:73
          |
        8 |       { "name": "changeFile", "tplPath": "{exePath}/a.tpl", "filePath": "{dirr}/a.conf" },
          |                                                                         ^^^^^^^^^^^^^^^ a path with it leads nowhere
        help: did you mean `{dir}`?

        error: the template `b.tpl` is not there
         --> demo/store.json:9:42
          |
        9 |       { "name": "changeFile", "tplPath": "{exePath}/b.tpl", "filePath": "{exePath}/../b" },
          |                                          ^^^^^^^^^^^^^^^^^
        help: put it there, or correct the path

        warning: `b` lies outside of the app's folder
         --> demo/store.json:9:73
          |
        9 |       { "name": "changeFile", "tplPath": "{exePath}/b.tpl", "filePath": "{exePath}/../b" },
          |                                                                         ^^^^^^^^^^^^^^^^
        help: write a path that begins with {exePath}

        error: the program `bin/x` is not there
          --> demo/store.json:13:36
           |
        13 |       { "name": "exec", "binPath": "{exePath}/bin/x", "cmds": ["{password}"], "detach": true, "kill": true },
           |                                    ^^^^^^^^^^^^^^^^^
        help: put it there, or correct the path

        warning: `{password}` is not known and stays as it is
          --> demo/store.json:13:64
           |
        13 |       { "name": "exec", "binPath": "{exePath}/bin/x", "cmds": ["{password}"], "detach": true, "kill": true },
           |                                                                ^^^^^^^^^^^^

        error: `detach` leaves the program running and `kill` ends it
          --> demo/store.json:13:89
           |
        13 |       { "name": "exec", "binPath": "{exePath}/bin/x", "cmds": ["{password}"], "detach": true, "kill": true },
           |                                                                                         ^^^^
        help: remove one of them

        error: the list `setting` calls itself without end: setting → initData → setting
          --> demo/store.json:14:17
           |
        14 |       { "name": "setting" },
           |                 ^^^^^^^^^ this call closes the circle

        error: `a/b` is not an app name: it has a character that is not allowed; use 1 to 64 of A-Z a-z 0-9 . _ -, the first a letter or digit, the last not a dot
          --> demo/store.json:15:40
           |
        15 |       { "name": "startApp", "content": "a/b" }
           |                                        ^^^^^

        error: the start of the app would start itself without end: start → start.beforeCmds → restart
          --> demo/store.json:23:29
           |
        23 |   "start": { "beforeCmds": ["restart", "unpack"] }
           |                             ^^^^^^^^^ run by `start.beforeCmds`
        help: remove it: the app is started between `beforeCmds` and `afterCmds`

        1 app checked: 11 errors, 9 warnings
        "#);
    }

    #[test]
    fn problems_are_printed_as_json() {
        let (out, good) = check(
            &[
                ("install.json", INSTALL),
                (
                    "store.json",
                    r#"{"setting": {"binPath": "{exePath}/bin/x"}}"#,
                ),
            ],
            true,
        );
        assert!(!good);
        insta::assert_snapshot!(out, @r#"
        [
          {
            "file": "demo/store.json",
            "path": "setting.binPath",
            "line": 1,
            "column": 25,
            "severity": "error",
            "message": "the program `bin/x` is not there",
            "help": "put it there, or correct the path"
          }
        ]
        "#);
    }

    #[test]
    fn templates_are_looked_into() {
        let store = r#"{
  "setting": {"binPath": "server"},
  "config": {"port": 1},
  "commands": {"x": [
    {"name": "changeFile", "tplPath": "a.hbs", "filePath": "a"},
    {"name": "writeFile", "filePath": "made.tpl", "content": "{port}"},
    {"name": "changeFile", "tplPath": "made.tpl", "filePath": "b"}
  ]}
}"#;
        let (out, good) = check(
            &[
                ("install.json", INSTALL),
                ("store.json", store),
                ("a.hbs", "{{#if port}}{{prot}}{{/if}}"),
            ],
            false,
        );
        assert!(!good);
        insta::assert_snapshot!(out, @r#"
        error: the template `a.hbs` cannot be rendered: line 1, column 13: `prot` is not known
         --> demo/store.json:5:39
          |
        5 |     {"name": "changeFile", "tplPath": "a.hbs", "filePath": "a"},
          |                                       ^^^^^^^

        1 app checked: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn config_values_that_contain_each_other_are_told() {
        let store = r#"{"config": {"a": "{b}", "b": "{a}"}}"#;
        let (out, _) = check(
            &[
                ("install.json", r#"{"name": "demo"}"#),
                ("store.json", store),
            ],
            false,
        );
        insta::assert_snapshot!(out, @r#"
        error: the config values a → b → a contain each other without end; change one of them
         --> demo/store.json:1:18
          |
        1 | {"config": {"a": "{b}", "b": "{a}"}}
          |                  ^^^^^

        1 app checked: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn a_start_needs_a_program() {
        let store = r#"{"commands": {"go": [{"name": "start"}]}}"#;
        let (out, _) = check(
            &[
                ("install.json", r#"{"name": "demo"}"#),
                ("store.json", store),
            ],
            false,
        );
        insta::assert_snapshot!(out, @r#"
        error: `setting.binPath` is missing, but `commands.go[0]` starts the app
        --> demo/store.json
        help: write the path of the program, such as "{exePath}/bin/server"

        1 app checked: 1 error, 0 warnings
        "#);
        let (out, _) = check(&[("install.json", INSTALL)], false);
        insta::assert_snapshot!(out, @r#"
        error: `hasStart` offers a start, but there is no store.json
         --> demo/install.json:1:46
          |
        1 | {"name": "demo", "version": "1", "hasStart": true}
          |                                              ^^^^
        help: write a store.json with `setting.binPath`, or set `hasStart` to false

        1 app checked: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn an_app_that_starts_itself_by_name_is_told() {
        let store = r#"{"setting": {"binPath": "server"},
  "commands": {"again": [{"name": "startApp", "content": "{name}"}]},
  "start": {"afterCmds": ["again"]}}"#;
        let (out, good) = check(&[("install.json", INSTALL), ("store.json", store)], false);
        assert!(!good);
        insta::assert_snapshot!(out, @r#"
        error: the start of the app would start itself without end
         --> demo/store.json:2:58
          |
        2 |   "commands": {"again": [{"name": "startApp", "content": "{name}"}]},
          |                                                          ^^^^^^^^ run by `start.afterCmds`

        1 app checked: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn only_the_mistake_that_hides_the_rest_is_told() {
        let store = "{\"setting\": {\"binPath\": \"x\" \"isOn\": true}}";
        let (out, _) = check(&[("install.json", INSTALL), ("store.json", store)], false);
        insta::assert_snapshot!(out, @r#"
        error: a comma is missing here
         --> demo/store.json:1:28
          |
        1 | {"setting": {"binPath": "x" "isOn": true}}
          |                            ^ nothing behind this was read
        help: write `,` between two values

        1 app checked: 1 error, 0 warnings
        "#);
    }

    #[test]
    fn folders_that_hold_no_app_are_told() {
        let (out, good) = check(&[], false);
        assert!(!good);
        insta::assert_snapshot!(out, @r#"
        error: there is no install.json in the folder
        --> demo/install.json
        help: write one, with "name": "demo"

        1 app checked: 1 error, 0 warnings
        "#);
        let args = Args {
            folders: vec!["does/not/exist".into()],
            json: false,
        };
        let mut out = Vec::new();
        assert!(!run(&args, &mut out).unwrap());
        let out = String::from_utf8(out).unwrap();
        assert!(
            out.starts_with("error: the folder `does/not/exist` cannot be read: "),
            "{out}"
        );
    }
}
