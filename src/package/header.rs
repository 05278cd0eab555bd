//! The header and the footers of a package.

use super::yaml::{self, Node, Value, YamlError};
use crate::app::Sha256;

/// Characters that a package's id must not have, because no file name may have all of them.
const NOT_IN_IDS: &str = "<>:\"/\\|?*";

/// Characters of an id.
const MAX_ID_CHARACTERS: usize = 150;

/// The most of a header, and of all footers together.
pub(super) const MAX_HEADER_BYTES: u64 = 256 << 10;

/// What a package says of itself before its files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    /// 1 or 2.
    pub(super) version: i64,
    pub(super) id: String,
    /// Bytes that it needs when it is installed; more than 0.
    pub(super) disk_space: u64,
    pub(super) extra: Option<Value>,
    pub(super) extra_signed: Option<Value>,
}

/// What a package says of itself behind its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Footer {
    pub(super) digest: Sha256,
    /// In base64.
    pub(super) developer_signature: Option<String>,
    /// In base64.
    pub(super) store_signature: Option<String>,
}

/// Whether a text is a package's id.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARACTERS).contains(&text.len())
        && text.bytes().all(|byte| (0x20..=0x7f).contains(&byte))
        && !text.contains(|character| NOT_IN_IDS.contains(character))
        && text.bytes().any(|byte| byte != b' ')
}

/// What is said of an id that is none.
pub(super) fn not_an_id(text: &str) -> String {
    let shown: String = text.escape_debug().take(60).collect();
    format!(
        "`{shown}` is no id: 1 to {MAX_ID_CHARACTERS} characters of ASCII, none of {NOT_IN_IDS}"
    )
}

/// Checks the first document of a file: what it is, and in which of the known versions.
pub(super) fn format<'a>(
    documents: &'a [Node],
    known: &[(&'static str, &[i64])],
) -> Result<(&'static str, i64, &'a [Node]), YamlError> {
    let wanted = known.first().map_or("", |(name, _)| name);
    let Some((first, rest)) = documents.split_first() else {
        return Err(YamlError {
            line: 1,
            reason: format!("it is empty; `formatType: {wanted}` was expected"),
        });
    };
    let (mut kind, mut version) = (None, None);
    for (key, value) in first.entries().unwrap_or_default() {
        match key.text() {
            Some("formatType") => kind = value.text(),
            Some("formatVersion") => version = value.text(),
            _ => return Err(key.error("only formatType and formatVersion may stand here")),
        }
    }
    let version: Option<i64> = version.and_then(|version| version.parse().ok());
    for (name, versions) in known {
        if kind == Some(*name)
            && let Some(version) = version
            && versions.contains(&version)
        {
            return Ok((name, version, rest));
        }
    }
    Err(first.error(format!(
        "`formatType: {wanted}` and a `formatVersion` that is known were expected"
    )))
}

impl Header {
    pub(super) fn read(text: &[u8]) -> Result<Self, YamlError> {
        let documents = yaml::read(text)?;
        let (_, version, rest) = format(&documents, &[("am-package-header", &[2, 1])])?;
        let Some((data, entries)) = rest.first().and_then(|data| Some((data, data.entries()?)))
        else {
            return Err(YamlError {
                line: 1,
                reason: "the second document, a map, is missing".to_owned(),
            });
        };
        let id_key = if version == 1 {
            "applicationId"
        } else {
            "packageId"
        };
        let (mut id, mut disk_space, mut extra, mut extra_signed) = (None, None, None, None);
        let map = |value: &Node| match value.value()? {
            value @ Value::Map(_) => Ok(value),
            _ => Err(value.error("a map was expected")),
        };
        for (key, value) in entries {
            match key.text() {
                Some(key) if key == id_key => id = value.text().map(|id| (value, id)),
                Some("diskSpaceUsed") => {
                    let number = value.text().and_then(|text| text.parse().ok());
                    let number = number.or(match value.value()? {
                        Value::Int(number) => u64::try_from(number).ok(),
                        Value::Unsigned(number) => Some(number),
                        _ => None,
                    });
                    let number = number.filter(|number| *number > 0);
                    let reason = "diskSpaceUsed is not a number greater than 0";
                    disk_space = Some(number.ok_or_else(|| value.error(reason))?);
                }
                Some("extra") => extra = Some(map(value)?),
                Some("extraSigned") => extra_signed = Some(map(value)?),
                _ => {}
            }
        }
        let missing = |key| data.error(format!("`{key}` is missing"));
        let (node, id) = id.ok_or_else(|| missing(id_key))?;
        if !is_id(id) {
            return Err(node.error(not_an_id(id)));
        }
        Ok(Self {
            version,
            id: id.to_owned(),
            disk_space: disk_space.ok_or_else(|| missing("diskSpaceUsed"))?,
            extra,
            extra_signed,
        })
    }

    /// As text, always in version 2.
    pub(super) fn written(&self) -> String {
        let mut data = vec![
            ("packageId", Value::Text(self.id.clone())),
            (
                "diskSpaceUsed",
                i64::try_from(self.disk_space).map_or(Value::Unsigned(self.disk_space), Value::Int),
            ),
        ];
        data.extend(self.extra.clone().map(|extra| ("extra", extra)));
        let signed = self.extra_signed.clone();
        data.extend(signed.map(|extra| ("extraSigned", extra)));
        yaml::write(&[
            format_document("am-package-header"),
            data.into_iter().collect(),
        ])
    }
}

fn format_document(kind: &str) -> Value {
    [
        ("formatType", Value::from(kind)),
        ("formatVersion", Value::Int(2)),
    ]
    .into_iter()
    .collect()
}

impl Footer {
    /// Reads the texts of all footers, one behind another. What comes later wins.
    pub(super) fn read(text: &[u8]) -> Result<Self, YamlError> {
        let documents = yaml::read(text)?;
        let (_, _, rest) = format(&documents, &[("am-package-footer", &[2, 1])])?;
        let (mut digest, mut developer_signature, mut store_signature) = (None, None, None);
        for document in rest {
            if document.is_null() {
                continue;
            }
            let Some(entries) = document.entries() else {
                return Err(document.error("a map was expected"));
            };
            for (key, value) in entries {
                let text = || {
                    let text = value.text().map(str::to_owned);
                    text.ok_or_else(|| value.error("a text was expected"))
                };
                match key.text() {
                    Some("digest") => digest = Some((value, text()?)),
                    Some("developerSignature") => developer_signature = Some(text()?),
                    Some("storeSignature") => store_signature = Some(text()?),
                    _ => {}
                }
            }
        }
        let Some((node, digest)) = digest else {
            return Err(YamlError {
                line: 1,
                reason: "`digest` is missing".to_owned(),
            });
        };
        Ok(Self {
            digest: digest
                .parse()
                .map_err(|_| node.error("the digest is not 64 hexadecimal digits"))?,
            developer_signature,
            store_signature,
        })
    }

    /// The texts of the footers, as the original writes them: one for each field.
    pub(super) fn written(&self) -> Vec<String> {
        let field =
            |key: &str, value: &str| -> Value { [(key, Value::from(value))].into_iter().collect() };
        let digest = self.digest.to_string();
        let mut texts = vec![yaml::write(&[
            format_document("am-package-footer"),
            field("digest", &digest),
        ])];
        let signatures = [
            ("developerSignature", &self.developer_signature),
            ("storeSignature", &self.store_signature),
        ];
        for (key, signature) in signatures {
            texts.extend(
                signature
                    .iter()
                    .map(|text| yaml::write(&[field(key, text)])),
            );
        }
        texts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_the_original_takes_for_some() {
        let long = "x".repeat(150);
        for id in [
            "Test",
            "t",
            "ABCXYZabcxyz0189 ,.';[]{}!#$%^&()-_=+@",
            "..",
            "a\u{7f}",
            &long,
        ] {
            assert!(is_id(id), "{id}");
        }
        let too_long = "x".repeat(151);
        for id in [
            "", " ", "   ", "a<", "a>", "a:", "a\"", "a/", "a\\", "a|", "a?", "a*", "a\t", "ä",
            "\u{80}", &too_long,
        ] {
            assert!(!is_id(id), "{id}");
        }
    }

    const FORMAT: &str = "formatType: am-package-header\nformatVersion: 2\n---\n";

    fn refused(text: &str) -> String {
        Header::read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_header_is_read_in_both_versions() {
        let text = format!(
            "{FORMAT}packageId: 'a'\ndiskSpaceUsed: 0x10\nother: [1]\nextra: {{a: 1}}\nextraSigned: {{}}\n"
        );
        let header = Header::read(text.as_bytes()).unwrap();
        assert_eq!((header.id.as_str(), header.disk_space), ("a", 16));
        assert!(header.extra.is_some());
        assert_eq!(header.extra_signed, Some(Value::Map([].into())));
        assert_eq!(Header::read(header.written().as_bytes()).unwrap(), header);
        let text = "formatType: am-package-header\nformatVersion: 1\n---\napplicationId: a\ndiskSpaceUsed: 1\n";
        let header = Header::read(text.as_bytes()).unwrap();
        assert_eq!(header.version, 1);
        let written = Header {
            version: 2,
            ..header
        };
        assert_eq!(Header::read(written.written().as_bytes()).unwrap(), written);
    }

    #[test]
    fn what_a_header_must_have_is_told() {
        for (data, reason) in [
            ("diskSpaceUsed: 1", "line 4: `packageId` is missing"),
            ("packageId: a", "line 4: `diskSpaceUsed` is missing"),
            (
                "packageId: a\ndiskSpaceUsed: 0",
                "line 5: diskSpaceUsed is not a number greater than 0",
            ),
            (
                "packageId: a\ndiskSpaceUsed: -1",
                "line 5: diskSpaceUsed is not a number greater than 0",
            ),
            (
                "packageId: a\ndiskSpaceUsed: 1\nextraSigned: 1",
                "line 6: a map was expected",
            ),
            (
                "packageId: a\ndiskSpaceUsed: 1\nextraSigned: {no: 1}",
                "line 6: a key is not a text; put it in quotes",
            ),
            ("", "line 1: the second document, a map, is missing"),
        ] {
            assert_eq!(refused(&format!("{FORMAT}{data}\n")), reason);
        }
        assert!(
            refused(&format!("{FORMAT}packageId: ':x'\ndiskSpaceUsed: 1\n")).contains("is no id")
        );
        assert!(refused("").contains("it is empty"));
        assert!(
            refused("formatType: am-package-header\nformatVersion: 3\n").contains("formatVersion")
        );
        assert!(refused("formatType: am-package\nformatVersion: 2\n").contains("formatType"));
    }

    #[test]
    fn of_several_footers_the_later_wins() {
        let digest = "0".repeat(64);
        let text = format!(
            "%YAML 1.1\n---\nformatType: am-package-footer\nformatVersion: 2\n---\ndigest: '{digest}'\n\
             storeSignature: 'old'\n%YAML 1.1\n---\ndeveloperSignature: 'dev'\n%YAML 1.1\n---\n\
             storeSignature: 'new'\n"
        );
        let footer = Footer::read(text.as_bytes()).unwrap();
        assert_eq!(footer.store_signature.as_deref(), Some("new"));
        assert_eq!(footer.developer_signature.as_deref(), Some("dev"));
        let texts = footer.written();
        assert_eq!(texts.len(), 3);
        assert_eq!(Footer::read(texts.concat().as_bytes()).unwrap(), footer);
        let wrong = text.replace(&digest, "xyz");
        assert!(Footer::read(wrong.as_bytes()).is_err());
        let missing = text.replace("digest", "other");
        let error = Footer::read(missing.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "line 1: `digest` is missing");
    }
}
