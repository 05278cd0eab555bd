//! The history of a version: a row for each change, written with the change.

use super::account::Actor;
use super::clock;
use super::model::Audit;
use super::state::{Action, Role, State};
use crate::database::shared::{Row, Statement};

/// As what somebody takes an action: an owner's action is a developer's, also when he is more.
fn as_what(actor: &Actor, is_owner: bool, action: Action) -> &'static str {
    let administers = match super::state::transition(action).who {
        super::state::Who::Admin => true,
        super::state::Who::Owner => !is_owner,
    };
    if administers && actor.is(Role::Admin) {
        "admin"
    } else {
        "developer"
    }
}

/// The row of a change that is made in the same transaction.
pub(super) fn row(
    actor: &Actor,
    is_owner: bool,
    version_id: &str,
    app_id: &str,
    action: Action,
    status: State,
    message: &str,
) -> Statement {
    Statement::new(
        "INSERT INTO release_audit
             (version_id, app_id, action, status, operator, operator_type, message, status_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        [
            version_id.into(),
            app_id.into(),
            action.as_str().into(),
            status.as_str().into(),
            (&actor.name).into(),
            as_what(actor, is_owner, action).into(),
            message.into(),
            clock::now().into(),
        ],
    )
}

/// The rows of all versions that go because their repository is removed.
pub(super) fn rows_of_removal(actor: &Actor, repo_id: &str, now: u64) -> Statement {
    Statement::new(
        "INSERT INTO release_audit
             (version_id, app_id, action, status, operator, operator_type, message, status_time)
         SELECT version_id, release_version.app_id, 'delete', 'deleted', CAST($2 AS TEXT), 'admin',
             'its repository was removed', CAST($3 AS BIGINT)
         FROM release_version JOIN release_app ON release_app.app_id = release_version.app_id
         WHERE release_app.repo_id = $1 AND release_version.status <> 'deleted'
         ORDER BY release_version.number",
        [repo_id.into(), (&actor.name).into(), now.into()],
    )
}

/// The columns of [`read`].
pub(super) const COLUMNS: &str =
    "version_id, app_id, action, status, operator, operator_type, message, status_time";

pub(super) fn read(row: &Row) -> Audit {
    Audit {
        version_id: row.text(0),
        app_id: row.text(1),
        action: row.text(2),
        status: row.text(3).parse().unwrap_or(State::Deleted),
        operator: row.text(4),
        operator_type: row.text(5),
        message: row.text(6),
        status_time: clock::rfc3339(row.count(7)),
    }
}
