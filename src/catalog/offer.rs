//! One app as one catalog offers it, and where its files come from.

use std::path::PathBuf;

use url::Url;

use super::location::Location;
use crate::app::install::{History, InstallInfo};
use crate::app::{AppName, Sha256};
use crate::download::{Request, Trust};

/// The scheme of the packages of a repository that has a key or a password.
pub(crate) const REPOSITORY: &str = "repository";

/// One app as one catalog offers it. Its addresses are whole.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The catalog.
    pub catalog: AppName,
    /// The app.
    pub name: AppName,
    /// The lists that it stands in.
    pub categories: Vec<String>,
    /// What the catalog says of it. `url`, `pkg` and their mirrors are whole addresses; a `file:` one
    /// lies in the catalog's folder.
    pub info: InstallInfo,
    /// Why it cannot be installed on this computer; none when it can.
    pub refusal: Option<String>,
    /// Whose word it is.
    pub(super) trust: Trust,
}

/// One of the two files that an app is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `url`: the app, or its adapter.
    App,
    /// `pkg`: the official archive of its program.
    Program,
}

/// Where a file comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// From the network.
    Web(Request),
    /// From a repository that does not give its packages to everybody.
    Repository {
        /// `repository://<name>/<file>`.
        url: Url,
        /// What it must be.
        sha256: Option<Sha256>,
    },
    /// From the catalog's folder.
    File {
        /// Below that folder; it need not be there.
        path: PathBuf,
        /// What it must be.
        sha256: Option<Sha256>,
    },
}

impl Offer {
    /// Where a file of the offered version comes from; none when there is no such file. Blocks:
    /// it looks whether a file of a folder is there.
    pub fn source(&self, part: Part, max_bytes: u64) -> Option<Source> {
        let info = &self.info;
        match part {
            Part::App => self.of(&info.url, &info.mirrors, &info.sha256, max_bytes),
            Part::Program => self.of(&info.pkg, &info.pkg_mirrors, &info.pkg_sha256, max_bytes),
        }
    }

    /// The same for an older version, one of `info.history`.
    pub fn source_of(&self, version: &History, part: Part, max_bytes: u64) -> Option<Source> {
        let it = version;
        match part {
            Part::App => self.of(&it.url, &it.mirrors, &it.sha256, max_bytes),
            Part::Program => self.of(&it.pkg, &it.pkg_mirrors, &it.pkg_sha256, max_bytes),
        }
    }

    fn of(&self, first: &str, others: &[String], sha256: &str, max_bytes: u64) -> Option<Source> {
        let texts = std::iter::once(first).chain(others.iter().map(String::as_str));
        // They were read before, when the list was.
        let mut addresses: Vec<Url> = texts.filter_map(|text| Url::parse(text).ok()).collect();
        let sha256 = sha256.parse().ok();
        let file = addresses.iter().find(|address| address.scheme() == "file");
        if let Some(path) = file.and_then(|address| address.to_file_path().ok())
            && (path.exists() || addresses.len() == 1)
        {
            return Some(Source::File { path, sha256 });
        }
        if let Some(url) = addresses.iter().find(|it| it.scheme() == REPOSITORY) {
            return Some(Source::Repository {
                url: url.clone(),
                sha256,
            });
        }
        addresses.retain(|address| address.scheme() != "file");
        if addresses.is_empty() {
            return None;
        }
        Some(Source::Web(Request {
            addresses,
            sha256,
            max_bytes,
            trust: self.trust.clone(),
        }))
    }
}

/// Makes the addresses of an entry whole.
///
/// # Errors
/// A sentence about an address that leads elsewhere than it may.
pub(super) fn make_whole(
    info: &mut InstallInfo,
    list: &Url,
    root: &Location,
) -> Result<(), String> {
    let whole = |text: &mut String| -> Result<(), String> {
        if !text.trim().is_empty() {
            *text = resolve(text.trim(), list, root)?.to_string();
        }
        Ok(())
    };
    whole(&mut info.url)?;
    whole(&mut info.pkg)?;
    info.mirrors.iter_mut().try_for_each(whole)?;
    info.pkg_mirrors.iter_mut().try_for_each(whole)?;
    for older in &mut info.history {
        whole(&mut older.url)?;
        whole(&mut older.pkg)?;
        older.mirrors.iter_mut().try_for_each(whole)?;
        older.pkg_mirrors.iter_mut().try_for_each(whole)?;
    }
    // An icon of a folder cannot be shown: the page sees only what is served.
    info.icon = match resolve(info.icon.trim(), list, root) {
        Ok(icon) if !info.icon.trim().is_empty() && icon.scheme() != "file" => icon.to_string(),
        Ok(_) | Err(_) => String::new(),
    };
    Ok(())
}

fn resolve(text: &str, list: &Url, root: &Location) -> Result<Url, String> {
    let shown: String = text.escape_debug().take(200).collect();
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => return Ok(url),
        Ok(url) => {
            return Err(format!(
                "`{shown}`: `{}` is no scheme to download by",
                url.scheme()
            ));
        }
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        Err(error) => return Err(format!("`{shown}` is no address: {error}")),
    }
    let leaves = |text: &str| {
        let text = text.to_ascii_lowercase().replace("%2e", ".");
        text.split(['/', '\\']).any(|part| part == "..")
    };
    let url = list
        .join(text)
        .map_err(|error| format!("`{shown}` is no address: {error}"))?;
    let Location::Folder(root) = root else {
        return Ok(url);
    };
    let outside = || format!("`{shown}` leads out of the catalog's folder");
    let path = url.to_file_path().map_err(|()| outside())?;
    // The address has dissolved its dots; the text, decoded, must not have had any either.
    let decoded = path.to_string_lossy();
    if leaves(text) || leaves(&decoded) || url.scheme() != "file" || !path.starts_with(root) {
        return Err(outside());
    }
    // A link may lead out, too.
    match (path.canonicalize(), root.canonicalize()) {
        (Ok(path), Ok(root)) if !path.starts_with(&root) => Err(outside()),
        _ => Ok(url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(list: &str, text: &str, expected: Option<&str>) {
        let root = if list.starts_with("file:") {
            Location::Folder("/srv/store".into())
        } else {
            Location::parse("https://x.example/store/").unwrap()
        };
        let found = resolve(text, &Url::parse(list).unwrap(), &root);
        assert_eq!(found.ok().as_ref().map(Url::as_str), expected, "{text}");
    }

    #[test]
    #[cfg(unix)]
    fn addresses_are_those_of_the_list_and_stay_in_its_folder() {
        let web = "https://x.example/store/linux/amd64/hots.json";
        let base = "https://x.example";
        check(
            web,
            "a.zip",
            Some(&format!("{base}/store/linux/amd64/a.zip")),
        );
        check(web, "../../a.zip", Some(&format!("{base}/store/a.zip")));
        check(web, "/a.zip", Some(&format!("{base}/a.zip")));
        check(web, "https://y.example/a", Some("https://y.example/a"));
        check(web, "file:///etc/passwd", None);
        check(web, "ftp://y.example/a", None);
        let folder = "file:///srv/store/linux/amd64/hots.json";
        check(folder, "a.zip", Some("file:///srv/store/linux/amd64/a.zip"));
        check(
            folder,
            "files/a%20b.zip",
            Some("file:///srv/store/linux/amd64/files/a%20b.zip"),
        );
        check(folder, "https://y.example/a", Some("https://y.example/a"));
        for outside in [
            "../a.zip",
            "/etc/passwd",
            "file:///srv/store/a",
            "a/../b",
            "a/%2e%2e/%2e%2e/b",
            "//host/a",
            "..%2f..%2f..%2fetc%2fpasswd",
        ] {
            check(folder, outside, None);
        }
    }
}
