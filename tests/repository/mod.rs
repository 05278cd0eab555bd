//! Repositories: in folders, on web servers and on real S3 servers, by the real service and the real
//! command line; and the tool that makes packages for them.

mod folder;
pub(crate) mod gate;
mod pkg;
mod s3;
pub(crate) mod s3_server;
mod s3s;
mod web;

use std::path::Path;

use serde_json::Value;

use crate::cli::{Ran, run};
use crate::support::{Service, until};

/// Waits until a repository's last sync ended, and answers how it is.
async fn synced(service: &Service, name: &str) -> Value {
    until("the repository is synced", async || {
        let record = service.get(&format!("/api/repositories/{name}")).await;
        let record = record.must_be(200).json();
        let status = record["sync"]["status"].as_str().unwrap_or_default();
        matches!(status, "successful" | "failed").then_some(record)
    })
    .await
}

/// The files of a folder, without hidden ones.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

fn ran(service: &Service, arguments: &[&str]) -> Ran {
    run(service, arguments)
}
