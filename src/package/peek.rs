//! A look at the beginning of a file.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use flate2::bufread::GzDecoder;

/// The name of the first entry of each `.ampkg`.
const HEADER: &[u8] = b"--PACKAGE-HEADER--";

/// Whether a file is a package for Qt's application manager, by how it begins. Blocks.
pub fn is_ampkg(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut begin = [0; HEADER.len()];
    let mut content = GzDecoder::new(BufReader::new(file));
    content.read_exact(&mut begin).is_ok() && begin == *HEADER
}

/// Why such a package is not installed here, when it holds no app of ours.
pub fn needs_qt(shown: &str) -> String {
    format!(
        "{shown} is a package for Qt's application manager and needs it to run; `storekeeper package-server` serves it to devices that have one, but here only an .ampkg with an install.json at its top can be installed"
    )
}
