//! Waiting until a stack has come to rest.

use std::time::Duration;

use tokio::time::Instant;

use crate::Error;
use crate::access::{Access, Databases};
use crate::lanes::{self, Heads};

/// How often the databases are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What still keeps a stack busy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Busy {
    /// Accepted orders that are not finished; counted only when nothing else is going on.
    pub open_orders: i64,
    /// Lanes of consumers that have something left to apply.
    pub lanes_behind: u64,
    /// Lanes of which something is not noted as published.
    pub lanes_unpublished: u64,
    /// Nothing is open, but something was said between two looks.
    pub talking: bool,
}

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} lanes are not applied, {} lanes are not published, {} orders are open{}",
            self.lanes_behind,
            self.lanes_unpublished,
            self.open_orders,
            if self.talking { ", and messages are being sent" } else { "" }
        )
    }
}

/// Waits until all lanes are published and applied, no order is open, and nothing has moved between two looks; at most
/// `limit`. Answers with what was still going on then.
pub async fn wait_until_quiet(access: &Access, limit: Duration) -> Result<Result<(), Busy>, Error> {
    let databases = access.databases.connect()?;
    let deadline = Instant::now() + limit;
    let mut before = None;
    loop {
        let (heads, busy) = look(&databases, before.as_ref()).await?;
        let Some(busy) = busy else { return Ok(Ok(())) };
        // Whether something has moved takes two looks to see, however short the limit is.
        if before.is_some() && Instant::now() >= deadline {
            return Ok(Err(busy));
        }
        before = Some(heads);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn look(databases: &Databases, before: Option<&Heads>) -> Result<(Heads, Option<Busy>), Error> {
    let heads = Heads::read(databases).await?;
    let mut busy = Busy {
        open_orders: 0,
        lanes_behind: lanes::watermarks(databases, &heads).await?.violations,
        lanes_unpublished: lanes::published(&heads).violations,
        talking: before != Some(&heads),
    };
    // Counting reads all events: only when the rest says that it is worth it.
    if busy.lanes_behind == 0 && busy.lanes_unpublished == 0 && !busy.talking {
        busy.open_orders = open_orders(databases).await?;
        if busy.open_orders == 0 {
            return Ok((heads, None));
        }
    }
    Ok((heads, Some(busy)))
}

async fn open_orders(databases: &Databases) -> Result<i64, Error> {
    sqlx::query_scalar(
        "SELECT count(*) FILTER (WHERE type = 'order_placed') - count(*) FILTER (WHERE type = 'order_finished')
           FROM event_store.events",
    )
    .fetch_one(&databases.orders.pool)
    .await
    .map_err(|source| databases.orders.failed(source))
}
