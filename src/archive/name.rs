//! Which names an entry may have. A name that passes stays inside the folder on every system.

use std::path::{Path, PathBuf};

/// Names that Windows keeps for devices, whatever comes after a dot.
const DEVICES: [&str; 30] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com1", "com2", "com3", "com4", "com5",
    "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8",
    "lpt9", "com¹", "com²", "com³", "lpt¹", "lpt²", "lpt³",
];

/// No file system in use takes more for one name.
const MAX_PART_BYTES: usize = 255;

/// Reads a name's bytes: as UTF-8 where they are, else as GBK, which is what Chinese Windows writes.
pub(super) fn decode(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::GBK.decode(raw).0.into_owned(),
    }
}

/// A name as it is shown to people: on one line, and not for pages.
pub(super) fn shown(name: &str) -> String {
    name.escape_debug().take(200).collect()
}

/// The file that a checked name means below a folder.
pub(super) fn below(root: &Path, path: &str) -> PathBuf {
    let mut whole = PathBuf::with_capacity(root.as_os_str().len() + path.len() + 1);
    whole.push(root);
    // Part by part: a canonical path of Windows takes no forward slashes.
    whole.extend(path.split('/').filter(|part| !part.is_empty()));
    whole
}

/// The path below the target folder that a name means, with forward slashes; empty for the folder
/// itself. `\` counts as a separator, because Windows programs write it.
///
/// # Errors
/// The rule that the name breaks, to be read after the entry's name.
pub(super) fn safe(name: &str, max_depth: usize) -> Result<String, String> {
    if name.starts_with(['/', '\\']) {
        return Err("has an absolute path".to_owned());
    }
    let mut path = String::with_capacity(name.len());
    let mut depth = 0_usize;
    for part in name.split(['/', '\\']) {
        match part {
            "" | "." => continue,
            ".." => return Err("leads out of the folder by `..`".to_owned()),
            _ => check_part(part)?,
        }
        if depth > 0 {
            path.push('/');
        }
        path.push_str(part);
        depth += 1;
        if depth > max_depth {
            return Err(format!("lies deeper than {max_depth} folders"));
        }
    }
    Ok(path)
}

fn check_part(part: &str) -> Result<(), String> {
    if part.contains(':') {
        return Err("has a `:` (a drive or a hidden stream)".to_owned());
    }
    if part.chars().any(char::is_control) {
        return Err("has a control character in its name".to_owned());
    }
    if part.ends_with(['.', ' ']) {
        return Err("has a name that ends with a dot or a space, which Windows drops".to_owned());
    }
    if part.len() > MAX_PART_BYTES {
        return Err(format!("has a name longer than {MAX_PART_BYTES} bytes"));
    }
    if part.contains(char::REPLACEMENT_CHARACTER) {
        return Err("has a name that is neither UTF-8 nor GBK".to_owned());
    }
    let stem = part.split('.').next().unwrap_or(part).trim_end();
    if DEVICES.contains(&stem.to_lowercase().as_str()) {
        return Err("has the name of a Windows device".to_owned());
    }
    Ok(())
}

/// Whether a link that lies at `path` below a folder, with forward slashes, stays in that folder.
pub(super) fn stays_inside(path: &str, target: &str) -> bool {
    safe_link(target, path.matches('/').count()).is_ok()
}

/// Checks where a link leads: relative, and at most `depth` folders up, which is where its own
/// folder lies below the target. `..` is allowed at the beginning only: after a name it would depend
/// on what that name is.
///
/// # Errors
/// The rule that it breaks.
pub(super) fn safe_link(target: &str, depth: usize) -> Result<PathBuf, String> {
    if target.is_empty() {
        return Err("is a link to nothing".to_owned());
    }
    if target.starts_with(['/', '\\']) || target.contains(':') {
        return Err("is a link with an absolute path".to_owned());
    }
    let mut path = PathBuf::new();
    let mut ups = 0_usize;
    let mut named = false;
    for part in target.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if named || ups == depth => return Err("is a link that leads out".to_owned()),
            ".." => {
                ups += 1;
                path.push(part);
            }
            _ => {
                check_part(part)?;
                named = true;
                path.push(part);
            }
        }
    }
    if path.as_os_str().is_empty() {
        path.push(".");
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(safe(name, 64).ok(), expected.map(str::to_owned), "{name:?}");
    }

    #[test]
    fn ordinary_names_pass() {
        check("a/b.txt", Some("a/b.txt"));
        check("a\\b\\c", Some("a/b/c"));
        check("./a//b/", Some("a/b"));
        check("数据/配置.ini", Some("数据/配置.ini"));
        check("...hidden", Some("...hidden"));
        check("console.log", Some("console.log"));
        check("./", Some(""));
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [
            "/etc/passwd",
            "\\x",
            "../x",
            "a/../../x",
            "a/..",
            "..\\x",
            "C:/x",
            "C:x",
            "a:b",
            "a\nb",
            "a/\0",
            "nul",
            "a/CON.txt",
            "com1 .txt",
            "x.",
            "x /y",
            "a/b./c",
            "AUX",
            "lpt²",
            "a\u{fffd}",
            &"x".repeat(256),
        ] {
            check(name, None);
        }
    }

    #[test]
    fn links_stay_inside() {
        for (target, depth, passes) in [
            ("b", 0, true),
            ("../b", 1, true),
            ("../../b", 1, false),
            ("../b", 0, false),
            ("b/../c", 3, false),
            ("/etc", 0, false),
            ("C:/x", 0, false),
            ("", 0, false),
            ("./libx.so.1", 2, true),
        ] {
            assert_eq!(safe_link(target, depth).is_ok(), passes, "{target:?}");
        }
    }

    #[test]
    fn chinese_names_of_windows_are_read() {
        let (gbk, _, _) = encoding_rs::GBK.encode("数据/配置.ini");
        assert_eq!(decode(&gbk), "数据/配置.ini");
        assert_eq!(decode("数据".as_bytes()), "数据");
    }

    proptest! {
        #[test]
        fn whatever_passes_has_only_normal_parts(name in "[a./\\\\: \\x00cCoOnN0-9é]{0,24}") {
            if let Ok(path) = safe(&name, 64) {
                let inside = below(Path::new("/t"), &path);
                let parts = inside.strip_prefix("/t").unwrap().components();
                prop_assert!(parts.clone().all(|part| matches!(part, Component::Normal(_))));
                prop_assert_eq!(parts.count(), path.split('/').filter(|part| !part.is_empty()).count());
            }
        }

        #[test]
        fn a_link_that_passes_never_climbs_above_the_folder(
            target in "[a./\\\\]{0,24}", depth in 0_usize..4
        ) {
            if let Ok(path) = safe_link(&target, depth) {
                let mut at = i32::try_from(depth).unwrap();
                for part in path.components() {
                    at += match part {
                        Component::ParentDir => -1,
                        Component::Normal(_) => 1,
                        _ => 0,
                    };
                    prop_assert!(at >= 0);
                }
            }
        }
    }
}
