//! Storekeeper: a local app store in one binary.
//!
//! It reads each app's `install.json` and `store.json`, runs its command lists, keeps its
//! processes running and takes settings over HTTP.
//!
//! # The modules, in the order a request takes
//!
//! [`cli`] and [`api`] are what people and programs talk to. They turn a wish into a
//! [`job`], the only thing that changes anything. A job lays a command list flat (`command::plan`)
//! and runs its steps ([`command`]); a step that needs a process asks the [`supervisor`], which
//! asks the keeper of [`platform`]. [`archive`] opens archives, [`download`] fetches files,
//! [`release`] leads packages through review into the store, [`catalog`] knows what can be installed,
//! [`package`] checks packages and keeps them on the shelf of a package server, [`database`] remembers,
//! [`library`] knows every path, and [`app`] is what an author wrote.
//!
//! # What holds
//!
//! - [`app`] and the supervisor's state machine do no I/O and read no clock.
//! - Only [`platform`] touches processes, only [`library`] knows paths, only [`archive`] opens
//!   archives.
//! - The supervisor knows no commands: it starts a spec.
//! - The author's files are never rewritten. Placeholders are expanded at every use, from the
//!   pristine `store.json` and the config in force.
//! - Every change is a job. One job at a time per app; reads never wait for one.
//! - No lock is held across an await, and nothing blocks an async thread.
//! - The service may be killed at any moment: processes, exit codes and output belong to the
//!   keeper, which lives on.
//!
//! # Five walks
//!
//! **`POST /store/setting` with a new port**: `api` (guard, handler) → `job` (the app's worker
//! saves the config) → `command` (plan, `changeFile`, `exec`, `start`) → `supervisor` →
//! `platform`.
//!
//! **A child dies and is replaced**: `platform` (the keeper reaps it and ends what it left) →
//! `supervisor` (actor → state machine → actor) → `platform`. Nothing above the supervisor takes
//! part.
//!
//! **An app is upgraded**: `api` → `job` (fetches by [`download`] and [`catalog`], unpacks by [`archive`]
//! beside the app, takes along what is the user's, switches the folders) → `command` (the install
//! list, the start) → `supervisor` (ready?) → `job` (commits, or puts everything back).
//!
//! **`PUT /package/upload`**: `api` (gate, the body into a file beside the shelf, block by block) →
//! [`package`] (inspected whole, synced, renamed into its place, remembered) → `api` answers.
//!
//! **The service is killed and starts again**: `service` opens the home → `supervisor` asks the
//! keeper what lives and takes it over → `job` takes back or finishes what was cut off, marks what
//! was interrupted and brings back what should run.

pub mod api;
pub mod app;
pub mod archive;
pub mod catalog;
pub mod cli;
pub mod command;
pub mod database;
pub mod download;
pub mod job;
pub mod library;
pub mod package;
pub mod platform;
pub mod release;
pub mod repository;
pub mod service;
pub mod supervisor;
