//! What a batch writes, and the ledger as it is read.

use bowline_inventory_domain::{LevelChange, Movement, MovementKind, Reason, Reservation};
use bowline_kernel::{OrderId, Sku};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;

/// Everything that a batch writes about stock.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// The new levels, one a SKU.
    pub(crate) levels: Vec<LevelChange>,
    /// The movements, each with its id.
    pub(crate) movements: Vec<(Uuid, Movement)>,
    /// The new reservations, one an order.
    pub(crate) reservations: Vec<(OrderId, Reservation)>,
}

/// A movement as it was recorded.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) movement: Movement,
    pub(crate) recorded_at: DateTime<Utc>,
}

/// Which movements of a SKU to list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Only those after this one; the nil id for the first page.
    pub(crate) after: Uuid,
    /// The most to list.
    pub(crate) limit: i64,
}

/// Writes levels, movements and reservations in one statement. The levels are locked, and so are the partitions of the
/// orders.
pub(crate) async fn write(
    connection: &mut PgConnection,
    writes: &Writes,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    if writes.levels.is_empty() && writes.movements.is_empty() && writes.reservations.is_empty() {
        return Ok(());
    }
    let (levels, movements) = (LevelColumns::of(&writes.levels), MovementColumns::of(&writes.movements));
    let reservations = ReservationColumns::of(&writes.reservations);
    let written = sqlx::query_scalar!(
        r#"WITH moved AS (
               INSERT INTO inventory.movements (sku, movement_id, kind, available_delta, reserved_delta, sold_delta,
                                                order_id, reason, recorded_at)
               SELECT v.*, $13
                 FROM unnest($5::text[], $6::uuid[], $7::int2[], $8::int8[], $9::int8[], $10::int8[], $11::uuid[],
                             $12::text[]) v),
           held AS (
               INSERT INTO inventory.reservations (order_id, state, reservation, recorded_at)
               SELECT v.*, $13 FROM unnest($14::uuid[], $15::text[], $16::bytea[]) v
                   ON CONFLICT (order_id) DO UPDATE
                  SET state = excluded.state, reservation = excluded.reservation, recorded_at = excluded.recorded_at),
           leveled AS (
               UPDATE inventory.levels l SET available = v.available, reserved = v.reserved, sold = v.sold
                 FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[]) v(sku, available, reserved, sold)
                WHERE l.sku = v.sku RETURNING 1)
           SELECT count(*) AS "written!" FROM leveled"#,
        &levels.skus as &[&str],
        &levels.available,
        &levels.reserved,
        &levels.sold,
        &movements.skus as &[&str],
        &movements.ids,
        &movements.kinds,
        &movements.available,
        &movements.reserved,
        &movements.sold,
        &movements.orders as &[Option<Uuid>],
        &movements.reasons as &[Option<&str>],
        now,
        &reservations.orders,
        &reservations.states as &[&str],
        &reservations.bodies,
    )
    .fetch_one(connection)
    .await?;
    if usize::try_from(written) == Ok(writes.levels.len()) {
        Ok(())
    } else {
        Err(Error::LevelsMissing { expected: writes.levels.len(), written })
    }
}

/// The movements of one SKU, oldest first.
pub(crate) async fn list_movements(
    connection: &mut PgConnection,
    sku: &Sku,
    page: Page,
) -> Result<Vec<Entry>, Error> {
    let rows = sqlx::query!(
        "SELECT movement_id, kind, available_delta, reserved_delta, sold_delta, order_id, reason, recorded_at
           FROM inventory.movements WHERE sku = $1 AND movement_id > $2 ORDER BY movement_id LIMIT $3",
        sku.as_str(),
        page.after,
        page.limit,
    )
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            let corrupt = |reason: &str| Error::corrupt("movements", &row.movement_id, &reason);
            let kind = MovementKind::from_code(row.kind).ok_or_else(|| corrupt("its kind is unknown"))?;
            let reason =
                row.reason.map(|text| Reason::new(&text).ok_or_else(|| corrupt("its reason is malformed")));
            let movement = Movement {
                sku: sku.clone(),
                kind,
                available_delta: row.available_delta,
                reserved_delta: row.reserved_delta,
                sold_delta: row.sold_delta,
                order_id: row.order_id.map(OrderId::new),
                reason: reason.transpose()?,
            };
            Ok(Entry { id: row.movement_id, movement, recorded_at: row.recorded_at })
        })
        .collect()
}

struct LevelColumns<'a> {
    skus: Vec<&'a str>,
    available: Vec<i64>,
    reserved: Vec<i64>,
    sold: Vec<i64>,
}

impl<'a> LevelColumns<'a> {
    fn of(changes: &'a [LevelChange]) -> Self {
        Self {
            skus: changes.iter().map(|change| change.sku.as_str()).collect(),
            available: changes.iter().map(|change| change.after.available()).collect(),
            reserved: changes.iter().map(|change| change.after.reserved()).collect(),
            sold: changes.iter().map(|change| change.after.sold()).collect(),
        }
    }
}

struct MovementColumns<'a> {
    skus: Vec<&'a str>,
    ids: Vec<Uuid>,
    kinds: Vec<i16>,
    available: Vec<i64>,
    reserved: Vec<i64>,
    sold: Vec<i64>,
    orders: Vec<Option<Uuid>>,
    reasons: Vec<Option<&'a str>>,
}

impl<'a> MovementColumns<'a> {
    fn of(movements: &'a [(Uuid, Movement)]) -> Self {
        let all = || movements.iter().map(|(_, movement)| movement);
        Self {
            skus: all().map(|movement| movement.sku.as_str()).collect(),
            ids: movements.iter().map(|(id, _)| *id).collect(),
            kinds: all().map(|movement| movement.kind.code()).collect(),
            available: all().map(|movement| movement.available_delta).collect(),
            reserved: all().map(|movement| movement.reserved_delta).collect(),
            sold: all().map(|movement| movement.sold_delta).collect(),
            orders: all().map(|movement| movement.order_id.map(OrderId::uuid)).collect(),
            reasons: all().map(|movement| movement.reason.as_ref().map(Reason::as_str)).collect(),
        }
    }
}

struct ReservationColumns {
    orders: Vec<Uuid>,
    states: Vec<&'static str>,
    bodies: Vec<Vec<u8>>,
}

impl ReservationColumns {
    fn of(reservations: &[(OrderId, Reservation)]) -> Self {
        let body = |reservation| serde_json::to_vec(reservation).expect("a reservation is plain data");
        Self {
            orders: reservations.iter().map(|(order, _)| order.uuid()).collect(),
            states: reservations.iter().map(|(_, reservation)| reservation.name()).collect(),
            bodies: reservations.iter().map(|(_, reservation)| body(reservation)).collect(),
        }
    }
}
