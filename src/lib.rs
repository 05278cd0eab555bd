//! Storekeeper, a local app store in one binary.

pub mod api;
pub mod app;
pub mod archive;
pub mod cli;
pub mod command;
pub mod database;
pub mod job;
pub mod library;
pub mod platform;
pub mod service;
pub mod supervisor;
