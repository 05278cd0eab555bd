//! Puts the page's files into the program, made small and compressed here, and not at every start.
//!
//! In `static/` lie plain modules and stylesheets, which a browser can take as they are (`serve --static
//! DIR`). Each file costs a browser some milliseconds, so what the first screen needs is put together:
//! the modules that `main.js` imports, each language's texts, and what the stylesheet imports.

#[path = "build/bundle.rs"]
mod bundle;
#[path = "build/shrink.rs"]
mod shrink;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};

/// What comes with the first screen; what else is imported by name, each brings with it.
const ENTRIES: [&str; 3] = ["main.js", "i18n/en.js", "i18n/zh.js"];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let root = variable("CARGO_MANIFEST_DIR")?.join("static");
    let out = variable("OUT_DIR")?;
    let mut files = BTreeMap::new();
    walk(&root, &root, &mut files)?;
    let files = assemble(files).map_err(io::Error::other)?;
    let mut table = String::from("&[\n");
    for (number, (name, content)) in files.iter().enumerate() {
        let packed = out.join(format!("page-{number}.gz"));
        // Without a time and a name, so that the same file always gives the same bytes.
        let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
        writer.write_all(content)?;
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

/// The files as they are served.
fn assemble(files: BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let (texts, mut served): (BTreeMap<_, _>, BTreeMap<_, _>) = files
        .into_iter()
        .partition(|(name, _)| bundle::is_a(name, "js") || bundle::is_a(name, "css"));
    let texts: BTreeMap<String, String> = texts
        .into_iter()
        .map(|(name, content)| match String::from_utf8(content) {
            Ok(text) => Ok((name, text)),
            Err(_) => Err(format!("static/{name} is no text")),
        })
        .collect::<Result<_, _>>()?;
    for (name, text) in bundle::modules(&texts, &ENTRIES)? {
        let small = shrink::script(&text).map_err(|error| format!("static/{name}: {error}"))?;
        served.insert(name, small.into_bytes());
    }
    for (name, text) in bundle::styles(&texts)? {
        served.insert(name, shrink::style(&text).into_bytes());
    }
    Ok(served)
}

fn variable(name: &str) -> io::Result<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| io::Error::other(format!("cargo sets {name}")))
}

/// Every file below a folder. Cargo is told to look at the folders again: a new file counts too.
fn walk(root: &Path, dir: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            walk(root, &path, files)?;
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
            let name = path.strip_prefix(root).map_err(io::Error::other)?;
            let name = name.to_string_lossy().replace('\\', "/");
            files.insert(name, fs::read(path)?);
        }
    }
    Ok(())
}
