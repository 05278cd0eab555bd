//! Where a catalog's lists are.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use url::Url;

use super::{CatalogError, MAX_LIST_BYTES, blocking};
use crate::download::{Answer, Downloader, Trust, Validators};

/// Where a catalog's lists are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// Below this address, which ends with `/`.
    Web(Url),
    /// Below this folder, which is absolute.
    Folder(PathBuf),
}

impl Location {
    /// Reads an address, or the path of a folder.
    ///
    /// # Errors
    /// [`CatalogError::Address`].
    pub fn parse(text: &str) -> Result<Self, CatalogError> {
        let text = text.trim();
        let invalid = |reason: &str| CatalogError::Address {
            // A text that is no address may hold anything.
            address: match Url::parse(text) {
                Ok(url) if url.has_host() => masked(&url),
                Ok(_) | Err(_) => text.escape_debug().take(200).collect(),
            },
            reason: reason.to_owned(),
        };
        if let Some((scheme, _)) = text.split_once("://") {
            let mut url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
            return match url.scheme() {
                "http" | "https" => {
                    url.set_query(None);
                    url.set_fragment(None);
                    if !url.path().ends_with('/') {
                        url.set_path(&format!("{}/", url.path()));
                    }
                    Ok(Self::Web(url))
                }
                "file" => url
                    .to_file_path()
                    .map(Self::Folder)
                    .map_err(|()| invalid("it names no folder")),
                _ => Err(invalid(&format!("`{scheme}` is not read from"))),
            };
        }
        let path = Path::new(text);
        if !path.is_absolute() {
            return Err(invalid("it is neither an address nor an absolute path"));
        }
        Ok(Self::Folder(path.to_owned()))
    }

    /// Whom its lists speak for.
    pub(super) fn trust(&self) -> Trust {
        match self {
            Self::Web(url) => Trust::Source(url.clone()),
            Self::Folder(_) => Trust::Public,
        }
    }

    /// The whole of it, to be stored.
    pub(super) fn whole(&self) -> String {
        match self {
            Self::Web(url) => url.to_string(),
            Self::Folder(path) => path.display().to_string(),
        }
    }

    /// Reads one list.
    ///
    /// # Errors
    /// [`CatalogError::Download`] and [`CatalogError::File`].
    pub(super) async fn read(
        &self,
        downloader: &Downloader,
        os: &str,
        arch: &str,
        category: &str,
        known: &Validators,
    ) -> Result<Answer, CatalogError> {
        let tail = format!("{os}/{arch}/{category}.json");
        match self {
            Self::Web(base) => {
                let address = base.join(&tail).map_err(|error| CatalogError::Address {
                    address: masked(base),
                    reason: error.to_string(),
                })?;
                // The user configured it, so it may lie in his own network.
                Ok(downloader
                    .read(&address, &Trust::Given, known, MAX_LIST_BYTES)
                    .await?)
            }
            Self::Folder(folder) => {
                let (folder, path) = (folder.clone(), folder.join(tail));
                blocking(move || read_file(&folder, &path)).await
            }
        }
    }
}

fn read_file(folder: &Path, path: &Path) -> Result<Answer, CatalogError> {
    let fail = |source| CatalogError::File {
        path: path.to_owned(),
        source,
    };
    let size = match std::fs::metadata(path) {
        Ok(data) => data.len(),
        // A folder that is not there, because its disk is not, says nothing about its lists.
        Err(error) if error.kind() == io::ErrorKind::NotFound && folder.is_dir() => {
            return Ok(Answer::Missing);
        }
        Err(error) => return Err(fail(error)),
    };
    if size > MAX_LIST_BYTES {
        return Err(fail(io::Error::other("it is larger than 16 MiB")));
    }
    let bytes = std::fs::read(path).map_err(fail)?;
    let from = Url::from_file_path(path)
        .map_err(|()| fail(io::Error::other("its path is not absolute")))?;
    Ok(Answer::Body {
        bytes,
        validators: Validators::default(),
        from,
    })
}

/// Without a password, for people.
fn masked(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() || !url.username().is_empty() {
        let _ = url.set_username("***");
        let _ = url.set_password(None);
    }
    url.to_string()
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(url) => f.write_str(&masked(url)),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_a_folder() {
        let check = |text: &str, expected: &str| {
            assert_eq!(Location::parse(text).unwrap().to_string(), expected);
        };
        check("https://x.example/store", "https://x.example/store/");
        check("https://x.example/store/?a#b", "https://x.example/store/");
        check("http://me:secret@10.0.0.5/s", "http://***@10.0.0.5/s/");
        if cfg!(unix) {
            check("/srv/store", "/srv/store");
            check("file:///srv/a%20b", "/srv/a b");
        }
        for wrong in [
            "",
            "store",
            "../store",
            "ftp://x/",
            "http://",
            "javascript://x",
        ] {
            assert!(Location::parse(wrong).is_err(), "{wrong}");
        }
    }
}
