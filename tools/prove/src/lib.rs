//! The ledger of invariants: what must hold between the services once a stack has come to rest.
//!
//! **What it is.** [`prove`] reads the four databases as the auditor, the topics from their beginning and the payment
//! provider's books, and returns every [`Invariant`] with the number of things looked at, the number that break it, and
//! the first of those in words. [`wait_until_quiet`] waits until there is something to prove: lanes level, no saga open.
//!
//! **Guarantees.** It only reads. It believes no service: states are folded anew from events, the read model from the
//! published messages, with the mapping written here a second time. Nothing in it grows with the size of an order: of
//! each order it keeps a few numbers, so a hundred thousand orders take seconds and little memory.
//!
//! [`check_sagas`] holds what was published about each order against the model of the saga.
//!
//! [`Reconciler`] compares orders, reservations, payments and the provider's books while traffic flows.
//!
//! **Does not.** On a stack that is at work [`prove`] reports differences that are none: the databases are read one after the
//! other. It knows the tables of every service, as an auditor does; they are read by unchecked statements, because a
//! statement checked at compile time belongs to one database, and a change of a table shows in the end-to-end tests.
//!
//! **How to add one more invariant.** A file with a function that returns an [`Invariant`], and a line in [`prove`].

mod access;
mod applied;
mod error;
mod histories;
mod invariant;
mod lanes;
mod money;
mod orders;
mod payments;
mod projection;
mod provider;
mod quiet;
mod reconcile;
mod reservations;
mod sagas;
mod stock;
mod topics;

use std::sync::Arc;

use access::Databases;
pub use access::{Access, DatabaseUrls};
use bowline_messaging::tail::Message;
pub use error::Error;
pub use invariant::Invariant;
pub use quiet::{Busy, wait_until_quiet};
pub use reconcile::{Difference, Kind, ReconcileOptions, Reconciled, Reconciler};
use url::Url;

/// What was found out about a stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Every invariant, broken or not, in the order in which people read them.
    pub invariants: Vec<Invariant>,
    /// What the books add up to.
    pub totals: Totals,
}

/// What the services' own books add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// What payment has authorised, in minor units.
    pub authorized_minor: i64,
    /// What payment has captured, in minor units.
    pub captured_minor: i64,
    /// What payment has voided, in minor units.
    pub voided_minor: i64,
    /// What inventory has sold, in units.
    pub units_sold: i64,
}

impl Proof {
    /// True when something was checked for every invariant and none is broken.
    pub fn holds(&self) -> bool {
        self.invariants.iter().all(|invariant| invariant.violations == 0)
    }
}

/// Checks every invariant of the stack, which should be at rest (see [`wait_until_quiet`]).
pub async fn prove(access: &Access) -> Result<Proof, Error> {
    let databases = access.databases.connect()?;
    let heads = Arc::new(lanes::Heads::read(&databases).await?);
    // On tasks of their own, because each keeps a processor busy with decoding.
    let mut folded = tokio::task::JoinSet::new();
    let (orders_database, payment_database) = (databases.orders.clone(), databases.payment.clone());
    let (kafka, lane_heads) = (access.kafka.clone(), heads.clone());
    folded.spawn(async move { orders::read(&orders_database).await.map(Folded::Orders) });
    folded.spawn(async move { payments::read(&payment_database).await.map(Folded::Payments) });
    let fold = async move {
        topics::fold_topics(&kafka, &projection::EVENTS, &lane_heads, projection::Told::default()).await
    };
    folded.spawn(async move { fold.await.map(Folded::Projection) });
    let (mut orders, mut payments, mut published) = (None, None, None);
    while let Some(part) = folded.join_next().await {
        match part.map_err(Error::Panicked)?? {
            Folded::Orders(read) => orders = Some(read),
            Folded::Payments(read) => payments = Some(read),
            Folded::Projection(read) => published = Some(read),
        }
    }
    let orders = orders.expect("its task has ended well");
    let payments = payments.expect("its task has ended well");
    let published = published.expect("its task has ended well");
    conclude(&databases, &access.provider, &heads, orders, payments, published).await
}

/// Holds every saga of the stack, which should be at rest, against the model: what was published about an order is what
/// the model publishes in one of its runs, each message as the answer to the same one.
///
/// Commands are part of it, and topics keep those for a while only; so it is for stacks that are younger than that.
pub async fn check_sagas(access: &Access) -> Result<Invariant, Error> {
    let heads = lanes::Heads::read(&access.databases.connect()?).await?;
    let sagas = sagas::Sagas::default();
    let published =
        topics::fold_topics(&access.kafka, &bowline_contracts::topics::ALL, &heads, sagas).await?;
    tokio::task::spawn_blocking(move || published.told.check()).await.map_err(Error::Panicked)
}

/// The ledger of a stack whose topics are kept by its caller. Its connections stay open from one proof to the next.
#[derive(Debug)]
pub struct Ledger {
    databases: Databases,
}

impl Ledger {
    /// Connects when it is first asked.
    pub fn open(databases: &DatabaseUrls) -> Result<Self, Error> {
        Ok(Self { databases: databases.connect()? })
    }

    /// As [`prove`]. `messages` is all that was ever published, in the order in which that was done; what a topic has lost
    /// since counts as published.
    pub async fn prove(&self, provider: &Url, messages: Vec<Message>) -> Result<Proof, Error> {
        let heads = lanes::Heads::read(&self.databases).await?;
        let orders = orders::read(&self.databases.orders).await?;
        let payments = payments::read(&self.databases.payment).await?;
        let published =
            topics::fold_messages(messages, &projection::EVENTS, &heads, projection::Told::default());
        conclude(&self.databases, provider, &heads, orders, payments, published).await
    }
}

async fn conclude(
    databases: &Databases,
    provider: &Url,
    heads: &lanes::Heads,
    orders: orders::Orders,
    payments: payments::Payments,
    published: topics::Published<projection::Told>,
) -> Result<Proof, Error> {
    let stock = stock::check(&databases.inventory).await?;
    let reservations = reservations::check(&databases.inventory, &orders.by_id).await?;
    let provider = provider::check(provider, &payments.by_id).await?;
    let topics::Published { told, topics } = published;
    let views = projection::check(&databases.projection, told).await?;
    let applied = lanes::watermarks(databases, heads).await?;
    let parked = lanes::parked(databases, heads).await?;
    let in_order = applied::check(databases).await?;
    let totals = payments.totals(stock.units_sold);
    Ok(Proof {
        invariants: [
            orders.end_states,
            orders.histories,
            stock.levels,
            reservations.states,
            reservations.units,
            money::authorized_is_captured_or_voided(&payments.by_id),
            money::captured_is_the_total_of_the_confirmed(&orders.by_id, &payments.by_id),
            payments.histories,
            provider,
            views.rows,
            views.timelines,
            topics,
            applied,
            lanes::published(heads),
            parked,
        ]
        .into_iter()
        .chain(in_order)
        .collect(),
        totals,
    })
}

/// What one of the tasks has read.
enum Folded {
    Orders(orders::Orders),
    Payments(payments::Payments),
    Projection(topics::Published<projection::Told>),
}
