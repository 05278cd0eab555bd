//! The program that behaves as ordered: `tests/fixture/child.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Its path. It is built first where `cargo test` did not (which leaves examples out when it is
/// told to build one test only).
pub(crate) fn child() -> &'static Path {
    static CHILD: OnceLock<PathBuf> = OnceLock::new();
    CHILD.get_or_init(|| {
        let own = std::env::current_exe().expect("the test's own path is known");
        let profile = own
            .ancestors()
            .nth(2)
            .expect("a test lies in target/<profile>/deps");
        let child = profile
            .join("examples/child")
            .with_extension(std::env::consts::EXE_EXTENSION);
        if changed(&child) < newest_source() {
            build(profile.ends_with("release"));
        }
        child
    })
}

/// Puts the child into place under another name. A link, because a program that was just written
/// cannot be started while another thread's fork still holds it open for writing.
pub(crate) fn place_child(at: &Path) {
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    link_or_copy(child(), at);
}

pub(super) fn link_or_copy(from: &Path, to: &Path) {
    if fs::hard_link(from, to).is_err() {
        let status = Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(status.unwrap().success(), "cannot copy {}", from.display());
    }
}

fn build(release: bool) {
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "child"])
        .args(release.then_some("--release"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(status.unwrap().success(), "the child cannot be built");
}

fn newest_source() -> SystemTime {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture");
    ["child.rs", "mysqld.rs"]
        .map(|file| changed(&folder.join(file)))
        .into_iter()
        .max()
        .unwrap()
}

fn changed(file: &Path) -> SystemTime {
    fs::metadata(file)
        .and_then(|data| data.modified())
        .unwrap_or(SystemTime::UNIX_EPOCH)
}
