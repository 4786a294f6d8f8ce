//! A row of `projection.order_views`, and back from it to what the domain folds.

use std::error::Error;
use std::fmt::Display;
use std::str::FromStr;

use bowline_kernel::{Currency, Money, OrderId};
use bowline_projection_domain::{InventoryColumns, OrdersColumns, Patch, PaymentColumns};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Why rows could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database refused or was away.
    #[error(transparent)]
    Database(#[from] bowline_database::Error),
    /// A row holds what this service never writes.
    #[error("order {order_id} has an unreadable {column}")]
    Corrupt {
        /// The row.
        order_id: OrderId,
        /// The column.
        column: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

bowline_database::from_sqlx!(ReadError::Database);

/// All columns as stored.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) order_id: Uuid,
    pub(crate) customer_id: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) lines: Option<Vec<u8>>,
    pub(crate) item_count: Option<i64>,
    pub(crate) total_minor: Option<i64>,
    pub(crate) total_currency: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) placed_at: Option<DateTime<Utc>>,
    pub(crate) confirmed_at: Option<DateTime<Utc>>,
    pub(crate) cancelled_at: Option<DateTime<Utc>>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) stock_status: Option<String>,
    pub(crate) stock_at: Option<DateTime<Utc>>,
    pub(crate) payment_state: Option<String>,
    pub(crate) payment_at: Option<DateTime<Utc>>,
    pub(crate) authorized_minor: Option<i64>,
    pub(crate) captured_minor: Option<i64>,
    pub(crate) voided_minor: Option<i64>,
    pub(crate) payment_failure: Option<String>,
}

/// Queries rows: the text behind `FROM projection.order_views`, then its parameters.
macro_rules! select_rows {
    ($rest:tt, [$($parameter:expr),+]) => {
        sqlx::query_as!(
            $crate::infra::row::Row,
            "SELECT order_id, customer_id, country, lines, item_count, total_minor, total_currency, status,
                    cancel_reason, placed_at, confirmed_at, cancelled_at, finished_at, stock_status, stock_at,
                    payment_state, payment_at, authorized_minor, captured_minor, voided_minor, payment_failure
               FROM projection.order_views " + $rest,
            $($parameter),+
        )
    };
}
pub(crate) use select_rows;

impl Row {
    /// The row as the merge of all patches of its order.
    pub(crate) fn into_patch(self) -> Result<(OrderId, Patch), ReadError> {
        let order_id = OrderId::new(self.order_id);
        let read = Reader { order_id };
        let total = match (self.total_minor, self.total_currency) {
            (Some(minor), Some(code)) => Some(Money::new(minor, read.currency(&code)?)),
            _ => None,
        };
        let lines = self.lines.map(|json| read.or_corrupt("lines", serde_json::from_slice(&json)));
        let item_count = self.item_count.map(|count| read.or_corrupt("item_count", u64::try_from(count)));
        let orders = OrdersColumns {
            customer_id: read.text("customer_id", self.customer_id)?,
            country: self.country,
            lines: lines.transpose()?,
            item_count: item_count.transpose()?,
            total,
            status: read.text("status", self.status)?,
            cancel_reason: read.text("cancel_reason", self.cancel_reason)?,
            placed_at: self.placed_at,
            confirmed_at: self.confirmed_at,
            cancelled_at: self.cancelled_at,
            finished_at: self.finished_at,
        };
        let inventory = InventoryColumns {
            stock_status: read.text("stock_status", self.stock_status)?,
            stock_at: self.stock_at,
        };
        let payment = PaymentColumns {
            payment_state: read.text("payment_state", self.payment_state)?,
            payment_at: self.payment_at,
            authorized_minor: self.authorized_minor,
            captured_minor: self.captured_minor,
            voided_minor: self.voided_minor,
            payment_failure: self.payment_failure,
        };
        Ok((order_id, Patch { orders, inventory, payment }))
    }
}

/// Reads columns of one row; a fault names row and column.
#[derive(Clone, Copy)]
pub(crate) struct Reader {
    pub(crate) order_id: OrderId,
}

impl Reader {
    fn text<T>(self, column: &'static str, text: Option<String>) -> Result<Option<T>, ReadError>
    where
        T: FromStr<Err: Error + Send + Sync + 'static>,
    {
        text.map(|text| self.or_corrupt(column, text.parse())).transpose()
    }

    fn currency(self, code: &str) -> Result<Currency, ReadError> {
        let unknown = || format!("{code:?} is no currency of ISO 4217");
        self.or_corrupt("total_currency", Currency::from_code(code).ok_or_else(unknown))
    }

    pub(crate) fn or_corrupt<T, E>(self, column: &'static str, outcome: Result<T, E>) -> Result<T, ReadError>
    where
        E: Display + Into<Box<dyn Error + Send + Sync>>,
    {
        outcome.map_err(|error| ReadError::Corrupt { order_id: self.order_id, column, source: error.into() })
    }
}
