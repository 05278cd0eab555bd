//! A real S3 server of a test's own: SeaweedFS, or rclone, which ignores the conditions of writes.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use object_store::aws::{AmazonS3, AmazonS3Builder};
use serde_json::json;
use tempfile::TempDir;

use crate::support::wheel::{RCLONE, SEAWEEDFS};
use crate::support::{free_port, listens, until};

/// The bucket that every server has.
pub(crate) const BUCKET: &str = "shop";

/// Whoever may do everything.
pub(crate) const ADMIN: (&str, &str) = ("admin", "admin-secret");

/// Whoever may only read.
pub(crate) const READER: (&str, &str) = ("reader", "reader-secret");

/// A running server.
pub(crate) struct S3Server {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl S3Server {
    /// SeaweedFS, all of it in one process.
    pub(crate) async fn seaweedfs() -> Self {
        let program = SEAWEEDFS.fetch();
        let folder = tempfile::tempdir().unwrap();
        let key = |(id, secret): (&str, &str)| json!([{ "accessKey": id, "secretKey": secret }]);
        let identities = json!({ "identities": [
            { "name": "admin", "credentials": key(ADMIN),
              "actions": ["Admin", "Read", "List", "Tagging", "Write"] },
            { "name": "reader", "credentials": key(READER),
              "actions": [format!("Read:{BUCKET}"), format!("List:{BUCKET}")] },
        ]});
        let keys = folder.path().join("identities.json");
        fs::write(&keys, identities.to_string()).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let (s3, filer) = (free_port(), free_port());
        let port = |name: &str, port: u16| format!("-{name}={port}");
        let mut command = Command::new(program);
        command
            .arg("server")
            .arg(format!("-dir={}", data.display()))
            .args(["-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3"])
            .args([
                port("master.port", free_port()),
                port("master.port.grpc", free_port()),
                port("volume.port", free_port()),
                port("volume.port.grpc", free_port()),
                port("filer.port", filer),
                port("filer.port.grpc", free_port()),
                port("s3.port", s3),
                port("s3.port.grpc", free_port()),
            ])
            .args([
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                "-master.telemetry=false",
            ])
            .args(["-volume.max=20", "-master.volumeSizeLimitMB=64"])
            .arg(format!("-s3.config={}", keys.display()));
        let server = Self::start(command, s3, folder);
        server.is_up().await;
        let client = storekeeper::download::local_client().build().unwrap();
        until("SeaweedFS makes the bucket", async || {
            let address = format!("http://127.0.0.1:{filer}/buckets/{BUCKET}/");
            let made = client.post(address).send().await.ok()?;
            made.status().is_success().then_some(())
        })
        .await;
        let store = server.store(ADMIN);
        until("SeaweedFS takes a file", async || {
            use object_store::ObjectStoreExt as _;
            let path = object_store::path::Path::from("first");
            store.put(&path, "first".into()).await.ok()?;
            store.delete(&path).await.ok()
        })
        .await;
        server
    }

    /// rclone, on a folder.
    pub(crate) async fn rclone() -> Self {
        let program = RCLONE.fetch();
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("data").join(BUCKET)).unwrap();
        let port = free_port();
        let mut command = Command::new(program);
        command
            .args(["serve", "s3", "--config", "/dev/null"])
            .arg(format!("--addr=127.0.0.1:{port}"))
            .arg(format!("--auth-key={},{}", ADMIN.0, ADMIN.1))
            .arg(folder.path().join("data"));
        let server = Self::start(command, port, folder);
        server.is_up().await;
        server
    }

    fn start(mut command: Command, port: u16, folder: TempDir) -> Self {
        let output = File::create(folder.path().join("output.txt")).unwrap();
        let process = command
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Self {
            process,
            port,
            _folder: folder,
        }
    }

    async fn is_up(&self) {
        let port = self.port;
        until("the S3 server listens", async || {
            listens(port).then_some(())
        })
        .await;
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of the bucket, or of what lies below a prefix in it.
    pub(crate) fn url(&self, bucket: &str) -> String {
        format!("s3://127.0.0.1:{}/{bucket}", self.port)
    }

    /// The bucket by another program than ours.
    pub(crate) fn store(&self, (id, secret): (&str, &str)) -> Arc<AmazonS3> {
        // The library's own client needs a provider for TLS, though nothing here is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = AmazonS3Builder::new()
            .with_endpoint(format!("http://127.0.0.1:{}", self.port))
            .with_bucket_name(BUCKET)
            .with_region("us-east-1")
            .with_access_key_id(id)
            .with_secret_access_key(secret)
            .with_allow_http(true)
            .with_virtual_hosted_style_request(false)
            .build();
        Arc::new(store.unwrap())
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // It takes its time to end when asked, and nothing of it is kept.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
