//! The apps as they lie on the disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::{Failure, FailureCode};
use crate::app::placeholder::{Builtins, PlaceholderError};
use crate::app::{App, AppName, Config, Problem, Scope};
use crate::command::check::check;
use crate::command::files::Disk;
use crate::command::load::load;
use crate::database::Database;
use crate::library::Library;

/// Reads the apps' files and lays the settings over them. Cheap to clone; nothing is cached, and
/// everything that reads files blocks.
#[derive(Clone)]
pub struct Apps {
    library: Library,
    database: Database,
}

impl Apps {
    pub(crate) fn new(library: Library, database: Database) -> Self {
        Self { library, database }
    }

    /// The names of all folders below the run directory that may be apps, in order.
    pub fn names(&self) -> Vec<AppName> {
        let mut names: Vec<AppName> = fs::read_dir(self.library.run_dir())
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| {
                // A link may lead to a developer's folder.
                entry
                    .file_type()
                    .is_ok_and(|kind| kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()))
            })
            .filter_map(|entry| AppName::parse(entry.file_name().to_str()?).ok())
            .collect();
        names.sort();
        names
    }

    /// Makes sure that an app is there.
    ///
    /// # Errors
    /// [`FailureCode::NotFound`].
    pub(crate) fn need(&self, name: &AppName) -> Result<(), Failure> {
        need_folder(name, &self.library.app_dir(name))
    }

    /// Reads an app's files.
    ///
    /// # Errors
    /// [`FailureCode::NotFound`], or Manifest with the problems in `data`.
    pub fn read(&self, name: &AppName) -> Result<Arc<App>, Failure> {
        self.read_from(name, &self.library.app_dir(name))
    }

    /// Reads an app's files from a folder that need not be its place.
    ///
    /// # Errors
    /// Likewise.
    pub fn read_from(&self, name: &AppName, dir: &Path) -> Result<Arc<App>, Failure> {
        let (app, problems) = open(name, dir)?;
        refuse_errors(name, &problems)?;
        Ok(Arc::new(app))
    }

    /// Every problem of an app's manifests: errors and warnings.
    pub fn problems(&self, name: &AppName) -> Vec<Problem> {
        self.problems_in(name, &self.library.app_dir(name))
    }

    /// Every problem of an app's manifests in a folder that need not be its place.
    pub fn problems_in(&self, name: &AppName, dir: &Path) -> Vec<Problem> {
        let (app, problems) = load(name, dir);
        match app {
            Some(app) => check(&app, problems, &Disk::new(&app.dir)),
            None => problems,
        }
    }

    /// The settings in force.
    pub fn config(&self, app: &App) -> Config {
        let set = self.database.app(&app.name).config;
        match &app.store {
            Some(store) => Config::of(store, &set),
            None => Config::new(&serde_json::Map::new(), &set),
        }
    }

    /// What the placeholders mean with these settings.
    ///
    /// # Errors
    /// Settings that contain each other.
    pub fn scope(&self, app: &App, config: &Config) -> Result<Scope, PlaceholderError> {
        Scope::new(
            &Builtins {
                exe_path: &app.dir.to_string_lossy(),
                name: app.name.as_str(),
                version: &app.install.version,
                home: &self.library.home().to_string_lossy(),
            },
            config,
        )
    }
}

fn need_folder(name: &AppName, dir: &Path) -> Result<(), Failure> {
    if dir.join("install.json").exists() {
        return Ok(());
    }
    let shown = dir.display();
    let message = if dir.is_dir() {
        format!("`{shown}` is no app: it has no install.json; add one")
    } else {
        format!("there is no app `{name}`: its folder would be `{shown}`")
    };
    Err(Failure::new(FailureCode::NotFound, message))
}

/// Reads both manifests with their problems.
///
/// # Errors
/// [`FailureCode::NotFound`], or Manifest when a file cannot be read at all.
fn open(name: &AppName, dir: &Path) -> Result<(App, Vec<Problem>), Failure> {
    need_folder(name, dir)?;
    let (app, mut problems) = load(name, dir);
    let Some(app) = app else {
        refuse_errors(name, &problems)?;
        let message = format!("the manifests in `{}` cannot be read", dir.display());
        return Err(Failure::new(FailureCode::Manifest, message));
    };
    let written = &app.install.name;
    if !written.is_empty() && written != name.as_str() {
        let message = format!(
            "the name `{}` is not the name of the folder, `{name}`",
            written.escape_debug()
        );
        let mut problem =
            Problem::error("install.json", "name", message).with_help("make them equal");
        app.locate(std::slice::from_mut(&mut problem));
        problems.push(problem);
    }
    Ok((app, problems))
}

/// The failure that the errors among problems are, if there are any.
///
/// # Errors
/// [`FailureCode::Manifest`].
pub(super) fn refuse_errors(name: &AppName, problems: &[Problem]) -> Result<(), Failure> {
    let errors: Vec<&Problem> = problems
        .iter()
        .filter(|problem| problem.is_error())
        .collect();
    let Some(first) = errors.first() else {
        return Ok(());
    };
    let message = match errors.len() - 1 {
        0 => format!("`{name}` has a mistake in {}", first.sentence()),
        more => format!(
            "`{name}` has a mistake in {} (and {more} more: see `storekeeper validate`)",
            first.sentence()
        ),
    };
    Err(Failure {
        data: json!({ "problems": problems }),
        ..Failure::new(FailureCode::Manifest, message)
    })
}
