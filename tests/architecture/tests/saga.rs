//! The page of the saga says what the domains decide, and there is a file for every reaction.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

use bowline_architecture::{rows, sources, text};
use bowline_contracts::events;
use bowline_contracts::topics::TopicKind;
use bowline_inventory_domain::{Level, Levels, Message, Reservation};
use bowline_kernel::{Currency, Decider, Money, OrderId, Quantity};
use bowline_orders_domain::{self as orders, CancelReason, OrderDecider, Outcome};
use bowline_payment_domain::{self as payment, FailedCalls, PaymentDecider};
use chrono::{DateTime, Utc};
use strum::VariantArray as _;
use uuid::Uuid;

/// What can be published with each thing that comes in.
type Reactions = BTreeMap<String, BTreeSet<String>>;

const TOTAL: Money = Money::new(765, Currency::GBP);
const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn order_id() -> OrderId {
    OrderId::new(Uuid::from_u128(1))
}

/// Has everything of `inputs` decided in every state that they lead to. `decide` gives what is published and the next
/// state, or `None` if no path of the saga leads there.
fn explore<S: Clone + Eq + Hash, I>(
    initial: S,
    inputs: &[(String, I)],
    decide: impl Fn(&S, &I) -> Option<(Vec<String>, S)>,
) -> Reactions {
    let mut reactions: Reactions = inputs.iter().map(|(name, _)| (name.clone(), BTreeSet::new())).collect();
    let (mut seen, mut open) = (HashSet::from([initial.clone()]), vec![initial]);
    while let Some(state) = open.pop() {
        for (name, input) in inputs {
            let Some((published, next)) = decide(&state, input) else { continue };
            reactions.entry(name.clone()).or_default().extend(published);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    assert!(seen.len() > 5, "only {} states are reached", seen.len());
    reactions
}

/// The names of all messages that travel on topics, without their packages.
fn messages(of: impl Fn(TopicKind) -> bool) -> BTreeSet<&'static str> {
    let named = events::ALL.iter().filter(|(_, topic)| of(topic.kind));
    named.filter_map(|(message_type, _)| message_type.rsplit('.').next()).collect()
}

/// The message of an event or a command; `None` for what stays inside. Payment leaves its own name out where it can.
fn public(value: &impl Debug) -> Option<String> {
    let shown = format!("{value:?}");
    let name = shown.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let all = messages(|_| true);
    [name.to_owned(), format!("Payment{name}")].into_iter().find(|name| all.contains(name.as_str()))
}

/// `stock_reserved` as `StockReserved`.
fn pascal(snake: &str) -> String {
    let word = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    snake.split('_').map(word).collect()
}

/// What a decider publishes: its public events, and the commands that go out with them.
fn decide<D: Decider>(
    state: &D::State,
    command: &D::Command,
    commands: impl Fn(&D::Event) -> Vec<String>,
) -> Option<(Vec<String>, D::State)>
where
    D::State: Clone,
    D::Command: Clone,
    D::Event: Debug,
{
    let events = D::decide(state, command.clone()).ok()?;
    let published = events.iter().flat_map(|event| public(event).into_iter().chain(commands(event)));
    Some((published.collect(), events.iter().fold(state.clone(), D::evolve)))
}

fn by_orders() -> Reactions {
    use orders::Command;
    let line = orders::Line {
        sku: "85123A".parse().expect("it is a SKU"),
        name: orders::ProductName::new("WHITE HANGING HEART"),
        quantity: Quantity::new(3).expect("it is not zero"),
        unit_price: Money::new(255, Currency::GBP),
    };
    let limits = orders::LineLimits { lines_max: 1, quantity_max: 3 };
    let order = orders::PlaceOrder {
        order_id: order_id(),
        customer_id: "13085".parse().expect("it is a customer id"),
        lines: orders::Lines::new(vec![line], limits).expect("they are within the limits"),
        payment_token: "tok_ok".parse().expect("it is a token"),
        country: None,
        at: AT,
    };
    let (at, units, amount) = (AT, 3, TOTAL);
    let commands = [
        Command::PlaceOrder(order),
        Command::CancelOrder { canceller: orders::Canceller::Customer, at },
        Command::CancelOrder { canceller: orders::Canceller::Deadline, at },
        Command::StockReserved { at },
        Command::StockRejected { at },
        Command::StockCommitted { units, at },
        Command::StockReleased { units, at },
        Command::StockRestocked { units, at },
        Command::PaymentAuthorized { amount, at },
        Command::PaymentDeclined { at },
        Command::PaymentCaptured { amount, at },
        Command::PaymentCaptureFailed { at },
        Command::PaymentVoided { amount: Some(amount), at },
    ];
    let inputs = commands.map(|command| (pascal(command.name()), command));
    explore(OrderDecider::initial(), &inputs, |state, command| {
        decide::<OrderDecider>(state, command, |event| {
            event.compensations().iter().filter_map(public).collect()
        })
    })
}

fn by_payment() -> Reactions {
    use payment::Command;
    let (at, failed_calls) = (AT, FailedCalls::default);
    let reason = || "insufficient_funds".parse().expect("it is a reason");
    let commands = [
        Command::StockReserved {
            order_id: order_id(),
            total: TOTAL,
            payment_token: "tok_ok".parse().expect("it is a token"),
            at,
        },
        Command::OrderConfirmed { at },
        Command::VoidPayment { at },
        Command::Authorized {
            provider_reference: "ch_1".parse().expect("it is a reference"),
            failed_calls: failed_calls(),
            at,
        },
        Command::AuthorizationDeclined { reason: reason(), failed_calls: failed_calls(), at },
        Command::Captured { failed_calls: failed_calls(), at },
        Command::CaptureRefused { reason: reason(), failed_calls: failed_calls(), at },
        Command::Voided { failed_calls: failed_calls(), at },
    ];
    let inputs = commands.map(|command| (pascal(command.name()), command));
    explore(PaymentDecider::initial(), &inputs, |state, command| {
        decide::<PaymentDecider>(state, command, |_| Vec::new())
    })
}

/// Each message finds enough units, and too few.
fn by_inventory() -> Reactions {
    let sku: bowline_kernel::Sku = "85123A".parse().expect("it is a SKU");
    let line = (sku.clone(), Quantity::new(3).expect("it is not zero")).into();
    let lines = bowline_inventory_domain::Lines::new(vec![line]).expect("it is a line");
    let messages = [
        Message::OrderPlaced { lines },
        Message::OrderConfirmed,
        Message::ReleaseStock,
        Message::RestockOrder,
    ];
    let inputs: Vec<(String, (Message, Level))> = messages
        .into_iter()
        .flat_map(|message| {
            let levels = [Level::ZERO, Level::new(3, 3, 3).expect("none is negative")];
            levels.map(|level| (message.name().to_owned(), (message.clone(), level)))
        })
        .collect();
    explore(Reservation::Unknown, &inputs, |reservation, (message, level)| {
        let mut levels = Levels::new([(sku.clone(), *level)]);
        let decided = bowline_inventory_domain::decide(order_id(), reservation, &mut levels, message).ok()?;
        Some(match decided {
            Some(decision) => (public(&decision.fact).into_iter().collect(), decision.reservation),
            None => (Vec::new(), reservation.clone()),
        })
    })
}

/// The names in backquotes of a cell.
fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// What can be published, by service and by what comes in.
type Table = BTreeMap<(&'static str, String), BTreeSet<String>>;

#[test]
fn the_table_says_what_the_domains_decide() {
    let services = [("orders", by_orders()), ("inventory", by_inventory()), ("payment", by_payment())];
    let page = text("docs/saga.md");
    let mut told = Table::new();
    for row in rows(&page, "service") {
        let (service, _) = services.iter().find(|(name, _)| *name == row[0]).expect("a service of the saga");
        let comes_in = names(row[1]).pop_first().expect("each row names what comes in");
        let doubled = told.insert((service, comes_in), names(row[3]));
        assert!(doubled.is_none(), "{service} has two rows for {}", row[1]);
    }
    let decided: Table = services
        .into_iter()
        .flat_map(|(service, all)| {
            all.into_iter().map(move |(input, published)| ((service, input), published))
        })
        .collect();
    let wrong: BTreeSet<String> = told
        .keys()
        .chain(decided.keys())
        .filter(|row| told.get(row) != decided.get(row))
        .map(|row| format!("{row:?}: the page says {:?}, the domain {:?}", told.get(row), decided.get(row)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_message_is_published_and_every_command_undoes_something() {
    let page = text("docs/saga.md");
    let rows = rows(&page, "service");
    let published: BTreeSet<String> = rows.iter().flat_map(|row| names(row[3])).collect();
    assert_eq!(published, messages(|_| true).into_iter().map(str::to_owned).collect());
    let undoing: BTreeSet<String> = rows.iter().flat_map(|row| names(row[4])).collect();
    let commands = messages(|kind| kind == TopicKind::Commands);
    assert_eq!(undoing, commands.into_iter().map(str::to_owned).collect());
}

#[test]
fn every_reaction_has_its_file_and_every_file_its_row() {
    let page = text("docs/saga.md");
    let all = messages(|_| true);
    for service in ["orders", "inventory", "payment"] {
        let told = rows(&page, "service").into_iter().filter(|row| row[0] == service);
        let told: BTreeSet<String> =
            told.flat_map(|row| names(row[1])).filter(|name| all.contains(name.as_str())).collect();
        let files = sources(format!("services/{service}/src/app/reactions"));
        let stems = files.iter().filter_map(|file| file.file_stem()?.to_str()?.strip_prefix("on_"));
        assert_eq!(told, stems.map(pascal).collect(), "the reactions of {service}");
    }
}

#[test]
fn every_end_waits_for_what_the_domain_says() {
    let page = text("docs/saga.md");
    let told: BTreeMap<String, BTreeSet<String>> = rows(&page, "end")
        .into_iter()
        .map(|row| (names(row[1]).pop_first().unwrap_or_default(), names(row[2])))
        .collect();
    let effects =
        |outcome: Outcome| -> BTreeSet<String> { outcome.effects().iter().filter_map(public).collect() };
    let cancelled = CancelReason::VARIANTS
        .iter()
        .map(|reason| (reason.name().to_owned(), effects(Outcome::Cancelled(*reason))));
    assert_eq!(told, cancelled.chain([(String::new(), effects(Outcome::Confirmed))]).collect());
}
