//! `storekeeper ampkg` as its users run it, and its signatures as OpenSSL sees them.

mod commands;
mod keys;
pub(crate) mod openssl;
mod trust;

use std::fs;
use std::path::Path;
use std::process::Command;

/// How a command ended.
pub(crate) struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Runs `storekeeper ampkg` in a folder.
pub(crate) fn ampkg(dir: &Path, arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_storekeeper"))
        .arg("ampkg")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Ran {
    /// It must have ended with this code, and have said this.
    pub(crate) fn check(&self, code: i32, said: &str) {
        let all = format!("{}{}", self.out, self.err);
        assert_eq!(self.code, code, "{all}");
        assert!(all.contains(said), "{all}\nwanted: {said}");
    }
}

/// A folder `app` that a package can be made of.
pub(crate) fn app(dir: &Path) {
    let app = dir.join("app");
    fs::create_dir_all(app.join("assets/sub")).unwrap();
    for (name, content) in [
        (
            "info.yaml",
            "formatType: am-package\nformatVersion: 1\n---\nid: org.example.app\nicon: icon.png\n\
             applications:\n- {id: org.example.app, code: main.qml, runtime: qml}\n",
        ),
        ("icon.png", "\u{89}PNG"),
        ("main.qml", "Item {}\n"),
        ("assets/sub/täst.txt", "text"),
        (".hidden", "x"),
    ] {
        fs::write(app.join(name), content).unwrap();
    }
}
