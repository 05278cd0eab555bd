//! `POST /store/upload`: a package from the desktop's form.

use actix_multipart::{Field, Multipart};
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;

use super::{Envelope, failed, succeeded, text};
use crate::api::error::ApiError;
use crate::api::incoming;
use crate::api::state::State;
use crate::job::{Install, JobRecord};

/// The field that holds the file.
const FIELD: &str = "files";

/// What other fields may hold together.
const MAX_OTHER_BYTES: usize = 1 << 20;

/// Installs a package that is sent as a form. `data` is the app's name alone: the window puts it
/// into the address of its next question. A failure is no 2xx.
pub(in crate::api) async fn upload(
    request: HttpRequest,
    state: web::Data<State>,
    payload: web::Payload,
) -> HttpResponse {
    let form = Multipart::new(request.headers(), payload);
    let field = match find(form).await {
        Ok(Some(field)) => field,
        Ok(None) => return no_file("the form has no field `files`; send the package in one"),
        Err(error) => return no_file(&format!("the form cannot be read: {error}")),
    };
    match receive(&request, &state, field).await {
        Ok(record) => Envelope {
            warnings: record.warnings.clone(),
            ..Envelope::success("success", record.app.as_str())
        }
        .answer(StatusCode::OK),
        Err(error) => failed(&error, error.status),
    }
}

/// Plain text, as the original answers it.
fn no_file(reason: &str) -> HttpResponse {
    text(StatusCode::BAD_REQUEST, reason.to_owned())
}

/// The form and its field, which is read from it.
struct Found {
    /// What comes behind the field would be in the way of the answer if nobody took it.
    _form: Multipart,
    field: Field,
}

async fn find(mut form: Multipart) -> Result<Option<Found>, String> {
    let mut others = 0;
    while let Some(field) = form.next().await {
        let mut field = field.map_err(|error| error.to_string())?;
        if field.name() == Some(FIELD) {
            return Ok(Some(Found { _form: form, field }));
        }
        while let Some(chunk) = field.next().await {
            others += chunk.map_err(|error| error.to_string())?.len();
            if others > MAX_OTHER_BYTES {
                return Err("its other fields hold more than 1 MiB".to_owned());
            }
        }
    }
    Ok(None)
}

async fn receive(
    request: &HttpRequest,
    state: &State,
    found: Found,
) -> Result<std::sync::Arc<JobRecord>, ApiError> {
    let mut field = found.field;
    let disposition = field.content_disposition();
    let sent_as = disposition
        .and_then(|disposition| disposition.get_filename())
        .unwrap_or_default()
        .to_owned();
    let package = incoming::receive(request, &state.service.library, &mut field).await?;
    let ticket = package.submit(state, &sent_as, Install::default()).await?;
    succeeded(state, ticket).await
}
