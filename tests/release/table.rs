//! Every state, action and role. What is refused leaves the state, the history and what lies in the
//! repository as they were.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Someone, start, storage};
use crate::support::{Answer, Service, package};

const STATES: [&str; 8] = [
    "draft",
    "submitted",
    "in-review",
    "passed",
    "rejected",
    "active",
    "suspended",
    "deleted",
];

const ACTIONS: [&str; 12] = [
    "create",
    "modify",
    "submit",
    "cancel",
    "review",
    "pass",
    "reject",
    "release",
    "suspend",
    "recover",
    "delete",
    "delete-app",
];

/// The table as it stands in the notes on OpenPitrix, written down a second time: where an action leads,
/// and whether it is the owner's too.
fn expected(state: &str, action: &str) -> Option<(&'static str, bool)> {
    #[expect(clippy::match_same_arms, reason = "a row of the notes is a row here")]
    match (action, state) {
        ("create", "deleted") => Some(("draft", true)),
        ("modify", "draft" | "rejected") => Some(("draft", true)),
        ("submit", "draft" | "rejected") => Some(("submitted", true)),
        ("cancel", "submitted" | "in-review" | "passed") => Some(("draft", true)),
        ("review", "submitted") => Some(("in-review", false)),
        ("pass", "submitted" | "in-review" | "rejected") => Some(("passed", false)),
        ("reject", "submitted" | "in-review") => Some(("rejected", false)),
        ("release", "passed") => Some(("active", true)),
        ("suspend", "active") => Some(("suspended", false)),
        ("recover", "suspended") => Some(("active", false)),
        ("delete", "draft" | "passed" | "rejected" | "suspended") => Some(("deleted", true)),
        ("delete-app", "deleted") => Some(("deleted", true)),
        _ => None,
    }
}

/// The actions that lead a draft into a state.
fn way(state: &str) -> &'static [&'static str] {
    match state {
        "draft" => &[],
        "submitted" => &["submit"],
        "in-review" => &["submit", "review"],
        "passed" => &["submit", "pass"],
        "rejected" => &["submit", "reject"],
        "active" => &["submit", "pass", "release"],
        "suspended" => &["submit", "pass", "release", "suspend"],
        "deleted" => &["delete"],
        other => panic!("{other} is no state"),
    }
}

async fn attempt(who: &Someone<'_>, app: &str, ids: &(String, String), action: &str) -> Answer {
    let (app_id, version_id) = ids;
    match action {
        // The same number again.
        "create" => {
            let path = format!("/v1/app_versions?app_id={app_id}");
            let package = package(app, "1.0.0", json!({ "notes": "again" }), 0);
            who.send(Method::POST, &path, package).await
        }
        "modify" => {
            let path = format!("/v1/app_versions?version_id={version_id}");
            let package = package(app, "1.0.0", json!({ "notes": "changed" }), 0);
            who.send(Method::PATCH, &path, package).await
        }
        "delete-app" => who.delete("/v1/apps", &json!({ "app_id": [app_id] })).await,
        action => who.act(version_id, action).await,
    }
}

/// All that must not change when something is refused.
async fn seen(service: &Service, owner: &Someone<'_>, ids: &(String, String)) -> Value {
    let versions = format!("/v1/app_versions?app_id={}&status={}", ids.0, super::ALL);
    let apps = format!(
        "/v1/apps?app_id={}&status=draft,active,suspended,deleted",
        ids.0
    );
    let audits = format!("/v1/app_version_audits?app_id={}", ids.0);
    let mut told = Vec::new();
    for path in [versions, apps, audits] {
        told.push(owner.get(&path).await.must_be(200).json());
    }
    let files: Vec<String> = storage(service)
        .into_iter()
        .map(|(name, content)| format!("{name} {content:?}"))
        .collect();
    json!({ "told": told, "files": files })
}

/// One state: every action by each of the three roles, each on an app of its own.
async fn check(state: &str) {
    let service = start().await;
    let owner = Someone::owner(&service);
    let developer = Someone::new(&service, "dev", "developer").await;
    let stranger = Someone::new(&service, "other", "developer").await;
    let admin = Someone::new(&service, "boss", "admin").await;
    let user = Someone::new(&service, "reader", "user").await;
    for action in ACTIONS {
        for (role, who) in [
            ("user", &user),
            ("stranger", &stranger),
            ("developer", &developer),
            ("admin", &admin),
        ] {
            let app = format!("{role}-{action}");
            let ids = developer.upload(&app, "1.0.0").await;
            admin.lead(&ids.1, way(state)).await;
            assert_eq!(admin.status(&ids.1).await, state, "{app}");
            let before = seen(&service, &owner, &ids).await;
            let answer = attempt(who, &app, &ids, action).await;
            let (leads_to, is_owners) = expected(state, action).unzip();
            let may = match role {
                "admin" => true,
                "developer" => is_owners == Some(true),
                _ => false,
            };
            let what = format!(
                "{state} {action} by {role}: {} {}",
                answer.status, answer.text
            );
            if let (Some(leads_to), true) = (leads_to, may) {
                assert_eq!(answer.status, 200, "{what}");
                let version = match action {
                    "create" => answer.json()["version_id"].as_str().unwrap().to_owned(),
                    _ => ids.1.clone(),
                };
                assert_eq!(admin.status(&version).await, leads_to, "{what}");
                if action != "delete-app" {
                    let history = admin.history(&version).await;
                    assert_eq!(history.last().unwrap(), leads_to, "{what}");
                }
            } else {
                assert!(matches!(answer.status, 403 | 404 | 409), "{what}");
                let body = answer.json();
                assert!(
                    body["name"].is_string() && body["message_zh"].is_string(),
                    "{what}"
                );
                // Whoever may do it in another state is told of the state.
                if role == "admin" && !matches!(action, "create" | "delete-app") {
                    assert_eq!(body["name"], "app_version_incorrect_status", "{what}");
                    assert_eq!(answer.status, 409, "{what}");
                }
                assert_eq!(seen(&service, &owner, &ids).await, before, "{what}");
            }
        }
    }
}

macro_rules! states {
    ($($test:ident => $state:literal),+) => {
        $(#[tokio::test]
        async fn $test() {
            check($state).await;
        })+

        #[test]
        fn every_state_is_checked() {
            assert_eq!([$($state),+], STATES);
        }
    };
}

states! {
    in_the_state_draft_each_role_may_what_the_table_says => "draft",
    in_the_state_submitted_each_role_may_what_the_table_says => "submitted",
    in_the_state_in_review_each_role_may_what_the_table_says => "in-review",
    in_the_state_passed_each_role_may_what_the_table_says => "passed",
    in_the_state_rejected_each_role_may_what_the_table_says => "rejected",
    in_the_state_active_each_role_may_what_the_table_says => "active",
    in_the_state_suspended_each_role_may_what_the_table_says => "suspended",
    in_the_state_deleted_each_role_may_what_the_table_says => "deleted"
}
