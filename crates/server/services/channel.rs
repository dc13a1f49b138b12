//! ChannelService.

use tonic::{Request, Response, Status, async_trait};

use super::Edge;
use crate::api::recoup::v1;
use crate::api::recoup::v1::channel_service_server::ChannelService;
use crate::config::PlacementConfig;
use crate::convert::page::{self, Binding};
use crate::convert::read::Bad;
use crate::convert::value;
use crate::wiring::{Installed, Loaded};

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
        rows.retain(|c| body.show_all || c.state != i32::from(v1::ChannelState::Refused));
        rows.retain(|c| place.as_ref().is_none_or(|after| c.name > *after));
        let more = rows.len() > size;
        rows.truncate(size);
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map_or_else(String::new, |c| bound.token(&c.name));
        Ok(Response::new(v1::ListChannelsResponse {
            channels: rows,
            next_page_token,
        }))
    }
}

impl Edge {
    /// Every channel of the configuration by name, also those that were refused.
    pub(super) async fn all_channels(&self) -> Vec<v1::Channel> {
        let mut all = Vec::with_capacity(self.channels.len());
        for installed in &self.channels {
            all.push(match &installed.loaded {
                Ok(loaded) => self.loaded(installed, loaded).await,
                Err(why) => refused(installed, why),
            });
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    async fn loaded(&self, installed: &Installed, loaded: &Loaded) -> v1::Channel {
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
        let infos = self.engine.channels();
        let info = infos.iter().find(|i| i.handle.name == installed.name);
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
        let parked = self.engine.parked(&installed.name);
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
            name: installed.name.clone(),
            plugin_id: descriptor.id.clone(),
            version: descriptor.version.clone(),
            vendor: descriptor.vendor.clone(),
            sha256: loaded.channel.digest().to_owned(),
            generation: 1,
            state: standing.into(),
            detail: detail.join("; "),
            placement: placement(installed).into(),
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
        }
    }
}

fn refused(installed: &Installed, why: &str) -> v1::Channel {
    v1::Channel {
        name: installed.name.clone(),
        state: v1::ChannelState::Refused.into(),
        detail: why.to_owned(),
        placement: placement(installed).into(),
        ..v1::Channel::default()
    }
}

const fn placement(installed: &Installed) -> v1::ChannelPlacement {
    match installed.placement {
        PlacementConfig::Isolated => v1::ChannelPlacement::Isolated,
        PlacementConfig::Inline => v1::ChannelPlacement::Inline,
    }
}
