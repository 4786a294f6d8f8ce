//! GetOrderHistory.

use bowline_contracts::orders::v1;
use bowline_service::{ApiError, Violations, encode_page_token};

use super::{Api, order_id, order_not_found, read_failed};
use crate::app::queries;

const METHOD: &str = "GetOrderHistory";
const PAGE_SIZE: u32 = 100;
const PAGE_SIZE_MAX: u32 = 1_000;

pub(super) async fn call(
    api: &Api,
    request: v1::GetOrderHistoryRequest,
) -> Result<v1::GetOrderHistoryResponse, ApiError> {
    let mut violations = Violations::new();
    let order = order_id(&mut violations, &request.order_id);
    let page_size = violations.page_size(request.page_size, PAGE_SIZE, PAGE_SIZE_MAX);
    let after: Option<u32> = violations.page_token(&request.page_token, METHOD, &order);
    let (order_id, page_size) = violations.finish_with(order.zip(page_size))?;
    let mut entries = queries::get_history(&api.reads, order_id, after.unwrap_or(0), page_size + 1)
        .await
        .map_err(read_failed)?;
    if entries.is_empty() && after.is_none() {
        return Err(order_not_found(order_id));
    }
    let more = entries.len() > page_size as usize;
    entries.truncate(page_size as usize);
    let next_page_token = match entries.last() {
        Some(last) if more => encode_page_token(METHOD, &Some(order_id), &last.version),
        _ => String::new(),
    };
    Ok(v1::GetOrderHistoryResponse { entries, next_page_token })
}
