//! PlaceOrder: checks the request, prices it, hands it over.

use std::collections::HashMap;

use bowline_contracts::orders::v1;
use bowline_idempotency::{self as idempotency, Claim, Fingerprint, Request};
use bowline_kernel::{CustomerId, PaymentToken, Quantity, RequestId, Sku};
use bowline_orders_domain::{Country, Line, LineLimits, Lines, LinesError, PlaceOrder};
use bowline_service::{ApiError, Violations, read_failed};
use prost::Message as _;

use super::{Api, unavailable};
use crate::app::command::{Action, Call};
use crate::app::reply::Reply;
use crate::infra::catalogue::{CatalogueError, Product};

const METHOD: &str = "bowline.orders.v1.OrdersService/PlaceOrder";

/// A request whose fields are well-formed.
struct Checked {
    request: Request,
    customer_id: CustomerId,
    skus: Vec<Sku>,
    quantities: Vec<Quantity>,
    payment_token: PaymentToken,
    country: Option<Country>,
}

pub(super) async fn call(
    api: &Api,
    mut request: v1::PlaceOrderRequest,
    traceparent: Option<String>,
) -> Result<v1::PlaceOrderResponse, ApiError> {
    let request_id = std::mem::take(&mut request.request_id);
    let checked = check(&request_id, &request, api.limits)?;
    let order_id = api.mint();
    let mut products = api.catalogue.cached(&checked.skus);
    let mut priced = price(&checked, &products, api.limits);
    if priced.is_err() {
        // A repetition is answered although the catalogue may be away, or know other prices by now.
        if let Some(reply) = answered(api, &checked.request).await? {
            return Ok(v1::PlaceOrderResponse { order: Some(api.answer(reply, order_id).await?) });
        }
        let completed = api.catalogue.complete(&checked.skus, &mut products, traceparent.as_deref());
        completed.await.map_err(catalogue_failed)?;
        priced = price(&checked, &products, api.limits);
    }
    let lines = priced?;
    let order = PlaceOrder {
        order_id,
        customer_id: checked.customer_id,
        lines,
        payment_token: checked.payment_token,
        country: checked.country,
        at: api.clock.now(),
    };
    let action = Action::Place(Box::new(order));
    let order = api.execute(Call { request: checked.request, order_id, traceparent, action }).await?;
    Ok(v1::PlaceOrderResponse { order: Some(order) })
}

/// Reads the request. `request` comes without its id, so that the hash covers everything else.
fn check(request_id: &str, request: &v1::PlaceOrderRequest, limits: LineLimits) -> Result<Checked, ApiError> {
    let fingerprint = Fingerprint::of(METHOD, &request.encode_to_vec());
    let mut violations = Violations::new();
    let key = violations.uuid("request_id", request_id);
    let customer_id = violations.take("customer_id", request.customer_id.parse::<CustomerId>());
    let payment_token = violations.take("payment_token", request.payment_token.parse::<PaymentToken>());
    let country =
        (!request.country.is_empty()).then(|| violations.take("country", request.country.parse::<Country>()));
    let (skus, quantities) = check_lines(&request.lines, limits, &mut violations);
    let checked =
        key.zip(customer_id).zip(payment_token).map(|((key, customer_id), payment_token)| Checked {
            request: Request { key: RequestId::new(key), fingerprint },
            customer_id,
            skus,
            quantities,
            payment_token,
            country: country.flatten(),
        });
    violations.finish_with(checked)
}

/// Every line on its own, and that no SKU comes twice.
fn check_lines(
    lines: &[v1::PlaceOrderLine],
    limits: LineLimits,
    violations: &mut Violations,
) -> (Vec<Sku>, Vec<Quantity>) {
    let (mut skus, mut quantities) = (Vec::with_capacity(lines.len()), Vec::with_capacity(lines.len()));
    if lines.is_empty() || lines.len() > limits.lines_max {
        let expected = format!("must have between 1 and {} entries, had {}", limits.lines_max, lines.len());
        violations.add("lines", expected);
        return (skus, quantities);
    }
    let mut first_of: HashMap<&str, usize> = HashMap::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let first = *first_of.entry(&line.sku).or_insert(index);
        let quantity = Quantity::new(line.quantity).filter(|units| units.get() <= limits.quantity_max);
        match (line.sku.parse::<Sku>(), quantity) {
            (Ok(sku), Some(quantity)) if first == index => {
                skus.push(sku);
                quantities.push(quantity);
            }
            (sku, _) => violations.within(&format!("lines[{index}]"), |violations| {
                if violations.take("sku", sku).is_some() && first != index {
                    violations.add("sku", format!("must be given once: lines[{first}] has it as well"));
                }
                violations.range("quantity", line.quantity, 1..=limits.quantity_max);
            }),
        }
    }
    (skus, quantities)
}

async fn answered(api: &Api, request: &Request) -> Result<Option<Reply>, ApiError> {
    let claim = async {
        let mut connection = api.reads.acquire().await?;
        idempotency::find(&mut connection, request).await
    };
    match claim.await.map_err(|error| read_failed(error.fault(), error))? {
        Some(Claim::Answered(answer)) => Reply::stored(&answer).map(Some).map_err(ApiError::internal),
        Some(Claim::Mismatch) => Ok(Some(Reply::KeyReused)),
        Some(Claim::Fresh | Claim::RepeatOf(_)) | None => Ok(None),
    }
}

fn price(checked: &Checked, products: &[Option<Product>], limits: LineLimits) -> Result<Lines, ApiError> {
    let mut violations = Violations::new();
    let mut lines = Vec::with_capacity(products.len());
    for (index, product) in products.iter().enumerate() {
        match product {
            None => violations.add(&format!("lines[{index}].sku"), "must be in the catalogue"),
            Some(product) => lines.push(Line {
                sku: checked.skus[index].clone(),
                name: product.name.clone(),
                quantity: checked.quantities[index],
                unit_price: product.price,
            }),
        }
    }
    violations.finish()?;
    Lines::new(lines, limits).map_err(|error| {
        let mut violations = Violations::new();
        violations.add(&field_of(&error), error.to_string());
        violations.finish().expect_err("one was added")
    })
}

/// The field that a fault of the lines belongs to.
fn field_of(error: &LinesError) -> String {
    match error {
        LinesError::Empty | LinesError::TooMany { .. } | LinesError::TotalTooLarge => "lines".to_owned(),
        LinesError::QuantityTooLarge { index, .. } => format!("lines[{index}].quantity"),
        LinesError::DuplicateSku { index, .. } => format!("lines[{index}].sku"),
        LinesError::PriceNotPositive { index, .. } | LinesError::MixedCurrencies { index, .. } => {
            format!("lines[{index}].sku")
        }
    }
}

fn catalogue_failed(error: CatalogueError) -> ApiError {
    match error {
        CatalogueError::Refused(_) | CatalogueError::Unusable(_) => return ApiError::internal(error),
        CatalogueError::Failed(_) => tracing::warn!(%error, "an order cannot be priced"),
        // The breaker has said so when it opened.
        CatalogueError::Resting => {}
    }
    unavailable("CATALOGUE_UNAVAILABLE", "prices cannot be asked for at the moment")
}
