//! The calendar server that visits are dispatched to, and the field app behind it.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;
use serde::Serialize;

use crate::http::{self, Answer, Reply, Request};
use crate::hub::{self, Draft, Hub, Ticket, Verdict, World};
use crate::ical::{self, Appointment};
use crate::log::{Lost, Op};
use crate::options::{Channel, Outcome};
use crate::schedule::Due;

/// A stored event.
pub(crate) struct Event {
    ics: Bytes,
    dest: String,
    key: String,
    ordinal: u64,
    appointment: Appointment,
    /// Grows when the event is put again: timers of a former version are void.
    version: u64,
    begun: bool,
}

/// What the field app says of one visit.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct VisitReport {
    key: String,
    uid: String,
    dest: String,
    outcome: Outcome,
    at_us: i64,
    collectors: Vec<String>,
    evidence: Vec<Evidence>,
}

/// A photo or note taken at the visit.
#[derive(Clone, Debug, Serialize)]
struct Evidence {
    name: &'static str,
    sha256: String,
}

/// Serves collections and their events.
pub(crate) async fn handle(hub: Arc<Hub>, request: Request) -> Answer {
    hub.time.known().await;
    let path = request.path().trim_matches('/').to_owned();
    match request.method.as_str() {
        "PUT" => put(&hub, &request, path).await,
        "GET" => {
            let ics = hub.world().events.get(&path).map(|event| event.ics.clone());
            ics.map_or_else(
                || http::text(404, "there is no such event"),
                |ics| http::reply(200, "text/calendar; charset=utf-8", ics),
            )
            .into()
        }
        "MKCALENDAR" => {
            let is_new = hub.world().collections.insert(path, ()).is_none();
            http::text(if is_new { 201 } else { 405 }, "").into()
        }
        "OPTIONS" => {
            let mut reply = http::text(200, "");
            let dav = hyper::header::HeaderValue::from_static("1, calendar-access");
            reply.headers_mut().insert("dav", dav);
            reply.into()
        }
        _ => http::text(
            405,
            "PUT, GET, MKCALENDAR and OPTIONS are what this server does",
        )
        .into(),
    }
}

/// What a PUT asks for.
struct Put<'a> {
    path: &'a str,
    dest: &'a str,
    only_new: bool,
    ics: &'a Bytes,
    read: Result<Appointment, String>,
}

async fn put(hub: &Arc<Hub>, request: &Request, path: String) -> Answer {
    debug_assert_eq!(request.method, Method::PUT);
    let Some((dest, _)) = path
        .rsplit_once('/')
        .filter(|(_, file)| file.ends_with(".ics"))
    else {
        return http::text(409, "an event belongs at /{collection}/{uid}.ics").into();
    };
    let read = ical::parse(&String::from_utf8_lossy(&request.body));
    let cancels = read.as_ref().is_ok_and(|appointment| appointment.cancelled);
    let appointment = read.as_ref().ok();
    let draft = Draft {
        channel: Channel::Visit,
        op: if cancels { Op::Cancel } else { Op::Send },
        dest: percent_encoding::percent_decode_str(dest)
            .decode_utf8_lossy()
            .into_owned(),
        key: appointment.map(|a| key_of(&a.uid).to_owned()),
        payload_sha256: request.payload_sha256(),
        text: appointment.map(|a| a.text.clone()),
        window_us: appointment.map(|a| (a.from_us, a.to_us)),
        reject: 403,
    };
    let dest = draft.dest.clone();
    let put = Put {
        path: &path,
        dest: &dest,
        only_new: request.header("if-none-match") == Some("*"),
        ics: &request.body,
        read,
    };
    let received = hub.receive(draft, |world, ticket| store(hub, world, ticket, put));
    if let Some((_, Some((key, at_us)))) = &received.value {
        let outcome = Outcome::Cancelled;
        let written = hub.log_outcome(Channel::Visit, &dest, Some(key), outcome, *at_us);
        if let Err(Lost) = written.wait().await {
            return Answer::Cut;
        }
    }
    received
        .http(
            |(reply, _)| reply,
            || http::text(403, "this calendar takes no events"),
        )
        .await
}

/// `key@host` without the host.
fn key_of(uid: &str) -> &str {
    uid.rsplit_once('@').map_or(uid, |(key, _)| key)
}

/// The answer, and for a cancel in time the key and instant.
type Stored = (Reply, Option<(String, i64)>);

fn store(hub: &Hub, world: &mut World, ticket: &Ticket, put: Put<'_>) -> Verdict<Stored> {
    let refuse =
        |status, text: String| Verdict::without_effect(status, (http::text(status, text), None));
    let appointment = match put.read {
        Ok(appointment) => appointment,
        Err(reason) => return refuse(400, format!("the event could not be read: {reason}")),
    };
    let before = world.events.get(put.path);
    if put.only_new && before.is_some() {
        return refuse(412, "the event is there already".to_owned());
    }
    let (begun, was_cancelled) =
        before.map_or((false, false), |e| (e.begun, e.appointment.cancelled));
    let version = before.map_or(0, |e| e.version + 1);
    let status = if before.is_some() { 204 } else { 201 };
    let ordinal = match before {
        // A cancel says nothing new about how the visit would have gone.
        Some(event) if appointment.cancelled => event.ordinal,
        _ => ticket.ordinal,
    };
    let key = key_of(&appointment.uid).to_owned();
    let reply = http::text(status, "");
    let verdict = if appointment.cancelled {
        let in_time = version > 0 && !begun && !was_cancelled;
        let cancelled = in_time.then(|| (key.clone(), ticket.now_us));
        Verdict::without_effect(status, (reply, cancelled))
    } else {
        let outcome = hub.outcome(Channel::Visit, put.dest, ticket.ordinal);
        let due = Due::Appointment {
            path: put.path.to_owned(),
            version,
        };
        world.schedule.at(appointment.from_us, due);
        Verdict::accepted(status, outcome, (reply, None))
    };
    let event = Event {
        ics: put.ics.clone(),
        dest: put.dest.to_owned(),
        key,
        ordinal,
        begun: begun && appointment.cancelled,
        appointment,
        version,
    };
    world.events.insert(put.path.to_owned(), event);
    verdict
}

/// The collectors are at the door.
pub(crate) async fn appointment(
    hub: &Arc<Hub>,
    path: &str,
    version: u64,
    at_us: i64,
) -> Result<(), Lost> {
    let report = {
        let mut world = hub.world();
        let event = world
            .events
            .get_mut(path)
            .filter(|event| event.version == version && !event.appointment.cancelled);
        let Some(event) = event else { return Ok(()) };
        event.begun = true;
        let outcome = hub.outcome(Channel::Visit, &event.dest, event.ordinal);
        report(event, outcome, at_us)
    };
    let (dest, key) = (&report.dest, Some(report.key.as_str()));
    hub.log_outcome(Channel::Visit, dest, key, report.outcome, at_us)
        .wait()
        .await?;
    if hub.options.field_app {
        hub.world().visit_reports.push(report);
    }
    Ok(())
}

fn report(event: &Event, outcome: Outcome, at_us: i64) -> VisitReport {
    // The photo is made up, and its hash a function of what it would show.
    let photo = format!("{} {outcome:?} {at_us}", event.key);
    VisitReport {
        key: event.key.clone(),
        uid: event.appointment.uid.clone(),
        dest: event.dest.clone(),
        outcome,
        at_us,
        collectors: event.appointment.attendees.clone(),
        evidence: vec![Evidence {
            name: "door.jpg",
            sha256: hub::sha256_hex(photo.as_bytes()),
        }],
    }
}
