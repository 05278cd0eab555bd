//! What an app's supervisor decides: pure, event to state and effect.

use std::time::Duration;

use super::State;

/// The second wait; the first restart is immediate.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// An app that was ready for so long starts anew with immediate restarts.
const HEALTHY: Duration = Duration::from_mins(1);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event {
    /// A start was asked for.
    StartAsked {
        /// Restart it when it ends by itself.
        restart: bool,
    },
    /// An earlier service's process was taken over.
    Adopted {
        /// Restart it when it ends by itself.
        restart: bool,
    },
    /// The program runs.
    Spawned,
    /// The program could not be started.
    NotSpawned,
    /// It is ready.
    Ready,
    /// It was not ready in time.
    NotReady,
    /// It ended.
    Exited {
        /// Without an error.
        well: bool,
        /// How long it had been ready.
        healthy_for: Duration,
    },
    /// The wait before the next start is over.
    WaitedEnough,
    /// A stop was asked for.
    StopAsked,
    /// Everything of it is gone.
    Ended,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Start the program.
    Spawn,
    /// See whether it becomes ready.
    Probe,
    /// Wait, then tell [`Event::WaitedEnough`].
    Wait(Duration),
    /// End everything of it.
    End,
}

/// An app's supervision.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Machine {
    state: State,
    restart: bool,
    /// Ends by itself since it was last healthy.
    failures: u32,
    /// The program was ordered and has not answered yet.
    is_spawning: bool,
}

impl Machine {
    pub(super) fn state(self) -> State {
        self.state
    }

    /// Decides. The same machine and event give the same answer always.
    pub(super) fn on(self, event: Event) -> (Self, Option<Effect>) {
        match event {
            Event::StartAsked { restart } => self.on_start(restart),
            Event::Adopted { restart } => (
                Self {
                    state: State::Starting,
                    restart,
                    failures: 0,
                    is_spawning: false,
                },
                Some(Effect::Probe),
            ),
            Event::Spawned => {
                let next = Self {
                    is_spawning: false,
                    ..self
                };
                match self.state {
                    State::Starting => (next, Some(Effect::Probe)),
                    // The stop overtook the start.
                    State::Stopping => (next, Some(Effect::End)),
                    State::Stopped
                    | State::Running
                    | State::Unhealthy
                    | State::BackingOff
                    | State::Failed => (next, None),
                }
            }
            Event::NotSpawned => self.on_not_spawned(),
            Event::Ready => match self.state {
                State::Starting | State::Unhealthy => (self.to(State::Running), None),
                State::Stopped
                | State::Running
                | State::BackingOff
                | State::Stopping
                | State::Failed => (self, None),
            },
            Event::NotReady => match self.state {
                State::Starting => (self.to(State::Unhealthy), None),
                State::Stopped
                | State::Running
                | State::Unhealthy
                | State::BackingOff
                | State::Stopping
                | State::Failed => (self, None),
            },
            Event::Exited { well, healthy_for } => self.on_exit(well, healthy_for),
            Event::WaitedEnough => match self.state {
                State::BackingOff => self.spawn(),
                State::Stopped
                | State::Starting
                | State::Running
                | State::Unhealthy
                | State::Stopping
                | State::Failed => (self, None),
            },
            // Also without a process: helpers may be there.
            Event::StopAsked => (self.to(State::Stopping), Some(Effect::End)),
            Event::Ended => match self.state {
                State::Stopping if !self.is_spawning => (self.to(State::Stopped), None),
                State::Stopping
                | State::Stopped
                | State::Starting
                | State::Running
                | State::Unhealthy
                | State::BackingOff
                | State::Failed => (self, None),
            },
        }
    }

    fn to(self, state: State) -> Self {
        Self { state, ..self }
    }

    fn spawn(self) -> (Self, Option<Effect>) {
        let next = Self {
            state: State::Starting,
            is_spawning: true,
            ..self
        };
        (next, Some(Effect::Spawn))
    }

    fn on_start(self, restart: bool) -> (Self, Option<Effect>) {
        match self.state {
            State::Stopped | State::Failed | State::BackingOff => Self {
                restart,
                failures: 0,
                ..self
            }
            .spawn(),
            State::Starting | State::Running | State::Unhealthy | State::Stopping => (self, None),
        }
    }

    fn on_not_spawned(self) -> (Self, Option<Effect>) {
        let next = Self {
            is_spawning: false,
            ..self
        };
        match self.state {
            // A program that ran before may come back (it is being replaced); one that never ran
            // will not.
            State::Starting if self.failures > 0 => next.back_off(),
            State::Starting => (next.to(State::Failed), None),
            State::Stopping => (next, Some(Effect::End)),
            State::Stopped
            | State::Running
            | State::Unhealthy
            | State::BackingOff
            | State::Failed => (next, None),
        }
    }

    fn on_exit(self, well: bool, healthy_for: Duration) -> (Self, Option<Effect>) {
        match self.state {
            State::Starting | State::Running | State::Unhealthy => {
                let failures = if healthy_for >= HEALTHY {
                    0
                } else {
                    self.failures
                };
                let next = Self { failures, ..self };
                match (self.restart, well) {
                    (true, _) if failures == 0 => Self {
                        failures: 1,
                        ..next
                    }
                    .spawn(),
                    (true, _) => next.back_off(),
                    (false, true) => (next.to(State::Stopped), None),
                    (false, false) => (next.to(State::Failed), None),
                }
            }
            State::Stopping | State::Stopped | State::BackingOff | State::Failed => (self, None),
        }
    }

    fn back_off(self) -> (Self, Option<Effect>) {
        let doublings = self.failures.saturating_sub(1).min(16);
        let wait = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
        let next = Self {
            state: State::BackingOff,
            failures: self.failures.saturating_add(1),
            ..self
        };
        (next, Some(Effect::Wait(wait)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Event = Event::StartAsked { restart: true };
    const CRASH: Event = Event::Exited {
        well: false,
        healthy_for: Duration::ZERO,
    };

    fn check(events: &[Event], state: State, effect: Option<Effect>) {
        let mut machine = Machine::default();
        let mut last = None;
        for event in events {
            (machine, last) = machine.on(*event);
        }
        assert_eq!((machine.state(), last), (state, effect), "{events:?}");
    }

    #[test]
    fn a_start_leads_to_running() {
        check(&[START], State::Starting, Some(Effect::Spawn));
        check(
            &[START, Event::Spawned],
            State::Starting,
            Some(Effect::Probe),
        );
        check(&[START, Event::Spawned, Event::Ready], State::Running, None);
    }

    #[test]
    fn the_first_crash_is_followed_by_an_immediate_restart() {
        check(
            &[START, Event::Spawned, Event::Ready, CRASH],
            State::Starting,
            Some(Effect::Spawn),
        );
    }

    #[test]
    fn further_crashes_wait_longer_and_longer_up_to_half_a_minute() {
        let mut machine = Machine::default().on(START).0.on(Event::Spawned).0;
        let mut waits = Vec::new();
        for _ in 0..14 {
            let (next, effect) = machine.on(CRASH);
            machine = next;
            if let Some(Effect::Wait(wait)) = effect {
                waits.push(wait.as_millis());
                machine = machine.on(Event::WaitedEnough).0;
            }
            machine = machine.on(Event::Spawned).0;
        }
        assert_eq!(
            waits,
            [
                100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000, 30000
            ]
        );
    }

    #[test]
    fn a_minute_of_health_makes_restarts_immediate_again() {
        let after_health = Event::Exited {
            well: false,
            healthy_for: Duration::from_secs(61),
        };
        check(
            &[
                START,
                Event::Spawned,
                CRASH,
                Event::Spawned,
                Event::Ready,
                after_health,
            ],
            State::Starting,
            Some(Effect::Spawn),
        );
    }

    #[test]
    fn an_end_without_is_on_is_recorded_and_not_restarted() {
        let start = Event::StartAsked { restart: false };
        let well = Event::Exited {
            well: true,
            healthy_for: Duration::ZERO,
        };
        check(&[start, Event::Spawned, CRASH], State::Failed, None);
        check(&[start, Event::Spawned, well], State::Stopped, None);
    }

    #[test]
    fn a_stop_overtakes_a_start() {
        check(
            &[START, Event::StopAsked, Event::Ended],
            State::Stopping,
            None,
        );
        check(
            &[START, Event::StopAsked, Event::Ended, Event::Spawned],
            State::Stopping,
            Some(Effect::End),
        );
        check(
            &[START, Event::StopAsked, Event::Spawned, Event::Ended],
            State::Stopped,
            None,
        );
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Spawned),
            Just(Event::NotSpawned),
            Just(Event::Ready),
            Just(Event::NotReady),
            Just(Event::WaitedEnough),
            Just(Event::Ended),
            Just(Event::StopAsked),
            (any::<bool>(), 0..100_u64).prop_map(|(well, seconds)| Event::Exited {
                well,
                healthy_for: Duration::from_secs(seconds),
            }),
        ]
    }

    proptest! {
        #[test]
        fn after_a_stop_nothing_but_a_start_leads_to_a_spawn(
            before in prop::collection::vec(prop_oneof![Just(START), event()], 0..20),
            after in prop::collection::vec(event(), 0..40),
        ) {
            let mut machine = Machine::default();
            for event in before {
                machine = machine.on(event).0;
            }
            machine = machine.on(Event::StopAsked).0;
            for event in after {
                let (next, effect) = machine.on(event);
                prop_assert!(!matches!(effect, Some(Effect::Spawn | Effect::Wait(_))));
                machine = next;
            }
        }
    }
}
