//! Why is an app not up? Looks at everything that usually is the reason, and says what to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sysinfo::{Disks, Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::ports;
use crate::app::placeholder::Builtins;
use crate::app::store::StoreInfo;
use crate::app::{App, AppName, Config, Scope};
use crate::command::{Command, plan};
use crate::service::Service;
use crate::supervisor::{State, Status};

/// Below this much free space programs begin to fail in odd ways.
const LITTLE_SPACE: u64 = 200 << 20;

/// Below this much nearly every program fails.
const NO_SPACE: u64 = 5 << 20;

/// Files that are looked at for stale locks; an app's data folder may hold millions.
const MAX_FILES: usize = 20_000;

/// How deep below the app's folder.
const MAX_DEPTH: usize = 4;

/// A lock file holds little more than a number.
const MAX_LOCK_BYTES: u64 = 4096;

/// How serious a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// Nothing is wrong here.
    Ok,
    /// It may be the reason.
    Warning,
    /// It is a reason.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub(super) struct Finding {
    /// How serious it is.
    level: Level,
    /// What was looked at: state, manifest, program, port, folder, disk, lock, output.
    check: &'static str,
    /// What was found.
    message: String,
    /// What to do; may be empty.
    help: String,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Diagnosis {
    /// The app.
    #[schema(value_type = String)]
    app: AppName,
    /// Whether it is up.
    up: bool,
    /// The findings, in the order in which they matter.
    findings: Vec<Finding>,
}

/// The findings so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(
        &mut self,
        level: Level,
        check: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.0.push(Finding {
            level,
            check,
            message: message.into(),
            help: help.into(),
        });
    }

    fn ok(&mut self, check: &'static str, message: impl Into<String>) {
        self.add(Level::Ok, check, message, "");
    }
}

/// Examines an app. `own` are the pids of its processes. Blocks.
pub(super) fn examine(service: &Service, name: &AppName, own: &[u32]) -> Diagnosis {
    let status = service.supervisor.status(name);
    let mut findings = Findings::default();
    look_at_state(&mut findings, name, &status);
    for problem in service.problems(name).iter().filter(|p| p.is_error()) {
        findings.add(
            Level::Error,
            "manifest",
            problem.sentence(),
            format!("`storekeeper validate {name}` shows the place"),
        );
    }
    if let Ok(app) = service.app(name) {
        if service.database.app(name).installed.is_none() {
            findings.add(
                Level::Warning,
                "manifest",
                format!("`{name}` is not installed"),
                format!("install it with `storekeeper install {name}`"),
            );
        }
        let config = service.config(&app);
        look_at_files(&mut findings, service, &app, &config, own);
    }
    look_at_disk(&mut findings, service, name);
    look_at_output(&mut findings, &status);
    let up = matches!(status.state, State::Running);
    // What is worst comes first; the order in which things were looked at stays otherwise.
    let mut findings = findings.0;
    findings.sort_by_key(|finding| match finding.level {
        Level::Error => 0,
        Level::Warning => 1,
        Level::Ok => 2,
    });
    Diagnosis {
        app: name.clone(),
        up,
        findings,
    }
}

fn look_at_state(findings: &mut Findings, name: &AppName, status: &Status) {
    let pid = status.pid.unwrap_or(0);
    let problem = status.problem.as_deref().unwrap_or("");
    match status.state {
        State::Running => findings.ok("state", format!("it runs (pid {pid})")),
        State::Starting => findings.add(
            Level::Warning,
            "state",
            "it is starting and not ready yet",
            "wait, or look at its output with `storekeeper logs -f`",
        ),
        State::Unhealthy => findings.add(
            Level::Error,
            "state",
            format!("it runs (pid {pid}) but did not become ready; {problem}"),
            format!("look at `storekeeper logs {name}`"),
        ),
        State::BackingOff => findings.add(
            Level::Error,
            "state",
            format!("it ended by itself and waits for its next start; {problem}"),
            format!("look at `storekeeper logs {name}`"),
        ),
        State::Stopping => {
            findings.add(Level::Warning, "state", "it was asked to end", "");
        }
        State::Failed => findings.add(
            Level::Error,
            "state",
            format!("it failed; {problem}"),
            format!("when the reason is gone, `storekeeper start {name}`"),
        ),
        State::Stopped => findings.add(
            Level::Warning,
            "state",
            "it is stopped, as was asked for",
            format!("start it with `storekeeper start {name}`"),
        ),
    }
}

/// The checks that need the app's placeholders.
fn look_at_files(
    findings: &mut Findings,
    service: &Service,
    app: &App,
    config: &Config,
    own: &[u32],
) {
    let Some(store) = &app.store else {
        findings.ok("program", "it is a page without a program");
        return;
    };
    let exe_path = app.dir.to_string_lossy();
    let home = service.library.home().to_string_lossy();
    let builtins = Builtins {
        exe_path: &exe_path,
        name: app.name.as_str(),
        version: &app.install.version,
        home: &home,
    };
    let scope = match Scope::new(&builtins, config) {
        Ok(scope) => scope,
        Err(error) => {
            findings.add(Level::Error, "manifest", error.to_string(), "");
            return;
        }
    };
    look_at_program(findings, store, &scope, &app.dir);
    look_at_ports(findings, store, config, &scope, own);
    look_at_folders(findings, store, &scope, &app.dir);
    look_at_locks(findings, &app.dir);
}

fn look_at_program(findings: &mut Findings, store: &StoreInfo, scope: &Scope, dir: &Path) {
    let written = &store.setting.bin_path;
    if written.is_empty() {
        findings.ok(
            "program",
            "it has no program to start (`setting.binPath` is empty)",
        );
        return;
    }
    let program = match scope.path(written) {
        Ok(program) => program,
        Err(error) => {
            findings.add(Level::Error, "program", error.to_string(), "");
            return;
        }
    };
    if !program.contains(['/', '\\']) {
        // Ours is found beside us, the others where the system looks.
        findings.ok("program", format!("`{program}` is looked up in PATH"));
        return;
    }
    let path = dir.join(&program);
    let shown = path.display();
    match std::fs::metadata(&path) {
        Err(error) => findings.add(
            Level::Error,
            "program",
            format!("the program `{shown}` cannot be found: {error}"),
            "put it there, or correct `setting.binPath` in store.json",
        ),
        Ok(data) if !data.is_file() => findings.add(
            Level::Error,
            "program",
            format!("the program `{shown}` is not a file"),
            "correct `setting.binPath` in store.json",
        ),
        Ok(data) if !is_executable(&data) => findings.add(
            Level::Error,
            "program",
            format!("the program `{shown}` may not be executed"),
            format!("allow it with `chmod +x {shown}`"),
        ),
        Ok(_) => findings.ok("program", format!("`{shown}` is there and may be executed")),
    }
}

#[cfg(unix)]
fn is_executable(data: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&data.permissions()) & 0o111 != 0
}

#[cfg(windows)]
fn is_executable(_: &std::fs::Metadata) -> bool {
    true
}

fn look_at_ports(
    findings: &mut Findings,
    store: &StoreInfo,
    config: &Config,
    scope: &Scope,
    own: &[u32],
) {
    let ready = store.setting.ready.as_ref();
    let waited_for = ready.and_then(|ready| ready.port.as_deref());
    let ports: BTreeSet<u16> = config
        .values()
        .keys()
        .filter(|key| key.to_ascii_lowercase().contains("port"))
        .filter_map(|key| scope.value(key)?.parse().ok())
        .chain(waited_for.and_then(|text| scope.text(text, &mut Vec::new()).parse().ok()))
        .filter(|&port| port != 0)
        .collect();
    if ports.is_empty() {
        return;
    }
    let rows = match ports::scan() {
        Ok(rows) => rows,
        Err(reason) => {
            findings.add(
                Level::Warning,
                "port",
                format!("the system does not tell who listens on which port: {reason}"),
                "",
            );
            return;
        }
    };
    for port in ports {
        let holder = rows
            .iter()
            .find(|row| row.port == port && row.proto == "TCP");
        match holder {
            Some(row) if own.contains(&row.pid) => {
                findings.ok("port", format!("it listens on port {port}"));
            }
            Some(row) => findings.add(
                Level::Error,
                "port",
                format!("port {port} is taken by `{}` (pid {})", row.name, row.pid),
                "end that program, or give this app another port in its settings",
            ),
            None if std::net::TcpListener::bind(("127.0.0.1", port)).is_err() => findings.add(
                Level::Error,
                "port",
                format!("port {port} is taken by a program of another user, or not allowed"),
                "give this app another port in its settings",
            ),
            None => findings.ok("port", format!("port {port} is free")),
        }
    }
}

fn look_at_folders(findings: &mut Findings, store: &StoreInfo, scope: &Scope, dir: &Path) {
    let mut folders = BTreeSet::from([dir.to_owned()]);
    for key in store.commands.keys() {
        // A list with mistakes is told by the look at the manifests.
        let Ok(plan) = plan::compile(store, key) else {
            continue;
        };
        for step in plan.steps {
            let target = match &step.command {
                Command::WriteFile { file, .. }
                | Command::ChangeFile { file, .. }
                | Command::DeleteFile { file } => Some((file, true)),
                Command::Unzip { folder, .. } | Command::Mkdir { folder } => Some((folder, false)),
                Command::Zip { archive, .. } => Some((archive, true)),
                Command::Start
                | Command::Stop
                | Command::Restart
                | Command::Exec(_)
                | Command::StartApp { .. }
                | Command::StopApp { .. } => None,
            };
            let Some((target, is_file)) = target else {
                continue;
            };
            if let Ok(path) = scope.path(target) {
                let path = dir.join(path);
                let folder = if is_file { path.parent() } else { Some(&*path) };
                folders.extend(folder.and_then(first_there));
            }
        }
    }
    let refused: Vec<_> = folders
        .iter()
        .filter_map(|folder| Some((folder, tempfile::tempfile_in(folder).err()?)))
        .collect();
    if refused.is_empty() {
        findings.ok("folder", "the folders it writes to may be written to");
    }
    for (folder, error) in refused {
        findings.add(
            Level::Error,
            "folder",
            format!(
                "the folder `{}` cannot be written to: {error}",
                folder.display()
            ),
            "give it to the user that Storekeeper runs as",
        );
    }
}

/// The folder itself or the nearest above that is there.
fn first_there(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|folder| folder.is_dir())
        .map(Path::to_owned)
}

/// Files that say "process N is at work here" when there is no process N.
fn look_at_locks(findings: &mut Findings, dir: &Path) {
    let locks: Vec<(PathBuf, u32)> = lock_files(dir)
        .into_iter()
        .filter_map(|path| {
            let pid = pid_in(&path)?;
            Some((path, pid))
        })
        .collect();
    let pids: Vec<Pid> = locks.iter().map(|(_, pid)| Pid::from_u32(*pid)).collect();
    let Ok(mut system) = System::new() else {
        return;
    };
    if !pids.is_empty() {
        system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&pids),
            true,
            ProcessRefreshKind::nothing().without_tasks(),
        );
    }
    for (path, pid) in locks {
        if system.process(Pid::from_u32(pid)).is_none() {
            findings.add(
                Level::Warning,
                "lock",
                format!("`{}` names process {pid}, which is gone", path.display()),
                "if the app says that it is running already, delete this file",
            );
        }
    }
}

fn lock_files(dir: &Path) -> Vec<PathBuf> {
    let mut locks = Vec::new();
    let mut folders = vec![(dir.to_owned(), 0)];
    let mut seen = 0;
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MAX_FILES {
                return locks;
            }
            let path = entry.path();
            // Links are not followed: they may lead in a circle.
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((path, depth + 1)),
                Ok(kind)
                    if kind.is_file()
                        && path
                            .extension()
                            .is_some_and(|it| it == "pid" || it == "lock") =>
                {
                    locks.push(path);
                }
                _ => {}
            }
        }
    }
    locks
}

fn pid_in(path: &Path) -> Option<u32> {
    if std::fs::metadata(path).ok()?.len() > MAX_LOCK_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(path).ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn look_at_disk(findings: &mut Findings, service: &Service, name: &AppName) {
    let folder = service.library.app_dir(name);
    let folder = folder.canonicalize().unwrap_or(folder);
    let Ok(disks) = Disks::new_with_refreshed_list() else {
        return;
    };
    let disk = disks
        .iter()
        .filter(|disk| folder.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count());
    let Some(disk) = disk else { return };
    let free = disk.available_space();
    let message = format!(
        "the disk of `{}` has {} MiB free",
        folder.display(),
        free >> 20
    );
    let help = "make room, or move the home to a larger disk";
    if free < NO_SPACE {
        findings.add(Level::Error, "disk", message, help);
    } else if free < LITTLE_SPACE {
        findings.add(Level::Warning, "disk", message, help);
    } else {
        findings.ok("disk", message);
    }
}

fn look_at_output(findings: &mut Findings, status: &Status) {
    let Some(exit) = &status.last_exit else {
        return;
    };
    let level = match status.state {
        State::Failed | State::BackingOff => Level::Error,
        State::Running | State::Starting | State::Unhealthy | State::Stopping | State::Stopped => {
            Level::Ok
        }
    };
    let mut message = format!("it ended last with: {}", exit.reason);
    if !exit.last_lines.is_empty() {
        message.push_str("; its last output:\n");
        message.push_str(&exit.last_lines.join("\n"));
    }
    findings.add(level, "output", message, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_of_a_process_that_is_gone_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("data/run");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("gone.pid"), "4194305\n").unwrap();
        std::fs::write(deep.join("ours.lock"), std::process::id().to_string()).unwrap();
        std::fs::write(deep.join("empty.lock"), "").unwrap();
        let mut findings = Findings::default();
        look_at_locks(&mut findings, dir.path());
        let messages: Vec<&str> = findings.0.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(messages.len(), 1, "{messages:?}");
        assert!(messages[0].contains("gone.pid` names process 4194305"));
    }

    #[test]
    fn the_nearest_folder_that_is_there_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        assert_eq!(first_there(&deep).as_deref(), Some(dir.path()));
    }
}
