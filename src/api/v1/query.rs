//! The query of an address, whose keys may be repeated: `?status=draft&status=passed`.

use actix_web::HttpRequest;

use super::error::V1Error;
use crate::release::{Page, ReleaseError};

/// What lists of apps and versions look at.
const IN_LISTS: [&str; 13] = [
    "app_id",
    "category_id",
    "chart_name",
    "limit",
    "name",
    "offset",
    "owner",
    "repo_id",
    "reverse",
    "search_word",
    "sort_key",
    "status",
    "version_id",
];

/// The pairs of a query, in their order.
pub(in crate::api) struct Query(Vec<(String, String)>);

impl Query {
    /// That of a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// The values of a key; some clients write brackets behind it.
    fn all(&self, key: &str) -> Vec<&str> {
        let is_it = |name: &str| name.strip_suffix("[]").unwrap_or(name) == key;
        let pairs = self.0.iter().filter(|(name, _)| is_it(name));
        pairs.map(|(_, value)| value.as_str()).collect()
    }

    /// The first value of a key.
    pub(super) fn one(&self, key: &str) -> Option<&str> {
        let value = self.all(key).into_iter().next();
        value.filter(|value| !value.is_empty())
    }

    /// The values of a key, those with commas in them as several.
    pub(super) fn list(&self, key: &str) -> Vec<String> {
        let all = self.all(key);
        let parts = all.iter().flat_map(|value| value.split(','));
        let parts = parts.map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// A value that must be there.
    pub(super) fn need(&self, key: &str) -> Result<&str, V1Error> {
        Ok(self.one(key).ok_or_else(|| ReleaseError::missing(key))?)
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, V1Error> {
        let number = self.one(key).map(str::parse).transpose();
        Ok(number.map_err(|_| ReleaseError::parameter(key, "it is no number"))?)
    }

    /// Yes or no.
    pub(super) fn flag(&self, key: &str) -> bool {
        let value = self.all(key).into_iter().next();
        value.is_some_and(|value| !matches!(value, "false" | "0"))
    }

    /// Which part of a list is asked for.
    pub(super) fn page(&self) -> Result<Page, V1Error> {
        let (limit, offset) = (self.number("limit")?, self.number("offset")?);
        let page = Page::new(limit, offset, self.one("sort_key"), self.flag("reverse"));
        Ok(page?)
    }

    /// A query of the same meaning has the same key: what no list looks at counts for nothing.
    pub(super) fn key(&self, what: &str, whose: &str) -> String {
        let pairs = self.0.iter().map(|(name, value)| {
            let name = name.strip_suffix("[]").unwrap_or(name);
            (name, value.as_str())
        });
        let mut pairs: Vec<_> = pairs.filter(|(name, _)| IN_LISTS.contains(name)).collect();
        // Of a word that is given several times the first one counts.
        pairs.sort_by_key(|(name, _)| *name);
        format!("{what} {whose} {pairs:?}")
    }

    /// All names and values, in their order.
    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }
}

/// What lists of apps and of versions have in common: which are wanted, and which part of them.
#[derive(utoipa::IntoParams)]
#[expect(
    dead_code,
    reason = "it describes the query, whose keys may be repeated"
)]
pub(in crate::api) struct ListQuery {
    /// Those of these apps.
    app_id: Option<Vec<String>>,
    /// Those in these repositories.
    repo_id: Option<Vec<String>>,
    /// Those in these states; all that are not deleted when absent.
    status: Option<Vec<String>>,
    /// Those of these owners.
    owner: Option<Vec<String>>,
    /// How many; 20 when absent, 200 at most.
    limit: Option<u64>,
    /// After how many others.
    offset: Option<u64>,
    /// `create_time`, `update_time`, `status_time` or `status`; of apps also `name`, of versions `sequence`.
    sort_key: Option<String>,
    /// The smallest first, instead of the largest.
    reverse: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_be_repeated_and_values_may_have_commas() {
        let request = actix_web::test::TestRequest::with_uri(
            "/v1/apps?status=draft&status=passed,active&search_word=%E4%B8%AD&offset=-1&reverse",
        );
        let request = request.to_http_request();
        let query = Query::of(&request);
        assert_eq!(query.list("status"), ["draft", "passed", "active"]);
        assert_eq!(query.one("search_word"), Some("中"));
        assert!(query.flag("reverse"));
        assert!(query.page().is_err());
        assert!(query.need("app_id").is_err());
        let key = |query: &str| {
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            Query(pairs.into_owned().collect()).key("apps", "me")
        };
        assert_eq!(key("limit=1&name=a&_=17"), key("name[]=a&limit=1&x"));
        assert_ne!(key("name=a"), key("name=b"));
    }
}
