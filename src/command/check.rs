//! Everything that can be wrong with an app whose manifests could be read.

use super::files::Files;
use super::plan::{Section, compile, compile_section};
use crate::app::{App, Problem};

/// Everything that can be wrong with an app whose manifests could be read.
pub fn check(app: &App, files: &dyn Files) -> Vec<Problem> {
    let _ = files;
    let mut problems: Vec<Problem> = Vec::new();
    let Some(store) = &app.store else {
        return problems;
    };
    let lists = store.commands.keys().map(|key| compile(store, key));
    let sections = Section::ALL
        .into_iter()
        .map(|section| compile_section(store, section));
    for found in lists.chain(sections).filter_map(Result::err) {
        for problem in found {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
    }
    app.locate(&mut problems);
    problems
}
