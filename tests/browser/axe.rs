//! axe-core (<https://github.com/dequelabs/axe-core>), which finds what keeps people out of a page.
//! It is fetched from npm once, into a folder below `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::devtools::Page;

const PACKAGE: &str = "axe-core@4.11.1";

/// The rules of WCAG 2.1, levels A and AA.
const RULES: &str = r#"["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]"#;

/// Its script.
pub(super) fn script() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/npm")
        .join(PACKAGE);
    let file = folder.join("package/axe.min.js");
    if !file.exists() {
        fetch(&folder);
    }
    std::fs::read_to_string(file).unwrap()
}

fn fetch(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    // Beside it first: two tests may fetch it at once, and one may be killed.
    let beside = tempfile::tempdir_in(folder).unwrap();
    let packed = Command::new("npm")
        .args(["pack", "--silent", PACKAGE])
        .current_dir(beside.path())
        .output()
        .unwrap_or_else(|error| {
            panic!("npm cannot be run ({error}); axe-core comes from there: apt-get install npm")
        });
    let output = String::from_utf8_lossy(&packed.stderr);
    assert!(
        packed.status.success(),
        "{PACKAGE} cannot be fetched: {output}"
    );
    let archive: PathBuf = std::fs::read_dir(beside.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|ending| ending == "tgz"))
        .unwrap();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(&archive)
        .current_dir(beside.path())
        .status()
        .unwrap();
    assert!(unpacked.success());
    // Another test was quicker: then it is there.
    let _ = std::fs::rename(beside.path().join("package"), folder.join("package"));
}

/// What it finds in the page as it is now, in sentences.
pub(super) async fn violations(page: &Page, script: &str) -> Vec<String> {
    if page.eval("typeof axe").await == "undefined" {
        // Past the page's policy, which forbids foreign scripts.
        page.call(
            "Runtime.evaluate",
            serde_json::json!({ "expression": script }),
        )
        .await;
    }
    let found = page
        .eval(&format!(
            "(await axe.run(document, {{ runOnly: {{ type: 'tag', values: {RULES} }}, resultTypes: ['violations'], iframes: false }}))
                .violations.map(({{ id, help, nodes }}) => `${{id}}: ${{help}}: ${{nodes.map((node) => node.html + ' ' + node.failureSummary).slice(0, 3).join(' | ')}}`)"
        ))
        .await;
    let Value::Array(found) = found else {
        panic!("axe says {found}");
    };
    found
        .iter()
        .map(|one| one.as_str().unwrap().to_owned())
        .collect()
}
