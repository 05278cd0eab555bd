//! Windows.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a folder and its parents. A folder below the user's profile is the user's alone.
///
/// # Errors
/// What the system says.
pub fn create_private_dir(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Nothing to do: a new file inherits the folder's access list.
///
/// # Errors
/// None.
pub fn set_default_mode(_file: &File) -> io::Result<()> {
    Ok(())
}
