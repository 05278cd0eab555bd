//! The faults of the original server that its users met, each as a test that it is not ours.

mod files;
mod lists;
mod settings;
mod stopping;
mod supervision;
mod web;
