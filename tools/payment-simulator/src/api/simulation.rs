//! The switches, while it runs. They are not kept: a restart begins with the options again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Map, Value};

use crate::switches::Switches;

use super::App;
use super::error::{ApiError, Code};
use super::input::Body;

/// The switches in force.
pub(super) async fn get(State(app): State<Arc<App>>) -> Json<Switches> {
    Json(Switches::clone(&app.faults.switches()))
}

/// All switches anew; a field left out is off.
pub(super) async fn replace(State(app): State<Arc<App>>, Body(switches): Body<Switches>) -> Json<Switches> {
    tracing::info!(%switches, "switches replaced");
    app.faults.set(switches.clone());
    Json(switches)
}

/// Only the fields given; the others stay as they are.
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Body(changes): Body<Map<String, Value>>,
) -> Result<Json<Switches>, ApiError> {
    let switches = app.faults.update(|current| changed(current, changes));
    let switches =
        switches.map_err(|fault| ApiError::new(Code::MalformedRequest, format!("body: {fault}")))?;
    tracing::info!(%switches, "switches changed");
    Ok(Json(switches))
}

fn changed(current: &Switches, changes: Map<String, Value>) -> Result<Switches, serde_json::Error> {
    let mut fields = serde_json::to_value(current)?;
    if let Some(fields) = fields.as_object_mut() {
        fields.extend(changes);
    }
    serde_json::from_value(fields)
}
