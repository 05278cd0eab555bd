//! What a job does: the checks that need no waiting, then the work itself.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::apps::refuse_errors;
use super::queue::{Inner, Job};
use super::recorder::Recorder;
use super::replace::is_up;
use super::{Action, Failure, FailureCode, Stage, export, install, restore, rollback, uninstall};
use crate::app::config::{self, MASK};
use crate::app::{App, AppName, Config, InstallInfo, Problem, Scope, StoreInfo, form};
use crate::command::plan::{self, Plan, Section};
use crate::command::{Command, Context, run, run_one};

/// Checks what can be checked at once, and makes values from outside fit. Blocks.
///
/// # Errors
/// Unknown app or list, broken value, mistakes in the manifests.
pub(super) fn accept(inner: &Inner, name: &AppName, action: Action) -> Result<Action, Failure> {
    match action {
        Action::Stop => {
            need_traces(inner, name)?;
            Ok(action)
        }
        Action::Setting {
            list,
            changes,
            unset,
            restart,
        } => {
            let mut changes = config::accept(changes)
                .map_err(|error| Failure::new(FailureCode::Invalid, error.to_string()))?;
            let app = inner.apps.read(name)?;
            let config = inner.apps.config(&app);
            // A page that shows `***` and sends it back did not change the secret.
            changes.retain(|key, value| !(config.is_secret(key) && value == MASK));
            Prepared::of(inner, app, &changes, &unset, list.as_deref())?;
            Ok(Action::Setting {
                list,
                changes,
                unset,
                restart,
            })
        }
        Action::Install(wish) => Ok(Action::Install(install::accept(inner, name, wish)?)),
        // The job reads the files anyway; reading them twice would show when many apps start.
        Action::Start
        | Action::Restart
        | Action::Rollback { .. }
        | Action::Offers { .. }
        | Action::Export { .. } => {
            inner.apps.need(name)?;
            Ok(action)
        }
        Action::Restore { .. } | Action::Import { .. } => Ok(action),
        Action::Uninstall { .. } => {
            need_traces(inner, name)?;
            uninstall::refuse_dependents(inner, name)?;
            Ok(action)
        }
    }
}

/// Does it.
pub(super) async fn perform(
    inner: Arc<Inner>,
    job: Arc<Job>,
    recorder: Arc<Recorder>,
) -> Result<(), Failure> {
    let work = Work {
        inner,
        job,
        recorder,
    };
    match &work.job.action {
        Action::Start => work.start(&Command::Start).await,
        Action::Restart => work.start(&Command::Restart).await,
        Action::Stop => work.stop().await,
        Action::Setting {
            list,
            changes,
            unset,
            restart,
        } => {
            work.setting(list.as_deref(), changes, unset).await?;
            if *restart && is_up(&work) {
                work.start(&Command::Restart).await?;
            }
            Ok(())
        }
        Action::Install(wish) => install::install(&work, wish.clone()).await,
        Action::Rollback { with_data } => rollback::rollback(&work, *with_data).await,
        Action::Offers { pin, skip } => work.offers(*pin, skip.clone()).await,
        Action::Restore { entry, package } => {
            restore::restore(&work, entry, package.as_deref()).await
        }
        Action::Export { file, with_program } => export::export(&work, file, *with_program).await,
        Action::Import { file, package } => restore::import(&work, file, package.as_deref()).await,
        Action::Uninstall { purge } => uninstall::uninstall(&work, *purge).await,
    }
}

/// One job at work.
pub(super) struct Work {
    pub(super) inner: Arc<Inner>,
    pub(super) job: Arc<Job>,
    pub(super) recorder: Arc<Recorder>,
}

impl Work {
    /// The app that the job is about.
    pub(super) fn name(&self) -> &AppName {
        &self.job.app
    }

    /// Starts the app, or restarts it.
    pub(super) async fn start(&self, command: &Command) -> Result<(), Failure> {
        self.start_until(command, self.job.cancel.clone()).await
    }

    /// Starts the app although the job may have been canceled: it ran before.
    pub(super) async fn start_again(&self) -> Result<(), Failure> {
        self.start_until(&Command::Start, CancellationToken::new())
            .await
    }

    async fn start_until(
        &self,
        command: &Command,
        cancel: CancellationToken,
    ) -> Result<(), Failure> {
        let name = self.name().clone();
        self.recorder.enter(Stage::Start);
        let (app, scope) = self
            .blocking(move |inner| {
                let app = inner.apps.read(&name)?;
                need_program(&app)?;
                refuse_cycles(inner, &app, true, &Plan::default())?;
                let config = inner.apps.config(&app);
                Ok((Arc::clone(&app), scope(inner, &app, &config)?))
            })
            .await?;
        let mut context = self.context(app, scope);
        context.cancel = cancel;
        run_one(command, &context).await?;
        Ok(())
    }

    /// Notes which versions are offered.
    async fn offers(&self, pin: Option<bool>, skip: Option<String>) -> Result<(), Failure> {
        self.step("note which versions are offered", async {
            let change = self.inner.database.update_app(self.name(), move |record| {
                if let Some(pin) = pin {
                    record.pinned = pin;
                }
                if let Some(skip) = skip.filter(|skip| !record.skipped.contains(skip)) {
                    record.skipped.push(skip);
                }
            });
            change.await.map(drop).map_err(Failure::from)
        })
        .await?;
        self.inner
            .events
            .publish("apps", &json!({ "name": self.name() }));
        Ok(())
    }

    /// Needs no manifests: an app whose files are broken or gone must stop all the same.
    pub(super) async fn stop(&self) -> Result<(), Failure> {
        let context = self.context(self.bare(), Scope::default());
        run_one(&Command::Stop, &context).await?;
        Ok(())
    }

    async fn setting(
        &self,
        list: Option<&str>,
        changes: &Map<String, Value>,
        unset: &[String],
    ) -> Result<(), Failure> {
        let (name, key) = (self.name().clone(), list.map(str::to_owned));
        let (changes, unset) = (changes.clone(), unset.to_owned());
        let (prepared, changes, unset) = self
            .blocking(move |inner| {
                let prepared = Prepared::new(inner, &name, &changes, &unset, key.as_deref())?;
                refuse_cycles(inner, &prepared.app, false, &prepared.plan)?;
                Ok((prepared, changes, unset))
            })
            .await?;
        if !changes.is_empty() || !unset.is_empty() {
            let keys: Vec<&str> = changes.keys().chain(&unset).map(String::as_str).collect();
            let title = format!("set {}", keys.join(", "));
            self.step(&title, async {
                let database = &self.inner.database;
                let change = database.update_app(self.name(), move |record| {
                    lay(&mut record.config, &changes, &unset);
                });
                change.await.map(drop).map_err(Failure::from)
            })
            .await?;
        }
        let context = self.context(prepared.app, prepared.scope);
        run(&prepared.plan, &context).await?;
        Ok(())
    }

    /// Records a step of ours around some work.
    pub(super) async fn step<T>(
        &self,
        title: &str,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        use crate::command::{Host as _, StepEnd};
        if self.job.cancel.is_cancelled() {
            return Err(Failure::new(FailureCode::Canceled, "it was canceled"));
        }
        let number = self.recorder.begin(title.to_owned(), Vec::new());
        let done = work.await;
        let end = match &done {
            Ok(_) => StepEnd::Done,
            Err(failure) if failure.code == FailureCode::Canceled => StepEnd::Canceled,
            Err(_) => StepEnd::Failed,
        };
        self.recorder.end(number, end, None);
        done
    }

    /// Runs something that reads or writes files.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let inner = Arc::clone(&self.inner);
        match tokio::task::spawn_blocking(move || work(&inner)).await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// What a list of this job works with.
    pub(super) fn context(&self, app: Arc<App>, scope: Scope) -> Context {
        Context {
            app,
            scope: Arc::new(scope),
            envs: Vec::new(),
            lists: Vec::new(),
            kept: Arc::default(),
            job: self.job.id,
            cancel: self.job.cancel.clone(),
            host: self.recorder.clone(),
            library: self.inner.library.clone(),
            database: self.inner.database.clone(),
            supervisor: self.inner.supervisor.clone(),
        }
    }

    /// The app without its manifests.
    pub(super) fn bare(&self) -> Arc<App> {
        Arc::new(App {
            name: self.name().clone(),
            dir: self.inner.library.app_dir(self.name()),
            install: InstallInfo::default(),
            store: None,
            install_text: String::new(),
            store_text: String::new(),
        })
    }
}

/// A setting that makes sense.
struct Prepared {
    app: Arc<App>,
    scope: Scope,
    plan: Plan,
}

impl Prepared {
    fn new(
        inner: &Inner,
        name: &AppName,
        changes: &Map<String, Value>,
        unset: &[String],
        list: Option<&str>,
    ) -> Result<Self, Failure> {
        Self::of(inner, inner.apps.read(name)?, changes, unset, list)
    }

    fn of(
        inner: &Inner,
        app: Arc<App>,
        changes: &Map<String, Value>,
        unset: &[String],
        list: Option<&str>,
    ) -> Result<Self, Failure> {
        let name = &app.name;
        let Some(store) = &app.store else {
            let message =
                format!("`{name}` has no store.json, so it has neither settings nor lists");
            return Err(Failure::new(FailureCode::Invalid, message));
        };
        let plan = match list {
            None => Plan::default(),
            Some(list) if store.commands.contains_key(list) => {
                plan::compile(store, list).map_err(|problems| mistakes(&app, problems))?
            }
            Some(list) => return Err(no_list(name, list, store.commands.keys())),
        };
        let mut set = inner.database.app(name).config;
        lay(&mut set, changes, unset);
        let keys = changes.keys().chain(unset).map(String::as_str);
        check_settings(store, &set, keys)?;
        let scope = scope(inner, &app, &Config::of(store, &set))?;
        Ok(Self { app, scope, plan })
    }
}

fn no_list<'a>(name: &AppName, list: &str, lists: impl Iterator<Item = &'a String>) -> Failure {
    let lists: Vec<_> = lists.map(String::as_str).collect();
    let list: String = list.escape_debug().take(80).collect();
    let message = if lists.is_empty() {
        format!("`{name}` has no command list `{list}`, nor any other")
    } else {
        format!(
            "`{name}` has no command list `{list}`; there are {}",
            lists.join(", ")
        )
    };
    Failure::new(FailureCode::NotFound, message)
}

/// Refuses settings that are not what the author says they are.
///
/// # Errors
/// [`FailureCode::Invalid`], with all of them in `data`.
pub(super) fn check_settings<'a>(
    store: &StoreInfo,
    set: &Map<String, Value>,
    keys: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    if store.config_schema.is_none() {
        return Ok(());
    }
    let fields = form::fields(store, set);
    let mut problems = Vec::new();
    for key in keys {
        let field = fields.iter().find(|field| field.key == key);
        if let Some(field) = field.filter(|field| field.is_described || field.required)
            && let Some(message) = field.refuses(set.get(key).unwrap_or(&field.default))
        {
            problems.push((key, message));
        }
    }
    let Some((_, first)) = problems.first() else {
        return Ok(());
    };
    let message = first.clone();
    let problems: Vec<Value> = problems
        .iter()
        .map(|(key, message)| json!({ "key": key, "severity": "error", "message": message }))
        .collect();
    Err(Failure {
        data: json!({ "problems": problems }),
        ..Failure::new(FailureCode::Invalid, message)
    })
}

/// Lays changes over what was set before.
pub(crate) fn lay(set: &mut Map<String, Value>, changes: &Map<String, Value>, unset: &[String]) {
    for key in unset {
        set.shift_remove(key);
    }
    for (key, value) in changes {
        set.insert(key.clone(), value.clone());
    }
}

/// What the placeholders mean.
pub(super) fn scope(inner: &Inner, app: &App, config: &Config) -> Result<Scope, Failure> {
    inner
        .apps
        .scope(app, config)
        .map_err(|error| Failure::new(FailureCode::Invalid, format!("`{}`: {error}", app.name)))
}

/// The failure that problems of a list are.
pub(super) fn mistakes(app: &App, mut problems: Vec<Problem>) -> Failure {
    app.locate(&mut problems);
    match refuse_errors(&app.name, &problems) {
        Err(failure) => failure,
        Ok(()) => Failure::new(FailureCode::Manifest, "the list has mistakes"),
    }
}

fn need_program(app: &App) -> Result<(), Failure> {
    match &app.store {
        Some(store) if !store.setting.bin_path.is_empty() => {
            for section in [Section::Before, Section::After] {
                plan::compile_section(store, section)
                    .map_err(|problems| mistakes(app, problems))?;
            }
            Ok(())
        }
        _ => {
            let message = format!(
                "`{}` has no program to start; set `setting.binPath` in its store.json",
                app.name
            );
            Err(Failure::new(FailureCode::Invalid, message))
        }
    }
}

/// An app that has neither files nor a process nor a record is unknown.
fn need_traces(inner: &Inner, name: &AppName) -> Result<(), Failure> {
    let known = std::fs::symlink_metadata(inner.library.app_dir(name)).is_ok()
        || inner.supervisor.status(name).pid.is_some()
        || inner.database.with_apps(|apps| {
            apps.get(name)
                .is_some_and(|record| record.wanted || record.installed.is_some())
        });
    if known {
        return Ok(());
    }
    let message = format!(
        "there is no app `{name}`: its folder would be `{}`",
        inner.library.app_dir(name).display()
    );
    Err(Failure::new(FailureCode::NotFound, message))
}

/// Refuses apps that start each other, before anything runs: what the plan starts, and with
/// `itself` the app. Blocks.
pub(super) fn refuse_cycles(
    inner: &Inner,
    app: &App,
    itself: bool,
    plan: &Plan,
) -> Result<(), Failure> {
    let load = |name: &AppName| {
        if *name == app.name {
            return app.store.clone();
        }
        inner.apps.read(name).ok()?.store.clone()
    };
    let mut started = Vec::new();
    if itself {
        started.push(app.name.clone());
    }
    for step in &plan.steps {
        match &step.command {
            Command::Start | Command::Restart => started.push(app.name.clone()),
            Command::StartApp { app: other } => started.extend(AppName::parse(other)),
            Command::Stop
            | Command::Exec(_)
            | Command::WriteFile { .. }
            | Command::ChangeFile { .. }
            | Command::DeleteFile { .. }
            | Command::Unzip { .. }
            | Command::Zip { .. }
            | Command::Mkdir { .. }
            | Command::StopApp { .. } => {}
        }
    }
    started.sort();
    started.dedup();
    for name in started {
        if let Some(cycle) = plan::start_cycle(&name, &load) {
            let cycle: Vec<_> = cycle.iter().map(AppName::as_str).collect();
            let message = format!(
                "the apps start each other without end: {}; remove one of the `startApp` steps",
                cycle.join(" → ")
            );
            return Err(Failure::new(FailureCode::Conflict, message));
        }
    }
    Ok(())
}
