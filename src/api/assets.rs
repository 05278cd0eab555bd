//! The files of the page (`static/`): in the program, compressed when it was built; or in a folder,
//! while somebody works on them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::LazyLock;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, HttpResponse};
use sha2::{Digest as _, Sha256};

use super::files;

/// Where they are served.
pub(super) const ADDRESS: &str = "/static/_";

/// Files that are rendered into pages and are none themselves.
pub(super) const TEMPLATES: [&str; 3] = ["index.html", "error.html", "listing.html"];

/// The script that may answer for the whole service when it is not there.
const SERVICE_WORKER: &str = "service-worker.js";

/// Largest file that is read from a folder.
const MAX_BYTES: u64 = 16 << 20;

/// How long a browser may keep a file whose address names its content: a year.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Names and gzipped contents of the files.
static PACKED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

static BUILT: LazyLock<Built> = LazyLock::new(Built::new);

/// The files in the program.
struct Built {
    /// Names all contents together; part of addresses.
    version: String,
    files: BTreeMap<&'static str, (&'static [u8], String)>,
}

impl Built {
    fn new() -> Self {
        let mut all = Sha256::new();
        let files = PACKED
            .iter()
            .map(|(name, packed)| {
                let digest = short_digest(packed);
                all.update(name.as_bytes());
                all.update(digest.as_bytes());
                (*name, (*packed, digest))
            })
            .collect();
        let version = hexadecimal(&all.finalize());
        Self { version, files }
    }
}

/// Where the files are.
#[derive(Clone, Debug, Default)]
pub(super) enum Assets {
    /// In the program.
    #[default]
    Built,
    /// In this folder.
    Folder(PathBuf),
}

/// One file.
#[derive(Debug)]
pub(super) struct Asset {
    /// Either as it is, or gzipped.
    content: Cow<'static, [u8]>,
    is_gzipped: bool,
    digest: String,
    kind: &'static str,
    caching: &'static str,
    /// Whether it is the script that may answer for the whole service.
    is_worker: bool,
}

impl Assets {
    /// What the addresses of the files begin with: it names their content, so that they can be kept for
    /// ever.
    pub(super) fn base(&self) -> String {
        match self {
            Self::Built => format!("{ADDRESS}/@{}", BUILT.version),
            Self::Folder(_) => ADDRESS.to_owned(),
        }
    }

    /// The text of a file. May block.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let asset = self.read(name)?;
        let bytes = if asset.is_gzipped {
            unpacked(&asset.content)
        } else {
            asset.content.into_owned()
        };
        String::from_utf8(bytes).ok()
    }

    fn read(&self, name: &str) -> Option<Asset> {
        let asset = Asset {
            content: Cow::Borrowed(&[]),
            is_gzipped: true,
            digest: String::new(),
            kind: kind_of(name),
            caching: "no-cache",
            is_worker: name == SERVICE_WORKER,
        };
        match self {
            Self::Built => {
                let (content, digest) = BUILT.files.get(name)?;
                Some(Asset {
                    content: Cow::Borrowed(*content),
                    digest: digest.clone(),
                    ..asset
                })
            }
            Self::Folder(folder) => {
                let path = files::below(folder, name)?;
                let metadata = fs::metadata(&path).ok()?;
                if !metadata.is_file() || metadata.len() > MAX_BYTES {
                    return None;
                }
                let content = fs::read(path).ok()?;
                Some(Asset {
                    digest: short_digest(&content),
                    content: Cow::Owned(content),
                    is_gzipped: false,
                    ..asset
                })
            }
        }
    }

    /// The file at a checked path below [`ADDRESS`]. May block.
    pub(super) fn find(&self, path: &str) -> Option<Asset> {
        let (version, name) = match path.strip_prefix('@').and_then(|it| it.split_once('/')) {
            Some((version, name)) => (Some(version), name),
            None => (None, path),
        };
        if TEMPLATES.contains(&name) {
            return None;
        }
        let asset = self.read(name)?;
        // A page of an older program may still ask for its files: it gets ours, and asks again.
        let is_for_ever = match self {
            Self::Built => version == Some(BUILT.version.as_str()),
            Self::Folder(_) => false,
        };
        Some(Asset {
            caching: if is_for_ever { FOR_EVER } else { "no-cache" },
            ..asset
        })
    }
}

/// What a browser says about the answer that it can use.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    takes_gzip: bool,
    has: String,
}

impl Wanted {
    /// Reads it from a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let headers = request.headers();
        Self {
            takes_gzip: takes_gzip(headers),
            has: text_of(headers, &header::IF_NONE_MATCH).to_owned(),
        }
    }

    /// Answers with a text that was made for this request.
    pub(super) fn text(&self, kind: &'static str, text: String) -> HttpResponse {
        let content = text.into_bytes();
        let digest = short_digest(&content);
        let packed = if self.takes_gzip {
            packed(&content).ok()
        } else {
            None
        };
        self.answer(Asset {
            is_gzipped: packed.is_some(),
            content: Cow::Owned(packed.unwrap_or(content)),
            digest,
            kind,
            caching: "no-cache",
            is_worker: false,
        })
    }

    /// Answers with a file.
    pub(super) fn answer(&self, asset: Asset) -> HttpResponse {
        let as_gzip = asset.is_gzipped && self.takes_gzip;
        let tag = format!("\"{}{}\"", asset.digest, if as_gzip { "-gz" } else { "" });
        let is_known = self
            .has
            .split(',')
            .map(|known| known.trim().trim_start_matches("W/"))
            .any(|known| known == tag || known == "*");
        let mut response = if is_known {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((header::ETAG, tag))
            .insert_header((header::VARY, "Accept-Encoding"))
            .insert_header((header::CACHE_CONTROL, asset.caching))
            .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"));
        if is_known {
            return response.finish();
        }
        response.content_type(asset.kind);
        if asset.is_worker {
            response.insert_header(("Service-Worker-Allowed", "/"));
        }
        if as_gzip {
            response.insert_header((header::CONTENT_ENCODING, "gzip"));
            return response.body(body_of(asset.content));
        }
        if asset.is_gzipped {
            return response.body(unpacked(&asset.content));
        }
        response.body(body_of(asset.content))
    }
}

fn body_of(content: Cow<'static, [u8]>) -> actix_web::web::Bytes {
    match content {
        Cow::Borrowed(content) => actix_web::web::Bytes::from_static(content),
        Cow::Owned(content) => content.into(),
    }
}

/// The type of a file by its name.
fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Whether gzip is among what is taken, and not with the weight 0.
fn takes_gzip(headers: &HeaderMap) -> bool {
    text_of(headers, &header::ACCEPT_ENCODING)
        .split(',')
        .any(|entry| {
            let (name, rest) = entry.split_once(';').unwrap_or((entry, ""));
            let weight = rest.trim().strip_prefix("q=").map(str::parse::<f32>);
            matches!(name.trim(), "gzip" | "*") && !matches!(weight, Some(Ok(0.0)))
        })
}

fn text_of<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn packed(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(content)?;
    writer.finish()
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(packed)
        .read_to_end(&mut content)
        .expect("build.rs wrote it");
    content
}

/// Enough of a digest to tell contents apart.
fn short_digest(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

fn hexadecimal(digest: &[u8]) -> String {
    use std::fmt::Write as _;
    digest
        .iter()
        .take(10)
        .fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::body::MessageBody as _;
    use actix_web::test::TestRequest;

    fn wanted(headers: &[(&'static str, &str)]) -> Wanted {
        let mut request = TestRequest::get();
        for header in headers {
            request = request.insert_header(*header);
        }
        Wanted::of(&request.to_http_request())
    }

    fn answer(wanted: &Wanted, path: &str) -> HttpResponse {
        wanted.answer(Assets::Built.find(path).unwrap())
    }

    fn header<'a>(response: &'a HttpResponse, name: &str) -> &'a str {
        response
            .headers()
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn a_file_comes_compressed_to_those_who_take_it() {
        let plain = answer(&wanted(&[]), "app.svg");
        let packed = wanted(&[("accept-encoding", "br, gzip;q=0.8")]);
        let packed = answer(&packed, "app.svg");
        assert_eq!(header(&plain, "content-type"), "image/svg+xml");
        assert_eq!(header(&plain, "content-encoding"), "");
        assert_eq!(header(&packed, "content-encoding"), "gzip");
        assert_ne!(header(&plain, "etag"), header(&packed, "etag"));
        let plain = plain.into_body().try_into_bytes().unwrap();
        let packed = packed.into_body().try_into_bytes().unwrap();
        assert_eq!(unpacked(&packed), plain);
        assert!(plain.starts_with(b"<svg"));
    }

    #[test]
    fn what_a_browser_has_is_not_sent_again() {
        let first = answer(&wanted(&[]), "app.svg");
        let tag = header(&first, "etag").to_owned();
        let again = wanted(&[("if-none-match", &format!("\"x\", W/{tag}"))]);
        let again = answer(&again, "app.svg");
        assert_eq!(again.status().as_u16(), 304);
        let other = wanted(&[("if-none-match", "\"x\"")]);
        let other = answer(&other, "app.svg");
        assert_eq!(other.status().as_u16(), 200);
    }

    #[test]
    fn an_address_that_names_the_content_may_be_kept_for_ever() {
        let base = Assets::Built.base();
        let path = base.strip_prefix("/static/_/").unwrap();
        let answer = |path: &str| answer(&wanted(&[]), path);
        let kept = answer(&format!("{path}/app.svg"));
        assert!(header(&kept, "cache-control").contains("immutable"));
        for path in ["app.svg", "@0123456789/app.svg"] {
            assert_eq!(header(&answer(path), "cache-control"), "no-cache");
        }
    }

    #[test]
    fn a_template_is_no_file() {
        for path in ["index.html", "@x/index.html", "nothing.js", "../Cargo.toml"] {
            assert!(Assets::Built.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn files_of_a_folder_are_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let assets = Assets::Folder(folder.path().to_owned());
        let text = || assets.text("a/x.js");
        assert_eq!(text(), None);
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/x.js"), "1").unwrap();
        assert_eq!(text().unwrap(), "1");
        fs::write(folder.path().join("a/x.js"), "2").unwrap();
        assert_eq!(text().unwrap(), "2");
        assert!(assets.find("a/../../x").is_none());
    }

    #[test]
    fn gzip_with_no_weight_is_not_taken() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("*", true),
            ("gzip;q=0", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(
                wanted(&[("accept-encoding", header)]).takes_gzip,
                expected,
                "{header}"
            );
        }
    }
}
