//! Killed at any moment, on a full disk: the shelf holds whole packages and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::client::Client;
use super::make::{Ampkg, noise};
use super::server::{Data, Server};
use super::{not_taken, taken};

/// Uploads versions of a few packages until it is stopped or the server is gone.
fn upload_on(address: &str, packages: &[Vec<u8>], stop: &AtomicBool) {
    let Some(mut client) = Client::try_connect(address) else {
        return;
    };
    for package in packages.iter().cycle() {
        let fields = format!("Content-Length: {}\r\n", package.len());
        let head = Client::head("PUT", "/package/upload", &fields);
        if stop.load(Ordering::Acquire)
            || !client.send(head.as_bytes())
            || !client.send(package)
            || client.try_reply().is_none()
        {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_fifty_moments_of_uploads_it_has_only_whole_packages() {
    let data = Data::new();
    let package = |id: &str, version: u64, size: usize| {
        let bulk = noise(version, size);
        Ampkg::new(id, &version.to_string())
            .file("bulk", &bulk)
            .build()
    };
    let packages: Arc<Vec<Vec<u8>>> = Arc::new(
        (0..4)
            .flat_map(|version| {
                [
                    package("small", version, 20_000),
                    package("large", version, 600_000),
                ]
            })
            .collect(),
    );
    let whole: BTreeSet<&Vec<u8>> = packages.iter().collect();
    // Both are there from the beginning: it is their replacement that is cut off.
    {
        let server = data.serve().await;
        let mut client = server.client();
        for package in packages.iter().take(2) {
            assert_eq!(client.upload(package)["result"], "added");
        }
    }
    let mut known: BTreeSet<String> = data.names(".packages").into_iter().collect();
    for moment in 0..50_u64 {
        let mut server = data.serve().await;
        assert!(
            !server
                .lines()
                .iter()
                .any(|line| line.starts_with(" = skipping")),
            "{:#?}",
            server.lines()
        );
        // What was on the shelf before is there still.
        let names: BTreeSet<String> = data.names(".packages").into_iter().collect();
        assert!(known.is_subset(&names), "{known:?} {names:?}");
        let list = server.client().list();
        assert_eq!(list.len(), names.len());
        for name in &names {
            let content = fs::read(data.path(".packages").join(name)).unwrap();
            assert!(whole.contains(&content), "{name} is no whole package");
        }
        known = names;
        let stop = Arc::new(AtomicBool::new(false));
        let uploads: Vec<_> = (0..2)
            .map(|_| {
                let (address, packages) = (server.address().to_owned(), Arc::clone(&packages));
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || upload_on(&address, &packages, &stop))
            })
            .collect();
        // Another moment each time, from the first bytes to well into the third package.
        tokio::time::sleep(Duration::from_millis(moment * 7 % 150)).await;
        server.kill_9();
        stop.store(true, Ordering::Release);
        for upload in uploads {
            upload.join().unwrap();
        }
    }
    assert_eq!(known.len(), 2);
    let server = data.serve().await;
    let left = fs::read_dir(data.path(".packages")).unwrap().flatten();
    let left = left.filter(|it| {
        it.file_name()
            .to_string_lossy()
            .starts_with(".storekeeper-")
    });
    assert_eq!(left.count(), 0);
    drop(server);
}

/// What is not whole goes, but an id may begin as its name does.
#[tokio::test]
async fn packages_whose_names_look_like_hidden_files_are_there_after_a_start() {
    let data = Data::new();
    let server = data.serve().await;
    let ids = [".hidden", ".storekeeper-x"];
    for id in ids {
        let answer = server.client().upload(&Ampkg::new(id, "1").build());
        assert_eq!(answer, taken(id, "all", "added"));
    }
    drop(server);
    for knows in [true, false] {
        data.write(".packages/.storekeeper-AbCdEf", "cut off");
        if !knows {
            fs::remove_file(data.path(".packages/.index")).unwrap();
        }
        let server = data.serve().await;
        let list = server.client().list();
        assert!(list.iter().map(|entry| &entry["id"]).eq(&ids), "{list:?}");
        assert!(!data.path(".packages/.storekeeper-AbCdEf").exists());
    }
}

#[tokio::test]
async fn a_full_disk_leaves_the_shelf_as_it_was() {
    let data = Data::new();
    let disk = data.path("disk");
    let server = Server::with_disk(&disk, &disk, "4m").await;
    let path = |path: &str| server.sees(&disk.join(path));
    let mut client = server.client();
    let small = Ampkg::new("a", "1").build();
    assert_eq!(client.upload(&small), taken("a", "all", "added"));
    let list = client.get("/package/list").body;
    let large = Ampkg::new("a", "2")
        .file("bulk", &noise(1, 6 << 20))
        .build();
    let message = not_taken(&client.upload(&large));
    assert!(message.contains("make room"), "{message}");
    assert_eq!(client.get("/package/list").body, list);
    assert_eq!(client.get("/package/download?id=a").body, small);
    // Full to the last byte: nothing new, and everything that needs no room.
    fs::write(path("filler"), vec![0; 16 << 20]).unwrap_err();
    not_taken(&client.upload(&Ampkg::new("b", "1").build()));
    assert_eq!(client.get("/package/download?id=a").body, small);
    assert_eq!(client.upload(&small)["status"], "fail");
    fs::remove_file(path("filler")).unwrap();
    assert_eq!(
        client.upload(&Ampkg::new("b", "1").build()),
        taken("b", "all", "added")
    );
    assert_eq!(client.post("/package/remove?id=a").json()["removed"], 1);
    let names = fs::read_dir(path(".packages")).unwrap().flatten();
    let unfinished = names.filter(|it| {
        it.file_name()
            .to_string_lossy()
            .starts_with(".storekeeper-")
    });
    assert_eq!(unfinished.count(), 0);
}
