//! Stock: the ledger of movements is the stock level.

use crate::access::Database;
use crate::{Error, Invariant};

/// What inventory's ledger says.
pub(crate) struct Stock {
    pub(crate) levels: Invariant,
    pub(crate) units_sold: i64,
}

/// Of a SKU: its level and the sum of its movements; `None` where there is neither.
#[derive(Debug, Clone, sqlx::FromRow)]
struct Row {
    sku: String,
    available: Option<i64>,
    reserved: Option<i64>,
    sold: Option<i64>,
    available_moved: Option<i64>,
    reserved_moved: Option<i64>,
    sold_moved: Option<i64>,
}

/// Of every SKU: the movements' sums of available, reserved and sold equal its level, and none is negative.
pub(crate) async fn check(database: &Database) -> Result<Stock, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT COALESCE(l.sku, m.sku) AS sku, l.available, l.reserved, l.sold,
                m.available_moved, m.reserved_moved, m.sold_moved
           FROM inventory.levels l
           FULL JOIN (SELECT sku, sum(available_delta)::bigint AS available_moved,
                             sum(reserved_delta)::bigint AS reserved_moved, sum(sold_delta)::bigint AS sold_moved
                        FROM inventory.movements GROUP BY sku) m ON m.sku = l.sku",
    )
    .fetch_all(&database.pool)
    .await
    .map_err(|source| database.failed(source))?;
    let mut levels = Invariant::new("stock levels equal the sums of their movements, and none is negative");
    let mut units_sold = 0_i64;
    for row in rows {
        units_sold = units_sold.saturating_add(row.sold_moved.unwrap_or_default());
        levels.check(row.fault().map(|fault| format!("SKU {:?}: {fault}", row.sku)));
    }
    Ok(Stock { levels, units_sold })
}

impl Row {
    fn fault(&self) -> Option<String> {
        let (Some(available), Some(reserved), Some(sold)) = (self.available, self.reserved, self.sold) else {
            return Some("it has movements, but no level".to_owned());
        };
        let level = [available, reserved, sold];
        let moved =
            [self.available_moved, self.reserved_moved, self.sold_moved].map(Option::unwrap_or_default);
        let names = ["available", "reserved", "sold"];
        for ((name, level), moved) in names.into_iter().zip(level).zip(moved) {
            if level != moved {
                return Some(format!("{level} units are {name}, the movements add up to {moved}"));
            }
            if level < 0 {
                return Some(format!("{level} units are {name}"));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(level: [i64; 3], moved: [i64; 3]) -> Row {
        let ([available, reserved, sold], [available_moved, reserved_moved, sold_moved]) =
            (level.map(Some), moved.map(Some));
        Row { sku: "A".to_owned(), available, reserved, sold, available_moved, reserved_moved, sold_moved }
    }

    #[test]
    fn a_level_is_the_sum_of_its_movements() {
        assert_eq!(row([5, 2, 3], [5, 2, 3]).fault(), None);
        assert_eq!(row([5, 2, 3], [5, 2, 2]).fault().unwrap(), "3 units are sold, the movements add up to 2");
        assert_eq!(row([-1, 2, 3], [-1, 2, 3]).fault().unwrap(), "-1 units are available");
    }

    #[test]
    fn a_level_without_movements_is_zero_and_movements_need_a_level() {
        let idle =
            Row { available_moved: None, reserved_moved: None, sold_moved: None, ..row([0; 3], [0; 3]) };
        assert_eq!(idle.fault(), None);
        let stray = Row { available: None, reserved: None, sold: None, ..row([0; 3], [1, 0, 0]) };
        assert!(stray.fault().unwrap().contains("no level"));
    }
}
