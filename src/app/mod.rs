//! An app as its author described it: pure data and the rules about it. Nothing here does I/O or
//! reads a clock.

pub mod config;
pub mod config_schema;
pub mod form;
pub mod install;
pub mod name;
pub mod origin;
pub mod parse;
pub mod pattern;
pub mod placeholder;
pub mod problem;
pub mod schema;
pub mod sha256;
mod source;
pub mod store;
pub mod suggest;
pub mod version;

use std::path::PathBuf;

pub use config::Config;
pub use install::InstallInfo;
pub use name::AppName;
pub use origin::Origin;
pub use placeholder::Scope;
pub use problem::Problem;
pub use sha256::Sha256;
pub use store::StoreInfo;
pub use version::{Requirement, Version};

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
    /// Text of `install.json`, to draw problems under it.
    pub install_text: String,
    /// Text of `store.json`, likewise; empty without one.
    pub store_text: String,
}

impl App {
    /// Reads both manifests of the app in `dir`. With an error among the problems, what was
    /// understood of it must not be used.
    pub fn parse(
        name: AppName,
        dir: PathBuf,
        install_text: String,
        store_text: Option<String>,
    ) -> (Self, Vec<Problem>) {
        let (install, mut problems) = parse::install(&install_text);
        let store = store_text.as_deref().map(|text| {
            let (store, found) = parse::store(text);
            problems.extend(found);
            store
        });
        let app = Self {
            name,
            dir,
            install,
            store,
            install_text,
            store_text: store_text.unwrap_or_default(),
        };
        (app, problems)
    }

    /// The text of one of its manifests.
    pub fn text_of(&self, file: &str) -> Option<&str> {
        match file {
            parse::INSTALL_FILE => Some(&self.install_text),
            parse::STORE_FILE if self.store.is_some() => Some(&self.store_text),
            _ => None,
        }
    }

    /// Gives problems that only name a place in a manifest their line and column.
    pub fn locate(&self, problems: &mut [Problem]) {
        for file in [parse::INSTALL_FILE, parse::STORE_FILE] {
            let of_file = problems.iter_mut().filter(|problem| problem.file == file);
            problem::locate(of_file, self.text_of(file).unwrap_or_default());
        }
    }

    /// The problems drawn under the lines that they are about.
    pub fn draw(&self, problems: &[Problem]) -> String {
        problem::draw(problems, self.name.as_str(), &|file| {
            self.text_of(file).map(str::to_owned)
        })
    }
}
