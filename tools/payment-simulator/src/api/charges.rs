//! What a merchant does: hold, settle, release, and ask.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::faults::{Fault, Plan};
use crate::records::Request;
use crate::wire::{Charge, Charges, Operation};

use super::App;
use super::error::{ApiError, Code};
use super::input::{Body, ChargePath, HoldBody, IdempotencyKey, ReleaseBody, SettleBody};

type Answer<T> = Result<Json<T>, ApiError>;

/// Query of `GET /v1/charges`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FindQuery {
    merchant_reference: String,
}

/// Puts an amount on hold, or refuses to; either way there is a new charge.
pub(super) async fn hold(
    State(app): State<Arc<App>>,
    IdempotencyKey(key): IdempotencyKey,
    Body(body): Body<HoldBody>,
) -> Result<(StatusCode, Json<Operation>), ApiError> {
    let operation = write(app, key, body.check()?).await?;
    Ok((StatusCode::CREATED, operation))
}

/// Takes a part or all of what is held.
pub(super) async fn settle(
    State(app): State<Arc<App>>,
    ChargePath(charge_id): ChargePath,
    IdempotencyKey(key): IdempotencyKey,
    Body(body): Body<SettleBody>,
) -> Answer<Operation> {
    let request = Request::Settle { charge_id, amount: body.check()? };
    write(app, key, request).await
}

/// Gives back what is still held.
pub(super) async fn release(
    State(app): State<Arc<App>>,
    ChargePath(charge_id): ChargePath,
    IdempotencyKey(key): IdempotencyKey,
    Body(ReleaseBody {}): Body<ReleaseBody>,
) -> Answer<Operation> {
    write(app, key, Request::Release { charge_id }).await
}

/// The outcome of the write with this key, if it was decided.
pub(super) async fn operation(
    State(app): State<Arc<App>>,
    key: Result<Path<String>, PathRejection>,
) -> Answer<Operation> {
    let unknown =
        || ApiError::new(Code::UnknownOperation, "no operation with this key has been decided so far");
    let Path(key) = key.map_err(|_| unknown())?;
    let operation = app.keeper.read(|books| books.operation(&key)).await?;
    operation.map(Json).ok_or_else(unknown)
}

/// One charge.
pub(super) async fn get(State(app): State<Arc<App>>, ChargePath(id): ChargePath) -> Answer<Charge> {
    let charge = app.keeper.read(|books| books.charge(id)).await?;
    charge.map(Json).ok_or_else(|| ApiError::unknown_charge(&id.to_string()))
}

/// The charges of a merchant reference.
pub(super) async fn find(
    State(app): State<Arc<App>>,
    query: Result<Query<FindQuery>, QueryRejection>,
) -> Answer<Charges> {
    let Query(query) = query.map_err(|fault| ApiError::new(Code::MalformedRequest, fault.body_text()))?;
    let charges = app.keeper.read(|books| books.charges_of(&query.merchant_reference)).await?;
    Ok(Json(Charges { charges }))
}

/// A write with the fate that is drawn for it. One that has to wait first goes on without its client, as it would at
/// a real provider that is slow.
async fn write(app: Arc<App>, key: String, request: Request) -> Answer<Operation> {
    let plan = app.faults.plan(&key);
    if plan.delay.is_zero() {
        return execute(&app, &key, request, plan).await.map(Json);
    }
    let tasks = app.tasks.clone();
    let delayed = tasks.spawn(async move {
        app.pause(plan.delay).await;
        execute(&app, &key, request, plan).await
    });
    let answer = delayed.await.map_err(|error| ApiError::new(Code::InternalError, error.to_string()))?;
    answer.map(Json)
}

async fn execute(app: &App, key: &str, request: Request, plan: Plan) -> Result<Operation, ApiError> {
    if plan.fault == Some(Fault::ErrorBefore) {
        return Err(simulated_error());
    }
    let operation = app.keeper.execute(key, request, app.faults.settlement_lot()).await?;
    match plan.fault {
        Some(Fault::ErrorAfter) => Err(simulated_error()),
        Some(Fault::HeldBack(hold)) => {
            app.pause(hold).await;
            Ok(operation)
        }
        Some(Fault::ErrorBefore) | None => Ok(operation),
    }
}

/// Does not tell whether there was an effect, like the real thing.
fn simulated_error() -> ApiError {
    ApiError::new(Code::InternalError, "something went wrong; the outcome is unknown")
}

#[cfg(test)]
mod tests;
