//! ChannelService.

use jiff::SignedDuration;
use prost::Message;
use recoup_domain::rollout::{GenerationState, Rollout, Vouched};
use recoup_engine::types::Caller;
use tonic::{Request, Response, Status, async_trait};

use super::{Call, Edge, answer};
use crate::api::recoup::v1;
use crate::api::recoup::v1::ErrorReason;
use crate::api::recoup::v1::channel_service_server::ChannelService;
use crate::config::PlacementConfig;
use crate::convert::page::{self, Binding};
use crate::convert::read::Bad;
use crate::convert::value;
use crate::generations::{Here, Own, Shares, Staging, Unfit};
use crate::status::{self, Problem};

#[async_trait]
impl ChannelService for Edge {
    async fn list_channels(
        &self,
        request: Request<v1::ListChannelsRequest>,
    ) -> Result<Response<v1::ListChannelsResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let size = page::size(&mut bad, body.page_size);
        let bound = Binding {
            vault: self.engine.vault(),
            tenant: &who.tenant,
            method: "ListChannels",
            filter: if body.show_all { "all" } else { "" },
        };
        let place = bound.place(&mut bad, &body.page_token);
        let place = bad.check(place)?;
        let mut rows = self.all_channels().await;
        rows.retain(|c| body.show_all || !is_over(c.state()));
        rows.retain(|c| place.as_ref().is_none_or(|after| key(c) > *after));
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |c| bound.token(&key(c)));
        Ok(Response::new(v1::ListChannelsResponse {
            channels: rows,
            next_page_token,
        }))
    }

    async fn stage_channel(
        &self,
        request: Request<v1::StageChannelRequest>,
    ) -> Result<Response<v1::StageChannelResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let caller = self.caller(
            &mut bad,
            &who,
            call("StageChannel", &body.request_id, &body),
        );
        let name = bad.text("kind", &body.kind, 64);
        let path = bad.text("path", &body.path, 4096);
        if !body.sha256.is_empty() {
            bad.sha256("sha256", &body.sha256);
        }
        let settings = settings(&mut bad, &body.settings_json);
        let (name, (path, settings)) = bad.check(name.zip(path.zip(settings)))?;
        self.must_be_its_own(&caller).await?;
        let staging = Staging {
            name: &name,
            path: &path,
            sha256: &body.sha256,
            settings,
            allow_downgrade: body.allow_downgrade,
        };
        let render = |r: &Rollout| v1::StageChannelResponse {
            channel: self.on_record(r, r.next - 1),
        };
        let encode = |r: &Rollout| render(r).encode_to_vec();
        let done = self
            .channels
            .stage((&self.engine, &caller), &staging, &encode)
            .await;
        answer(Ok(done.map_err(unfit)?), render)
    }

    async fn probe_channel(
        &self,
        request: Request<v1::ProbeChannelRequest>,
    ) -> Result<Response<v1::ProbeChannelResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let caller = self.caller(
            &mut bad,
            &who,
            call("ProbeChannel", &body.request_id, &body),
        );
        let name = bad.text("kind", &body.kind, 64);
        let number = number(&mut bad, body.generation);
        let (name, number) = bad.check(name.zip(number))?;
        self.must_be_its_own(&caller).await?;
        let probe = self.channels.probe(&self.engine, &name, number).await;
        let probe = probe.map_err(unfit)?;
        let found = v1::ProbeChannelResponse {
            ok: probe.ok,
            lines: probe.lines,
        };
        let word = if found.ok { "good" } else { "not good" };
        let about = format!("{name}@{number} {word}");
        let encode = |found: &v1::ProbeChannelResponse| found.encode_to_vec();
        let done = self
            .engine
            .record_probe(&caller, &about, &found, &encode)
            .await;
        answer(done, Clone::clone)
    }

    async fn swap_channel(
        &self,
        request: Request<v1::SwapChannelRequest>,
    ) -> Result<Response<v1::SwapChannelResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let caller = self.caller(&mut bad, &who, call("SwapChannel", &body.request_id, &body));
        let name = bad.text("kind", &body.kind, 64);
        let how = how(&mut bad, &body);
        let (name, how) = bad.check(name.zip(how))?;
        self.must_be_its_own(&caller).await?;
        let to = how.to;
        let render = |r: &Rollout| v1::SwapChannelResponse {
            channel: self.on_record(r, to),
        };
        let encode = |r: &Rollout| render(r).encode_to_vec();
        let done = self
            .channels
            .swap((&self.engine, &caller), &name, how, &encode)
            .await;
        answer(Ok(done.map_err(unfit)?), render)
    }

    async fn rollback_channel(
        &self,
        request: Request<v1::RollbackChannelRequest>,
    ) -> Result<Response<v1::RollbackChannelResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let given = call("RollbackChannel", &body.request_id, &body);
        let caller = self.caller(&mut bad, &who, given);
        let name = bad.text("kind", &body.kind, 64);
        let reason = bad.text("reason", &body.reason, 500);
        let (name, reason) = bad.check(name.zip(reason))?;
        self.must_be_its_own(&caller).await?;
        let render = |r: &Rollout| v1::RollbackChannelResponse {
            channel: self.on_record(r, r.live()),
        };
        let encode = |r: &Rollout| render(r).encode_to_vec();
        let done = self
            .channels
            .roll_back((&self.engine, &caller), &name, reason, &encode)
            .await;
        answer(Ok(done.map_err(unfit)?), render)
    }

    async fn drain_channel(
        &self,
        request: Request<v1::DrainChannelRequest>,
    ) -> Result<Response<v1::DrainChannelResponse>, Status> {
        let (who, body) = self.open(request)?;
        let mut bad = Bad::new();
        let caller = self.caller(
            &mut bad,
            &who,
            call("DrainChannel", &body.request_id, &body),
        );
        let name = bad.text("kind", &body.kind, 64);
        let number = number(&mut bad, body.generation);
        let (name, number) = bad.check(name.zip(number))?;
        self.must_be_its_own(&caller).await?;
        let render = |r: &Rollout| v1::DrainChannelResponse {
            channel: self.on_record(r, number),
        };
        let encode = |r: &Rollout| render(r).encode_to_vec();
        let done = self
            .channels
            .drain((&self.engine, &caller), &name, number, &encode)
            .await;
        answer(Ok(done.map_err(unfit)?), render)
    }
}

/// Settings of a generation, in bytes.
const SETTINGS_BYTES_MAX: usize = 65_536;
/// Shares of a swap.
const SHARES_MAX: usize = 20;
/// How long a share lasts where nobody says, in seconds.
const HOLD_DEFAULT: i32 = 60;
/// The longest, in seconds.
const HOLD_MAX: i32 = 604_800;
/// How many contacts are judged at each share where nobody says.
const JUDGED_DEFAULT: i32 = 10;
/// The most.
const JUDGED_MAX: i32 = 100_000;

fn call<'a, T>(method: &'static str, request_id: &'a str, body: &'a T) -> Call<'a, T> {
    Call {
        method,
        request_id,
        body,
    }
}

/// The number of a generation.
fn number(bad: &mut Bad, given: i64) -> Option<u32> {
    if given == 0 {
        bad.missing("generation");
        return None;
    }
    let number = u32::try_from(given);
    if number.is_err() {
        bad.invalid(
            "generation",
            "is no number of a generation; they count from 1",
        );
    }
    number.ok()
}

/// The settings of a library: a JSON object as one text; none where it is to have those of the live one.
fn settings(bad: &mut Bad, given: &str) -> Option<Option<String>> {
    if given.is_empty() {
        return Some(None);
    }
    if given.len() > SETTINGS_BYTES_MAX {
        let problem = format!("has over {SETTINGS_BYTES_MAX} bytes");
        bad.note(ErrorReason::FieldTooLong, "settings_json", problem);
        return None;
    }
    match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(given) {
        Ok(read) => Some(Some(serde_json::Value::Object(read).to_string())),
        Err(error) => {
            bad.invalid("settings_json", format!("is no JSON object: {error}"));
            None
        }
    }
}

fn shares(bad: &mut Bad, given: &[i32]) -> Option<Vec<u8>> {
    bad.count_of("canary_percents", given, SHARES_MAX);
    let (mut shares, mut before) = (Vec::with_capacity(given.len()), 0);
    for (at, share) in given.iter().enumerate().take(SHARES_MAX) {
        match u8::try_from(*share) {
            Ok(share) if share > before && share <= 100 => {
                shares.push(share);
                before = share;
            }
            _ => {
                let problem = format!("is not within {} and 100: shares rise", before + 1);
                bad.invalid(&format!("canary_percents[{at}]"), problem);
            }
        }
    }
    if shares.last().is_some_and(|last| *last != 100) && shares.len() == given.len() {
        bad.invalid("canary_percents", "does not end with 100");
    }
    Some(shares)
}

fn how(bad: &mut Bad, body: &v1::SwapChannelRequest) -> Option<Shares> {
    let to = number(bad, body.generation);
    let shares = shares(bad, &body.canary_percents);
    let mut within = |field: &str, given: Option<i32>, default: i32, max: i32| {
        let given = given.unwrap_or(default);
        let is_good = (1..=max).contains(&given);
        if !is_good {
            bad.invalid(field, format!("is not within 1 and {max}"));
        }
        u32::try_from(given).ok().filter(|_| is_good)
    };
    let hold = within("hold_seconds", body.hold_seconds, HOLD_DEFAULT, HOLD_MAX);
    let judged = within("judged_min", body.judged_min, JUDGED_DEFAULT, JUDGED_MAX);
    Some(Shares {
        to: to?,
        shares: shares?,
        hold: SignedDuration::from_secs(i64::from(hold?)),
        judged_min: judged?,
    })
}

/// Why generations were not changed, as callers see it.
fn unfit(why: Unfit) -> Status {
    use ErrorReason as R;
    let message = why.to_string();
    match why {
        Unfit::NoChannel(name) => Problem::new(R::ChannelNotFound, message)
            .with("value", name)
            .into(),
        Unfit::Field(field, _) => Problem::new(R::FieldInvalid, message)
            .with("field", field)
            .into(),
        Unfit::Hash(problem) => Problem::new(R::HashInvalid, problem)
            .with("field", "sha256")
            .into(),
        Unfit::Library(_) => Problem::new(R::LibraryRefused, message).into(),
        Unfit::Command(error) => status::of_command(error),
    }
}

/// Whether nothing can come of a generation any more.
const fn is_over(state: v1::ChannelState) -> bool {
    matches!(state, v1::ChannelState::Refused | v1::ChannelState::Retired)
}

/// What lists are sorted by: the name, and the newest generation first.
fn key(c: &v1::Channel) -> String {
    format!("{} {:020}", c.name, i64::MAX - c.generation)
}

impl Edge {
    async fn must_be_its_own(&self, caller: &Caller) -> Result<(), Status> {
        let own = self.engine.must_be_its_own(caller).await;
        own.map_err(status::of_command)
    }

    /// Every generation of every channel, also those that were refused.
    pub(super) async fn all_channels(&self) -> Vec<v1::Channel> {
        let mut all = Vec::new();
        for own in self.channels.iter() {
            let (rollout, here, refused, live, mapped, awaited) = {
                let held = own.held();
                (
                    held.rollout.clone(),
                    held.here.clone(),
                    held.refused.clone(),
                    held.live(),
                    held.mapped,
                    held.awaited(),
                )
            };
            for (number, here) in &here {
                let mut row = self.running(own, here, *number).await;
                row.share_percent = if *number == live { 100 } else { 0 };
                if *number == live && mapped > 0 {
                    let told = format!("{mapped} inline generations before it stay mapped");
                    row.detail = joined(&row.detail, &told);
                }
                all.push(row);
            }
            let Some(rollout) = rollout else {
                let why = refused.into_iter().filter(|(n, _)| !here.contains_key(n));
                all.extend(why.map(|(n, why)| refused_row(own, n, why)));
                continue;
            };
            for generation in &rollout.generations {
                let Some(told) = self.on_record(&rollout, generation.number) else {
                    continue;
                };
                let number = told.generation;
                let known = |c: &&mut v1::Channel| c.name == told.name && c.generation == number;
                let why = refused.get(&generation.number);
                match all.iter_mut().find(known) {
                    Some(row) => {
                        row.share_percent = told.share_percent;
                        row.is_downgrade = told.is_downgrade;
                        row.detail = joined(&told.detail, &row.detail);
                        if told.state() == v1::ChannelState::Canary {
                            let awaited = awaited.as_deref().unwrap_or_default();
                            row.detail = joined(awaited, &row.detail);
                        }
                        if row.state() != v1::ChannelState::Faulted {
                            row.state = told.state;
                        }
                    }
                    None => all.push(v1::Channel {
                        detail: match why {
                            // Why it went back says it already, where it did so for this.
                            Some(why) if !told.detail.contains(why.as_str()) => {
                                joined(&told.detail, &format!("does not start here: {why}"))
                            }
                            Some(_) | None => told.detail.clone(),
                        },
                        ..told
                    }),
                }
            }
        }
        all.sort_by_key(key);
        all
    }

    /// A generation as it is on record; how it does here, the list says.
    fn on_record(&self, rollout: &Rollout, number: u32) -> Option<v1::Channel> {
        let own = self.channels.iter();
        let own = own.into_iter().find(|o| o.config.name == rollout.channel)?;
        let g = rollout.generation(number)?;
        let state = match g.state {
            GenerationState::Staged => v1::ChannelState::Staged,
            GenerationState::Canary => v1::ChannelState::Canary,
            GenerationState::Live => v1::ChannelState::Live,
            GenerationState::Draining => v1::ChannelState::Draining,
            GenerationState::Faulted => v1::ChannelState::Faulted,
            GenerationState::Retired => v1::ChannelState::Retired,
        };
        Some(v1::Channel {
            name: rollout.channel.clone(),
            plugin_id: g.made.plugin.clone(),
            version: g.made.plugin_version.clone(),
            sha256: g.made.sha256.clone(),
            generation: i64::from(number),
            state: state.into(),
            detail: g.why.clone(),
            placement: placement(own).into(),
            share_percent: i32::from(rollout.share(number)),
            trust: trust(&g.made.vouched).into(),
            publisher: publisher(&g.made.vouched),
            is_downgrade: g.made.older,
            ..v1::Channel::default()
        })
    }

    /// A generation that runs here.
    async fn running(&self, own: &Own, loaded: &Here, number: u32) -> v1::Channel {
        let name = &own.config.name;
        let state = loaded.channel.state().await;
        let descriptor = loaded.channel.descriptor();
        let capabilities = loaded.channel.capabilities();
        let named = [
            ("status_query", capabilities.status_query),
            ("cancel", capabilities.cancel),
            ("delivery_events", capabilities.callbacks),
            ("two_way", capabilities.two_way),
            ("began", capabilities.began),
            ("validity", capabilities.validity),
            ("idempotent_send", capabilities.idempotent_send),
        ];
        let open = state
            .circuit_open_after
            .map(|n| format!("failed {n} times in a row and is left alone for a while"));
        let broken = state
            .remaking_failed
            .map(|why| format!("could not be made anew: {why}"));
        let infos = self.engine.generations(name);
        let info = infos.iter().find(|i| i.generation == number);
        let unused = info.is_some_and(|i| !i.used);
        let unused = unused.then(|| "nothing sent since the start".to_owned());
        let refusals = info.and_then(|i| i.refusals).map(|r| {
            let sends = if r.count == 1 {
                "send was"
            } else {
                "sends were"
            };
            format!(
                "the last {} {sends} not accepted, the newest at {} for `{}`",
                r.count, r.at, r.kind
            )
        });
        let parked = self.engine.parked(name);
        let parked = (parked > 0).then(|| format!("{parked} cases wait for room"));
        let gone = loaded.channel.is_isolated() && state.process.is_none();
        let gone = gone.then(|| "its process is gone; the next call starts it again".to_owned());
        let process = state.process.as_ref();
        let gaps = process.map_or(&[][..], |p| &p.unguarded);
        let gaps = (!gaps.is_empty()).then(|| format!("its fence has gaps: {}", gaps.join("; ")));
        let detail = [
            open.clone(),
            broken.clone(),
            gone,
            gaps,
            refusals,
            unused,
            parked,
        ]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
        let is_healthy = open.is_none() && broken.is_none();
        let circuit = if open.is_some() {
            v1::CircuitState::Open
        } else {
            v1::CircuitState::Closed
        };
        let standing = if broken.is_some() {
            v1::ChannelState::Faulted
        } else {
            v1::ChannelState::Live
        };
        let count = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        v1::Channel {
            kind: descriptor.kind.clone(),
            name: name.clone(),
            plugin_id: descriptor.id.clone(),
            version: descriptor.version.clone(),
            vendor: descriptor.vendor.clone(),
            sha256: loaded.channel.digest().to_owned(),
            generation: i64::from(number),
            state: standing.into(),
            detail: detail.join("; "),
            placement: placement(own).into(),
            process_id: process.map_or(0, |p| i64::from(p.pid)),
            capabilities: named
                .iter()
                .filter(|(_, can)| *can)
                .map(|(n, _)| (*n).into())
                .collect(),
            in_flight: count(state.in_flight),
            max_in_flight: count(loaded.channel.max_in_flight()),
            circuit: circuit.into(),
            share_percent: 100,
            healthy: is_healthy,
            health_time: None,
            load_time: Some(value::to_instant(loaded.at)),
            trust: trust(&loaded.vouched).into(),
            publisher: publisher(&loaded.vouched),
            is_downgrade: false,
        }
    }
}

fn joined(one: &str, other: &str) -> String {
    let parts = [one, other].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("; ")
}

fn refused_row(own: &Own, number: u32, why: String) -> v1::Channel {
    v1::Channel {
        name: own.config.name.clone(),
        generation: i64::from(number),
        state: v1::ChannelState::Refused.into(),
        detail: why,
        placement: placement(own).into(),
        ..v1::Channel::default()
    }
}

const fn trust(vouched: &Vouched) -> v1::ChannelTrust {
    match vouched {
        Vouched::Nobody => v1::ChannelTrust::Unsigned,
        Vouched::Pinned => v1::ChannelTrust::Pinned,
        Vouched::Signed { .. } => v1::ChannelTrust::Signed,
    }
}

fn publisher(vouched: &Vouched) -> String {
    match vouched {
        Vouched::Signed { publisher } => publisher.clone(),
        Vouched::Nobody | Vouched::Pinned => String::new(),
    }
}

const fn placement(own: &Own) -> v1::ChannelPlacement {
    match own.config.placement {
        PlacementConfig::Isolated => v1::ChannelPlacement::Isolated,
        PlacementConfig::Inline => v1::ChannelPlacement::Inline,
    }
}
