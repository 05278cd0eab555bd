//! `storekeeper pkg create`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::app::AppName;
use crate::cli::printer::Printer;
use crate::cli::{Code, Failed, Outcome, Output, demo};

/// Makes the folder of a new app that runs: change it into your own
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; its last part is the app's name. Files that are there stay as they are
    #[arg(value_name = "NAME|FOLDER")]
    folder: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let name = args
        .folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy();
    let name =
        AppName::parse(&name).map_err(|error| Failed::Coded(Code::Usage, error.to_string()))?;
    let fail = |path: &Path, error: &io::Error| {
        Failed::because(format!("`{}` cannot be written: {error}", path.display()))
    };
    if args.folder.exists() && !args.folder.is_dir() {
        return Err(Failed::Coded(
            Code::Conflict,
            format!(
                "`{}` is a file; move it away, or choose another name",
                args.folder.display()
            ),
        ));
    }
    let mut made = Vec::new();
    let mut kept = Vec::new();
    for (path, content) in skeleton(&name) {
        let target = args.folder.join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).map_err(|error| fail(parent, &error))?;
        }
        let written = File::options().write(true).create_new(true).open(&target);
        match written.and_then(|mut file| file.write_all(&content)) {
            Ok(()) => made.push(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => kept.push(path),
            Err(error) => return Err(fail(&target, &error)),
        }
    }
    if args.output.json {
        let folder = args.folder.display().to_string();
        return Ok(printer.json(&json!({ "folder": folder, "made": made, "kept": kept }))?);
    }
    for path in &made {
        printer.line(format!("{}/{path}", args.folder.display()))?;
    }
    for path in &kept {
        printer.note(&format!("{path} was there and stays as it is"));
    }
    printer.note(&format!(
        "it runs as it is: `storekeeper install {0}`; check it by `storekeeper pkg lint {0}`, pack it by `storekeeper pkg pack {0}`",
        args.folder.display()
    ));
    Ok(())
}

/// The files of a new app: those of the demo app, under its name.
fn skeleton(name: &AppName) -> Vec<(String, Vec<u8>)> {
    let install = json!({
        "name": name,
        "url": "",
        "pkg": "",
        "webUrl": "",
        "isDev": false,
        "version": "0.1.0",
        "desc": format!("{name}: say in a sentence what it is."),
        "icon": "icon.svg",
        "hasStart": true,
        "hasRestart": true,
        "setting": true,
        "dependencies": [],
        "category": "utilities",
    });
    let mut files = vec![(
        "install.json".to_owned(),
        format!("{install:#}\n").into_bytes(),
    )];
    let mut folders = vec![&demo::HELLO];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        for file in folder.files() {
            let path = file.path().to_string_lossy().replace('\\', "/");
            if path == "install.json" {
                continue;
            }
            let content = match file.contents_utf8() {
                Some(text) => renamed(text, name).into_bytes(),
                None => file.contents().to_vec(),
            };
            files.push((path.replace("hello.conf", &format!("{name}.conf")), content));
        }
    }
    files.sort();
    files
}

/// A text of the demo app as that of another.
fn renamed(text: &str, name: &AppName) -> String {
    text.replace("hello.conf", &format!("{name}.conf"))
        .replace("\"hello\"", &format!("\"{name}\""))
        .replace("Hello 设置", &format!("{name} 设置"))
}
