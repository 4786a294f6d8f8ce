//! `bowline order`: placing, following and cancelling orders, and what was done for them.

mod args;
mod history;
mod show;
mod wait;
mod watch;
mod waterfall;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::convert;
use bowline_contracts::orders::v1 as orders;
use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::payloads::Json;
use bowline_contracts::projection::v1;
use bowline_contracts::projection::v1::query_service_client::QueryServiceClient;
use bowline_kernel::{Clock as _, OrderId, SystemClock};
use tonic::transport::Channel;
use tonic::{Code, Status};

pub(crate) use self::args::Action;
use self::args::{CancelArgs, ListArgs, PlaceArgs};
use self::watch::Watch;
use crate::output::Output;
use crate::screen::say;
use crate::services::{Noun, Service, ServiceArgs};
use crate::stop::Stop;
use crate::tables::bare_table;
use crate::writes::{Writer, Written};

/// The most orders of one answer, as projection gives them.
const PAGE: usize = 500;
/// Room for a page of orders with as many lines as they may have.
const ANSWER_BYTES_MAX: usize = 256 << 20;

pub(crate) async fn run(args: &Noun<Action>, stop: &Stop) -> anyhow::Result<ExitCode> {
    let Noun { action, call } = args;
    let (services, output) = (&call.services, call.output.output);
    match action {
        Action::Place(place) => self::place(place, services, output, stop).await?,
        Action::Cancel(cancel) => self::cancel(cancel, services, output, stop).await?,
        Action::Get(named) => stop.or(get(&projection(services)?, named.order_id, output)).await?,
        Action::List(list) => stop.or(self::list(&projection(services)?, list, output)).await?,
        Action::History(named) => stop.or(history(&projection(services)?, named.order_id, output)).await?,
        Action::Watch(watch) => {
            let projection = projection(services)?;
            let (order_id, timeout) = (watch.named.order_id, watch.timeout);
            let watch = Watch { projection: &projection, order_id, timeout };
            stop.or(watch.until_finished(output)).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn projection(services: &ServiceArgs) -> anyhow::Result<Service> {
    services.one("projection")
}

fn queries(projection: &Service) -> QueryServiceClient<Channel> {
    QueryServiceClient::new(projection.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
}

async fn place(args: &PlaceArgs, services: &ServiceArgs, output: Output, stop: &Stop) -> anyhow::Result<()> {
    let service = services.one("orders")?;
    // Known before anything is written.
    let projection = args.watch.then(|| projection(services)).transpose()?;
    let request_id = args.request.id();
    let request = orders::PlaceOrderRequest {
        request_id: request_id.to_string(),
        customer_id: args.customer.to_string(),
        lines: args
            .lines
            .iter()
            .map(|line| orders::PlaceOrderLine { sku: line.sku.to_string(), quantity: line.quantity.get() })
            .collect(),
        payment_token: args.payment_token.as_str().to_owned(),
        country: args.country.clone(),
    };
    let writer = Writer { service: &service, request_id, stop };
    let placed = writer.send(|| {
        let (mut client, request) = (OrdersServiceClient::new(service.channel.clone()), request.clone());
        async move { client.place_order(request).await }
    });
    let answer = placed.await?.map_err(|status| not_placed(&service, args, &status))?;
    let written = Written { request_id, answer: Json::from(&answer) };
    let order = answer.order.ok_or_else(|| service.nothing("order"))?;
    let Some(projection) = projection else {
        return output.document(&show::placed(&order, &service.here), &written);
    };
    output.line(show::placed(&order, &service.here).trim_end(), &written)?;
    let order_id = order.order_id.parse()?;
    let watch = Watch { projection: &projection, order_id, timeout: args.timeout };
    stop.or(watch.until_finished(output)).await
}

/// A refusal with the SKUs instead of their places in the request.
fn not_placed(service: &Service, args: &PlaceArgs, status: &Status) -> anyhow::Error {
    let mut told = service.refused(status).to_string();
    for (place, line) in args.lines.iter().enumerate() {
        told = told.replace(&format!("lines[{place}].sku"), &format!("the SKU {}", line.sku));
        told = told.replace(&format!("lines[{place}].quantity"), &format!("the quantity of {}", line.sku));
    }
    if told.contains("in the catalogue") {
        let here = &service.here;
        let mend = format!(
            "`bowline catalog show{here}` lists what can be ordered, `bowline catalog import FILE{here}` enters"
        );
        told = format!("{told}; {mend} more");
    }
    anyhow!(told)
}

async fn cancel(
    args: &CancelArgs,
    services: &ServiceArgs,
    output: Output,
    stop: &Stop,
) -> anyhow::Result<()> {
    let service = services.one("orders")?;
    let (request_id, order_id) = (args.request.id(), args.named.order_id);
    let request =
        orders::CancelOrderRequest { request_id: request_id.to_string(), order_id: order_id.to_string() };
    let writer = Writer { service: &service, request_id, stop };
    let cancelled = writer.send(|| {
        let (mut client, request) = (OrdersServiceClient::new(service.channel.clone()), request.clone());
        async move { client.cancel_order(request).await }
    });
    let answer = cancelled.await?.map_err(|status| match status.code() {
        Code::FailedPrecondition => {
            let (why, here) = (status.message(), &service.here);
            anyhow!(
                "order {order_id} cannot be cancelled: {why}; `bowline order history {order_id}{here}` tells how it came \
                 to that"
            )
        }
        _ => no_order(&service, order_id, &status),
    })?;
    let written = Written { request_id, answer: Json::from(&answer) };
    let order = answer.order.ok_or_else(|| service.nothing("order"))?;
    output.document(&show::cancelled(&order, &service.here), &written)
}

async fn get(projection: &Service, order_id: OrderId, output: Output) -> anyhow::Result<()> {
    let request = v1::GetOrderRequest { order_id: order_id.to_string() };
    let answer = queries(projection).get_order(request).await;
    let answer = answer.map_err(|status| no_order(projection, order_id, &status))?.into_inner();
    let order = answer.order.as_ref().ok_or_else(|| projection.nothing("order"))?;
    output.document(&show::order(order), &Json::from(&answer))
}

async fn list(projection: &Service, args: &ListArgs, output: Output) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let limit = usize::from(args.limit);
    let mut request = v1::ListOrdersRequest {
        customer_id: args.customer.as_ref().map(ToString::to_string).unwrap_or_default(),
        status: args.status.map(orders::OrderStatus::from).unwrap_or_default().into(),
        placed_from_time: args.since.map(|since| convert::timestamp(since.seen_from(now))),
        placed_before_time: args.until.map(|until| convert::timestamp(until.seen_from(now))),
        page_size: 0,
        page_token: String::new(),
    };
    let mut found = v1::ListOrdersResponse::default();
    loop {
        request.page_size = i32::try_from(PAGE.min(limit - found.orders.len()))?;
        let page = queries(projection).list_orders(request.clone()).await;
        let page = page.map_err(|status| projection.refused(&status))?.into_inner();
        found.orders.extend(page.orders);
        found.next_page_token.clone_from(&page.next_page_token);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() || found.orders.len() >= limit {
            break;
        }
    }
    output.document(
        &show::orders(&found.orders, args.is_filtered(), &projection.here, now),
        &Json::from(&found),
    )?;
    if !found.next_page_token.is_empty() {
        say(&format!("there are more than {limit}: --limit shows more, --since and --until others"));
    }
    Ok(())
}

async fn history(projection: &Service, order_id: OrderId, output: Output) -> anyhow::Result<()> {
    let request = v1::GetOrderTimelineRequest { order_id: order_id.to_string() };
    let answer = queries(projection).get_order_timeline(request).await;
    let entries = answer.map_err(|status| no_order(projection, order_id, &status))?.into_inner().entries;
    let history = history::History::of(&entries)?;
    let width = bare_table().width();
    output
        .document(&waterfall::text(order_id, &history, SystemClock.now(), width), &history.document(order_id))
}

/// Why nothing is told about an order.
fn no_order(service: &Service, order_id: OrderId, status: &Status) -> anyhow::Error {
    match status.code() {
        Code::NotFound => anyhow!(
            "{} knows no order {order_id}: `bowline order list{}` shows those that there are; one that was placed a \
             moment ago may be on its way",
            service.name,
            service.here
        ),
        _ => service.refused(status),
    }
}
