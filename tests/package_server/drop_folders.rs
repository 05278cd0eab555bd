//! `upload` and `remove`.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::make::{Ampkg, noise, program};
use super::server::{Data, Server};
use crate::support::{until, until_true};

#[tokio::test]
async fn what_lies_there_at_the_start_is_done_before_it_listens() {
    let data = Data::new();
    data.write(".packages/a_all.ampkg", Ampkg::new("a", "1").build());
    data.write(".packages/b_all.ampkg", Ampkg::new("b", "1").build());
    data.write("upload/any name", Ampkg::new("a", "2").build());
    data.write("upload/new.zip", Ampkg::new("c", "1").build());
    data.write("upload/none", "nothing");
    data.write("upload/.hidden", Ampkg::new("d", "1").build());
    data.write("upload/folder/x", Ampkg::new("e", "1").build());
    data.write("remove/b", "");
    data.write("remove/nobody.ampkg", "");
    let server = data.serve().await;
    let lines = server.lines();
    let place = |wanted: &str| {
        let place = lines.iter().position(|line| line == wanted);
        place.unwrap_or_else(|| panic!("{wanted}: {lines:#?}"))
    };
    let order = [
        "> Scanning .packages",
        " + adding   b [all]",
        "> Scanning upload",
        " ! updating a [all]",
        " + adding   c [all]",
        "> Scanning remove",
        " - removing b [all]",
        " = skipping nobody (no match)",
    ];
    assert!(order.map(place).is_sorted(), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with(" x failed   ")));
    assert_eq!(data.names("upload"), ["folder"]);
    assert_eq!(data.names("remove"), Vec::<String>::new());
    assert!(data.path("upload/.hidden").exists());
    assert_eq!(data.names(".packages"), ["a_all.ampkg", "c_all.ampkg"]);
}

/// D3, and the original loses some of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_copies_arrive_while_the_list_is_asked_for() {
    let data = Data::new();
    data.write(
        ".packages/other_all.ampkg",
        Ampkg::new("other", "1").build(),
    );
    let server = data.serve().await;
    let upload = data.path("upload");
    let scratch = Data::new();
    let mut writers = Vec::new();
    for number in 0..100_u64 {
        let bulk = noise(number, 10_000);
        let package = Ampkg::new(&format!("p{number:03}"), "1")
            .file("bulk", &bulk)
            .build();
        let target = upload.join(format!("{number}.ampkg"));
        let source = scratch.path(&format!("{number}.ampkg"));
        fs::write(&source, &package).unwrap();
        writers.push(std::thread::spawn(move || match number % 4 {
            // As cp does.
            0 => drop(fs::copy(&source, &target).unwrap()),
            // As mv does on one disk.
            1 => {
                let hidden = target.with_file_name(format!(".{number}"));
                fs::copy(&source, &hidden).unwrap();
                fs::rename(&hidden, &target).unwrap();
            }
            // A slow line.
            2 => {
                let mut file = File::create(&target).unwrap();
                for piece in package.chunks(2_500) {
                    file.write_all(piece).unwrap();
                    file.flush().unwrap();
                    std::thread::sleep(Duration::from_millis(20 + number));
                }
            }
            // One that opens the file anew for each piece.
            _ => {
                for piece in package.chunks(6_000) {
                    let mut file = File::options()
                        .create(true)
                        .append(true)
                        .open(&target)
                        .unwrap();
                    file.write_all(piece).unwrap();
                }
            }
        }));
    }
    let mut client = server.client();
    until("all have arrived", async || {
        let list = client.list();
        assert!(list.iter().any(|entry| entry["id"] == "other"));
        (list.len() == 101).then_some(())
    })
    .await;
    for writer in writers {
        writer.join().unwrap();
    }
    until_true("the folder is empty", || data.names("upload").is_empty()).await;
    assert_eq!(data.names(".packages").len(), 101);
}

#[tokio::test]
async fn a_file_is_not_looked_at_before_its_writer_is_done() {
    let data = Data::new();
    let server = data.serve().await;
    let package = Ampkg::new("slow", "1")
        .file("bulk", &noise(1, 50_000))
        .build();
    let (first, rest) = package.split_at(20_000);
    let mut file = File::create(data.path("upload/slow.ampkg")).unwrap();
    file.write_all(first).unwrap();
    // Others come and go meanwhile, so that the folder is looked at.
    for number in 0..3 {
        data.write(
            "upload/quick.ampkg",
            Ampkg::new("quick", &number.to_string()).build(),
        );
        let version = serde_json::Value::from(number.to_string());
        until("the other has arrived", async || {
            let list = server.client().list();
            list.iter()
                .any(|entry| entry["version"] == version)
                .then_some(())
        })
        .await;
    }
    assert!(data.path("upload/slow.ampkg").exists());
    file.write_all(rest).unwrap();
    drop(file);
    until_true("it has arrived", || server.client().list().len() == 2).await;
    assert!(
        !server
            .lines()
            .iter()
            .any(|line| line.starts_with(" x failed"))
    );
}

#[tokio::test]
async fn what_is_no_package_is_deleted_and_told() {
    let data = Data::new();
    let server = data.serve().await;
    let package = Ampkg::new("a", "1").build();
    data.write("upload/broken.ampkg", &package[..package.len() / 20]);
    until_true("it is deleted", || data.names("upload").is_empty()).await;
    let path = data.path("upload/broken.ampkg");
    let begin = format!(" x failed   {} (", path.display());
    assert!(server.lines().iter().any(|line| line.starts_with(&begin)));
    data.write("upload/a", &package);
    until_true("it is there", || server.has_said(" + adding   a [all]")).await;
    data.write("upload/a", &package);
    until_true("it is the same", || {
        server.has_said(" = skipping a [all] (no changes)")
    })
    .await;
    data.write("upload/a", Ampkg::new("a", "2").build());
    until_true("it is another", || server.has_said(" ! updating a [all]")).await;
    until_true("all is done", || data.names("upload").is_empty()).await;
    // A link is moved as one.
    let elsewhere = Data::new();
    elsewhere.write("b.ampkg", Ampkg::new("b", "1").build());
    symlink(elsewhere.path("b.ampkg"), data.path("upload/b")).unwrap();
    until_true("the link is there", || {
        server.has_said(" + adding   b [all]")
    })
    .await;
    assert!(
        fs::symlink_metadata(data.path(".packages/b_all.ampkg"))
            .unwrap()
            .is_symlink()
    );
}

#[tokio::test]
async fn what_cannot_be_read_stays_and_is_tried_again() {
    let (data, elsewhere) = (Data::new(), Data::new());
    let source = elsewhere.path("a.ampkg");
    // There is nothing at the beginning of any program's memory.
    symlink("/proc/self/mem", &source).unwrap();
    fs::create_dir(data.path("upload")).unwrap();
    symlink(&source, data.path("upload/a")).unwrap();
    let server = data.serve().await;
    let lines = server.lines();
    let mut failed = lines.iter().filter(|line| line.starts_with(" x failed"));
    assert!(
        failed.next().unwrap().contains("cannot be read"),
        "{lines:#?}"
    );
    assert_eq!(data.names("upload"), ["a"]);
    elsewhere.write("sound", Ampkg::new("a", "1").build());
    fs::rename(elsewhere.path("sound"), &source).unwrap();
    until_true("it is there", || server.has_said(" + adding   a [all]")).await;
}

#[tokio::test]
async fn packages_come_from_another_disk() {
    let data = Data::new();
    let upload = data.path("upload");
    let server = Server::with_disk(&data.path(""), &upload, "4m").await;
    let upload = server.sees(&upload);
    let mut client = server.client();
    for (version, said) in [("1", " + adding   a [all]"), ("2", " ! updating a [all]")] {
        let package = Ampkg::new("a", version)
            .file("bulk", &noise(1, 300_000))
            .build();
        fs::write(upload.join("a"), &package).unwrap();
        until_true(said, || server.has_said(said)).await;
        assert_eq!(client.get("/package/download?id=a").body, package);
        assert_eq!(fs::read_dir(&upload).unwrap().count(), 0);
    }
    let names = fs::read_dir(data.path(".packages")).unwrap().flatten();
    let unfinished = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(".storekeeper");
    assert!(!names.map(|it| it.file_name()).any(|it| unfinished(&it)));
}

#[tokio::test]
async fn a_name_removes_all_of_an_id_or_one_architecture() {
    let data = Data::new();
    let server = data.serve().await;
    let mut client = server.client();
    let mut put = |id: &str| {
        client.upload(&Ampkg::new(id, "1").build());
        client.upload(&Ampkg::new(id, "1").file("program", &program()).build());
    };
    put("a.b");
    put("a_b");
    let gone = async |name: &str, left: &[&str]| {
        let marker = format!("remove/{name}");
        data.write(&marker, "");
        until_true("it is done", || !data.path(&marker).exists()).await;
        assert_eq!(data.names(".packages"), left, "{name}");
    };
    let all = [
        "a.b_all.ampkg",
        "a.b_linux_x86_64.ampkg",
        "a_b_all.ampkg",
        "a_b_linux_x86_64.ampkg",
    ];
    gone("A.B", &all).await;
    gone("a.b_linux", &all).await;
    gone("a.b_linux_x86_64", &[all[0], all[2], all[3]]).await;
    gone("a_b_all.ampkg", &[all[0], all[3]]).await;
    put("a.b");
    gone("a.b.ampkg", &[all[3]]).await;
    fs::create_dir(data.path("remove/a_b")).unwrap();
    gone("a_b_linux_x86_64", &[]).await;
    assert!(server.has_said(" = skipping A.B (no match)"));
}
