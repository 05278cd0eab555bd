//! The tests from outside: they drive the real service, the real command line and real programs.
//!
//! They look at processes through /proc, so they run on Linux.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    clippy::format_collect,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    reason = "a test may fail in any way and starts programs itself; `json!` reads best unborrowed"
)]

mod ampkg;
mod api;
mod archives;
mod bad_input;
mod browser;
mod catalog;
mod cli;
mod desktop;
mod download;
mod manual;
mod original;
mod package_server;
mod real;
mod release;
mod repository;
mod support;
mod survival;

mod architecture;
mod dependencies;

// What the build makes of the page's files, for its own tests and those of the page.
#[path = "../build/bundle.rs"]
mod bundle;
#[path = "../build/shrink.rs"]
mod shrink;
