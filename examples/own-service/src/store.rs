//! Rows of `loyalty.points`.

use bowline_database::{Database, Error};
use bowline_kernel::CustomerId;
use bowline_messaging::ExecuteError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::points::Points;
use crate::v1::GetPointsResponse;

/// Adds what was heard, in whatever order: of each order the worth that is known and the furthest step.
pub(crate) async fn merge(
    connection: &mut PgConnection,
    heard: &[(Uuid, Points)],
) -> Result<(), ExecuteError> {
    let worth = || heard.iter().map(|(_, points)| points.worth.as_ref());
    sqlx::query!(
        "INSERT INTO loyalty.points AS p (order_id, customer_id, amount, step)
         SELECT order_id, max(customer_id), max(amount), max(step)
           FROM unnest($1::uuid[], $2::text[], $3::int8[], $4::int2[]) heard (order_id, customer_id, amount, step)
          GROUP BY order_id ORDER BY order_id
         ON CONFLICT (order_id) DO UPDATE SET
             customer_id = coalesce(p.customer_id, excluded.customer_id),
             amount = coalesce(p.amount, excluded.amount),
             step = greatest(p.step, excluded.step)",
        &heard.iter().map(|(order, _)| *order).collect::<Vec<_>>(),
        &worth().map(|worth| worth.map(|(customer, _)| customer.as_str())).collect::<Vec<_>>() as _,
        &worth().map(|worth| worth.map(|(_, amount)| *amount)).collect::<Vec<_>>() as _,
        &heard.iter().map(|(_, points)| points.step as i16).collect::<Vec<_>>(),
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What the orders of a customer come to.
pub(crate) async fn sums(reads: &Database, customer: &CustomerId) -> Result<GetPointsResponse, Error> {
    let sums = sqlx::query_as!(
        GetPointsResponse,
        r#"SELECT coalesce(sum(amount) FILTER (WHERE step = 1), 0)::int8 AS "pending!",
                  coalesce(sum(amount) FILTER (WHERE step = 2), 0)::int8 AS "granted!",
                  coalesce(sum(amount) FILTER (WHERE step = 3), 0)::int8 AS "withdrawn!"
             FROM loyalty.points WHERE customer_id = $1"#,
        customer.as_str(),
    );
    Ok(sums.fetch_one(&mut *reads.acquire().await?).await?)
}
