//! Rows of orders: written as patches, read by key.

use bowline_kernel::{CustomerId, OrderId};
use bowline_messaging::ExecuteError;
use bowline_projection_domain::{CancelReason, OrderLine, OrderStatus, Patch, PaymentState, StockStatus};
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::{ReadError, Row, select_rows};

/// Merges each patch into the row of its order, which is made if it is not there. `patches` are ascending by order,
/// so that two replicas lock rows in the same order.
pub(crate) async fn write(
    connection: &mut PgConnection,
    patches: &[(OrderId, Patch)],
) -> Result<(), ExecuteError> {
    if patches.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "INSERT INTO projection.order_views AS v (
             order_id, customer_id, country, lines, item_count, total_minor, total_currency, status, cancel_reason,
             placed_at, confirmed_at, cancelled_at, finished_at, stock_status, stock_at, payment_state, payment_at,
             authorized_minor, captured_minor, voided_minor, payment_failure)
         SELECT * FROM unnest(
             $1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::int8[], $6::int8[], $7::text[], $8::text[],
             $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[],
             $14::text[], $15::timestamptz[], $16::text[], $17::timestamptz[], $18::int8[], $19::int8[],
             $20::int8[], $21::text[])
         ON CONFLICT (order_id) DO UPDATE SET
             customer_id = COALESCE(excluded.customer_id, v.customer_id),
             country = COALESCE(excluded.country, v.country),
             lines = COALESCE(excluded.lines, v.lines),
             item_count = COALESCE(excluded.item_count, v.item_count),
             total_minor = COALESCE(excluded.total_minor, v.total_minor),
             total_currency = COALESCE(excluded.total_currency, v.total_currency),
             status = COALESCE(excluded.status, v.status),
             cancel_reason = COALESCE(excluded.cancel_reason, v.cancel_reason),
             placed_at = COALESCE(excluded.placed_at, v.placed_at),
             confirmed_at = COALESCE(excluded.confirmed_at, v.confirmed_at),
             cancelled_at = COALESCE(excluded.cancelled_at, v.cancelled_at),
             finished_at = COALESCE(excluded.finished_at, v.finished_at),
             stock_status = COALESCE(excluded.stock_status, v.stock_status),
             stock_at = COALESCE(excluded.stock_at, v.stock_at),
             payment_state = COALESCE(excluded.payment_state, v.payment_state),
             payment_at = COALESCE(excluded.payment_at, v.payment_at),
             authorized_minor = COALESCE(excluded.authorized_minor, v.authorized_minor),
             captured_minor = COALESCE(excluded.captured_minor, v.captured_minor),
             voided_minor = COALESCE(excluded.voided_minor, v.voided_minor),
             payment_failure = COALESCE(excluded.payment_failure, v.payment_failure)",
        &patches.iter().map(|(order, _)| order.uuid()).collect::<Vec<Uuid>>(),
        &column(patches, |row| row.orders.customer_id.as_ref().map(CustomerId::as_str)) as _,
        &column(patches, |row| row.orders.country.as_deref()) as _,
        &column(patches, |row| row.orders.lines.as_deref().map(json)) as _,
        &column(patches, |row| row.orders.item_count.map(units)) as _,
        &column(patches, |row| row.orders.total.map(|total| total.minor)) as _,
        &column(patches, |row| row.orders.total.map(|total| total.currency.code())) as _,
        &column(patches, |row| row.orders.status.map(OrderStatus::as_str)) as _,
        &column(patches, |row| row.orders.cancel_reason.map(CancelReason::as_str)) as _,
        &column(patches, |row| row.orders.placed_at) as _,
        &column(patches, |row| row.orders.confirmed_at) as _,
        &column(patches, |row| row.orders.cancelled_at) as _,
        &column(patches, |row| row.orders.finished_at) as _,
        &column(patches, |row| row.inventory.stock_status.map(StockStatus::as_str)) as _,
        &column(patches, |row| row.inventory.stock_at) as _,
        &column(patches, |row| row.payment.payment_state.map(PaymentState::as_str)) as _,
        &column(patches, |row| row.payment.payment_at) as _,
        &column(patches, |row| row.payment.authorized_minor) as _,
        &column(patches, |row| row.payment.captured_minor) as _,
        &column(patches, |row| row.payment.voided_minor) as _,
        &column(patches, |row| row.payment.payment_failure.as_deref()) as _,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The rows of these orders as they are stored, of which readers may see only those with a view. Orders without a row
/// are left out.
pub async fn stored(
    connection: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<(OrderId, Patch)>, ReadError> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = orders.iter().map(|order| order.uuid()).collect();
    let rows = select_rows!("WHERE order_id = ANY($1::uuid[])", [&ids]).fetch_all(connection).await?;
    rows.into_iter().map(Row::into_patch).collect()
}

/// One column of all rows, for an array parameter.
fn column<'a, T>(patches: &'a [(OrderId, Patch)], of: impl Fn(&'a Patch) -> Option<T>) -> Vec<Option<T>> {
    patches.iter().map(|(_, patch)| of(patch)).collect()
}

fn json(lines: &[OrderLine]) -> Vec<u8> {
    serde_json::to_vec(lines).expect("lines are plain data")
}

fn units(count: u64) -> i64 {
    i64::try_from(count).expect("the lines of one message hold far fewer than 2^63 units")
}
