//! Which action leads a version from which state to which, and who may do it: one table. No I/O, no
//! clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How far a version is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Its developer is at work on it.
    Draft,
    /// It waits for a review.
    Submitted,
    /// An administrator looks at it.
    InReview,
    /// It was found good; its developer releases it when he likes.
    Passed,
    /// It was found bad; its message says why.
    Rejected,
    /// It is in the store.
    Active,
    /// It was taken out of the store.
    Suspended,
    /// It is gone; its history stays.
    Deleted,
}

/// What is done with a version.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is uploaded.
    Create,
    /// Its package or description is replaced.
    Modify,
    /// Its developer asks for a review.
    Submit,
    /// Its developer takes that back.
    Cancel,
    /// An administrator begins to look at it.
    Review,
    /// An administrator finds it good.
    Pass,
    /// An administrator finds it bad.
    Reject,
    /// Its developer puts it into the store.
    Release,
    /// An administrator takes it out of the store.
    Suspend,
    /// An administrator puts it back.
    Recover,
    /// It is deleted.
    Delete,
}

/// What somebody may do. Each may do what those before it may.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks at the store and installs from it.
    User,
    /// Uploads apps and releases them after a review.
    Developer,
    /// Reviews, suspends, and manages repositories, categories and accounts.
    Admin,
}

/// Who may take an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The version's developer, and every administrator.
    Owner,
    /// Administrators alone.
    Admin,
}

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Transition {
    /// The action.
    pub action: Action,
    /// The states that it is possible in; for [`Action::Create`] those that a version of the same
    /// number may be in.
    pub from: &'static [State],
    /// The state that it leads to.
    pub to: State,
    /// Who may.
    pub who: Who,
    /// Whether a reason must be given.
    pub needs_message: bool,
}

/// The table. Whatever is not in it is refused.
pub const fn transition(action: Action) -> Transition {
    use State as S;
    use Who::{Admin, Owner};
    match action {
        Action::Create => row(action, &[S::Deleted], S::Draft, Owner),
        Action::Modify => row(action, &[S::Draft, S::Rejected], S::Draft, Owner),
        Action::Submit => row(action, &[S::Draft, S::Rejected], S::Submitted, Owner),
        Action::Cancel => {
            const FROM: &[State] = &[S::Submitted, S::InReview, S::Passed];
            row(action, FROM, S::Draft, Owner)
        }
        Action::Review => row(action, &[S::Submitted], S::InReview, Admin),
        Action::Pass => {
            const FROM: &[State] = &[S::Submitted, S::InReview, S::Rejected];
            row(action, FROM, S::Passed, Admin)
        }
        Action::Reject => Transition {
            needs_message: true,
            ..row(action, &[S::Submitted, S::InReview], S::Rejected, Admin)
        },
        Action::Release => row(action, &[S::Passed], S::Active, Owner),
        Action::Suspend => row(action, &[S::Active], S::Suspended, Admin),
        Action::Recover => row(action, &[S::Suspended], S::Active, Admin),
        Action::Delete => {
            const FROM: &[State] = &[S::Draft, S::Passed, S::Rejected, S::Suspended];
            row(action, FROM, S::Deleted, Owner)
        }
    }
}

const fn row(action: Action, from: &'static [State], to: State, who: Who) -> Transition {
    Transition {
        action,
        from,
        to,
        who,
        needs_message: false,
    }
}

/// The state that an action leads to; none where it is not possible.
pub fn after(state: State, action: Action) -> Option<State> {
    let row = transition(action);
    row.from.contains(&state).then_some(row.to)
}

/// Whether somebody may take an action, whatever state the version is in.
pub fn may(role: Role, is_owner: bool, action: Action) -> bool {
    match transition(action).who {
        Who::Owner => role == Role::Admin || role == Role::Developer && is_owner,
        Who::Admin => role == Role::Admin,
    }
}

/// The state of an app, of the states of its versions. A new one without any counts as a draft.
pub fn of_app(versions: impl IntoIterator<Item = State>) -> State {
    let rank = |state: State| match state {
        State::Active => 3,
        State::Rejected | State::Passed | State::InReview | State::Submitted | State::Draft => 2,
        State::Suspended => 1,
        State::Deleted => 0,
    };
    match versions.into_iter().map(rank).max() {
        Some(3) => State::Active,
        Some(1) => State::Suspended,
        Some(_) | None => State::Draft,
    }
}

/// What to do first where an action is not possible; may be empty.
pub fn hint(state: State, action: Action) -> &'static str {
    match (action, state) {
        (Action::Delete, State::Active) => {
            "an administrator suspends it first, then it can be deleted"
        }
        (Action::Delete, State::Submitted | State::InReview) => {
            "cancel it first, then it can be deleted"
        }
        (Action::Modify, State::Active | State::Suspended) => {
            "a released version never changes; upload a new version"
        }
        (Action::Modify, State::Submitted | State::InReview | State::Passed) => {
            "cancel it first, then it can be changed"
        }
        (Action::Release, State::Draft | State::Rejected) => {
            "submit it; it can be released when an administrator has passed it"
        }
        (Action::Release, State::Submitted | State::InReview) => {
            "it can be released when an administrator has passed it"
        }
        (Action::Release, State::Suspended) => "an administrator can recover it",
        (Action::Pass | Action::Reject | Action::Review, State::Draft) => {
            "its developer submits it first"
        }
        (_, State::Deleted) => "it is gone; upload it anew",
        _ => "",
    }
}

macro_rules! words {
    ($kind:ty { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $kind {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $kind {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                let known = Self::ALL.iter().find(|it| it.as_str() == text);
                known.copied().ok_or_else(|| {
                    let words: Vec<&str> = Self::ALL.iter().map(|it| it.as_str()).collect();
                    let shown: String = text.escape_debug().take(80).collect();
                    format!("`{shown}` is none of {}", words.join(", "))
                })
            }
        }
    };
}

words!(State {
    Draft => "draft",
    Submitted => "submitted",
    InReview => "in-review",
    Passed => "passed",
    Rejected => "rejected",
    Active => "active",
    Suspended => "suspended",
    Deleted => "deleted",
});

words!(Action {
    Create => "create",
    Modify => "modify",
    Submit => "submit",
    Cancel => "cancel",
    Review => "review",
    Pass => "pass",
    Reject => "reject",
    Release => "release",
    Suspend => "suspend",
    Recover => "recover",
    Delete => "delete",
});

words!(Role {
    User => "user",
    Developer => "developer",
    Admin => "admin",
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_row_of_an_action_is_its_own() {
        for action in Action::ALL {
            assert_eq!(transition(*action).action, *action);
        }
    }

    #[test]
    fn the_usual_way_leads_into_the_store_and_out_of_it() {
        use Action as A;
        let way = [
            (A::Submit, State::Submitted),
            (A::Cancel, State::Draft),
            (A::Submit, State::Submitted),
            (A::Review, State::InReview),
            (A::Reject, State::Rejected),
            (A::Modify, State::Draft),
            (A::Submit, State::Submitted),
            (A::Pass, State::Passed),
            (A::Release, State::Active),
            (A::Suspend, State::Suspended),
            (A::Recover, State::Active),
            (A::Suspend, State::Suspended),
            (A::Delete, State::Deleted),
        ];
        let mut state = State::Draft;
        for (action, expected) in way {
            state = after(state, action).unwrap();
            assert_eq!(state, expected, "{action}");
        }
    }

    #[test]
    fn the_state_of_an_app_follows_its_versions() {
        use State as S;
        for (versions, expected) in [
            (&[][..], S::Draft),
            (&[S::Deleted], S::Draft),
            (&[S::Deleted, S::Suspended], S::Suspended),
            (&[S::Suspended, S::Submitted], S::Draft),
            (&[S::Draft, S::Active, S::Suspended], S::Active),
        ] {
            assert_eq!(of_app(versions.iter().copied()), expected, "{versions:?}");
        }
    }

    fn action() -> impl Strategy<Value = Action> {
        proptest::sample::select(Action::ALL)
    }

    proptest! {
        #[test]
        fn nothing_gets_into_the_store_that_was_not_passed(
            actions in proptest::collection::vec(action(), 0..40),
        ) {
            let (mut state, mut passed) = (State::Draft, false);
            for action in actions {
                let Some(next) = after(state, action) else { continue };
                match action {
                    Action::Pass => passed = true,
                    Action::Modify | Action::Create | Action::Submit | Action::Cancel => passed = false,
                    _ => {}
                }
                prop_assert!(next != State::Active || passed);
                state = next;
            }
        }

        #[test]
        fn what_is_in_the_store_changes_only_by_suspending(action in action()) {
            let next = after(State::Active, action);
            prop_assert_eq!(next.is_some(), action == Action::Suspend);
        }
    }
}
