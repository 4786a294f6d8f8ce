use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_contracts::common::v1;
use bowline_metrics::{Metric, Source, Telling};
use bowline_resilience::{Breaker, Flow, State, Valve};

const STATE: Metric = Metric::gauge(
    "bowline_breaker_state",
    "1 for the state that the circuit breaker of a dependency is in, 0 for the others",
);
const TRANSITIONS: Metric = Metric::counter(
    "bowline_breaker_transitions_total",
    "How often the circuit breaker of a dependency came into a state",
);
const CALLS: Metric = Metric::counter(
    "bowline_breaker_calls_total",
    "Calls to a dependency that were made, by whether they count against it",
);
const WAITING: Metric = Metric::gauge(
    "bowline_valve_waiting_operations",
    "Operations that wait to be called, for a place, the breaker or the rate",
);
const LIMIT: Metric = Metric::gauge(
    "bowline_valve_limit_calls_per_second",
    "Calls a second that the drain valve lets through, 0 while the breaker is not closed, +Inf without a limit",
);

/// The breakers and valves of a process. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dependencies {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    breakers: Vec<Breaker>,
    valves: Vec<Valve>,
}

impl Dependencies {
    pub(crate) fn add_breaker(&self, breaker: Breaker) {
        self.known().breakers.push(breaker);
    }

    /// Adds a valve and the breaker that it stands behind.
    pub(crate) fn add_valve(&self, valve: Valve) {
        let mut known = self.known();
        known.breakers.push(valve.breaker().clone());
        known.valves.push(valve);
    }

    /// The same for operators.
    pub(crate) fn as_told(&self) -> Vec<v1::Dependency> {
        let known = self.known();
        let valve = |name| known.valves.iter().find(|valve| valve.breaker().dependency() == name);
        let told = known.breakers.iter().map(|breaker| v1::Dependency {
            name: breaker.dependency().to_owned(),
            breaker_state: in_proto(breaker.state()).into(),
            valve: valve(breaker.dependency()).map(|valve| v1::DrainValve {
                waiting_count: i64::try_from(valve.waiting()).unwrap_or(i64::MAX),
                calls_per_second_max: Some(limit(valve.flow())).filter(|limit| limit.is_finite()),
            }),
        });
        told.collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A list is whole at every moment.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Source for Dependencies {
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
        let known = self.known();
        let breakers = || known.breakers.iter().map(|breaker| (breaker.dependency(), breaker));
        to.all(
            STATE,
            breakers().flat_map(|(dependency, breaker)| {
                let now = breaker.state();
                [State::Closed, State::HalfOpen, State::Open].map(|state| {
                    let labels = [("dependency", dependency), ("state", name(state))];
                    (labels, state == now)
                })
            }),
        )?;
        to.all(
            TRANSITIONS,
            breakers().flat_map(|(dependency, breaker)| {
                let counters = breaker.counters();
                [
                    (State::Closed, counters.closed),
                    (State::HalfOpen, counters.half_opened),
                    (State::Open, counters.opened),
                ]
                .map(|(state, count)| ([("dependency", dependency), ("to", name(state))], count))
            }),
        )?;
        to.all(
            CALLS,
            breakers().flat_map(|(dependency, breaker)| {
                let counters = breaker.counters();
                [("succeeded", counters.succeeded), ("failed", counters.failed)]
                    .map(|(outcome, count)| ([("dependency", dependency), ("outcome", outcome)], count))
            }),
        )?;
        let valves =
            || known.valves.iter().map(|valve| ([("dependency", valve.breaker().dependency())], valve));
        to.all(WAITING, valves().map(|(labels, valve)| (labels, valve.waiting())))?;
        to.all(LIMIT, valves().map(|(labels, valve)| (labels, limit(valve.flow()))))
    }
}

fn name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::HalfOpen => "half_open",
        State::Open => "open",
    }
}

fn in_proto(state: State) -> v1::BreakerState {
    match state {
        State::Closed => v1::BreakerState::Closed,
        State::HalfOpen => v1::BreakerState::HalfOpen,
        State::Open => v1::BreakerState::Open,
    }
}

fn limit(flow: Flow) -> f64 {
    match flow {
        Flow::Held => 0.0,
        Flow::Released(rate) => rate,
        Flow::Free => f64::INFINITY,
    }
}
