//! `/v1/users`, `/v1/tokens`, `/v1/login`: who uses the store.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::body::{self, V1Json};
use super::query::Query;
use super::{Answer, listed};
use crate::api::access::{Asker, By};
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
pub(in crate::api) async fn log_out(state: web::Data<State>, By(actor): By) -> Answer {
    if let Some(token_id) = &actor.token_id {
        let accounts = &state.service.releases.accounts;
        accounts.revoke(&actor, token_id).await?;
    }
    Ok(HttpResponse::Ok().json(json!({})))
}

/// All users: for administrators.
#[utoipa::path(get, path = "/v1/users", tag = "users",
    responses((status = 200, description = "`total_count` and `user_set`", body = Vec<Account>)))]
pub(in crate::api) async fn list(state: web::Data<State>, By(actor): By) -> Answer {
    let users = state.service.releases.accounts.list(&actor).await?;
    let total = u64::try_from(users.len()).unwrap_or(u64::MAX);
    Ok(HttpResponse::Ok().json(listed("user_set", total, users)))
}

/// Adds a user: for administrators. The first one switches accounts on: from then on everybody needs
/// one.
#[utoipa::path(post, path = "/v1/users", tag = "users", request_body = UserFields,
    responses((status = 200, description = "`name`"),
              (status = 409, description = "There is one of this name")))]
pub(in crate::api) async fn add(
    state: web::Data<State>,
    By(actor): By,
    V1Json(body): V1Json<UserFields>,
) -> Answer {
    let password = body
        .password
        .ok_or_else(|| ReleaseError::missing("password"))?;
    let role = body.role.ok_or_else(|| ReleaseError::missing("role"))?;
    let accounts = &state.service.releases.accounts;
    accounts.add(&actor, &body.name, &password, role).await?;
    Ok(HttpResponse::Ok().json(json!({ "name": body.name })))
}

/// Changes a user's role or password: for administrators, and one's own password for oneself.
#[utoipa::path(patch, path = "/v1/users", tag = "users", request_body = UserFields,
    responses((status = 200, description = "`name`"),
              (status = 404, description = "There is no such user")))]
pub(in crate::api) async fn change(
    state: web::Data<State>,
    By(actor): By,
    V1Json(body): V1Json<UserFields>,
) -> Answer {
    let name = if body.name.is_empty() {
        actor.name.clone()
    } else {
        body.name
    };
    let accounts = &state.service.releases.accounts;
    accounts
        .change(&actor, &name, body.role, body.password.as_deref())
        .await?;
    Ok(HttpResponse::Ok().json(json!({ "name": name })))
}

/// Removes users: for administrators. Without any accounts are off again.
#[utoipa::path(delete, path = "/v1/users", tag = "users",
    params(("name" = Option<Vec<String>>, Query, description = "The users; also in a body")),
    responses((status = 200, description = "`name`, a list"),
              (status = 404, description = "There is no such user")))]
pub(in crate::api) async fn remove(
    request: HttpRequest,
    state: web::Data<State>,
    By(actor): By,
    query: Query,
    payload: web::Payload,
) -> Answer {
    let names = body::ids(&request, &query, payload, "name").await?;
    for name in &names {
        let accounts = &state.service.releases.accounts;
        accounts.remove(&actor, name).await?;
    }
    Ok(HttpResponse::Ok().json(json!({ "name": names })))
}

/// One's tokens; for administrators those of another, or all.
#[utoipa::path(get, path = "/v1/tokens", tag = "users",
    params(("user" = Option<String>, Query, description = "The user; oneself when absent"),
           ("all" = Option<bool>, Query, description = "Those of all users")),
    responses((status = 200, description = "`total_count` and `token_set`", body = Vec<Token>)))]
pub(in crate::api) async fn tokens(state: web::Data<State>, By(actor): By, query: Query) -> Answer {
    let user = query.one("user").unwrap_or(&actor.name);
    let user = (!query.flag("all")).then_some(user);
    let accounts = &state.service.releases.accounts;
    let tokens = accounts.tokens(&actor, user).await?;
    let total = u64::try_from(tokens.len()).unwrap_or(u64::MAX);
    Ok(HttpResponse::Ok().json(listed("token_set", total, tokens)))
}

/// Makes a token that holds until it is revoked. It is told this once.
#[utoipa::path(post, path = "/v1/tokens", tag = "users", request_body = TokenFields,
    responses((status = 200, description = "The token", body = NewToken)))]
pub(in crate::api) async fn add_token(
    state: web::Data<State>,
    By(actor): By,
    V1Json(body): V1Json<TokenFields>,
) -> Answer {
    let user = if body.user.is_empty() {
        &actor.name
    } else {
        &body.user
    };
    let accounts = &state.service.releases.accounts;
    let token = accounts.add_token(&actor, user, &body.label).await?;
    Ok(HttpResponse::Ok().json(token))
}

/// Revokes tokens: they are refused from the next request on.
#[utoipa::path(delete, path = "/v1/tokens", tag = "users",
    params(("token_id" = Option<Vec<String>>, Query, description = "The tokens; also in a body")),
    responses((status = 200, description = "`token_id`, a list"),
              (status = 404, description = "There is no such token")))]
pub(in crate::api) async fn revoke(
    request: HttpRequest,
    state: web::Data<State>,
    By(actor): By,
    query: Query,
    payload: web::Payload,
) -> Answer {
    let ids = body::ids(&request, &query, payload, "token_id").await?;
    for id in &ids {
        state.service.releases.accounts.revoke(&actor, id).await?;
    }
    Ok(HttpResponse::Ok().json(json!({ "token_id": ids })))
}
