//! What is not well, and what to do about it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bowline_contracts::common::v1::{
    BreakerState, Dependency, GetStatusResponse, HeardLaneState, ServingPhase, StoredStatus,
};
use serde::Serialize;

use super::ask::Asked;
use super::flows::{self, Flow, Route, span};
use super::show::{age, plural, ranges};

/// So many lanes that stand are named; `bowline lanes show --stopped` names all.
const LANES_NAMED_MAX: usize = 8;
/// So many causes of parked messages are named for each service.
const CAUSES_NAMED_MAX: usize = 5;

/// Something that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Problem {
    /// In a few words, for the headline.
    pub(super) short: String,
    /// What it is.
    pub(super) what: String,
    /// What to do about it, or that nothing is to be done.
    pub(super) mend: String,
}

/// All that is not well, the worst first. `here` is what has to be added to other commands for them to find the stack.
pub(super) fn all(
    asked: &[Asked],
    flows: &[Flow],
    routes: &[Route],
    late_after: Duration,
    here: &str,
) -> Vec<Problem> {
    let told: Vec<&GetStatusResponse> = asked.iter().filter_map(|asked| asked.answer.as_ref().ok()).collect();
    let stored = flows::stored(told.iter().copied());
    let mut problems = Vec::new();
    problems.extend(asked.iter().filter_map(silent));
    problems.extend(databases(&told));
    problems.extend(told.iter().filter_map(|told| closed(told)));
    let kafka = kafka(&told);
    let kafka_answers = kafka.is_none();
    problems.extend(kafka);
    problems.extend(stored.iter().filter_map(|(service, stored)| nobody_works(service, stored)));
    problems.extend(standing(flows, here));
    problems.extend(stored.iter().flat_map(|(service, stored)| parked(service, stored, here)));
    problems.extend(told.iter().flat_map(|told| broken(told)));
    // What Kafka does not take is late for a reason that is told already.
    let explained = |route: &Route| !kafka_answers && route.unpublished() > 0;
    problems
        .extend(late(routes, late_after).filter(|(route, _)| !explained(route)).map(|(_, problem)| problem));
    problems
}

fn silent(asked: &Asked) -> Option<Problem> {
    let silence = asked.answer.as_ref().err()?;
    // The rest says what to do already.
    let (what, mend) = silence.whole.split_once("; ").unwrap_or((&silence.whole, ""));
    Some(Problem {
        short: format!("{} gives no answer", asked.service),
        what: what.to_owned(),
        mend: mend.to_owned(),
    })
}

/// The check of a service that its database answers.
const DATABASE: &str = "database";

/// PostgreSQL, which is said once for all that it gives no answer to.
fn databases(told: &[&GetStatusResponse]) -> Option<Problem> {
    let mut reasons = told.iter().flat_map(|told| {
        let of_database = told.obstacles.iter().filter(|obstacle| obstacle.check == DATABASE);
        of_database.map(|obstacle| (told.instance.as_str(), obstacle.reason.as_str()))
    });
    let (first, reason) = reasons.next()?;
    let names: Vec<&str> = std::iter::once(first).chain(reasons.map(|(name, _)| name)).collect();
    Some(Problem {
        short: "PostgreSQL gives no answer".to_owned(),
        what: format!("PostgreSQL gives no answer to {}, which take no calls: {reason}", names.join(", ")),
        mend: "start it, or see what it is busy with; everything goes on by itself when it answers"
            .to_owned(),
    })
}

/// It takes no calls, or its database cannot be read. That PostgreSQL is away is said elsewhere.
fn closed(told: &GetStatusResponse) -> Option<Problem> {
    let name = &told.instance;
    let reasons: Vec<String> = told
        .obstacles
        .iter()
        .filter(|obstacle| obstacle.check != DATABASE)
        .map(|obstacle| format!("{}: {}", obstacle.check, obstacle.reason))
        .collect();
    let problem = |short: &str, what: String, mend: &str| {
        Some(Problem { short: format!("{name} {short}"), what, mend: mend.to_owned() })
    };
    if !reasons.is_empty() {
        let what = format!("{name} takes no calls: {}", reasons.join("; "));
        return problem("takes no calls", what, "it takes them again by itself once that is mended");
    }
    if told.obstacles.iter().any(|obstacle| obstacle.check == DATABASE) {
        return None;
    }
    if told.phase() != ServingPhase::Serving {
        return problem("is stopping", format!("{name} finishes what it has begun, and ends"), "");
    }
    if !told.stored_obstacle.is_empty() {
        let what =
            format!("the database of {} could not be read by {name}: {}", told.service, told.stored_obstacle);
        return problem(
            "cannot read its database",
            what,
            "its lanes and parked messages are not shown meanwhile",
        );
    }
    None
}

fn kafka(told: &[&GetStatusResponse]) -> Option<Problem> {
    let silences: BTreeMap<&str, Duration> = told
        .iter()
        .filter_map(|told| Some((told.instance.as_str(), span(told.kafka_silence.as_ref())?)))
        .collect();
    let longest = silences.values().max()?;
    let names: Vec<&str> = silences.keys().copied().collect();
    Some(Problem {
        short: "Kafka gives no answer".to_owned(),
        what: format!("Kafka has given no answer for {} to {}", age(*longest), names.join(", ")),
        mend: "start it again, everything goes on by itself then; calls are taken meanwhile, and what they cause waits in \
               the outboxes"
            .to_owned(),
    })
}

fn nobody_works(service: &str, stored: &StoredStatus) -> Option<Problem> {
    let free: Vec<u32> =
        stored.leases.iter().filter(|lease| lease.holder.is_empty()).map(|lease| lease.partition).collect();
    if free.is_empty() {
        return None;
    }
    Some(Problem {
        short: format!("nobody works on {} of {service}", plural(free.len(), "partition")),
        what: format!("nobody works on the partitions {} of {service}", ranges(&free)),
        mend: format!("a process of {service} that runs takes them within seconds: if this stays, start one"),
    })
}

/// Lanes that do not flow.
fn standing(flows: &[Flow], here: &str) -> Vec<Problem> {
    let held: Vec<&Flow> = flows.iter().filter(|flow| !flow.is_flowing()).collect();
    let mut problems: Vec<Problem> =
        held.iter().take(LANES_NAMED_MAX).map(|flow| stands(flow, here)).collect();
    if held.len() > LANES_NAMED_MAX {
        problems.push(Problem {
            short: format!("{} more do not flow", plural(held.len() - LANES_NAMED_MAX, "lane")),
            what: format!("{} more do not flow", plural(held.len() - LANES_NAMED_MAX, "lane")),
            mend: format!("`bowline lanes show --stopped{here}` shows all of them"),
        });
    }
    problems
}

fn stands(flow: &Flow, here: &str) -> Problem {
    let (name, heard) = (flow.name(), &flow.heard);
    let (short, mend) = match heard.state() {
        HeardLaneState::Missing => (
            "waits for lost messages",
            format!("they are asked of {}, which has to run; the lane goes on when they come", flow.source),
        ),
        HeardLaneState::Doubt => (
            "asks for a history",
            format!("{} is asked, which has to run; the lane goes on when it tells", flow.source),
        ),
        HeardLaneState::Forgotten => (
            "has stopped: its source has lost commits",
            format!("find out what they did, then `bowline lanes accept {name} --note WHY{here}`"),
        ),
        HeardLaneState::Stopped | HeardLaneState::Flowing | HeardLaneState::Unspecified => (
            "has stopped",
            format!("mend what the reason names, then start {} again; its log says more", flow.reader),
        ),
    };
    Problem {
        short: format!("lane {name} {short}"),
        what: format!("lane {name} {short}: {}", heard.reason),
        mend,
    }
}

/// Messages that wait for an operator.
fn parked(service: &str, stored: &StoredStatus, here: &str) -> Vec<Problem> {
    let Some(parked) = stored.parked.as_ref().filter(|parked| parked.order_count > 0) else {
        return Vec::new();
    };
    let (orders, messages) = (plural(parked.order_count, "order"), plural(parked.message_count, "message"));
    let causes: Vec<String> = parked
        .causes
        .iter()
        .take(CAUSES_NAMED_MAX)
        .map(|cause| format!("{} because of {}", cause.order_count, cause.example_reason))
        .collect();
    vec![Problem {
        short: format!("{orders} parked in {service}"),
        what: format!("{orders} with {messages} wait in {service}: {}", causes.join("; ")),
        mend: format!(
            "`bowline dead-letters list --service {service} --messages{here}` shows them, `retry`, `edit` and `drop` mend \
             them"
        ),
    }]
}

/// Circuit breakers that are not closed.
fn broken(told: &GetStatusResponse) -> Vec<Problem> {
    let open =
        told.dependencies.iter().filter(|dependency| dependency.breaker_state() != BreakerState::Closed);
    open.map(|dependency| {
        let Dependency { name, valve, .. } = dependency;
        let instance = &told.instance;
        let (state, happens) = match dependency.breaker_state() {
            BreakerState::HalfOpen => ("half open", "tries with a few calls whether it answers again"),
            BreakerState::Open | BreakerState::Closed | BreakerState::Unspecified => {
                ("open", "has failed too often and is left alone")
            }
        };
        let waiting = valve
            .as_ref()
            .map_or_else(String::new, |valve| format!("; {} for it", waits(valve.waiting_count)));
        Problem {
            short: format!("breaker of {instance} for {name} {state}"),
            what: format!("the breaker of {instance} for {name} is {state}: it {happens}{waiting}"),
            mend: format!("see to {name}; the breaker closes by itself when it answers"),
        }
    })
    .collect()
}

fn waits(count: i64) -> String {
    format!("{} {}", plural(count, "operation"), if count == 1 { "waits" } else { "wait" })
}

/// Messages that have waited for too long.
fn late(routes: &[Route], late_after: Duration) -> impl Iterator<Item = (&Route, Problem)> {
    let late = routes.iter().filter_map(move |route| {
        Some((route, route.progress.oldest.filter(|oldest| *oldest >= late_after)?))
    });
    late.map(|(route, oldest)| {
        let Route { source, reader, topic, .. } = route;
        let behind =
            route.progress.behind.map_or_else(|| "messages".to_owned(), |behind| plural(behind, "message"));
        let (standing, mend) = if route.unpublished() > 0 {
            ("not all of them are published", format!("see to Kafka, and to {source}, which publishes them"))
        } else {
            (
                "all of them are published",
                format!("see whether {reader} has too much to do, or its database is slow"),
            )
        };
        let problem = Problem {
            short: format!("{reader} is late with {topic}"),
            what: format!(
                "{reader} has not applied {behind} of {topic} from {source}, the first for {}: {standing}",
                age(oldest)
            ),
            mend,
        };
        (route, problem)
    })
}

/// The short words of the problems, each once.
pub(super) fn in_short(problems: &[Problem]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    problems.iter().map(|problem| problem.short.as_str()).filter(|short| seen.insert(*short)).collect()
}
