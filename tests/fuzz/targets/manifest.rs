//! Whatever a manifest holds: reading it does not panic.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::app::parse;

fuzz_target!(|text: &str| {
    let _ = parse::install(text);
    let _ = parse::store(text);
});
