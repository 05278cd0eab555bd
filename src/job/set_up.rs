//! What is done once an app's files are in their place: its configuration file, its pages, its install
//! list.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::apps::refuse_errors;
use super::work::{Work, mistakes, scope};
use super::{Failure, FailureCode, Stage, folder};
use crate::app::App;
use crate::command::check::check;
use crate::command::files::{Disk, Files};
use crate::command::plan::{self, Plan, Section};
use crate::command::{Context, Host as _, render, run};

/// Sets the app up. What a list would write to a file of `kept` goes to the name beside it.
pub(super) async fn set_up(
    work: &Work,
    plan: &Plan,
    kept: BTreeMap<PathBuf, PathBuf>,
) -> Result<Arc<App>, Failure> {
    let name = work.name().clone();
    let (app, scope) = work
        .blocking(move |inner| {
            let app = inner.apps.read(&name)?;
            let scope = scope(inner, &app, &inner.apps.config(&app))?;
            Ok((app, scope))
        })
        .await?;
    let mut context = work.context(Arc::clone(&app), scope);
    context.kept = Arc::new(kept);
    work.recorder.enter(Stage::Configure);
    conf_file(work, &context).await?;
    copy_static(work, &app.dir).await?;
    let envs = app.store.as_ref().map(|store| &store.install.install_envs);
    let context = match envs {
        Some(envs) => context.with_envs(envs),
        None => context,
    };
    work.recorder.enter(Stage::Initialize);
    run(plan, &context).await?;
    Ok(app)
}

/// The install list of an app.
///
/// # Errors
/// Its mistakes.
pub(super) fn install_list(app: &App) -> Result<Plan, Failure> {
    match &app.store {
        Some(store) => plan::compile_section(store, Section::Install)
            .map_err(|problems| mistakes(app, problems)),
        None => Ok(Plan::default()),
    }
}

/// Refuses mistakes. What is only missing on the disk is a warning: a list of the install may bring
/// it. Answers the warnings.
pub(super) fn examine(app: &App) -> Result<Vec<String>, Failure> {
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

/// A copy that failed, or was canceled.
pub(super) fn copy_failed(from: &Path, to: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::Interrupted {
        return Failure::new(FailureCode::Canceled, "it was canceled");
    }
    if matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        let message = format!(
            "`{}` cannot be copied to `{}`: the disk is full; free some space and try again",
            from.display(),
            to.display()
        );
        return Failure::new(FailureCode::Failed, message);
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
pub(super) async fn copy_static(work: &Work, dir: &Path) -> Result<(), Failure> {
    let name = work.name().clone();
    let (dir, from) = (dir.to_owned(), dir.join("static"));
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
                    // What is copied there, everybody may read.
                    if !from.canonicalize()?.starts_with(dir.canonicalize()?) {
                        return Err(io::Error::other("it is a link that leads out of the app"));
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
