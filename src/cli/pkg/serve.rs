//! `storekeeper pkg serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_files::NamedFile;
use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chrono::Utc;
use url::Url;

use crate::cli::printer::Printer;
use crate::cli::{Failed, Outcome};
use crate::repository::{INDEX_FILE, Index, index_folder};

/// Serves a folder of packages as an http repository, until it is told to end
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder; it is indexed anew
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    repo_path: PathBuf,
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9191")]
    address: SocketAddr,
    /// The address that the packages have in the index; without it they are beside it
    #[arg(long, value_name = "ADDRESS")]
    url: Option<Url>,
}

/// What is served.
struct Shop {
    folder: PathBuf,
    index: Index,
}

/// Runs the command.
pub(super) fn run(args: &Args, printer: &mut Printer) -> Outcome {
    let url = args.url.as_ref();
    let (mut index, problems) =
        index_folder(&args.repo_path, url, Index::default()).map_err(super::failed)?;
    for problem in &problems {
        printer.warning(problem);
    }
    let file = args.repo_path.join(INDEX_FILE);
    let text = index.write(Utc::now());
    crate::library::save(&file, text.as_bytes()).map_err(|error| {
        Failed::because(format!("`{}` cannot be written: {error}", file.display()))
    })?;
    let shop = Arc::new(Shop {
        folder: args.repo_path.clone(),
        index,
    });
    let served = actix_web::rt::System::new().block_on(async {
        let make = move || {
            App::new()
                .app_data(web::Data::from(Arc::clone(&shop)))
                .route("/", web::get().to(list))
                .route("/apps/{file}", web::get().to(file_of))
                .route("/{file}", web::get().to(file_of))
        };
        let server = HttpServer::new(make).workers(1).bind(args.address)?;
        let bound: Vec<SocketAddr> = server.addrs();
        for address in bound {
            printer.line(format!("http://{address}/"))?;
        }
        printer.flush()?;
        server.run().await
    });
    served.map_err(|error| {
        Failed::because(format!("`{}` cannot be listened on: {error}", args.address))
    })
}

/// A list for people.
async fn list(shop: web::Data<Shop>) -> HttpResponse {
    use std::fmt::Write as _;
    let mut page = String::from(
        "<!doctype html><meta charset=\"utf-8\"><title>Packages</title><h1>Packages</h1><ul>",
    );
    for entry in shop.index.entries() {
        let link = entry.urls.first().map_or("", String::as_str);
        let _ = write!(
            page,
            "<li><a href=\"{}\">{} {}</a> {}</li>",
            escaped(link),
            escaped(&entry.name),
            escaped(&entry.version),
            escaped(&entry.description)
        );
    }
    page.push_str("</ul><p><a href=\"index.yaml\">index.yaml</a></p>");
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .body(page)
}

/// The index, or a package that is in it; nothing else of the folder.
async fn file_of(
    request: HttpRequest,
    shop: web::Data<Shop>,
    name: web::Path<String>,
) -> actix_web::Result<HttpResponse> {
    let is_index = *name == INDEX_FILE;
    let is_listed = shop
        .index
        .entries()
        .any(|entry| entry.file() == Some(&**name));
    if !is_index && !is_listed {
        return Ok(HttpResponse::NotFound().body("there is no such package\n"));
    }
    let file = NamedFile::open_async(shop.folder.join(&*name)).await?;
    let mut response = file
        .use_etag(true)
        .disable_content_disposition()
        .into_response(&request);
    let headers = response.headers_mut();
    let nosniff = header::HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    if is_index {
        let yaml = header::HeaderValue::from_static("text/yaml; charset=utf-8");
        headers.insert(header::CONTENT_TYPE, yaml);
    }
    Ok(response)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
