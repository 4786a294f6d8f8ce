//! The rows of the read model, compared with what the topics say.

use std::collections::HashMap;
use std::str::FromStr;

use bowline_kernel::{Currency, Money};
use bowline_projection_domain::{InventoryColumns, OrderLine, OrdersColumns, Patch, PaymentColumns};
use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use uuid::Uuid;

use super::{Condensed, IdSet, Told, View};
use crate::access::Database;
use crate::{Error, Invariant};

/// What is to be said about the read model.
pub(crate) struct Views {
    pub(crate) rows: Invariant,
    pub(crate) timelines: Invariant,
}

/// A row of `projection.order_views`.
#[derive(Debug, sqlx::FromRow)]
struct Row {
    order_id: Uuid,
    customer_id: Option<String>,
    country: Option<String>,
    lines: Option<Vec<u8>>,
    item_count: Option<i64>,
    total_minor: Option<i64>,
    total_currency: Option<String>,
    status: Option<String>,
    cancel_reason: Option<String>,
    placed_at: Option<DateTime<Utc>>,
    confirmed_at: Option<DateTime<Utc>>,
    cancelled_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    stock_status: Option<String>,
    stock_at: Option<DateTime<Utc>>,
    payment_state: Option<String>,
    payment_at: Option<DateTime<Utc>>,
    authorized_minor: Option<i64>,
    captured_minor: Option<i64>,
    voided_minor: Option<i64>,
    payment_failure: Option<String>,
}

/// Of every order that the topics or the read model know: its row is the fold of its messages, and its timeline holds
/// each of them once.
pub(crate) async fn check(database: &Database, Told(told): Told) -> Result<Views, Error> {
    let rows = rows(database, &told).await?;
    let timelines = timelines(database, told).await?;
    Ok(Views { rows, timelines })
}

async fn rows(database: &Database, told: &HashMap<Uuid, View>) -> Result<Invariant, Error> {
    let mut invariant = Invariant::new("the projection equals a fold of the published events");
    let mut found = 0;
    let mut stored = sqlx::query_as::<_, Row>("SELECT * FROM projection.order_views").fetch(&database.pool);
    let mut seen = std::collections::HashSet::with_capacity(told.len());
    while let Some(row) = stored.try_next().await.map_err(|source| database.failed(source))? {
        let id = row.order_id;
        let fault = match (told.get(&id), row.read()) {
            (None, _) => Some("it has a row, but no published event".to_owned()),
            (Some(_), Err(reason)) => Some(format!("its row cannot be read: {reason}")),
            (Some(told), Ok(row)) => difference(&row, &told.row),
        };
        seen.insert(id);
        found += u64::from(told.contains_key(&id));
        invariant.check(fault.map(|fault| format!("order {id}: {fault}")));
    }
    if found < told.len() as u64 {
        for id in told.keys().filter(|id| !seen.contains(*id)) {
            invariant.check(Some(format!("order {id}: it has published events, but no row")));
        }
    }
    Ok(invariant)
}

async fn timelines(database: &Database, mut told: HashMap<Uuid, View>) -> Result<Invariant, Error> {
    let mut invariant = Invariant::new("timelines hold every published event exactly once");
    let mut stored: HashMap<Uuid, IdSet> = HashMap::with_capacity(told.len());
    let mut rows = sqlx::query_as::<_, (Uuid, Uuid)>("SELECT order_id, event_id FROM projection.timeline")
        .fetch(&database.pool);
    while let Some((order, event)) = rows.try_next().await.map_err(|source| database.failed(source))? {
        stored.entry(order).or_default().add(event);
    }
    for (id, stored) in stored {
        let told = told.remove(&id).unwrap_or_default().events;
        invariant.check(timeline_fault(id, stored, told));
    }
    for (id, told) in told {
        invariant.check(timeline_fault(id, IdSet::default(), told.events));
    }
    Ok(invariant)
}

fn timeline_fault(id: Uuid, stored: IdSet, told: IdSet) -> Option<String> {
    let (rows, events) = (stored.count, told.count);
    (stored != told).then(|| {
        if rows == events {
            format!("order {id}: its timeline holds {rows} events, but not those that were published")
        } else {
            format!("order {id}: its timeline holds {rows} events, {events} were published")
        }
    })
}

impl Row {
    fn read(self) -> Result<Condensed, String> {
        let lines: Option<Vec<OrderLine>> = match self.lines {
            None => None,
            Some(json) => Some(serde_json::from_slice(&json).map_err(|error| format!("lines: {error}"))?),
        };
        let total = match (self.total_minor, self.total_currency) {
            (None, None) => None,
            (Some(minor), Some(code)) => {
                let currency =
                    Currency::from_code(&code).ok_or_else(|| format!("{code:?} is no currency"))?;
                Some(Money::new(minor, currency))
            }
            _ => return Err("its total has an amount or a currency, but not both".to_owned()),
        };
        let item_count =
            self.item_count.map(u64::try_from).transpose().map_err(|_| "item_count is negative")?;
        Ok(Condensed::new(Patch {
            orders: OrdersColumns {
                customer_id: parse(self.customer_id.as_deref())?,
                country: self.country,
                lines,
                item_count,
                total,
                status: parse(self.status.as_deref())?,
                cancel_reason: parse(self.cancel_reason.as_deref())?,
                placed_at: self.placed_at,
                confirmed_at: self.confirmed_at,
                cancelled_at: self.cancelled_at,
                finished_at: self.finished_at,
            },
            inventory: InventoryColumns {
                stock_status: parse(self.stock_status.as_deref())?,
                stock_at: self.stock_at,
            },
            payment: PaymentColumns {
                payment_state: parse(self.payment_state.as_deref())?,
                payment_at: self.payment_at,
                authorized_minor: self.authorized_minor,
                captured_minor: self.captured_minor,
                voided_minor: self.voided_minor,
                payment_failure: self.payment_failure,
            },
        }))
    }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(text: Option<&str>) -> Result<Option<T>, String> {
    text.map(str::parse).transpose().map_err(|error: T::Err| error.to_string())
}

/// The first column in which both differ.
fn difference(row: &Condensed, told: &Condensed) -> Option<String> {
    if row == told {
        return None;
    }
    let (row_columns, told_columns) = (columns(row), columns(told));
    let differing = row_columns.into_iter().zip(told_columns).find(|((_, row), (_, told))| row != told);
    differing.map(|((name, row), (_, told))| format!("{name} is {row}, the events say {told}"))
}

fn columns(row: &Condensed) -> [(&'static str, String); 20] {
    let Patch { orders, inventory, payment } = &row.patch;
    [
        ("customer_id", said(orders.customer_id.as_ref())),
        ("country", said(orders.country.as_ref())),
        ("lines (digest)", said(row.lines.as_ref())),
        ("item_count", said(orders.item_count.as_ref())),
        ("total", said(orders.total.as_ref())),
        ("status", said(orders.status.as_ref())),
        ("cancel_reason", said(orders.cancel_reason.as_ref())),
        ("placed_at", said(orders.placed_at.as_ref())),
        ("confirmed_at", said(orders.confirmed_at.as_ref())),
        ("cancelled_at", said(orders.cancelled_at.as_ref())),
        ("finished_at", said(orders.finished_at.as_ref())),
        ("stock_status", said(inventory.stock_status.as_ref())),
        ("stock_at", said(inventory.stock_at.as_ref())),
        ("payment_state", said(payment.payment_state.as_ref())),
        ("payment_at", said(payment.payment_at.as_ref())),
        ("authorized_minor", said(payment.authorized_minor.as_ref())),
        ("captured_minor", said(payment.captured_minor.as_ref())),
        ("voided_minor", said(payment.voided_minor.as_ref())),
        ("payment_failure", said(payment.payment_failure.as_ref())),
        ("another column", format!("{row:?}")),
    ]
}

fn said(value: Option<&impl std::fmt::Display>) -> String {
    value.map_or_else(|| "empty".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use bowline_projection_domain::{OrderStatus, PublicEvent};

    use super::*;

    const AT: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_difference_names_the_column() {
        let told = Condensed::new(Patch::from(&PublicEvent::OrderConfirmed { confirmed_at: AT }));
        assert_eq!(difference(&told, &told), None);
        let mut row = told.clone();
        row.patch.orders.status = Some(OrderStatus::Pending);
        assert_eq!(difference(&row, &told).unwrap(), "status is pending, the events say confirmed");
        let mut row = told.clone();
        row.lines = Some(7);
        assert_eq!(difference(&row, &told).unwrap(), "lines (digest) is 7, the events say empty");
    }

    #[test]
    fn timelines_are_compared_as_sets() {
        let set = |ids: &[u128]| {
            let mut set = IdSet::default();
            for id in ids {
                set.add(Uuid::from_u128(*id));
            }
            set
        };
        assert_eq!(timeline_fault(Uuid::nil(), set(&[1, 2]), set(&[2, 1])), None);
        assert!(
            timeline_fault(Uuid::nil(), set(&[1]), set(&[1, 2])).unwrap().contains("holds 1 events, 2 were")
        );
        assert!(timeline_fault(Uuid::nil(), set(&[1, 2]), set(&[1, 3])).unwrap().contains("not those"));
    }
}
