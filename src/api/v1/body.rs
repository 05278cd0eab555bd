//! Bodies: small ones as JSON, packages as base64 in JSON, as a form, or as they are.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use actix_multipart::Multipart;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::V1Error;
use super::query::Query;
use crate::api::access::Asker;
use crate::api::body::Json;
use crate::api::error::ApiError;
use crate::api::incoming::{self, Partial};
use crate::library::Library;
use crate::release::{self, ReleaseError, Upload};

/// Larger packages are sent as they are: a text in JSON costs its memory.
const MAX_JSON_BYTES: usize = 64 << 20;

/// What the text fields of a form may hold together, their names included.
const MAX_FIELD_BYTES: usize = 4 << 20;

/// Fields that come with a package: there are not half as many names.
const MAX_FIELDS: usize = 64;

/// Longer is no list that is taken.
const MAX_LIST_BYTES: usize = 1 << 20;

/// Nobody who means it needs longer for a body of [`MAX_JSON_BYTES`].
const MAX_TIME: Duration = Duration::from_mins(10);

/// The names under which a package comes: ours, OpenPitrix's, and what forms are used to.
const PACKAGE: [&str; 4] = ["version_package", "package", "file", "files"];

/// A body of JSON; an empty one is an object without anything.
pub(in crate::api) struct V1Json<T>(pub(super) T);

impl<T: DeserializeOwned + 'static> FromRequest for V1Json<T> {
    type Error = V1Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, V1Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let json = Json::<T>::from_request(request, payload);
        Box::pin(async move {
            let Json(body) = json.await?;
            Ok(Self(body))
        })
    }
}

/// What is to be deleted: in the query or in a body, by its OpenPitrix name.
pub(super) async fn ids(
    request: &HttpRequest,
    query: &Query,
    mut payload: web::Payload,
    key: &str,
) -> Result<Vec<String>, V1Error> {
    let mut ids = query.list(key);
    let body = collect(request, &mut payload, 1 << 20).await?;
    if !body.trim_ascii().is_empty() {
        let body: Value = serde_json::from_slice(&body)
            .map_err(|error| ApiError::invalid(format!("the body is no JSON: {error}")))?;
        match body.get(key) {
            Some(Value::String(id)) => ids.push(id.clone()),
            Some(Value::Array(list)) => {
                ids.extend(list.iter().filter_map(Value::as_str).map(str::to_owned));
            }
            _ => {}
        }
    }
    if ids.is_empty() {
        return Err(ReleaseError::missing(key).into());
    }
    Ok(ids)
}

/// A field: a text, or JSON that is read when it is asked for, so that a hostile one costs its own
/// length and no more.
enum Field {
    Text(String),
    Json(Box<RawValue>),
}

/// The fields of a body of JSON.
struct Fields(HashMap<String, Box<RawValue>>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields, M::Error> {
        let mut fields = HashMap::new();
        while let Some((key, value)) = map.next_entry()? {
            if fields.len() == MAX_FIELDS {
                return Err(M::Error::custom(format!(
                    "it has more than {MAX_FIELDS} fields"
                )));
            }
            fields.insert(key, value);
        }
        Ok(Fields(fields))
    }
}

/// What comes with a package, and the package.
pub(super) struct Sent {
    fields: HashMap<String, Field>,
    /// Deleted when it is dropped.
    file: Option<Partial>,
}

impl Sent {
    /// A text field; empty when it is not there.
    pub(super) fn text(&self, key: &str) -> String {
        match self.fields.get(key) {
            Some(Field::Text(text)) => text.clone(),
            Some(Field::Json(json)) => match json.get().as_bytes() {
                [b'"', ..] => serde_json::from_str(json.get()).unwrap_or_default(),
                [b'-' | b'0'..=b'9', ..] => json.get().to_owned(),
                _ => String::new(),
            },
            None => String::new(),
        }
    }

    /// A text field that may be missing.
    pub(super) fn optional(&self, key: &str) -> Option<String> {
        self.fields.contains_key(key).then(|| self.text(key))
    }

    /// A list, or a text with commas.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        if let Some(Field::Json(json)) = self.fields.get(key)
            && json.get().starts_with('[')
        {
            let text = Some(json.get()).filter(|text| text.len() <= MAX_LIST_BYTES);
            let list = text.and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
            return list
                .unwrap_or_default()
                .iter()
                .filter_map(Value::as_str)
                .map(|part| part.trim().to_owned())
                .collect();
        }
        self.text(key)
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Bytes that are written as base64.
    pub(super) fn bytes(&self, key: &str) -> Result<Vec<u8>, V1Error> {
        decode(key, &self.text(key))
    }

    /// Whether a package came.
    pub(super) fn has_package(&self) -> bool {
        self.file.is_some()
    }

    /// Looks into the package.
    pub(super) async fn upload(&self) -> Result<Upload, V1Error> {
        let file = self.file.as_ref();
        let file = file.ok_or_else(|| ReleaseError::missing("version_package"))?;
        let path = file.path().to_owned();
        Ok(web::block(move || Upload::of_file(&path)).await??)
    }
}

/// Base64, with or without what browsers put before it (`data:image/png;base64,`).
pub(super) fn decode(key: &str, text: &str) -> Result<Vec<u8>, V1Error> {
    let text = match text.split_once(";base64,") {
        Some((before, rest)) if before.starts_with("data:") => rest,
        _ => text,
    };
    let text: Vec<u8> = text.bytes().filter(|c| !c.is_ascii_whitespace()).collect();
    let decoded = STANDARD.decode(text);
    Ok(decoded
        .map_err(|error| ReleaseError::parameter(key, &format!("it is no base64: {error}")))?)
}

/// Bytes as base64.
pub(super) fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Takes a package with what comes with it, from somebody who may publish. A package goes to a file as it
/// comes.
pub(super) async fn receive(
    request: &HttpRequest,
    library: &Library,
    query: &Query,
    mut payload: web::Payload,
) -> Result<Sent, V1Error> {
    // Before 8 GiB are taken in for nothing.
    if let Some(Asker(Some(actor))) = request.extensions().get() {
        release::need_developer(actor)?;
    }
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|kind| {
            kind.split(';')
                .next()
                .unwrap_or(kind)
                .trim()
                .to_ascii_lowercase()
        })
        .unwrap_or_default();
    let mut fields = of_query(query);
    match kind.as_str() {
        "application/json" => {
            let body = collect(request, &mut payload, MAX_JSON_BYTES).await?;
            let (package, fields) = web::block(move || {
                fields.extend(of_json(&body)?);
                drop(body);
                Ok::<_, V1Error>((take_package(&mut fields)?, fields))
            })
            .await??;
            let file = match package {
                None => None,
                Some(bytes) => {
                    let whole = futures_util::stream::iter([Ok::<_, V1Error>(bytes)]);
                    Some(incoming::receive_file(request, library, whole).await?)
                }
            };
            Ok(Sent { fields, file })
        }
        "multipart/form-data" => {
            let form = Multipart::new(request.headers(), payload);
            receive_form(request, library, form, fields).await
        }
        "text/plain" | "application/x-www-form-urlencoded" => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send a package as JSON with base64, as `multipart/form-data`, or as it is with `application/octet-stream`",
        )
        .into()),
        _ => {
            let file = incoming::receive_file(request, library, payload).await?;
            let is_empty = std::fs::metadata(file.path()).is_ok_and(|data| data.len() == 0);
            Ok(Sent {
                fields,
                file: (!is_empty || kind == "application/octet-stream").then_some(file),
            })
        }
    }
}

/// Takes what comes without a package.
pub(super) async fn receive_fields(
    request: &HttpRequest,
    query: &Query,
    mut payload: web::Payload,
) -> Result<Sent, V1Error> {
    let mut fields = of_query(query);
    let body = collect(request, &mut payload, MAX_FIELD_BYTES).await?;
    if !body.trim_ascii().is_empty() {
        fields.extend(of_json(&body)?);
    }
    Ok(Sent { fields, file: None })
}

fn of_query(query: &Query) -> HashMap<String, Field> {
    let pairs = query.pairs().iter();
    pairs
        .map(|(key, value)| (key.clone(), Field::Text(value.clone())))
        .collect()
}

fn of_json(body: &[u8]) -> Result<impl Iterator<Item = (String, Field)>, V1Error> {
    let Fields(fields) = serde_json::from_slice(body).map_err(|error| {
        ApiError::invalid(format!(
            "the body is not the JSON that is wanted here: {error}; send an object"
        ))
    })?;
    Ok(fields
        .into_iter()
        .map(|(key, value)| (key, Field::Json(value))))
}

/// The package that is written as base64 among the fields.
fn take_package(fields: &mut HashMap<String, Field>) -> Result<Option<Bytes>, V1Error> {
    let mut package = None;
    for key in PACKAGE {
        let text = match fields.remove(key) {
            Some(Field::Json(json)) => serde_json::from_str::<String>(json.get()).ok(),
            Some(Field::Text(_)) | None => None,
        };
        if let Some(text) = text {
            package = Some(Bytes::from(decode(key, &text)?));
        }
    }
    Ok(package)
}

async fn receive_form(
    request: &HttpRequest,
    library: &Library,
    mut form: Multipart,
    mut fields: HashMap<String, Field>,
) -> Result<Sent, V1Error> {
    let broken = |error: &dyn fmt::Display| {
        ApiError::invalid(format!(
            "the form did not arrive whole: {error}; send it again"
        ))
    };
    let (mut file, mut taken) = (None, 0);
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|error| broken(&error))?;
        let name = field.name().unwrap_or_default().to_owned();
        taken += name.len();
        if fields.len() >= MAX_FIELDS {
            let message = format!("the form has more than {MAX_FIELDS} fields");
            return Err(too_large(&message).into());
        }
        if PACKAGE.contains(&name.as_str()) {
            file = Some(incoming::receive_file(request, library, &mut field).await?);
            continue;
        }
        let mut text = BytesMut::new();
        while let Some(chunk) = field.next().await {
            let chunk = chunk.map_err(|error| broken(&error))?;
            taken += chunk.len();
            if taken > MAX_FIELD_BYTES {
                return Err(too_large("the text fields of the form hold more than 4 MiB").into());
            }
            text.extend_from_slice(&chunk);
        }
        // A picture comes as it is in a form, and as base64 everywhere else.
        let value = match field.content_disposition().and_then(|it| it.get_filename()) {
            Some(_) => encode(&text),
            None => String::from_utf8_lossy(&text).into_owned(),
        };
        fields.insert(name, Field::Text(value));
    }
    Ok(Sent { fields, file })
}

async fn collect(
    request: &HttpRequest,
    payload: &mut web::Payload,
    limit: usize,
) -> Result<BytesMut, V1Error> {
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok())
        .unwrap_or(0);
    let refuse = || {
        too_large(
            "the body is larger than is taken as JSON; send the package as it is, with `Content-Type: application/octet-stream`",
        )
    };
    if declared > limit {
        return Err(refuse().into());
    }
    let all = async {
        let mut body = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                ApiError::invalid(format!(
                    "the body did not arrive whole: {error}; send it again"
                ))
            })?;
            if body.len() + chunk.len() > limit {
                return Err(refuse().into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    tokio::time::timeout(MAX_TIME, all).await.map_err(|_| {
        ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body did not arrive within 10 minutes; send it again",
        )
    })?
}

fn too_large(message: &str) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}
