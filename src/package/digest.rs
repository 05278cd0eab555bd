//! The digest of a package: SHA-256 of its signed data, files and folders.

use sha2::{Digest as _, Sha256 as Hasher};

use super::yaml::Value;
use crate::app::Sha256;

/// Makes a digest of what a package holds, in the order of its entries.
pub(super) struct Digest(Hasher);

impl Digest {
    /// `extra_signed` is the header's field of that name, if it has it.
    pub(super) fn new(extra_signed: Option<&Value>) -> Self {
        let mut hasher = Hasher::new();
        if let Some(value) = extra_signed {
            hasher.update(serialised(value));
        }
        Self(hasher)
    }

    /// A piece of a file's content.
    pub(super) fn content(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The file whose content was given has ended.
    pub(super) fn file(&mut self, size: u64, name: &str) {
        self.0.update(format!("F/{size}/{name}"));
    }

    /// A folder; its name without the slash at the end.
    pub(super) fn folder(&mut self, name: &str) {
        self.0.update(format!("D/0/{name}"));
    }

    pub(super) fn finish(self) -> Sha256 {
        Sha256(self.0.finalize().into())
    }
}

/// Numbers of the types in Qt's `QDataStream` (`QMetaType::Type`).
const BOOL: u32 = 1;
const INT: u32 = 2;
const LONG: u32 = 4;
const UNSIGNED_LONG: u32 = 5;
const DOUBLE: u32 = 6;
const MAP: u32 = 8;
const LIST: u32 = 9;
const TEXT: u32 = 10;
const NULL: u32 = 51;

/// A value as Qt's `QDataStream` writes a `QVariant`: its type, whether it is null, and itself, all big
/// endian.
pub(super) fn serialised(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, value);
    out
}

fn put(out: &mut Vec<u8>, value: &Value) {
    let begin = |out: &mut Vec<u8>, kind: u32, is_null: bool| {
        out.extend(kind.to_be_bytes());
        out.push(u8::from(is_null));
    };
    match value {
        Value::Null => begin(out, NULL, true),
        Value::Bool(value) => {
            begin(out, BOOL, false);
            out.push(u8::from(*value));
        }
        Value::Int(value) => {
            if let Ok(value) = i32::try_from(*value) {
                begin(out, INT, false);
                out.extend(value.to_be_bytes());
            } else {
                begin(out, LONG, false);
                out.extend(value.to_be_bytes());
            }
        }
        Value::Unsigned(value) => {
            begin(out, UNSIGNED_LONG, false);
            out.extend(value.to_be_bytes());
        }
        Value::Double(value) => {
            begin(out, DOUBLE, false);
            out.extend(value.to_be_bytes());
        }
        Value::Text(text) => {
            begin(out, TEXT, false);
            put_text(out, text);
        }
        Value::List(values) => {
            begin(out, LIST, false);
            put_count(out, values.len());
            for value in values {
                put(out, value);
            }
        }
        Value::Map(map) => {
            begin(out, MAP, false);
            put_count(out, map.len());
            // Qt orders texts by their UTF-16, we by their UTF-8.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            for (key, value) in entries {
                put_text(out, key);
                put(out, value);
            }
        }
    }
}

/// Texts and lists of a YAML file are far from the limit of these counts.
fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes());
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, 2 * text.encode_utf16().count());
    out.extend(text.encode_utf16().flat_map(u16::to_be_bytes));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn check(value: &Value, expected: &str) {
        let digits: Vec<char> = expected.chars().filter(|digit| *digit != ' ').collect();
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap())
            .collect();
        assert_eq!(serialised(value), bytes, "{value:?}");
    }

    #[test]
    fn values_are_written_as_qt_does() {
        check(&Value::Null, "00000033 01");
        check(&Value::Bool(true), "00000001 00 01");
        check(&Value::Int(5), "00000002 00 00000005");
        check(&Value::Int(-1), "00000002 00 ffffffff");
        check(&Value::Int(2_147_483_647), "00000002 00 7fffffff");
        check(&Value::Int(2_147_483_648), "00000004 00 0000000080000000");
        check(&Value::Unsigned(u64::MAX), "00000005 00 ffffffffffffffff");
        check(&Value::Double(1.5), "00000006 00 3ff8000000000000");
        check(&Value::from(""), "0000000a 00 00000000");
        check(&Value::from("aß"), "0000000a 00 00000004 006100df");
        check(&Value::from("😀"), "0000000a 00 00000004 d83dde00");
        check(&Value::List(Vec::new()), "00000009 00 00000000");
        check(&Value::Map(BTreeMap::new()), "00000008 00 00000000");
        let map: Value = [("b", Value::Int(1)), ("a", Value::List(vec![Value::Null]))]
            .into_iter()
            .collect();
        check(
            &map,
            "00000008 00 00000002 \
             00000002 0061 00000009 00 00000001 00000033 01 \
             00000002 0062 00000002 00 00000001",
        );
    }

    #[test]
    fn keys_are_ordered_by_their_utf_16() {
        // U+FF5E is before U+1F600 as a number, and behind it in UTF-16.
        let map: Value = [("\u{ff5e}", Value::Null), ("\u{1f600}", Value::Null)]
            .into_iter()
            .collect();
        check(
            &map,
            "00000008 00 00000002 00000004 d83dde00 00000033 01 00000002 ff5e 00000033 01",
        );
    }

    #[test]
    fn a_digest_is_made_of_contents_and_names() {
        let mut digest = Digest::new(None);
        digest.content(b"he");
        digest.content(b"llo");
        digest.file(5, "a");
        digest.folder("b");
        let expected: [u8; 32] = Hasher::digest(b"helloF/5/aD/0/b").into();
        assert_eq!(digest.finish().0, expected);
        let empty = Value::Map(BTreeMap::new());
        let expected: [u8; 32] = Hasher::digest([0, 0, 0, 8, 0, 0, 0, 0, 0]).into();
        assert_eq!(Digest::new(Some(&empty)).finish().0, expected);
    }

    /// Reads a value back: the inverse, written apart from it.
    fn read(bytes: &mut &[u8]) -> Option<Value> {
        fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
            let (first, rest) = bytes.split_at_checked(count)?;
            *bytes = rest;
            Some(first)
        }
        fn number(bytes: &mut &[u8]) -> Option<u32> {
            Some(u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?))
        }
        fn text(bytes: &mut &[u8]) -> Option<String> {
            let count = usize::try_from(number(bytes)?).ok()?;
            let units: Vec<u16> = take(bytes, count)?
                .chunks(2)
                .map(|unit| u16::from_be_bytes([unit[0], unit[1]]))
                .collect();
            String::from_utf16(&units).ok()
        }
        let kind = number(bytes)?;
        let is_null = take(bytes, 1)? == [1];
        assert_eq!(is_null, kind == 51);
        let eight = |bytes: &mut &[u8]| -> Option<[u8; 8]> { take(bytes, 8)?.try_into().ok() };
        Some(match kind {
            51 => Value::Null,
            1 => Value::Bool(take(bytes, 1)? == [1]),
            2 => Value::Int(i32::from_be_bytes(take(bytes, 4)?.try_into().ok()?).into()),
            4 => Value::Int(i64::from_be_bytes(eight(bytes)?)),
            5 => Value::Unsigned(u64::from_be_bytes(eight(bytes)?)),
            6 => Value::Double(f64::from_be_bytes(eight(bytes)?)),
            10 => Value::Text(text(bytes)?),
            9 => (0..number(bytes)?)
                .map(|_| read(bytes))
                .collect::<Option<_>>()
                .map(Value::List)?,
            8 => {
                let mut map = BTreeMap::new();
                for _ in 0..number(bytes)? {
                    map.insert(text(bytes)?, read(bytes)?);
                }
                Value::Map(map)
            }
            _ => return None,
        })
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            any::<i32>().prop_map(|value| Value::Int(value.into())),
            any::<u64>().prop_map(Value::Unsigned),
            any::<f64>().prop_map(Value::Double),
            ".{0,8}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::List),
                prop::collection::btree_map(".{0,4}", inner, 0..5).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_two_values_are_written_alike(value in any_value()) {
            let bytes = serialised(&value);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(read(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn how_a_content_is_cut_does_not_matter(
            content in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..200, name in "[a-zé/]{1,9}"
        ) {
            let size = u64::try_from(content.len()).unwrap();
            let mut whole = Digest::new(None);
            whole.content(&content);
            whole.file(size, &name);
            let (first, second) = content.split_at(at.min(content.len()));
            let mut cut = Digest::new(None);
            cut.content(first);
            cut.content(second);
            cut.file(size, &name);
            prop_assert_eq!(whole.finish(), cut.finish());
        }
    }
}
