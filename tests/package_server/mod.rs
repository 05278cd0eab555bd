//! The package server, talked to as the original's clients talk to it.

mod catalog;
mod client;
mod command_line;
mod conversation;
mod drop_folders;
mod http;
mod make;
mod server;
mod signatures;
mod survival;

use serde_json::{Value, json};

/// The answer to an upload that was taken.
fn taken(id: &str, architecture: &str, result: &str) -> Value {
    json!({ "architecture": architecture, "id": id, "result": result, "status": "ok" })
}

/// The answer to one that was not: a sentence and nothing else.
fn not_taken(answer: &Value) -> String {
    assert_eq!(answer["status"], "fail", "{answer}");
    assert_eq!(answer.as_object().unwrap().len(), 2, "{answer}");
    let message = answer["message"].as_str().unwrap();
    assert!(!message.is_empty());
    message.to_owned()
}
