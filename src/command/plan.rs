//! From the author's words to commands: names resolved, fields demanded, cycles refused, every
//! problem at once.

use super::Command;
use crate::app::{App, AppName, Problem, StoreInfo};

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

/// Compiles the list `key` of `commands`.
///
/// # Errors
/// Every problem of the list: unknown names, missing fields, recursion.
pub fn compile(store: &StoreInfo, key: &str) -> Result<Plan, Vec<Problem>> {
    let _ = (store, key);
    todo!()
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

/// Compiles a section's list. `start` and `restart` are refused in Before and After: they would
/// start themselves.
///
/// # Errors
/// Every problem of the list.
pub fn compile_section(store: &StoreInfo, section: Section) -> Result<Plan, Vec<Problem>> {
    let _ = (store, section);
    todo!()
}

/// Everything that can be wrong with an app whose manifests could be read, its files looked at by
/// `exists` (a path, placeholders expanded with the defaults).
pub fn check(app: &App, exists: &dyn Fn(&std::path::Path) -> bool) -> Vec<Problem> {
    let _ = (app, exists);
    todo!()
}

/// The cycle of apps that start each other (`startApp` in any list that a start runs), beginning
/// and ending with `app`, if there is one.
pub fn start_cycle(
    app: &AppName,
    load: &dyn Fn(&AppName) -> Option<StoreInfo>,
) -> Option<Vec<AppName>> {
    let _ = (app, load);
    todo!()
}
