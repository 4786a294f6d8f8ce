//! The table of open provider operations.

use std::collections::HashMap;

use bowline_kernel::{Currency, Money, OrderId};
use bowline_payment_domain::{FailedCalls, Operation, OperationKind, Reason};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::app::intent::{Intent, IntentKey, Origin};

/// A row of the table.
struct Row {
    order_id: Uuid,
    operation: i16,
    partition: i16,
    amount_minor: i64,
    currency: String,
    payment_token: Option<String>,
    provider_reference: Option<String>,
    causation: Option<Uuid>,
    traceparent: Option<String>,
    requested_at: DateTime<Utc>,
    failed_calls: i32,
    last_failure: Option<String>,
}

/// Writes what was opened and deletes what was closed, in one statement; none when there is nothing to do. Runs in the
/// transaction of the events that open and close them.
pub(crate) async fn write(
    connection: &mut PgConnection,
    opened: &[Intent],
    closed: &[IntentKey],
) -> Result<(), sqlx::Error> {
    if opened.is_empty() && closed.is_empty() {
        return Ok(());
    }
    let (closed_ids, closed_kinds): (Vec<Uuid>, Vec<i16>) =
        closed.iter().map(|(order_id, kind)| (order_id.uuid(), number(*kind))).unzip();
    let columns = Columns::of(opened);
    sqlx::query!(
        "WITH closed AS (
             DELETE FROM payment.operations o USING unnest($1::uuid[], $2::int2[]) v(order_id, operation)
              WHERE o.order_id = v.order_id AND o.operation = v.operation)
         INSERT INTO payment.operations (order_id, operation, partition, amount_minor, currency, payment_token,
                                         provider_reference, causation, traceparent, requested_at)
         SELECT * FROM unnest($3::uuid[], $4::int2[], $5::int2[], $6::int8[], $7::text[], $8::text[], $9::text[],
                              $10::uuid[], $11::text[], $12::timestamptz[])",
        &closed_ids,
        &closed_kinds,
        &columns.order_ids,
        &columns.kinds,
        &columns.partitions,
        &columns.amounts,
        &columns.currencies as &[&str],
        &columns.payment_tokens as &[Option<&str>],
        &columns.provider_references as &[Option<&str>],
        &columns.causations as &[Option<Uuid>],
        &columns.traceparents as &[Option<&str>],
        &columns.requested_at,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The open operations of `partitions`, oldest first, at most `limit` of them.
pub async fn open(
    connection: &mut PgConnection,
    partitions: &[u16],
    limit: usize,
) -> Result<Vec<Intent>, sqlx::Error> {
    let partitions: Vec<i16> = partitions.iter().map(|partition| partition.cast_signed()).collect();
    let rows = sqlx::query_as!(
        Row,
        // Without an index on the partition: the table holds only what is open, and this is asked now and then.
        "SELECT order_id, operation, partition, amount_minor, currency, payment_token, provider_reference, causation,
                traceparent, requested_at, failed_calls, last_failure
           FROM payment.operations WHERE partition = ANY($1::int2[]) ORDER BY requested_at, order_id LIMIT $2",
        &partitions,
        i64::try_from(limit).unwrap_or(i64::MAX),
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().filter_map(Row::read).collect())
}

/// The calls for the open operation of a payment so far; `None` when none is open.
pub(crate) async fn failed_calls_of(
    connection: &mut PgConnection,
    order_id: OrderId,
) -> Result<Option<FailedCalls>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT failed_calls, last_failure FROM payment.operations WHERE order_id = $1",
        order_id.uuid(),
    )
    // The domain opens one at a time.
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| failed_calls(row.failed_calls, row.last_failure.as_deref())))
}

/// Notes how often the provider was called in vain for operations that are still open. Waits for nobody: an operation
/// that is being closed is passed over.
pub(crate) async fn note_failed_calls(
    connection: &mut PgConnection,
    counts: &HashMap<IntentKey, FailedCalls>,
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = counts.keys().map(|(order_id, _)| order_id.uuid()).collect();
    let kinds: Vec<i16> = counts.keys().map(|(_, kind)| number(*kind)).collect();
    let made: Vec<i32> =
        counts.values().map(|calls| i32::try_from(calls.count).unwrap_or(i32::MAX)).collect();
    let last: Vec<Option<&str>> =
        counts.values().map(|calls| calls.last.as_ref().map(Reason::as_str)).collect();
    sqlx::query!(
        "WITH open AS MATERIALIZED (
             SELECT o.order_id, o.operation, v.made, v.last
               FROM unnest($1::uuid[], $2::int2[], $3::int4[], $4::text[]) v(order_id, operation, made, last)
               JOIN payment.operations o ON o.order_id = v.order_id AND o.operation = v.operation
              -- Two replicas may work on an operation for a moment: the higher count stands.
              WHERE o.failed_calls < v.made
                FOR UPDATE OF o SKIP LOCKED)
         UPDATE payment.operations o SET failed_calls = open.made, last_failure = open.last
           FROM open WHERE o.order_id = open.order_id AND o.operation = open.operation",
        &ids,
        &kinds,
        &made,
        &last as &[Option<&str>],
    )
    .execute(connection)
    .await?;
    Ok(())
}

fn failed_calls(count: i32, last: Option<&str>) -> FailedCalls {
    FailedCalls { count: count.unsigned_abs(), last: last.and_then(|word| word.parse().ok()) }
}

impl Row {
    /// The intent; `None`, and an alarm, for a row that this program would not have written.
    fn read(self) -> Option<Intent> {
        let order_id = OrderId::new(self.order_id);
        let operation = self.operation();
        if operation.is_none() {
            tracing::error!(%order_id, operation = self.operation, "stored operation cannot be read");
        }
        Some(Intent {
            order_id,
            partition: self.partition.cast_unsigned(),
            operation: operation?,
            causation: self.causation,
            traceparent: self.traceparent,
            requested_at: self.requested_at,
            origin: Origin::Stored,
            failed_calls: failed_calls(self.failed_calls, self.last_failure.as_deref()),
        })
    }

    fn operation(&self) -> Option<Operation> {
        let amount = Money::new(self.amount_minor, Currency::from_code(&self.currency)?);
        let provider_reference = || self.provider_reference.as_ref()?.parse().ok();
        Some(match kind(self.operation)? {
            OperationKind::Authorize => {
                Operation::Authorize { amount, payment_token: self.payment_token.as_ref()?.parse().ok()? }
            }
            OperationKind::Capture => {
                Operation::Capture { amount, provider_reference: provider_reference()? }
            }
            OperationKind::Void => Operation::Void { amount, provider_reference: provider_reference()? },
        })
    }
}

/// The rows turned on their side: one array per column.
struct Columns<'a> {
    order_ids: Vec<Uuid>,
    kinds: Vec<i16>,
    partitions: Vec<i16>,
    amounts: Vec<i64>,
    currencies: Vec<&'a str>,
    payment_tokens: Vec<Option<&'a str>>,
    provider_references: Vec<Option<&'a str>>,
    causations: Vec<Option<Uuid>>,
    traceparents: Vec<Option<&'a str>>,
    requested_at: Vec<DateTime<Utc>>,
}

impl<'a> Columns<'a> {
    fn of(intents: &'a [Intent]) -> Self {
        let amount = |intent: &Intent| match intent.operation {
            Operation::Authorize { amount, .. }
            | Operation::Capture { amount, .. }
            | Operation::Void { amount, .. } => amount,
        };
        Self {
            order_ids: intents.iter().map(|intent| intent.order_id.uuid()).collect(),
            kinds: intents.iter().map(|intent| number(intent.operation.kind())).collect(),
            partitions: intents.iter().map(|intent| intent.partition.cast_signed()).collect(),
            amounts: intents.iter().map(|intent| amount(intent).minor).collect(),
            currencies: intents.iter().map(|intent| amount(intent).currency.code()).collect(),
            payment_tokens: intents.iter().map(payment_token).collect(),
            provider_references: intents.iter().map(provider_reference).collect(),
            causations: intents.iter().map(|intent| intent.causation).collect(),
            traceparents: intents.iter().map(|intent| intent.traceparent.as_deref()).collect(),
            requested_at: intents.iter().map(|intent| intent.requested_at).collect(),
        }
    }
}

fn payment_token(intent: &Intent) -> Option<&str> {
    match &intent.operation {
        Operation::Authorize { payment_token, .. } => Some(payment_token.as_str()),
        Operation::Capture { .. } | Operation::Void { .. } => None,
    }
}

fn provider_reference(intent: &Intent) -> Option<&str> {
    match &intent.operation {
        Operation::Authorize { .. } => None,
        Operation::Capture { provider_reference, .. } | Operation::Void { provider_reference, .. } => {
            Some(provider_reference.as_str())
        }
    }
}

/// The number under which a kind is stored; never changes.
const fn number(kind: OperationKind) -> i16 {
    match kind {
        OperationKind::Authorize => 1,
        OperationKind::Capture => 2,
        OperationKind::Void => 3,
    }
}

fn kind(stored: i16) -> Option<OperationKind> {
    [OperationKind::Authorize, OperationKind::Capture, OperationKind::Void]
        .into_iter()
        .find(|kind| number(*kind) == stored)
}
