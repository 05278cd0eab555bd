//! Finding offers by what a user types.

use std::sync::Arc;

use pinyin::ToPinyin as _;

use super::Offer;

/// How well a word was found, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Name,
    BeginOfName,
    InName,
    InDescription,
}

/// What has all words of a query, best first and else in the catalogs' order.
pub(super) fn search(offers: &[Arc<Offer>], query: &str) -> Vec<Arc<Offer>> {
    let query = query.to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let mut found: Vec<(Fit, &Arc<Offer>)> = offers
        .iter()
        .filter_map(|offer| Some((fit(offer, &words)?, offer)))
        .collect();
    found.sort_by_key(|(fit, _)| *fit);
    found.into_iter().map(|(_, offer)| offer.clone()).collect()
}

/// The worst of the words counts: each has to be there.
fn fit(offer: &Offer, words: &[&str]) -> Option<Fit> {
    let name = offer.name.as_str().to_lowercase();
    let desc = offer.info.desc.to_lowercase();
    let initials = initials(&offer.info.desc);
    let mut worst = Fit::Name;
    for word in words {
        let fit = if name == *word {
            Fit::Name
        } else if name.starts_with(word) {
            Fit::BeginOfName
        } else if name.contains(word) {
            Fit::InName
        } else if desc.contains(word) || initials.contains(word) {
            Fit::InDescription
        } else {
            return None;
        };
        worst = worst.max(fit);
    }
    Some(worst)
}

/// The first letters of the syllables of what is Chinese in a text: `sjk` for 数据库. Empty for a text
/// without any, in which nothing must be found that way.
fn initials(text: &str) -> String {
    text.chars()
        .map(|character| {
            let syllable = character.to_pinyin();
            syllable.and_then(|it| it.first_letter().chars().next())
        })
        .map(|letter| letter.unwrap_or(' '))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{AppName, InstallInfo};
    use crate::download::Trust;

    fn check(query: &str, expected: &[&str]) {
        let offers = [
            ("nginx", "A web server"),
            ("mysql5.7", "关系型数据库 (relational database)"),
            ("mysql8.0", "关系型数据库"),
            ("sql", "A client for mysql"),
        ];
        let offers = offers.map(|(name, desc)| {
            Arc::new(Offer {
                catalog: AppName::parse("x").unwrap(),
                name: AppName::parse(name).unwrap(),
                categories: Vec::new(),
                info: InstallInfo {
                    desc: desc.to_owned(),
                    ..InstallInfo::default()
                },
                refusal: None,
                trust: Trust::Public,
            })
        });
        let found = search(&offers, query);
        let found: Vec<&str> = found.iter().map(|offer| offer.name.as_str()).collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn words_are_found_in_names_and_descriptions_best_first() {
        check("MySQL", &["mysql5.7", "mysql8.0", "sql"]);
        check("sql", &["sql", "mysql5.7", "mysql8.0"]);
        check("mysql client", &["sql"]);
        check("Web server", &["nginx"]);
        check("数据库", &["mysql5.7", "mysql8.0"]);
        check("sjk", &["mysql5.7", "mysql8.0"]);
        check("gxx", &["mysql5.7", "mysql8.0"]);
        check("nothing", &[]);
        check("", &["nginx", "mysql5.7", "mysql8.0", "sql"]);
    }
}
