//! `/v1/users`, `/v1/tokens`, `/v1/login`: who uses the store.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::Answer;
use super::body::V1Json;
use super::call::{Call, all};
use crate::api::access::Asker;
use crate::api::state::State;
use crate::release::ReleaseError;
use crate::release::account::{Account, NewToken, Token};
use crate::release::state::Role;

/// Body of `POST` and `PATCH /v1/users`, and of `POST /v1/login`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct UserFields {
    /// The name.
    name: String,
    /// The password: 8 characters or more.
    password: Option<String>,
    /// What the user may do.
    role: Option<Role>,
}

/// Body of `POST /v1/tokens`.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct TokenFields {
    /// The user; oneself when empty.
    user: String,
    /// What the token is for.
    label: String,
}

/// Who asks. Without accounts it is this computer's own user, `local`, who may do everything; with
/// accounts and without a token nobody: `role` is null then.
#[utoipa::path(get, path = "/v1/me", tag = "users",
    responses((status = 200, description = "`accounts`: whether there are any; `name` and `role`")))]
pub(in crate::api) async fn me(state: web::Data<State>, Asker(actor): Asker) -> Answer {
    let accounts = state.service.releases.accounts.are_on().await?;
    Ok(HttpResponse::Ok().json(json!({
        "accounts": accounts,
        "name": actor.as_ref().map(|actor| &actor.name),
        "role": actor.as_ref().map(|actor| actor.role),
    })))
}

/// Gives a token for a name and a password. It holds for 30 days.
#[utoipa::path(post, path = "/v1/login", tag = "users", request_body = UserFields,
    responses((status = 200, description = "The token", body = NewToken),
              (status = 401, description = "The name or the password is wrong")))]
pub(in crate::api) async fn log_in(
    state: web::Data<State>,
    V1Json(body): V1Json<UserFields>,
) -> Answer {
    let password = body.password.unwrap_or_default();
    let accounts = &state.service.releases.accounts;
    let token = accounts.log_in(&body.name, &password).await?;
    Ok(HttpResponse::Ok().json(token))
}

/// Revokes the token that the request bears.
#[utoipa::path(post, path = "/v1/logout", tag = "users",
    responses((status = 200, description = "It is refused from now on")))]
pub(in crate::api) async fn log_out(call: Call) -> Answer {
    if let Some(token_id) = &call.actor.token_id {
        call.accounts().revoke(&call.actor, token_id).await?;
    }
    Ok(HttpResponse::Ok().json(json!({})))
}

/// All users: for administrators.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    responses((status = 200, description = "`total_count` and `user_set`", body = Vec<Account>)))]
pub(in crate::api) async fn list(call: Call) -> Answer {
    let users = call.accounts().list(&call.actor).await?;
    Ok(all("user_set", users))
}

/// Adds a user: for administrators. The first one switches accounts on: from then on everybody needs
/// one.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = UserFields,
    responses((status = 200, description = "`name`"),
              (status = 409, description = "There is one of this name")))]
pub(in crate::api) async fn add(call: Call, V1Json(body): V1Json<UserFields>) -> Answer {
    let password = body
        .password
        .ok_or_else(|| ReleaseError::missing("password"))?;
    let role = body.role.ok_or_else(|| ReleaseError::missing("role"))?;
    let accounts = call.accounts();
    accounts
        .add(&call.actor, &body.name, &password, role)
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "name": body.name })))
}

/// Changes a user's role or password: for administrators, and one's own password for oneself.
#[utoipa::path(patch, path = "/v1/users", tag = "users", request_body = UserFields,
    responses((status = 200, description = "`name`"),
              (status = 404, description = "There is no such user")))]
pub(in crate::api) async fn change(call: Call, V1Json(body): V1Json<UserFields>) -> Answer {
    let name = if body.name.is_empty() {
        call.actor.name.clone()
    } else {
        body.name
    };
    let accounts = call.accounts();
    accounts
        .change(&call.actor, &name, body.role, body.password.as_deref())
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "name": name })))
}

/// Removes users: for administrators. Without any accounts are off again.
#[utoipa::path(delete, path = "/v1/users", tag = "users",
    params(("name" = Option<Vec<String>>, Query, description = "The users; also in a body")),
    responses((status = 200, description = "`name`, a list"),
              (status = 404, description = "There is no such user")))]
pub(in crate::api) async fn remove(call: Call, payload: web::Payload) -> Answer {
    let names = call.ids(payload, "name").await?;
    for name in &names {
        call.accounts().remove(&call.actor, name).await?;
    }
    Ok(HttpResponse::Ok().json(json!({ "name": names })))
}

/// One's tokens; for administrators those of another, or all.
#[utoipa::path(get, path = "/v1/tokens", tag = "users",
    params(("user" = Option<String>, Query, description = "The user; oneself when absent"),
           ("all" = Option<bool>, Query, description = "Those of all users")),
    responses((status = 200, description = "`total_count` and `token_set`", body = Vec<Token>)))]
pub(in crate::api) async fn tokens(call: Call) -> Answer {
    let user = call.query.one("user").unwrap_or(&call.actor.name);
    let user = (!call.query.flag("all")).then_some(user);
    let accounts = call.accounts();
    let tokens = accounts.tokens(&call.actor, user).await?;
    Ok(all("token_set", tokens))
}

/// Makes a token that holds until it is revoked. It is told this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "users", request_body = TokenFields,
    responses((status = 200, description = "The token", body = NewToken)))]
pub(in crate::api) async fn add_token(call: Call, V1Json(body): V1Json<TokenFields>) -> Answer {
    let user = if body.user.is_empty() {
        &call.actor.name
    } else {
        &body.user
    };
    let accounts = call.accounts();
    let token = accounts.add_token(&call.actor, user, &body.label).await?;
    Ok(HttpResponse::Ok().json(token))
}

/// Revokes tokens: they are refused from the next request on.
#[utoipa::path(delete, path = "/v1/tokens", tag = "users",
    params(("token_id" = Option<Vec<String>>, Query, description = "The tokens; also in a body")),
    responses((status = 200, description = "`token_id`, a list"),
              (status = 404, description = "There is no such token")))]
pub(in crate::api) async fn revoke(call: Call, payload: web::Payload) -> Answer {
    let ids = call.ids(payload, "token_id").await?;
    for id in &ids {
        call.accounts().revoke(&call.actor, id).await?;
    }
    Ok(HttpResponse::Ok().json(json!({ "token_id": ids })))
}
