//! `amps-config.yaml`: a package server's settings beside its packages, in the original's form.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::yaml::{self, Content, Node, Value};

/// The file, in the data folder.
pub const FILE: &str = "amps-config.yaml";

/// Where the original listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "localhost:8020";

/// The project of those who named none.
pub const DEFAULT_PROJECT: &str = "PROJECT";

/// Larger files are mistakes.
const MAX_BYTES: u64 = 1 << 20;

const FORMAT_TYPE: &str = "amps-configuration";

const ADDRESS: &str = "listenAddress";
const PROJECT: &str = "projectId";
const STORE_CERTIFICATE: &str = "storeSignCertificate";
const STORE_PASSWORD: &str = "storeSignPassword";
const DEVELOPER_CERTIFICATES: &str = "developerVerificationCaCertificates";

/// What can be set, where it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen.
    pub listen_address: Option<String>,
    /// Which project's clients are answered.
    pub project_id: Option<String>,
    /// PKCS#12 file by which downloads are signed.
    pub store_sign_certificate: Option<PathBuf>,
    /// Its password.
    pub store_sign_password: Option<String>,
    /// PEM files by which uploads are checked.
    pub developer_certificates: Vec<PathBuf>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It says something that cannot be.
    #[error("Failed to parse config file {FILE}: {0}")]
    Parse(String),
    /// It cannot be read or written.
    #[error("the config file {path} cannot be used: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Settings {
    /// Those of a data folder; none where there is no file. Blocks.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn load(folder: &Path) -> Result<Option<Self>, SettingsError> {
        let path = folder.join(FILE);
        let fail = |source| SettingsError::File {
            path: path.display().to_string(),
            source,
        };
        let text = match fs::metadata(&path) {
            Ok(metadata) if metadata.len() > MAX_BYTES => {
                return Err(SettingsError::Parse("it is larger than 1 MiB".to_owned()));
            }
            Ok(_) => fs::read(&path).map_err(fail)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(fail(error)),
        };
        Self::parse(&text).map(Some).map_err(SettingsError::Parse)
    }

    fn parse(text: &[u8]) -> Result<Self, String> {
        let documents = yaml::read(text).map_err(|error| error.to_string())?;
        let mut documents = documents.iter();
        check_header(documents.next())?;
        let body = documents
            .next()
            .ok_or("the second document is missing; write `---` and the settings behind it")?;
        let mut settings = Self::default();
        for (key, value) in map_of(body)? {
            let name = key.text().unwrap_or_default();
            match name {
                ADDRESS => settings.listen_address = Some(filled(name, value)?),
                PROJECT => settings.project_id = Some(filled(name, value)?),
                STORE_CERTIFICATE => {
                    settings.store_sign_certificate = Some(text_of(name, value)?.into());
                }
                STORE_PASSWORD => settings.store_sign_password = Some(text_of(name, value)?),
                DEVELOPER_CERTIFICATES => {
                    settings.developer_certificates = texts_of(name, value)?
                        .into_iter()
                        .map(PathBuf::from)
                        .collect();
                }
                _ => {
                    return Err(format!(
                        "line {}: there is no setting `{}`; there are {ADDRESS}, {PROJECT}, {STORE_CERTIFICATE}, {STORE_PASSWORD} and {DEVELOPER_CERTIFICATES}",
                        key.line,
                        name.escape_debug()
                    ));
                }
            }
        }
        Ok(settings)
    }

    /// These settings, where `above` does not say otherwise.
    #[must_use]
    pub fn overlaid_by(self, above: Self) -> Self {
        Self {
            listen_address: above.listen_address.or(self.listen_address),
            project_id: above.project_id.or(self.project_id),
            store_sign_certificate: above.store_sign_certificate.or(self.store_sign_certificate),
            store_sign_password: above.store_sign_password.or(self.store_sign_password),
            developer_certificates: if above.developer_certificates.is_empty() {
                self.developer_certificates
            } else {
                above.developer_certificates
            },
        }
    }

    /// Writes what differs from the defaults into a data folder. Blocks.
    ///
    /// # Errors
    /// [`SettingsError::File`].
    pub fn save(&self, folder: &Path) -> Result<(), SettingsError> {
        let path = folder.join(FILE);
        let save = || -> io::Result<()> {
            crate::library::save(&path, self.text().as_bytes())?;
            if self.store_sign_password.is_some() {
                crate::platform::set_private_mode(&fs::File::open(&path)?)?;
            }
            Ok(())
        };
        save().map_err(|source| SettingsError::File {
            path: path.display().to_string(),
            source,
        })
    }

    fn text(&self) -> String {
        let text = |text: &str| Value::Text(text.to_owned());
        let path = |path: &PathBuf| text(&path.to_string_lossy());
        let unless = |value: &Option<String>, default: &str| {
            let value = value.as_ref().filter(|value| *value != default);
            value.map(|value| text(value))
        };
        let certificates = &self.developer_certificates;
        let certificates = (!certificates.is_empty())
            .then(|| Value::List(certificates.iter().map(path).collect()));
        let body = [
            (ADDRESS, unless(&self.listen_address, DEFAULT_ADDRESS)),
            (PROJECT, unless(&self.project_id, DEFAULT_PROJECT)),
            (
                STORE_CERTIFICATE,
                self.store_sign_certificate.as_ref().map(path),
            ),
            (STORE_PASSWORD, unless(&self.store_sign_password, "")),
            (DEVELOPER_CERTIFICATES, certificates),
        ];
        let body = body
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        let header = [
            ("formatType".to_owned(), text(FORMAT_TYPE)),
            ("formatVersion".to_owned(), Value::Int(1)),
        ];
        yaml::write(&[
            Value::Map(header.into_iter().collect()),
            Value::Map(body.collect()),
        ])
    }
}

fn check_header(header: Option<&Node>) -> Result<(), String> {
    let wrong = || {
        format!("it does not begin with `formatType: {FORMAT_TYPE}` and `formatVersion: 1` alone")
    };
    let (mut has_type, mut has_version) = (false, false);
    for (key, value) in map_of(header.ok_or_else(wrong)?).map_err(|_| wrong())? {
        match (key.text(), value.text()) {
            (Some("formatType"), Some(FORMAT_TYPE)) => has_type = true,
            (Some("formatVersion"), Some("1")) => has_version = true,
            _ => return Err(wrong()),
        }
    }
    if has_type && has_version {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// A map; a document without anything is an empty one.
fn map_of(node: &Node) -> Result<&[(Node, Node)], String> {
    match &node.content {
        Content::Map(entries) => Ok(entries),
        Content::Scalar { text, plain: true } if text.is_empty() => Ok(&[]),
        Content::Scalar { .. } | Content::List(_) => Err(format!(
            "line {}: settings are written as `name: value`",
            node.line
        )),
    }
}

fn text_of(name: &str, value: &Node) -> Result<String, String> {
    let text = value.text().map(str::to_owned);
    text.ok_or_else(|| format!("line {}: `{name}` is a text", value.line))
}

fn filled(name: &str, value: &Node) -> Result<String, String> {
    let text = text_of(name, value)?;
    if text.is_empty() {
        return Err(format!("line {}: `{name}` may not be empty", value.line));
    }
    Ok(text)
}

fn texts_of(name: &str, value: &Node) -> Result<Vec<String>, String> {
    match &value.content {
        Content::Scalar { .. } => Ok(vec![text_of(name, value)?]),
        Content::List(values) => values.iter().map(|value| text_of(name, value)).collect(),
        Content::Map(_) => Err(format!(
            "line {}: `{name}` is a text or a list of texts",
            value.line
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "%YAML 1.1\n---\nformatType: amps-configuration\nformatVersion: 1\n---\n";

    fn parse(body: &str) -> Result<Settings, String> {
        Settings::parse(format!("{HEADER}{body}").as_bytes())
    }

    #[test]
    fn settings_are_taken_as_they_are_written() {
        let settings = parse("listenAddress: 'any:7070'\nprojectId: 5\n").unwrap();
        assert_eq!(settings.listen_address.as_deref(), Some("any:7070"));
        assert_eq!(settings.project_id.as_deref(), Some("5"));
        assert_eq!(parse("").unwrap(), Settings::default());
        let one = parse("developerVerificationCaCertificates: a.pem\n").unwrap();
        assert_eq!(one.developer_certificates, [PathBuf::from("a.pem")]);
        let two = parse("developerVerificationCaCertificates: [a.pem, b.pem]\n").unwrap();
        assert_eq!(two.developer_certificates.len(), 2);
    }

    #[test]
    fn mistakes_are_errors() {
        for body in [
            "port: 5\n",
            "projectId: a\nprojectId: b\n",
            "projectId: ''\n",
            "listenAddress: ''\n",
            "projectId: [a]\n",
            "- a\n",
            "text\n",
        ] {
            assert!(parse(body).is_err(), "{body}");
        }
        for text in [
            "",
            "---\nformatType: amps-configuration\nformatVersion: 1\n",
            "---\nformatType: am-package\nformatVersion: 1\n---\n",
            "---\nformatType: amps-configuration\nformatVersion: 2\n---\n",
            "---\nformatType: amps-configuration\nformatVersion: 1\nmore: 1\n---\n",
            "---\nformatType: amps-configuration\n---\n",
        ] {
            assert!(Settings::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let settings = Settings {
            listen_address: Some("any:7070".to_owned()),
            project_id: Some("it's".to_owned()),
            store_sign_certificate: Some("store.p12".into()),
            store_sign_password: Some("a: b".to_owned()),
            developer_certificates: vec!["a.pem".into(), "b.pem".into()],
        };
        let text = settings.text();
        assert!(text.starts_with("%YAML 1.1\n---\n"), "{text}");
        assert_eq!(Settings::parse(text.as_bytes()).unwrap(), settings);
        let defaults = Settings {
            listen_address: Some(DEFAULT_ADDRESS.to_owned()),
            project_id: Some(DEFAULT_PROJECT.to_owned()),
            ..Settings::default()
        };
        let text = defaults.text();
        assert_eq!(
            Settings::parse(text.as_bytes()).unwrap(),
            Settings::default()
        );
    }
}
