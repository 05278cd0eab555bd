//! What the page needs of the API, asked for as the page does.

mod charts;
mod files;
mod jobs;
mod logs;
mod notices;
mod origins;
mod ports;
mod settings;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use storekeeper::library::{ARCH, OS};

use crate::support::{Answer, Service, zip};

/// GET that must give JSON.
async fn get_json(service: &Service, path: &str) -> Value {
    service.get(path).await.must_be(200).json()
}

/// PATCH of JSON.
async fn patch(service: &Service, path: &str, body: &Value) -> Answer {
    Answer::of(service.request(reqwest::Method::PATCH, path).json(body)).await
}

/// DELETE.
async fn delete(service: &Service, path: &str) -> Answer {
    Answer::of(service.request(reqwest::Method::DELETE, path)).await
}

/// The texts of a list under a key.
fn texts(list: &Value, key: &str) -> Vec<String> {
    let list = list.as_array().expect("a list");
    let text = |entry: &Value| entry[key].as_str().expect("a text").to_owned();
    list.iter().map(text).collect()
}

/// A package with this `store.json`.
fn packed(name: &str, version: &str, store: &Value) -> Vec<u8> {
    let info = json!({ "name": name, "version": version, "desc": "made up" });
    zip(&[
        ("install.json", info.to_string().as_bytes()),
        ("store.json", store.to_string().as_bytes()),
    ])
}

/// Writes a catalog into a folder beside the home: its one list and the packages.
fn write_shelf(service: &Service, entries: &Value, packages: &[(&str, Vec<u8>)]) -> PathBuf {
    let folder = service.scratch().join("shelf");
    let lists = folder.join(OS).join(ARCH);
    fs::create_dir_all(&lists).unwrap();
    fs::write(lists.join("hots.json"), entries.to_string()).unwrap();
    for (name, package) in packages {
        fs::write(lists.join(name), package).unwrap();
    }
    folder
}

/// The events of a stream.
struct Stream {
    answer: reqwest::Response,
    text: String,
}

/// One event.
#[derive(Debug)]
struct Event {
    kind: String,
    id: String,
    data: Value,
}

impl Stream {
    async fn open(service: &Service, path: &str) -> Self {
        Self::of(service.request(reqwest::Method::GET, path)).await
    }

    /// As a page of another origin does.
    async fn open_from(service: &Service, path: &str, origin: &str) -> Self {
        let request = service.request(reqwest::Method::GET, path);
        Self::of(request.header("origin", origin)).await
    }

    async fn of(request: reqwest::RequestBuilder) -> Self {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        Self {
            answer,
            text: String::new(),
        }
    }

    /// Reads what is there; the stream must not be at its end.
    async fn still_goes_on(&mut self) {
        let moment = std::time::Duration::from_millis(100);
        while let Ok(chunk) = tokio::time::timeout(moment, self.answer.chunk()).await {
            let chunk = chunk.unwrap().expect("the stream goes on");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// Reads to the end, which must come.
    async fn ends(mut self) {
        let end = async { while self.answer.chunk().await.unwrap().is_some() {} };
        let deadline = std::time::Duration::from_secs(10);
        let ended = tokio::time::timeout(deadline, end).await;
        ended.expect("the stream ends");
    }

    /// The next event; comments are passed over.
    async fn next(&mut self) -> Event {
        loop {
            while let Some((frame, rest)) = self.text.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let mut lines = frame.lines();
                    lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
                };
                if let Some(data) = field("data") {
                    return Event {
                        kind: field("event").unwrap_or_default().to_owned(),
                        id: field("id").unwrap_or_default().to_owned(),
                        data: serde_json::from_str(data).unwrap(),
                    };
                }
            }
            let chunk = self.answer.chunk().await.unwrap();
            let chunk = chunk.expect("the stream goes on");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }

    /// The next event of a kind that fits.
    async fn until(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Event {
        let found = async {
            loop {
                let event = self.next().await;
                if event.kind == kind && fits(&event.data) {
                    return event;
                }
            }
        };
        let deadline = std::time::Duration::from_secs(40);
        let found = tokio::time::timeout(deadline, found).await;
        found.unwrap_or_else(|_| panic!("no event `{kind}` came"))
    }
}
