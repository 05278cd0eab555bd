//! Reads both manifests as people write them: comments, trailing commas, a BOM, keys in any case,
//! strings for numbers. Every mistake is found in one pass.

use super::problem::Problem;
use super::{InstallInfo, StoreInfo};

/// Reads an `install.json`. The record holds what could be understood; with an error among the
/// problems it must not be used.
pub fn install(text: &str) -> (InstallInfo, Vec<Problem>) {
    let _ = text;
    todo!()
}

/// Reads a `store.json`, likewise.
pub fn store(text: &str) -> (StoreInfo, Vec<Problem>) {
    let _ = text;
    todo!()
}
