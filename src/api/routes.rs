//! Every route there is.

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};

use super::error::ApiError;
use super::{apps, desktop, events, files, jobs, page};

/// Registers the routes, and lists them so that a test can hold the OpenAPI document against them.
macro_rules! routes {
    ($($path:literal => $($method:ident $handler:path),+;)+) => {
        /// Registers every route.
        pub(super) fn all(config: &mut ServiceConfig) {
            $(config.service(
                web::resource($path)
                    $(.route(web::$method().to($handler)))+
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
    "/store/download" => post desktop::download, get desktop::not_offered_yet;
    "/store/upload" => post desktop::not_offered_yet;
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
    "/api/apps" => get apps::list, post apps::add;
    "/api/apps/{name}" => get apps::get;
    "/api/apps/{name}/install" => post apps::install;
    "/api/apps/{name}/uninstall" => post apps::uninstall;
    "/api/apps/{name}/start" => post apps::start;
    "/api/apps/{name}/stop" => post apps::stop;
    "/api/apps/{name}/restart" => post apps::restart;
    "/api/apps/{name}/run/{list}" => post apps::run;
    "/api/apps/{name}/config" => get apps::config, patch apps::change_config;
    "/api/apps/{name}/config/{key}" => get apps::config_value;
    "/api/apps/{name}/plan/{list}" => get apps::plan;
    "/api/apps/{name}/problems" => get apps::problems;
    "/api/apps/{name}/doctor" => get apps::diagnose;
    "/api/apps/{name}/logs" => get apps::logs;
    "/api/jobs" => get jobs::list;
    "/api/jobs/{id}" => get jobs::get, delete jobs::cancel;
    "/api/jobs/{id}/log" => get jobs::log;
    "/api/events" => get events::events;
    "/api/status" => get events::status;
    "/api/openapi.json" => get page::openapi;

    // Pages.
    "/" => get page::index, head page::index;
    "/schema/install.json.schema" => get page::install_schema;
    "/schema/store.json.schema" => get page::store_schema;
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
