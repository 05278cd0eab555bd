//! Killed between file, index and database on a real S3 server: after each single request that changes
//! the bucket, before its answer came.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Someone, index_of, package_of};
use crate::repository::gate::Gate;
use crate::repository::s3_server::{ADMIN, BUCKET, READER, S3Server};
use crate::support::{Service, package, until};

/// An action makes fewer changes than this.
const MANY: usize = 12;

/// What lies in the bucket, without what is only a summary of it: the names, in order.
async fn objects(server: &S3Server) -> Vec<String> {
    let store = server.store(ADMIN);
    let list = store
        .list(None)
        .map_ok(|it| without_owner(it.location.as_ref()));
    let mut names: Vec<String> = list.try_collect().await.unwrap();
    names.retain(|name| name != "index.yaml");
    names.sort();
    names
}

/// Each store keeps its packages in a folder of its own; here is one store.
fn without_owner(name: &str) -> String {
    match name.rsplit_once('/') {
        Some((folder, file)) if folder.starts_with(".packages/") => format!(".packages/{file}"),
        Some(_) | None => name.to_owned(),
    }
}

async fn index(server: &S3Server) -> Vec<String> {
    let store = server.store(ADMIN);
    let Ok(read) = store.get(&Path::from("index.yaml")).await else {
        return Vec::new();
    };
    let text = read.bytes().await.unwrap();
    index_of(std::str::from_utf8(&text).unwrap())
}

/// The versions that are not deleted.
async fn versions(me: &Someone<'_>) -> Vec<Value> {
    let list = me.get("/v1/app_versions?limit=200").await.must_be(200);
    list.json()["app_version_set"].as_array().unwrap().clone()
}

/// What has to lie in the bucket by what the database says: each version's package, and of a released one
/// its copy and its note.
fn expected(versions: &[Value]) -> (Vec<String>, Vec<String>) {
    let (mut objects, mut listed) = (Vec::new(), Vec::new());
    for version in versions {
        let text = |key: &str| version[key].as_str().unwrap();
        objects.push(format!(".packages/{}", text("sha256")));
        if text("status") == "active" {
            let (name, number) = (text("app_name"), text("version"));
            objects.push(format!("{name}-{number}.json"));
            objects.push(text("package_name").to_owned());
            listed.push(format!("{name} {number}"));
        }
    }
    objects.sort();
    objects.dedup();
    listed.sort();
    (objects, listed)
}

/// Waits until bucket and index are what the database says.
async fn settled(service: &Service, server: &S3Server) {
    let look = async || {
        let wanted = expected(&versions(&Someone::local(service)).await);
        (wanted, (objects(server).await, index(server).await))
    };
    for _ in 0..200 {
        let (wanted, found) = look().await;
        if wanted == found {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (wanted, found) = look().await;
    assert_eq!(found, wanted, "{}", service.output());
}

/// Does something, kills the service after each number of changes that it makes, and holds what the next
/// start makes of it against the database. `prepare` makes what `act` needs, under a new number each time.
async fn killed_after_every_change(
    service: &mut Service,
    server: &S3Server,
    gate: &Gate,
    prepare: impl AsyncFn(&Someone<'_>, usize) -> String,
    act: impl AsyncFn(&Someone<'_>, &str, usize),
) -> usize {
    for changes in 0..MANY {
        let version = prepare(&Someone::local(service), changes).await;
        gate.hold_after(changes);
        let is_done = {
            let me = Someone::local(service);
            let work = act(&me, &version, changes);
            tokio::select! {
                () = work => true,
                () = gate.holds() => false,
            }
        };
        gate.open();
        if is_done {
            return changes;
        }
        service.kill_9();
        service.start_again().await;
        settled(service, server).await;
        // Whatever it was, it can be done now.
        let me = Someone::local(service);
        act(&me, &version, changes).await;
        let (files, listed) = expected(&versions(&me).await);
        assert_eq!(
            (objects(server).await, index(server).await),
            (files, listed)
        );
    }
    panic!("it makes more than {MANY} changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_any_request_to_a_bucket_the_next_start_settles_it() {
    let server = S3Server::seaweedfs().await;
    let gate = Gate::before(server.port()).await;
    let mut service = Service::start_with(&[], &[("STOREKEEPER_LOG", "storekeeper=debug")]).await;
    let add = json!({
        "name": "shop",
        "url": format!("s3://127.0.0.1:{}/{BUCKET}", gate.port()),
        "accessKeyId": ADMIN.0,
        "secretAccessKey": ADMIN.1,
    });
    service.post("/api/repositories", &add).await.must_be(201);
    until("the repository is synced", async || {
        let record = service.get("/api/repositories/shop").await.json();
        (record["sync"]["status"] == "successful").then_some(())
    })
    .await;
    let me = Someone::local(&service);
    let path = "/v1/apps?repo_id=shop";
    let made = me
        .send(Method::POST, path, package_of("cut", "0.0.1"))
        .await;
    let app = made.must_be(200).json()["app_id"]
        .as_str()
        .unwrap()
        .to_owned();

    let draft = async |me: &Someone<'_>, number: String| me.add(&app, "cut", &number).await;
    let (uploads, releases, suspensions) = ("1", "2", "3");
    // A further version.
    let found = killed_after_every_change(
        &mut service,
        &server,
        &gate,
        async |_, number| format!("{uploads}.{number}.0"),
        async |me, number, _| {
            let path = format!("/v1/app_versions?app_id={app}");
            let sent = me
                .send(Method::POST, &path, package_of("cut", number))
                .await;
            // When it was cut off it may have been done all the same.
            assert!(sent.status == 200 || sent.status == 409, "{sent:?}");
        },
    )
    .await;
    assert!(found >= 1, "an upload makes {found} changes");
    // Another package in a draft's place.
    let found = killed_after_every_change(
        &mut service,
        &server,
        &gate,
        async |me, number| draft(me, format!("4.{number}.0")).await,
        async |me, version, number| {
            let path = format!("/v1/app_versions?version_id={version}");
            let other = package(
                "cut",
                &format!("4.{number}.0"),
                json!({ "notes": "new" }),
                0,
            );
            me.send(Method::PATCH, &path, other).await.must_be(200);
        },
    )
    .await;
    assert!(found >= 2, "a replacement makes {found} changes");
    for (number, way, action, least) in [
        (releases, &["submit", "pass"][..], "release", 4),
        (
            suspensions,
            &["submit", "pass", "release"][..],
            "suspend",
            4,
        ),
        (
            "5",
            &["submit", "pass", "release", "suspend"][..],
            "recover",
            4,
        ),
        ("6", &[][..], "delete", 1),
    ] {
        let found = killed_after_every_change(
            &mut service,
            &server,
            &gate,
            async |me, minor| {
                let version = draft(me, format!("{number}.{minor}.0")).await;
                me.lead(&version, way).await;
                version
            },
            async |me, version, _| {
                let done = me.act(version, action).await;
                // Cut off at its end, it was done.
                assert!(
                    done.status == 200 || done.status == 409,
                    "{action}: {done:?}"
                );
            },
        )
        .await;
        assert!(found >= least, "{action} makes {found} changes");
    }
}

/// The bytes of the index, as they lie there.
async fn index_bytes(server: &S3Server) -> Vec<u8> {
    let read = server.store(ADMIN).get(&Path::from("index.yaml")).await;
    read.unwrap().bytes().await.unwrap().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_or_must_not_be_written_refuses_an_upload_and_keeps_its_index() {
    let server = S3Server::seaweedfs().await;
    let gate = Gate::before(server.port()).await;
    let service = Service::start_new().await;
    let add = |name: &str, address: String, (id, secret): (&str, &str)| json!({ "name": name, "url": address, "accessKeyId": id, "secretAccessKey": secret });
    let missing = add("missing", server.url("missing"), ADMIN);
    let refused = service.post("/api/repositories", &missing).await;
    assert!(refused.must_be(502).message().contains("bucket"));
    let shop = format!("s3://127.0.0.1:{}/{BUCKET}", gate.port());
    for repository in [
        add("shop", shop, ADMIN),
        add("reader", server.url(BUCKET), READER),
    ] {
        let added = service.post("/api/repositories", &repository).await;
        added.must_be(201);
    }
    let me = Someone::local(&service);
    let upload = async |repository: &str, name: &str| {
        let path = format!("/v1/apps?repo_id={repository}");
        me.send(Method::POST, &path, package_of(name, "1.0.0"))
            .await
    };
    let made = upload("shop", "first").await.must_be(200).json();
    let first = made["version_id"].as_str().unwrap();
    me.lead(first, &["submit", "pass", "release"]).await;
    let made = upload("shop", "second").await.must_be(200).json();
    let second = made["version_id"].as_str().unwrap();
    me.lead(second, &["submit", "pass"]).await;
    let before = (objects(&server).await, index_bytes(&server).await);

    let denied = upload("reader", "third").await.must_be(502);
    assert_eq!(denied.json()["name"], "cannot_write_repo", "{denied:?}");
    for (broken, name) in [
        ("HEAD ", "cannot_access_repo"),
        ("GET /shop/index.yaml", "cannot_access_repo"),
        ("PUT ", "cannot_write_repo"),
    ] {
        gate.break_down(broken);
        let answer = upload("shop", "third").await;
        assert_eq!(answer.status, 502, "{broken}: {answer:?}");
        assert_eq!(answer.json()["name"], name, "{broken}: {answer:?}");
        let answer = me.act(second, "release").await;
        assert_eq!(answer.status, 502, "{broken}: {answer:?}");
        gate.open();
        assert_eq!(me.status(second).await, "passed", "{broken}");
        assert_eq!(index_bytes(&server).await, before.1, "{broken}");
    }
    let apps = me.get("/v1/apps?name=third").await.json();
    assert_eq!(apps["total_count"], 0, "{apps}");
    me.lead(second, &["release"]).await;
    upload("shop", "third").await.must_be(200);
    assert_eq!(index(&server).await, ["first 1.0.0", "second 1.0.0"]);
}
