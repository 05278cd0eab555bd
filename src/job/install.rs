//! Installing an app whose files are at hand: in place already, or in a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::apps::refuse_errors;
use super::queue::Inner;
use super::work::{Work, mistakes, refuse_cycles, scope};
use super::{Failure, FailureCode, folder, now};
use crate::app::{App, AppName};
use crate::command::check::check;
use crate::command::files::{Disk, Files};
use crate::command::plan::{self, Plan, Section};
use crate::command::{Context, Host as _, render, run};

/// The folder to install from; none when the app is in its place already. Blocks.
///
/// # Errors
/// A folder that is not there, or another app in its place.
pub(super) fn accept(
    inner: &Inner,
    name: &AppName,
    source: Option<PathBuf>,
) -> Result<Option<PathBuf>, Failure> {
    let place = inner.library.app_dir(name);
    let Some(source) = source else {
        inner.apps.read(name)?;
        return Ok(None);
    };
    if !source.is_absolute() {
        let message = format!("`{}` is not an absolute path; give one", source.display());
        return Err(Failure::new(FailureCode::Invalid, message));
    }
    let real = fs::canonicalize(&source).map_err(|error| {
        let message = format!("the folder `{}` cannot be read: {error}", source.display());
        Failure::new(FailureCode::NotFound, message)
    })?;
    inner.apps.read_from(name, &real)?;
    match fs::canonicalize(&place) {
        Ok(there) if there == real => Ok(None),
        Ok(_) => Err(in_the_way(name, &place)),
        Err(_) if fs::symlink_metadata(&place).is_ok() => Err(in_the_way(name, &place)),
        Err(_) => Ok(Some(real)),
    }
}

fn in_the_way(name: &AppName, place: &Path) -> Failure {
    let message = format!(
        "there is an app `{name}` in `{}` already; uninstall it first",
        place.display()
    );
    Failure::new(FailureCode::Conflict, message)
}

/// Installs it.
pub(super) async fn install(work: &Work, source: Option<PathBuf>) -> Result<(), Failure> {
    let name = work.name().clone();
    let from = source.clone();
    let plan = work
        .step("check the manifests and dependencies", async {
            work.blocking(move |inner| {
                // Once more: since it was accepted another job may have changed something.
                let from = accept(inner, &name, from)?;
                let place = inner.library.app_dir(&name);
                let app = inner
                    .apps
                    .read_from(&name, from.as_deref().unwrap_or(&place))?;
                let warnings = examine(&app)?;
                refuse_missing(inner, &app)?;
                let plan = install_list(&app)?;
                refuse_cycles(inner, &app, false, &plan)?;
                Ok((plan, warnings))
            })
            .await
        })
        .await;
    let (plan, warnings) = plan?;
    for warning in warnings {
        work.recorder.warn(warning);
    }
    let placed = match source {
        None => false,
        Some(source) => {
            place(work, source).await?;
            true
        }
    };
    let done = set_up(work, &plan).await;
    if done.is_err() && placed {
        take_back(work).await;
    }
    done?;
    work.inner
        .events
        .publish("apps", &json!({ "name": work.name() }));
    Ok(())
}

/// Everything after the files are in their place.
async fn set_up(work: &Work, plan: &Plan) -> Result<(), Failure> {
    let name = work.name().clone();
    let context = work
        .blocking(move |inner| {
            let app = inner.apps.read(&name)?;
            let scope = scope(inner, &app, &inner.apps.config(&app))?;
            Ok((app, scope))
        })
        .await;
    let (app, scope) = context?;
    let version = app.install.version.clone();
    let context = work.context(Arc::clone(&app), scope);
    conf_file(work, &context).await?;
    copy_static(work, &app.dir).await?;
    let envs = app.store.as_ref().map(|store| &store.install.install_envs);
    let context = match envs {
        Some(envs) => context.with_envs(envs),
        None => context,
    };
    run(plan, &context).await?;
    let database = &work.inner.database;
    database
        .update_app(work.name(), move |record| {
            record.installed = Some(version);
            record.installed_at = Some(now());
        })
        .await?;
    Ok(())
}

fn install_list(app: &App) -> Result<Plan, Failure> {
    match &app.store {
        Some(store) => plan::compile_section(store, Section::Install)
            .map_err(|problems| mistakes(app, problems)),
        None => Ok(Plan::default()),
    }
}

/// Refuses mistakes. What is only missing on the disk is a warning: a list of the install may bring
/// it. Answers the warnings.
fn examine(app: &App) -> Result<Vec<String>, Failure> {
    let disk = Disk::new(&app.dir);
    let mistakes = check(app, Vec::new(), &AllThere(&disk));
    refuse_errors(&app.name, &mistakes)?;
    let missing = check(app, Vec::new(), &disk)
        .into_iter()
        .filter(|problem| problem.is_error() && !mistakes.contains(problem));
    Ok(missing.map(|problem| problem.sentence()).collect())
}

/// The files of an app as they may be once its install list has run.
struct AllThere<'a>(&'a Disk<'a>);

impl Files for AllThere<'_> {
    fn exists(&self, _path: &Path) -> bool {
        true
    }

    fn read(&self, path: &Path) -> Option<String> {
        // A template that a list will bring has nothing to find fault with yet.
        let to_come = || (!self.0.exists(path)).then(String::new);
        self.0.read(path).or_else(to_come)
    }

    fn templates(&self) -> Vec<PathBuf> {
        self.0.templates()
    }
}

/// Refuses an app whose dependencies are not there.
fn refuse_missing(inner: &Inner, app: &App) -> Result<(), Failure> {
    let missing: Vec<_> = app
        .install
        .dependencies
        .iter()
        .filter(|needed| !is_there(inner, &needed.name, &needed.value))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing
        .iter()
        .map(|needed| format!("{} {}", needed.name, text_of(&needed.value)))
        .map(|name| name.trim().to_owned())
        .collect();
    let missing: Vec<_> = missing
        .iter()
        .map(|needed| json!({ "name": needed.name, "value": text_of(&needed.value) }))
        .collect();
    Err(Failure {
        data: json!({ "dependencies": missing }),
        ..Failure::new(
            FailureCode::Conflict,
            format!(
                "`{}` needs apps that are not there: {}; install them first",
                app.name,
                names.join(", ")
            ),
        )
    })
}

fn is_there(inner: &Inner, name: &str, version: &Value) -> bool {
    let Ok(name) = AppName::parse(name) else {
        return false;
    };
    inner
        .apps
        .read(&name)
        .is_ok_and(|app| fits(&app.install.version, &text_of(version)))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        value => value.to_string(),
    }
}

/// Whether a version is what a dependency asks for: nothing, `>=8.0` and the like, or a version whose
/// beginning suffices (`8.0` for 8.0.39).
fn fits(version: &str, wanted: &str) -> bool {
    let operators = [">=", "<=", ">", "<", "="];
    let operator = operators
        .into_iter()
        .find_map(|operator| Some((operator, wanted.strip_prefix(operator)?.trim())));
    match operator {
        None => {
            wanted.is_empty()
                || version == wanted
                || version
                    .strip_prefix(wanted)
                    .is_some_and(|rest| rest.starts_with('.'))
        }
        Some((operator, wanted)) => {
            let order = parts(version).cmp(&parts(wanted));
            match operator {
                ">=" => order.is_ge(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                "<" => order.is_lt(),
                _ => order.is_eq(),
            }
        }
    }
}

/// A version's numbers; trailing zeros do not count.
fn parts(version: &str) -> Vec<u64> {
    let mut parts: Vec<u64> = version
        .split(['.', '-', '+', '_'])
        .map(|part| {
            let digits = part.trim_start_matches(|c: char| !c.is_ascii_digit());
            let end = digits
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(digits.len());
            digits.get(..end).unwrap_or_default().parse().unwrap_or(0)
        })
        .collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

/// Puts a folder into its place: a developer's is linked, any other copied.
async fn place(work: &Work, source: PathBuf) -> Result<(), Failure> {
    let name = work.name().clone();
    let cancel = work.job.cancel.clone();
    let title = format!("take `{}`", source.display());
    let skipped = work
        .step(&title, async {
            work.blocking(move |inner| {
                let place = inner.library.app_dir(&name);
                let app = inner.apps.read_from(&name, &source)?;
                if app.install.is_dev && folder::link(&source, &place).is_ok() {
                    return Ok(Vec::new());
                }
                let copy = || {
                    let staging = folder::staging(&place, &name)?;
                    let skipped = folder::copy(&source, &staging, &|| cancel.is_cancelled())?;
                    // Not `replace`: nothing may be in the way by now.
                    fs::rename(&staging, &place)?;
                    Ok(skipped)
                };
                copy().map_err(|error| copy_failed(&source, &place, &error))
            })
            .await
        })
        .await?;
    for skipped in skipped {
        work.recorder.warn(skipped);
    }
    Ok(())
}

fn copy_failed(from: &Path, to: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted {
        return Failure::new(FailureCode::Canceled, "it was canceled");
    }
    let message = format!(
        "`{}` cannot be copied to `{}`: {error}",
        from.display(),
        to.display()
    );
    Failure::new(FailureCode::Failed, message)
}

/// Renders `<confPath>.tpl` to `confPath`, if there is such a template.
async fn conf_file(work: &Work, context: &Context) -> Result<(), Failure> {
    let Some(store) = &context.app.store else {
        return Ok(());
    };
    if store.setting.conf_path.is_empty() {
        return Ok(());
    }
    let file = context.path(&store.setting.conf_path)?;
    for extension in ["tpl", "hbs"] {
        let mut template = file.clone().into_os_string();
        template.push(".");
        template.push(extension);
        let template = PathBuf::from(template);
        if tokio::fs::try_exists(&template).await.unwrap_or(false) {
            let title = format!("changeFile {} {}", template.display(), file.display());
            let rendered = async { Ok(render(context, template, file.clone()).await?) };
            return work.step(&title, rendered).await;
        }
    }
    Ok(())
}

/// Replaces the served copy of the app's static pages by a fresh one; without pages there is none.
async fn copy_static(work: &Work, dir: &Path) -> Result<(), Failure> {
    let name = work.name().clone();
    let from = dir.join("static");
    let cancel = work.job.cancel.clone();
    let skipped = work
        .step("copy static/", async {
            work.blocking(move |inner| {
                let to = inner.library.app_static_dir(&name);
                let copy = || {
                    if !from.is_dir() {
                        folder::delete(&to, &name)?;
                        return Ok(Vec::new());
                    }
                    let staging = folder::staging(&to, &name)?;
                    let skipped = folder::copy(&from, &staging, &|| cancel.is_cancelled())?;
                    folder::replace(&staging, &to, &name)?;
                    Ok(skipped)
                };
                copy().map_err(|error| copy_failed(&from, &to, &error))
            })
            .await
        })
        .await?;
    for skipped in skipped {
        work.recorder.warn(skipped);
    }
    Ok(())
}

/// Takes back what this job put in place, after it failed.
async fn take_back(work: &Work) {
    let name = work.name().clone();
    let stopped = work.inner.supervisor.stop(&name, None).await;
    let noted = work
        .inner
        .database
        .update_app(&name, |record| record.wanted = false)
        .await;
    let removed = work
        .blocking(move |inner| {
            folder::delete(&inner.library.app_dir(&name), &name)
                .and_then(|()| folder::delete(&inner.library.app_static_dir(&name), &name))
                .map_err(|error| Failure::new(FailureCode::Failed, error.to_string()))
        })
        .await;
    let errors = [
        stopped.err().map(|error| error.to_string()),
        noted.err().map(|error| error.to_string()),
        removed.err().map(|failure| failure.message),
    ];
    for error in errors.into_iter().flatten() {
        work.recorder
            .warn(format!("not everything could be taken back: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: &str, wanted: &str, expected: bool) {
        assert_eq!(fits(version, wanted), expected, "{version} {wanted}");
    }

    #[test]
    fn a_dependency_asks_for_a_version_only_if_it_says_so() {
        check("8.0.39", "", true);
        check("8.0.39", "8.0.39", true);
        check("8.0.39", "8.0", true);
        check("8.01", "8.0", false);
        check("8.0.39", "5.7", false);
        check("8.0.39", ">=8.0", true);
        check("8.0.9", "> 8.0.39", false);
        check("10.0", ">9.9", true);
        check("1.0", "=1", true);
        check("v1.2-beta", "<= 1.2.1", true);
    }
}
