//! Whether what was published about an order is a run of the model.
//!
//! The topics say in which order the messages lie on each of them, and which message each is an answer to. They do not say
//! in which order a service took up what came to it from different topics, nor when it took up what it did not answer. A
//! search tries the ways in which it can have been. Whichever publishes the same messages, each as the answer to the same
//! one, is a run; if there is none, the services have done something that the model never does.

use std::collections::HashSet;

use bowline_kernel::{Currency, Money, OrderId, Quantity};
use bowline_orders_domain::{Canceller, Line, LineLimits, Lines, PlaceOrder, ProductName};
use uuid::Uuid;

use super::lane::Lane;
use super::message::Message;
use super::payment;
use super::provider::Verdict;
use super::replay::{Replay, Taken};
use super::world::{AT, Service, World};

/// A message about one order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recorded<'a> {
    /// Who has published it.
    pub by: Service,
    /// Where it lies. Of one topic, the earlier message is recorded earlier.
    pub topic: &'a str,
    /// The name of its type, without the package.
    pub name: &'a str,
    /// The message that it came of, by its index: one of another service, or one that was published with it. `None` for
    /// what came of a request or a deadline.
    pub cause: Option<usize>,
}

/// More states than the model has for one order within any trace that was seen to come of it.
const STATES_MAX: usize = 20_000;

/// Looks for a run of the model that publishes `trace`, all that was published about one order, at rest. The error says
/// how far the best of them comes, and what it lacks.
pub fn explain(trace: &[Recorded<'_>]) -> Result<(), String> {
    let mut search = Search::new(trace)?;
    let beginning = Walk { replay: search.beginning()?, published: search.mask("OrderPlaced") };
    let mut open = vec![beginning];
    while let Some(walk) = open.pop() {
        if search.is_end(&walk) {
            return Ok(());
        }
        if search.seen.len() > STATES_MAX {
            return Err(format!("no run was found among {STATES_MAX} states"));
        }
        // What comes first is tried first.
        open.extend(search.steps(&walk).into_iter().rev());
    }
    Err(search.told())
}

/// A run, as far as it has come.
struct Walk {
    replay: Replay,
    /// What it has published, a bit for each message of the trace.
    published: u32,
}

/// What a service may take up next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// The message with this index.
    Message(Service, usize),
    Cancel,
    Outcome(bowline_payment_domain::OperationKind, Verdict),
}

struct Search<'a> {
    trace: &'a [Recorded<'a>],
    order: OrderId,
    seen: HashSet<World>,
    /// How far the best run has come, and why it went no farther.
    best: u32,
    obstacles: Vec<String>,
}

impl<'a> Search<'a> {
    fn new(trace: &'a [Recorded<'a>]) -> Result<Self, String> {
        if trace.len() > u32::BITS as usize {
            return Err(format!("{} messages are more than any order leads to", trace.len()));
        }
        for (index, recorded) in trace.iter().enumerate() {
            if trace[..index].iter().any(|earlier| earlier.name == recorded.name) {
                return Err(format!("{} was published twice", recorded.name));
            }
        }
        let order = OrderId::new(Uuid::from_u128(1));
        Ok(Self { trace, order, seen: HashSet::new(), best: 0, obstacles: Vec::new() })
    }

    /// An order of one unit: how much an order is about makes no difference to its course. There is stock for it unless it
    /// was rejected.
    fn beginning(&self) -> Result<Replay, String> {
        let placed = self.index("OrderPlaced").ok_or("OrderPlaced was not published")?;
        if self.trace[placed].cause.is_some() {
            return Err("OrderPlaced came of another message".to_owned());
        }
        let sku: bowline_kernel::Sku = "SKU 1".parse().expect("it is a SKU");
        let stock = i64::from(self.index("StockRejected").is_none());
        let mut replay = Replay::new([(sku.clone(), stock)]);
        let line = Line {
            sku,
            name: ProductName::new("a thing"),
            quantity: Quantity::new(1).expect("it is not 0"),
            unit_price: Money::new(255, Currency::GBP),
        };
        let limits = LineLimits { lines_max: 1, quantity_max: 1 };
        replay.place(PlaceOrder {
            order_id: self.order,
            customer_id: "13085".parse().expect("it is a customer id"),
            lines: Lines::new(vec![line], limits).expect("they are within the limits"),
            payment_token: "tok_ok".parse().expect("it is a token"),
            country: None,
            at: AT,
        });
        Ok(replay)
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.trace.iter().position(|recorded| recorded.name == name)
    }

    fn mask(&self, name: &str) -> u32 {
        self.index(name).map_or(0, |index| 1 << index)
    }

    /// Everything is published and taken up, and nobody has anything to do.
    fn is_end(&self, walk: &Walk) -> bool {
        let saga = &walk.replay.world.sagas[0];
        walk.published.count_ones() as usize == self.trace.len()
            && Lane::ALL.iter().all(|lane| saga.lane(*lane).next().is_none())
            && payment::open(saga).is_none()
            && saga.order.is_finished()
    }

    /// The worlds that may be next, without those that were seen.
    fn steps(&mut self, walk: &Walk) -> Vec<Walk> {
        let mut next = Vec::new();
        for step in self.possible(walk) {
            match self.taken(walk, step) {
                Ok(walk) => {
                    if self.seen.insert(walk.replay.world.clone()) {
                        next.push(walk);
                    }
                }
                Err(obstacle) => self.note(walk.published, obstacle),
            }
        }
        if next.is_empty() {
            self.note(walk.published, "then nothing more happens".to_owned());
        }
        next
    }

    fn possible(&self, walk: &Walk) -> Vec<Step> {
        let saga = &walk.replay.world.sagas[0];
        let lanes = Lane::ALL.into_iter().filter_map(|lane| {
            let message = saga.lane(lane).message(saga.lane(lane).next()?)?;
            Some(Step::Message(lane.consumer(), self.index(Message::name(message))?))
        });
        let mut steps: Vec<Step> = lanes.collect();
        if let Some(kind) = payment::open(saga) {
            steps.extend([Verdict::Done, Verdict::Refused].map(|verdict| Step::Outcome(kind, verdict)));
        }
        let cancelled = self.index("OrderCancelled").filter(|index| walk.published & (1 << index) == 0);
        steps.extend(cancelled.filter(|index| self.cause(*index).is_none()).map(|_| Step::Cancel));
        steps
    }

    /// The world behind a step; the error says in what it is not what was recorded.
    fn taken(&self, walk: &Walk, step: Step) -> Result<Walk, String> {
        let mut replay = walk.replay.clone();
        let (service, taken) = match step {
            Step::Message(service, index) => (service, Taken::Message(self.trace[index].name)),
            Step::Cancel => (Service::Orders, Taken::Cancel(Canceller::Customer, None)),
            Step::Outcome(kind, verdict) => (Service::Payment, Taken::Outcome(kind, verdict)),
        };
        let names = replay.take(self.order, service, taken)?;
        let mut published = walk.published;
        for name in &names {
            let Some(index) = self.index(name).filter(|index| published & (1 << index) == 0) else {
                return Err(format!("{} publishes {name}, which was not published", self.words(step)));
            };
            if !self.is_answer(index, service, step) {
                return Err(format!("{} publishes {name}, which came of something else", self.words(step)));
            }
            published |= 1 << index;
        }
        self.check_complete(published, service, step)?;
        self.check_order(published)?;
        Ok(Walk { replay, published })
    }

    /// Whether a message can have come of a step. What the provider has decided is the answer to an earlier message.
    fn is_answer(&self, index: usize, service: Service, step: Step) -> bool {
        self.trace[index].by == service
            && match step {
                Step::Message(_, cause) => self.cause(index) == Some(cause),
                Step::Cancel => self.cause(index).is_none(),
                Step::Outcome(..) => true,
            }
    }

    /// Whatever came of a message was published with it, but for what the provider was to decide.
    fn check_complete(&self, published: u32, service: Service, step: Step) -> Result<(), String> {
        let (Step::Message(_, cause), Service::Orders | Service::Inventory) = (step, service) else {
            return Ok(());
        };
        let missing = (0..self.trace.len()).find(|index| {
            published & (1 << index) == 0
                && self.trace[*index].by == service
                && self.cause(*index) == Some(cause)
        });
        missing.map_or(Ok(()), |index| {
            Err(format!("{} does not publish {}, which came of it", self.words(step), self.trace[index].name))
        })
    }

    /// On each topic, nothing is published before what lies there before it.
    fn check_order(&self, published: u32) -> Result<(), String> {
        for (index, recorded) in
            self.trace.iter().enumerate().filter(|(index, _)| published & (1 << index) != 0)
        {
            let passed = self.trace[..index]
                .iter()
                .enumerate()
                .find(|(earlier, other)| other.topic == recorded.topic && published & (1 << earlier) == 0);
            if let Some((_, passed)) = passed {
                return Err(format!("{} is published before {}", recorded.name, passed.name));
            }
        }
        Ok(())
    }

    /// The message that a message came of; what was published together came of the same.
    fn cause(&self, index: usize) -> Option<usize> {
        let by = self.trace[index].by;
        let mut cause = self.trace[index].cause?;
        // A chain that is longer than the trace is a circle, which no run explains.
        for _ in self.trace {
            if self.trace[cause].by != by {
                break;
            }
            cause = self.trace[cause].cause?;
        }
        Some(cause)
    }

    /// A step in words.
    fn words(&self, step: Step) -> String {
        match step {
            Step::Message(service, index) => format!("{service:?} hearing {}", self.trace[index].name),
            Step::Cancel => "Orders asked to cancel".to_owned(),
            Step::Outcome(kind, verdict) => format!("the outcome {} {verdict:?}", kind.name()),
        }
    }

    fn note(&mut self, published: u32, obstacle: String) {
        if published.count_ones() > self.best.count_ones() {
            self.best = published;
            self.obstacles.clear();
        }
        if published == self.best && !self.obstacles.contains(&obstacle) {
            self.obstacles.push(obstacle);
        }
    }

    fn told(&self) -> String {
        let names: Vec<_> = self.trace.iter().map(|recorded| recorded.name).collect();
        let parts = |wanted: bool| {
            let chosen =
                names.iter().enumerate().filter(|(index, _)| (self.best & (1 << index) != 0) == wanted);
            chosen.map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
        };
        format!("the model publishes {} and not {}: {}", parts(true), parts(false), self.obstacles.join("; "))
    }
}
