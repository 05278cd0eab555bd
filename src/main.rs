//! The `storekeeper` program.

fn main() {
    storekeeper::platform::run_keeper_if_asked();
}
