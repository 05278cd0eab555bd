//! Publishing: apps, versions, categories and users, one file per command. They speak `/v1`.

pub(super) mod app;
pub(super) mod category;
pub(super) mod store;
pub(super) mod user;
pub(super) mod version;

use serde_json::Value;

use super::catalog::text;
use super::client::{Client, encoded};
use super::{Code, Failed};

/// The rows of a list.
fn rows<'a>(answer: &'a Value, name: &str) -> &'a [Value] {
    let rows = answer.get(name).and_then(Value::as_array);
    rows.map(Vec::as_slice).unwrap_or_default()
}

/// The id of an app that is named by its id or its name.
async fn app_id(client: &Client, app: &str) -> Result<String, Failed> {
    Ok(text(&find_app(client, app).await?, "app_id"))
}

/// An app by its id or its name; in the store, too.
async fn find_app(client: &Client, app: &str) -> Result<Value, Failed> {
    let key = if app.starts_with("app-") {
        "app_id"
    } else {
        "name"
    };
    for list in ["apps", "active_apps"] {
        let path = format!("/v1/{list}?{key}={}", encoded(app));
        let answer: Value = client.v1_get(&path).await?;
        match rows(&answer, "app_set") {
            [] => {}
            [one] => return Ok(one.clone()),
            several => {
                let ids: Vec<String> = several
                    .iter()
                    .map(|row| format!("{} in {}", text(row, "app_id"), text(row, "repo_id")))
                    .collect();
                return Err(Failed::Coded(
                    Code::Usage,
                    format!(
                        "several repositories have an app `{app}`; name one by its id: {}",
                        ids.join(", ")
                    ),
                ));
            }
        }
    }
    Err(Failed::Coded(
        Code::Usage,
        format!(
            "there is no app `{app}` that you may see; `storekeeper app list` tells which there are"
        ),
    ))
}

/// A version that is named by its id, or as `APP@NUMBER`.
async fn find_version(client: &Client, version: &str) -> Result<Value, Failed> {
    let query = match version.split_once('@') {
        Some((app, number)) => {
            let app_id = app_id(client, app).await?;
            format!("app_id={}&name={}", encoded(&app_id), encoded(number))
        }
        None => format!("version_id={}", encoded(version)),
    };
    for list in ["app_versions", "active_app_versions"] {
        let answer: Value = client.v1_get(&format!("/v1/{list}?{query}")).await?;
        if let Some(row) = rows(&answer, "app_version_set").first() {
            return Ok(row.clone());
        }
    }
    Err(Failed::Coded(
        Code::Usage,
        format!(
            "there is no version `{version}` that you may see; name it by its id or as APP@NUMBER, `storekeeper version list APP` tells which there are"
        ),
    ))
}
