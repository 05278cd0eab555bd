//! `/static/…`: settings pages and icons. An app's own `static/` folder is looked at first, so that
//! a page follows the changes of its source; then the copy below the home.

use std::fs::File;
use std::path::{Path, PathBuf};

use actix_files::NamedFile;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};

use super::assets::Wanted;
use super::error::ApiError;
use super::page;
use super::state::State;
use crate::app::AppName;
use crate::library::Library;

/// Our own files under a name that no app can have.
const OWN: &str = "_";

/// What a path below `/static/` is.
enum Found {
    File(File, PathBuf),
    Folder,
}

/// Serves one path.
pub(super) async fn serve(
    request: HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, ApiError> {
    let raw = request.uri().path();
    let tail = raw.strip_prefix("/static/").unwrap_or("");
    if raw.ends_with("/index.html") {
        // One page has one address; the desktop's frame asks for this one.
        return Ok(redirect(&request, "./"));
    }
    let missing = || ApiError::not_found("there is no such file below /static/");
    if tail.is_empty() {
        return page::listing(&request, state).await;
    }
    let Some(relative) = decode(tail) else {
        return Err(missing());
    };
    if let Some((OWN, name)) = relative.split_once('/') {
        let (wanted, name) = (Wanted::of(&request), name.to_owned());
        let state = state.into_inner();
        let found = web::block(move || state.pages.assets().find(&name)).await?;
        return Ok(wanted.answer(found.ok_or_else(missing)?));
    }
    let library = state.service.library.clone();
    let found = web::block(move || open(&library, &relative)).await?;
    match found {
        Some(Found::Folder) if !raw.ends_with('/') => {
            let last = raw.rsplit('/').next().unwrap_or("");
            Ok(redirect(&request, &format!("./{last}/")))
        }
        Some(Found::File(file, path)) => {
            let file = NamedFile::from_file(file, path)
                .map_err(|error| ApiError::internal(format!("the file cannot be read: {error}")))?
                .use_etag(true)
                .prefer_utf8(true)
                .disable_content_disposition();
            Ok(framed(&state, file.into_response(&request)))
        }
        Some(Found::Folder) | None => Err(missing()),
    }
}

/// Sends the browser to a path relative to the one it asked for.
fn redirect(request: &HttpRequest, path: &str) -> HttpResponse {
    let query = request.query_string();
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    HttpResponse::MovedPermanently()
        .insert_header((header::LOCATION, target))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .finish()
}

fn framed(state: &State, mut response: HttpResponse) -> HttpResponse {
    let headers = response.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        state.policy.frame_ancestors(),
    );
    // Pages change under the developer's hands: a copy is asked for again, which costs a 304.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    response
}

/// Turns the path of a request into a relative path that stays below its root on every system, or
/// nothing.
fn decode(raw: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    is_inside(text.strip_suffix('/').unwrap_or(&text)).then_some(text)
}

/// Whether each part of a relative path is a plain name on every system.
fn is_inside(path: &str) -> bool {
    path.split('/').all(|part| {
        let stem = part.split('.').next().unwrap_or(part);
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.ends_with(['.', ' '])
            && !part.contains(|c: char| c == '\\' || c == ':' || c.is_control())
            // The rule for apps' names knows the devices.
            && (stem.is_empty() || !is_device(stem))
    })
}

fn is_device(stem: &str) -> bool {
    stem.len() <= 4
        && stem.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && AppName::parse(stem).is_err()
}

/// The file or folder that is served for `<app>/<path>`, if there is one.
pub(super) fn find(library: &Library, relative: &str) -> Option<PathBuf> {
    if !is_inside(relative.trim_end_matches('/')) {
        return None;
    }
    let (first, rest) = relative.split_once('/').unwrap_or((relative, ""));
    if let Ok(app) = AppName::parse(first) {
        let dir = library.app_dir(&app);
        // The pages themselves may be a link, but not to anything else of this computer.
        if let Some(root) = below(&dir, "static")
            && let Some(path) = below(&root, rest)
        {
            return Some(path);
        }
    }
    below(&library.static_dir(), relative)
}

/// `root/relative` with all links followed, when it is there and does not lead out of `root`.
pub(super) fn below(root: &Path, relative: &str) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let path = root.join(relative).canonicalize().ok()?;
    path.starts_with(&root).then_some(path)
}

fn open(library: &Library, relative: &str) -> Option<Found> {
    let path = find(library, relative)?;
    let path = if !path.is_dir() {
        // `icon.png/` is not the file.
        if relative.ends_with('/') {
            return None;
        }
        path
    } else if relative.ends_with('/') {
        find(library, &format!("{relative}index.html"))?
    } else {
        return Some(Found::Folder);
    };
    // A pipe or a device would keep the thread.
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let file = File::open(&path).ok()?;
    Some(Found::File(file, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_below_its_root() {
        for (raw, expected) in [
            ("hello/icon.png", Some("hello/icon.png")),
            ("hello/", Some("hello/")),
            ("hello", Some("hello")),
            ("my.app1%2E2/a%20b.png", Some("my.app1.2/a b.png")),
            ("%E4%B8%AD/x.png", Some("中/x.png")),
            ("", None),
            ("/etc/passwd", None),
            ("hello//x", None),
            ("../data/token", None),
            ("hello/../../data/token", None),
            ("hello/..", None),
            ("hello/./x", None),
            ("%2e%2e/data/token", None),
            ("hello/%2e%2e%2fx", None),
            ("hello%2f..%2fx", None),
            ("hello\\..\\x", None),
            ("hello/%5c..%5cx", None),
            ("c:/windows", None),
            ("hello/x::$DATA", None),
            ("hello/nul", None),
            ("hello/CON.txt", None),
            ("hello/x.", None),
            ("hello/x%20", None),
            ("hello/%00", None),
            ("hello/%ff", None),
            ("hello/%", None),
            ("hello/%2", None),
            ("hello/%zz", None),
        ] {
            assert_eq!(decode(raw).as_deref(), expected, "{raw}");
        }
    }

    #[test]
    fn the_source_comes_before_the_copy() {
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path()).unwrap();
        let app = AppName::parse("hello").unwrap();
        let copy = library.app_static_dir(&app);
        let source = library.app_dir(&app).join("static");
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::write(copy.join("a.txt"), "copy").unwrap();
        std::fs::write(copy.join("b.txt"), "copy").unwrap();
        std::fs::create_dir_all(&source).unwrap();
        std::fs::write(source.join("a.txt"), "source").unwrap();
        let read = |path| std::fs::read_to_string(find(&library, path).unwrap()).unwrap();
        assert_eq!(read("hello/a.txt"), "source");
        assert_eq!(read("hello/b.txt"), "copy");
        assert!(find(&library, "hello/c.txt").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_out_is_not_followed() {
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path()).unwrap();
        let app = AppName::parse("hello").unwrap();
        let copy = library.app_static_dir(&app);
        std::fs::create_dir_all(&copy).unwrap();
        std::fs::write(home.path().join("data/token"), "secret").unwrap();
        std::os::unix::fs::symlink(home.path().join("data"), copy.join("out")).unwrap();
        std::os::unix::fs::symlink("../hello/x.txt", copy.join("in.txt")).unwrap();
        std::fs::write(copy.join("x.txt"), "x").unwrap();
        assert!(find(&library, "hello/out/token").is_none());
        assert!(find(&library, "hello/in.txt").is_some());
    }
}
