//! `bowline payment`: what became of an order's payment.

mod args;
mod show;

use std::process::ExitCode;

use anyhow::anyhow;
use bowline_contracts::payloads::Json;
use bowline_contracts::payment::v1::GetPaymentRequest;
use bowline_contracts::payment::v1::payment_service_client::PaymentServiceClient;
use bowline_kernel::OrderId;
use tonic::Code;

use self::args::Action;
pub(crate) use self::args::PaymentArgs;
use crate::output::Output;
use crate::services::Service;
use crate::stop::Stop;

pub(crate) async fn run(args: &PaymentArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let PaymentArgs { action: Action::Show { order_id }, call } = args;
    stop.or(show(&call.services.one("payment")?, *order_id, call.output.output)).await?;
    Ok(ExitCode::SUCCESS)
}

async fn show(service: &Service, order_id: OrderId, output: Output) -> anyhow::Result<()> {
    let request = GetPaymentRequest { order_id: order_id.to_string() };
    let answer = PaymentServiceClient::new(service.channel.clone()).get_payment(request).await;
    let answer = answer.map_err(|status| match status.code() {
        Code::NotFound => anyhow!(
            "order {order_id} has no payment: it begins once stock is reserved; `bowline order history {order_id}` shows \
             how far the order is"
        ),
        _ => service.refused(&status),
    });
    let answer = answer?.into_inner();
    let payment = answer.payment.as_ref().ok_or_else(|| service.nothing("payment"))?;
    output.document(&show::payment(payment), &Json::from(&answer))
}
