//! The pages of our own: the page of the service, what a browser sees when something fails, the list
//! of the apps' pages; the schemas and the description of the API. Rendered by Handlebars from the
//! templates among the page's files.

use std::sync::{LazyLock, PoisonError, RwLock};

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, web};
use handlebars::Handlebars;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::apps::Answer;
use super::assets::{Assets, Wanted};
use super::error::ApiError;
use super::files;
use super::openapi;
use super::state::State;
use super::stream;
use crate::app::schema;

/// Nothing from elsewhere but icons, no script in a page's text, and in nobody's frame: its buttons are
/// not for others to place under a user's pointer.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: http: https:; font-src 'self'; connect-src 'self'; frame-src 'self'; \
    manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A page that only tells something.
const PLAIN_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data: http: https:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";

/// Icons of the page, the first that is there is shown in a tab.
const ICONS: [&str; 3] = ["favicon.ico", "icon.svg", "app.svg"];

/// A language of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// Colours of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// How the user wants the page; what is not said is as the browser says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Preferences {
    /// Its language.
    pub language: Option<Language>,
    /// Its colours.
    pub theme: Option<Theme>,
}

/// The setting that holds them.
pub(super) const PREFERENCES: &str = "page";

/// What pages are made of.
#[derive(Debug, Default)]
pub(super) struct Pages {
    assets: Assets,
    preferences: RwLock<Preferences>,
}

impl Pages {
    /// Pages from these files, as the user wants them.
    pub(super) fn new(assets: Assets, preferences: Preferences) -> Self {
        Self {
            assets,
            preferences: RwLock::new(preferences),
        }
    }

    /// The files.
    pub(super) fn assets(&self) -> &Assets {
        &self.assets
    }

    /// How the user wants the page.
    pub(super) fn preferences(&self) -> Preferences {
        *self
            .preferences
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on like this.
    pub(super) fn prefer(&self, preferences: Preferences) {
        *self
            .preferences
            .write()
            .unwrap_or_else(PoisonError::into_inner) = preferences;
    }

    /// The language for a browser.
    fn language(&self, accept_language: &str) -> Language {
        self.preferences()
            .language
            .unwrap_or_else(|| language_of(accept_language))
    }

    /// What every template can say.
    fn common(&self, accept_language: &str) -> Value {
        let language = self.language(accept_language);
        json!({
            "lang": language,
            "zh": language == Language::Zh,
            "theme": self.preferences().theme.map_or_else(|| json!("auto"), |theme| json!(theme)),
            "base": self.assets.base(),
            "version": env!("CARGO_PKG_VERSION"),
        })
    }

    /// Renders a template. May block.
    fn render(&self, template: &str, data: &Value) -> Result<String, ApiError> {
        let fail = |error: &dyn std::fmt::Display| {
            ApiError::internal(format!("the page `{template}` cannot be made: {error}"))
        };
        match &self.assets {
            Assets::Built => {
                static ENGINE: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
                    let mut engine = engine();
                    for name in super::assets::TEMPLATES {
                        let text = Assets::Built.text(name).unwrap_or_default();
                        if let Err(error) = engine.register_template_string(name, &text) {
                            tracing::error!("the page `{name}` is no template: {error}");
                        }
                    }
                    engine
                });
                ENGINE.render(template, data).map_err(|error| fail(&error))
            }
            Assets::Folder(folder) => {
                let text = self
                    .assets
                    .text(template)
                    .ok_or_else(|| fail(&format!("`{}` has none", folder.display())))?;
                engine()
                    .render_template(&text, data)
                    .map_err(|error| fail(&error))
            }
        }
    }

    /// What a browser shows instead of an answer that failed. May block, shortly.
    pub(super) fn error(
        &self,
        told: &Told,
        accept_language: &str,
        frames: Option<&header::HeaderValue>,
    ) -> HttpResponse {
        let mut data = self.common(accept_language);
        let is_chinese = self.language(accept_language) == Language::Zh;
        for (key, value) in [
            ("status", json!(told.status.as_u16())),
            ("title", json!(title_of(told.status, is_chinese))),
            ("message", json!(told.message)),
        ] {
            if let Some(data) = data.as_object_mut() {
                data.insert(key.to_owned(), value);
            }
        }
        let text = self.render("error.html", &data).unwrap_or_else(|error| {
            tracing::error!("{error}");
            format!("<!doctype html><title>{}</title>", told.status)
        });
        let response = HttpResponse::build(told.status)
            .content_type(HTML)
            .body(text);
        let mut response = guarded(response, PLAIN_POLICY);
        if let Some(frames) = frames {
            let headers = response.headers_mut();
            headers.remove(header::X_FRAME_OPTIONS);
            // Two policies hold together; this one is about frames alone.
            let plain = PLAIN_POLICY.replace("; frame-ancestors 'none'", "");
            if let Ok(plain) = header::HeaderValue::try_from(plain) {
                headers.insert(header::CONTENT_SECURITY_POLICY, plain);
            }
            headers.append(header::CONTENT_SECURITY_POLICY, frames.clone());
        }
        response.headers_mut().insert(
            header::CACHE_CONTROL,
            header::HeaderValue::from_static("no-store"),
        );
        response
    }
}

/// A failure that was told in JSON, so that it can be told in a page.
#[derive(Clone, Debug)]
pub(super) struct Told {
    /// The HTTP status.
    pub status: StatusCode,
    /// The sentence.
    pub message: String,
}

fn engine() -> Handlebars<'static> {
    let mut engine = Handlebars::new();
    engine.set_strict_mode(false);
    engine
}

/// A status for people.
fn title_of(status: StatusCode, is_chinese: bool) -> &'static str {
    let (chinese, english) = match status.as_u16() {
        400 | 422 => ("请求有误", "This request makes no sense"),
        401 => ("需要令牌", "A token is wanted"),
        403 => ("不允许", "Not allowed"),
        404 => ("找不到", "Nothing here"),
        405 => ("方法不支持", "Not done this way"),
        409 => ("现在不行", "Not now"),
        421 => ("主机名不对", "Another name is meant"),
        503 => ("服务正在停止", "The service is ending"),
        _ => ("出错了", "Something went wrong"),
    };
    if is_chinese { chinese } else { english }
}

/// The language that a browser likes best; English when it likes neither.
fn language_of(accept_language: &str) -> Language {
    let mut best = (Language::En, 0.0);
    for entry in accept_language.split(',') {
        let (tag, rest) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = rest.trim().strip_prefix("q=").map_or(1.0, |weight| {
            weight.trim().parse::<f32>().unwrap_or_default()
        });
        let primary = tag.trim().split('-').next().unwrap_or_default();
        let language = match primary.to_ascii_lowercase().as_str() {
            "zh" => Language::Zh,
            "en" => Language::En,
            _ => continue,
        };
        // The first of equals wins.
        if weight > best.1 {
            best = (language, weight);
        }
    }
    best.0
}

/// What a browser says of languages.
pub(super) fn accept_language(headers: &header::HeaderMap) -> String {
    headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned()
}

fn guarded(mut response: HttpResponse, policy: &'static str) -> HttpResponse {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "Accept-Encoding, Accept-Language"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    response
}

/// The page of the service.
pub(super) async fn index(request: HttpRequest, state: web::Data<State>) -> Answer {
    let wanted = Wanted::of(&request);
    let languages = accept_language(request.headers());
    let state = state.into_inner();
    let text = web::block(move || {
        let pages = &state.pages;
        let base = pages.assets.base();
        let mut data = pages.common(&languages);
        let boot = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "lang": data.get("lang"),
            "theme": data.get("theme"),
            "boot": state.service.events.boot(),
            "events": stream::Cursor::now(&state.service.events).to_string(),
            "home": state.service.library.home().display().to_string(),
            "os": crate::library::OS,
            "pid": std::process::id(),
            "port": state.port,
            "base": base,
        });
        if let Some(data) = data.as_object_mut() {
            data.insert("boot".to_owned(), boot.to_string().into());
        }
        pages.render("index.html", &data)
    })
    .await??;
    Ok(guarded(wanted.text(HTML, text), POLICY))
}

/// The picture for a tab.
pub(super) async fn icon(request: HttpRequest, state: web::Data<State>) -> Answer {
    let wanted = Wanted::of(&request);
    let state = state.into_inner();
    let found = web::block(move || {
        let assets = state.pages.assets();
        ICONS.into_iter().find_map(|icon| assets.find(icon))
    })
    .await?;
    match found {
        Some(icon) => Ok(wanted.answer(icon)),
        None => Err(ApiError::not_found("there is no icon")),
    }
}

/// The apps that have pages.
pub(super) async fn listing(request: &HttpRequest, state: web::Data<State>) -> Answer {
    let wanted = Wanted::of(request);
    let languages = accept_language(request.headers());
    let state = state.into_inner();
    let text = web::block(move || {
        let entries = state.roster.entries(&state.service);
        let library = &state.service.library;
        let apps: Vec<Value> = entries
            .iter()
            .filter_map(|entry| {
                let index = format!("{}/index.html", entry.name);
                let page = files::find(library, &index)?;
                page.is_file().then(|| {
                    json!({
                        "name": entry.name,
                        "icon": entry.icon,
                        "desc": entry.install.desc,
                        "page": format!("/static/{}/", entry.name),
                    })
                })
            })
            .collect();
        let mut data = state.pages.common(&languages);
        if let Some(data) = data.as_object_mut() {
            data.insert("apps".to_owned(), apps.into());
        }
        state.pages.render("listing.html", &data)
    })
    .await??;
    Ok(guarded(wanted.text(HTML, text), PLAIN_POLICY))
}

/// Describes the API.
#[utoipa::path(get, path = "/api/openapi.json", tag = "service",
    responses((status = 200, description = "The OpenAPI document", body = Object)))]
pub(super) async fn openapi() -> HttpResponse {
    // Made when first asked for: most runs never need it.
    static DOCUMENT: LazyLock<String> = LazyLock::new(openapi::document);
    HttpResponse::Ok()
        .content_type(header::ContentType::json())
        .body(DOCUMENT.as_str())
}

/// Describes `install.json` to editors.
pub(super) async fn install_schema() -> Result<HttpResponse, ApiError> {
    Ok(schema_answer(web::block(schema::install).await?))
}

/// Describes `store.json` to editors.
pub(super) async fn store_schema() -> Result<HttpResponse, ApiError> {
    Ok(schema_answer(web::block(schema::store).await?))
}

fn schema_answer(text: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/schema+json")
        .body(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_the_one_that_the_browser_likes_best() {
        for (header, expected) in [
            ("", Language::En),
            ("de-DE,de", Language::En),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Zh),
            ("en-US,en;q=0.9,zh;q=0.8", Language::En),
            ("fr, zh-TW;q=0.4, en;q=0.3", Language::Zh),
            ("zh;q=0, en;q=0.1", Language::En),
            ("ZH", Language::Zh),
        ] {
            assert_eq!(language_of(header), expected, "{header}");
        }
    }

    #[test]
    fn every_template_can_be_rendered() {
        let pages = Pages::default();
        for template in super::super::assets::TEMPLATES {
            let text = pages.render(template, &pages.common("zh")).unwrap();
            assert!(text.starts_with("<!doctype html>"), "{template}: {text}");
            assert!(text.contains("lang=\"zh-CN\""), "{template}: {text}");
        }
    }

    #[test]
    fn what_a_page_tells_is_text_and_never_a_part_of_it() {
        let pages = Pages::default();
        let told = Told {
            status: StatusCode::NOT_FOUND,
            message: "<script>alert(1)</script>".to_owned(),
        };
        let mut data = pages.common("");
        data["message"] = told.message.clone().into();
        let text = pages.render("error.html", &data).unwrap();
        assert!(!text.contains("<script>alert"), "{text}");
    }
}
