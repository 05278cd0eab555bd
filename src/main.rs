//! The `storekeeper` program.

fn main() {}
