//! `/v1/session`: signing in for a browser. Its pictures, downloads and streams of events cannot send a
//! token, so it is given one in a cookie that no script reads and no other site sends along.

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use super::body::V1Json;
use crate::api::access::{Asker, SESSION};
use crate::api::state::State;

/// As long as a login holds, seconds: 30 days.
const AGE: u32 = 30 * 86_400;

/// Who wants to sign in.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct SignIn {
    /// The account.
    name: String,
    /// Its password.
    password: String,
}

/// A cookie for the whole page; one that is to be kept for no time is removed.
fn cookie(token: &str, seconds: u32) -> String {
    format!("{SESSION}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict")
}

/// Signs a browser in: its cookie is a token like that of `/v1/login`.
#[utoipa::path(post, path = "/v1/session", tag = "users", request_body = SignIn,
    responses((status = 200, description = "The account's `name`"),
              (status = 401, description = "The name or the password is wrong")))]
pub(in crate::api) async fn sign_in(
    state: web::Data<State>,
    V1Json(body): V1Json<SignIn>,
) -> Answer {
    let accounts = &state.service.releases.accounts;
    let token = accounts.log_in(&body.name, &body.password).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::SET_COOKIE, cookie(&token.token, AGE)))
        .json(json!({ "name": token.account })))
}

/// Signs a browser out: its token is refused from then on.
#[utoipa::path(delete, path = "/v1/session", tag = "users",
    responses((status = 204, description = "It is signed out, or was not signed in")))]
pub(in crate::api) async fn sign_out(state: web::Data<State>, Asker(actor): Asker) -> Answer {
    if let Some(actor) = &actor
        && let Some(token) = &actor.token_id
    {
        state.service.releases.accounts.revoke(actor, token).await?;
    }
    Ok(HttpResponse::NoContent()
        .insert_header((header::SET_COOKIE, cookie("", 0)))
        .finish())
}
