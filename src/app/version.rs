//! Versions as apps really write them, and what a dependency asks of one.
//!
//! Apps write `5.7.44`, `8.0`, `v1.2-beta`, `10.11.6-MariaDB` or `1.1.1w`, so semantic versioning with
//! its three numbers does not fit; its ranges do, and mean here what they mean there.

use std::cmp::Ordering;
use std::fmt;

/// A version that can be compared. Every text is one: what has no number is below all that have.
///
/// Numbers are compared one by one, and zeros at the end do not count. A pre-release (`-beta.2`,
/// `rc1`) comes before its release; a revision (`-4`, the `w` of `1.1.1w`) comes after it; other words
/// (`-MariaDB`) and what follows `+` do not count.
#[derive(Clone, Debug)]
pub struct Version {
    text: String,
    numbers: Vec<u64>,
    suffix: Suffix,
}

/// What follows the numbers, in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suffix {
    /// Before the release: how far it had come, and which one of that kind.
    Pre(Stage, Vec<u64>),
    /// The release itself.
    None,
    /// After the release: a letter, or numbers.
    Revision(Vec<u64>),
}

/// How far a pre-release had come, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Development,
    Alpha,
    Beta,
    Candidate,
}

impl Version {
    /// Reads a version; nothing is refused.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        let body = text
            .strip_prefix(['v', 'V'])
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
            .unwrap_or(text);
        // What follows a `+` tells how it was built.
        let body = body.split('+').next().unwrap_or(body);
        let end = body
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(body.len());
        let (numbers, suffix) = body.split_at(end);
        let mut numbers: Vec<u64> = numbers
            .split('.')
            .filter(|number| !number.is_empty())
            .map(number)
            .collect();
        trim(&mut numbers);
        Self {
            text: text.to_owned(),
            numbers,
            suffix: Suffix::parse(suffix),
        }
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A text that, compared byte by byte, puts versions into their order: for databases.
    pub fn sort_key(&self) -> String {
        use std::fmt::Write as _;
        let mut key = String::new();
        for number in &self.numbers {
            // A String takes everything.
            let _ = write!(key, "{number:020}.");
        }
        // The mark is below every digit: a version ends before one that has another number.
        let (mark, more): (&str, &[u64]) = match &self.suffix {
            Suffix::Pre(stage, numbers) => (
                match stage {
                    Stage::Development => "!00",
                    Stage::Alpha => "!01",
                    Stage::Beta => "!02",
                    Stage::Candidate => "!03",
                },
                numbers,
            ),
            Suffix::None => ("!1", &[]),
            Suffix::Revision(numbers) => ("!2", numbers),
        };
        key.push_str(mark);
        for number in more {
            let _ = write!(key, "{number:020}.");
        }
        key
    }

    /// Whether it comes before its release.
    pub fn is_pre_release(&self) -> bool {
        matches!(self.suffix, Suffix::Pre(..))
    }
}

impl Suffix {
    fn parse(text: &str) -> Self {
        let is_joined = text.starts_with(|c: char| c.is_ascii_alphabetic());
        let words = words(text);
        let stage = words
            .iter()
            .enumerate()
            .find_map(|(at, word)| Some((at, Stage::of(word)?)));
        if let Some((at, stage)) = stage {
            let numbers = words.iter().skip(at + 1).map(|word| number(word));
            let mut numbers: Vec<u64> = numbers.collect();
            trim(&mut numbers);
            return Self::Pre(stage, numbers);
        }
        let first = words.first().copied().unwrap_or_default();
        let mut letters = first.chars();
        let mut revision = Vec::new();
        let mut rest = words.iter();
        if let (true, Some(letter), None) = (is_joined, letters.next(), letters.next()) {
            // `1.1.1w`, and the `p1` of `9.6p1`.
            revision.push(u64::from(u32::from(letter.to_ascii_lowercase())));
            rest.next();
        }
        revision.extend(
            rest.take_while(|word| word.starts_with(|c: char| c.is_ascii_digit()))
                .map(|word| number(word)),
        );
        trim(&mut revision);
        if revision.is_empty() {
            Self::None
        } else {
            Self::Revision(revision)
        }
    }
}

impl Stage {
    fn of(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "dev" | "snapshot" | "nightly" | "canary" | "m" | "milestone" => Self::Development,
            "alpha" => Self::Alpha,
            "beta" => Self::Beta,
            "rc" | "cr" | "pre" | "preview" => Self::Candidate,
            _ => return None,
        })
    }
}

/// The words and numbers of a text: `-beta.2_x` is `beta`, `2`, `x`.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for part in text.split(|c: char| !c.is_alphanumeric()) {
        let mut rest = part;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest
                .find(|c: char| c.is_ascii_digit() != digits)
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.push(word);
            rest = after;
        }
    }
    words
}

/// A number; one that is too large for us is as large as we know.
fn number(digits: &str) -> u64 {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse()
        .unwrap_or(if is_number { u64::MAX } else { 0 })
}

fn trim(numbers: &mut Vec<u64>) {
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = self.numbers.cmp(&other.numbers);
        numbers.then_with(|| self.suffix.cmp(&other.suffix))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a dependency asks of a version: alternatives between `||`, each a list of bounds that all
/// must hold.
///
/// `8.0` is every 8.0.x; so are `8.0.x` and `8.0.*`. `^1.2` goes up to the next number that breaks
/// things (2; for `^0.2` it is 0.3), `~1.2` up to the next but last (1.3). `>=1.2 <2`, `1.2 - 1.9`,
/// `=1.2`. Nothing at all and `*` are met by everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    text: String,
    alternatives: Vec<Vec<Bound>>,
}

/// Why a text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` does not say which versions are wanted; write e.g. `8.0`, `>=8.0 <9`, `^1.2`, `~1.2` or `1.x || 2.x`"
)]
pub struct InvalidRequirement {
    /// The text, shortened and with control characters escaped.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Bound {
    AtLeast(Version),
    Above(Version),
    AtMost(Version),
    /// Below these numbers, pre-releases of them excluded: nobody who writes `<2` means 2.0-beta.
    Below(Vec<u64>),
    Exactly(Version),
    /// Exactly this text, or anything that begins with its numbers.
    BeginsWith {
        text: String,
        numbers: Vec<u64>,
    },
}

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// An operator without a version, or an unknown one.
    pub fn parse(text: &str) -> Result<Self, InvalidRequirement> {
        let invalid = || InvalidRequirement {
            text: text.escape_debug().take(80).collect(),
        };
        let alternatives: Option<Vec<_>> = text.split("||").map(bounds).collect();
        Ok(Self {
            text: text.trim().to_owned(),
            alternatives: alternatives.ok_or_else(invalid)?,
        })
    }

    /// Whether a version meets it.
    pub fn matches(&self, version: &Version) -> bool {
        self.alternatives
            .iter()
            .any(|bounds| bounds.iter().all(|bound| bound.holds(version)))
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        match self {
            Self::AtLeast(bound) => version >= bound,
            Self::Above(bound) => version > bound,
            Self::AtMost(bound) => version <= bound,
            Self::Below(bound) => version.numbers < *bound,
            Self::Exactly(bound) => version == bound,
            Self::BeginsWith { text, numbers } => {
                let own = version.numbers.iter().chain(std::iter::repeat(&0));
                version.text == *text
                    || (!numbers.is_empty() && numbers.iter().zip(own).all(|(a, b)| a == b))
            }
        }
    }
}

/// The bounds of one alternative; none for what cannot be read.
fn bounds(text: &str) -> Option<Vec<Bound>> {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c == ',')
        .filter(|word| !word.is_empty())
        .collect();
    if let [low, "-", high] = words.as_slice() {
        // Up to 1.9 with all that belongs to it.
        let numbers = Partial::parse(high)?.numbers;
        let high = Bound::Below(next(&numbers, numbers.len().checked_sub(1)?));
        return Some(vec![Bound::AtLeast(Version::parse(low)), high]);
    }
    let mut bounds = Vec::new();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let operators = [">=", "<=", ">", "<", "=", "^", "~>", "~"];
        let found = operators
            .into_iter()
            .find_map(|operator| Some((operator, word.strip_prefix(operator)?)));
        let (operator, version) = match found {
            // `>= 8.0` is written with a space, too.
            Some((operator, "")) => (operator, words.next()?),
            Some(found) => found,
            None => ("", word),
        };
        if version.starts_with(['<', '>', '=', '^', '~', '|', '!']) {
            return None;
        }
        bounds.extend(bound(operator, version)?);
    }
    Some(bounds)
}

fn bound(operator: &str, text: &str) -> Option<Vec<Bound>> {
    let partial = Partial::parse(text);
    if partial.as_ref().is_some_and(|it| it.numbers.is_empty()) {
        // `*`, whatever is asked of it.
        return Some(Vec::new());
    }
    let version = Version::parse(text);
    Some(vec![match operator {
        "" | "=" if partial.as_ref().is_some_and(|it| it.is_open) || operator.is_empty() => {
            Bound::BeginsWith {
                text: text.to_owned(),
                numbers: match partial {
                    Some(partial) => partial.numbers,
                    None => Vec::new(),
                },
            }
        }
        "=" => Bound::Exactly(version),
        ">=" => Bound::AtLeast(version),
        ">" => Bound::Above(version),
        "<=" => Bound::AtMost(version),
        "<" => Bound::Below(partial?.numbers),
        "^" => {
            let numbers = partial?.numbers;
            let first = numbers.iter().position(|number| *number > 0);
            let place = first.unwrap_or(numbers.len().checked_sub(1)?);
            return Some(vec![
                Bound::AtLeast(version),
                Bound::Below(next(&numbers, place)),
            ]);
        }
        _ => {
            let numbers = partial?.numbers;
            let place = numbers.len().checked_sub(1)?.min(1);
            return Some(vec![
                Bound::AtLeast(version),
                Bound::Below(next(&numbers, place)),
            ]);
        }
    }])
}

/// The numbers as they are written, zeros and all: how many there are says what may vary.
struct Partial {
    numbers: Vec<u64>,
    /// It ends with `x` or `*`.
    is_open: bool,
}

impl Partial {
    /// None for what begins with no number; a suffix says nothing about what may vary.
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
        let end = text.find(['-', '+', '_']).unwrap_or(text.len());
        let mut numbers = Vec::new();
        for part in text.get(..end)?.split('.') {
            match part {
                "x" | "X" | "*" => {
                    return Some(Self {
                        numbers,
                        is_open: true,
                    });
                }
                _ if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) => {
                    return None;
                }
                _ => numbers.push(number(part)),
            }
        }
        Some(Self {
            numbers,
            is_open: false,
        })
    }
}

/// The first numbers that no longer have the same ones up to `place`.
fn next(numbers: &[u64], place: usize) -> Vec<u64> {
    let mut numbers: Vec<u64> = numbers.iter().take(place + 1).copied().collect();
    if let Some(last) = numbers.last_mut() {
        *last = last.saturating_add(1);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(version: &str, wanted: &str, expected: bool) {
        let requirement = Requirement::parse(wanted).unwrap();
        let version = Version::parse(version);
        assert_eq!(
            requirement.matches(&version),
            expected,
            "{version} {wanted}"
        );
    }

    #[test]
    fn versions_stand_in_the_order_in_which_they_came_out() {
        let order = [
            "latest",
            "0.9",
            "1.0-dev",
            "v1.0-alpha",
            "1.0-beta",
            "1.0.0-beta.2",
            "1.0beta10",
            "1.0-rc1",
            "1.0",
            "1.0-2",
            "1.0.1",
            "1.1.1k",
            "1.1.1w",
            "1.2-SNAPSHOT",
            "V1.2",
            "1.10",
            "5.7.44",
            "8.0",
            "8.0.39",
            "10.11.6-MariaDB",
            "2024.99999999999999999999",
        ];
        for (at, left) in order.iter().enumerate() {
            for (other, right) in order.iter().enumerate() {
                let found = Version::parse(left).cmp(&Version::parse(right));
                assert_eq!(found, at.cmp(&other), "{left} {right}");
                let key = |text: &str| Version::parse(text).sort_key();
                assert_eq!(key(left).cmp(&key(right)), found, "{left} {right}");
            }
        }
    }

    #[test]
    fn what_does_not_count_makes_no_difference() {
        for (left, right) in [
            ("1.0", "1"),
            ("8.0.0", "v8"),
            ("10.11.6-MariaDB", "10.11.6"),
            ("1.2+build5", "1.2"),
            (" 1.2 ", "1.2"),
            ("1.0-RC.1", "1.0rc1"),
        ] {
            assert_eq!(
                Version::parse(left),
                Version::parse(right),
                "{left} {right}"
            );
        }
    }

    #[test]
    fn a_dependency_asks_for_a_version_only_if_it_says_so() {
        check("8.0.39", "", true);
        check("8.0.39", "*", true);
        check("", "", true);
        check("8.0.39", "8.0.39", true);
        check("8.0.39", "8.0", true);
        check("8.01", "8.0", false);
        check("8.0.39", "5.7", false);
        check("8", "8.0", true);
        check("latest", "latest", true);
        check("8.0.39", "latest", false);
        check("8.0.39", ">=8.0", true);
        check("8.0.9", "> 8.0.39", false);
        check("10.0", ">9.9", true);
        check("1.0", "=1", true);
        check("8.0.39", "=8.0", false);
        check("v1.2-beta", "<= 1.2.1", true);
        check("10.11.6-MariaDB", "10.11", true);
    }

    #[test]
    fn ranges_mean_what_they_mean_elsewhere() {
        check("1.9.9", "^1.2", true);
        check("1.1", "^1.2", false);
        check("2.0", "^1.2", false);
        check("2.0-beta", "^1.2", false);
        check("0.2.9", "^0.2.3", true);
        check("0.3", "^0.2.3", false);
        check("0.0.4", "^0.0.3", false);
        check("1.2.9", "~1.2", true);
        check("1.2.9", "~1.2.3", true);
        check("1.3", "~1.2.3", false);
        check("1.9", "~1", true);
        check("1.5", ">=1 <2", true);
        check("1.5", ">= 1, < 2", true);
        check("2.0-rc1", ">=1 <2", false);
        check("1.7.3", "1.x", true);
        check("2.0", "1.*", false);
        check("2.1", "1.x || 2.x", true);
        check("3.0", "1.x || 2.x", false);
        check("1.9.7", "1.2 - 1.9", true);
        check("1.10", "1.2 - 1.9", false);
        check("1.2-beta", ">=1.2", false);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in [">=", "=> 1", ">= <2", "^", "!=1", "<abc"] {
            assert!(Requirement::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_and_equals_itself(text in ".{0,24}") {
            let version = Version::parse(&text);
            prop_assert_eq!(&version, &version.clone());
            let _ = Requirement::parse(&text);
        }

        #[test]
        fn the_order_is_one(a in "[0-9a-c.+-]{0,8}", b in "[0-9a-c.+-]{0,8}", c in "[0-9a-c.+-]{0,8}") {
            let [a, b, c] = [a, b, c].map(|text| Version::parse(&text));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c);
            }
        }
    }
}
