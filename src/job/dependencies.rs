//! What an app needs besides itself: other apps, perhaps of certain versions.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::queue::Inner;
use super::work::Work;
use super::{Action, Failure, FailureCode, Install, Source};
use crate::app::install::Item;
use crate::app::{App, AppName, Requirement, Version};

/// What an app needs and has not.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Apps that are not there.
    absent: Vec<Item>,
    /// Apps that are there in a version that does not fit, with that version.
    unfit: Vec<(Item, String)>,
}

impl Missing {
    /// Looks for what an app needs. Blocks.
    pub(super) fn of(inner: &Inner, app: &App) -> Self {
        let mut missing = Self::default();
        for needed in &app.install.dependencies {
            let there = AppName::parse(&needed.name)
                .ok()
                .and_then(|name| inner.apps.read(&name).ok());
            match there {
                None => missing.absent.push(needed.clone()),
                Some(there) if fits(&there.install.version, &text_of(&needed.value)) => {}
                Some(there) => missing
                    .unfit
                    .push((needed.clone(), there.install.version.clone())),
            }
        }
        missing
    }

    /// Refuses to go on without them.
    ///
    /// # Errors
    /// [`FailureCode::Conflict`] with `{"dependencies": [{"name", "value"}]}`.
    pub(super) fn refuse(&self, app: &App) -> Result<(), Failure> {
        let wish = |needed: &Item| {
            let wish = format!("{} {}", needed.name, text_of(&needed.value));
            wish.trim().to_owned()
        };
        let mut sentences = Vec::new();
        if !self.absent.is_empty() {
            let names: Vec<_> = self.absent.iter().map(wish).collect();
            sentences.push(format!(
                "`{}` needs apps that are not there: {}; install them first",
                app.name,
                names.join(", ")
            ));
        }
        for (needed, version) in &self.unfit {
            sentences.push(format!(
                "`{}` needs {}, and {version} is there; upgrade `{}` first",
                app.name,
                wish(needed),
                needed.name
            ));
        }
        if sentences.is_empty() {
            return Ok(());
        }
        let all = self
            .absent
            .iter()
            .chain(self.unfit.iter().map(|(item, _)| item));
        let all: Vec<_> = all
            .map(|needed| json!({ "name": needed.name, "value": text_of(&needed.value) }))
            .collect();
        Err(Failure {
            data: json!({ "dependencies": all }),
            ..Failure::new(FailureCode::Conflict, sentences.join(". "))
        })
    }

    /// Installs the apps that are not there, one after the other, each with what it needs itself.
    ///
    /// # Errors
    /// That of the first that cannot be installed; a circle is named as it is.
    pub(super) async fn install(&self, work: &Work) -> Result<(), Failure> {
        for needed in &self.absent {
            let name = AppName::parse(&needed.name).map_err(|error| {
                Failure::new(FailureCode::Manifest, format!("a dependency: {error}"))
            })?;
            let wish = Install {
                dependencies: true,
                ..Source::Catalog {
                    version: None,
                    catalog: None,
                }
                .into()
            };
            let title = format!("install {name}, which it needs");
            let installed = work.recorder.other(&name, Action::Install(wish));
            work.step(&title, installed).await?;
        }
        Ok(())
    }
}

/// Refuses an app of the catalogs that needs itself, before anything is fetched. Blocks.
///
/// # Errors
/// [`FailureCode::Conflict`] with the circle.
pub(super) fn refuse_circle(inner: &Inner, app: &AppName) -> Result<(), Failure> {
    let needs = |app: &AppName| -> Vec<AppName> {
        // What is here needs nothing more.
        if inner.apps.read(app).is_ok() {
            return Vec::new();
        }
        let offers = inner.catalogs.find(app);
        let needed = offers.first().map(|offer| &offer.info.dependencies);
        let needed = needed.into_iter().flatten();
        needed
            .filter_map(|needed| AppName::parse(&needed.name).ok())
            .collect()
    };
    let offers = inner.catalogs.find(app);
    let first = offers.first().map(|offer| &offer.info.dependencies);
    let first = first.into_iter().flatten();
    for needed in first.filter_map(|needed| AppName::parse(&needed.name).ok()) {
        if let Some(circle) = circle(app, needed, &needs) {
            let circle: Vec<&str> = circle.iter().map(AppName::as_str).collect();
            return Err(Failure::new(
                FailureCode::Conflict,
                format!(
                    "the apps need each other in a circle: {}; tell the catalog's keeper, or install one of them by hand",
                    circle.join(" → ")
                ),
            ));
        }
    }
    Ok(())
}

/// The way from `app` over `next` back to `app`, if there is one.
fn circle(
    app: &AppName,
    next: AppName,
    needs: &dyn Fn(&AppName) -> Vec<AppName>,
) -> Option<Vec<AppName>> {
    let mut seen = BTreeSet::new();
    let mut ways = vec![vec![app.clone(), next]];
    while let Some(way) = ways.pop() {
        let last = way.last()?;
        if last == app {
            return Some(way);
        }
        if !seen.insert(last.clone()) {
            continue;
        }
        for needed in needs(last) {
            let mut longer = way.clone();
            longer.push(needed);
            ways.push(longer);
        }
    }
    None
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        value => value.to_string(),
    }
}

/// Whether a version is what a dependency asks for. A wish that cannot be read is met by nothing
/// but its own text.
fn fits(version: &str, wanted: &str) -> bool {
    match Requirement::parse(wanted) {
        Ok(requirement) => requirement.matches(&Version::parse(version)),
        Err(_) => version == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_also_behind_others() {
        let name = |text: &str| AppName::parse(text).unwrap();
        let needs = |app: &AppName| -> Vec<AppName> {
            let needed = match app.as_str() {
                "b" => vec!["c", "d"],
                "c" => vec!["d"],
                "d" => vec!["a"],
                "x" => vec!["y"],
                "y" => vec!["x"],
                _ => vec![],
            };
            needed.into_iter().map(name).collect()
        };
        let way = circle(&name("a"), name("b"), &needs).unwrap();
        assert_eq!(
            (way.first(), way.last()),
            (Some(&name("a")), Some(&name("a")))
        );
        assert!(circle(&name("e"), name("b"), &needs).is_none());
        // A circle of others ends, too; the one that is in it tells it.
        assert!(circle(&name("e"), name("x"), &needs).is_none());
    }

    #[test]
    fn a_wish_that_cannot_be_read_is_met_only_by_its_text() {
        assert!(fits("8.0.39", ""));
        assert!(fits("8.0.39", "^8"));
        assert!(!fits("8.0.39", ">=9"));
        assert!(fits("blue", "blue"));
        assert!(!fits("1", "<<>>"));
    }
}
