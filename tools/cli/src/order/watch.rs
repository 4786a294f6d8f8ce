//! Following an order until it is finished.

use std::pin::pin;
use std::time::Duration;

use anyhow::anyhow;
use bowline_contracts::payloads::Json;
use bowline_contracts::projection::v1::{OrderView, WatchOrderRequest};
use bowline_kernel::{Clock as _, OrderId, SystemClock};
use bowline_load::generator::is_doubtful;
use bowline_resilience::Retry;
use tonic::Status;

use super::{queries, show};
use crate::output::Output;
use crate::screen::say;
use crate::services::{Service, TRIES};

/// How long an order may be unknown before this is said.
const UNKNOWN_AFTER: Duration = Duration::from_secs(2);

/// One order, followed through projection.
pub(super) struct Watch<'a> {
    pub(super) projection: &'a Service,
    pub(super) order_id: OrderId,
    pub(super) timeout: Duration,
}

impl Watch<'_> {
    /// Prints the order now and after every change until it is finished. A stream that breaks is taken up again; a change
    /// that was printed already is not printed twice.
    pub(super) async fn until_finished(&self, output: Output) -> anyhow::Result<()> {
        let mut last = None;
        match tokio::time::timeout(self.timeout, self.follow(output, &mut last)).await {
            Ok(ended) => ended,
            Err(_) => Err(self.not_finished(last.as_ref())),
        }
    }

    async fn follow(&self, output: Output, last: &mut Option<OrderView>) -> anyhow::Result<()> {
        let (mut waits, mut said) = (Retry::new(TRIES).waits(), false);
        loop {
            let before = last.clone();
            let Err(broken) = self.read(output, last).await? else { return Ok(()) };
            if *last != before {
                (waits, said) = (Retry::new(TRIES).waits(), false);
            }
            let wait = waits.next().filter(|_| is_doubtful(&broken));
            let wait = wait.ok_or_else(|| self.projection.refused(&broken))?;
            if !std::mem::replace(&mut said, true) {
                self.projection.say_again(&broken);
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Prints what one stream tells; what has ended it before the order was finished.
    async fn read(&self, output: Output, last: &mut Option<OrderView>) -> anyhow::Result<Result<(), Status>> {
        let request = WatchOrderRequest { order_id: self.order_id.to_string() };
        let mut views = match queries(self.projection).watch_order(request).await {
            Ok(views) => views.into_inner(),
            Err(status) => return Ok(Err(status)),
        };
        loop {
            let next = views.message();
            let next = if last.is_some() { next.await } else { self.patiently(next).await };
            let told = match next {
                Ok(Some(told)) => told,
                Ok(None) => return Ok(Err(Status::unavailable("it stopped telling about the order"))),
                Err(status) => return Ok(Err(status)),
            };
            if told.order.is_none() || told.order == *last {
                continue;
            }
            let json = Json::from(&told);
            let view = last.insert(told.order.unwrap_or_default());
            output.line(&show::change(view, SystemClock.now()), &json)?;
            if view.finished {
                return Ok(Ok(()));
            }
        }
    }

    /// Waits for the first that is heard of an order, and says so if it takes long: the id may be wrong.
    async fn patiently<T>(&self, first: impl Future<Output = T>) -> T {
        let mut first = pin!(first);
        if let Ok(told) = tokio::time::timeout(UNKNOWN_AFTER, &mut first).await {
            return told;
        }
        let (order_id, Service { name, here, .. }) = (self.order_id, self.projection);
        say(&format!(
            "{name} knows no order {order_id} yet and waits for it; `bowline order list{here}` shows those that it knows"
        ));
        first.await
    }

    fn not_finished(&self, last: Option<&OrderView>) -> anyhow::Error {
        let (order_id, timeout) = (self.order_id, humantime::format_duration(self.timeout));
        let here = &self.projection.here;
        match last {
            None => anyhow!(
                "no order {order_id} has become known within {timeout}: `bowline order list{here}` shows those that are"
            ),
            Some(view) => anyhow!(
                "order {order_id} is not finished after {timeout} but {}: `bowline order history {order_id}{here}` shows \
                 what it waits for",
                show::standing(view)
            ),
        }
    }
}
