//! The provider over HTTP: `charges` for merchants, `books` for accountants, `simulation` for tests.

mod books;
mod charges;
mod error;
mod input;
mod simulation;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::faults::FaultPlanner;
use crate::keeper::Keeper;

use self::error::{ApiError, Code};

/// The largest request body.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What the handlers share.
pub(crate) struct App {
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) faults: FaultPlanner,
    /// Set once the simulator is told to stop; simulated delays end then.
    pub(crate) draining: CancellationToken,
    /// The server, and the writes that go on without their client.
    pub(crate) tasks: TaskTracker,
}

impl App {
    /// A simulated delay.
    async fn pause(&self, delay: Duration) {
        // Either end of it is fine.
        tokio::time::timeout(delay, self.draining.cancelled()).await.ok();
    }
}

/// All routes. The provider's own ones answer 503 while it is switched off; those of the simulator stay.
pub(crate) fn router(app: Arc<App>) -> Router {
    let provider = Router::new()
        .route("/v1/charges", post(charges::hold).get(charges::find))
        .route("/v1/charges/{charge_id}", get(charges::get))
        .route("/v1/charges/{charge_id}/settle", post(charges::settle))
        .route("/v1/charges/{charge_id}/release", post(charges::release))
        .route("/v1/operations/{idempotency_key}", get(charges::operation))
        .route("/v1/books", get(books::list))
        .route_layer(from_fn_with_state(Arc::clone(&app), refuse_while_down));
    Router::new()
        .merge(provider)
        .route("/v1/simulation", get(simulation::get).put(simulation::replace).patch(simulation::change))
        .route("/healthz", get(healthz))
        .fallback(no_such_route)
        .method_not_allowed_fallback(no_such_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(app)
}

async fn refuse_while_down(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.faults.switches().down {
        return ApiError::new(Code::ProviderDown, "the provider is switched off by the simulation")
            .into_response();
    }
    next.run(request).await
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn no_such_route() -> ApiError {
    ApiError::new(Code::UnknownRoute, "there is no such route")
}

async fn no_such_method() -> ApiError {
    ApiError::new(Code::MethodNotAllowed, "the route does not know this method")
}
