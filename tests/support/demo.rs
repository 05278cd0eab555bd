//! The demo apps with their real programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::AppFolder;
use super::child::link_or_copy;
use super::service::Service;

/// A demo app in a service's home, its program fetched by `demo/fetch`. The programs are fetched once
/// for all tests.
pub(crate) fn real_app<'a>(service: &'a Service, name: &str) -> AppFolder<'a> {
    let program = fetched(name);
    let folder = demo_app(service, name);
    link_tree(&program, &folder.path().join("program"));
    folder
}

/// A demo app with its program in any folder. The files of the program are shared: whoever changes one
/// replaces it.
pub(crate) fn demo_files(name: &str, folder: &Path) {
    copy_sources(&demo().join(name), folder);
    link_tree(&fetched(name), &folder.join("program"));
}

/// A demo app in a service's home as it stands in `demo/`, without a program.
pub(crate) fn demo_app<'a>(service: &'a Service, name: &str) -> AppFolder<'a> {
    let app = service.app(name);
    copy_sources(&demo().join(name), app.path());
    app
}

pub(crate) fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("demo")
}

fn fetched(name: &str) -> PathBuf {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("demo-cache");
    fs::create_dir_all(&cache).unwrap();
    // Held while fetching: tests of the same program may begin together, in other processes too.
    let lock = File::create(cache.join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    let output = Command::new(demo().join("fetch"))
        .arg(name)
        .arg(cache.join(name))
        .env("DEMO_CACHE", cache.join("packages"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "demo/fetch {name} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    cache.join(name).join("program")
}

/// Copies what belongs to the app's sources: no program and nothing that a run left there.
fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let name = entry.file_name();
        if ["program", "data", "logs", "run", "tmp"]
            .iter()
            .any(|made| name == *made)
        {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy_sources(&entry.path(), &to.join(name));
        } else {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

fn link_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            link_tree(&entry.path(), &target);
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path()).unwrap(), target).unwrap();
        } else {
            link_or_copy(&entry.path(), &target);
        }
    }
}
