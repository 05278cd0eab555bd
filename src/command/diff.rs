//! The difference that a step would make to a file, without its secrets.

use std::fmt::Write as _;
use std::time::Duration;

use similar::{ChangeTag, TextDiff};

use crate::app::Scope;
use crate::app::config::MASK;

/// Lines that stay around those that change.
const CONTEXT: usize = 3;

/// Limit of the lines that are shown.
const MAX_LINES: usize = 1000;

/// Time after which a coarser difference will do.
const TIMEOUT: Duration = Duration::from_millis(500);

/// The unified difference. `old` is `None` when there is no file yet.
///
/// An old secret is not in the scope any more, so a line that is replaced by one with a secret is
/// not shown either.
pub(super) fn difference(old: Option<&str>, new: &str, path: &str, scope: &Scope) -> String {
    let diff = TextDiff::configure()
        .timeout(TIMEOUT)
        .diff_lines(old.unwrap_or_default(), new);
    let before = if old.is_some() { path } else { "/dev/null" };
    let mut shown = format!("--- {before}\n+++ {path}\n");
    let mut left = MAX_LINES;
    for group in diff.grouped_ops(CONTEXT) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else {
            continue;
        };
        let _ = writeln!(
            shown,
            "@@ -{} +{} @@",
            range(first.old_range().start, last.old_range().end),
            range(first.new_range().start, last.new_range().end)
        );
        for op in &group {
            let inserted: Vec<bool> = diff
                .iter_changes(op)
                .filter(|change| change.tag() == ChangeTag::Insert)
                .map(|change| scope.mask(change.value()) != change.value())
                .collect();
            let paired = inserted.len() == op.old_range().len();
            let mut deleted = 0;
            for change in diff.iter_changes(op) {
                let Some(fewer) = left.checked_sub(1) else {
                    shown.push_str("(the rest is not shown)\n");
                    return shown;
                };
                left = fewer;
                let line = change.value().trim_end_matches(['\r', '\n']);
                let (sign, line) = match change.tag() {
                    ChangeTag::Equal => (' ', scope.mask(line)),
                    ChangeTag::Insert => ('+', scope.mask(line)),
                    ChangeTag::Delete => {
                        let hides = if paired {
                            inserted.get(deleted).copied().unwrap_or(false)
                        } else {
                            inserted.contains(&true)
                        };
                        deleted += 1;
                        let shown = if hides {
                            MASK.to_owned()
                        } else {
                            scope.mask(line)
                        };
                        ('-', shown)
                    }
                };
                let _ = writeln!(shown, "{sign}{line}");
            }
        }
    }
    shown
}

/// A range of lines as unified differences write it.
fn range(start: usize, end: usize) -> String {
    match end.saturating_sub(start) {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::app::Config;
    use crate::app::placeholder::Builtins;

    fn check(old: Option<&str>, new: &str) -> String {
        let builtins = Builtins {
            exe_path: "/a",
            name: "a",
            version: "1",
            home: "/",
        };
        let config = json!({"password": "s3cret"});
        let config = Config::new(config.as_object().unwrap(), &Map::new());
        let scope = Scope::new(&builtins, &config).unwrap();
        difference(old, new, "my.ini", &scope)
    }

    #[test]
    fn changed_lines_are_shown_with_those_around_them() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\n";
        let new = old.replace("d\n", "four\n").replace("o\n", "");
        insta::assert_snapshot!(check(Some(old), &new), @r"
        --- my.ini
        +++ my.ini
        @@ -1,7 +1,7 @@
         a
         b
         c
        -d
        +four
         e
         f
         g
        @@ -12,5 +12,4 @@
         l
         m
         n
        -o
         p
        ");
        insta::assert_snapshot!(check(None, "a\nb"), @r"
        --- /dev/null
        +++ my.ini
        @@ -0,0 +1,2 @@
        +a
        +b
        ");
    }

    #[test]
    fn neither_the_new_nor_the_old_secret_is_shown() {
        let shown = check(
            Some("port=1\npassword=0ld\nx=1\n"),
            "port=1\npassword=s3cret\nx=1\n",
        );
        insta::assert_snapshot!(shown, @r"
        --- my.ini
        +++ my.ini
        @@ -1,3 +1,3 @@
         port=1
        -***
        +password=***
         x=1
        ");
    }

    #[test]
    fn a_long_difference_has_an_end() {
        let new = "line\n".repeat(5000);
        let shown = check(None, &new);
        assert!(shown.lines().count() < 1010, "{}", shown.lines().count());
    }
}
