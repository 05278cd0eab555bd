//! The streams and the form of the desktop's store, driven as its window drives them, and the same
//! packages by our own routes.

mod reader;
mod routes;
mod shop;
mod streams;
mod uploads;

use std::path::PathBuf;

use crate::support::Service;

/// What lies in the folder of packages on their way in.
fn coming_in(service: &Service) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(service.home().join("cache/upload"));
    entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect()
}
