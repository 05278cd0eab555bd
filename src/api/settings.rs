//! `/api/settings`: the service's own settings.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, web};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::apps::Answer;
use super::body::Json;
use super::error::ApiError;
use super::page::{Language, PREFERENCES, Theme};
use super::state::State;
use crate::platform;
use crate::service::PROXY;

/// The service's own settings.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Settings {
    /// Who is asked for what is not on this computer, without a password; null: as the environment
    /// says (`HTTPS_PROXY` and its kin).
    proxy: Option<String>,
    /// The language of the page; null: as the browser says.
    language: Option<Language>,
    /// The colours of the page; null: as the browser says.
    theme: Option<Theme>,
    /// Whether the service starts with the user's session.
    autostart: Autostart,
}

/// Whether the service starts with the user's session.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct Autostart {
    /// It does.
    enabled: bool,
    /// It can.
    possible: bool,
    /// Where that is noted.
    place: Option<String>,
}

/// New settings; what is left out stays.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SettingsChange {
    /// An address such as `http://proxy:3128` or `socks5://localhost:1080`; null: as the environment
    /// says.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    proxy: Wish<String>,
    /// The language of the page; null: as the browser says.
    #[serde(default)]
    #[schema(value_type = Option<Language>)]
    language: Wish<Language>,
    /// The colours of the page; null: as the browser says.
    #[serde(default)]
    #[schema(value_type = Option<Theme>)]
    theme: Wish<Theme>,
    /// Start the service with the user's session, or no longer.
    #[serde(default)]
    autostart: Option<bool>,
}

/// What is asked of one setting.
#[derive(Default)]
enum Wish<T> {
    /// Its key is not there.
    #[default]
    AsItIs,
    /// It is null.
    Unset,
    /// It is this.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Wish<T> {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(value)? {
            None => Self::Unset,
            Some(value) => Self::Set(value),
        })
    }
}

impl<T> Wish<T> {
    /// What a setting becomes that is `value` now.
    fn or(self, value: Option<T>) -> Option<T> {
        match self {
            Self::AsItIs => value,
            Self::Unset => None,
            Self::Set(value) => Some(value),
        }
    }

    fn is_as_it_is(&self) -> bool {
        matches!(self, Self::AsItIs)
    }
}

/// The settings.
#[utoipa::path(get, path = "/api/settings", tag = "service",
    responses((status = 200, description = "The settings", body = Settings)))]
pub(super) async fn get(state: web::Data<State>) -> Answer {
    let database = state.service.database.clone();
    let name = autostart_name(&state);
    let possible = state.command.is_ok();
    let read = web::block(move || {
        let proxy = database.setting::<Url>(PROXY)?;
        let place = platform::autostart_place(&name);
        let autostart = Autostart {
            enabled: platform::starts_with_session(&name),
            possible: possible && place.is_some(),
            place,
        };
        Ok::<_, crate::database::DatabaseError>((proxy, autostart))
    });
    let (proxy, autostart) = read
        .await?
        .map_err(|error| ApiError::internal(error.to_string()))?;
    let shown = |mut proxy: Url| {
        if proxy.password().is_some() {
            // An address that has a password can be given another.
            let _ = proxy.set_password(Some("***"));
        }
        proxy.to_string()
    };
    let preferences = state.pages.preferences();
    Ok(HttpResponse::Ok().json(Settings {
        proxy: proxy.map(shown),
        language: preferences.language,
        theme: preferences.theme,
        autostart,
    }))
}

/// Changes settings.
#[utoipa::path(patch, path = "/api/settings", tag = "service", request_body = SettingsChange,
    responses((status = 200, description = "The settings", body = Settings),
              (status = 400, description = "A setting makes no sense"),
              (status = 409, description = "The system cannot start this service as it was started"),
              (status = 500, description = "The system refuses it")))]
pub(super) async fn change(state: web::Data<State>, Json(change): Json<SettingsChange>) -> Answer {
    if !change.proxy.is_as_it_is() {
        let proxy = change.proxy.or(None);
        let proxy = proxy.map(|proxy| proxy_of(&proxy)).transpose()?;
        let service = state.service.clone();
        let saved = state
            .main
            .spawn(async move { service.set_proxy(proxy.as_ref()).await });
        saved
            .await
            .map_err(|error| ApiError::internal(error.to_string()))?
            .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    }
    prefer(&state, change.language, change.theme).await?;
    if let Some(wanted) = change.autostart {
        start_with_session(&state, wanted).await?;
    }
    get(state).await
}

/// Notes how the page is wanted.
async fn prefer(
    state: &State,
    language: Wish<Language>,
    theme: Wish<Theme>,
) -> Result<(), ApiError> {
    let mut preferences = state.pages.preferences();
    if language.is_as_it_is() && theme.is_as_it_is() {
        return Ok(());
    }
    preferences.language = language.or(preferences.language);
    preferences.theme = theme.or(preferences.theme);
    let (pages, database) = (state.pages.clone(), state.service.database.clone());
    let saved = state.main.spawn(async move {
        database
            .save_setting(PREFERENCES, Some(&preferences))
            .await?;
        pages.prefer(preferences);
        Ok::<_, crate::database::DatabaseError>(())
    });
    saved
        .await
        .map_err(|error| ApiError::internal(error.to_string()))?
        .map_err(|error| ApiError::internal(error.to_string()))
}

/// What the service is called where the system notes what starts with the session: services of different
/// homes are different programs.
fn autostart_name(state: &State) -> String {
    let home = state.service.library.home();
    let usual = std::env::home_dir().map(|dir| dir.join(".godoos"));
    if usual.as_deref() == Some(home) {
        return "storekeeper".to_owned();
    }
    let digest = Sha256::digest(home.to_string_lossy().as_bytes());
    let digest = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
    format!("storekeeper-{}", digest.collect::<String>())
}

async fn start_with_session(state: &State, wanted: bool) -> Result<(), ApiError> {
    let name = autostart_name(state);
    let command = match state.command.clone() {
        Err(reason) if wanted => {
            return Err(ApiError::new(
                StatusCode::CONFLICT,
                format!("this service cannot be started with the session: {reason}"),
            ));
        }
        command => command.unwrap_or_default(),
    };
    let noted = web::block(move || {
        if wanted {
            platform::start_with_session(&name, &command)
        } else {
            platform::leave_session(&name)
        }
    });
    noted.await?.map_err(|error| {
        ApiError::internal(format!(
            "whether the service starts with the session cannot be changed: {error}"
        ))
    })
}

fn proxy_of(text: &str) -> Result<Url, ApiError> {
    let shown: String = text.escape_debug().take(200).collect();
    let refuse = |why: &str| {
        ApiError::invalid(format!(
            "`{shown}` is no proxy: {why}; give an address such as http://proxy:3128 or socks5://localhost:1080"
        ))
    };
    let proxy = Url::parse(text.trim()).map_err(|error| refuse(&error.to_string()))?;
    match proxy.scheme() {
        "http" | "https" | "socks5" | "socks5h" if proxy.host_str().is_some() => Ok(proxy),
        scheme => Err(refuse(&format!("`{scheme}` is not understood"))),
    }
}
