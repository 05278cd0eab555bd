//! The service is killed: its apps live on, and the next service finds everything as it was.

mod adoption;
mod changes;
mod chaos;
