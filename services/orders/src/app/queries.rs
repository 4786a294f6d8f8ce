//! Reads of callers, from the event store.

use bowline_contracts::convert::timestamp;
use bowline_contracts::orders::v1;
use bowline_database::Database;
use bowline_event_store::{self as event_store, Error, StoredEvent};
use bowline_kernel::{Decider as _, OrderId};
use bowline_orders_domain::OrderDecider;

use crate::app::view;

/// One order as it is now; `None` for an unknown order.
pub(crate) async fn get_order(database: &Database, order_id: OrderId) -> Result<Option<v1::Order>, Error> {
    let mut connection = database.acquire().await?;
    fold(&event_store::load(&mut connection, &[order_id.uuid()]).await?)
}

/// One order as it was at a version; `None` for an unknown order.
pub(crate) async fn get_order_at(
    database: &Database,
    order_id: OrderId,
    version: u32,
) -> Result<Option<v1::Order>, Error> {
    let mut connection = database.acquire().await?;
    fold(&event_store::load_until_version(&mut connection, order_id.uuid(), version).await?)
}

fn fold(stored: &[StoredEvent]) -> Result<Option<v1::Order>, Error> {
    let Some(last) = stored.last() else { return Ok(None) };
    let mut state = OrderDecider::initial();
    for event in stored {
        state = OrderDecider::evolve(state, &event.decode()?);
    }
    Ok(view::order(&state, last.version))
}

/// The stored events of an order behind version `after`, oldest first.
pub(crate) async fn get_history(
    database: &Database,
    order_id: OrderId,
    after: u32,
    limit: u32,
) -> Result<Vec<v1::OrderHistoryEntry>, Error> {
    let mut connection = database.acquire().await?;
    let stored = event_store::page(&mut connection, order_id.uuid(), after, limit).await?;
    stored.into_iter().map(entry).collect()
}

fn entry(event: StoredEvent) -> Result<v1::OrderHistoryEntry, Error> {
    let mut data: serde_json::Map<String, serde_json::Value> = event.read()?;
    // As good as money; whoever needs it has it.
    data.remove("payment_token");
    Ok(v1::OrderHistoryEntry {
        version: event.version,
        r#type: event.event_type,
        schema_version: event.schema_version.into(),
        event_id: event.metadata.event_id.to_string(),
        causation_id: event.metadata.causation_id.map(|id| id.to_string()).unwrap_or_default(),
        record_time: Some(timestamp(event.recorded_at)),
        data: Some(object(data)),
    })
}

/// 2^53: up to here a double holds every whole number.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

fn object(map: serde_json::Map<String, serde_json::Value>) -> prost_types::Struct {
    prost_types::Struct { fields: map.into_iter().map(|(name, json)| (name, value(json))).collect() }
}

fn value(json: serde_json::Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(flag) => Kind::BoolValue(flag),
        // As in protobuf's JSON: what a double cannot hold exactly is written as text.
        serde_json::Value::Number(number) => match number.as_f64() {
            Some(double) if double.abs() <= EXACT_MAX => Kind::NumberValue(double),
            Some(_) | None => Kind::StringValue(number.to_string()),
        },
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => {
            Kind::ListValue(prost_types::ListValue { values: items.into_iter().map(value).collect() })
        }
        serde_json::Value::Object(map) => Kind::StructValue(object(map)),
    };
    prost_types::Value { kind: Some(kind) }
}
