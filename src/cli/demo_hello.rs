//! The program of the demo app `hello`: a page with a greeting.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use actix_web::{App, HttpResponse, HttpServer, web};

use super::printer::Printer;
use super::{Failed, Outcome};

/// The demo app's program: serves a page with a greeting
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Args {
    /// File with the lines `port = NUMBER` and `greeting = TEXT`
    #[arg(long, value_name = "FILE")]
    conf: PathBuf,
}

/// What the file says.
#[derive(Debug, PartialEq, Eq)]
struct Conf {
    port: u16,
    greeting: String,
}

/// Runs the command until it is told to end.
pub(super) fn run(args: &Args) -> Outcome {
    let text = std::fs::read_to_string(&args.conf).map_err(|error| {
        Failed::because(format!(
            "`{}` cannot be read: {error}; it is made when the app is installed",
            args.conf.display()
        ))
    })?;
    let conf = parse(&text, &args.conf).map_err(Failed::Because)?;
    let port = conf.port;
    serve(conf).map_err(|error| {
        Failed::because(format!(
            "port {port} cannot be listened on: {error}; give `hello` another port in its settings"
        ))
    })
}

fn serve(conf: Conf) -> io::Result<()> {
    let page = web::Bytes::from(page(&conf.greeting));
    let address = (Ipv4Addr::LOCALHOST, conf.port);
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || {
            let page = page.clone();
            App::new().default_service(web::to(move || {
                let page = page.clone();
                async move {
                    HttpResponse::Ok()
                        .content_type("text/html; charset=utf-8")
                        .insert_header(("X-Content-Type-Options", "nosniff"))
                        .body(page)
                }
            }))
        })
        .workers(1)
        .shutdown_timeout(1)
        .bind(address)?
        .run();
        // Its output is what `storekeeper logs hello` shows.
        let mut printer = Printer::new();
        printer.line(format!("hello greets at http://localhost:{}/", address.1))?;
        printer.flush()?;
        server.await
    })
}

fn parse(text: &str, path: &Path) -> Result<Conf, String> {
    let mut port = None;
    let mut greeting = None;
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        match key.trim() {
            "port" => port = Some(value.trim()),
            "greeting" => greeting = Some(value.trim()),
            _ => {}
        }
    }
    let port = port.ok_or_else(|| {
        format!(
            "`{}` names no port; write a line `port = 8180`",
            path.display()
        )
    })?;
    match port.parse() {
        Ok(number) if number != 0 => Ok(Conf {
            port: number,
            greeting: greeting.unwrap_or("Hello").to_owned(),
        }),
        _ => Err(format!(
            "`{}` says `port = {port}`, which is no port; write a number from 1 to 65535",
            path.display()
        )),
    }
}

fn page(greeting: &str) -> String {
    let greeting = greeting
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>hello</title>\n\
         <style>:root {{ color-scheme: light dark }} body {{ font: 1.2rem system-ui, sans-serif; \
         display: grid; place-items: center; min-height: 90vh }}</style>\n<h1>{greeting}</h1>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let read = |text| parse(text, Path::new("hello.conf"));
        let conf = read("port = 8180\r\ngreeting = Grüß = Gott\n").unwrap();
        assert_eq!(conf.port, 8180);
        assert_eq!(conf.greeting, "Grüß = Gott");
        assert!(read("greeting = x").unwrap_err().contains("names no port"));
        for port in ["x", "0", "70000", "{port}"] {
            assert!(read(&format!("port = {port}")).is_err(), "{port}");
        }
    }

    #[test]
    fn a_greeting_is_text_and_no_markup() {
        assert!(page("<b>&").contains("<h1>&lt;b&gt;&amp;</h1>"));
    }
}
