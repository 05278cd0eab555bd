//! What a person should hear of although nobody waits for it: an app that crashed, a long job that ended,
//! updates, a page that was turned away. The newest are kept in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde_json::{Value, json};

use super::event::Events;
use super::{Action, JobRecord, JobState, now};
use crate::app::AppName;
use crate::supervisor::{State, Status};

/// Notices that are kept.
const MAX_NOTICES: usize = 100;

/// Crashes of an app within this time after the one before are one notice, in milliseconds.
const SAME_TROUBLE: u64 = 10 * 60 * 1000;

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// An app ended by itself with an error, or again and again.
    Crash,
    /// A job failed.
    JobFailed,
    /// A long job is done.
    JobDone,
    /// Newer versions of installed apps are offered.
    Updates,
    /// A page of another origin was turned away.
    Origin,
}

/// One notice.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Counts up since the service started.
    pub id: u64,
    /// When, in milliseconds since 1970; of several crashes, the last.
    pub at: u64,
    /// What it is about.
    pub kind: NoticeKind,
    /// The app, when it is about one.
    #[schema(value_type = Option<String>)]
    pub app: Option<AppName>,
    /// The job, when it is about one.
    pub job: Option<u64>,
    /// The same in a sentence.
    pub message: String,
    /// More, for programs.
    #[schema(value_type = Object)]
    pub data: Value,
    /// How often it happened.
    pub count: u32,
    /// Somebody has seen it.
    pub seen: bool,
}

/// The newest notices. Cheap to clone.
#[derive(Clone)]
pub struct Notices {
    kept: Arc<Mutex<Kept>>,
    events: Events,
}

#[derive(Default)]
struct Kept {
    /// Oldest first.
    notices: VecDeque<Notice>,
    newest: u64,
    /// The last end of each app that was looked at.
    exits: BTreeMap<AppName, u64>,
    /// The updates that were told last.
    updates: BTreeMap<AppName, String>,
}

impl Notices {
    /// None yet; what comes is told as an event `notice`.
    pub(crate) fn new(events: Events) -> Self {
        Self {
            kept: Arc::default(),
            events,
        }
    }

    /// The notices, newest first.
    pub fn list(&self) -> Vec<Notice> {
        let kept = self.kept();
        let mut notices: Vec<Notice> = kept.notices.iter().cloned().collect();
        notices.sort_by_key(|notice| std::cmp::Reverse((notice.at, notice.id)));
        notices
    }

    /// Somebody has seen all up to this one.
    pub fn see(&self, up_to: u64) {
        for notice in &mut self.kept().notices {
            notice.seen |= notice.id <= up_to;
        }
        self.events.publish("notice", &json!({ "seen": up_to }));
    }

    /// Looks at an app's new status. `busy`: a job of the app is at work, which tells itself what goes
    /// wrong.
    pub(crate) fn status(&self, app: &AppName, status: &Status, busy: bool) {
        let Some(exit) = &status.last_exit else {
            return;
        };
        let is_new = self.kept().exits.insert(app.clone(), exit.at) != Some(exit.at);
        let by_itself = match status.state {
            State::BackingOff | State::Failed => true,
            // It was started again at once.
            State::Starting => status.restarts > 0,
            State::Stopped | State::Running | State::Unhealthy | State::Stopping => false,
        };
        if !is_new || !by_itself || busy {
            return;
        }
        let goes_on = if status.state == State::Failed {
            "and is not started again"
        } else {
            "and is started again"
        };
        let data = json!({
            "reason": exit.reason,
            "restarts": status.restarts,
            "lastLines": exit.last_lines,
        });
        let message = format!("`{app}` ended by itself ({}) {goes_on}", exit.reason);
        let mut kept = self.kept();
        let same = kept.notices.iter_mut().rev().find(|notice| {
            notice.kind == NoticeKind::Crash && notice.app.as_ref() == Some(app) && !notice.seen
        });
        if let Some(same) = same.filter(|it| exit.at.saturating_sub(it.at) < SAME_TROUBLE) {
            same.at = exit.at;
            same.message = message;
            same.data = data;
            same.count = same.count.saturating_add(1);
            let text = text_of(same);
            self.events.publish_text("notice", text);
            return;
        }
        drop(kept);
        self.add(
            NoticeKind::Crash,
            exit.at,
            Some(app.clone()),
            None,
            message,
            data,
        );
    }

    /// A job ended.
    pub(super) fn job(&self, action: &Action, record: &JobRecord) {
        let is_long = match action {
            Action::Install(_)
            | Action::Rollback { .. }
            | Action::Restore { .. }
            | Action::Export { .. }
            | Action::Import { .. }
            | Action::Uninstall { .. } => true,
            Action::Offers { .. }
            | Action::Setting { .. }
            | Action::Start
            | Action::Stop
            | Action::Restart => false,
        };
        let kind = match record.state {
            JobState::Succeeded if is_long => NoticeKind::JobDone,
            JobState::Failed => NoticeKind::JobFailed,
            JobState::Succeeded
            | JobState::Queued
            | JobState::Running
            | JobState::Canceled
            | JobState::Interrupted => return,
        };
        let app = record.subject();
        let message = match &record.error {
            None => format!("the {} of `{app}` is done", record.kind),
            Some(error) => format!("the {} of `{app}` failed: {}", record.kind, error.message),
        };
        let taken = record.ended_at.unwrap_or_default();
        let taken = taken.saturating_sub(record.started_at.unwrap_or(taken));
        let data = json!({ "kind": record.kind, "seconds": taken / 1000 });
        self.add(
            kind,
            now(),
            Some(app.clone()),
            Some(record.id),
            message,
            data,
        );
    }

    /// These apps have updates, each from one version to another. What was told is not told again.
    pub(crate) fn updates(&self, updates: &[(AppName, String, String)]) {
        let offered: BTreeMap<AppName, String> = updates
            .iter()
            .map(|(app, _, to)| (app.clone(), to.clone()))
            .collect();
        let before = std::mem::replace(&mut self.kept().updates, offered);
        let fresh: Vec<Value> = updates
            .iter()
            .filter(|(app, _, to)| before.get(app) != Some(to))
            .map(|(app, from, to)| json!({ "name": app, "from": from, "to": to }))
            .collect();
        if fresh.is_empty() {
            return;
        }
        let names: Vec<&str> = updates.iter().map(|(app, _, _)| app.as_str()).collect();
        let message = format!("there are updates of {}", names.join(", "));
        let data = json!({ "apps": fresh });
        self.add(NoticeKind::Updates, now(), None, None, message, data);
    }

    /// A page of an origin that nobody has decided on was turned away.
    pub(crate) fn origin(&self, origin: &str) {
        let message = format!("a page of {origin} was turned away");
        let data = json!({ "origin": origin });
        self.add(NoticeKind::Origin, now(), None, None, message, data);
    }

    fn add(
        &self,
        kind: NoticeKind,
        at: u64,
        app: Option<AppName>,
        job: Option<u64>,
        message: String,
        data: Value,
    ) {
        let mut kept = self.kept();
        kept.newest += 1;
        let notice = Notice {
            id: kept.newest,
            at,
            kind,
            app,
            job,
            message,
            data,
            count: 1,
            seen: false,
        };
        let text = text_of(&notice);
        kept.notices.push_back(notice);
        while kept.notices.len() > MAX_NOTICES {
            kept.notices.pop_front();
        }
        self.events.publish_text("notice", text);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text_of(notice: &Notice) -> Arc<str> {
    serde_json::to_string(notice)
        .expect("a notice holds nothing that JSON cannot express")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::LastExit;

    fn app() -> AppName {
        AppName::parse("x").unwrap()
    }

    fn ended(state: State, at: u64, restarts: u32) -> Status {
        Status {
            state,
            restarts,
            last_exit: Some(Arc::new(LastExit {
                code: Some(1),
                signal: None,
                reason: "exit code 1".to_owned(),
                at,
                last_lines: Vec::new(),
            })),
            ..Status::default()
        }
    }

    fn check(statuses: &[(State, u64, u32)], expected: &[u32]) {
        let notices = Notices::new(Events::new());
        for (state, at, restarts) in statuses {
            notices.status(&app(), &ended(*state, *at, *restarts), false);
        }
        let counts: Vec<u32> = notices.list().iter().map(|it| it.count).collect();
        assert_eq!(counts, expected, "{statuses:?}");
    }

    #[test]
    fn an_app_that_ends_by_itself_is_told_once_for_each_end() {
        use State::{BackingOff, Failed, Running, Starting, Stopped, Stopping};
        check(&[(Failed, 1, 0)], &[1]);
        check(&[(Failed, 1, 0), (Failed, 1, 0)], &[1]);
        check(
            &[(Starting, 1, 1), (Running, 1, 1), (BackingOff, 2, 1)],
            &[2],
        );
        check(&[(Stopping, 1, 0), (Stopped, 1, 0), (Starting, 1, 0)], &[]);
        check(&[(Starting, 5, 0), (Running, 5, 0)], &[]);
        check(&[(Failed, 1, 0), (Failed, SAME_TROUBLE + 2, 0)], &[1, 1]);
    }

    #[test]
    fn what_a_job_tells_itself_is_no_notice() {
        let notices = Notices::new(Events::new());
        notices.status(&app(), &ended(State::Failed, 1, 0), true);
        assert!(notices.list().is_empty());
    }

    #[test]
    fn an_update_is_told_once() {
        let notices = Notices::new(Events::new());
        let update = |to: &str| vec![(app(), "1".to_owned(), to.to_owned())];
        notices.updates(&[]);
        notices.updates(&update("2"));
        notices.updates(&update("2"));
        assert_eq!(notices.list().len(), 1);
        notices.updates(&update("3"));
        assert_eq!(notices.list().len(), 2);
        assert_eq!(notices.list()[0].data["apps"][0]["to"], "3");
    }

    #[test]
    fn only_the_newest_are_kept_and_those_that_were_seen_are_marked() {
        let notices = Notices::new(Events::new());
        for _ in 0..MAX_NOTICES + 5 {
            notices.origin("http://a");
        }
        let list = notices.list();
        assert_eq!(list.len(), MAX_NOTICES);
        notices.see(list[1].id);
        let unseen = notices.list().iter().filter(|it| !it.seen).count();
        assert_eq!(unseen, 1);
    }
}
