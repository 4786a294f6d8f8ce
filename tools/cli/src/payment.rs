//! `bowline payment`: what became of an order's payment.

mod args;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::orders::v1::GetOrderRequest;
use bowline_contracts::orders::v1::orders_service_client::OrdersServiceClient;
use bowline_contracts::payloads::Json;
use bowline_contracts::payment::v1::GetPaymentRequest;
use bowline_contracts::payment::v1::payment_service_client::PaymentServiceClient;
use bowline_kernel::OrderId;
use tonic::Code;

pub(crate) use self::args::Action;
use crate::output::Output;
use crate::services::{Noun, ServiceArgs};
use crate::stop::Stop;

pub(crate) async fn run(args: &Noun<Action>, stop: &Stop) -> anyhow::Result<ExitCode> {
    let Noun { action: Action::Show { order_id }, call } = args;
    stop.or(show(&call.services, *order_id, call.output.output)).await?;
    Ok(ExitCode::SUCCESS)
}

async fn show(services: &ServiceArgs, order_id: OrderId, output: Output) -> anyhow::Result<()> {
    let service = &services.one("payment")?;
    let request = GetPaymentRequest { order_id: order_id.to_string() };
    let answer = PaymentServiceClient::new(service.channel.clone()).get_payment(request).await;
    let answer = match answer {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::NotFound => {
            return Err(no_payment(services, order_id, &service.here).await);
        }
        Err(status) => return Err(service.refused(&status)),
    };
    let payment = answer.payment.as_ref().ok_or_else(|| service.nothing("payment"))?;
    output.document(&show::payment(payment), &Json::from(&answer))
}

/// Why there is no payment: it has not begun, or there is no such order, which orders knows.
async fn no_payment(services: &ServiceArgs, order_id: OrderId, here: &str) -> anyhow::Error {
    let none = format!(
        "order {order_id} has no payment: it begins once stock is reserved; `bowline order history {order_id}{here}` shows \
         how far the order is"
    );
    let orders = match services.one("orders") {
        Ok(orders) => orders,
        Err(error) => return anyhow!("{none}; whether there is such an order is not known: {error:#}"),
    };
    let request = GetOrderRequest { order_id: order_id.to_string() };
    match OrdersServiceClient::new(orders.channel.clone()).get_order(request).await {
        Ok(_) => anyhow!(none),
        Err(status) if status.code() == Code::NotFound => {
            anyhow!(
                "no order {order_id} was ever placed: `bowline order list{here}` shows those that there are"
            )
        }
        Err(status) => {
            let why = orders.refused(&status);
            anyhow!("{none}; whether there is such an order is not known: {why:#}")
        }
    }
}
