//! How much is published.

use serde::Serialize;

use super::account::{Actor, need_admin};
use super::error::ReleaseError;
use super::{Releases, clock};
use crate::database::shared::{Row, Statement};

const DAY: u64 = 86_400_000;

/// Days that are told.
const DAYS: u64 = 14;

/// A name and how many of it there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Count {
    /// The name: a day, a repository, a state.
    pub name: String,
    /// How many.
    pub count: u64,
}

/// What is told of all apps and versions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Statistics {
    /// Apps.
    pub app_count: u64,
    /// Apps in the store.
    pub active_app_count: u64,
    /// Versions.
    pub version_count: u64,
    /// Repositories with apps.
    pub repo_count: u64,
    /// Apps that were made on each of the last 14 days, oldest first.
    pub last_two_week_created: Vec<Count>,
    /// The ten repositories with most apps.
    pub top_ten_repos: Vec<Count>,
    /// Versions by state.
    pub version_status: Vec<Count>,
}

impl Releases {
    /// Counts. Only for administrators.
    ///
    /// # Errors
    /// What the store says.
    pub async fn statistics(&self, actor: &Actor) -> Result<Statistics, ReleaseError> {
        need_admin(actor)?;
        let today = clock::now() / DAY;
        let first = (today + 1).saturating_sub(DAYS);
        let answers = self
            .store
            .query_all(vec![
                Statement::new(
                    "SELECT count(*), count(CASE WHEN status = 'active' THEN 1 END),
                         count(DISTINCT repo_id)
                     FROM release_app WHERE status <> 'deleted'",
                    [],
                ),
                Statement::new(
                    "SELECT status, count(*) FROM release_version GROUP BY status ORDER BY status",
                    [],
                ),
                Statement::new(
                    "SELECT repo_id, count(*) AS apps FROM release_app WHERE status <> 'deleted'
                     GROUP BY repo_id ORDER BY apps DESC, repo_id LIMIT 10",
                    [],
                ),
                Statement::new(
                    "SELECT created / 86400000 AS day, count(*) FROM release_app
                     WHERE created >= $1 GROUP BY created / 86400000 ORDER BY day",
                    [(first * DAY).into()],
                ),
            ])
            .await?;
        let rows = |at: usize| answers.get(at).map(Vec::as_slice).unwrap_or_default();
        let count = |row: &Row| Count {
            name: row.text(0),
            count: row.count(1),
        };
        let total = |column| rows(0).first().map_or(0, |row| row.count(column));
        let days = rows(3);
        Ok(Statistics {
            app_count: total(0),
            active_app_count: total(1),
            repo_count: total(2),
            version_count: rows(1)
                .iter()
                .filter(|row| row.text(0) != "deleted")
                .map(|row| row.count(1))
                .sum(),
            version_status: rows(1).iter().map(count).collect(),
            top_ten_repos: rows(2).iter().map(count).collect(),
            last_two_week_created: (first..=today)
                .map(|day| Count {
                    name: clock::day(day * DAY),
                    count: days
                        .iter()
                        .find(|row| row.count(0) == day)
                        .map_or(0, |row| row.count(1)),
                })
                .collect(),
        })
    }
}
