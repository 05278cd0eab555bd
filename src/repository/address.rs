//! Where a repository is, as OpenPitrix writes it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::Url;

use super::error::RepositoryError;

/// What a repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A bucket, read and written by the S3 protocol.
    S3,
    /// A web server, only read.
    Http,
    /// Likewise, encrypted.
    Https,
    /// A folder of this computer, read and written.
    Directory,
}

impl Kind {
    /// As OpenPitrix writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Http => "http",
            Self::Https => "https",
            Self::Directory => "directory",
        }
    }

    /// Reads what [`Kind::as_str`] writes.
    ///
    /// # Errors
    /// Code 111.
    pub fn parse(word: &str) -> Result<Self, RepositoryError> {
        match word {
            "s3" => Ok(Self::S3),
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            "directory" | "dir" | "folder" | "file" => Ok(Self::Directory),
            other => Err(RepositoryError::Address {
                address: other.escape_debug().take(80).collect(),
                reason: "a repository's type is s3, http, https or directory".to_owned(),
                code: 111,
            }),
        }
    }
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// In a bucket.
    S3(Bucket),
    /// On a web server, at this address, which ends with `/` and has no user.
    Web(Url),
    /// In a folder, which is absolute.
    Folder(PathBuf),
}

/// A bucket, or what lies in it below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The server.
    pub endpoint: Url,
    /// The region that requests are signed for.
    pub region: String,
    /// Its name.
    pub name: String,
    /// Empty, or parts of a path without `/` at its ends.
    pub prefix: String,
    /// As it was written.
    text: String,
}

/// The user and password of an address, if it has any.
pub(super) type User = Option<(String, String)>;

impl Address {
    /// Reads an address, or the path of a folder. `kind` is what the user says it is.
    ///
    /// # Errors
    /// [`RepositoryError::Address`] with the codes 107, 108, 110, 111 and 114.
    pub(super) fn parse(text: &str, kind: Option<Kind>) -> Result<(Self, User), RepositoryError> {
        let text = text.trim();
        let wrong = |reason: &str, code| RepositoryError::Address {
            address: masked(text),
            reason: reason.to_owned(),
            code,
        };
        let Some((scheme, _)) = text.split_once("://") else {
            if !Path::new(text).is_absolute() {
                let reason = "it is neither an address (s3://…, https://…, http://…) nor the absolute path of a folder";
                return Err(wrong(reason, 107));
            }
            return match kind {
                None | Some(Kind::Directory) => Ok((Self::Folder(tidy(Path::new(text))), None)),
                Some(kind) => Err(wrong("it is the path of a folder", mismatch(kind))),
            };
        };
        let url = Url::parse(text).map_err(|error| wrong(&error.to_string(), 107))?;
        let found = match scheme.to_ascii_lowercase().as_str() {
            "s3" => Kind::S3,
            "http" => Kind::Http,
            "https" => Kind::Https,
            "file" => Kind::Directory,
            other => {
                let reason = format!(
                    "`{other}` is not read from; a repository is at s3://…, https://…, http://… or in a folder"
                );
                return Err(wrong(&reason, 111));
            }
        };
        if let Some(kind) = kind.filter(|kind| *kind != found) {
            let reason = format!("it should be of the type {}", kind.as_str());
            return Err(wrong(&reason, mismatch(kind)));
        }
        match found {
            Kind::S3 => Bucket::of(&url).map(|bucket| (Self::S3(bucket), None)),
            Kind::Http | Kind::Https => Ok(web(url)),
            Kind::Directory => {
                let path = url.to_file_path();
                let path = path.map_err(|()| wrong("it names no folder of this computer", 107))?;
                Ok((Self::Folder(tidy(&path)), None))
            }
        }
    }

    /// What kind of repository is there.
    pub fn kind(&self) -> Kind {
        match self {
            Self::S3(_) => Kind::S3,
            Self::Web(url) if url.scheme() == "https" => Kind::Https,
            Self::Web(_) => Kind::Http,
            Self::Folder(_) => Kind::Directory,
        }
    }

    /// The code of a repository of this kind that cannot be read.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::S3(_) => 106,
            Self::Web(_) => 109,
            Self::Folder(_) => 901,
        }
    }
}

/// One folder has one path: without what adds nothing to it.
fn tidy(path: &Path) -> PathBuf {
    path.components().collect()
}

fn mismatch(kind: Kind) -> u16 {
    match kind {
        Kind::S3 => 114,
        Kind::Http => 108,
        Kind::Https => 110,
        Kind::Directory => 107,
    }
}

fn web(mut url: Url) -> (Address, User) {
    let user = match (url.username(), url.password()) {
        ("", None) => None,
        (name, password) => Some((decoded(name), decoded(password.unwrap_or_default()))),
    };
    // An http address always takes them.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    // Somebody gives the address of the index itself.
    if let Some(folder) = url.path().strip_suffix("/index.yaml") {
        let folder = format!("{folder}/");
        url.set_path(&folder);
    }
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    (Address::Web(url), user)
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

impl Bucket {
    /// `s3://s3.<region>.<host>/<bucket>[/<prefix>]` is reached by https; any other host, as that of
    /// a server of one's own, by http.
    fn of(url: &Url) -> Result<Self, RepositoryError> {
        let text = url.to_string();
        let wrong = |reason: &str| RepositoryError::Address {
            address: masked(&text),
            reason: reason.to_owned(),
            code: 107,
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("give the access key apart from the address"));
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| wrong("it names no server"))?;
        // Only of known schemes the host is in small letters already.
        let host = &host.to_ascii_lowercase();
        let mut parts = url.path().split('/').filter(|part| !part.is_empty());
        let name = parts.next().ok_or_else(|| {
            wrong("it names no bucket; write s3://s3.<region>.<host>/<bucket> or s3://<host>:<port>/<bucket>")
        })?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !name.chars().all(allowed) || name.starts_with('.') {
            return Err(wrong("its bucket has a name that no bucket has"));
        }
        let prefix: Vec<&str> = parts.collect();
        if prefix.iter().any(|part| {
            matches!(*part, "." | "..") || !part.chars().all(|c| allowed(c) || c == '+')
        }) {
            return Err(wrong(
                "the parts of its path have letters, digits, `.`, `-` and `_` only",
            ));
        }
        let labels: Vec<&str> = host.split('.').collect();
        let (scheme, region) = match labels.as_slice() {
            ["s3", "amazonaws", "com"] => ("https", "us-east-1"),
            ["s3", region, _, ..] => ("https", *region),
            _ => ("http", "us-east-1"),
        };
        let port = url
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let endpoint = Url::parse(&format!("{scheme}://{host}{port}/"));
        Ok(Self {
            endpoint: endpoint.map_err(|error| wrong(&error.to_string()))?,
            region: region.to_owned(),
            name: name.to_owned(),
            prefix: prefix.join("/"),
            text: format!(
                "s3://{host}{port}/{}",
                std::iter::once(name)
                    .chain(prefix)
                    .collect::<Vec<_>>()
                    .join("/")
            ),
        })
    }

    /// The key of a file of this repository.
    pub(super) fn key(&self, file: &str) -> String {
        if self.prefix.is_empty() {
            file.to_owned()
        } else {
            format!("{}/{file}", self.prefix)
        }
    }
}

/// An address for people: without a user and without a query.
fn masked(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.has_host() => {
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.to_string()
        }
        Ok(_) | Err(_) => {
            // Whatever stands before an @ may be a password.
            let shown = text.rsplit('@').next().unwrap_or(text);
            shown.escape_debug().take(200).collect()
        }
    }
}

/// The address of a package: a relative one begins at the repository, and the repository's user
/// is taken along to the same server only.
///
/// # Errors
/// Why it is no address to fetch from.
pub(crate) fn resolve(base: &Url, link: &str) -> Result<Url, String> {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let link = link.trim();
    let shown = || link.escape_debug().take(200).collect::<String>();
    let mut url = base
        .join(link)
        .map_err(|error| format!("`{}` is no address: {error}", shown()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "`{}`: `{}` is no scheme to download by",
            shown(),
            url.scheme()
        ));
    }
    let is_same =
        url.host() == base.host() && url.port_or_known_default() == base.port_or_known_default();
    if is_same && url.username().is_empty() && url.password().is_none() {
        let _ = url.set_username(base.username());
        let _ = url.set_password(base.password());
    }
    Ok(url)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::S3(bucket) => f.write_str(&bucket.text),
            Self::Web(url) => url.fmt(f),
            Self::Folder(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, kind: Option<&str>) -> u16 {
        let kind = match kind.map(Kind::parse) {
            Some(Err(error)) => return error.code(),
            Some(Ok(kind)) => Some(kind),
            None => None,
        };
        Address::parse(text, kind).map_or_else(|error| error.code(), |_| 0)
    }

    #[test]
    fn an_address_has_the_type_that_is_said() {
        assert_eq!(code("https://x.example/r", Some("http")), 108);
        assert_eq!(code("http://x.example/r", Some("https")), 110);
        assert_eq!(code("http://x.example/r", Some("s3")), 114);
        assert_eq!(code("http://x.example/r", Some("ftp")), 111);
        assert_eq!(code("http://x.example/r", Some("http")), 0);
        assert_eq!(code("s3://minio:9000/b", Some("s3")), 0);
        for wrong in [
            "",
            ":::///",
            "store",
            "http://",
            "s3://host",
            "s3://host/..b/",
        ] {
            assert_eq!(code(wrong, None), 107, "{wrong}");
        }
        assert_eq!(code("other://x/y", None), 111);
    }

    #[test]
    fn one_place_has_one_address() {
        for (one, other) in [
            ("/srv/r", "/srv//r/./"),
            ("/srv/r", "file:///srv/r/"),
            ("s3://minio:9000/b/p", "s3://MinIO:9000//b/p/"),
            ("http://x.example/r", "HTTP://X.example:80/r/index.yaml"),
        ] {
            let shown = |text: &str| Address::parse(text, None).unwrap().0.to_string();
            assert_eq!(shown(one), shown(other));
        }
    }

    #[test]
    fn a_bucket_is_found_in_its_address() {
        let check = |text: &str, endpoint: &str, region: &str, name: &str, prefix: &str| {
            let (Address::S3(bucket), _) = Address::parse(text, None).unwrap() else {
                panic!("{text}");
            };
            assert_eq!(bucket.endpoint.as_str(), endpoint);
            assert_eq!(
                (
                    bucket.region.as_str(),
                    bucket.name.as_str(),
                    bucket.prefix.as_str()
                ),
                (region, name, prefix)
            );
        };
        check(
            "s3://s3.sh1a.qingstor.com/my-openpitrix",
            "https://s3.sh1a.qingstor.com/",
            "sh1a",
            "my-openpitrix",
            "",
        );
        check(
            "s3://minio:9000/bucket_name/prefix/long/name/",
            "http://minio:9000/",
            "us-east-1",
            "bucket_name",
            "prefix/long/name",
        );
        check(
            "s3://s3.us-east-2.amazonaws.com/bucket_name/prefix",
            "https://s3.us-east-2.amazonaws.com/",
            "us-east-2",
            "bucket_name",
            "prefix",
        );
    }

    #[test]
    fn a_password_is_taken_off_and_never_shown() {
        let (address, user) = Address::parse("http://me:p%40ss@x.example/r", None).unwrap();
        assert_eq!(address.to_string(), "http://x.example/r/");
        assert_eq!(user, Some(("me".to_owned(), "p@ss".to_owned())));
        for wrong in ["ftp://me:secret@x/", "me:secret@x", "s3://me:secret@x/b"] {
            let error = Address::parse(wrong, None).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn links_are_joined_as_openpitrix_joins_them() {
        let check = |base: &str, link: &str, expected: &str| {
            let joined = resolve(&Url::parse(base).unwrap(), link).unwrap();
            assert_eq!(joined.as_str(), expected, "{base} {link}");
        };
        let root = "http://x.example";
        check(root, "a.tgz", "http://x.example/a.tgz");
        check("http://x.example/", "a.tgz", "http://x.example/a.tgz");
        check(
            "http://x.example/sub",
            "a.tgz",
            "http://x.example/sub/a.tgz",
        );
        check(
            "http://x.example/sub/",
            "a.tgz",
            "http://x.example/sub/a.tgz",
        );
        check(
            "http://x.example/sub",
            "n/a.tgz",
            "http://x.example/sub/n/a.tgz",
        );
        check("http://x.example/sub", "../a.tgz", "http://x.example/a.tgz");
        check(
            "http://x.example/s/t/",
            "../a.tgz",
            "http://x.example/s/a.tgz",
        );
        check(
            "http://x.example/sub",
            "./a.tgz",
            "http://x.example/sub/a.tgz",
        );
        check("http://x.example/sub", "/a.tgz", "http://x.example/a.tgz");
        check(root, "https://y.example/a.tgz", "https://y.example/a.tgz");
        let user = "http://me:pw@x.example/sub";
        check(user, "a.tgz", "http://me:pw@x.example/sub/a.tgz");
        check(
            user,
            "http://x.example/a.tgz",
            "http://me:pw@x.example/a.tgz",
        );
        check(user, "http://y.example/a.tgz", "http://y.example/a.tgz");
        check(
            user,
            "http://u:v@x.example/a.tgz",
            "http://u:v@x.example/a.tgz",
        );
        assert!(resolve(&Url::parse(root).unwrap(), "file:///etc/passwd").is_err());
    }
}
