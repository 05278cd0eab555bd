//! Pages in a real browser: those of strangers move nothing and read nothing, whatever they try; our
//! own and those that the user allowed can do their work.

mod chromium;
mod friends;
mod site;
mod strangers;
mod world;
