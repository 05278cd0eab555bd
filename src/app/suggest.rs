//! "Did you mean …?"

/// The help for a word that nobody knows: ``did you mean `exec`?``, or nothing.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    closest(word, known).map_or_else(String::new, |known| format!("did you mean `{known}`?"))
}

/// The known word that was probably meant.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = fold(word);
    // A third of the letters may be wrong: more would be another word.
    let limit = (word.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &fold(candidate), limit), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The letters that count: without case, and only so many that a hostile word costs nothing.
fn fold(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).take(64).collect()
}

/// Number of letters to insert, delete, replace or swap with their neighbour (each pair once).
/// Some number above `limit` when it is that.
fn distance(a: &[char], b: &[char], limit: usize) -> usize {
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut a_before = None;
    for (row, a_char) in a.iter().enumerate() {
        let mut current = vec![row + 1];
        let mut left = row + 1;
        let mut b_before = None;
        for (column, b_char) in b.iter().enumerate() {
            let at =
                |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX / 2);
            let replaced = at(&last, column) + usize::from(a_char != b_char);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(left + 1);
            let swapped = a_before == Some(b_char) && b_before == Some(a_char);
            if let (true, Some(column)) = (swapped, column.checked_sub(1)) {
                best = best.min(at(&before, column) + 1);
            }
            current.push(best);
            left = best;
            b_before = Some(b_char);
        }
        before = std::mem::replace(&mut last, current);
        a_before = Some(a_char);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: Option<&str>) {
        let known = [
            "exec",
            "writeFile",
            "changeFile",
            "unzip",
            "zip",
            "start",
            "startApp",
        ];
        assert_eq!(closest(word, known), expected, "for {word}");
    }

    #[test]
    fn slips_are_understood() {
        check("exce", Some("exec"));
        check("EXEC", Some("exec"));
        check("writefiel", Some("writeFile"));
        check("chnageFile", Some("changeFile"));
        check("strat", Some("start"));
        check("startAp", Some("startApp"));
        check("unzipp", Some("unzip"));
    }

    #[test]
    fn other_words_are_left_alone() {
        check("initData", None);
        check("", None);
        check("xyz", None);
        check(&"x".repeat(100_000), None);
    }
}
