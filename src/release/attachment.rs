//! Icons and pictures of apps.

use std::str::FromStr;

use super::account::Actor;
use super::error::{Kind, ReleaseError};
use super::model::{MAX_PICTURE_BYTES, MAX_SCREENSHOTS};
use super::state::State;
use super::{NOT_IN_REVIEW, Releases, clock, in_review, sees_all};
use crate::database::shared::Statement;

/// What a picture is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Picture {
    /// The app's icon.
    Icon,
    /// One of the pictures that show it at work.
    Screenshot,
}

impl Picture {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Icon => "icon",
            Self::Screenshot => "screenshot",
        }
    }
}

impl FromStr for Picture {
    type Err = ReleaseError;

    fn from_str(text: &str) -> Result<Self, ReleaseError> {
        match text {
            "" | "icon" => Ok(Self::Icon),
            "screenshot" => Ok(Self::Screenshot),
            _ => Err(ReleaseError::parameter(
                "type",
                "it is `icon` or `screenshot`",
            )),
        }
    }
}

/// A picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its type, by its own first bytes.
    pub media_type: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// The type of a picture by its first bytes: what it says of itself is not believed.
fn media_type(content: &[u8]) -> Option<&'static str> {
    let begins = |bytes: &[u8]| content.starts_with(bytes);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && content.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else if begins(b"\0\0\x01\0") {
        Some("image/x-icon")
    } else {
        let head = content.get(..content.len().min(1024)).unwrap_or_default();
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches('\u{feff}').trim_start();
        let is_svg =
            (text.starts_with("<svg") || text.starts_with("<?xml") || text.starts_with("<!--"))
                && text.contains("<svg");
        is_svg.then_some("image/svg+xml")
    }
}

/// The statements that show an app's pictures in the store.
pub(super) fn publish(app_id: &str) -> [Statement; 2] {
    [
        Statement::new(
            "DELETE FROM release_attachment WHERE app_id = $1 AND published = 1",
            [app_id.into()],
        ),
        Statement::new(
            "INSERT INTO release_attachment (app_id, kind, sequence, published, media_type, content)
             SELECT app_id, kind, sequence, 1, media_type, content FROM release_attachment
             WHERE app_id = $1 AND published = 0",
            [app_id.into()],
        ),
    ]
}

impl Releases {
    /// Puts a picture in its place; an empty one is removed. The store shows it with the next release.
    ///
    /// # Errors
    /// It is no picture, it is too large, there is no such place, the app is not the actor's, or a version
    /// of it is under review.
    pub async fn attach(
        &self,
        actor: &Actor,
        app_id: &str,
        kind: Picture,
        sequence: u32,
        content: Vec<u8>,
    ) -> Result<(), ReleaseError> {
        let app = self.own_app(actor, app_id).await?;
        if app.status == State::Deleted {
            return Err(ReleaseError::not_found("app", "应用", app_id));
        }
        let places = match kind {
            Picture::Icon => 1,
            Picture::Screenshot => MAX_SCREENSHOTS,
        };
        if sequence >= places {
            return Err(ReleaseError::parameter(
                "sequence",
                &format!("0 to {} are taken", places - 1),
            ));
        }
        let remove = Statement::new(
            "DELETE FROM release_attachment
             WHERE app_id = $1 AND kind = $2 AND sequence = $3 AND published = 0",
            [
                app_id.into(),
                kind.as_str().into(),
                i64::from(sequence).into(),
            ],
        );
        let mut statements = vec![
            remove,
            // What is reviewed does not change meanwhile, its pictures as little as its texts.
            Statement::new(
                format!("UPDATE release_app SET updated = $2 WHERE {NOT_IN_REVIEW}"),
                [app_id.into(), clock::now().into()],
            )
            .or_refuse("app_version_in_review"),
        ];
        if !content.is_empty() {
            if content.len() > MAX_PICTURE_BYTES {
                return Err(ReleaseError::new(
                    Kind::TooLarge,
                    "picture_too_large",
                    "the picture is larger than 2 MiB; make it smaller",
                    "图片超过 2 MB",
                ));
            }
            let media_type = media_type(&content).ok_or_else(|| {
                ReleaseError::parameter(
                    "attachment_content",
                    "it is no picture; PNG, JPEG, GIF, WebP, ICO and SVG are taken",
                )
            })?;
            statements.push(Statement::new(
                "INSERT INTO release_attachment
                     (app_id, kind, sequence, published, media_type, content)
                 VALUES ($1, $2, $3, 0, $4, $5)",
                [
                    app_id.into(),
                    kind.as_str().into(),
                    i64::from(sequence).into(),
                    media_type.into(),
                    content.into(),
                ],
            ));
        }
        let applied = self.store.apply(statements).await;
        applied.map_err(in_review)
    }

    /// A picture of an app: as its developer has it, else as the store shows it.
    ///
    /// # Errors
    /// There is no such app or picture, or it is not to be seen.
    pub async fn attachment(
        &self,
        actor: &Actor,
        app_id: &str,
        kind: Picture,
        sequence: u32,
    ) -> Result<Attachment, ReleaseError> {
        let app = self.app(actor, app_id).await?;
        let published = !(sees_all(actor) || actor.owns(&app.owner));
        let statement = Statement::new(
            "SELECT media_type, content FROM release_attachment
             WHERE app_id = $1 AND kind = $2 AND sequence = $3 AND published = $4",
            [
                app_id.into(),
                kind.as_str().into(),
                i64::from(sequence).into(),
                i64::from(published).into(),
            ],
        );
        let rows = self.store.query(statement).await?;
        let row = rows
            .first()
            .ok_or_else(|| ReleaseError::not_found("picture of the app", "图片", app_id))?;
        Ok(Attachment {
            media_type: row.text(0),
            content: row.bytes(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_known_by_its_own_bytes() {
        for (content, expected) in [
            (&b"\x89PNG\r\n\x1a\n..."[..], Some("image/png")),
            (b"<?xml version=\"1.0\"?><svg/>", Some("image/svg+xml")),
            (b"  <svg xmlns=\"x\">", Some("image/svg+xml")),
            (b"<html><svg>", None),
            (b"RIFF....WAVE", None),
            (b"", None),
        ] {
            assert_eq!(media_type(content), expected);
        }
    }
}
