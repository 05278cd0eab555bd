//! What a step does, in a few words.

use super::Command;
use crate::app::Scope;

/// What a step does, placeholders expanded and secrets masked: `exec bin/mysqld --initialize`.
pub fn title(command: &Command, scope: &Scope) -> String {
    let words: Vec<&str> = match command {
        Command::Start => vec!["start"],
        Command::Stop => vec!["stop"],
        Command::Restart => vec!["restart"],
        Command::Exec(exec) => std::iter::once("exec")
            .chain(std::iter::once(exec.program.as_str()))
            .chain(exec.args.iter().map(String::as_str))
            .collect(),
        Command::WriteFile { file, .. } => vec!["writeFile", file],
        Command::ChangeFile { template, file } => vec!["changeFile", template, file],
        Command::DeleteFile { file } => vec!["deleteFile", file],
        Command::Unzip { archive, folder } => vec!["unzip", archive, folder],
        Command::Zip { folder, archive } => vec!["zip", folder, archive],
        Command::Mkdir { folder } => vec!["mkdir", folder],
        Command::StartApp { app } => vec!["startApp", app],
        Command::StopApp { app } => vec!["stopApp", app],
    };
    scope.mask(&scope.text(&words.join(" "), &mut Vec::new()))
}
