//! Pages in a real browser: those of strangers move nothing and read nothing, whatever they try; our
//! own and those that the user allowed can do their work, and our own is a pleasure to work with.

mod axe;
mod chromium;
mod devtools;
mod files;
mod friends;
mod journeys;
mod publishing;
mod screens;
mod shop;
mod site;
mod strangers;
mod world;
