//! An app's manifests from its folder.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use crate::app::parse::{INSTALL_FILE, STORE_FILE};
use crate::app::{App, AppName, Problem};

/// Size limit of a manifest.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// Reads the app in `dir`. There is no app when one of its files cannot be read at all; with an
/// error among the problems, it must not be used.
pub fn load(name: &AppName, dir: &Path) -> (Option<App>, Vec<Problem>) {
    let install = read(dir, INSTALL_FILE).and_then(|text| {
        text.ok_or_else(|| {
            let message = "there is no install.json in the folder";
            let help = format!("write one, with \"name\": \"{name}\"");
            Box::new(Problem::error(INSTALL_FILE, "", message).with_help(help))
        })
    });
    let store = read(dir, STORE_FILE);
    match (install, store) {
        (Ok(install), Ok(store)) => {
            let (app, problems) = App::parse(name.clone(), dir.to_owned(), install, store);
            (Some(app), problems)
        }
        (install, store) => {
            let unread = [install.err(), store.err()];
            (
                None,
                unread
                    .into_iter()
                    .flatten()
                    .map(|problem| *problem)
                    .collect(),
            )
        }
    }
}

/// The text of a manifest; `None` when there is no such file.
fn read(dir: &Path, file: &str) -> Result<Option<String>, Box<Problem>> {
    let fail = |message: String| Box::new(Problem::error(file, "", message));
    let path = dir.join(file);
    // A pipe or a device might never answer.
    let kind = match std::fs::metadata(&path) {
        Ok(kind) => kind,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(format!("{file} cannot be read: {error}"))),
    };
    if !kind.is_file() {
        return Err(fail(format!("{file} is not a file")));
    }
    let mut bytes = Vec::new();
    File::open(&path)
        .and_then(|file| file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| fail(format!("{file} cannot be read: {error}")))?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_MANIFEST_BYTES) {
        return Err(fail(format!("{file} is larger than 1 MiB")));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let before = error.as_bytes().get(..valid).unwrap_or_default();
            let line = before.split(|byte| *byte == b'\n').count();
            let utf16 = matches!(before.first(), None | Some(0xff | 0xfe | 0));
            let help = if utf16 && error.as_bytes().len() > 1 {
                "save it as UTF-8 (it looks like UTF-16)"
            } else {
                "save it as UTF-8"
            };
            let mut problem = fail(format!("{file} is not UTF-8 text: look at line {line}"));
            help.clone_into(&mut problem.help);
            Err(problem)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(install: &[u8], store: Option<&[u8]>) -> Result<App, Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("install.json"), install).unwrap();
        if let Some(store) = store {
            fs::write(dir.path().join("store.json"), store).unwrap();
        }
        let (app, problems) = load(&AppName::parse("a").unwrap(), dir.path());
        let messages: Vec<String> = problems.iter().map(Problem::sentence).collect();
        app.filter(|_| messages.is_empty()).ok_or(messages)
    }

    #[test]
    fn an_app_may_have_no_store() {
        assert!(check(br#"{"name": "a"}"#, None).unwrap().store.is_none());
        assert!(
            check(br#"{"name": "a"}"#, Some(b"{}"))
                .unwrap()
                .store
                .is_some()
        );
    }

    #[test]
    fn files_that_are_no_text_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let (app, problems) = load(&AppName::parse("a").unwrap(), dir.path());
        assert!(app.is_none());
        assert_eq!(
            problems[0].sentence(),
            "install.json: there is no install.json in the folder; write one, with \"name\": \"a\""
        );
        assert_eq!(
            check(b"{\n\"name\": \"\xe4\"}", Some(&vec![b' '; (1 << 20) + 1])).unwrap_err(),
            [
                "install.json: install.json is not UTF-8 text: look at line 2; save it as UTF-8",
                "store.json: store.json is larger than 1 MiB",
            ]
        );
        assert_eq!(
            check(b"\xff\xfe{\0}\0", None).unwrap_err(),
            [
                "install.json: install.json is not UTF-8 text: look at line 1; save it as UTF-8 (it looks like UTF-16)"
            ]
        );
    }
}
