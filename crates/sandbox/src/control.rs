//! The control interface: what a driver of the sandbox may set and fetch.

use std::sync::Arc;

use hyper::{Method, Uri};
use serde_json::json;

use crate::http::{self, Answer, Request};
use crate::hub::Hub;
use crate::misbehave::Misbehave;

/// Serves `/control/...`.
pub(crate) async fn handle(hub: Arc<Hub>, request: Request) -> Answer {
    let body = String::from_utf8_lossy(&request.body).trim().to_owned();
    match (&request.method, request.path()) {
        (&Method::POST, "/control/mo-url") => set_mo_url(&hub, body),
        (&Method::GET, "/control/visit-reports") => {
            let reports = std::mem::take(&mut hub.world().visit_reports);
            http::json(200, &json!(reports)).into()
        }
        (&Method::GET, "/control/stats") => {
            let world = hub.world();
            let stats = json!({"counts": world.stats, "timers": world.schedule.len()});
            http::json(200, &stats).into()
        }
        (&Method::POST, "/control/misbehave") => match body.parse::<Misbehave>() {
            Ok(misbehave) => {
                hub.world().misbehave = misbehave;
                http::text(200, "set").into()
            }
            Err(e) => http::text(400, e.to_string()).into(),
        },
        _ => http::text(
            404,
            "there are POST /control/mo-url, GET /control/visit-reports, GET /control/stats \
             and POST /control/misbehave",
        )
        .into(),
    }
}

/// An empty body stops the replies.
fn set_mo_url(hub: &Hub, url: String) -> Answer {
    let is_http = url
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("http"));
    if !url.is_empty() && !is_http {
        return http::text(400, "the body must be an http:// URL, or empty for none").into();
    }
    hub.world().mo_url = Some(url).filter(|url| !url.is_empty());
    http::text(200, "set").into()
}
