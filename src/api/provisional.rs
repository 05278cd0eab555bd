//! What a package is called until its own name is known.

use percent_encoding::percent_decode_str;

use crate::app::AppName;

/// What archives end in.
const EXTENSIONS: [&str; 8] = [
    ".tar.bz2", ".tar.gz", ".tbz2", ".tgz", ".tbz", ".tar", ".bz2", ".zip",
];

/// The longest name.
const MAX_BYTES: usize = 64;

/// A name for what lies at an address: the last part of its path, as far as that can be a name.
pub(super) fn provisional_name(url: &str) -> AppName {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let last = match path.trim_end_matches('/').rsplit_once('/') {
        Some((_, last)) => percent_decode_str(last).decode_utf8_lossy(),
        None => "".into(),
    };
    // An encoded slash in it is still one.
    let last = last.rsplit(['/', '\\']).next().unwrap_or_default();
    let lower = last.to_ascii_lowercase();
    let end = EXTENSIONS
        .iter()
        .find(|extension| lower.ends_with(*extension))
        .map_or(last.len(), |extension| last.len() - extension.len());
    let stem = last.get(..end).unwrap_or_default();
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = stem
        .chars()
        .map(|c| if fit(c) { c } else { '-' })
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(MAX_BYTES)
        .collect();
    AppName::parse(name.trim_end_matches(['.', '-', '_']))
        .unwrap_or_else(|_| AppName::parse("package").expect("it keeps the rule"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_of_the_address_is_made_to_fit() {
        let long = format!("http://x/{}.zip", "y".repeat(90));
        let cut = "y".repeat(64);
        for (url, expected) in [
            ("http://x/mysql5.7.zip", "mysql5.7"),
            ("http://x/a/redis.TAR.GZ?token=1/2#z", "redis"),
            ("https://x/my%20app.tgz", "my-app"),
            ("https://x/a%2Fb.tar.bz2", "b"),
            ("http://x/..zip", "package"),
            ("http://x/.hidden.zip", "hidden"),
            ("http://x/a.zip/", "a"),
            ("http://x/", "package"),
            ("http://x", "package"),
            ("", "package"),
            ("http://x/con.zip", "package"),
            ("http://x/%E4%B8%AD.zip", "package"),
            ("http://x/v1.2...zip", "v1.2"),
            (&long, &cut),
        ] {
            assert_eq!(provisional_name(url).as_str(), expected, "{url}");
        }
    }
}
