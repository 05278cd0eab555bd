//! The life cycle against a model of it: any sequence of actions by anybody leaves the running server
//! where the model says, and its index has what the model has in the store.

use proptest::prelude::*;
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use serde_json::json;
use storekeeper::release::state::{self, Action, Role, State};
use tokio::runtime::Runtime;

use super::{Someone, index, start};
use crate::support::Service;

/// More versions than these tell nothing more.
const VERSIONS: usize = 3;

/// Who acts: an administrator, the owner, another developer, a reader.
const PEOPLE: [(&str, &str); 4] = [
    ("boss", "admin"),
    ("dev", "developer"),
    ("other", "developer"),
    ("reader", "user"),
];

/// The states of the versions of one app.
#[derive(Clone, Debug, Default)]
struct Model(Vec<State>);

#[derive(Clone, Debug)]
enum Step {
    Add,
    Act {
        version: usize,
        action: Action,
        who: usize,
    },
}

/// Whether somebody may, and it is possible.
fn allowed(model: &Model, version: usize, action: Action, who: usize) -> Option<State> {
    let role: Role = PEOPLE[who].1.parse().unwrap();
    let is_owner = PEOPLE[who].0 == "dev";
    let next = state::after(model.0[version], action)?;
    state::may(role, is_owner, action).then_some(next)
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        Just(Self(vec![State::Draft])).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        let actions: Vec<Action> = Action::ALL
            .iter()
            .copied()
            .filter(|action| !matches!(action, Action::Create | Action::Modify))
            .collect();
        let act = (
            0..model.0.len(),
            proptest::sample::select(actions),
            // Mostly by those who may.
            prop_oneof![6 => Just(0), 3 => Just(1), 1 => 2..PEOPLE.len()],
        );
        let act = act.prop_map(|(version, action, who)| Step::Act {
            version,
            action,
            who,
        });
        if model.0.len() < VERSIONS {
            prop_oneof![1 => Just(Step::Add), 9 => act].boxed()
        } else {
            act.boxed()
        }
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        match step {
            Step::Add => model.0.push(State::Draft),
            Step::Act {
                version,
                action,
                who,
            } => {
                if let Some(next) = allowed(&model, *version, *action, *who) {
                    model.0[*version] = next;
                }
            }
        }
        model
    }
}

/// The running server.
struct Running {
    runtime: Runtime,
    service: Service,
    /// Each one's; a login takes its time, on purpose.
    tokens: Vec<Option<String>>,
    app: String,
    versions: Vec<String>,
}

impl Running {
    fn someone(&self, who: usize) -> Someone<'_> {
        Someone {
            service: &self.service,
            token: self.tokens[who].clone(),
        }
    }
}

struct Test;

impl StateMachineTest for Test {
    type SystemUnderTest = Running;
    type Reference = Model;

    fn init_test(_: &Model) -> Running {
        let runtime = Runtime::new().unwrap();
        let (service, tokens, app, version) = runtime.block_on(async {
            let service = start().await;
            let mut tokens = Vec::new();
            for (name, role) in PEOPLE {
                tokens.push(Someone::new(&service, name, role).await.token);
            }
            let developer = Someone {
                service: &service,
                token: tokens[1].clone(),
            };
            let (app, version) = developer.upload("model", "1.0.0").await;
            (service, tokens, app, version)
        });
        Running {
            runtime,
            service,
            tokens,
            app,
            versions: vec![version],
        }
    }

    fn apply(mut running: Running, model: &Model, step: Step) -> Running {
        let added = running.runtime.block_on(async {
            match step {
                Step::Add => {
                    let number = format!("{}.0.0", running.versions.len() + 1);
                    let developer = running.someone(1);
                    Some(developer.add(&running.app, "model", &number).await)
                }
                Step::Act {
                    version,
                    action,
                    who,
                } => {
                    let id = &running.versions[version];
                    let boss = running.someone(0);
                    let before = boss.status(id).await;
                    let answer = running.someone(who).act(id, action.as_str()).await;
                    let expected = model.0[version].to_string();
                    let role: Role = PEOPLE[who].1.parse().unwrap();
                    let may = state::may(role, PEOPLE[who].0 == "dev", action);
                    let possible = state::after(before.parse().unwrap(), action).is_some();
                    let status = match (may, possible) {
                        (true, true) => 200,
                        (true, false) => 409,
                        (false, _) => 403,
                    };
                    assert_eq!(
                        answer.status, status,
                        "{action} of {before}: {}",
                        answer.text
                    );
                    assert_eq!(boss.status(id).await, expected);
                    None
                }
            }
        });
        running.versions.extend(added);
        running
    }

    fn check_invariants(running: &Running, model: &Model) {
        running.runtime.block_on(async {
            let boss = running.someone(0);
            let mut active = Vec::new();
            for (at, (id, state)) in running.versions.iter().zip(&model.0).enumerate() {
                assert_eq!(boss.status(id).await, state.to_string());
                if *state == State::Active {
                    active.push(format!("model {}.0.0", at + 1));
                }
            }
            assert_eq!(index(&running.service), active);
            let path = format!("/v1/apps?app_id={}", running.app);
            let app = boss.get(&path).await.json();
            let expected = state::of_app(model.0.iter().copied()).to_string();
            assert_eq!(app["app_set"][0]["status"], json!(expected));
        });
    }
}

prop_state_machine! {
    #![proptest_config(Config { cases: 6, max_shrink_iters: 20, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_sequence_of_actions_leads_where_the_model_says(sequential 1..20 => Test);
}
