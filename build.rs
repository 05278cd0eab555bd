//! Puts the page's files into the program, each compressed once, here, and not at every start.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

fn main() -> io::Result<()> {
    let root = variable("CARGO_MANIFEST_DIR")?.join("static");
    let out = variable("OUT_DIR")?;
    let mut paths = Vec::new();
    walk(&root, &mut paths)?;
    paths.sort();
    let mut table = String::from("&[\n");
    for (number, path) in paths.iter().enumerate() {
        let name = path
            .strip_prefix(&root)
            .map_err(io::Error::other)?
            .to_string_lossy()
            .replace('\\', "/");
        let packed = out.join(format!("page-{number}.gz"));
        // Without a time and a name, so that the same file always gives the same bytes.
        let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
        writer.write_all(&fs::read(path)?)?;
        fs::write(&packed, writer.finish()?)?;
        let _ = writeln!(
            table,
            "({name:?}, include_bytes!({:?})),",
            packed.to_string_lossy()
        );
    }
    table.push(']');
    fs::write(out.join("page.rs"), table)
}

fn variable(name: &str) -> io::Result<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other(format!("cargo sets {name}")))
}

/// Every file below a folder. Cargo is told to look at the folders again: a new file counts too.
fn walk(dir: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(&path, paths)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            paths.push(path);
        }
    }
    Ok(())
}
