//! The HTTP side: every route on one page, the gate in front of them, thin handlers.

mod apps;
mod body;
mod desktop;
mod doctor;
mod error;
mod events;
mod files;
mod guard;
mod jobs;
mod log;
mod openapi;
mod page;
mod policy;
mod ports;
mod roster;
mod routes;
mod server;
mod state;
mod stream;
mod usage;

pub use server::{Bound, Listen, Options, Origin, PORT, Running, ServeError, bind, serve};
