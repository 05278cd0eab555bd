//! An app as its author described it: pure data and the rules about it. Nothing here does I/O or
//! reads a clock.

pub mod config;
pub mod install;
pub mod name;
pub mod parse;
pub mod placeholder;
pub mod problem;
pub mod schema;
pub mod store;

use std::path::PathBuf;

pub use config::Config;
pub use install::InstallInfo;
pub use name::AppName;
pub use placeholder::Scope;
pub use problem::Problem;
pub use store::StoreInfo;

/// An app whose files were read: both manifests with the text they came from.
#[derive(Clone, Debug)]
pub struct App {
    /// Its name, equal to its folder's name.
    pub name: AppName,
    /// Its folder, absolute.
    pub dir: PathBuf,
    /// `install.json`.
    pub install: InstallInfo,
    /// `store.json`; an app that is only a web page has none.
    pub store: Option<StoreInfo>,
    /// Text of `store.json`, to draw problems under it.
    pub store_text: String,
}
