//! Whatever a text holds: reading it as YAML does not panic, and what was read means the same when it is
//! written and read once more.

#![no_main]

use libfuzzer_sys::fuzz_target;
use storekeeper::package::yaml::{self, Value};

/// Equal, where not-a-number is equal to itself.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Double(one), Value::Double(other)) => one == other || (one.is_nan() && other.is_nan()),
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|((key, one), (name, other))| key == name && same(one, other))
        }
        (one, other) => one == other,
    }
}

fuzz_target!(|text: &[u8]| {
    let Ok(documents) = yaml::read(text) else {
        return;
    };
    let Ok(values) = documents.iter().map(yaml::Node::value).collect::<Result<Vec<_>, _>>() else {
        return;
    };
    if values.is_empty() {
        return;
    }
    let written = yaml::write(&values);
    let again = yaml::read(written.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{written}"));
    let again: Vec<_> = again.iter().map(|node| node.value().expect("it was written")).collect();
    assert!(
        values.len() == again.len() && values.iter().zip(&again).all(|(one, other)| same(one, other)),
        "{values:?}\n{again:?}\n{written}"
    );
});
