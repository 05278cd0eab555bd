//! Downloads from servers that do what servers do: break off, lie, move away, change their files.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use storekeeper::app::Sha256;
use storekeeper::download::{
    DownloadError, Downloader, Fetched, Progress, Request, Settings, Trust,
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::support::server::{Reply, Server, range};
use crate::support::until;

/// A downloader with a cache of its own that is in a hurry.
struct Bench {
    folder: TempDir,
    downloader: Downloader,
}

fn settings() -> Settings {
    Settings {
        stall: Duration::from_secs(20),
        pauses: vec![Duration::from_millis(1); 3],
        ..Settings::default()
    }
}

impl Bench {
    fn new() -> Self {
        Self::with(settings())
    }

    fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let downloader = Downloader::with_settings(&folder.path().join("download"), settings);
        Self { folder, downloader }
    }

    async fn fetch(&self, request: &Request) -> Result<Fetched, DownloadError> {
        let cancel = CancellationToken::new();
        self.downloader.fetch(request, &cancel, &|_| ()).await
    }

    async fn refused(&self, request: &Request, expected: &str) {
        let error = self.fetch(request).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{expected:?} is not in: {error}");
    }

    /// The names of what lies in the cache, sorted.
    fn files(&self) -> Vec<String> {
        let dir = self.folder.path().join("download");
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn has_part(&self) -> bool {
        self.files()
            .iter()
            .any(|name| Path::new(name).extension() == Some("part".as_ref()))
    }
}

fn request(addresses: &[Url]) -> Request {
    Request {
        addresses: addresses.to_vec(),
        sha256: None,
        max_bytes: 64 << 20,
        trust: Trust::Given,
    }
}

/// Bytes in which every place differs from its neighbours.
fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|at| u8::try_from(at * 7 % 251).unwrap())
        .collect()
}

/// By the tool that everybody checks with.
fn sha256(content: &[u8]) -> Sha256 {
    use std::io::Write as _;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content).unwrap();
    let output = std::process::Command::new("sha256sum")
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text[..64].parse().unwrap()
}

fn same(fetched: &Fetched, content: &[u8]) {
    assert_eq!(fetched.bytes, u64::try_from(content.len()).unwrap());
    assert!(
        std::fs::read(&fetched.path).unwrap() == content,
        "other bytes"
    );
    assert_eq!(fetched.sha256, sha256(content));
}

/// Answers ranges as a good server does.
fn serve(head: &str, etag: &str, body: &[u8]) -> Reply {
    let wanted =
        head.contains(&format!("if-range: {}", etag.to_lowercase())) || !head.contains("if-range:");
    match range(head).filter(|_| wanted) {
        Some(first) => {
            let fields = format!(
                "206 Partial Content\r\nETag: {etag}\r\nContent-Length: {}\r\nContent-Range: bytes {first}-{}/{}",
                body.len() - first,
                body.len() - 1,
                body.len()
            );
            Reply::new(&fields, &body[first..])
        }
        None => Reply::ok(&format!("ETag: {etag}"), body),
    }
}

#[tokio::test]
async fn a_file_comes_whole_and_is_not_fetched_twice() {
    let body = content(3_000_000);
    let sent = body.clone();
    let server = Server::start(move |_, _| Reply::ok("", &sent)).await;
    let bench = Bench::new();
    let mut wanted = request(&[server.url("/p/app.zip?v=1")]);
    wanted.sha256 = Some(sha256(&body));
    let told = Mutex::new(Vec::new());
    let tell = |progress: &Progress| told.lock().unwrap().push(progress.clone());
    let cancel = CancellationToken::new();
    let fetched = bench
        .downloader
        .fetch(&wanted, &cancel, &tell)
        .await
        .unwrap();
    same(&fetched, &body);
    assert_eq!(fetched.file_name, "app.zip");
    assert!(!fetched.was_there);
    let last = told.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.completed, last.total), (3_000_000, Some(3_000_000)));
    assert!(server.requests()[0].contains("accept-encoding: identity"));

    let again = bench.fetch(&wanted).await.unwrap();
    assert!(again.was_there);
    assert_eq!(again.path, fetched.path);
    assert_eq!(server.requests().len(), 1);
    bench.downloader.forget(&fetched.path).await;
    assert!(!bench.fetch(&wanted).await.unwrap().was_there);
}

#[tokio::test]
async fn without_a_checksum_the_server_is_asked_whether_it_changed() {
    let server = Server::start(|_, head| {
        if head.contains("if-none-match: \"a\"") {
            Reply::new("304 Not Modified", b"")
        } else {
            Reply::ok("ETag: \"a\"", b"first")
        }
    })
    .await;
    let bench = Bench::new();
    let wanted = request(&[server.url("/app.zip")]);
    assert!(!bench.fetch(&wanted).await.unwrap().was_there);
    let again = bench.fetch(&wanted).await.unwrap();
    assert!(again.was_there);
    same(&again, b"first");
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_stopped() {
    let body = content(1_000_000);
    let sent = body.clone();
    let server = Server::start(move |number, head| {
        let reply = serve(head, "\"a\"", &sent);
        if number < 2 {
            reply.cut(300_000)
        } else {
            reply
        }
    })
    .await;
    let bench = Bench::new();
    let fetched = bench.fetch(&request(&[server.url("/a")])).await.unwrap();
    same(&fetched, &body);
    let requests = server.requests();
    assert_eq!(range(&requests[1]), Some(700_000));
    assert!(requests[1].contains("if-range: \"a\""), "{}", requests[1]);
    assert!(!bench.has_part());
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_begins_anew() {
    let new = content(500_000);
    let sent = new.clone();
    let server = Server::start(move |number, head| match number {
        0 => serve(head, "\"old\"", &content(600_000)).cut(100_000),
        _ => serve(head, "\"new\"", &sent),
    })
    .await;
    let bench = Bench::new();
    same(
        &bench.fetch(&request(&[server.url("/a")])).await.unwrap(),
        &new,
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn halves_are_not_joined_by_what_is_not_strong() {
    for fields in [
        "ETag: W/\"a\"",
        "",
        "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",
    ] {
        let server = Server::start(move |number, _| {
            let reply = Reply::ok(fields, &content(100_000));
            if number == 0 { reply.cut(10) } else { reply }
        })
        .await;
        let bench = Bench::new();
        same(
            &bench.fetch(&request(&[server.url("/a")])).await.unwrap(),
            &content(100_000),
        );
        assert_eq!(range(&server.requests()[1]), None, "{fields}");
    }
}

#[tokio::test]
async fn a_server_that_answers_ranges_wrongly_is_asked_for_the_whole() {
    let body = content(200_000);
    for wrong in [
        "206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/200000",
        "206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 100000-100004/100005",
        "206 Partial Content\r\nContent-Length: 5",
        "206 Partial Content\r\nETag: \"b\"\r\nContent-Length: 5\r\nContent-Range: bytes 100000-199999/200000",
        "416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 0",
    ] {
        let sent = body.clone();
        let server = Server::start(move |number, head| match (number, range(head)) {
            (0, _) => serve(head, "\"a\"", &sent).cut(100_000),
            (_, Some(_)) => Reply::new(wrong, b"wrong"),
            (_, None) => serve(head, "\"a\"", &sent),
        })
        .await;
        let bench = Bench::new();
        same(
            &bench.fetch(&request(&[server.url("/a")])).await.unwrap(),
            &body,
        );
        assert_eq!(server.requests().len(), 3, "{wrong}");
    }
}

#[tokio::test]
async fn a_canceled_download_ends_at_once_and_goes_on_later() {
    let body = content(1_000_000);
    let sent = body.clone();
    let server = Server::start(move |number, head| {
        let reply = serve(head, "\"a\"", &sent);
        if number == 0 {
            reply.cut(400_000).hang()
        } else {
            reply
        }
    })
    .await;
    let bench = Arc::new(Bench::new());
    let cancel = CancellationToken::new();
    let wanted = request(&[server.url("/a")]);
    let running = {
        let (bench, cancel, wanted) = (Arc::clone(&bench), cancel.clone(), wanted.clone());
        tokio::spawn(async move { bench.downloader.fetch(&wanted, &cancel, &|_| ()).await })
    };
    until("most of it has come", async || {
        let dir = std::fs::read_dir(bench.folder.path().join("download")).ok()?;
        let sizes = dir
            .flatten()
            .map(|entry| entry.metadata().map_or(0, |data| data.len()));
        (sizes.max() == Some(600_000)).then_some(())
    })
    .await;
    cancel.cancel();
    assert!(matches!(
        running.await.unwrap(),
        Err(DownloadError::Canceled)
    ));
    same(&bench.fetch(&wanted).await.unwrap(), &body);
    assert_eq!(range(&server.requests()[1]), Some(600_000));
}

#[tokio::test]
async fn a_server_that_stops_in_the_middle_is_given_up_and_asked_again() {
    let server = Server::start(|number, head| {
        let reply = serve(head, "\"a\"", &content(100_000));
        if number == 0 {
            reply.cut(1).hang()
        } else {
            reply
        }
    })
    .await;
    let bench = Bench::with(Settings {
        stall: Duration::from_millis(200),
        ..settings()
    });
    same(
        &bench.fetch(&request(&[server.url("/a")])).await.unwrap(),
        &content(100_000),
    );

    let silent = Server::start(|_, _| Reply::ok("", b"x").cut(1).hang()).await;
    let bench = Bench::with(Settings {
        stall: Duration::from_millis(50),
        pauses: Vec::new(),
        ..settings()
    });
    bench
        .refused(&request(&[silent.url("/a")]), "sent nothing for 0.05 s")
        .await;
}

#[tokio::test]
async fn the_next_mirror_helps_and_goes_on_where_the_checksum_allows_it() {
    let body = content(300_000);
    let sent = body.clone();
    let first = Server::start(move |number, head| match number {
        0 => serve(head, "\"one\"", &sent).cut(100_000),
        _ => Reply::new("404 Not Found\r\nContent-Length: 0", b""),
    })
    .await;
    let sent = body.clone();
    let second = Server::start(move |_, head| serve(head, "\"two\"", &sent)).await;
    let addresses = [first.url("/a"), second.url("/b/app.tgz")];

    let bench = Bench::new();
    let mut wanted = request(&addresses);
    wanted.sha256 = Some(sha256(&body));
    let fetched = bench.fetch(&wanted).await.unwrap();
    same(&fetched, &body);
    assert_eq!(fetched.from, addresses[1]);
    assert_eq!(fetched.file_name, "app.tgz");
    assert_eq!(range(&second.requests()[0]), Some(200_000));

    // Without one, nobody can tell that both have the same.
    let gone = Server::start(move |number, head| match number {
        0 => serve(head, "\"one\"", &content(300_000)).cut(100_000),
        _ => Reply::new("410 Gone\r\nContent-Length: 0", b""),
    })
    .await;
    let bench = Bench::new();
    let wanted = request(&[gone.url("/a"), second.url("/b")]);
    same(&bench.fetch(&wanted).await.unwrap(), &body);
    assert_eq!(range(&second.requests()[1]), None);
}

#[tokio::test]
async fn halves_of_two_different_files_are_found_out_by_the_checksum() {
    let body = content(300_000);
    let first = Server::start(|number, head| match number {
        0 => serve(head, "\"one\"", &vec![1; 300_000]).cut(100_000),
        _ => Reply::new("404 Not Found\r\nContent-Length: 0", b""),
    })
    .await;
    let sent = body.clone();
    let second = Server::start(move |_, head| serve(head, "\"two\"", &sent)).await;
    let bench = Bench::new();
    let mut wanted = request(&[first.url("/a"), second.url("/b")]);
    wanted.sha256 = Some(sha256(&body));
    same(&bench.fetch(&wanted).await.unwrap(), &body);
    assert_eq!(second.requests().len(), 2);
}

#[tokio::test]
async fn what_is_not_the_promised_file_is_not_kept() {
    let server = Server::start(|_, _| Reply::ok("", b"something else")).await;
    let bench = Bench::new();
    let mut wanted = request(&[server.url("/a")]);
    wanted.sha256 = Some(sha256(b"the file"));
    bench
        .refused(&wanted, &sha256(b"the file").to_string())
        .await;
    bench
        .refused(&wanted, &sha256(b"something else").to_string())
        .await;
    assert!(!bench.has_part());
}

#[tokio::test]
async fn what_is_no_file_is_named() {
    let bench = Bench::new();
    let check = async |reply: fn() -> Reply, expected: &str| {
        let server = Server::start(move |_, _| reply()).await;
        bench.refused(&request(&[server.url("/a")]), expected).await;
        assert!(!bench.has_part());
    };
    let page = "a web page instead of a file";
    check(
        || Reply::ok("Content-Type: text/html", b"<p>Please log in"),
        page,
    )
    .await;
    check(|| Reply::ok("", b"\n<!DOCTYPE html><p>Please log in"), page).await;
    check(|| Reply::ok("", b""), "an empty file").await;
    check(
        || Reply::new("404 Not Found\r\nContent-Length: 0", b""),
        "answers 404; the file is not there",
    )
    .await;
    check(
        || Reply::new("403 Forbidden\r\nContent-Length: 0", b""),
        "answers 403",
    )
    .await;
    check(
        || Reply::new("500 Oops\r\nContent-Length: 0", b""),
        "answers 500",
    )
    .await;
}

#[tokio::test]
async fn a_body_that_is_shorter_than_promised_is_no_file() {
    let server = Server::start(|_, _| Reply::ok("", b"0123456789").cut(3)).await;
    let bench = Bench::new();
    bench
        .refused(&request(&[server.url("/a")]), "broke off")
        .await;
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_and_while_it_comes() {
    let bench = Bench::new();
    let told = Server::start(|_, _| Reply::ok("", &content(2000))).await;
    let silent = Server::start(|_, _| Reply::new("200 OK", &content(2000))).await;
    for server in [&told, &silent] {
        let mut wanted = request(&[server.url("/a")]);
        wanted.max_bytes = 1000;
        bench.refused(&wanted, "larger than the 1000 bytes").await;
        assert!(!bench.has_part());
    }
    let huge =
        Server::start(|_, _| Reply::new("200 OK\r\nContent-Length: 9000000000000000000", b"x"))
            .await;
    let mut wanted = request(&[huge.url("/a")]);
    wanted.max_bytes = u64::MAX;
    bench.refused(&wanted, "is full").await;
}

#[tokio::test]
async fn a_busy_server_is_left_alone_as_long_as_it_asks_within_reason() {
    let server = Server::start(|number, _| match number {
        0 => Reply::new("503 Busy\r\nRetry-After: 1\r\nContent-Length: 0", b""),
        1 => Reply::new("429 Slowly\r\nRetry-After: 0\r\nContent-Length: 0", b""),
        _ => Reply::ok("", b"file"),
    })
    .await;
    let bench = Bench::new();
    let begin = std::time::Instant::now();
    same(
        &bench.fetch(&request(&[server.url("/a")])).await.unwrap(),
        b"file",
    );
    assert!(begin.elapsed() >= Duration::from_secs(1));
    let server =
        Server::start(|_, _| Reply::new("503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0", b""))
            .await;
    bench
        .refused(&request(&[server.url("/a")]), "busy, try again later")
        .await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_and_each_is_checked() {
    let bench = Bench::new();
    let target = Server::start(|_, _| {
        Reply::ok(
            "Content-Disposition: attachment; filename*=UTF-8''%E5%BA%94%E7%94%A8.zip",
            b"file",
        )
    })
    .await;
    let to = |location: String| {
        Server::start(move |_, _| {
            Reply::new(
                &format!("302 Found\r\nLocation: {location}\r\nContent-Length: 0"),
                b"",
            )
        })
    };
    let server = to(target.url("/x?y").to_string()).await;
    let fetched = bench.fetch(&request(&[server.url("/a")])).await.unwrap();
    assert_eq!(fetched.file_name, "应用.zip");

    // The same server by another name was not given.
    let elsewhere = to(format!("http://localhost:{}/x", target.port())).await;
    bench
        .refused(&request(&[elsewhere.url("/a")]), "is this computer")
        .await;
    let elsewhere = to(format!("http://[::1]:{}/x", target.port())).await;
    bench
        .refused(&request(&[elsewhere.url("/a")]), "is this computer")
        .await;
    let metadata = to("http://169.254.169.254/latest/meta-data".to_owned()).await;
    bench
        .refused(&request(&[metadata.url("/a")]), "link-local")
        .await;
    let file = to("file:///etc/passwd".to_owned()).await;
    bench
        .refused(&request(&[file.url("/a")]), "`file` is no scheme")
        .await;
    let circle = to("/a".to_owned()).await;
    bench
        .refused(&request(&[circle.url("/a")]), "more than 10 times")
        .await;
    assert_eq!(target.requests().len(), 1);
}

#[tokio::test]
async fn a_stranger_sends_us_neither_to_this_computer_nor_to_ourselves() {
    let server = Server::start(|_, _| Reply::ok("", b"file")).await;
    let bench = Bench::new();
    let by_name: Url = format!("http://localhost:{}/a", server.port())
        .parse()
        .unwrap();
    for address in [server.url("/a"), by_name.clone()] {
        let mut wanted = request(std::slice::from_ref(&address));
        wanted.trust = Trust::Public;
        bench.refused(&wanted, "is this computer").await;
        wanted.trust = Trust::Source("http://10.1.2.3/list".parse().unwrap());
        bench.refused(&wanted, "is this computer").await;
        wanted.trust = Trust::Source(address);
        bench.fetch(&wanted).await.unwrap();
    }
    let bench = Bench::new();
    bench.downloader.set_own_port(server.port());
    for address in [server.url("/a"), by_name] {
        bench
            .refused(&request(&[address]), "is this service itself")
            .await;
    }
}

#[tokio::test]
async fn messages_tell_no_passwords() {
    let server = Server::start(|_, _| Reply::new("404 Not Found\r\nContent-Length: 0", b"")).await;
    let bench = Bench::new();
    let address = format!("http://me:secret@127.0.0.1:{}/a?key=secret", server.port());
    let error = bench
        .fetch(&request(&[address.parse().unwrap()]))
        .await
        .unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    assert!(server.requests()[0].contains("authorization: basic"));
}

#[tokio::test]
async fn two_who_want_the_same_file_fetch_it_once() {
    let body = content(2_000_000);
    let sent = body.clone();
    let server = Server::start(move |_, _| Reply::ok("ETag: \"a\"", &sent)).await;
    let bench = Bench::new();
    let mut wanted = request(&[server.url("/a")]);
    wanted.sha256 = Some(sha256(&body));
    let (one, two) = tokio::join!(bench.fetch(&wanted), bench.fetch(&wanted));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.path, two.path);
    assert_ne!(one.was_there, two.was_there);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_asked_for_what_is_not_on_this_computer() {
    let proxy = Server::start(|_, _| Reply::ok("", b"by the proxy")).await;
    let bench = Bench::new();
    let address = format!("http://me:secret@localhost:{}", proxy.port());
    bench.downloader.set_proxy(Some(&address.parse().unwrap()));
    let mut wanted = request(&["http://files.example/a.zip".parse().unwrap()]);
    wanted.trust = Trust::Public;
    same(&bench.fetch(&wanted).await.unwrap(), b"by the proxy");
    let head = &proxy.requests()[0];
    assert!(
        head.starts_with("get http://files.example/a.zip "),
        "{head}"
    );
    assert!(head.contains("proxy-authorization: basic"), "{head}");
    // A proxy does not resolve what is an address already.
    let mut wanted = request(&["http://169.254.169.254/".parse().unwrap()]);
    wanted.trust = Trust::Public;
    bench.refused(&wanted, "link-local").await;
    let direct = Server::start(|_, _| Reply::ok("", b"direct")).await;
    same(
        &bench.fetch(&request(&[direct.url("/a")])).await.unwrap(),
        b"direct",
    );
}
