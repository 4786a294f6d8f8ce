//! Filters, page sizes and page tokens of `ListOrders`.

use bowline_contracts::convert;
use bowline_contracts::projection::v1;
use bowline_projection_domain::OrderStatus;
use bowline_service::{ApiError, Violations, encode_page_token};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::views;
use crate::app::queries::list_orders::{Cursor, Filters, Page};

const METHOD: &str = "QueryService.ListOrders";
const PAGE_SIZE_DEFAULT: u32 = 50;
const PAGE_SIZE_MAX: u32 = 500;
/// The times that protobuf's Timestamp covers: from year 1 to the end of year 9999.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

/// A checked request.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) filters: Filters,
    pub(super) after: Option<Cursor>,
    pub(super) size: u32,
}

pub(super) fn read(request: &v1::ListOrdersRequest) -> Result<Asked, ApiError> {
    let mut violations = Violations::new();
    let customer = match request.customer_id.as_str() {
        "" => None,
        text => violations.take("customer_id", text.parse().map_err(|error| format!("{error}"))),
    };
    let status = violations.take("status", views::status_filter(request.status)).flatten();
    let from = bound(&mut violations, "placed_from_time", request.placed_from_time, FIRST_SECOND);
    let before = bound(&mut violations, "placed_before_time", request.placed_before_time, LAST_SECOND + 1);
    let size = violations.page_size(request.page_size, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX);
    let filters = from.zip(before).map(|(from, before)| Filters { customer, status, from, before });
    let mut after = None;
    if let Some(filters) = &filters {
        if filters.from > filters.before {
            violations.add("placed_before_time", "must not be before placed_from_time");
        }
        // Other filters than the caller's would refuse a good token.
        if violations.is_empty() {
            after = violations.page_token::<_, Cursor>(&request.page_token, METHOD, &binding(filters));
            if after.is_some_and(|cursor| !in_range(cursor.placed_at)) {
                violations.add("page_token", "must be the next_page_token of a previous answer");
            }
        }
    }
    let asked = filters.zip(size).map(|(filters, size)| Asked { filters, after, size });
    violations.finish_with(asked)
}

pub(super) fn response(filters: &Filters, page: &Page) -> v1::ListOrdersResponse {
    let token = page.next.map(|cursor| encode_page_token(METHOD, &binding(filters), &cursor));
    v1::ListOrdersResponse {
        orders: page.orders.iter().map(|(id, view)| views::order(*id, view)).collect(),
        next_page_token: token.unwrap_or_default(),
    }
}

/// What a page token is bound to.
fn binding(filters: &Filters) -> impl Serialize {
    (&filters.customer, filters.status.map(OrderStatus::as_str), filters.from, filters.before)
}

/// A time that was given, or the one at the end of all times.
fn bound(
    violations: &mut Violations,
    field: &str,
    given: Option<prost_types::Timestamp>,
    end: i64,
) -> Option<DateTime<Utc>> {
    let Some(given) = given else {
        return DateTime::from_timestamp(end, 0);
    };
    let time = convert::time(given).filter(|time| in_range(*time));
    if time.is_none() {
        violations.add(field, "must be a time from year 1 to year 9999");
    }
    time
}

fn in_range(time: DateTime<Utc>) -> bool {
    (FIRST_SECOND..=LAST_SECOND).contains(&time.timestamp())
}
