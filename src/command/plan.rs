//! From the author's words to commands: names resolved, fields demanded, cycles refused, every
//! problem at once.

pub use super::check::check;
use super::{Command, Exec};
use crate::app::parse::STORE_FILE;
use crate::app::store::{BUILTINS, Step};
use crate::app::suggest::did_you_mean;
use crate::app::{AppName, Problem, StoreInfo};

/// One step of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedStep {
    /// The lists that led here, outermost first: `["setting", "initData"]`.
    pub lists: Vec<String>,
    /// Its place in `store.json`: `commands.initData[1]`.
    pub place: String,
    /// What it does.
    pub command: Command,
}

/// A command list with the lists in it laid flat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
}

/// Seconds that `exec` may take unless it says otherwise.
const EXEC_TIMEOUT: f64 = 600.0;

/// Limit of the steps of one plan. Lists that call another list twice double at each level.
const MAX_STEPS: usize = 10_000;

/// Limit of lists that call each other in a row.
const MAX_LISTS: usize = 64;

/// Compiles the list `key` of `commands`.
///
/// # Errors
/// Every problem of the list: unknown names, missing fields, recursion.
pub fn compile(store: &StoreInfo, key: &str) -> Result<Plan, Vec<Problem>> {
    result(compile_partly(store, key))
}

fn result((plan, problems): (Plan, Vec<Problem>)) -> Result<Plan, Vec<Problem>> {
    if problems.is_empty() {
        Ok(plan)
    } else {
        Err(problems)
    }
}

/// Like [`compile`], with the steps that are right among those that are not.
pub(super) fn compile_partly(store: &StoreInfo, key: &str) -> (Plan, Vec<Problem>) {
    let mut compiler = Compiler::new(store, None);
    if let Some((key, steps)) = store.commands.get_key_value(key) {
        compiler.list(key, steps, "");
    } else {
        let message = format!("there is no command list `{}`", key.escape_debug());
        let help = match did_you_mean(key, store.commands.keys().map(String::as_str)) {
            help if !help.is_empty() => help,
            _ if store.commands.is_empty() => "`commands` is empty".to_owned(),
            _ => format!("there are {}", list_of(store)),
        };
        compiler.push(Problem::error(STORE_FILE, "commands", message).with_help(help));
    }
    (compiler.plan, compiler.problems)
}

/// The three lists that sections of `store.json` hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `install.installCmds`.
    Install,
    /// `start.beforeCmds`.
    Before,
    /// `start.afterCmds`.
    After,
}

impl Section {
    /// Every section.
    pub const ALL: [Self; 3] = [Self::Install, Self::Before, Self::After];

    /// Its place in `store.json`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Install => "install.installCmds",
            Self::Before => "start.beforeCmds",
            Self::After => "start.afterCmds",
        }
    }

    /// Its entries, as written.
    pub fn entries(self, store: &StoreInfo) -> &[String] {
        match self {
            Self::Install => &store.install.install_cmds,
            Self::Before => &store.start.before_cmds,
            Self::After => &store.start.after_cmds,
        }
    }

    /// Whether the list is run by a start, so that a start in it would never end.
    fn belongs_to_start(self) -> bool {
        match self {
            Self::Install => false,
            Self::Before | Self::After => true,
        }
    }
}

/// Compiles a section's list. `start` and `restart` are refused in Before and After: they would
/// start themselves.
///
/// # Errors
/// Every problem of the list.
pub fn compile_section(store: &StoreInfo, section: Section) -> Result<Plan, Vec<Problem>> {
    result(compile_section_partly(store, section))
}

/// Like [`compile_section`], with the steps that are right among those that are not.
pub(super) fn compile_section_partly(store: &StoreInfo, section: Section) -> (Plan, Vec<Problem>) {
    let within_start = section.belongs_to_start().then(|| section.path());
    let mut compiler = Compiler::new(store, within_start);
    for (index, name) in section.entries(store).iter().enumerate() {
        let place = format!("{}[{index}]", section.path());
        let step = Step {
            name: name.clone(),
            ..Step::default()
        };
        compiler.step(&step, &place, &place);
    }
    (compiler.plan, compiler.problems)
}

/// What a step's name means.
enum Meaning<'a> {
    List(&'a str, &'a [Step]),
    Builtin(&'static str),
    Nothing,
}

struct Compiler<'a> {
    store: &'a StoreInfo,
    /// The section of the start that is compiled, if it is one.
    within_start: Option<&'static str>,
    /// The lists that are being laid flat, outermost first.
    stack: Vec<&'a str>,
    /// Number of steps looked at, lists included.
    visited: usize,
    plan: Plan,
    problems: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(store: &'a StoreInfo, within_start: Option<&'static str>) -> Self {
        Self {
            store,
            within_start,
            stack: Vec::new(),
            visited: 0,
            plan: Plan::default(),
            problems: Vec::new(),
        }
    }

    /// Adds a problem, unless the same list was met before and it is known.
    fn push(&mut self, problem: Problem) {
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    fn list(&mut self, name: &'a str, steps: &'a [Step], called_at: &str) {
        if self.stack.len() == MAX_LISTS {
            let message = format!("more than {MAX_LISTS} lists call each other in a row");
            self.push(Problem::error(STORE_FILE, called_at, message));
            return;
        }
        self.stack.push(name);
        for (index, step) in steps.iter().enumerate() {
            if self.visited > MAX_STEPS {
                break;
            }
            let place = format!("commands.{name}[{index}]");
            let name_at = format!("{place}.name");
            self.step(step, &place, &name_at);
        }
        self.stack.pop();
    }

    /// Compiles one step; `name_at` is where its name is written.
    fn step(&mut self, step: &Step, place: &str, name_at: &str) {
        self.visited += 1;
        if self.visited > MAX_STEPS {
            let message = format!("the list has more than {MAX_STEPS} steps");
            let problem = Problem::error(STORE_FILE, name_at, message);
            self.push(problem.with_help("lists that call others many times multiply"));
            return;
        }
        match self.meaning(&step.name) {
            Meaning::List(name, steps) => {
                if let Some(from) = self.stack.iter().position(|list| *list == name) {
                    self.cycle(from);
                } else {
                    self.list(name, steps, name_at);
                }
            }
            Meaning::Builtin(name) => self.builtin(name, step, place, name_at),
            Meaning::Nothing => self.unknown(&step.name, name_at),
        }
    }

    /// Refuses lists that call each other in a circle. It is told from the list that stands first in
    /// the file, so that it is the same circle wherever it was entered.
    fn cycle(&mut self, from: usize) {
        let mut cycle: Vec<&str> = self.stack.iter().skip(from).copied().collect();
        let position = |name: &str| self.store.commands.get_index_of(name);
        if let Some(first) =
            (0..cycle.len()).min_by_key(|&at| cycle.get(at).map(|name| position(name)))
        {
            cycle.rotate_left(first);
        }
        let (Some(&first), Some(&last)) = (cycle.first(), cycle.last()) else {
            return;
        };
        let steps = self.store.commands.get(last);
        let closes = steps.and_then(|steps| steps.iter().position(|step| step.name == first));
        let place = closes.map_or_else(String::new, |at| format!("commands.{last}[{at}].name"));
        cycle.push(first);
        let path = cycle.join(" → ");
        let message = format!("the list `{first}` calls itself without end: {path}");
        let problem = Problem::error(STORE_FILE, place, message);
        self.push(problem.with_label("this call closes the circle"));
    }

    /// An own list wins over a built-in of its name; inside of itself the name means the built-in.
    fn meaning(&self, name: &str) -> Meaning<'a> {
        let own = self.store.commands.get_key_value(name);
        let builtin = BUILTINS
            .into_iter()
            .find(|builtin| *builtin == name)
            .or_else(|| {
                let mut all = BUILTINS.into_iter();
                all.find(|builtin| own.is_none() && builtin.eq_ignore_ascii_case(name))
            });
        match (own, builtin) {
            (Some((key, _)), Some(builtin)) if self.stack.contains(&key.as_str()) => {
                Meaning::Builtin(builtin)
            }
            (Some((key, steps)), _) => Meaning::List(key, steps),
            (None, Some(builtin)) => Meaning::Builtin(builtin),
            (None, None) => Meaning::Nothing,
        }
    }

    fn unknown(&mut self, name: &str, name_at: &str) {
        if name.is_empty() {
            let message = "a step without a name";
            let help = "write a built-in command or a key of `commands`";
            self.push(Problem::error(STORE_FILE, name_at, message).with_help(help));
            return;
        }
        let known = BUILTINS
            .into_iter()
            .chain(self.store.commands.keys().map(String::as_str));
        let help = match did_you_mean(name, known) {
            help if !help.is_empty() => help,
            _ if self.store.commands.is_empty() => {
                format!("the built-in commands are {}", BUILTINS.join(", "))
            }
            _ => format!(
                "the built-in commands are {}; the lists are {}",
                BUILTINS.join(", "),
                list_of(self.store)
            ),
        };
        let message = format!("unknown command `{}`", name.escape_debug());
        let problem = Problem::error(STORE_FILE, name_at, message)
            .with_label("not a built-in, nor a key of `commands`")
            .with_help(help);
        self.push(problem);
    }

    fn builtin(&mut self, name: &'static str, step: &Step, place: &str, name_at: &str) {
        if let (Some(section), "start" | "restart") = (self.within_start, name) {
            let mut path = vec!["start", section];
            path.extend(&self.stack);
            path.push(name);
            let message = format!(
                "the start of the app would start itself without end: {}",
                path.join(" → ")
            );
            let problem = Problem::error(STORE_FILE, name_at, message)
                .with_label(format!("run by `{section}`"))
                .with_help("remove it: the app is started between `beforeCmds` and `afterCmds`");
            self.push(problem);
            return;
        }
        let mut missing = Vec::new();
        let mut need = |key: &'static str, what: &'static str, value: &str| {
            if value.is_empty() {
                missing.push((key, what));
            }
            value.to_owned()
        };
        let command = match name {
            "start" => Command::Start,
            "stop" => Command::Stop,
            "restart" => Command::Restart,
            "exec" => Command::Exec(Box::new(Exec {
                program: need("binPath", "the program", &step.bin_path),
                args: step.cmds.clone(),
                envs: step.envs.clone(),
                cwd: step.cwd.clone(),
                waiting: step.waiting,
                kill: step.kill,
                process_name: step.content.clone(),
                strict: step.strict,
                timeout: step.timeout.unwrap_or(EXEC_TIMEOUT),
                detach: step.detach,
                until: step.until.clone(),
            })),
            "writeFile" => Command::WriteFile {
                file: need("filePath", "the file to write", &step.file_path),
                content: step.content.clone(),
            },
            "changeFile" => Command::ChangeFile {
                template: need("tplPath", "the template", &step.tpl_path),
                file: need("filePath", "the file to write", &step.file_path),
            },
            "deleteFile" => Command::DeleteFile {
                file: need("filePath", "the file to delete", &step.file_path),
            },
            "unzip" => Command::Unzip {
                archive: need("filePath", "the archive", &step.file_path),
                folder: need("content", "the folder to unpack to", &step.content),
            },
            "zip" => Command::Zip {
                folder: need("filePath", "the folder to pack", &step.file_path),
                archive: need("content", "the archive to write", &step.content),
            },
            "mkdir" => Command::Mkdir {
                folder: need("filePath", "the folder to make", &step.file_path),
            },
            "startApp" => Command::StartApp {
                app: need("content", "the app's name", &step.content),
            },
            "stopApp" => Command::StopApp {
                app: need("content", "the app's name", &step.content),
            },
            _ => return,
        };
        if missing.is_empty() {
            self.plan.steps.push(PlannedStep {
                lists: self.stack.iter().map(|list| (*list).to_owned()).collect(),
                place: place.to_owned(),
                command,
            });
        }
        let inside_list = name_at != place;
        for (key, what) in missing {
            let problem = if inside_list {
                let message = format!("`{name}` without `{key}`");
                Problem::error(STORE_FILE, format!("{place}.{key}"), message)
                    .with_help(format!("add \"{key}\": and {what}"))
            } else {
                let message = format!("`{name}` needs `{key}`, which cannot be given here");
                Problem::error(STORE_FILE, place, message)
                    .with_help("make it a list in `commands` and write the list's name here")
            };
            self.push(problem);
        }
    }
}

/// The lists of an app, for messages.
fn list_of(store: &StoreInfo) -> String {
    let names: Vec<_> = store.commands.keys().map(String::as_str).take(20).collect();
    names.join(", ")
}

/// The cycle of apps that start each other (`startApp` in any list that a start runs), beginning
/// and ending with `app`, if there is one.
pub fn start_cycle(
    app: &AppName,
    load: &dyn Fn(&AppName) -> Option<StoreInfo>,
) -> Option<Vec<AppName>> {
    let mut seen = vec![app.clone()];
    let mut path: Vec<(AppName, Vec<AppName>)> = vec![(app.clone(), started_by(app, load))];
    while let Some((_, waiting)) = path.last_mut() {
        match waiting.pop() {
            None => {
                path.pop();
            }
            Some(next) if next == *app => {
                let mut cycle: Vec<AppName> = path.into_iter().map(|(name, _)| name).collect();
                cycle.push(next);
                return Some(cycle);
            }
            Some(next) if seen.contains(&next) => {}
            Some(next) => {
                seen.push(next.clone());
                let started = started_by(&next, load);
                path.push((next, started));
            }
        }
    }
    None
}

/// The apps that a start of `app` starts, the last one first.
fn started_by(app: &AppName, load: &dyn Fn(&AppName) -> Option<StoreInfo>) -> Vec<AppName> {
    let Some(store) = load(app) else {
        return Vec::new();
    };
    let mut started = Vec::new();
    for section in [Section::Before, Section::After] {
        // A list with mistakes is never run, so it starts nobody.
        let plan = compile_section(&store, section).unwrap_or_default();
        for step in plan.steps {
            if let Command::StartApp { app: content } = step.command {
                // `{name}` is the only word that is the same at every moment.
                let name = content.replace("{name}", app.as_str());
                started.extend(AppName::parse(&name));
            }
        }
    }
    started.reverse();
    started
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::parse;

    fn read(text: &str) -> StoreInfo {
        let (store, problems) = parse::store(text);
        assert_eq!(problems, [], "in {text}");
        store
    }

    /// The steps as `lists: place command`, or the problems' messages with path and help.
    fn shown(result: Result<Plan, Vec<Problem>>) -> String {
        let lines: Vec<String> = match result {
            Ok(plan) => plan
                .steps
                .iter()
                .map(|step| {
                    let command = format!("{:?}", step.command);
                    let name = command.split([' ', '(']).next().unwrap();
                    format!("{} {} {name}", step.lists.join(">"), step.place)
                })
                .collect(),
            Err(problems) => problems
                .iter()
                .map(|problem| format!("{}: {} ({})", problem.path, problem.message, problem.help))
                .collect(),
        };
        lines.join("\n")
    }

    /// Compiles the list `main` of `commands`.
    fn main_of(commands: &str) -> String {
        shown(compile(
            &read(&format!(r#"{{"commands": {commands}}}"#)),
            "main",
        ))
    }

    #[test]
    fn lists_in_lists_are_laid_flat() {
        insta::assert_snapshot!(main_of(r#"{
            "main": [{"name": "mkdir", "filePath": "x"}, {"name": "init"}, {"name": "stop"}],
            "init": [{"name": "exec", "binPath": "x"}, {"name": "start"}]
        }"#), @r"
        main commands.main[0] Mkdir
        main>init commands.init[0] Exec
        main>init commands.init[1] Start
        main commands.main[2] Stop
        ");
    }

    #[test]
    fn an_own_list_replaces_a_builtin_and_means_the_builtin_inside_itself() {
        insta::assert_snapshot!(main_of(r#"{
            "main": [{"name": "start"}],
            "start": [{"name": "prepare"}, {"name": "start"}],
            "prepare": [{"name": "mkdir", "filePath": "x"}]
        }"#), @r"
        main>start>prepare commands.prepare[0] Mkdir
        main>start commands.start[1] Start
        ");
    }

    #[test]
    fn built_ins_are_found_in_any_case_but_own_lists_only_as_written() {
        insta::assert_snapshot!(main_of(r#"{"main": [{"name": "STOP"}, {"name": "Main"}]}"#), @"commands.main[1].name: unknown command `Main` (did you mean `main`?)");
        insta::assert_snapshot!(main_of(r#"{"main": [{"name": "STOP"}]}"#), @"main commands.main[0] Stop");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        insta::assert_snapshot!(main_of(r#"{"main": [
            {"name": "exce", "binPath": "x"}, {"name": "exec"}, {"name": "writeFile"},
            {"name": "changeFile"}, {"name": "deleteFile"}, {"name": "unzip"}, {"name": "zip"},
            {"name": "mkdir"}, {"name": "startApp"}, {"name": "stopApp"}, {"name": "nothingLikeIt"}
        ]}"#), @r#"
        commands.main[0].name: unknown command `exce` (did you mean `exec`?)
        commands.main[1].binPath: `exec` without `binPath` (add "binPath": and the program)
        commands.main[2].filePath: `writeFile` without `filePath` (add "filePath": and the file to write)
        commands.main[3].tplPath: `changeFile` without `tplPath` (add "tplPath": and the template)
        commands.main[3].filePath: `changeFile` without `filePath` (add "filePath": and the file to write)
        commands.main[4].filePath: `deleteFile` without `filePath` (add "filePath": and the file to delete)
        commands.main[5].filePath: `unzip` without `filePath` (add "filePath": and the archive)
        commands.main[5].content: `unzip` without `content` (add "content": and the folder to unpack to)
        commands.main[6].filePath: `zip` without `filePath` (add "filePath": and the folder to pack)
        commands.main[6].content: `zip` without `content` (add "content": and the archive to write)
        commands.main[7].filePath: `mkdir` without `filePath` (add "filePath": and the folder to make)
        commands.main[8].content: `startApp` without `content` (add "content": and the app's name)
        commands.main[9].content: `stopApp` without `content` (add "content": and the app's name)
        commands.main[10].name: unknown command `nothingLikeIt` (the built-in commands are start, stop, restart, exec, writeFile, changeFile, deleteFile, unzip, zip, mkdir, startApp, stopApp; the lists are main)
        "#);
    }

    #[test]
    fn recursion_is_refused_with_its_path() {
        insta::assert_snapshot!(main_of(r#"{
            "main": [{"name": "setting"}],
            "setting": [{"name": "initData"}, {"name": "stop"}],
            "initData": [{"name": "setting"}]
        }"#), @"commands.initData[0].name: the list `setting` calls itself without end: setting → initData → setting ()");
        insta::assert_snapshot!(main_of(r#"{"main": [{"name": "main"}]}"#), @"commands.main[0].name: the list `main` calls itself without end: main → main ()");
    }

    #[test]
    fn lists_that_multiply_or_nest_without_measure_are_refused() {
        let mut commands = Vec::new();
        for number in 0..40 {
            let next = number + 1;
            commands.push(format!(
                r#""l{number}": [{{"name":"l{next}"}},{{"name":"l{next}"}}]"#
            ));
        }
        let text = format!(
            r#"{{"main": [{{"name":"l0"}}], {}, "l40": []}}"#,
            commands.join(",")
        );
        let problems = main_of(&text);
        assert!(problems.contains("more than 10000 steps"), "{problems}");
        let mut commands = Vec::new();
        for number in 0..5000 {
            commands.push(format!(r#""l{number}": [{{"name":"l{}"}}]"#, number + 1));
        }
        let text = format!(
            r#"{{"main": [{{"name":"l0"}}], {}, "l5000": []}}"#,
            commands.join(",")
        );
        let problems = main_of(&text);
        assert!(problems.contains("more than 64 lists"), "{problems}");
    }

    #[test]
    fn an_unknown_list_is_told_with_the_ones_there_are() {
        let store = read(r#"{"commands": {"setting": [], "initData": []}}"#);
        insta::assert_snapshot!(shown(compile(&store, "setings")), @"commands: there is no command list `setings` (did you mean `setting`?)");
        insta::assert_snapshot!(shown(compile(&store, "x\n")), @r"commands: there is no command list `x\n` (there are setting, initData)");
        insta::assert_snapshot!(shown(compile(&StoreInfo::default(), "x")), @"commands: there is no command list `x` (`commands` is empty)");
    }

    #[test]
    fn a_section_calls_lists_and_built_ins() {
        let store = read(
            r#"{
            "commands": {"init": [{"name": "exec", "binPath": "x", "cmds": [1]}]},
            "install": {"installCmds": ["init", "start"]}
        }"#,
        );
        insta::assert_snapshot!(shown(compile_section(&store, Section::Install)), @r"
        init commands.init[0] Exec
         install.installCmds[1] Start
        ");
        assert_eq!(shown(compile_section(&store, Section::Before)), "");
        let store = read(r#"{"install": {"installCmds": ["inti", "exec", ""]}}"#);
        insta::assert_snapshot!(shown(compile_section(&store, Section::Install)), @r"
        install.installCmds[0]: unknown command `inti` (the built-in commands are start, stop, restart, exec, writeFile, changeFile, deleteFile, unzip, zip, mkdir, startApp, stopApp)
        install.installCmds[1]: `exec` needs `binPath`, which cannot be given here (make it a list in `commands` and write the list's name here)
        install.installCmds[2]: a step without a name (write a built-in command or a key of `commands`)
        ");
    }

    #[test]
    fn a_start_inside_of_a_start_is_refused() {
        let store = read(
            r#"{
            "commands": {"init": [{"name": "stop"}, {"name": "restart"}]},
            "start": {"beforeCmds": ["init"], "AfterCmds": ["start"]}
        }"#,
        );
        insta::assert_snapshot!(shown(compile_section(&store, Section::Before)), @"commands.init[1].name: the start of the app would start itself without end: start → start.beforeCmds → init → restart (remove it: the app is started between `beforeCmds` and `afterCmds`)");
        insta::assert_snapshot!(shown(compile_section(&store, Section::After)), @"start.afterCmds[0]: the start of the app would start itself without end: start → start.afterCmds → start (remove it: the app is started between `beforeCmds` and `afterCmds`)");
    }

    #[test]
    fn fields_of_exec_reach_the_plan() {
        let store = read(
            r#"{"commands": {"main": [{"name": "exec", "binPath": "b", "cmds": ["-x", 5], "waiting": "3",
            "kill": true, "content": "mysqld", "envs": [{"name": "A", "value": 1}], "strict": true,
            "timeout": 5, "cwd": "d", "until": {"port": 80}}, {"name": "exec", "binPath": "b"}]}}"#,
        );
        let plan = compile(&store, "main").unwrap();
        insta::assert_debug_snapshot!(plan.steps, @r#"
        [
            PlannedStep {
                lists: [
                    "main",
                ],
                place: "commands.main[0]",
                command: Exec(
                    Exec {
                        program: "b",
                        args: [
                            "-x",
                            "5",
                        ],
                        envs: [
                            Item {
                                name: "A",
                                value: Number(1),
                            },
                        ],
                        cwd: "d",
                        waiting: 3.0,
                        kill: true,
                        process_name: "mysqld",
                        strict: true,
                        timeout: 5.0,
                        detach: false,
                        until: Some(
                            Until {
                                port: Some(
                                    "80",
                                ),
                                http: None,
                                file: None,
                                log: None,
                                timeout: None,
                            },
                        ),
                    },
                ),
            },
            PlannedStep {
                lists: [
                    "main",
                ],
                place: "commands.main[1]",
                command: Exec(
                    Exec {
                        program: "b",
                        args: [],
                        envs: [],
                        cwd: "",
                        waiting: 0.0,
                        kill: false,
                        process_name: "",
                        strict: false,
                        timeout: 600.0,
                        detach: false,
                        until: None,
                    },
                ),
            },
        ]
        "#);
    }

    fn name(text: &str) -> AppName {
        AppName::parse(text).unwrap()
    }

    /// Apps as `a: b c`, meaning that a start of `a` starts `b` and `c`.
    fn cycle(apps: &[(&str, &[&str])], of: &str) -> Option<String> {
        let load = |app: &AppName| {
            let (_, started) = apps.iter().find(|(name, _)| *name == app.as_str())?;
            let steps: Vec<String> = started
                .iter()
                .map(|app| format!(r#"{{"name": "startApp", "content": "{app}"}}"#))
                .collect();
            Some(read(&format!(
                r#"{{"commands": {{"go": [{}]}}, "start": {{"beforeCmds": ["go"]}}}}"#,
                steps.join(",")
            )))
        };
        let cycle = start_cycle(&name(of), &load)?;
        let names: Vec<_> = cycle.iter().map(AppName::as_str).collect();
        Some(names.join(" → "))
    }

    #[test]
    fn apps_that_start_each_other_are_found() {
        assert_eq!(
            cycle(&[("a", &["b"]), ("b", &["c"]), ("c", &[])], "a"),
            None
        );
        assert_eq!(cycle(&[("a", &["missing", "x y"])], "a"), None);
        assert_eq!(cycle(&[("a", &["a"])], "a").unwrap(), "a → a");
        assert_eq!(cycle(&[("a", &["{name}"])], "a").unwrap(), "a → a");
        assert_eq!(
            cycle(&[("a", &["x", "b"]), ("b", &["c"]), ("c", &["a"])], "a").unwrap(),
            "a → b → c → a"
        );
        // The start of `a` only leads into that cycle; `b` will be refused.
        assert_eq!(
            cycle(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])], "a"),
            None
        );
        assert_eq!(
            cycle(&[("a", &["b"]), ("b", &["a"])], "b").unwrap(),
            "b → a → b"
        );
    }
}
