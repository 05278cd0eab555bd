//! Whole folders: copied beside their place and then renamed into it, so that a crash leaves the old
//! or the new one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::app::AppName;

/// Begins the name of a folder that is being made. No app can have such a name.
pub(super) const NEW: &str = ".new-";

/// Begins the name of a folder that is being replaced.
const OLD: &str = ".old-";

/// Begins the name of a folder that is being deleted.
const GONE: &str = ".gone-";

/// Begins the name of the folder of the version before, which is kept.
pub(super) const PREVIOUS: &str = ".previous-";

/// Begins the name of the folder of the version before that, while an upgrade may still be taken back.
pub(super) const OLDER: &str = ".older-";

/// The place beside `target` for its successor, empty.
pub(super) fn staging(target: &Path, app: &AppName) -> io::Result<PathBuf> {
    let staging = target.with_file_name(format!("{NEW}{app}"));
    remove(&staging)?;
    Ok(staging)
}

/// Puts `staging` in the place of `target`.
pub(super) fn replace(staging: &Path, target: &Path, app: &AppName) -> io::Result<()> {
    let old = target.with_file_name(format!("{OLD}{app}"));
    remove(&old)?;
    match fs::rename(target, &old) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    if let Err(error) = fs::rename(staging, target) {
        let _ = fs::rename(&old, target);
        return Err(error);
    }
    remove(&old)
}

/// Deletes a folder so that its name is free at once; a link and not what it leads to.
pub(super) fn delete(target: &Path, app: &AppName) -> io::Result<()> {
    let gone = target.with_file_name(format!("{GONE}{app}"));
    remove(&gone)?;
    match fs::rename(target, &gone) {
        Ok(()) => remove(&gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Deletes a folder that has a name of its own beside an app's, so that its name is free at once.
pub(super) fn delete_beside(target: &Path) -> io::Result<()> {
    let Some(name) = target.file_name() else {
        return Ok(());
    };
    let mut gone = std::ffi::OsString::from(GONE);
    gone.push(name);
    let gone = target.with_file_name(gone);
    remove(&gone)?;
    match fs::rename(target, &gone) {
        Ok(()) => remove(&gone),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes the renames in the folder of `path` last over a power cut.
#[cfg(unix)]
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Windows writes names down by itself.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
pub(super) fn sync_parent(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Finishes or takes back what a killed service left half done in `dir`. What belongs to an app that
/// `is_busy` stays as it is.
pub(crate) fn recover(dir: &Path, is_busy: &dyn Fn(&str) -> bool) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            continue;
        };
        let mut prefixes = [NEW, OLD, OLDER, GONE].into_iter();
        if prefixes.any(|prefix| name.strip_prefix(prefix).is_some_and(is_busy)) {
            continue;
        }
        let done = if let Some(app) = name.strip_prefix(OLD) {
            let target = dir.join(app);
            if fs::symlink_metadata(&target).is_ok() {
                remove(&entry.path())
            } else {
                fs::rename(entry.path(), target)
            }
        } else if name.starts_with(NEW) || name.starts_with(GONE) || name.starts_with(OLDER) {
            remove(&entry.path())
        } else {
            Ok(())
        };
        if let Err(error) = done {
            tracing::warn!("`{}` was left behind: {error}", entry.path().display());
        }
    }
}

/// Removes what a list was unpacking or packing when the service was killed, where lists mostly do that:
/// at the top of the apps' folders. Deeper down it stays and counts as nobody's. Developers' folders
/// are left alone.
pub(super) fn remove_unfinished(dir: &Path) {
    for app in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !app.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        for entry in fs::read_dir(app.path()).into_iter().flatten().flatten() {
            if super::contents::is_unfinished(&entry.file_name().to_string_lossy())
                && let Err(error) = remove(&entry.path())
            {
                tracing::warn!("`{}` was left behind: {error}", entry.path().display());
            }
        }
    }
}

/// Deletes a file, a link or a whole folder; what is not there is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Copies a folder with its modes. A relative link that stays inside is kept, a link that leads out
/// is not followed. Answers what was left out, as sentences.
pub(super) fn copy(from: &Path, to: &Path, canceled: &dyn Fn() -> bool) -> io::Result<Vec<String>> {
    let root = fs::canonicalize(from)?;
    let mut skipped = Vec::new();
    copy_dir(&root, &root, to, canceled, &mut skipped)?;
    Ok(skipped)
}

fn copy_dir(
    root: &Path,
    from: &Path,
    to: &Path,
    canceled: &dyn Fn() -> bool,
    skipped: &mut Vec<String>,
) -> io::Result<()> {
    let name = |error: io::Error, path: &Path| {
        io::Error::new(error.kind(), format!("`{}`: {error}", path.display()))
    };
    fs::create_dir_all(to).map_err(|error| name(error, to))?;
    for entry in fs::read_dir(from).map_err(|error| name(error, from))? {
        if canceled() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_dir(root, &path, &target, canceled, skipped)?;
        } else if kind.is_symlink() {
            copy_link(root, &path, &target, skipped).map_err(|error| name(error, &path))?;
        } else if kind.is_file() {
            fs::copy(&path, &target).map_err(|error| name(error, &path))?;
        } else {
            skipped.push(format!(
                "`{}` was not copied: it is a device, a pipe or a socket",
                path.display()
            ));
        }
    }
    // Last, because a folder may be read-only.
    let permissions = fs::metadata(from)?.permissions();
    fs::set_permissions(to, permissions)
}

fn copy_link(root: &Path, path: &Path, target: &Path, skipped: &mut Vec<String>) -> io::Result<()> {
    let Some(real) = fs::canonicalize(path)
        .ok()
        .filter(|real| real.starts_with(root))
    else {
        skipped.push(format!(
            "`{}` was not copied: it is a link that leads out of the folder, or to nothing",
            path.display()
        ));
        return Ok(());
    };
    let to = fs::read_link(path)?;
    if to.is_relative() && link(&to, target).is_ok() {
        return Ok(());
    }
    if real.is_file() {
        fs::copy(&real, target).map(drop)
    } else {
        skipped.push(format!(
            "`{}` was not copied: it is an absolute link to a folder",
            path.display()
        ));
        Ok(())
    }
}

/// Copies a file, a link or a whole folder as it is: modes, owners, times, and links wherever they
/// lead. For what is the user's. Sockets, pipes and devices are left out. `progress` is told the bytes
/// as they are copied.
pub(super) fn copy_exactly(
    from: &Path,
    to: &Path,
    progress: &mut dyn FnMut(u64),
    canceled: &dyn Fn() -> bool,
) -> io::Result<()> {
    if canceled() {
        return Err(io::ErrorKind::Interrupted.into());
    }
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("`{}`: {error}", from.display()));
    let found = fs::symlink_metadata(from).map_err(named)?;
    if found.is_symlink() {
        let target = fs::read_link(from).map_err(named)?;
        return link(&target, to).map_err(named);
    }
    if found.is_dir() {
        fs::create_dir(to).map_err(named)?;
        for entry in fs::read_dir(from).map_err(named)? {
            let entry = entry.map_err(named)?;
            copy_exactly(
                &entry.path(),
                &to.join(entry.file_name()),
                progress,
                canceled,
            )?;
        }
    } else if found.is_file() {
        // The system copies as it can best: where the file system shares blocks, nothing is copied.
        progress(fs::copy(from, to).map_err(named)?);
    } else {
        return Ok(());
    }
    copy_owner_and_mode(from, to).map_err(named)?;
    if found.is_file()
        && let Ok(modified) = found.modified()
    {
        let times = fs::FileTimes::new().set_modified(modified);
        fs::File::options()
            .write(true)
            .open(to)
            .and_then(|file| file.set_times(times))
            // The time of a file that may not be written is no reason to stop.
            .or_else(|error| match error.kind() {
                io::ErrorKind::PermissionDenied => Ok(()),
                _ => Err(named(error)),
            })?;
    }
    Ok(())
}

/// Moves a file, a link or a whole folder; between disks, and where something else is mounted, as a copy
/// that takes its place whole, before the first one goes. After a crash either is there, or both.
pub(super) fn move_exactly(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::CrossesDevices | io::ErrorKind::ResourceBusy
            ) =>
        {
            move_by_copy(from, to)
        }
        moved => moved,
    }
}

fn move_by_copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut name = std::ffi::OsString::from(crate::archive::UNFINISHED);
    name.push(to.file_name().unwrap_or_default());
    let copy = to.with_file_name(name);
    remove(&copy)?;
    copy_exactly(from, &copy, &mut |_| (), &|| false)?;
    if let Some(parent) = to.parent() {
        crate::archive::sync(parent)?;
    }
    fs::rename(&copy, to)?;
    sync_parent(to)?;
    match remove(from) {
        // The place of a mount stays; what was in it is gone.
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => Ok(()),
        removed => removed,
    }
}

/// Makes a second name for every file of a file or folder, which costs neither time nor room; where the
/// disk has no such names, a copy.
pub(super) fn link_exactly(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            link_exactly(&entry.path(), &to.join(entry.file_name()))?;
        }
        return copy_owner_and_mode(from, to);
    }
    if found.is_file() && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    copy_exactly(from, to, &mut |_| (), &|| false)
}

/// Gives `to` the mode of `from`, and its owner where we may.
#[cfg(unix)]
pub(super) fn copy_owner_and_mode(from: &Path, to: &Path) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let (old, new) = (fs::metadata(from)?, fs::metadata(to)?);
    if (old.uid(), old.gid()) != (new.uid(), new.gid()) {
        match chown(to, Some(old.uid()), Some(old.gid())) {
            // Only root gives files away. The copy is ours then, as every other is.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            done => done?,
        }
    }
    fs::set_permissions(to, old.permissions())
}

/// On Windows a new file inherits what it needs from its folder.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "the same function fails on unix")]
pub(super) fn copy_owner_and_mode(_from: &Path, _to: &Path) -> io::Result<()> {
    Ok(())
}

/// Makes a link at `at` that leads to `to`.
#[cfg(unix)]
pub(super) fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

/// Makes a link at `at` that leads to `to`. Windows allows that to developers and administrators.
#[cfg(windows)]
pub(super) fn link(to: &Path, at: &Path) -> io::Result<()> {
    let from_here = at
        .parent()
        .map_or_else(|| to.to_owned(), |dir| dir.join(to));
    if from_here.is_dir() {
        std::os::windows::fs::symlink_dir(to, at)
    } else {
        std::os::windows::fs::symlink_file(to, at)
    }
}

/// The bytes of all files in a folder; links count for nothing.
pub(super) fn size(path: &Path) -> u64 {
    let mut total = 0_u64;
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        // Of a link, this is the link's own.
        match entry.metadata() {
            Ok(found) if found.is_dir() => total = total.saturating_add(size(&entry.path())),
            Ok(found) => total = total.saturating_add(found.len()),
            Err(_) => {}
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_renamed_is_moved_as_a_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::write(from.join("sub/file"), "mine").unwrap();
        // What an earlier attempt left.
        fs::create_dir(dir.path().join(".storekeeper-to")).unwrap();
        move_by_copy(&from, &to).unwrap();
        assert_eq!(fs::read(to.join("sub/file")).unwrap(), b"mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    fn app() -> AppName {
        AppName::parse("a").unwrap()
    }

    fn put(path: &Path, content: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn a_folder_is_replaced_by_its_copy() {
        let dir = tempfile::tempdir().unwrap();
        let (source, target) = (dir.path().join("source"), dir.path().join("a"));
        put(&source.join("sub/new"), "new");
        put(&target.join("old"), "old");
        let staging = staging(&target, &app()).unwrap();
        assert!(copy(&source, &staging, &|| false).unwrap().is_empty());
        replace(&staging, &target, &app()).unwrap();
        assert!(!target.join("old").exists());
        assert_eq!(fs::read_to_string(target.join("sub/new")).unwrap(), "new");
        assert_eq!(size(&target), 3);
        delete(&target, &app()).unwrap();
        delete(&target, &app()).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_crash_left_is_taken_back_or_finished() {
        let dir = tempfile::tempdir().unwrap();
        put(&dir.path().join(".new-a/x"), "half");
        put(&dir.path().join(".old-b/x"), "old");
        put(&dir.path().join(".old-c/x"), "old");
        put(&dir.path().join("c/x"), "new");
        put(&dir.path().join(".gone-d/x"), "");
        put(&dir.path().join(".new-e/x"), "busy");
        recover(dir.path(), &|app| app == "e");
        fs::remove_dir_all(dir.path().join(".new-e")).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("b/x")).unwrap(), "old");
        assert_eq!(fs::read_to_string(dir.path().join("c/x")).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_are_not_followed() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        put(&source.join("x"), "x");
        put(&dir.path().join("secret"), "secret");
        symlink("x", source.join("inner")).unwrap();
        symlink("../secret", source.join("outer")).unwrap();
        symlink(source.join("x"), source.join("absolute")).unwrap();
        let to = dir.path().join("to");
        let skipped = copy(&source, &to, &|| false).unwrap();
        assert_eq!(skipped.len(), 1, "{skipped:?}");
        assert_eq!(fs::read_link(to.join("inner")).unwrap(), Path::new("x"));
        assert!(
            !fs::symlink_metadata(to.join("absolute"))
                .unwrap()
                .is_symlink()
        );
        assert!(fs::symlink_metadata(to.join("outer")).is_err());
    }
}
