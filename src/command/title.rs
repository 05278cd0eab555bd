//! What a step is called in plans, jobs and logs.

use super::Command;
use crate::app::Scope;

/// Length limit of a title, in characters.
const MAX_CHARS: usize = 200;

/// A step in one line: `exec bin/mysqld --initialize`. Words are replaced, secrets masked, paths in
/// the app's folder shortened.
pub fn title(command: &Command, scope: &Scope) -> String {
    let shown = |text: &str| quoted(&short(&scope.text(text, &mut Vec::new()), scope));
    let title = match command {
        Command::Start => "start".to_owned(),
        Command::Stop => "stop".to_owned(),
        Command::Restart => "restart".to_owned(),
        Command::Exec(exec) => program(&exec.program, &exec.args, scope),
        Command::WriteFile { file, .. } => format!("writeFile {}", shown(file)),
        Command::ChangeFile { template, file } => {
            format!("changeFile {} → {}", shown(template), shown(file))
        }
        Command::DeleteFile { file } => format!("deleteFile {}", shown(file)),
        Command::Unzip { archive, folder } => {
            format!("unzip {} → {}", shown(archive), shown(folder))
        }
        Command::Zip { folder, archive } => format!("zip {} → {}", shown(folder), shown(archive)),
        Command::Mkdir { folder } => format!("mkdir {}", shown(folder)),
        Command::StartApp { app } => format!("startApp {}", shown(app)),
        Command::StopApp { app } => format!("stopApp {}", shown(app)),
    };
    cut(&scope.mask(&title))
}

fn program(program: &str, args: &[String], scope: &Scope) -> String {
    let expand = |text: &str| scope.text(text, &mut Vec::new());
    let mut title = format!("exec {}", quoted(&short(&expand(program), scope)));
    for arg in args {
        title.push(' ');
        title.push_str(&quoted(&expand(arg)));
    }
    title
}

/// A path without the app's folder before it.
fn short(path: &str, scope: &Scope) -> String {
    scope
        .value("exePath")
        .and_then(|folder| path.strip_prefix(folder))
        .and_then(|rest| rest.strip_prefix(['/', '\\']))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(path)
        .to_owned()
}

/// A text that stays one argument and one line for the eye.
fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains(char::is_whitespace) || text.contains(char::is_control) {
        format!("\"{}\"", text.escape_debug())
    } else {
        text.to_owned()
    }
}

fn cut(title: &str) -> String {
    let mut chars = title.chars();
    let mut shown: String = chars.by_ref().take(MAX_CHARS).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::app::Config;
    use crate::app::placeholder::Builtins;
    use crate::command::Exec;

    fn check(command: &Command, expected: &str) {
        let builtins = Builtins {
            exe_path: "/home/a/run/linux/mysql5.7",
            name: "mysql5.7",
            version: "5.7.44",
            home: "/home/a",
        };
        let config = json!({"password": "s3cret", "port": 3306});
        let config = Config::new(config.as_object().unwrap(), &Map::new());
        let scope = Scope::new(&builtins, &config).unwrap();
        assert_eq!(title(command, &scope), expected);
    }

    fn exec(program: &str, args: &[&str]) -> Command {
        Command::Exec(Box::new(Exec {
            program: program.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            ..Exec::default()
        }))
    }

    #[test]
    fn a_title_is_the_step_in_one_line() {
        check(&Command::Restart, "restart");
        check(
            &exec(
                "{exePath}/bin/mysqld",
                &["--port={port}", "a b", "", "x\ny"],
            ),
            r#"exec bin/mysqld --port=3306 "a b" "" "x\ny""#,
        );
        check(
            &Command::ChangeFile {
                template: "{exePath}/my.ini.tpl".to_owned(),
                file: "/etc/my.ini".to_owned(),
            },
            "changeFile my.ini.tpl → /etc/my.ini",
        );
        check(
            &Command::DeleteFile {
                file: "{exePath}".to_owned(),
            },
            "deleteFile /home/a/run/linux/mysql5.7",
        );
    }

    #[test]
    fn a_title_shows_no_secret_and_has_an_end() {
        check(
            &exec("mysqladmin", &["-p{password}"]),
            "exec mysqladmin -p***",
        );
        let long = format!("exec x {}…", "y".repeat(193));
        check(&exec("x", &[&"y".repeat(1000)]), &long);
    }
}
