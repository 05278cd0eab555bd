//! Whatever an index holds: reading it does not panic, and what is written of it is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::repository::Index;

fuzz_target!(|text: &str| {
    if let Ok(index) = Index::parse(text) {
        let again = Index::parse(&index.text()).expect("what we write is an index");
        assert_eq!(again.fingerprint(), index.fingerprint());
    }
});
