//! Channels are swapped while they run: share by share, back by themselves where they are worse, over a kill, and with
//! visits under way that the new generation calls off.

use std::fs;
use std::path::{Path, PathBuf};

use recoup::api::recoup::v1;
use tonic::Status;

use crate::kill;
use crate::support::builds;
use crate::support::client::{Client, fields, reason};
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, cny, now, pb_time};
use crate::support::server::{Server, Setup};

pub(crate) const TEXTS: &str = "name: texts
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
";
pub(crate) const VISITS: &str = "name: visits
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: sms, template: reminder, max: 1}
  - name: then
    enter: case.dpd >= 1 && contacts.any.made >= 1
    steps:
      - {channel: visit, template: visit_brief, max: 1}
";

/// A server with channels that can be swapped, in front of a sandbox.
struct Scene {
    server: Server,
    sandbox: Sandbox,
    setup: Setup,
    ana: Client,
    loans: u32,
    folder: Folder,
}

impl Scene {
    async fn new(channels: &[&str], policy: &str) -> Self {
        let folder = Folder::new();
        let sandbox = Sandbox::live(folder.path(), 42).await;
        let mut setup = channels
            .iter()
            .fold(Setup::default(), |setup, name| setup.with(name, &sandbox));
        let libraries = folder.path().join("libraries");
        fs::create_dir(&libraries).expect("a folder");
        let line = format!("library_dirs = [\"{}\"]\n", libraries.display());
        setup.top.push_str(&line);
        let server = Server::start(folder.path(), &setup).await;
        let (ana, ben) = (server.ana(), server.ben());
        scenes::set_up(&ana, &ben, policy).await;
        Self {
            server,
            sandbox,
            setup,
            ana,
            loans: 0,
            folder,
        }
    }

    /// A library of other bytes that does the same: as a new version would come.
    fn library(&self, plugin: &str) -> PathBuf {
        let to = self
            .folder
            .path()
            .join("libraries")
            .join(format!("{plugin}-2.so"));
        let mut bytes = fs::read(builds::plugin(plugin)).expect("the plugin");
        bytes.extend_from_slice(b"\0version 2");
        fs::write(&to, bytes).expect("a library");
        to
    }

    async fn stage(&self, channel: &str, path: &Path, settings: &str) -> Result<i64, Status> {
        let request = v1::StageChannelRequest {
            request_id: format!("stage-{}", now().as_microsecond()),
            kind: channel.into(),
            path: path.display().to_string(),
            settings_json: settings.into(),
            ..v1::StageChannelRequest::default()
        };
        let staged = self.ana.channels().stage_channel(request).await?;
        Ok(staged.into_inner().channel.expect("it").generation)
    }

    async fn swap(&self, channel: &str, to: i64, shares: &[i32]) -> Result<(), Status> {
        let request = v1::SwapChannelRequest {
            request_id: format!("swap-{}", now().as_microsecond()),
            kind: channel.into(),
            generation: to,
            canary_percents: shares.to_vec(),
            hold_seconds: Some(1),
            judged_min: Some(3),
        };
        self.ana.channels().swap_channel(request).await.map(drop)
    }

    async fn roll_back(&self, channel: &str) -> Result<v1::Channel, Status> {
        let request = v1::RollbackChannelRequest {
            request_id: format!("back-{}", now().as_microsecond()),
            kind: channel.into(),
            reason: "a word".into(),
        };
        let back = self.ana.channels().rollback_channel(request).await?;
        Ok(back.into_inner().channel.expect("it"))
    }

    /// The generations of a channel, the newest first.
    async fn generations(&self, channel: &str) -> Vec<v1::Channel> {
        generations(&self.ana, channel).await
    }

    async fn generation(&self, channel: &str, number: i64) -> v1::Channel {
        let all = self.generations(channel).await;
        let found = all.into_iter().find(|c| c.generation == number);
        found.expect("the generation")
    }

    /// Opens a case, and waits for its contact to be made; which generation made it.
    async fn contact(&mut self) -> v1::Contact {
        self.loans += 1;
        let case = scenes::open(&self.ana, &Loan::at_noon(self.loans)).await;
        until("a contact that is under way no more", async || {
            let all = scenes::contacts_of(&self.ana, &case.case_id).await;
            all.into_iter().find(|c| {
                !matches!(
                    c.state(),
                    v1::ContactState::Dispatching | v1::ContactState::Planned
                )
            })
        })
        .await
    }

    /// Opens cases until a generation stands in a state.
    async fn contacts_until(&mut self, channel: &str, number: i64, state: v1::ChannelState) {
        for _ in 0..400 {
            if self.generation(channel, number).await.state() == state {
                return;
            }
            self.contact().await;
        }
        panic!("{:?}", self.generations(channel).await);
    }

    /// The person whom a contact was for.
    async fn party(&self, contact: &v1::Contact) -> v1::Party {
        let id = v1::party_ref::Ref::PartyId(contact.party_id.clone());
        let request = v1::GetBorrowerRequest {
            party: Some(v1::PartyRef { r#ref: Some(id) }),
        };
        let found = self.ana.borrowers().get_borrower(request).await;
        found.expect("them").into_inner().party.expect("them")
    }

    /// What is known of the number that a contact went to.
    async fn point_state(&self, contact: &v1::Contact) -> v1::ContactPointState {
        let mut points = self.party(contact).await.contact_points.into_iter();
        let found = points.find(|p| p.contact_point_id == contact.contact_point_id);
        found.expect("the number").state()
    }

    /// The lender says that the number works that a contact went to.
    async fn say_that_it_works(&self, contact: &v1::Contact) {
        let mut party = self.party(contact).await;
        for point in &mut party.contact_points {
            if point.contact_point_id == contact.contact_point_id {
                point.set_state(v1::ContactPointState::Valid);
            }
        }
        let request = v1::UpsertBorrowerRequest {
            request_id: "works".into(),
            party: Some(party),
            update_mask: Some(prost_types::FieldMask {
                paths: vec!["contact_points".into()],
            }),
        };
        let done = self.ana.borrowers().upsert_borrower(request).await;
        done.expect("taken");
    }

    async fn start_again(&mut self) {
        self.server.process().kill();
        let (api, callbacks) = (
            self.server.api().to_string(),
            self.server.callbacks().to_string(),
        );
        self.setup.args = ["--listen", &api, "--callback-listen", &callbacks]
            .map(str::to_owned)
            .into();
        self.server = Server::start(self.folder.path(), &self.setup).await;
        self.ana = self.server.ana();
    }

    async fn judge(&mut self) {
        kill::settle(&self.ana).await;
        self.sandbox.stop().await;
        let ledger = judge::export(&self.ana, self.folder.path()).await;
        let judged = judge::judge(self.sandbox.log(), &ledger, &[]);
        assert_eq!(judged.status, Some(0), "{}", judged.text);
    }
}

/// The generations of a channel, the newest first.
pub(crate) async fn generations(client: &Client, channel: &str) -> Vec<v1::Channel> {
    let request = v1::ListChannelsRequest {
        page_size: 1_000,
        show_all: true,
        ..v1::ListChannelsRequest::default()
    };
    let listed = client.channels().list_channels(request).await;
    let mut all = listed.expect("channels").into_inner().channels;
    all.retain(|c| c.name == channel);
    all
}

fn states(all: &[v1::Channel]) -> Vec<(i64, v1::ChannelState, i32)> {
    all.iter()
        .map(|c| (c.generation, c.state(), c.share_percent))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_generation_takes_over_outlives_a_kill_and_is_gone_back_to() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms"], TEXTS).await;
    let before = scene.contact().await;
    assert_eq!(before.channel_generation, 1);
    let old = scene.generation("sms", 1).await;

    let library = scene.library("sms");
    let staged = scene.stage("sms", &library, "").await.expect("staged");
    assert_eq!(staged, 2);
    let all = scene.generations("sms").await;
    assert_eq!(states(&all), [(2, S::Staged, 0), (1, S::Live, 100)]);
    assert_ne!(all[0].sha256, all[1].sha256);
    assert_eq!((all[0].process_id, all[1].process_id), (0, old.process_id));
    let probe = v1::ProbeChannelRequest {
        request_id: "probe".into(),
        kind: "sms".into(),
        generation: 2,
    };
    let probe = scene.ana.channels().probe_channel(probe).await;
    let probe = probe.expect("an answer").into_inner();
    assert!(probe.ok, "{:?}", probe.lines);
    assert_eq!(
        scene.contact().await.channel_generation,
        1,
        "staged takes none"
    );

    scene.swap("sms", 2, &[50, 100]).await.expect("begun");
    let all = scene.generations("sms").await;
    assert_eq!(states(&all), [(2, S::Canary, 50), (1, S::Live, 50)]);
    // It goes on where it was.
    scene.start_again().await;
    let all = scene.generations("sms").await;
    assert_eq!(states(&all), [(2, S::Canary, 50), (1, S::Live, 50)]);
    scene.contacts_until("sms", 2, S::Live).await;
    let new = scene.contact().await;
    assert_eq!(
        (new.channel_generation, &new.library_sha256),
        (2, &all[0].sha256)
    );
    until("the old generation to end", async || {
        let old = scene.generation("sms", 1).await;
        (old.state() == S::Retired && old.process_id == 0).then_some(())
    })
    .await;

    // What is live after a kill is what was live before it, whatever the configuration named at first.
    scene.start_again().await;
    let all = scene.generations("sms").await;
    assert_eq!(states(&all), [(2, S::Live, 100), (1, S::Retired, 0)]);
    assert_eq!(scene.contact().await.channel_generation, 2);

    let back = scene.roll_back("sms").await.expect("gone back");
    assert_eq!((back.generation, back.state()), (1, S::Live));
    let after = scene.contact().await;
    assert_eq!(
        (after.channel_generation, after.library_sha256),
        (1, before.library_sha256)
    );
    let all = scene.generations("sms").await;
    assert_eq!(states(&all), [(2, S::Faulted, 0), (1, S::Live, 100)]);
    assert!(all[0].detail.contains("a word"), "{}", all[0].detail);
    let nothing = scene.roll_back("sms").await.expect_err("there is none");
    assert_eq!(reason(&nothing), "CHANNEL_STATE");
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_is_worse_is_taken_back_by_itself() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms"], TEXTS).await;
    // Nobody listens there.
    let settings = r#"{"endpoint": "http://127.0.0.1:9/cgi-bin/sendsms", "username": "recoup",
        "password_secret": "sms", "from": "10690"}"#;
    let library = scene.library("sms");
    let bad = scene
        .stage("sms", &library, settings)
        .await
        .expect("staged");
    scene.swap("sms", bad, &[50, 100]).await.expect("begun");
    scene.contacts_until("sms", bad, S::Faulted).await;
    let faulted = scene.generation("sms", bad).await;
    assert!(
        faulted.detail.contains("sends failed"),
        "{}",
        faulted.detail
    );
    let live = scene.generation("sms", 1).await;
    assert_eq!((live.state(), live.share_percent), (S::Live, 100));
    for _ in 0..10 {
        assert_eq!(scene.contact().await.channel_generation, 1);
    }
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_failures_take_no_share_and_the_first_contacts_count() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms"], TEXTS).await;
    let settings = r#"{"endpoint": "http://127.0.0.1:9/cgi-bin/sendsms", "username": "recoup",
        "password_secret": "sms", "from": "10690"}"#;
    let library = scene.library("sms");
    let bad = scene
        .stage("sms", &library, settings)
        .await
        .expect("staged");
    scene.swap("sms", bad, &[100]).await.expect("begun");
    // As many as are to be judged, from the first instant on; all of them fail.
    for _ in 0..3 {
        assert_eq!(scene.contact().await.channel_generation, bad);
    }
    let what = "3 of 3 contacts were not accepted";
    until("the list to say what the swap waits for", async || {
        let waits = scene.generation("sms", bad).await;
        assert_eq!((waits.state(), waits.share_percent), (S::Canary, 100));
        waits.detail.contains(what).then_some(())
    })
    .await;
    // With two more it is beyond chance; no further one is needed.
    for _ in 0..2 {
        scene.contact().await;
    }
    let faulted = until("it to be taken back", async || {
        let found = scene.generation("sms", bad).await;
        (found.state() == S::Faulted).then_some(found)
    })
    .await;
    let why = "5 of 5 sends failed";
    assert!(faulted.detail.contains(why), "{}", faulted.detail);
    assert_eq!(scene.contact().await.channel_generation, 1);
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generation_that_rejects_every_number_is_taken_back_and_its_numbers_come_back() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms"], TEXTS).await;
    let elsewhere = Folder::new();
    let mut refuses = Sandbox::live(elsewhere.path(), 42).await;
    refuses.misbehave("sms:reject=1").await;
    let settings = format!(
        r#"{{"endpoint": "{}", "username": "recoup", "password_secret": "sms", "from": "10690"}}"#,
        format_args!("{}/cgi-bin/sendsms", refuses.endpoint("sms"))
    );
    let library = scene.library("sms");
    let bad = scene.stage("sms", &library, &settings).await;
    let bad = bad.expect("staged");
    scene.swap("sms", bad, &[100]).await.expect("begun");
    scene.contacts_until("sms", bad, S::Faulted).await;
    let faulted = scene.generation("sms", bad).await;
    let why = "rejected for their address";
    assert!(faulted.detail.contains(why), "{}", faulted.detail);

    let spoiled = v1::ListContactsRequest {
        filter: format!(
            "channel_name = sms AND channel_generation = {bad} AND outcome = INVALID_ADDRESS"
        ),
        ..v1::ListContactsRequest::default()
    };
    let spoiled = scene.ana.contacts().list_contacts(spoiled).await;
    let spoiled = spoiled.expect("contacts").into_inner().contacts;
    assert!(spoiled.len() >= 5, "{spoiled:?}");
    let first = &spoiled[0];
    let invalid = v1::ContactPointState::Invalid;
    assert_eq!(scene.point_state(first).await, invalid);
    scene.say_that_it_works(first).await;
    let valid = v1::ContactPointState::Valid;
    assert_eq!(scene.point_state(first).await, valid);
    let by_hand = v1::RequestContactRequest {
        request_id: "again".into(),
        case_id: first.case_id.clone(),
        channel: "sms".into(),
        template: "reminder".into(),
        contact_point_id: first.contact_point_id.clone(),
        reason: "they say that the number works".into(),
        ..v1::RequestContactRequest::default()
    };
    let again = scene.ana.contacts().request_contact(by_hand).await;
    again.expect("the number is taken again");
    let again = scenes::until_contact(&scene.ana, &first.case_id, v1::ContactState::Accepted).await;
    assert_eq!(again.channel_generation, 1);
    assert_eq!(again.contact_point_id, first.contact_point_id);
    refuses.stop().await;
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visit_of_the_old_generation_is_called_off_by_the_new_one() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms", "visit"], VISITS).await;
    scenes::add_collectors(&scene.ana).await;
    let text = scene.contact().await;
    let accepted = v1::ContactState::Accepted;
    let visit = until("a visit", async || {
        let all = scenes::contacts_of(&scene.ana, &text.case_id).await;
        all.into_iter()
            .find(|c| c.channel == "visit" && c.state() == accepted)
    })
    .await;
    assert_eq!(
        (visit.state(), visit.channel_generation),
        (v1::ContactState::Accepted, 1)
    );
    let library = scene.library("visit");
    let new = scene.stage("visit", &library, "").await.expect("staged");
    scene.swap("visit", new, &[100]).await.expect("begun");
    scene.contacts_until("visit", new, S::Live).await;
    until("the old generation to end", async || {
        let old = scene.generation("visit", 1).await;
        (old.state() == S::Retired && old.process_id == 0).then_some(())
    })
    .await;
    let paid = v1::RecordPaymentRequest {
        request_id: "paid".into(),
        case_id: visit.case_id.clone(),
        payment_ref: "P1".into(),
        amount: Some(cny(600)),
        received_time: Some(pb_time(now())),
        balance_after: None,
    };
    scene.ana.cases().record_payment(paid).await.expect("taken");
    let cancelled =
        scenes::until_contact(&scene.ana, &visit.case_id, v1::ContactState::Cancelled).await;
    assert_eq!(cancelled.contact_id, visit.contact_id);
    scene.judge().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_staged_or_swapped_is_said_and_changes_nothing() {
    let scene = Scene::new(&["sms", "phone"], TEXTS).await;
    let before = scene.generations("sms").await;
    let own = scene.folder.path().join("libraries");
    let text = own.join("text.so");
    fs::write(&text, "no library").expect("a file");
    let outside = scene.folder.path().join("outside.so");
    fs::copy(builds::plugin("sms"), &outside).expect("a file");
    let link = own.join("link.so");
    std::os::unix::fs::symlink(&outside, &link).expect("a link");
    let library = scene.library("sms");
    let phone = scene.library("phone");
    for (path, settings, wanted, field) in [
        (&text, "", "LIBRARY_REFUSED", ""),
        (&outside, "", "FIELD_INVALID", "path"),
        (&link, "", "FIELD_INVALID", "path"),
        (&own.join("none.so"), "", "FIELD_INVALID", "path"),
        (&own, "", "FIELD_INVALID", "path"),
        (
            &PathBuf::from("libraries/text.so"),
            "",
            "FIELD_INVALID",
            "path",
        ),
        (&library, "[]", "FIELD_INVALID", "settings_json"),
        (&library, "{\"endpont\": 1}", "LIBRARY_REFUSED", ""),
        (&phone, "", "LIBRARY_REFUSED", ""),
    ] {
        let refused = scene
            .stage("sms", path, settings)
            .await
            .expect_err("refused");
        assert_eq!(reason(&refused), wanted, "{}: {refused:?}", path.display());
        let named = fields(&refused);
        assert_eq!(
            named.first().map_or("", String::as_str),
            field,
            "{refused:?}"
        );
    }
    let other = v1::StageChannelRequest {
        request_id: "other-hash".into(),
        kind: "sms".into(),
        path: library.display().to_string(),
        sha256: "a".repeat(64),
        ..v1::StageChannelRequest::default()
    };
    let refused = scene.ana.channels().stage_channel(other).await;
    assert_eq!(reason(&refused.expect_err("refused")), "HASH_INVALID");
    let refused = scene.swap("sms", 2, &[100]).await.expect_err("refused");
    assert_eq!(reason(&refused), "GENERATION_NOT_FOUND");
    let refused = scene.swap("sms", 1, &[100]).await.expect_err("refused");
    assert_eq!(reason(&refused), "CHANNEL_STATE");
    let refused = scene.swap("fax", 1, &[100]).await.expect_err("refused");
    assert_eq!(reason(&refused), "CHANNEL_NOT_FOUND");
    let drain = v1::DrainChannelRequest {
        request_id: "drain".into(),
        kind: "sms".into(),
        generation: 1,
    };
    let refused = scene.ana.channels().drain_channel(drain).await;
    assert_eq!(reason(&refused.expect_err("refused")), "CHANNEL_STATE");
    assert_eq!(states(&scene.generations("sms").await), states(&before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_configuration_is_live_at_the_next_start() {
    use v1::ChannelState as S;
    let mut scene = Scene::new(&["sms"], TEXTS).await;
    let library = scene.library("sms");
    scene.stage("sms", &library, "").await.expect("staged");
    let named = builds::plugin("sms").display().to_string();
    let line = scene
        .setup
        .tables
        .replace(&named, &library.display().to_string());
    scene.setup.tables = line;
    scene.start_again().await;
    let all = scene.generations("sms").await;
    assert_eq!(states(&all)[0], (3, S::Live, 100), "{all:?}");
    assert_eq!(scene.contact().await.channel_generation, 3);
    // Nothing new is said by the same.
    scene.start_again().await;
    assert_eq!(scene.generations("sms").await[0].generation, 3);
    let back = scene.roll_back("sms").await.expect("gone back");
    assert_eq!((back.generation, back.state()), (1, S::Live));
    assert_eq!(scene.contact().await.channel_generation, 1);
    // Whoever went back means it: the configuration that was gone back from is not put to use again.
    scene.start_again().await;
    assert_eq!(scene.contact().await.channel_generation, 1);
    scene.judge().await;
}
