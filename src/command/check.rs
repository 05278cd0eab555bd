//! Everything that can be wrong with an app whose manifests could be read.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use super::files::Files;
use super::plan::{Plan, Section, compile_partly, compile_section_partly};
use super::{Command, Exec};
use crate::app::form;
use crate::app::install::Item;
use crate::app::parse::{INSTALL_FILE, STORE_FILE, was_read};
use crate::app::placeholder::{BUILTIN_WORDS, Builtins, PlaceholderError, words_in};
use crate::app::store::Until;
use crate::app::suggest::{closest, did_you_mean};
use crate::app::{App, AppName, Config, Problem, Scope, StoreInfo};

/// Limit of the steps that are looked at. Lists in lists multiply.
const MAX_STEPS: usize = 200_000;

/// Limit of the templates that are told to be without use: a program may bring a folder of them.
const MAX_UNUSED: usize = 10;

/// How the message of a word in braces ends that is no setting.
const STAYS: &str = "is not known and stays as it is";

/// Whether a problem is a word in braces that is no setting. That may be meant so, though hardly in
/// what is published.
pub fn is_unknown_word(problem: &Problem) -> bool {
    problem.message.ends_with(STAYS)
}

/// Everything that can be wrong with an app whose manifests could be read, its files looked at
/// with the defaults of its config. `found` are the problems of reading; they are part of the
/// answer, in the order of the files.
pub fn check(app: &App, found: Vec<Problem>, files: &dyn Files) -> Vec<Problem> {
    let mut check = Check {
        app,
        files,
        scope: Scope::default(),
        problems: Vec::new(),
        used_templates: HashSet::new(),
        made: Vec::new(),
    };
    if was_read(INSTALL_FILE, &found) {
        check.install();
    }
    if let Some(store) = &app.store
        && was_read(STORE_FILE, &found)
    {
        check.store(store);
    }
    app.locate(&mut check.problems);
    let mut problems = found;
    // The reader has told some of it already, in better words; and of a text with a mistake in it,
    // only that mistake is worth telling.
    check.problems.retain(|problem| {
        !problems
            .iter()
            .any(|known| known.is_error() && known.file == problem.file && overlap(known, problem))
    });
    problems.append(&mut check.problems);
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems
}

struct Check<'a> {
    app: &'a App,
    files: &'a dyn Files,
    scope: Scope,
    problems: Vec<Problem>,
    used_templates: HashSet<PathBuf>,
    /// Files and folders that steps of this app make: what lies there need not be there yet.
    made: Vec<PathBuf>,
}

impl Check<'_> {
    fn push(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn install(&mut self) {
        let app = self.app;
        let install = &app.install;
        if !install.name.is_empty() && install.name != app.name.as_str() {
            let message = format!(
                "the name `{}` is not the name of the folder, `{}`",
                install.name.escape_debug(),
                app.name
            );
            let problem = Problem::error(INSTALL_FILE, "name", message);
            self.push(problem.with_help("make them equal"));
        }
        for (index, item) in install.dependencies.iter().enumerate() {
            if !item.name.is_empty()
                && let Err(error) = AppName::parse(&item.name)
            {
                let path = format!("dependencies[{index}].name");
                self.push(Problem::error(INSTALL_FILE, path, error.to_string()));
            }
        }
        if install.has_start && app.store.is_none() {
            let message = "`hasStart` offers a start, but there is no store.json";
            let help = "write a store.json with `setting.binPath`, or set `hasStart` to false";
            self.push(Problem::error(INSTALL_FILE, "hasStart", message).with_help(help));
        }
        let page = app.dir.join("static").join("index.html");
        if install.setting && !self.files.exists(&page) {
            let message = "`setting` offers a settings page, but there is no static/index.html";
            let help = "write the page, or set `setting` to false";
            self.push(Problem::warning(INSTALL_FILE, "setting", message).with_help(help));
        }
    }

    fn store(&mut self, store: &StoreInfo) {
        if !store.name.is_empty() && store.name != self.app.name.as_str() {
            let message = format!(
                "the name `{}` differs from install.json's, which is the one that counts",
                store.name.escape_debug()
            );
            let problem = Problem::warning(STORE_FILE, "name", message);
            self.push(problem.with_help("remove it"));
        }
        let plans = self.plans(store);
        if !self.config(store) {
            return;
        }
        self.collect_made(&plans);
        self.main_program(store, &plans);
        for plan in &plans {
            for step in &plan.steps {
                self.step(&step.place, &step.command);
            }
        }
        self.unused_templates();
    }

    /// The steps of every list, each once.
    fn plans(&mut self, store: &StoreInfo) -> Vec<Plan> {
        let lists = store.commands.keys().map(|key| compile_partly(store, key));
        let sections = Section::ALL
            .into_iter()
            .map(|section| compile_section_partly(store, section));
        let mut places = HashSet::new();
        let mut left = MAX_STEPS;
        let mut plans = Vec::new();
        for (mut plan, problems) in sections.chain(lists) {
            for problem in problems {
                self.push(problem);
            }
            left = left.saturating_sub(plan.steps.len() + 1);
            plan.steps.retain(|step| places.insert(step.place.clone()));
            plans.push(plan);
            if left == 0 {
                break;
            }
        }
        for section in [Section::Before, Section::After] {
            let (plan, _) = compile_section_partly(store, section);
            for step in plan.steps {
                if let Command::StartApp { app } = &step.command
                    && (app == self.app.name.as_str() || app == "{name}")
                {
                    let message = "the start of the app would start itself without end";
                    let path = format!("{}.content", step.place);
                    let problem = Problem::error(STORE_FILE, path, message);
                    self.push(problem.with_label(format!("run by `{}`", section.path())));
                }
            }
        }
        plans
    }

    /// Makes the scope; false when the config's own values make none.
    fn config(&mut self, store: &StoreInfo) -> bool {
        for key in store.config.keys() {
            if BUILTIN_WORDS.contains(&key.as_str()) {
                let message =
                    format!("the config key `{key}` cannot be used: `{{{key}}}` is built in");
                let problem = Problem::warning(STORE_FILE, format!("config.{key}"), message);
                self.push(problem.with_help("give it another name"));
            }
        }
        let exe_path = self.app.dir.to_string_lossy();
        let builtins = Builtins {
            exe_path: &exe_path,
            name: self.app.name.as_str(),
            version: &self.app.install.version,
            // The home is three levels up: <home>/run/<os>/<name>.
            home: &self
                .app
                .dir
                .ancestors()
                .nth(3)
                .unwrap_or(Path::new("/"))
                .to_string_lossy(),
        };
        match Scope::new(&builtins, &Config::of(store, &serde_json::Map::new())) {
            Ok(scope) => self.scope = scope,
            Err(error) => {
                let path = match &error {
                    PlaceholderError::Cycle { path } => path
                        .first()
                        .map_or_else(String::new, |key| format!("config.{key}")),
                    PlaceholderError::TooLong { .. }
                    | PlaceholderError::Unknown { .. }
                    | PlaceholderError::Template { .. } => "config".to_owned(),
                };
                self.push(Problem::error(STORE_FILE, path, error.to_string()));
                return false;
            }
        }
        for (key, value) in &store.config {
            self.value(&format!("config.{key}"), value);
        }
        self.config_schema(store);
        true
    }

    /// What the schema of the settings says of settings that are not there, and defaults that it would
    /// refuse.
    fn config_schema(&mut self, store: &StoreInfo) {
        let Some(schema) = &store.config_schema else {
            return;
        };
        let keys = || store.config.keys().map(String::as_str);
        for key in schema.properties.keys() {
            if !store.config.contains_key(key) {
                let message = format!("`{}` is no setting", key.escape_debug());
                let help = match did_you_mean(key, keys()) {
                    help if help.is_empty() => "add it to `config` with its default".to_owned(),
                    help => help,
                };
                let path = format!("configSchema.properties.{key}");
                self.push(Problem::warning(STORE_FILE, path, message).with_help(help));
            }
        }
        for (index, key) in schema.required.iter().enumerate() {
            if !store.config.contains_key(key) && !schema.properties.contains_key(key) {
                let message = format!("`{}` is required and is no setting", key.escape_debug());
                let path = format!("configSchema.required[{index}]");
                let help = did_you_mean(key, keys());
                self.push(Problem::warning(STORE_FILE, path, message).with_help(help));
            }
        }
        if !schema.apply.is_empty() && !store.commands.contains_key(&schema.apply) {
            let message = format!("there is no command list `{}`", schema.apply.escape_debug());
            let help = did_you_mean(&schema.apply, store.commands.keys().map(String::as_str));
            let problem = Problem::error(STORE_FILE, "configSchema.x-apply", message);
            self.push(problem.with_help(help));
        }
        for field in form::fields(store, &serde_json::Map::new()) {
            // One that is required and empty is what the user is asked for.
            let is_empty = field.default.is_null() || field.default == "";
            if field.is_described
                && !is_empty
                && let Some(message) = field.refuses(&field.default)
            {
                let path = format!("config.{}", field.key);
                let problem = Problem::warning(STORE_FILE, path, message);
                self.push(problem.with_help("`configSchema` says so; change one of them"));
            }
        }
    }

    fn value(&mut self, path: &str, value: &serde_json::Value) {
        use serde_json::Value;
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.text(path, text),
            Value::Array(values) => {
                for (index, value) in values.iter().enumerate() {
                    self.value(&format!("{path}[{index}]"), value);
                }
            }
            Value::Object(values) => {
                for (key, value) in values {
                    self.value(&format!("{path}.{key}"), value);
                }
            }
        }
    }

    fn collect_made(&mut self, plans: &[Plan]) {
        for step in plans.iter().flat_map(|plan| &plan.steps) {
            let made = match &step.command {
                Command::WriteFile { file, .. } | Command::ChangeFile { file, .. } => file,
                Command::Unzip { folder, .. } => folder,
                Command::Zip { archive, .. } => archive,
                Command::Start
                | Command::Stop
                | Command::Restart
                | Command::Exec(_)
                | Command::DeleteFile { .. }
                | Command::Mkdir { .. }
                | Command::StartApp { .. }
                | Command::StopApp { .. } => continue,
            };
            if let Ok(path) = self.scope.path(made) {
                self.made.push(self.absolute(&path));
            }
        }
    }

    /// A path of the app without `.` and `..`; a relative one lies in the app's folder.
    fn absolute(&self, path: &str) -> PathBuf {
        lexical(&self.app.dir.join(path))
    }

    fn main_program(&mut self, store: &StoreInfo, plans: &[Plan]) {
        let setting = &store.setting;
        let started_at = plans
            .iter()
            .flat_map(|plan| &plan.steps)
            .find(|step| matches!(step.command, Command::Start | Command::Restart));
        if setting.bin_path.is_empty() {
            let wanted_by = if let Some(step) = started_at {
                Some(format!("`{}` starts the app", step.place))
            } else if self.app.install.has_start {
                Some("`hasStart` in install.json offers a start".to_owned())
            } else {
                None
            };
            if let Some(wanted_by) = wanted_by {
                let message = format!("`setting.binPath` is missing, but {wanted_by}");
                let problem = Problem::error(STORE_FILE, "setting.binPath", message)
                    .with_help("write the path of the program, such as \"{exePath}/bin/server\"");
                self.push(problem);
            }
        } else {
            self.program("setting.binPath", &setting.bin_path);
        }
        if let Some(target) = self.path("setting.confPath", &setting.conf_path) {
            self.must_be_inside("setting.confPath", &target);
            let mut template = target.into_os_string();
            template.push(".tpl");
            let template = PathBuf::from(template);
            if self.files.exists(&template) {
                self.template("setting.confPath", &template);
            }
        }
        if let Some(until) = &setting.ready {
            self.until("setting.ready", until);
        }
        for (index, arg) in store.start.start_cmds.iter().enumerate() {
            self.text(&format!("start.startCmds[{index}]"), arg);
        }
        self.envs("start.startEnvs", &store.start.start_envs);
        self.envs("install.installEnvs", &store.install.install_envs);
    }

    fn step(&mut self, place: &str, command: &Command) {
        let at = |key: &str| format!("{place}.{key}");
        match command {
            Command::Start | Command::Stop | Command::Restart => {}
            Command::Exec(exec) => self.exec(place, exec),
            Command::WriteFile { file, content } => {
                self.target(&at("filePath"), file);
                self.text(&at("content"), content);
            }
            Command::ChangeFile { template, file } => {
                self.target(&at("filePath"), file);
                if let Some(template) = self.path(&at("tplPath"), template) {
                    if self.files.exists(&template) {
                        self.template(&at("tplPath"), &template);
                    } else {
                        self.used_templates.insert(template.clone());
                        self.missing(&at("tplPath"), "template", &template);
                    }
                }
            }
            Command::DeleteFile { file } => self.target(&at("filePath"), file),
            Command::Unzip { archive, folder } => {
                self.path(&at("filePath"), archive);
                self.target(&at("content"), folder);
            }
            Command::Zip { folder, archive } => {
                self.path(&at("filePath"), folder);
                self.target(&at("content"), archive);
            }
            Command::Mkdir { folder } => self.target(&at("filePath"), folder),
            Command::StartApp { app } | Command::StopApp { app } => {
                self.text(&at("content"), app);
                if !app.contains('{')
                    && let Err(error) = AppName::parse(app)
                {
                    self.push(Problem::error(STORE_FILE, at("content"), error.to_string()));
                }
            }
        }
    }

    fn exec(&mut self, place: &str, exec: &Exec) {
        let at = |key: &str| format!("{place}.{key}");
        self.program(&at("binPath"), &exec.program);
        self.path(&at("cwd"), &exec.cwd);
        for (index, arg) in exec.args.iter().enumerate() {
            self.text(&format!("{place}.cmds[{index}]"), arg);
        }
        self.envs(&at("envs"), &exec.envs);
        self.text(&at("content"), &exec.process_name);
        if let Some(until) = &exec.until {
            self.until(&at("until"), until);
        }
        if exec.detach && exec.kill {
            let message = "`detach` leaves the program running and `kill` ends it";
            let problem = Problem::error(STORE_FILE, at("detach"), message);
            self.push(problem.with_help("remove one of them"));
        }
    }

    fn until(&mut self, place: &str, until: &Until) {
        if let Some(file) = &until.file {
            self.path(&format!("{place}.file"), file);
        }
        for (key, text) in [
            ("port", &until.port),
            ("http", &until.http),
            ("log", &until.log),
        ] {
            if let Some(text) = text {
                self.text(&format!("{place}.{key}"), text);
            }
        }
    }

    fn envs(&mut self, place: &str, envs: &[Item]) {
        for (index, item) in envs.iter().enumerate() {
            self.value(&format!("{place}[{index}].value"), &item.value);
        }
    }

    /// Expands a path; an unknown word in it is told.
    fn path(&mut self, place: &str, text: &str) -> Option<PathBuf> {
        if text.is_empty() {
            return None;
        }
        match self.scope.path(text) {
            Ok(path) => Some(self.absolute(&path)),
            Err(PlaceholderError::Unknown { word, known, .. }) => {
                let help = match self.similar_word(&word) {
                    help if help.is_empty() => format!("there are {}", known.join(", ")),
                    help => help,
                };
                let message = format!("`{{{word}}}` is not known");
                let problem = Problem::error(STORE_FILE, place, message)
                    .with_label("a path with it leads nowhere")
                    .with_help(help);
                self.push(problem);
                None
            }
            Err(error) => {
                self.push(Problem::error(STORE_FILE, place, error.to_string()));
                None
            }
        }
    }

    /// The help for an unknown word; empty when there is nothing like it.
    fn similar_word(&self, word: &str) -> String {
        closest(word, self.scope.words())
            .map_or_else(String::new, |known| format!("did you mean `{{{known}}}`?"))
    }

    fn text(&mut self, place: &str, text: &str) {
        let mut unknown = Vec::new();
        self.scope.text(text, &mut unknown);
        for word in unknown {
            let message = format!("`{{{word}}}` {STAYS}");
            let problem = Problem::warning(STORE_FILE, place, message);
            let help = self.similar_word(&word);
            self.push(problem.with_help(help));
        }
    }

    fn program(&mut self, place: &str, program: &str) {
        // A name without a separator is looked up in PATH, which is another one at another time.
        if !program.contains(['/', '\\']) && words_in(program).is_empty() {
            return;
        }
        if let Some(path) = self.path(place, program)
            && !self.files.exists(&path)
        {
            self.missing(place, "program", &path);
        }
    }

    fn missing(&mut self, place: &str, what: &str, path: &Path) {
        if self.made.iter().any(|made| path.starts_with(made)) {
            return;
        }
        let message = format!("the {what} `{}` is not there", self.shown(path));
        // Most programs are named by several steps; what to do about it is one thing.
        if self.problems.iter().any(|known| known.message == message) {
            return;
        }
        let help = if what == "program" && !self.app.install.pkg.is_empty() {
            "unpack the archive of install.json's `pkg` there, or correct the path"
        } else {
            "put it there, or correct the path"
        };
        self.push(Problem::error(STORE_FILE, place, message).with_help(help));
    }

    /// A path as a message shows it: without the app's folder before it.
    fn shown(&self, path: &Path) -> String {
        let short = path.strip_prefix(&self.app.dir).unwrap_or(path);
        short.to_string_lossy().replace('\\', "/")
    }

    /// A file or folder that a step writes or deletes.
    fn target(&mut self, place: &str, text: &str) {
        if let Some(path) = self.path(place, text) {
            self.must_be_inside(place, &path);
        }
    }

    fn must_be_inside(&mut self, place: &str, path: &Path) {
        if !path.starts_with(lexical(&self.app.dir)) {
            let message = format!("`{}` lies outside of the app's folder", path.display());
            let problem = Problem::warning(STORE_FILE, place, message);
            self.push(problem.with_help("write a path that begins with {exePath}"));
        }
    }

    /// Looks into a template that is there.
    fn template(&mut self, place: &str, path: &Path) {
        if !self.used_templates.insert(path.to_owned()) {
            return;
        }
        let name = self.shown(path);
        let Some(text) = self.files.read(path) else {
            let message = format!("the template `{name}` is no text that can be read");
            self.push(Problem::error(STORE_FILE, place, message));
            return;
        };
        let mut unknown = Vec::new();
        match self.scope.template(&name, &text, &mut unknown) {
            Ok(_) => {
                for word in unknown {
                    let message = format!("`{{{word}}}` in the template `{name}` {STAYS}");
                    let problem = Problem::warning(STORE_FILE, place, message);
                    let help = self.similar_word(&word);
                    self.push(problem.with_help(help));
                }
            }
            Err(error) => self.push(Problem::error(STORE_FILE, place, error.to_string())),
        }
    }

    fn unused_templates(&mut self) {
        let unused: Vec<PathBuf> = self
            .files
            .templates()
            .into_iter()
            .filter(|path| !self.used_templates.contains(&lexical(path)))
            .take(MAX_UNUSED)
            .collect();
        for path in unused {
            let file = self.shown(&path);
            let message = "no step and no `confPath` uses this template";
            let help = "write a `changeFile` with its path, or remove it";
            self.push(Problem::warning(&file, "", message).with_help(help));
        }
    }
}

fn overlap(a: &Problem, b: &Problem) -> bool {
    match (&a.span, &b.span) {
        (Some(a), Some(b)) => a.start < b.end && b.start < a.end,
        _ => false,
    }
}

/// A path without `.` and `..`, by its text alone.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                cleaned.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                cleaned.push(component);
            }
        }
    }
    cleaned
}
