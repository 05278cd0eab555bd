//! What an app's lists would write, without writing it: so an edit by hand can be told from a file
//! that a list wrote.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::files::{Disk, Files as _};
use super::{Command, plan};
use crate::app::{App, Scope};

/// Every file that a list of the app writes, with the contents that it would get. What cannot be
/// told (an unknown word, a missing template) is left out.
pub fn produced(app: &App, scope: &Scope) -> BTreeMap<PathBuf, Vec<String>> {
    let mut files: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    let Some(store) = &app.store else {
        return files;
    };
    let path = |text: &str| Some(app.dir.join(scope.path(text).ok()?));
    let disk = Disk::new(&app.dir);
    let render = |template: PathBuf| {
        let text = disk.read(&template)?;
        let name = template.to_string_lossy();
        scope.template(&name, &text, &mut Vec::new()).ok()
    };
    if let Some(file) =
        path(&store.setting.conf_path).filter(|_| !store.setting.conf_path.is_empty())
    {
        for extension in ["tpl", "hbs"] {
            let mut template = file.clone().into_os_string();
            template.push(".");
            template.push(extension);
            if let Some(content) = render(PathBuf::from(template)) {
                files.entry(file.clone()).or_default().push(content);
            }
        }
    }
    for key in store.commands.keys() {
        for step in plan::compile_partly(store, key).0.steps {
            let (file, content) = match &step.command {
                Command::WriteFile { file, content } => {
                    (path(file), Some(scope.text(content, &mut Vec::new())))
                }
                Command::ChangeFile { template, file } => {
                    (path(file), path(template).and_then(render))
                }
                Command::Start
                | Command::Stop
                | Command::Restart
                | Command::Exec(_)
                | Command::DeleteFile { .. }
                | Command::Unzip { .. }
                | Command::Zip { .. }
                | Command::Mkdir { .. }
                | Command::StartApp { .. }
                | Command::StopApp { .. } => continue,
            };
            if let (Some(file), Some(content)) = (file, content) {
                let contents = files.entry(file).or_default();
                if !contents.contains(&content) {
                    contents.push(content);
                }
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::app::placeholder::Builtins;
    use crate::app::{AppName, Config};

    #[test]
    fn what_the_lists_write_is_known() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("my.ini.tpl"), "port={port}").unwrap();
        let store = r#"{
            "setting": { "binPath": "x", "confPath": "{exePath}/my.ini" },
            "config": { "port": 3306 },
            "commands": {
                "a": [{ "name": "writeFile", "filePath": "note", "content": "p {port}" }, { "name": "b" }],
                "b": [{ "name": "changeFile", "tplPath": "my.ini.tpl", "filePath": "{exePath}/other" },
                      { "name": "changeFile", "tplPath": "missing.tpl", "filePath": "never" }]
            }
        }"#;
        let (app, _) = App::parse(
            AppName::parse("a").unwrap(),
            dir.path().to_owned(),
            r#"{"name": "a"}"#.to_owned(),
            Some(store.to_owned()),
        );
        let config = Config::new(&app.store.as_ref().unwrap().config, &serde_json::Map::new());
        let builtins = Builtins {
            exe_path: &dir.path().to_string_lossy(),
            name: "a",
            version: "1",
            home: "/",
        };
        let scope = Scope::new(&builtins, &config).unwrap();
        let files = produced(&app, &scope);
        let of = |name: &str| files[&dir.path().join(name)].clone();
        assert_eq!(of("my.ini"), ["port=3306"]);
        assert_eq!(of("other"), ["port=3306"]);
        assert_eq!(of("note"), ["p 3306"]);
        assert_eq!(files.len(), 3);
    }
}
