//! Paths below /static that try to lead out of it.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::Service;

const SECRET: &str = "top secret";
const OPEN: &str = "for everybody";

/// Secrets in all places that a path might reach, and one page that everybody may see.
async fn with_secrets() -> Service {
    let service = Service::start_new().await;
    let app = service
        .app("x")
        .file("static/page.txt", OPEN)
        .file("static/deep/page.txt", OPEN)
        .file("secret.txt", SECRET)
        .file("static-private/secret.txt", SECRET)
        .file("static.txt", SECRET)
        .runs(&["forever"], json!({ "config": { "password": SECRET } }));
    let outside = service.scratch().join("outside");
    fs::create_dir(&outside).unwrap();
    for file in [
        outside.join("secret.txt"),
        service.home().join("secret.txt"),
        service.home().join("data/secret.txt"),
        service.run_dir().join("secret.txt"),
    ] {
        fs::write(file, SECRET).unwrap();
    }
    let pages = app.path().join("static");
    symlink(&outside, pages.join("out")).unwrap();
    symlink(outside.join("secret.txt"), pages.join("out.txt")).unwrap();
    symlink("../secret.txt", pages.join("up.txt")).unwrap();
    symlink("/", pages.join("root")).unwrap();
    symlink("round", pages.join("round")).unwrap();
    symlink("page.txt", pages.join("inside.txt")).unwrap();
    let app = app.install().await;
    // Also a link that the copy brought, or that was made after it.
    let copy = service.home().join("static/x");
    assert!(copy.is_dir());
    symlink(&outside, copy.join("later")).unwrap();
    drop(app);
    service
}

/// Paths that are odd each in a way of its own.
const ODD: [&str; 36] = [
    "/static/x/out/secret.txt",
    "/static/x/out.txt",
    "/static/x/up.txt",
    "/static/x/root/etc/passwd",
    "/static/x/round",
    "/static/x/later/secret.txt",
    "/static/x/page.txt/../../secret.txt",
    "/static/x/page.txt%00.png",
    "/static/x/secret.txt%00page.txt",
    "/static/x/page.txt::$DATA",
    "/static/x/page.txt:secret",
    "/static/x/page.txt.",
    "/static/x/page.txt%20",
    "/static/x/page.txt/",
    "/static/x/con",
    "/static/x/NUL",
    "/static/x/com1.txt",
    "/static/x/aux/../../secret.txt",
    "/static/x-private/secret.txt",
    "/static/x/../x-private/secret.txt",
    "/static/x.txt",
    "/static/_/../../secret.txt",
    "/static/_/%2e%2e/secret.txt",
    "/static/_",
    "/static/_/",
    "/static",
    "/static/x/%",
    "/static/x/%2",
    "/static/x/%zz",
    "/static/x/%ff%fe",
    "/static/x/deep/..",
    "/static/x/deep/../page.txt",
    "/static/x/./page.txt",
    "/static/x//page.txt",
    "/static//x/page.txt",
    "/static/x/deep",
];

/// Paths that climb, in every writing of `..` and `/` that some server has believed.
fn climbing(service: &Service) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    let targets = [
        "secret.txt",
        "data/secret.txt",
        "data/token",
        "data/storekeeper.db",
        "store.json",
        "etc/passwd",
    ];
    let ups = [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "%c0%ae%c0%ae",
        "%e0%80%ae.",
        "..%00",
        "..;",
        "...",
        "....",
        "..%20",
        ".. ",
        "%2e%2e%2f..",
        "..%5c..",
        "..\\..",
        "%uff0e%uff0e",
        "．．",
        "..%09",
        "..%0d%0a",
    ];
    let slashes = [
        "/", "%2f", "%2F", "%252f", "\\", "%5c", "//", "/./", "%c0%af",
    ];
    for target in targets {
        for up in ups {
            for slash in slashes {
                for depth in 1..5 {
                    let climb = [up].repeat(depth).join(slash);
                    paths.push(format!("/static/{climb}{slash}{target}"));
                    paths.push(format!("/static/x/{climb}{slash}{target}"));
                }
            }
        }
        for root in [
            "/",
            "//",
            "%2f",
            "C:/",
            "C:\\",
            "%5c%5c127.0.0.1%5c",
            "file:///",
            "~/",
            "%00/",
        ] {
            paths.push(format!("/static/{root}{target}"));
            paths.push(format!("/static/x/{root}{target}"));
        }
        let home = service.home();
        paths.push(format!("/static/{}/{target}", home.display()));
        paths.push(format!("/static/x/{}/{target}", home.display()));
    }
    paths
}

#[tokio::test]
async fn no_path_leads_out() {
    let service = with_secrets().await;
    let mut paths = climbing(&service);
    paths.extend(ODD.map(str::to_owned));
    paths.push(format!("/static/x/{}", "a/".repeat(5000)));
    paths.push(format!("/static/x/{}", "a".repeat(30_000)));
    for path in &paths {
        let answer = service.get_raw(path).await;
        let status = answer.split(' ').nth(1).unwrap_or("closed");
        // Nothing is found, or the request is turned away; a folder's address may get its slash.
        assert!(
            ["301", "400", "404", "414", "431", "closed"].contains(&status),
            "{path}: {answer}"
        );
        assert!(
            !answer.contains(SECRET) && !answer.contains("root:x:"),
            "{path}: {answer}"
        );
        if status == "301" {
            let to = answer
                .lines()
                .find_map(|line| line.strip_prefix("location: "))
                .unwrap();
            assert!(
                to.starts_with("./") && !to.starts_with(".//"),
                "{path} leads to {to}"
            );
        }
    }
    assert!(paths.len() > 5000);
    // What everybody may see is there after all that, in its usual and in its unusual writing.
    for path in [
        "/static/x/page.txt",
        "/static/x/deep/page.txt",
        "/static/x/inside.txt",
        "/static/%78/p%61ge.txt",
    ] {
        let answer = service.get_raw(path).await;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.ends_with(OPEN),
            "{path}: {answer}"
        );
        assert!(
            answer.contains("x-content-type-options: nosniff"),
            "{answer}"
        );
    }
}
