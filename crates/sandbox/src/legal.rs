//! The law firm's desk: takes referrals, files them some days later.

use std::io::{Cursor, Read};
use std::sync::Arc;

use hyper::Method;
use serde_json::json;

use crate::callback::{self, Callback};
use crate::http::{self, Answer, Params, Reply, Request};
use crate::hub::{self, Draft, Hub, Ticket, Verdict, World};
use crate::log::{Lost, Op};
use crate::misbehave::CallbackFaults;
use crate::options::{Channel, Outcome};
use crate::persona;
use crate::schedule::Due;

const DAY_US: i64 = 86_400_000_000;
/// How long the desk takes to file.
const FILING_SPAN_US: (i64, i64) = (DAY_US, 4 * DAY_US);
/// The most parts of a pack that are named in the log, and the most of one part's text.
const PARTS_MAX: usize = 256;
const PART_TEXT_BYTES_MAX: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Received,
    Filed,
    Recalled,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Received => "received",
            State::Filed => "filed",
            State::Recalled => "recalled",
        }
    }
}

/// A referral at the desk.
#[derive(Clone, Debug)]
pub(crate) struct Referral {
    desk: String,
    key: String,
    callback_url: Option<String>,
    outcome: Outcome,
    state: State,
    faults: CallbackFaults,
}

/// Serves `/v1/referrals`.
pub(crate) async fn handle(hub: Arc<Hub>, request: Request) -> Answer {
    hub.time.known().await;
    let path: Vec<String> = request
        .path()
        .trim_matches('/')
        .split('/')
        .map(str::to_owned)
        .collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match (&request.method, path.as_slice()) {
        (&Method::POST, ["v1", "referrals"]) => create(&hub, &request).await,
        (&Method::GET, ["v1", "referrals"]) => by_key(&hub, &request),
        (&Method::GET, ["v1", "referrals", id]) => show(&hub, id),
        (&Method::DELETE, ["v1", "referrals", id]) => recall(&hub, &request, id).await,
        _ => fail(
            404,
            "there is POST and GET /v1/referrals, GET and DELETE /v1/referrals/{id}",
        )
        .into(),
    }
}

fn fail(status: u16, message: &str) -> Reply {
    http::json(status, &json!({"error": message}))
}

async fn create(hub: &Arc<Hub>, request: &Request) -> Answer {
    let pack = read_pack(&request.body);
    let draft = Draft {
        channel: Channel::Legal,
        op: Op::Send,
        dest: request.header("desk").unwrap_or_default().to_owned(),
        key: request.header("idempotency-key").map(str::to_owned),
        payload_sha256: hub::sha256_hex(&request.body),
        text: pack.as_ref().ok().cloned(),
        window_us: None,
        reject: 403,
    };
    let desk = draft.dest.clone();
    let received = hub.receive(draft, |world, ticket| match check(request, &pack) {
        Ok(key) => accept(hub, world, ticket, request, (&desk, key)),
        Err((status, message)) => Verdict::without_effect(status, fail(status, &message)),
    });
    received
        .http(
            |reply| reply,
            || fail(403, "this desk takes no referrals from you"),
        )
        .await
}

/// The key, or what is wrong with the request.
fn check<'a>(
    request: &'a Request,
    pack: &Result<String, String>,
) -> Result<&'a str, (u16, String)> {
    let header = |name: &'static str| {
        let value = request.header(name).filter(|value| !value.is_empty());
        value.ok_or_else(|| (400, format!("the header {name} is missing")))
    };
    let key = header("idempotency-key")?;
    header("desk")?;
    let claimed = header("content-sha256")?;
    let real = hub::sha256_hex(&request.body);
    if !claimed.eq_ignore_ascii_case(&real) {
        return Err((
            422,
            format!("content-sha256 says {claimed}, the body has {real}"),
        ));
    }
    pack.as_ref()
        .map(|_| key)
        .map_err(|e| (422, format!("the body is no zip file: {e}")))
}

fn accept(
    hub: &Hub,
    world: &mut World,
    ticket: &Ticket,
    request: &Request,
    (desk, key): (&str, &str),
) -> Verdict<Reply> {
    if let Some(receipt_id) = world.referral_by_key.get(key) {
        let reply = http::json(200, &json!({"receipt_id": receipt_id}));
        return Verdict::without_effect(200, reply);
    }
    let hash = persona::hash(hub.options.seed, &["referral", &ticket.n.to_string()]);
    let receipt_id = format!("r-{hash:016x}");
    let outcome = hub.outcome(Channel::Legal, desk, ticket.ordinal);
    let referral = Referral {
        desk: desk.to_owned(),
        key: key.to_owned(),
        callback_url: request.header("callback-url").map(str::to_owned),
        outcome,
        state: State::Received,
        faults: ticket.plan.callbacks,
    };
    let at_us = hub.later_us(
        "filing",
        desk,
        ticket.ordinal,
        ticket.now_us,
        FILING_SPAN_US,
    );
    world.schedule.at(
        at_us,
        Due::Filing {
            receipt_id: receipt_id.clone(),
        },
    );
    world
        .referral_by_key
        .insert(key.to_owned(), receipt_id.clone());
    world.referrals.insert(receipt_id.clone(), referral);
    Verdict::accepted(
        201,
        outcome,
        http::json(201, &json!({"receipt_id": receipt_id})),
    )
}

fn by_key(hub: &Hub, request: &Request) -> Answer {
    let Some(key) = Params::of(request).get("key") else {
        return fail(400, "the parameter key is missing").into();
    };
    let id = hub.world().referral_by_key.get(&key).cloned();
    id.map_or_else(
        || fail(404, "no referral came with this key").into(),
        |id| show(hub, &id),
    )
}

fn show(hub: &Hub, id: &str) -> Answer {
    let world = hub.world();
    let Some(referral) = world.referrals.get(id) else {
        return fail(404, "there is no such referral").into();
    };
    let body = json!({"receipt_id": id, "key": referral.key, "status": referral.state.name()});
    http::json(200, &body).into()
}

async fn recall(hub: &Arc<Hub>, request: &Request, id: &str) -> Answer {
    let Some(referral) = hub.world().referrals.get(id).cloned() else {
        return fail(404, "there is no such referral").into();
    };
    let draft = Draft {
        channel: Channel::Legal,
        op: Op::Cancel,
        dest: referral.desk.clone(),
        key: Some(referral.key.clone()),
        payload_sha256: request.payload_sha256(),
        text: None,
        window_us: None,
        reject: 403,
    };
    let received = hub.receive(draft, |world, ticket| {
        let state = world
            .referrals
            .get_mut(id)
            .map(|referral| &mut referral.state);
        let (status, recalled) = match state {
            Some(state @ State::Received) => {
                *state = State::Recalled;
                (200, Some(ticket.now_us))
            }
            // To recall again changes nothing and is no error.
            Some(State::Recalled) => (200, None),
            Some(State::Filed) | None => (409, None),
        };
        Verdict::without_effect(status, (status, recalled))
    });
    if let Some((_, Some(at_us))) = received.value {
        let (desk, key) = (&referral.desk, Some(referral.key.as_str()));
        let written = hub.log_outcome(Channel::Legal, desk, key, Outcome::Cancelled, at_us);
        if let Err(Lost) = written.wait().await {
            return Answer::Cut;
        }
    }
    let normal = |(status, _)| match status {
        200 => http::json(200, &json!({"receipt_id": id, "status": "recalled"})),
        status => fail(status, "the referral is filed already"),
    };
    received
        .http(normal, || fail(403, "you may not recall here"))
        .await
}

/// The desk files the referral and says so.
pub(crate) async fn file(hub: &Arc<Hub>, receipt_id: &str, at_us: i64) -> Result<(), Lost> {
    let referral = {
        let mut world = hub.world();
        let referral = world.referrals.get_mut(receipt_id);
        let Some(referral) = referral.filter(|r| r.state == State::Received) else {
            return Ok(());
        };
        referral.state = State::Filed;
        referral.clone()
    };
    let key = Some(referral.key.as_str());
    hub.log_outcome(Channel::Legal, &referral.desk, key, referral.outcome, at_us)
        .wait()
        .await?;
    let body = json!({
        "receipt_id": receipt_id,
        "key": referral.key,
        "status": "filed",
        "at_us": at_us,
    });
    let callback = referral.callback_url.map(|url| Callback::json(url, &body));
    callback::send_all(hub, callback.into_iter().collect(), referral.faults).await;
    Ok(())
}

/// The names of a pack's parts, and the text of those that are text.
fn read_pack(body: &[u8]) -> Result<String, String> {
    let mut pack = zip::ZipArchive::new(Cursor::new(body)).map_err(|e| e.to_string())?;
    let mut text = String::new();
    for i in 0..pack.len().min(PARTS_MAX) {
        let part = pack.by_index(i).map_err(|e| e.to_string())?;
        let name = part.name().map_err(|e| e.to_string())?.into_owned();
        text.push_str(&name);
        text.push('\n');
        if name.ends_with(".txt") || name.ends_with(".json") {
            let mut bytes = Vec::new();
            // A part that does not unpack is named and not shown.
            let _ = part.take(PART_TEXT_BYTES_MAX).read_to_end(&mut bytes);
            text.push_str(&String::from_utf8_lossy(&bytes));
            text.push('\n');
        }
    }
    Ok(text)
}
