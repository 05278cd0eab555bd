//! Real S3 servers as repositories.

use std::fs;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};
use serde_json::json;
use sha2::Digest as _;
use storekeeper::app::Sha256;
use storekeeper::database::Database;
use storekeeper::download::Downloader;
use storekeeper::library::Library;
use storekeeper::repository::{
    AccessKey, Entry, NewRepository, Repositories, Repository, RepositoryError, inspect,
};

use super::s3_server::{ADMIN, BUCKET, READER, S3Server};
use super::{ran, synced};
use crate::support::{Service, package};

/// The store whose packages these are.
const OWNER: &str = "me";

/// What a program of its own has: a home, and the repository `shop` opened.
struct Writer {
    home: tempfile::TempDir,
    repositories: Repositories,
    repository: Repository,
}

impl Writer {
    async fn new(server: &S3Server) -> Self {
        let home = tempfile::tempdir().unwrap();
        let library = Library::open(home.path()).unwrap();
        let database = Database::open(&library.database()).unwrap();
        let downloader = Downloader::new(&library.download_dir());
        let repositories = Repositories::new(&library, Arc::new(database), &downloader);
        repositories.recover(true).await.unwrap();
        let new = NewRepository {
            name: "shop".to_owned(),
            url: server.url(BUCKET),
            key: Some(AccessKey::new(ADMIN.0, ADMIN.1).unwrap()),
            ..NewRepository::default()
        };
        repositories.add(new).await.unwrap();
        let repository = repositories.open("shop").await.unwrap();
        Self {
            home,
            repositories,
            repository,
        }
    }

    /// Publishes a package with so many bytes in it; answers its checksum.
    async fn publish(
        &self,
        name: &str,
        version: &str,
        bulk: usize,
    ) -> Result<Sha256, RepositoryError> {
        let file = self.home.path().join(format!("{name}-{version}.zip"));
        fs::write(&file, package(name, version, json!({}), bulk)).unwrap();
        let mut entry = Entry::from(&inspect(&file)?);
        entry.urls = vec![format!("{name}-{version}.zip")];
        let digest = entry.digest.unwrap();
        self.repository.keep(OWNER, digest, &file).await?;
        self.repository.publish(OWNER, &entry, digest).await?;
        Ok(digest)
    }

    /// What a version's package holds.
    async fn content(&self, name: &str, version: &str) -> Vec<u8> {
        let index = self.repository.index().await.unwrap();
        let entry = index.get(name, version).unwrap();
        let content = self.repository.content(entry, None).await.unwrap();
        let pieces: Vec<bytes::Bytes> = content.stream.try_collect().await.unwrap();
        pieces.concat()
    }
}

async fn keys(server: &S3Server) -> Vec<String> {
    let store = server.store(ADMIN);
    let list = store
        .list(None)
        .map_ok(|object| object.location.to_string());
    let mut keys: Vec<String> = list.try_collect().await.unwrap();
    keys.sort();
    keys
}

/// What validating says of a bucket, by several keys.
async fn tried_out(server: &S3Server, service: &Service) {
    let validate = async |bucket: &str, (id, secret): (&str, &str)| {
        let body =
            json!({ "url": server.url(bucket), "accessKeyId": id, "secretAccessKey": secret });
        let found = service.post("/api/repositories/validate", &body).await;
        found.must_be(200).json()
    };
    let found = validate(BUCKET, ADMIN).await;
    for what in ["ok", "readable", "listable", "writable", "conditional"] {
        assert_eq!(found[what], true, "{what}: {found}");
    }
    assert_eq!(
        (&found["index"], &found["detail"]),
        (&json!("absent"), &json!(""))
    );
    assert!(keys(server).await.is_empty());
    let reader = validate(BUCKET, READER).await;
    assert_eq!(
        (&reader["ok"], &reader["readable"]),
        (&json!(true), &json!(true)),
        "{reader}"
    );
    assert_eq!(
        (&reader["writable"], &reader["listable"]),
        (&json!(false), &json!(true))
    );
    let mut texts = Vec::new();
    for (bucket, key) in [
        (BUCKET, ("admin", "wrong")),
        (BUCKET, ("nobody", "secret")),
        ("missing", ADMIN),
    ] {
        let found = validate(bucket, key).await;
        assert_eq!(found["error_code"], 106, "{bucket} {key:?}: {found}");
        texts.push(found["detail"].as_str().unwrap().to_owned());
    }
    assert!(texts[0].contains("secret access key"), "{texts:?}");
    assert!(texts[1].contains("access key id"), "{texts:?}");
    assert!(texts[2].contains("bucket"), "{texts:?}");
}

/// Its key is nowhere but in its file.
async fn keeps_its_key(service: &Service) {
    for path in [
        "/api/repositories",
        "/api/apps/x",
        "/api/jobs",
        "/api/repositories/shop/events",
    ] {
        let text = service.get(path).await.text;
        assert!(
            !text.contains(ADMIN.1) && !text.contains("X-Amz-Signature"),
            "{path}: {text}"
        );
    }
    assert!(!service.output().contains(ADMIN.1));
    let file = service.home().join("data/repository-keys.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_tried_out_synced_published_to_and_installed_from() {
    let server = S3Server::seaweedfs().await;
    let service = Service::start_new().await;
    tried_out(&server, &service).await;

    // Put there by another program, below a prefix; no index.
    let store = server.store(ADMIN);
    for version in ["1.0.0", "1.1.0"] {
        let path = Path::from(format!("pre/fix/x-{version}.zip"));
        store
            .put(&path, package("x", version, json!({}), 0).into())
            .await
            .unwrap();
    }
    store
        .put(&Path::from("pre/fix/bad.zip"), "nothing".into())
        .await
        .unwrap();
    let address = server.url(&format!("{BUCKET}/pre/fix"));
    let add = [
        "repo",
        "add",
        "shop",
        &address,
        "--access-key-id",
        ADMIN.0,
        "--secret-access-key",
        ADMIN.1,
    ];
    ran(&service, &add).ok();
    let record = synced(&service, "shop").await;
    assert_eq!(record["sync"]["versions"], 2, "{record}");
    assert!(
        record["sync"]["problems"][0]
            .as_str()
            .unwrap()
            .contains("bad.zip")
    );
    assert!(
        keys(&server)
            .await
            .contains(&"pre/fix/index.yaml".to_owned())
    );
    let again = ran(&service, &["repo", "index", "shop", "--json"]).json();
    assert_eq!(
        (&again["read"], &again["changed"]),
        (&json!(0), &json!(false)),
        "{again}"
    );
    ran(&service, &["install", "x"]).ok();
    assert_eq!(
        service.get("/api/apps/x").await.json()["installed"],
        "1.1.0"
    );
    ran(&service, &["install", "x@1.0.0"]).ok();

    // Given to others, in parts.
    let file = service.request(reqwest::Method::GET, "/repo/shop/x-1.0.0.zip");
    let part = file.header("range", "bytes=2-5").send().await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(
        part.bytes().await.unwrap(),
        package("x", "1.0.0", json!({}), 0)[2..6]
    );

    keeps_its_key(&service).await;

    // A read-only key cannot publish, and says so; another key is tried at once.
    let path = Path::from("pre/fix/y.zip");
    let bytes = package("y", "1.0.0", json!({}), 0);
    store.put(&path, bytes.into()).await.unwrap();
    let set = [
        "repo",
        "set",
        "shop",
        "--access-key-id",
        READER.0,
        "--secret-access-key",
        READER.1,
    ];
    ran(&service, &set).ok();
    // The sync that the change began is waited for.
    ran(&service, &["repo", "index", "shop"]).fails(6, &["cannot be written"]);
    ran(&service, &["search", "x"]).ok().says(&["1.1.0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_writers_publish_ten_each_at_once_and_none_is_lost() {
    let server = S3Server::seaweedfs().await;
    let mut writers = Vec::new();
    for number in 0..8 {
        writers.push((number, Writer::new(&server).await));
    }
    let uploads = writers.into_iter().map(|(number, writer)| {
        tokio::spawn(async move {
            for version in 0..10 {
                let name = format!("app{number}");
                writer
                    .publish(&name, &format!("1.{version}.0"), 0)
                    .await
                    .unwrap();
            }
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    let writer = Writer::new(&server).await;
    assert_eq!(writer.repository.index().await.unwrap().len(), 80);
    let event = writer.repositories.sync("shop", "test").await.unwrap();
    assert_eq!((event.versions, event.read), (80, 0), "{event:?}");
    // Two stores publish one version at once: the bytes are those of one of them, and stay.
    let other = Writer::new(&server).await;
    let (one, two) = tokio::join!(
        writer.publish("z", "1.0.0", 1),
        other.publish("z", "1.0.0", 2)
    );
    let winner = match (&one, &two) {
        (Ok(winner), Err(error)) | (Err(error), Ok(winner)) => {
            assert_eq!(error.name(), "app_version_exists", "{error}");
            winner
        }
        both => panic!("{both:?}"),
    };
    let content = writer.content("z", "1.0.0").await;
    assert_eq!(Sha256(sha2::Sha256::digest(&content).into()), *winner);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_package_is_sent_in_parts_and_a_broken_index_is_made_anew() {
    let server = S3Server::seaweedfs().await;
    let writer = Writer::new(&server).await;
    writer.publish("big", "1.0.0", 20 << 20).await.unwrap();
    let sent = fs::read(writer.home.path().join("big-1.0.0.zip")).unwrap();
    assert!(writer.content("big", "1.0.0").await == sent);
    writer.publish("small", "1.0.0", 0).await.unwrap();
    let store = server.store(ADMIN);
    for broken in ["{{{", "", "apiVersion: v1\n"] {
        store
            .put(&Path::from("index.yaml"), broken.into())
            .await
            .unwrap();
        let event = writer.repositories.sync("shop", "test").await.unwrap();
        assert_eq!((event.versions, event.read), (2, 0), "{broken}: {event:?}");
    }
    store.delete(&Path::from("index.yaml")).await.unwrap();
    let more = writer.publish("more", "1.0.0", 0).await.unwrap();
    let event = writer.repositories.sync("shop", "test").await.unwrap();
    assert_eq!(event.versions, 3, "{event:?}");
    let withdrawn = writer
        .repository
        .withdraw(OWNER, "more", "1.0.0", more)
        .await;
    withdrawn.unwrap();
    assert!(
        !keys(&server)
            .await
            .iter()
            .any(|key| key.starts_with("more"))
    );
    assert_eq!(writer.repository.index().await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_conditional_writes_is_found_out_and_has_one_writer() {
    let server = S3Server::rclone().await;
    let writer = Writer::new(&server).await;
    let found = writer.repository.validate().await;
    assert!(
        found.ok && found.writable && !found.conditional,
        "{found:?}"
    );
    assert!(found.detail.contains("one program at a time"), "{found:?}");
    let writer = Arc::new(writer);
    let uploads = (0..20).map(|number| {
        let writer = Arc::clone(&writer);
        tokio::spawn(async move {
            writer
                .publish(&format!("app{number}"), "1.0.0", 0)
                .await
                .unwrap();
        })
    });
    for upload in uploads.collect::<Vec<_>>() {
        upload.await.unwrap();
    }
    assert_eq!(writer.repository.index().await.unwrap().len(), 20);
}
