//! The voice provider, in the shape of Twilio's Calls.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use crate::callback::{self, Callback};
use crate::http::{self, Answer, Params, Reply, Request};
use crate::hub::{Draft, Hub, Ticket, Verdict, World};
use crate::log::{Lost, Op};
use crate::misbehave::CallbackFaults;
use crate::options::{Channel, Outcome};
use crate::persona;
use crate::schedule::Due;
use crate::time;
use crate::twiml;

/// How long a call waits before it rings; until then it can be cancelled.
const RING_SPAN_US: (i64, i64) = (30_000_000, 60_000_000);
/// How long it rings and is spoken.
const TALK_SPAN_US: (i64, i64) = (30_000_000, 120_000_000);
/// Instants as the provider writes them.
const RFC_2822: &str = "%a, %d %b %Y %H:%M:%S +0000";

/// A call and how it will go.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    sid: String,
    to: String,
    from: String,
    key: Option<String>,
    ordinal: u64,
    outcome: Outcome,
    status: &'static str,
    /// Where the digit of a person who confirms is sent.
    gather: Option<String>,
    status_callback: Option<String>,
    events: Vec<String>,
    detect_machine: bool,
    faults: CallbackFaults,
    created_us: i64,
    rang_us: i64,
    ended_us: Option<i64>,
}

/// An error in the provider's JSON.
fn fail(status: u16, code: u32, message: &str) -> Reply {
    let more_info = format!("https://www.twilio.com/docs/errors/{code}");
    let body = json!({"code": code, "message": message, "more_info": more_info, "status": status});
    http::json(status, &body)
}

/// Serves `/2010-04-01/Accounts/{Sid}/Calls.json` and `.../Calls/{sid}.json`.
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
        (&Method::POST, ["2010-04-01", "Accounts", account, "Calls.json"]) => {
            create(&hub, &request, account).await
        }
        (method, ["2010-04-01", "Accounts", account, "Calls", file]) => {
            let Some(sid) = file.strip_suffix(".json") else {
                return not_found();
            };
            if !authorised(&hub, &request, account) {
                return fail(401, 20003, "Authenticate").into();
            }
            match *method {
                Method::GET => show(&hub, sid),
                Method::POST => cancel(&hub, &request, sid).await,
                _ => fail(405, 20004, "Method not allowed").into(),
            }
        }
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    fail(404, 20404, "The requested resource was not found").into()
}

fn authorised(hub: &Hub, request: &Request, account: &str) -> bool {
    let (sid, token) = (
        &hub.options.voice_account_sid,
        &hub.options.voice_auth_token,
    );
    let basic = format!("Basic {}", STANDARD.encode(format!("{sid}:{token}")));
    account == sid && request.header("authorization") == Some(basic.as_str())
}

async fn create(hub: &Arc<Hub>, request: &Request, account: &str) -> Answer {
    let params = Params::of(request);
    let authorised = authorised(hub, request, account);
    let draft = Draft {
        channel: Channel::Phone,
        op: Op::Send,
        dest: params.get("To").unwrap_or_default(),
        key: request.header("idempotency-key").map(str::to_owned),
        payload_sha256: request.payload_sha256(),
        text: params.get("Twiml").map(|twiml| twiml::spoken(&twiml)),
        window_us: None,
        reject: 400,
    };
    let key = draft.key.clone();
    let received = hub.receive(draft, |world, ticket| {
        if !authorised {
            return Verdict::without_effect(401, fail(401, 20003, "Authenticate"));
        }
        dial(hub, world, ticket, &params, key)
    });
    let reject = || fail(400, 21211, "The 'To' number is not a valid phone number.");
    received.http(|reply| reply, reject).await
}

fn dial(
    hub: &Hub,
    world: &mut World,
    ticket: &Ticket,
    params: &Params,
    key: Option<String>,
) -> Verdict<Reply> {
    let refuse = |code, text| Verdict::without_effect(400, fail(400, code, text));
    let Some(to) = params.get("To") else {
        return refuse(21201, "No 'To' number is specified");
    };
    let Some(from) = params.get("From") else {
        return refuse(21213, "No 'From' number is specified");
    };
    let Some(script) = params.get("Twiml") else {
        return refuse(
            21205,
            "Twiml is missing; this provider fetches no script from a Url",
        );
    };
    let gather = twiml::gather_action(&script);
    let outcome = match hub.outcome(Channel::Phone, &to, ticket.ordinal) {
        Outcome::InvalidAddress => {
            return refuse(21211, "The 'To' number is not a valid phone number.");
        }
        // Nobody can confirm a call that asks for no digit.
        Outcome::Conversation if gather.is_none() => Outcome::AnsweredUnconfirmed,
        outcome => outcome,
    };
    let hash = |half| persona::hash(hub.options.seed, &["sid", half, &ticket.n.to_string()]);
    let sid = format!("CA{:016x}{:016x}", hash("a"), hash("b"));
    let rang_us = hub.later_us("ring", &to, ticket.ordinal, ticket.now_us, RING_SPAN_US);
    let call = Call {
        sid: sid.clone(),
        key,
        ordinal: ticket.ordinal,
        outcome,
        status: "queued",
        gather,
        status_callback: params.get("StatusCallback"),
        events: params
            .all("StatusCallbackEvent")
            .iter()
            .flat_map(|events| events.split(' '))
            .map(str::to_owned)
            .collect(),
        detect_machine: params.get("MachineDetection").is_some(),
        faults: ticket.plan.callbacks,
        created_us: ticket.now_us,
        rang_us,
        ended_us: None,
        to,
        from,
    };
    let reply = http::json(201, &shown(hub, &call));
    world.calls.insert(sid.clone(), call);
    world.schedule.at(rang_us, Due::Ring { sid });
    Verdict::accepted(201, outcome, reply)
}

fn shown(hub: &Hub, call: &Call) -> Value {
    let account = &hub.options.voice_account_sid;
    json!({
        "sid": call.sid,
        "account_sid": account,
        "to": call.to,
        "from": call.from,
        "status": call.status,
        "direction": "outbound-api",
        "api_version": "2010-04-01",
        "date_created": time::format_us(call.created_us, RFC_2822),
        "answered_by": call.ended_us.and(answered_by(call)),
        "duration": call.ended_us.map(|ended_us| duration_s(call, ended_us).to_string()),
        "uri": format!("/2010-04-01/Accounts/{account}/Calls/{}.json", call.sid),
    })
}

fn show(hub: &Hub, sid: &str) -> Answer {
    let call = hub.world().calls.get(sid).cloned();
    call.map_or_else(not_found, |call| http::json(200, &shown(hub, &call)).into())
}

/// `Status=canceled` (or `completed`): works until the call rings.
async fn cancel(hub: &Arc<Hub>, request: &Request, sid: &str) -> Answer {
    let params = Params::of(request);
    if !matches!(
        params.get("Status").as_deref(),
        Some("canceled" | "completed")
    ) {
        return fail(400, 20001, "Status must be canceled or completed").into();
    }
    let Some(call) = hub.world().calls.get(sid).cloned() else {
        return not_found();
    };
    let draft = Draft {
        channel: Channel::Phone,
        op: Op::Cancel,
        dest: call.to,
        key: call.key,
        payload_sha256: request.payload_sha256(),
        text: None,
        window_us: None,
        reject: 400,
    };
    let too_late = || fail(400, 21220, "Call is not in-progress. Cannot redirect.");
    let received = hub.receive(draft, |world, ticket| {
        let call = world
            .calls
            .get_mut(sid)
            .filter(|call| call.status == "queued");
        let Some(call) = call else {
            return Verdict::without_effect(400, (too_late(), None));
        };
        call.status = "canceled";
        call.outcome = Outcome::Cancelled;
        call.ended_us = Some(ticket.now_us);
        let reply = http::json(200, &shown(hub, call));
        Verdict::without_effect(200, (reply, Some((call.clone(), ticket.now_us))))
    });
    if let Some((_, Some((call, at_us)))) = &received.value {
        let (hub, call, at_us) = (Arc::clone(hub), call.clone(), *at_us);
        let under_way = hub.begin();
        tokio::spawn(async move {
            let _ = finish(&hub, &call, at_us, true).await;
            drop(under_way);
        });
    }
    received.http(|(reply, _)| reply, too_late).await
}

/// The phone rings: from here on the person is reached, or not.
pub(crate) async fn ring(hub: &Arc<Hub>, sid: &str, at_us: i64) -> Result<(), Lost> {
    let call = {
        let mut world = hub.world();
        let Some(call) = world
            .calls
            .get_mut(sid)
            .filter(|call| call.status == "queued")
        else {
            return Ok(());
        };
        call.status = "ringing";
        call.rang_us = at_us;
        let call = call.clone();
        let ended_us = hub.later_us("talk", &call.to, call.ordinal, at_us, TALK_SPAN_US);
        world.schedule.at(
            ended_us,
            Due::HangUp {
                sid: sid.to_owned(),
            },
        );
        call
    };
    let (key, outcome) = (call.key.as_deref(), call.outcome);
    hub.log_outcome(Channel::Phone, &call.to, key, outcome, at_us)
        .wait()
        .await?;
    let early = [("initiated", "initiated"), ("ringing", "ringing")];
    let early = early
        .iter()
        .filter(|(event, _)| call.events.iter().any(|e| e == event));
    let calls = early.filter_map(|(_, status)| status_callback(hub, &call, status, at_us, None));
    callback::send_all(hub, calls.collect(), CallbackFaults::default()).await;
    Ok(())
}

/// The call is over.
pub(crate) async fn hang_up(hub: &Arc<Hub>, sid: &str, at_us: i64) -> Result<(), Lost> {
    let call = {
        let mut world = hub.world();
        let Some(call) = world
            .calls
            .get_mut(sid)
            .filter(|call| call.status == "ringing")
        else {
            return Ok(());
        };
        call.status = final_status(call.outcome);
        call.ended_us = Some(at_us);
        call.clone()
    };
    finish(hub, &call, at_us, false).await
}

/// The last call-backs; for a cancelled call its outcome line first.
async fn finish(hub: &Arc<Hub>, call: &Call, at_us: i64, cancelled: bool) -> Result<(), Lost> {
    if cancelled {
        let key = call.key.as_deref();
        hub.log_outcome(Channel::Phone, &call.to, key, Outcome::Cancelled, at_us)
            .wait()
            .await?;
    }
    let mut calls = Vec::new();
    if call.status == "completed" && call.events.iter().any(|e| e == "answered") {
        calls.extend(status_callback(hub, call, "in-progress", at_us, None));
    }
    if let (Outcome::Conversation, Some(action)) = (call.outcome, &call.gather) {
        let mut form = basics(hub, call, "in-progress");
        form.push(("Digits", "1".to_owned()));
        form.push(("msg", "Gather End".to_owned()));
        let token = &hub.options.voice_auth_token;
        calls.push(Callback::signed_form(action.clone(), &form, token));
    }
    if call.events.is_empty() || call.events.iter().any(|e| e == "completed") {
        calls.extend(status_callback(hub, call, call.status, at_us, Some(at_us)));
    }
    callback::send_all(hub, calls, call.faults).await;
    Ok(())
}

fn final_status(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NoAnswer => "no-answer",
        // A refusal is `busy` at this provider; the SIP code tells them apart.
        Outcome::Busy | Outcome::Declined => "busy",
        Outcome::NotInService | Outcome::InvalidAddress | Outcome::Undelivered => "failed",
        Outcome::Cancelled => "canceled",
        _ => "completed",
    }
}

fn sip_code(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NoAnswer => "480",
        Outcome::Busy => "486",
        Outcome::Declined => "603",
        Outcome::Cancelled => "487",
        Outcome::NotInService | Outcome::InvalidAddress | Outcome::Undelivered => "404",
        _ => "200",
    }
}

fn answered_by(call: &Call) -> Option<&'static str> {
    match call.outcome {
        _ if !call.detect_machine || final_status(call.outcome) != "completed" => None,
        Outcome::Voicemail => Some("machine_end_beep"),
        _ => Some("human"),
    }
}

fn duration_s(call: &Call, ended_us: i64) -> i64 {
    if final_status(call.outcome) == "completed" {
        ((ended_us - call.rang_us) / 1_000_000).max(1)
    } else {
        0
    }
}

fn basics(hub: &Hub, call: &Call, status: &str) -> Vec<(&'static str, String)> {
    vec![
        ("CallSid", call.sid.clone()),
        ("AccountSid", hub.options.voice_account_sid.clone()),
        ("To", call.to.clone()),
        ("From", call.from.clone()),
        ("CallStatus", status.to_owned()),
        ("Direction", "outbound-api".to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
    ]
}

fn status_callback(
    hub: &Hub,
    call: &Call,
    status: &str,
    at_us: i64,
    ended_us: Option<i64>,
) -> Option<Callback> {
    let url = call.status_callback.clone()?;
    let mut form = basics(hub, call, status);
    form.push(("CallbackSource", "call-progress-events".to_owned()));
    form.push(("Timestamp", time::format_us(at_us, RFC_2822)));
    if let Some(ended_us) = ended_us {
        form.push(("CallDuration", duration_s(call, ended_us).to_string()));
        form.push(("SipResponseCode", sip_code(call.outcome).to_owned()));
        form.extend(answered_by(call).map(|by| ("AnsweredBy", by.to_owned())));
    }
    Some(Callback::signed_form(
        url,
        &form,
        &hub.options.voice_auth_token,
    ))
}
