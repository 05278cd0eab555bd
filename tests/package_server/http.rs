//! The protocol underneath, and those who misuse it.

use std::fs;
use std::time::{Duration, Instant};

use super::client::Client;
use super::make::{Ampkg, noise};
use super::server::{Data, Server};
use super::{not_taken, taken};
use crate::support::until_true;

/// Bytes of memory that a process has had at most.
fn peak(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}

#[tokio::test]
async fn requests_in_a_row_are_answered_in_that_order() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let package = Ampkg::new("a", "1").build();
    let mut row = Client::head("GET", "/hello", "Connection: close\r\n").into_bytes();
    row.extend(b"GET /category/list HTTP/1.0\r\n\r\n");
    let fields = format!("Content-Length: {}\r\n", package.len());
    row.extend(Client::head("PUT", "/package/upload", &fields).as_bytes());
    row.extend(&package);
    row.extend(Client::head("GET", "/nowhere", "").as_bytes());
    row.extend(Client::head("GET", "/package/download?id=a", "").as_bytes());
    client.send(&row);
    assert_eq!(client.reply().json()["status"], "incompatible-project-id");
    assert_eq!(client.reply().text(), "[]");
    assert_eq!(client.reply().json(), taken("a", "all", "added"));
    client.reply().is_empty(404);
    assert_eq!(client.reply().body, package);
    // Whatever the client said, the connection stays.
    assert_eq!(client.get("/hello").status(), 200);
}

#[tokio::test]
async fn a_body_comes_in_chunks_or_when_it_is_invited() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let package = Ampkg::new("a", "1")
        .file("bulk", &noise(1, 700_000))
        .build();
    client
        .send(Client::head("PUT", "/package/upload", "Transfer-Encoding: chunked\r\n").as_bytes());
    for (number, piece) in package.chunks(33_333).enumerate() {
        let extension = if number == 0 { ";name=value" } else { "" };
        client.send(format!("{:x}{extension}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    client.send(b"0\r\nTrailer: x\r\n\r\n");
    assert_eq!(client.reply().json(), taken("a", "all", "added"));
    let fields = format!(
        "Expect: 100-continue\r\nContent-Length: {}\r\n",
        package.len()
    );
    client.send(Client::head("PUT", "/package/upload", &fields).as_bytes());
    assert_eq!(client.reply().status(), 100);
    client.send(&package);
    assert_eq!(client.reply().json(), taken("a", "all", "no changes"));
    assert_eq!(client.get("/package/download?id=a").body, package);
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_connection() {
    let data = Data::new();
    let server = data.serve().await;
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(20_000));
    for broken in [
        "rubbish\r\n\r\n",
        "GET /hello HTTP/9.9\r\n\r\n",
        "GET /hello HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "PUT /package/upload HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT /package/upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "PUT /package/upload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n",
        &long,
    ] {
        let mut client = server.client();
        client.send(broken.as_bytes());
        assert!(client.is_closed(), "{broken:.60}");
    }
    assert_eq!(server.client().get("/hello").status(), 200);
}

/// D6: the limit is the original's, and nothing is held in memory.
#[tokio::test]
async fn a_package_over_the_limit_is_refused_while_it_comes() {
    const LIMIT: usize = 104_857_600;
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    // Announced: the answer is there before the body is.
    let fields = format!("Content-Length: {}\r\n", LIMIT + 1);
    client.send(Client::head("PUT", "/package/upload", &fields).as_bytes());
    let refusal = client.reply().json();
    assert_eq!(not_taken(&refusal), "package file is too large");
    let block = vec![0; 1 << 20];
    let mut left = LIMIT + 1;
    while left > 0 {
        let count = left.min(block.len());
        assert!(client.send(&block[..count]));
        left -= count;
    }
    // The connection goes on.
    assert_eq!(client.get("/hello").status(), 200);
    // In chunks, of which nobody knows how many come.
    client
        .send(Client::head("PUT", "/package/upload", "Transfer-Encoding: chunked\r\n").as_bytes());
    for _ in 0..=LIMIT / block.len() {
        client.send(format!("{:x}\r\n", block.len()).as_bytes());
        client.send(&block);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(
        not_taken(&client.reply().json()),
        "package file is too large"
    );
    // Who asks before sends nothing.
    let fields = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", LIMIT + 1);
    client.send(Client::head("PUT", "/package/upload", &fields).as_bytes());
    assert_eq!(
        not_taken(&client.reply().json()),
        "package file is too large"
    );
    assert!(peak(&server) < 64 << 20, "{} bytes", peak(&server));
    until_true("nothing is left", || {
        let names = fs::read_dir(data.path(".packages")).unwrap();
        names.flatten().all(|it| {
            !it.file_name()
                .to_string_lossy()
                .starts_with(".storekeeper-")
        })
    })
    .await;
    let server = {
        drop(server);
        data.serve_with(&["--max-package-size", "1K"]).await
    };
    let large = Ampkg::new("a", "1").build();
    assert_eq!(
        not_taken(&server.client().upload(&large)),
        "package file is too large"
    );
}

/// 30 MB and many at once: the memory does not follow.
#[tokio::test]
async fn large_packages_cost_no_memory() {
    let data = Data::new();
    let server = data.serve().await;
    let package = Ampkg::new("large", "1")
        .file("bulk", &noise(1, 30 << 20))
        .build();
    let mut client = server.client();
    assert_eq!(client.upload(&package), taken("large", "all", "added"));
    let clients = (0..4).map(|_| {
        let (address, package) = (server.address().to_owned(), package.clone());
        std::thread::spawn(move || {
            let mut client = Client::connect(&address);
            assert!(client.get("/package/download?id=large").body == package);
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.join().unwrap();
    }
    assert!(peak(&server) < 64 << 20, "{} bytes", peak(&server));
}

#[tokio::test]
async fn who_leaves_in_the_middle_leaves_nothing() {
    let data = Data::new();
    let server = data.serve().await;
    for length in [0, 1, 5_000] {
        let mut client = server.client();
        client
            .send(Client::head("PUT", "/package/upload", "Content-Length: 100000\r\n").as_bytes());
        client.send(&vec![0x1f; length]);
        drop(client);
    }
    // Nor does who does not read what it asked for.
    let package = Ampkg::new("large", "1")
        .file("bulk", &noise(1, 20 << 20))
        .build();
    server.client().upload(&package);
    let mut lazy = server.client();
    lazy.send(Client::head("GET", "/package/download?id=large", "").as_bytes());
    let begin = Instant::now();
    assert_eq!(server.client().get("/hello").status(), 200);
    assert!(begin.elapsed().as_secs() < 5);
    drop(lazy);
    until_true("nothing is left", || {
        let names = fs::read_dir(data.path(".packages")).unwrap();
        names.flatten().all(|it| {
            !it.file_name()
                .to_string_lossy()
                .starts_with(".storekeeper-")
        })
    })
    .await;
}

/// D7: answers do not wait for each other.
#[tokio::test]
async fn an_answer_of_several_segments_is_not_delayed() {
    let data = Data::new();
    for number in 0..100 {
        let id = format!("package{number:03}");
        data.write(
            &format!(".packages/{id}_all.ampkg"),
            Ampkg::new(&id, "1").build(),
        );
    }
    let server = data.serve().await;
    let mut client = server.client();
    let begin = Instant::now();
    for _ in 0..100 {
        assert_eq!(client.list().len(), 100);
    }
    // The original's 44 ms each would be more than four seconds.
    assert!(begin.elapsed().as_secs() < 4);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let data = Data::new();
    let server = data.serve().await;
    let port = server.address().rsplit(':').next().unwrap().to_owned();
    let package = Ampkg::new("a", "1").build();
    server.client().upload(&package);
    let ask = |method: &str, target: &str, host: &str, fields: &str, body: &[u8]| {
        let mut client = server.client();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}Content-Length: {}\r\n\r\n",
            body.len()
        );
        client.send(head.as_bytes());
        client.send(body);
        client.reply()
    };
    let own = format!("localhost:{port}");
    for fields in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Origin: http://localhost:3000\r\nSec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
    ] {
        let other = Ampkg::new("b", "1").build();
        let refused = ask("PUT", "/package/upload", &own, fields, &other);
        assert_eq!(refused.status(), 403, "{fields}");
        not_taken(&refused.json());
        assert_eq!(
            ask("POST", "/package/remove?id=a", &own, fields, b"").status(),
            403
        );
    }
    // A name that somebody points at this computer.
    for target in ["/package/list", "/package/download?id=a"] {
        let refused = ask("GET", target, &format!("evil.example:{port}"), "", b"");
        assert_eq!(refused.status(), 421);
    }
    assert_eq!(data.names(".packages"), ["a_all.ampkg"]);
    // Its own page, and programs, may.
    let fields = format!("Origin: http://{own}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(
        ask("POST", "/package/remove?id=a", &own, &fields, b"").json()["removed"],
        1
    );
    assert_eq!(
        ask("PUT", "/package/upload", "127.0.0.1", "", &package).json()["status"],
        "ok"
    );
}

/// Who sends too slowly is cut off after a minute; others are told meanwhile.
#[tokio::test]
async fn slow_clients_keep_others_from_sending_for_a_while_only() {
    let data = Data::new();
    let server = data.serve().await;
    let head = Client::head("PUT", "/package/upload", "Content-Length: 100000\r\n");
    let mut slow: Vec<Client> = (0..32).map(|_| server.client()).collect();
    for client in &mut slow {
        client.send(head.as_bytes());
    }
    until_true("all of them are let in", || {
        let names = fs::read_dir(data.path(".packages")).unwrap().flatten();
        let unfinished = |name: &str| name.starts_with(".storekeeper-");
        names
            .filter(|it| unfinished(&it.file_name().to_string_lossy()))
            .count()
            == slow.len()
    })
    .await;
    let package = Ampkg::new("a", "1").build();
    let refusal = server.client().upload(&package);
    let message = not_taken(&refusal);
    assert!(message.contains("too many packages"), "{message}");
    // None of them is silent for long.
    let begin = Instant::now();
    loop {
        for client in &mut slow {
            client.send(b"x");
        }
        if server.client().upload(&package)["status"] == "ok" {
            break;
        }
        assert!(begin.elapsed().as_secs() < 100);
    }
    assert!(slow.iter_mut().all(Client::is_closed));
}

#[tokio::test]
async fn who_asks_for_nothing_makes_room_for_others() {
    let data = Data::new();
    let server = data.serve().await;
    let mut clients: Vec<Client> = (0..512)
        .map(|number| {
            let mut client = server.client();
            assert_eq!(client.get("/hello").status(), 200);
            if number < 2 {
                // The server begins to wait for the next request after its answer is here: so that there is
                // no doubt who waits longest.
                std::thread::sleep(Duration::from_millis(300));
            }
            client
        })
        .collect();
    // The first of them has asked again meanwhile.
    assert_eq!(clients[0].get("/hello").status(), 200);
    assert_eq!(server.client().get("/hello").status(), 200);
    assert!(clients[1].is_closed());
    for client in [0, 2, 511] {
        assert_eq!(clients[client].get("/hello").status(), 200);
    }
}
