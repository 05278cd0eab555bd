//! Every route there is.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Route, guard};

use super::error::ApiError;
use super::v1::{actions, categories, repos, users, versions};
use super::{
    apps, catalogs, desktop, events, files, form, history, inspect, install, jobs, log_view,
    notices, origins, packages, page, port_map, published, repositories, settings, shelf, transfer,
    trash, v1,
};

/// Registers the routes, and lists them so that a test can hold the OpenAPI document against them.
macro_rules! routes {
    ($($path:literal => $($method:ident $handler:path),+;)+) => {
        /// Registers every route.
        pub(super) fn all(config: &mut ServiceConfig) {
            $(config.service(
                web::resource($path)
                    $(.route(reading($path, stringify!($method), web::$method()).to($handler)))+
                    .default_service(web::to(wrong_method)),
            );)+
            config.default_service(web::to(nowhere));
        }

        /// Every route as its path with its methods.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &[&str])] =
            &[$(($path, &[$(stringify!($method)),+])),+];
    };
}

routes! {
    // The desktop's.
    "/ping" => get desktop::ping, head desktop::ping;
    "/store/storelist" => get desktop::store_list;
    "/store/installInfo" => get desktop::install_info;
    "/store/install" => get desktop::install;
    "/store/download" => post desktop::download, get desktop::fetch;
    "/store/upload" => post desktop::upload;
    "/store/uninstall" => get desktop::uninstall;
    "/store/setting" => post desktop::setting;
    "/store/start/{name:.+}" => get desktop::start;
    "/store/stop/{name:.+}" => get desktop::stop;
    "/store/restart/{name:.+}" => get desktop::restart;
    "/store/startall" => get desktop::start_all;
    "/store/stopall" => get desktop::stop_all;
    "/store/listporgress" => get desktop::list_progress;
    "/store/listport" => get desktop::list_port;
    "/store/killport" => get desktop::kill_port;
    "/static/{path:.*}" => get files::serve, head files::serve;

    // Ours.
    "/api/apps" => get apps::list, post install::add;
    "/api/apps/{name}" => get apps::get;
    "/api/apps/{name}/install" => post install::install;
    "/api/apps/{name}/upgrade" => post install::upgrade;
    "/api/apps/{name}/rollback" => post install::rollback;
    "/api/apps/{name}/offers" => patch install::offers;
    "/api/apps/{name}/export" => post transfer::export;
    "/api/apps/{name}/uninstall" => post apps::uninstall;
    "/api/apps/{name}/start" => post apps::start;
    "/api/apps/{name}/stop" => post apps::stop;
    "/api/apps/{name}/restart" => post apps::restart;
    "/api/apps/{name}/run/{list}" => post apps::run;
    "/api/apps/{name}/config" => get apps::config, patch apps::change_config;
    "/api/apps/{name}/config/revert" => post form::revert;
    "/api/apps/{name}/form" => get form::get;
    "/api/apps/{name}/preview" => post form::preview;
    "/api/apps/{name}/preview/{list}" => post form::preview_list;
    "/api/apps/{name}/effects" => get form::effects;
    "/api/apps/{name}/config/{key}" => get apps::config_value;
    "/api/apps/{name}/plan/{list}" => get apps::plan;
    "/api/apps/{name}/problems" => get apps::problems;
    "/api/apps/{name}/doctor" => get apps::diagnose;
    "/api/apps/{name}/history" => get history::of_app;
    "/api/apps/{name}/logs" => get apps::logs;
    "/api/apps/{name}/log" => get log_view::window;
    "/api/apps/{name}/log/search" => get log_view::search;
    "/api/apps/{name}/log/follow" => get log_view::follow;
    "/api/apps/{name}/log/download" => get log_view::download;
    "/api/packages" => post packages::upload;
    "/api/packages/inspect" => post inspect::package;
    "/api/import" => post transfer::import;
    "/api/trash" => get trash::list, delete trash::empty;
    "/api/trash/{id}" => delete trash::remove;
    "/api/trash/{id}/restore" => post trash::restore;
    "/api/catalogs" => get catalogs::list, post catalogs::add;
    "/api/catalogs/refresh" => post catalogs::refresh_all;
    "/api/catalogs/{name}" => delete catalogs::remove;
    "/api/catalogs/{name}/refresh" => post catalogs::refresh;
    "/api/catalog" => get catalogs::offers;
    "/api/catalog/{name}" => get catalogs::offer;
    "/api/catalog/{name}/inspect" => post inspect::offered;
    "/api/history" => get history::of_all;
    "/api/ports" => get port_map::list;
    "/api/ports/free" => get port_map::free;
    "/api/shelf" => get shelf::get;
    "/api/shelf/packages" => put shelf::upload;
    "/api/shelf/packages/{id}" => delete shelf::remove;
    "/api/shelf/packages/{id}/icon" => get shelf::icon;
    "/api/repositories" => get repositories::list, post repositories::add;
    "/api/repositories/validate" => post repositories::try_out;
    "/api/repositories/{name}" => get repositories::get, patch repositories::change, delete repositories::remove;
    "/api/repositories/{name}/validate" => post repositories::validate;
    "/api/repositories/{name}/index" => post repositories::index;
    "/api/repositories/{name}/events" => get repositories::events;
    "/api/repositories/{name}/packages" => get repositories::packages;
    "/api/jobs" => get jobs::list;
    "/api/jobs/{id}" => get jobs::get, delete jobs::cancel;
    "/api/jobs/{id}/retry" => post jobs::retry;
    "/api/jobs/{id}/log" => get jobs::log;
    "/api/events" => get events::events;
    "/api/notices" => get notices::list;
    "/api/notices/seen" => post notices::seen;
    "/api/origins" => get origins::list, post origins::decide, delete origins::forget;
    "/api/status" => get events::status;
    "/api/settings" => get settings::get, patch settings::change;
    "/api/openapi.json" => get page::openapi;

    // Publishing, by OpenPitrix's paths.
    "/v1/me" => get users::me;
    "/v1/login" => post users::log_in;
    "/v1/logout" => post users::log_out;
    "/v1/session" => post v1::session::sign_in, delete v1::session::sign_out;
    "/v1/users" => get users::list, post users::add, patch users::change, delete users::remove;
    "/v1/tokens" => get users::tokens, post users::add_token, delete users::revoke;
    "/v1/apps" => get v1::apps::list, post v1::apps::create, patch v1::apps::modify, delete v1::apps::delete;
    "/v1/apps/validate_package" => post v1::apps::validate_package;
    "/v1/apps/statistics" => get v1::apps::statistics;
    "/v1/active_apps" => get v1::apps::list_active;
    "/v1/app/attachment" => get v1::apps::attachment, patch v1::apps::attach;
    "/v1/app_versions" => get versions::list, post versions::create, patch versions::modify;
    "/v1/active_app_versions" => get versions::list_active;
    "/v1/app_version/package" => get versions::package;
    "/v1/app_version/package/files" => get versions::files;
    "/v1/app_version/review" => get v1::review::review;
    "/v1/app_version/action/{action}" => post actions::act;
    "/v1/app_version/action/{action}/{reviewer}" => post actions::review;
    "/v1/app_version_audits" => get versions::audits;
    "/v1/app_version_reviews" => get versions::reviews;
    "/v1/categories" => get categories::list, post categories::add, patch categories::change, delete categories::remove;

    // Our repositories, for others.
    "/repo/{repository}/index.yaml" => get published::index, head published::index;
    "/repo/{repository}/{file}" => get published::file, head published::file;

    "/v1/repos" => get repos::list, post repos::add, patch repos::change, delete repos::remove;
    "/v1/repos/validate" => get repos::validate;
    "/v1/repos/index" => post repos::index;
    "/v1/repo_events" => get repos::events;

    // Pages.
    "/" => get page::index, head page::index;
    "/favicon.ico" => get page::icon, head page::icon;
    "/schema/install.json.schema" => get page::install_schema;
    "/schema/store.json.schema" => get page::store_schema;
}

/// Below `/v1/` all that answers GET answers HEAD: nothing there is changed by being asked for.
fn reading(path: &str, method: &str, route: Route) -> Route {
    if method == "get" && path.starts_with("/v1/") {
        return web::route().guard(guard::Any(guard::Get()).or(guard::Head()));
    }
    route
}

async fn nowhere(request: HttpRequest) -> HttpResponse {
    ApiError::not_found(format!(
        "there is nothing at `{}`; /api/openapi.json lists what there is",
        shown(&request)
    ))
    .response()
}

async fn wrong_method(request: HttpRequest) -> HttpResponse {
    ApiError::new(
        actix_web::http::StatusCode::METHOD_NOT_ALLOWED,
        format!(
            "`{}` does not take {}; /api/openapi.json lists what there is",
            shown(&request),
            request.method()
        ),
    )
    .response()
}

fn shown(request: &HttpRequest) -> String {
    request.path().escape_debug().take(200).collect()
}
