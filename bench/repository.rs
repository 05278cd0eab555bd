//! What `bench/repository` measures: an index of 10,000 versions in a bucket, and uploads of one large
//! package.
//!
//! ```text
//! bench_repository memory COUNT                     an index of so many versions, without a repository
//! bench_repository sync HOME URL ID SECRET          brings a bucket up to date, three times
//! bench_repository upload HOME URL ID SECRET FILE   publishes a file, and removes it again
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use chrono::Utc;
use serde_json::json;
use storekeeper::database::Database;
use storekeeper::download::Downloader;
use storekeeper::library::Library;
use storekeeper::repository::{
    AccessKey, Entry, Index, NewRepository, Repositories, Repository, inspect,
};

type Failure = Box<dyn std::error::Error>;

#[expect(clippy::print_stderr, reason = "it is a program")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let done = runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<(), Failure> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["memory", count] => memory(count.parse()?),
        ["sync", home, url, id, secret] => sync(Path::new(home), url, (id, secret)).await,
        ["upload", home, url, id, secret, file] => {
            upload(Path::new(home), url, (id, secret), &PathBuf::from(file)).await
        }
        _ => Err("usage: bench_repository memory COUNT | sync HOME URL ID SECRET | upload HOME URL ID SECRET FILE".into()),
    }
}

fn entry(number: usize) -> Result<Entry, Failure> {
    let (name, version) = (
        format!("app{}", number / 10),
        format!("1.{}.0", number % 10),
    );
    let entry = Entry::of_json(&json!({
        "name": name,
        "version": version,
        "urls": [format!("{name}-{version}.zip")],
        "description": "An app that was made up for a measurement, with a sentence about it",
        "category": "utilities",
        "type": "godoos",
        "keywords": ["made", "up"],
        "size": 1_234_567,
        "digest": "07".repeat(32),
        "created": "2026-11-27T12:00:00Z",
    }));
    Ok(entry?)
}

/// Writes and reads an index without a repository.
#[expect(clippy::print_stdout, reason = "it is a program")]
fn memory(count: usize) -> Result<(), Failure> {
    let mut index = Index::default();
    let begin = Instant::now();
    for number in 0..count {
        index.put(entry(number)?);
    }
    let made = begin.elapsed();
    let begin = Instant::now();
    let text = index.write(Utc::now());
    let written = begin.elapsed();
    let begin = Instant::now();
    let read = Index::parse(&text)?;
    println!(
        "{} versions, {} bytes: put {:.3} s, written {:.3} s, read {:.3} s",
        read.len(),
        text.len(),
        made.as_secs_f64(),
        written.as_secs_f64(),
        begin.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn open(
    home: &Path,
    url: &str,
    (id, secret): (&str, &str),
) -> Result<(Repositories, Repository), Failure> {
    let library = Library::open(home)?;
    let database = Database::open(&library.database())?;
    let downloader = Downloader::new(&library.download_dir());
    let repositories = Repositories::new(&library, Arc::new(database), &downloader);
    repositories.recover(true).await?;
    if repositories.get("bench").await.is_err() {
        let new = NewRepository {
            name: "bench".to_owned(),
            url: url.to_owned(),
            key: AccessKey::new(id, secret).ok(),
            ..NewRepository::default()
        };
        repositories.add(new).await?;
    }
    let repository = repositories.open("bench").await?;
    Ok((repositories, repository))
}

/// Brings the repository up to date, three times.
#[expect(clippy::print_stdout, reason = "it is a program")]
async fn sync(home: &Path, url: &str, key: (&str, &str)) -> Result<(), Failure> {
    let (repositories, _) = open(home, url, key).await?;
    for _ in 0..3 {
        let begin = Instant::now();
        let event = repositories.sync("bench", "bench").await?;
        println!(
            "{:.3} s: {}; {} packages read",
            begin.elapsed().as_secs_f64(),
            event.result,
            event.read
        );
    }
    Ok(())
}

/// Uploads a file as a package; its checksum is computed before, as when it was inspected.
#[expect(clippy::print_stdout, reason = "it is a program")]
async fn upload(home: &Path, url: &str, key: (&str, &str), file: &Path) -> Result<(), Failure> {
    let (_, repository) = open(home, url, key).await?;
    let digest = inspect(file)?.digest.ok_or("it has no checksum")?;
    let begin = Instant::now();
    repository.keep("bench", digest, file).await?;
    println!("{:.3}", begin.elapsed().as_secs_f64());
    repository.forget("bench", digest).await?;
    Ok(())
}
