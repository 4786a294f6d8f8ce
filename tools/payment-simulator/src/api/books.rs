//! The books in pages, for whoever reconciles them with their own.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;

use crate::records::ChargeId;
use crate::wire::BooksPage;

use super::App;
use super::error::{ApiError, Code};

const PAGE_ENTRIES_DEFAULT: usize = 500;
const PAGE_ENTRIES_MAX: usize = 1_000;

/// Query of `GET /v1/books`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    after: Option<ChargeId>,
    limit: Option<usize>,
}

/// The charges made after `after`, at most `limit`.
pub(super) async fn list(
    State(app): State<Arc<App>>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<BooksPage>, ApiError> {
    let Query(query) = query.map_err(|fault| ApiError::new(Code::MalformedRequest, fault.body_text()))?;
    let limit = query.limit.unwrap_or(PAGE_ENTRIES_DEFAULT);
    if !(1..=PAGE_ENTRIES_MAX).contains(&limit) {
        return Err(ApiError::field("limit", &format!("a number from 1 to {PAGE_ENTRIES_MAX}")));
    }
    Ok(Json(app.keeper.read(|books| books.page(query.after, limit)).await?))
}
