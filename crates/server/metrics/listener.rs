//! The listener that a monitor scrapes: one address, `/metrics`, and nothing else.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::scrape;
use crate::services::Edge;

/// What Prometheus and its kin read.
const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of the listener.
pub fn router(edge: Edge) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(edge)
}

async fn metrics(State(edge): State<Edge>) -> Response {
    match scrape(&edge).await {
        Ok(text) => ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be gathered");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}
