//! The OpenAPI document of our own API.

use utoipa::OpenApi;

use super::v1::{actions, categories, repos, users, versions};
use super::{
    apps, catalogs, doctor, events, form, history, inspect, install, jobs, log_view, notices,
    origins, packages, page, port_map, published, repositories, settings, shelf, transfer, trash,
    v1,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Storekeeper",
        description = "A local app store: installs, starts, sets up and supervises apps. Changes are jobs: a POST answers 202 with the job's number, or with `?wait=true` the finished job. Errors are `{\"code\": -1, \"message\": …}` with a matching status. A program on this computer needs no credentials unless the service was started with a token; a page needs an allowed origin.",
    ),
    paths(
        apps::list,
        apps::get,
        install::add,
        install::install,
        install::upgrade,
        install::rollback,
        install::offers,
        packages::upload,
        inspect::package,
        inspect::offered,
        transfer::export,
        transfer::import,
        trash::list,
        trash::restore,
        trash::remove,
        trash::empty,
        apps::uninstall,
        apps::start,
        apps::stop,
        apps::restart,
        apps::run,
        apps::config,
        apps::change_config,
        apps::config_value,
        form::get,
        form::preview,
        form::preview_list,
        form::revert,
        form::effects,
        port_map::list,
        port_map::free,
        apps::plan,
        apps::problems,
        apps::diagnose,
        apps::logs,
        history::of_app,
        history::of_all,
        log_view::window,
        log_view::search,
        log_view::follow,
        log_view::download,
        catalogs::list,
        catalogs::add,
        catalogs::remove,
        catalogs::refresh,
        catalogs::refresh_all,
        catalogs::offers,
        shelf::get,
        shelf::upload,
        shelf::remove,
        shelf::icon,
        repositories::list,
        repositories::get,
        repositories::add,
        repositories::change,
        repositories::remove,
        repositories::try_out,
        repositories::validate,
        repositories::index,
        repositories::events,
        repositories::packages,
        published::index,
        published::file,
        catalogs::offer,
        jobs::list,
        jobs::get,
        jobs::cancel,
        jobs::retry,
        jobs::log,
        events::events,
        events::status,
        notices::list,
        notices::seen,
        origins::list,
        origins::decide,
        origins::forget,
        settings::get,
        settings::change,
        page::openapi,
        users::me,
        users::log_in,
        users::log_out,
        v1::session::sign_in,
        v1::session::sign_out,
        users::list,
        users::add,
        users::change,
        users::remove,
        users::tokens,
        users::add_token,
        users::revoke,
        v1::apps::list,
        v1::apps::create,
        v1::apps::modify,
        v1::apps::delete,
        v1::apps::validate_package,
        v1::apps::statistics,
        v1::apps::list_active,
        v1::apps::attachment,
        v1::apps::attach,
        versions::list,
        versions::create,
        versions::modify,
        versions::list_active,
        versions::package,
        v1::review::review,
        versions::files,
        versions::audits,
        versions::reviews,
        actions::act,
        actions::review,
        categories::list,
        categories::add,
        categories::change,
        categories::remove,
        repos::list,
        repos::add,
        repos::change,
        repos::remove,
        repos::validate,
        repos::index,
        repos::events,
    ),
    components(schemas(doctor::Diagnosis)),
    tags(
        (name = "apps", description = "The apps of this computer"),
        (name = "config", description = "Their settings"),
        (name = "ports", description = "Who wants and who holds which"),
        (name = "logs", description = "Their output"),
        (name = "trash", description = "What uninstalled apps left"),
        (name = "catalogs", description = "What can be installed"),
        (name = "shelf", description = "The packages of the package server that runs inside"),
        (name = "repositories", description = "Where packages are published"),
        (name = "jobs", description = "Changes under way and past"),
        (name = "events", description = "What happens"),
        (name = "publishing", description = "Apps and versions on their way into the store; errors have `name`, `message_zh` and `details` besides"),
        (name = "users", description = "Accounts, roles and tokens"),
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
            .filter(|(path, _)| {
                ["/api/", "/v1/", "/repo/"]
                    .iter()
                    .any(|it| path.starts_with(it))
            })
            .flat_map(|(path, methods)| methods.iter().map(move |m| format!("{m} {path}")))
            // A HEAD is a GET without its body.
            .filter(|described| !described.starts_with("head "))
            .collect();
        described.sort();
        registered.sort();
        assert_eq!(described, registered);
    }
}
