//! What a plan would do, told without doing it: programs, files with their difference, deletions,
//! ports. It blocks: it reads files.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::check::lexical;
use super::diff::difference;
use super::files::{Disk, Files as _};
use super::plan::{Plan, PlannedStep, Section, compile_section};
use super::title::title;
use super::{Command, Exec};
use crate::app::config::{MASK, is_secret};
use crate::app::form::{self, FieldKind};
use crate::app::install::Item;
use crate::app::store::Until;
use crate::app::{App, Problem, Scope};

/// Limit of the steps that are told: each start brings those before and after it.
const MAX_STEPS: usize = 10_000;

/// What one step would do. Secrets are masked everywhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewStep {
    /// The step in one line: `exec bin/mysqld --initialize`.
    pub title: String,
    /// The lists that led here, outermost first.
    pub lists: Vec<String>,
    /// Its place in `store.json`: `commands.initData[1]`.
    pub place: String,
    /// The program that is run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<PreviewProgram>,
    /// The files that are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileChange>,
    /// The files and folders that are deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deletions: Vec<String>,
    /// The folders that are made or unpacked to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<String>,
    /// The ports that are taken or waited for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<String>,
    /// What happens to other apps: `starts redis`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// What is probably not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why it would fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
}

/// A program as it would be run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreviewProgram {
    /// Its path.
    pub program: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its working directory.
    pub cwd: String,
    /// Its own variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How long it is run and how it is ended, in words.
    pub then: String,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is not there yet.
    Created,
    /// It gets another content.
    Changed,
    /// It has that content already.
    Same,
}

/// A file that is written.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileChange {
    /// The file.
    pub path: String,
    /// What happens to it.
    pub change: Change,
    /// The unified difference; empty when there is none, or when it is no text.
    pub diff: String,
}

/// What `plan` would do now. Earlier steps' files are seen by later ones; nothing is touched.
pub fn preview(app: &App, scope: &Scope, plan: &Plan) -> Vec<PreviewStep> {
    let mut preview = Preview {
        app,
        scope,
        disk: Disk::new(&app.dir),
        files: HashMap::new(),
        unpacked: Vec::new(),
        steps: Vec::new(),
    };
    for step in &plan.steps {
        preview.step(step);
    }
    preview.steps
}

/// The steps as a person reads them.
pub fn text(steps: &[PreviewStep]) -> String {
    let mut text = String::new();
    let mut ends_here = false;
    for (number, step) in (1..).zip(steps) {
        let _ = write!(text, "{number}. {}", step.title);
        if !step.lists.is_empty() {
            let _ = write!(text, "  ({})", step.lists.join(" → "));
        }
        text.push('\n');
        if let Some(program) = &step.program {
            let _ = writeln!(text, "   in {}", program.cwd);
            for (name, value) in &program.env {
                let _ = writeln!(text, "   with {name}={value}");
            }
            let _ = writeln!(text, "   {}", program.then);
        }
        let lists = [
            ("deletes ", &step.deletions),
            ("folder ", &step.folders),
            ("port ", &step.ports),
            ("", &step.apps),
            ("warning: ", &step.warnings),
            ("error: ", &step.errors),
        ];
        for file in &step.files {
            let path = &file.path;
            let _ = match file.change {
                Change::Created => writeln!(text, "   creates {path}"),
                Change::Changed => writeln!(text, "   changes {path}"),
                Change::Same => writeln!(text, "   leaves {path} as it is"),
            };
            for line in file.diff.lines() {
                let _ = writeln!(text, "     {line}");
            }
        }
        for (what, values) in lists {
            for value in values {
                let _ = writeln!(text, "   {what}{value}");
            }
        }
        if !step.errors.is_empty() && !ends_here && number < steps.len() {
            ends_here = true;
            text.push_str("--- the list would end here ---\n");
        }
    }
    if steps.is_empty() {
        text.push_str("nothing would be done\n");
    }
    text
}

/// A file as the steps so far would have left it.
enum Content {
    Missing,
    Text(String),
    /// It is there and is no text, or nobody knows yet.
    Unknown,
}

struct Preview<'a> {
    app: &'a App,
    scope: &'a Scope,
    disk: Disk<'a>,
    /// What steps wrote (a text), made (none) or deleted.
    files: HashMap<PathBuf, Content>,
    /// Folders that an archive is unpacked to: anything may be in them.
    unpacked: Vec<PathBuf>,
    steps: Vec<PreviewStep>,
}

impl Preview<'_> {
    fn step(&mut self, planned: &PlannedStep) {
        if self.steps.len() >= MAX_STEPS {
            return;
        }
        if matches!(planned.command, Command::Start | Command::Restart) {
            self.start(planned);
            return;
        }
        let mut step = PreviewStep {
            title: title(&planned.command, self.scope),
            lists: planned.lists.clone(),
            place: planned.place.clone(),
            ..PreviewStep::default()
        };
        match &planned.command {
            Command::Start | Command::Stop | Command::Restart => {}
            Command::Exec(exec) => self.exec(&mut step, exec),
            Command::WriteFile { file, content } => {
                let content = self.expand(&mut step, content);
                self.write(&mut step, file, content);
            }
            Command::ChangeFile { template, file } => {
                if let Some(content) = self.render(&mut step, template) {
                    self.write(&mut step, file, content);
                }
            }
            Command::DeleteFile { file } => self.delete(&mut step, file),
            Command::Unzip { archive, folder } => {
                self.must_be_there(&mut step, "archive", archive);
                if let Some(folder) = self.target(&mut step, folder) {
                    step.folders.push(self.shown(&folder));
                    self.unpacked.push(folder);
                }
            }
            Command::Zip { folder, archive } => {
                self.must_be_there(&mut step, "folder", folder);
                if let Some(archive) = self.target(&mut step, archive) {
                    step.files.push(FileChange {
                        path: self.shown(&archive),
                        change: match self.content(&archive) {
                            Content::Missing => Change::Created,
                            Content::Text(_) | Content::Unknown => Change::Changed,
                        },
                        diff: String::new(),
                    });
                    self.files.insert(archive, Content::Unknown);
                }
            }
            Command::Mkdir { folder } => {
                if let Some(folder) = self.target(&mut step, folder) {
                    if matches!(self.content(&folder), Content::Missing) {
                        step.folders.push(self.shown(&folder));
                    }
                    self.files.insert(folder, Content::Unknown);
                }
            }
            Command::StartApp { app } => {
                let app = self.expand(&mut step, app);
                step.apps.push(format!("starts {app}"));
            }
            Command::StopApp { app } => {
                let app = self.expand(&mut step, app);
                step.apps.push(format!("stops {app}"));
            }
        }
        self.push(step);
    }

    /// Adds a step; nothing secret leaves this place.
    fn push(&mut self, mut step: PreviewStep) {
        let mask = |text: &mut String| *text = self.scope.mask(text);
        if let Some(program) = &mut step.program {
            mask(&mut program.program);
            mask(&mut program.cwd);
            program.args.iter_mut().for_each(mask);
            program.env.values_mut().for_each(mask);
        }
        for list in [
            &mut step.deletions,
            &mut step.folders,
            &mut step.apps,
            &mut step.warnings,
            &mut step.errors,
        ] {
            list.iter_mut().for_each(mask);
        }
        for file in &mut step.files {
            mask(&mut file.path);
        }
        self.steps.push(step);
    }

    /// The start of the app: what is before it, its program, and what is after it.
    fn start(&mut self, planned: &PlannedStep) {
        let Some(store) = &self.app.store else {
            return;
        };
        self.section(planned, Section::Before);
        let mut step = PreviewStep {
            title: title(&planned.command, self.scope),
            lists: planned.lists.clone(),
            place: planned.place.clone(),
            ..PreviewStep::default()
        };
        let setting = &store.setting;
        if setting.bin_path.is_empty() {
            step.errors
                .push("`setting.binPath` in store.json is missing".to_owned());
        } else {
            let program = self.program_path(&mut step, &setting.bin_path);
            let args = self.expand_all(&mut step, &store.start.start_cmds);
            let env = self.env(&mut step, &store.start.start_envs);
            let kept = if setting.is_on {
                "is restarted when it ends by itself"
            } else {
                "is left alone when it ends by itself"
            };
            let then = match setting
                .ready
                .as_ref()
                .map(|ready| self.until(&mut step, ready))
            {
                Some(condition) => format!("counts as started when {condition}; {kept}"),
                None => kept.to_owned(),
            };
            step.program = Some(PreviewProgram {
                program,
                args,
                cwd: self.folder(),
                env,
                then,
            });
        }
        let fields = form::fields(store, &serde_json::Map::new());
        for field in fields.iter().filter(|field| field.kind == FieldKind::Port) {
            let port = self.scope.value(&field.key).unwrap_or_default();
            if port.parse::<u16>().is_ok() && !step.ports.iter().any(|known| known == port) {
                step.ports.push(port.to_owned());
            }
        }
        self.push(step);
        self.section(planned, Section::After);
    }

    fn section(&mut self, planned: &PlannedStep, section: Section) {
        let Some(store) = &self.app.store else {
            return;
        };
        match compile_section(store, section) {
            Ok(plan) => {
                for mut step in plan.steps {
                    let mut lists = planned.lists.clone();
                    lists.push(section.path().to_owned());
                    lists.append(&mut step.lists);
                    step.lists = lists;
                    self.step(&step);
                }
            }
            Err(problems) => self.push(PreviewStep {
                title: section.path().to_owned(),
                lists: planned.lists.clone(),
                place: section.path().to_owned(),
                errors: problems.iter().map(Problem::sentence).collect(),
                ..PreviewStep::default()
            }),
        }
    }

    fn exec(&mut self, step: &mut PreviewStep, exec: &Exec) {
        let program = self.program_path(step, &exec.program);
        let args = self.expand_all(step, &exec.args);
        let env = self.env(step, &exec.envs);
        let cwd = if exec.cwd.is_empty() {
            self.folder()
        } else {
            let cwd = self.path(step, &exec.cwd);
            cwd.map_or_else(|| exec.cwd.clone(), |cwd| portable(&cwd))
        };
        let named = match self.expand(step, &exec.process_name) {
            name if name.is_empty() || !exec.kill => String::new(),
            name => format!(", with the app's processes named {name}"),
        };
        let until = exec.until.as_ref().map(|until| self.until(step, until));
        let (waiting, timeout) = (exec.waiting, exec.timeout);
        let then = match (exec.kill, exec.detach, until) {
            (true, _, None) => format!("is ended after {waiting} s{named}"),
            (true, _, Some(until)) => format!("is ended when {until}{named}"),
            (false, true, None) => "is left running".to_owned(),
            (false, true, Some(until)) => format!("is left running when {until}"),
            (false, false, None) if waiting > 0.0 => {
                format!("ends within {timeout} s, and {waiting} s are waited then")
            }
            (false, false, None) => format!("ends within {timeout} s"),
            (false, false, Some(until)) => format!("ends within {timeout} s, then {until}"),
        };
        step.program = Some(PreviewProgram {
            program,
            args,
            cwd,
            env,
            then,
        });
    }

    /// The program of a step; it is told when it is not there.
    fn program_path(&self, step: &mut PreviewStep, program: &str) -> String {
        let name = self.expand(step, program);
        if !name.contains(['/', '\\']) {
            return name;
        }
        let Some(path) = self.path(step, program) else {
            return name;
        };
        if matches!(self.content(&path), Content::Missing) {
            step.errors
                .push(format!("the program `{}` is not there", self.shown(&path)));
        }
        portable(&path)
    }

    fn env(&self, step: &mut PreviewStep, envs: &[Item]) -> BTreeMap<String, String> {
        envs.iter()
            .map(|item| {
                let value = match &item.value {
                    Value::Null => String::new(),
                    Value::String(text) => self.expand(step, text),
                    other => other.to_string(),
                };
                let secret = is_secret(&item.name) && !value.is_empty();
                let value = if secret { MASK.to_owned() } else { value };
                (item.name.clone(), value)
            })
            .collect()
    }

    fn until(&self, step: &mut PreviewStep, until: &Until) -> String {
        let condition = if let Some(port) = &until.port {
            let port = self.expand(step, port);
            step.ports.push(port.clone());
            format!("port {port} is open")
        } else if let Some(http) = &until.http {
            format!("{} answers", self.scope.mask(&self.expand(step, http)))
        } else if let Some(file) = &until.file {
            let file = self.expand(step, file);
            format!("{} is there", self.scope.mask(&file))
        } else {
            let log = self.expand(step, until.log.as_deref().unwrap_or_default());
            format!("its output has `{}`", self.scope.mask(&log))
        };
        format!("{condition}, within {} s", until.timeout.unwrap_or(60.0))
    }

    fn render(&self, step: &mut PreviewStep, template: &str) -> Option<String> {
        let path = self.path(step, template)?;
        let name = self.shown(&path);
        let text = match self.content(&path) {
            Content::Text(text) => text,
            Content::Missing => {
                step.errors
                    .push(format!("the template `{name}` is not there"));
                return None;
            }
            Content::Unknown => {
                step.errors
                    .push(format!("the template `{name}` is no text that can be read"));
                return None;
            }
        };
        let mut unknown = Vec::new();
        let rendered = self.scope.template(&name, &text, &mut unknown);
        for word in unknown {
            let warning = format!("`{{{word}}}` in the template `{name}` is not known and stays");
            step.warnings.push(warning);
        }
        rendered
            .map_err(|error| step.errors.push(error.to_string()))
            .ok()
    }

    fn write(&mut self, step: &mut PreviewStep, file: &str, content: String) {
        let Some(path) = self.target(step, file) else {
            return;
        };
        let shown = self.shown(&path);
        let (change, diff) = match self.content(&path) {
            Content::Missing => {
                let diff = difference(None, &content, &shown, self.scope);
                (Change::Created, diff)
            }
            Content::Text(old) if old == content => (Change::Same, String::new()),
            Content::Text(old) => {
                let diff = difference(Some(&old), &content, &shown, self.scope);
                (Change::Changed, diff)
            }
            Content::Unknown => (Change::Changed, String::new()),
        };
        if path.is_dir() {
            step.errors.push(format!("`{shown}` is a folder"));
        }
        step.files.push(FileChange {
            path: shown,
            change,
            diff,
        });
        self.files.insert(path, Content::Text(content));
    }

    fn delete(&mut self, step: &mut PreviewStep, file: &str) {
        let Some(path) = self.target(step, file) else {
            return;
        };
        if !matches!(self.content(&path), Content::Missing) {
            let full = std::fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some());
            if full {
                let shown = self.shown(&path);
                step.errors
                    .push(format!("the folder `{shown}` is not empty"));
                return;
            }
            step.deletions.push(self.shown(&path));
        }
        self.files.insert(path, Content::Missing);
    }

    fn must_be_there(&self, step: &mut PreviewStep, what: &str, text: &str) {
        if let Some(path) = self.path(step, text)
            && matches!(self.content(&path), Content::Missing)
        {
            let shown = self.shown(&path);
            step.errors
                .push(format!("the {what} `{shown}` is not there"));
        }
    }

    /// A path that is written or deleted; one outside of the app's folder is told.
    fn target(&self, step: &mut PreviewStep, text: &str) -> Option<PathBuf> {
        let path = self.path(step, text)?;
        if !path.starts_with(lexical(&self.app.dir)) {
            let shown = portable(&path);
            step.warnings
                .push(format!("`{shown}` lies outside of the app's folder"));
        }
        Some(path)
    }

    fn path(&self, step: &mut PreviewStep, text: &str) -> Option<PathBuf> {
        match self.scope.path(text) {
            Ok(path) => Some(lexical(&self.app.dir.join(path))),
            Err(error) => {
                let error = error.to_string();
                if !step.errors.contains(&error) {
                    step.errors.push(error);
                }
                None
            }
        }
    }

    fn expand(&self, step: &mut PreviewStep, text: &str) -> String {
        let mut unknown = Vec::new();
        let expanded = self.scope.text(text, &mut unknown);
        for word in unknown {
            let warning = format!("`{{{word}}}` is not known and stays");
            if !step.warnings.contains(&warning) {
                step.warnings.push(warning);
            }
        }
        expanded
    }

    fn expand_all(&self, step: &mut PreviewStep, texts: &[String]) -> Vec<String> {
        texts.iter().map(|text| self.expand(step, text)).collect()
    }

    /// A file as it is when this step's turn comes.
    fn content(&self, path: &Path) -> Content {
        match self.files.get(path) {
            Some(Content::Missing) => Content::Missing,
            Some(Content::Text(text)) => Content::Text(text.clone()),
            Some(Content::Unknown) => Content::Unknown,
            None => match self.disk.read(path) {
                _ if self.unpacked.iter().any(|folder| path.starts_with(folder)) => {
                    Content::Unknown
                }
                Some(text) => Content::Text(text),
                None if self.disk.exists(path) => Content::Unknown,
                None => Content::Missing,
            },
        }
    }

    /// The app's folder.
    fn folder(&self) -> String {
        portable(&self.app.dir)
    }

    /// A path as it is shown: without the app's folder before it.
    fn shown(&self, path: &Path) -> String {
        match path.strip_prefix(lexical(&self.app.dir)) {
            Ok(short) if short.components().next().is_some() => portable(short),
            _ => portable(path),
        }
    }
}

fn portable(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Map;

    use super::*;
    use crate::app::placeholder::Builtins;
    use crate::app::{AppName, Config};
    use crate::command::plan::compile;

    /// What the list `main` of an app with these files would do, the temporary folder taken out.
    fn check(store: &str, files: &[(&str, &str)]) -> (String, Vec<PreviewStep>) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("demo");
        fs::create_dir_all(dir.join("bin")).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
        }
        let name = AppName::parse("demo").unwrap();
        let install = r#"{"name": "demo"}"#.to_owned();
        let (app, problems) = App::parse(name, dir.clone(), install, Some(store.to_owned()));
        assert_eq!(problems, []);
        let store = app.store.as_ref().unwrap();
        let builtins = Builtins {
            exe_path: &dir.to_string_lossy(),
            name: "demo",
            version: "1",
            home: "/home",
        };
        let scope = Scope::new(&builtins, &Config::new(&store.config, &Map::new())).unwrap();
        let before = tree(home.path());
        let steps = preview(&app, &scope, &compile(store, "main").unwrap());
        assert_eq!(tree(home.path()), before, "a preview touches nothing");
        let folder = home.path().to_string_lossy().replace('\\', "/");
        (text(&steps).replace(&folder, ""), steps)
    }

    fn tree(folder: &Path) -> Vec<(PathBuf, Option<String>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(tree(&path));
            }
            found.push((path.clone(), fs::read_to_string(path).ok()));
        }
        found.sort();
        found
    }

    #[test]
    fn a_setting_is_told_step_by_step() {
        let store = r#"{
            "setting": {"binPath": "{exePath}/bin/server", "isOn": true, "ready": {"port": "{port}"}},
            "config": {"port": 3307, "password": "s3cret", "dataDir": "{exePath}/data"},
            "commands": {
                "main": [
                    {"name": "changeFile", "tplPath": "{exePath}/my.ini.tpl", "filePath": "{exePath}/my.ini"},
                    {"name": "initData"},
                    {"name": "restart"}
                ],
                "initData": [
                    {"name": "mkdir", "filePath": "{dataDir}"},
                    {"name": "writeFile", "filePath": "password.txt", "content": "SET PASSWORD '{password}' {x};"},
                    {"name": "exec", "binPath": "{exePath}/bin/server", "cmds": ["--init", "-p{password}"],
                     "waiting": 3, "kill": true, "content": "server",
                     "envs": [{"name": "MY_PASSWORD", "value": "other"}, {"name": "DIR", "value": "{dataDir}"}]},
                    {"name": "deleteFile", "filePath": "password.txt"},
                    {"name": "deleteFile", "filePath": "missing.txt"}
                ],
                "prepare": [{"name": "writeFile", "filePath": "my.ini", "content": "port=3307\n"}]
            },
            "start": {"beforeCmds": ["prepare"], "startCmds": ["--port={port}"], "afterCmds": ["stop"],
                      "startEnvs": [{"name": "A", "value": 1}]}
        }"#;
        let (text, steps) = check(
            store,
            &[
                ("bin/server", ""),
                ("my.ini.tpl", "port={port}\npassword={password}\n"),
                ("my.ini", "port=3306\npassword=0ld\n"),
            ],
        );
        insta::assert_snapshot!(text, @r"
        1. changeFile my.ini.tpl → my.ini  (main)
           changes my.ini
             --- my.ini
             +++ my.ini
             @@ -1,2 +1,2 @@
             -port=3306
             -***
             +port=3307
             +password=***
        2. mkdir data  (main → initData)
           folder data
        3. writeFile password.txt  (main → initData)
           creates password.txt
             --- /dev/null
             +++ password.txt
             @@ -0,0 +1 @@
             +SET PASSWORD '***' {x};
           warning: `{x}` is not known and stays
        4. exec bin/server --init -p***  (main → initData)
           in /demo
           with DIR=/demo/data
           with MY_PASSWORD=***
           is ended after 3 s, with the app's processes named server
        5. deleteFile password.txt  (main → initData)
           deletes password.txt
        6. deleteFile missing.txt  (main → initData)
        7. writeFile my.ini  (main → start.beforeCmds → prepare)
           changes my.ini
             --- my.ini
             +++ my.ini
             @@ -1,2 +1 @@
              port=3307
             -password=***
        8. restart  (main)
           in /demo
           with A=1
           counts as started when port 3307 is open, within 60 s; is restarted when it ends by itself
           port 3307
        9. stop  (main → start.afterCmds)
        ");
        let json = serde_json::to_string(&steps).unwrap();
        assert!(!json.contains("s3cret") && !json.contains("0ld"), "{json}");
        assert_eq!(
            serde_json::to_value(&steps[1]).unwrap(),
            serde_json::json!({
                "title": "mkdir data", "lists": ["main", "initData"],
                "place": "commands.initData[0]", "folders": ["data"]
            })
        );
    }

    #[test]
    fn what_would_fail_is_told() {
        let store = r#"{
            "commands": {"main": [
                {"name": "exec", "binPath": "{exePath}/bin/x"},
                {"name": "exec", "binPath": "{exePaht}/bin/x", "until": {"log": "up"}},
                {"name": "changeFile", "tplPath": "no.tpl", "filePath": "x"},
                {"name": "changeFile", "tplPath": "bad.hbs", "filePath": "x"},
                {"name": "writeFile", "filePath": "bin", "content": ""},
                {"name": "deleteFile", "filePath": "bin"},
                {"name": "unzip", "filePath": "no.zip", "content": "../tools"},
                {"name": "exec", "binPath": "../tools/x", "detach": true, "until": {"port": 80}},
                {"name": "zip", "filePath": "bin", "content": "bin.zip"},
                {"name": "unzip", "filePath": "bin.zip", "content": "copy"},
                {"name": "startApp", "content": "redis"},
                {"name": "stopApp", "content": "nginx"},
                {"name": "start"}
            ]},
            "start": {"beforeCmds": ["unknown"]}
        }"#;
        let (text, _) = check(store, &[("bad.hbs", "{{nobody}}"), ("bin/full", "")]);
        insta::assert_snapshot!(text, @r"
        1. exec bin/x  (main)
           in /demo
           ends within 600 s
           error: the program `bin/x` is not there
        --- the list would end here ---
        2. exec {exePaht}/bin/x  (main)
           in /demo
           ends within 600 s, then its output has `up`, within 60 s
           warning: `{exePaht}` is not known and stays
           error: `{exePaht}` in the path `{exePaht}/bin/x` is not known; there are {exePath}, {name}, {version}, {home}, {os}, {arch}
        3. changeFile no.tpl → x  (main)
           error: the template `no.tpl` is not there
        4. changeFile bad.hbs → x  (main)
           error: the template `bad.hbs` cannot be rendered: line 1, column 1: `nobody` is not known
        5. writeFile bin  (main)
           changes bin
           error: `bin` is a folder
        6. deleteFile bin  (main)
           error: the folder `bin` is not empty
        7. unzip no.zip → ../tools  (main)
           folder /tools
           warning: `/tools` lies outside of the app's folder
           error: the archive `no.zip` is not there
        8. exec ../tools/x  (main)
           in /demo
           is left running when port 80 is open, within 60 s
           port 80
        9. zip bin → bin.zip  (main)
           creates bin.zip
        10. unzip bin.zip → copy  (main)
           folder copy
        11. startApp redis  (main)
           starts redis
        12. stopApp nginx  (main)
           stops nginx
        13. start.beforeCmds  (main)
           error: store.json: unknown command `unknown`; the built-in commands are start, stop, restart, exec, writeFile, changeFile, deleteFile, unzip, zip, mkdir, startApp, stopApp; the lists are main
        14. start  (main)
           error: `setting.binPath` in store.json is missing
        ");
    }

    #[test]
    fn later_steps_see_what_earlier_ones_wrote() {
        let store = r#"{"config": {"a": 1}, "commands": {"main": [
            {"name": "writeFile", "filePath": "a.tpl", "content": "x"},
            {"name": "changeFile", "tplPath": "a.tpl", "filePath": "b"},
            {"name": "changeFile", "tplPath": "a.tpl", "filePath": "b"},
            {"name": "deleteFile", "filePath": "a.tpl"},
            {"name": "changeFile", "tplPath": "a.tpl", "filePath": "b"}
        ]}}"#;
        insta::assert_snapshot!(check(store, &[]).0, @r"
        1. writeFile a.tpl  (main)
           creates a.tpl
             --- /dev/null
             +++ a.tpl
             @@ -0,0 +1 @@
             +x
        2. changeFile a.tpl → b  (main)
           creates b
             --- /dev/null
             +++ b
             @@ -0,0 +1 @@
             +x
        3. changeFile a.tpl → b  (main)
           leaves b as it is
        4. deleteFile a.tpl  (main)
           deletes a.tpl
        5. changeFile a.tpl → b  (main)
           error: the template `a.tpl` is not there
        ");
    }

    #[test]
    fn an_empty_list_does_nothing() {
        let (text, steps) = check(r#"{"commands": {"main": []}}"#, &[]);
        assert_eq!((text.as_str(), steps.len()), ("nothing would be done\n", 0));
    }
}
