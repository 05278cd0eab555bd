//! What a downloaded file is called: the server proposes, we make it safe.

use reqwest::header::{CONTENT_DISPOSITION, HeaderMap};
use url::Url;

/// Length limit of a file's name, in bytes.
const MAX_NAME_BYTES: usize = 120;

/// When nothing proposes a name.
const DEFAULT_NAME: &str = "download";

/// Names that Windows keeps for devices, whatever comes after a dot.
const DEVICES: [&str; 24] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com1", "com2", "com3", "com4", "com5",
    "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8",
    "lpt9",
];

/// The name of a file that was asked for at one address and came from another: what the server says,
/// else the last part of an address, rather one with an extension.
pub(super) fn of(headers: &HeaderMap, asked: &Url, from: &Url) -> String {
    let said = headers
        .get(CONTENT_DISPOSITION)
        .and_then(|value| of_disposition(value.as_bytes()));
    let parts: Vec<String> = [asked, from].into_iter().filter_map(of_address).collect();
    said.as_deref()
        .or_else(|| {
            let with_dot = parts.iter().find(|name| name.contains('.'));
            with_dot.or(parts.first()).map(String::as_str)
        })
        .map_or_else(|| DEFAULT_NAME.to_owned(), safe)
}

/// The last part of an address, without its query.
fn of_address(address: &Url) -> Option<String> {
    let last = address.path_segments()?.next_back()?;
    Some(decode(&unescape(last.as_bytes()))).filter(|name| !name.is_empty())
}

/// The name in a `Content-Disposition` (RFC 6266); `filename*` wins.
fn of_disposition(value: &[u8]) -> Option<String> {
    let mut plain = None;
    for (key, value) in parameters(value) {
        if key.eq_ignore_ascii_case(b"filename*") {
            let mut parts = value.splitn(3, |byte| *byte == b'\'');
            if let (Some(charset), Some(_), Some(name)) = (parts.next(), parts.next(), parts.next())
            {
                let bytes = unescape(name);
                let encoding = encoding_rs::Encoding::for_label(charset);
                let name = match encoding {
                    Some(encoding) => encoding.decode_without_bom_handling(&bytes).0.into_owned(),
                    None => decode(&bytes),
                };
                if !name.is_empty() {
                    return Some(name);
                }
            }
        } else if key.eq_ignore_ascii_case(b"filename") {
            // Many servers escape what they should not.
            let bytes = if value.contains(&b'%') {
                unescape(&value)
            } else {
                value
            };
            plain = Some(decode(&bytes)).filter(|name| !name.is_empty());
        }
    }
    plain
}

/// The parameters behind the first word, their quotes taken off.
fn parameters(value: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut pieces: Vec<Vec<u8>> = vec![Vec::new()];
    let (mut quoted, mut escaped) = (false, false);
    for &byte in value {
        let Some(piece) = pieces.last_mut() else {
            break;
        };
        match byte {
            _ if escaped => {
                // Windows programs put paths there, whose backslashes escape nothing.
                if !matches!(byte, b'"' | b'\\') {
                    piece.push(b'\\');
                }
                piece.push(byte);
                escaped = false;
            }
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => pieces.push(Vec::new()),
            _ => piece.push(byte),
        }
    }
    let pair = |piece: &Vec<u8>| {
        let cut = piece.iter().position(|byte| *byte == b'=')?;
        let (key, value) = piece.split_at(cut);
        let value = value.get(1..).unwrap_or_default();
        Some((key.trim_ascii().to_vec(), value.trim_ascii().to_vec()))
    };
    pieces.iter().skip(1).filter_map(pair).collect()
}

/// `%E4` and the like as bytes; what is no escape stays.
fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let code = match (byte, digit(text.get(at + 1)), digit(text.get(at + 2))) {
            (b'%', Some(high), Some(low)) => u8::try_from(high * 16 + low).ok(),
            _ => None,
        };
        bytes.push(code.unwrap_or(byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    bytes
}

/// As UTF-8 where it is, else as GBK, which Chinese servers send.
fn decode(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::GBK.decode(bytes).0.into_owned(),
    }
}

/// One normal path component on every system.
pub(super) fn safe(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let cleaned: String = last
        .chars()
        .map(|character| match character {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
            _ if character.is_control() => '_',
            // They turn the writing around, so that an `exe` looks like a `zip`.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '_',
            _ => character,
        })
        .collect();
    // Windows drops dots and spaces at the end; a dot in front hides a file.
    let cleaned = cleaned.trim_matches([' ', '.']);
    let mut name = shorten(cleaned);
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    if DEVICES.contains(&stem.to_lowercase().as_str()) {
        name.insert(0, '_');
    }
    if name.is_empty() {
        DEFAULT_NAME.to_owned()
    } else {
        name
    }
}

/// Cuts a long name before its extension.
fn shorten(name: &str) -> String {
    // Room for what `safe` puts in front.
    let limit = MAX_NAME_BYTES - 1;
    if name.len() <= limit {
        return name.to_owned();
    }
    let extension = match name.rfind('.') {
        Some(dot) if name.len() - dot <= 16 => name.get(dot..).unwrap_or_default(),
        _ => "",
    };
    let mut end = limit - extension.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    let stem = name
        .get(..end)
        .unwrap_or_default()
        .trim_end_matches([' ', '.']);
    format!("{stem}{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reqwest::header::HeaderValue;

    fn check(disposition: &[u8], address: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        if !disposition.is_empty() {
            let value = HeaderValue::from_bytes(disposition).unwrap();
            headers.insert(CONTENT_DISPOSITION, value);
        }
        let address = Url::parse(address).unwrap();
        assert_eq!(of(&headers, &address, &address), expected);
    }

    #[test]
    fn the_server_names_the_file() {
        let check = |disposition: &str, expected: &str| {
            check(disposition.as_bytes(), "http://x/y", expected);
        };
        check("attachment; filename=a.zip", "a.zip");
        check("attachment; filename=\"a b;c.zip\"", "a b;c.zip");
        check("attachment; filename=\"a\\\"b.zip\"; size=3", "a_b.zip");
        check("inline;FILENAME = a.zip", "a.zip");
        check(
            "attachment; filename=\"x.zip\"; filename*=UTF-8''%E5%BA%94%E7%94%A8.zip",
            "应用.zip",
        );
        check("attachment; filename*=gbk''%D3%A6%D3%C3.zip", "应用.zip");
        check("attachment; filename=%E5%BA%94%E7%94%A8.zip", "应用.zip");
        check("attachment", "y");
        check("attachment; filename=\"../../etc/passwd\"", "passwd");
        check("attachment; filename=\"C:\\x\\a.zip\"", "a.zip");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_gbk() {
        let raw = b"attachment; filename=\"\xd3\xa6\xd3\xc3.zip\"";
        check(raw, "http://x/y", "应用.zip");
    }

    #[test]
    fn without_it_the_address_names_the_file() {
        check(b"", "http://x/p/a.zip?v=1#top", "a.zip");
        check(b"", "http://x/p/a%20b.zip", "a b.zip");
        check(b"", "http://x/p/..%2f..%2fb.zip", "b.zip");
        check(b"", "http://x/", "download");
        check(b"", "http://x/nul.zip", "_nul.zip");
        check(b"", "http://x/%E2%80%AEpiz.exe", "_piz.exe");
    }

    proptest! {
        #[test]
        fn a_name_is_always_one_normal_component(name in "\\PC{0,200}|[./\\\\:a\\x00-\\x1f ]{0,40}|.{0,200}") {
            let name = safe(&name);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME_BYTES, "{name:?}");
            prop_assert!(!name.contains(['/', '\\', ':']) && !name.contains(char::is_control));
            prop_assert!(!name.starts_with('.') && !name.ends_with(['.', ' ']));
            let path = std::path::Path::new(&name);
            prop_assert_eq!(path.components().count(), 1);
        }

        #[test]
        fn any_disposition_is_read(value in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(name) = of_disposition(&value) {
                prop_assert!(!safe(&name).is_empty());
            }
        }
    }
}
