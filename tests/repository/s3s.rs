//! An S3 server in this process, whose signatures and checksums are strict: s3s-fs.

use std::sync::Arc;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::s3_server::{ADMIN, BUCKET};
use super::{ran, synced};
use crate::support::{Service, package};

/// Starts one with an empty bucket; it ends with the test.
async fn start() -> (u16, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let files = s3s_fs::FileSystem::new(folder.path()).unwrap();
    let mut builder = S3ServiceBuilder::new(files);
    builder.set_auth(SimpleAuth::from_single(ADMIN.0, ADMIN.1));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let server = Arc::new(Builder::new(TokioExecutor::new()));
        while let Ok((stream, _)) = listener.accept().await {
            let (server, service) = (Arc::clone(&server), service.clone());
            tokio::spawn(async move {
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (port, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_server_takes_our_signatures_and_no_others() {
    let (port, folder) = start().await;
    let service = Service::start_new().await;
    let url = format!("s3://127.0.0.1:{port}/{BUCKET}");
    let validate = async |id: &str, secret: &str| {
        let body = json!({ "url": url, "accessKeyId": id, "secretAccessKey": secret });
        let found = service.post("/api/repositories/validate", &body).await;
        found.must_be(200).json()
    };
    let good = validate(ADMIN.0, ADMIN.1).await;
    assert_eq!(
        (&good["ok"], &good["writable"]),
        (&json!(true), &json!(true)),
        "{good}"
    );
    let wrong = validate(ADMIN.0, "wrong").await;
    assert_eq!(wrong["error_code"], 106, "{wrong}");
    assert!(
        wrong["detail"]
            .as_str()
            .unwrap()
            .contains("secret access key"),
        "{wrong}"
    );
    let unknown = validate("nobody", ADMIN.1).await;
    assert!(
        unknown["detail"]
            .as_str()
            .unwrap()
            .contains("access key id"),
        "{unknown}"
    );

    let file = folder.path().join(BUCKET).join("x-1.0.0.zip");
    std::fs::write(file, package("x", "1.0.0", json!({}), 0)).unwrap();
    let key = ["--access-key-id", ADMIN.0, "--secret-access-key", ADMIN.1];
    let mut add = vec!["repo", "add", "shop", &url];
    add.extend(key);
    ran(&service, &add).ok();
    let record = synced(&service, "shop").await;
    assert_eq!(record["sync"]["versions"], 1, "{record}");
    ran(&service, &["install", "x"]).ok();
}
