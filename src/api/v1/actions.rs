//! `/v1/app_version/action/…`: what is done with a version.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::body::V1Json;
use super::call::Call;
use super::{Answer, V1Error};
use crate::release::ReleaseError;
use crate::release::state::Action;

/// Body of every action.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub(in crate::api) struct ActionBody {
    /// The version.
    version_id: String,
    /// The reason; a rejection needs one.
    message: String,
    /// With `delete`, for administrators: in whatever state it is. What has to happen first is done.
    direct_delete: bool,
}

/// Takes an action on a version: `submit`, `cancel`, `review`, `pass`, `reject`, `release`, `suspend`,
/// `recover` or `delete`. `If-Match` may name the checksum that its package must still have, which is the
/// `ETag` of the package that was looked at.
#[utoipa::path(post, path = "/v1/app_version/action/{action}", tag = "publishing",
    params(("action" = String, Path, description = "The action")),
    request_body = ActionBody,
    responses((status = 200, description = "`version_id`"),
              (status = 403, description = "One may not"),
              (status = 409, description = "Its state does not allow it; `details` has the state and what to do first"),
              (status = 412, description = "Its package is not the one of `If-Match`")))]
pub(in crate::api) async fn act(
    call: Call,
    action: web::Path<String>,
    V1Json(body): V1Json<ActionBody>,
) -> Answer {
    take(&call, &action, body).await
}

/// Likewise by the paths of OpenPitrix 0.4, which knows several reviewers; here there is one.
#[utoipa::path(post, path = "/v1/app_version/action/{action}/{reviewer}", tag = "publishing",
    params(("action" = String, Path, description = "`review`, `pass` or `reject`"),
           ("reviewer" = String, Path, description = "`admin`, `isv`, `business` or `technical`")),
    request_body = ActionBody,
    responses((status = 200, description = "`version_id`"),
              (status = 403, description = "One may not"),
              (status = 409, description = "Its state does not allow it")))]
pub(in crate::api) async fn review(
    call: Call,
    path: web::Path<(String, String)>,
    V1Json(body): V1Json<ActionBody>,
) -> Answer {
    let (action, reviewer) = path.into_inner();
    let is_known = matches!(action.as_str(), "review" | "pass" | "reject")
        && matches!(
            reviewer.as_str(),
            "admin" | "isv" | "business" | "technical"
        );
    if !is_known {
        return Err(
            ReleaseError::not_found("action", "操作", &format!("{action}/{reviewer}")).into(),
        );
    }
    take(&call, &action, body).await
}

async fn take(call: &Call, action: &str, body: ActionBody) -> Answer {
    let action = match action.parse() {
        Ok(Action::Create | Action::Modify) | Err(_) => {
            return Err(V1Error::from(ReleaseError::not_found(
                "action", "操作", action,
            )));
        }
        Ok(action) => action,
    };
    if body.version_id.is_empty() {
        return Err(ReleaseError::missing("version_id").into());
    }
    let (releases, actor) = (call.releases().clone(), call.actor.clone());
    let expected = call.expected();
    let done = call.done(async move {
        let (id, message) = (&body.version_id, &body.message);
        let expected = expected.as_deref();
        if action == Action::Delete && body.direct_delete {
            releases
                .delete_directly(&actor, id, message, expected)
                .await?;
        } else {
            releases.act(&actor, id, action, message, expected).await?;
        }
        Ok::<_, ReleaseError>(json!({ "version_id": body.version_id }))
    });
    Ok(HttpResponse::Ok().json(done.await?))
}
