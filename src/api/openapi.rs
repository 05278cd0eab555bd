//! The OpenAPI document of our own API.

use utoipa::OpenApi;

use super::{apps, doctor, events, jobs, page};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Storekeeper",
        description = "A local app store: installs, starts, sets up and supervises apps. Changes are jobs: a POST answers 202 with the job's number, or with `?wait=true` the finished job. Errors are `{\"code\": -1, \"message\": …}` with a matching status. A program on this computer needs no credentials unless the service was started with a token; a page needs an allowed origin.",
    ),
    paths(
        apps::list,
        apps::add,
        apps::get,
        apps::install,
        apps::uninstall,
        apps::start,
        apps::stop,
        apps::restart,
        apps::run,
        apps::config,
        apps::change_config,
        apps::config_value,
        apps::plan,
        apps::problems,
        apps::diagnose,
        apps::logs,
        jobs::list,
        jobs::get,
        jobs::cancel,
        jobs::log,
        events::events,
        events::status,
        page::openapi,
    ),
    components(schemas(doctor::Diagnosis)),
    tags(
        (name = "apps", description = "The apps of this computer"),
        (name = "config", description = "Their settings"),
        (name = "logs", description = "Their output"),
        (name = "jobs", description = "Changes under way and past"),
        (name = "events", description = "What happens"),
        (name = "service", description = "The service itself"),
    )
)]
struct Document;

/// The document as JSON.
pub(super) fn document() -> String {
    Document::openapi()
        .to_pretty_json()
        .expect("the document holds only strings and maps")
}

#[cfg(test)]
mod tests {
    use super::super::routes;

    #[test]
    fn every_route_of_the_api_is_described_and_nothing_else() {
        let document: serde_json::Value = serde_json::from_str(&super::document()).unwrap();
        let mut described: Vec<String> = Vec::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                described.push(format!("{method} {path}"));
            }
        }
        let mut registered: Vec<String> = routes::ALL
            .iter()
            .filter(|(path, _)| path.starts_with("/api/"))
            .flat_map(|(path, methods)| methods.iter().map(move |m| format!("{m} {path}")))
            .collect();
        described.sort();
        registered.sort();
        assert_eq!(described, registered);
    }
}
