//! The keys of repositories: in a file of their own that only the user can read. They go in and are
//! used; nothing shows them again.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::error::RepositoryError;

/// What an S3 repository is opened with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessKey {
    /// Its id, which the server knows.
    pub access_key_id: String,
    /// The secret.
    pub secret_access_key: String,
}

/// It must not stand in a log.
impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(***)")
    }
}

impl AccessKey {
    /// Takes both parts.
    ///
    /// # Errors
    /// Codes 104 and 105.
    pub fn new(id: &str, secret: &str) -> Result<Self, RepositoryError> {
        let missing = |reason, code| Err(RepositoryError::Credential { reason, code });
        let (id, secret) = (id.trim(), secret.trim());
        if id.is_empty() {
            return missing("it has no access key id", 104);
        }
        if secret.is_empty() {
            return missing("it has no secret access key", 105);
        }
        if [id, secret]
            .iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return missing("it holds control characters", 103);
        }
        Ok(Self {
            access_key_id: id.to_owned(),
            secret_access_key: secret.to_owned(),
        })
    }

    /// Reads OpenPitrix's `{"access_key_id": …, "secret_access_key": …}`; none for `{}` and nothing.
    ///
    /// # Errors
    /// Codes 103, 104 and 105.
    pub fn parse(text: &str) -> Result<Option<Self>, RepositoryError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Written {
            access_key_id: String,
            secret_access_key: String,
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        let written: Written =
            serde_json::from_str(text).map_err(|_| RepositoryError::Credential {
                reason: "it is not written as JSON; write {\"access_key_id\": …, \"secret_access_key\": …}",
                code: 103,
            })?;
        if written.access_key_id.is_empty() && written.secret_access_key.is_empty() {
            return Ok(None);
        }
        Self::new(&written.access_key_id, &written.secret_access_key).map(Some)
    }
}

/// What is kept secret of one repository.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Secret {
    /// For S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<AccessKey>,
    /// User and password, for http and https.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<(String, String)>,
}

/// The file.
#[derive(Clone)]
pub(super) struct Credentials {
    path: PathBuf,
    /// One change at a time.
    turn: Arc<Mutex<()>>,
}

impl Credentials {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            turn: Arc::default(),
        }
    }

    /// What is kept of a repository. Read anew each time: another process may have written it.
    /// Blocks.
    pub(super) fn get(&self, id: &str) -> Result<Secret, RepositoryError> {
        Ok(self.load()?.remove(id).unwrap_or_default())
    }

    /// Keeps it, or forgets it when it is empty. Blocks.
    pub(super) fn set(&self, id: &str, secret: Secret) -> Result<(), RepositoryError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = self.load()?;
        if secret == Secret::default() {
            if all.remove(id).is_none() {
                return Ok(());
            }
        } else {
            all.insert(id.to_owned(), secret);
        }
        self.save(&all).map_err(|source| self.failed(source))
    }

    fn load(&self) -> Result<BTreeMap<String, Secret>, RepositoryError> {
        let text = match std::fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(self.failed(error)),
        };
        // What the reader says of the text would show the text.
        serde_json::from_slice(&text).map_err(|_| {
            let reason = "it is damaged; remove it and set the keys of the repositories again";
            self.failed(io::Error::other(reason))
        })
    }

    /// A new file of `tempfile` can be read by the user alone, and so it stays.
    fn save(&self, all: &BTreeMap<String, Secret>) -> io::Result<()> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new()
            .prefix(".storekeeper-")
            .tempfile_in(dir)?;
        file.write_all(&serde_json::to_vec_pretty(all).map_err(io::Error::other)?)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> RepositoryError {
        RepositoryError::File {
            path: self.path.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_complete_or_refused_with_its_code() {
        let code = |text: &str| AccessKey::parse(text).map_or_else(|error| error.code(), |_| 0);
        assert_eq!(code("not json"), 103);
        assert_eq!(code(r#"{"secret_access_key": "s"}"#), 104);
        assert_eq!(code(r#"{"access_key_id": "a"}"#), 105);
        assert_eq!(
            code(r#"{"access_key_id": "a", "secret_access_key": "s"}"#),
            0
        );
        assert_eq!(AccessKey::parse("{}").unwrap(), None);
        let key = AccessKey::new("a", "secret").unwrap();
        assert!(!format!("{key:?}").contains("secret"));
    }

    #[test]
    fn keys_are_kept_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = Credentials::new(&dir.path().join("keys.json"));
        let secret = Secret {
            key: Some(AccessKey::new("a", "s").unwrap()),
            user: None,
        };
        assert!(credentials.get("repo-1").unwrap() == Secret::default());
        credentials.set("repo-1", secret.clone()).unwrap();
        assert!(credentials.get("repo-1").unwrap() == secret);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let data = std::fs::metadata(dir.path().join("keys.json")).unwrap();
            assert_eq!(data.permissions().mode() & 0o777, 0o600);
        }
        credentials.set("repo-1", Secret::default()).unwrap();
        assert!(credentials.get("repo-1").unwrap() == Secret::default());
    }
}
