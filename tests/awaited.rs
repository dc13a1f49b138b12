//! Channels that are not there when a server starts: what needs them waits, all else goes on, and they join once they
//! can be loaded.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use jiff::SignedDuration;
use recoup::api::recoup::v1;

use crate::kill;
use crate::support::builds;
use crate::support::client::Client;
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan, now};
use crate::support::server::{Server, Setup, config_of};
use crate::swap::generations;

/// A name of the operator's own, which says nothing of the kind of contact; a second text by another channel.
const POLICY: &str = "name: texts
stages:
  - name: all
    enter: case.dpd >= 1
    steps:
      - {channel: letters, template: reminder, max: 1}
  - name: besides
    enter: case.dpd >= 15
    steps:
      - {channel: letters, template: reminder, max: 1}
      - {channel: sms, template: reminder, max: 1}
";

struct Scene {
    folder: Folder,
    sandbox: Sandbox,
    setup: Setup,
    library: PathBuf,
}

impl Scene {
    async fn new() -> Self {
        let folder = Folder::new();
        let sandbox = Sandbox::live(folder.path(), 42).await;
        let library = folder.path().join("letters.so");
        let setup = Setup::default().with("sms", &sandbox);
        let settings = config_of("sms", &sandbox);
        let setup = setup.with_channel("letters", &library, &settings);
        let scene = Self {
            folder,
            sandbox,
            setup,
            library,
        };
        scene.bring();
        scene
    }

    fn bring(&self) {
        fs::copy(builds::plugin("sms"), &self.library).expect("the library");
    }

    fn take_away(&self) {
        fs::remove_file(&self.library).expect("taken away");
    }

    async fn start(&self) -> Server {
        Server::start(self.folder.path(), &self.setup).await
    }

    async fn judge(mut self, ana: &Client) {
        kill::settle(ana).await;
        self.sandbox.stop().await;
        let ledger = judge::export(ana, self.folder.path()).await;
        let judged = judge::judge(self.sandbox.log(), &ledger, &[]);
        assert_eq!(judged.status, Some(0), "{}", judged.text);
    }
}

/// The contact of a case, once it is made.
async fn made(ana: &Client, case: &v1::Case) -> v1::Contact {
    until("a contact", async || {
        let all = scenes::contacts_of(ana, &case.case_id).await;
        all.into_iter().find(|c| {
            !matches!(
                c.state(),
                v1::ContactState::Dispatching | v1::ContactState::Planned
            )
        })
    })
    .await
}

async fn state(ana: &Client) -> (v1::ChannelState, String) {
    let letters = generations(ana, "letters").await.remove(0);
    (letters.state(), letters.detail)
}

/// What is said of the first step of a case's stage.
async fn said(ana: &Client, case: &v1::Case) -> String {
    let request = v1::ExplainCaseRequest {
        case_id: case.case_id.clone(),
        ..v1::ExplainCaseRequest::default()
    };
    let told = ana.cases().explain_case(request).await;
    let told = told.expect("an explanation").into_inner();
    told.lines.join("\n")
}

/// Every decision so far comes out the same when it is taken again.
fn all_come_out_the_same(server: &Server, decisions: u32) {
    let mut command = Command::new(builds::recoup());
    let (from, to) = (now() - SignedDuration::from_hours(1), now());
    let (from, to) = (from.to_string(), to.to_string());
    command.args(["audit", "replay", "--from", &from, "--to", &to]);
    command.env("RECOUP_SERVER", format!("http://{}", server.api()));
    command.env("RECOUP_TOKEN", "dev-ana");
    let output = command.output().expect("it ran");
    let said = String::from_utf8_lossy(&output.stdout);
    let wanted = format!("decisions taken again: {decisions}; the same: {decisions};");
    assert!(said.contains(&wanted), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_waits_for_its_channel_and_goes_once_it_is_there() {
    let scene = Scene::new().await;
    let mut server = scene.start().await;
    scenes::set_up(&server.ana(), &server.ben(), POLICY).await;
    let first = scenes::open(&server.ana(), &Loan::at_noon(1)).await;
    assert_eq!(made(&server.ana(), &first).await.channel_name, "letters");

    // A policy on record names it, and nobody knows what kind of contact it makes.
    server.process().kill();
    scene.take_away();
    server = scene.start().await;
    let ana = server.ana();
    let (stands, why) = state(&ana).await;
    assert_eq!(stands, v1::ChannelState::Refused);
    assert!(why.contains("cannot read its library"), "{why}");
    let second = scenes::open(&ana, &Loan::at_noon(2)).await;
    let told = until("an explanation", async || {
        let told = said(&ana, &second).await;
        told.contains("waits for channel letters").then_some(told)
    });
    assert!(told.await.contains("; asked again "));
    // What goes by another channel is not held up.
    let mut later = Loan::at_noon(3);
    later.due = later.due.saturating_sub(jiff::Span::new().days(10));
    let old = scenes::open(&ana, &later).await;
    assert_eq!(made(&ana, &old).await.channel_name, "sms");
    let none = scenes::contacts_of(&ana, &second.case_id).await;
    assert!(none.is_empty(), "{none:?}");

    scene.bring();
    let sent = made(&ana, &second).await;
    assert_eq!(
        (&*sent.channel_name, sent.channel_generation),
        ("letters", 1)
    );
    assert_eq!(state(&ana).await.0, v1::ChannelState::Live);
    // Also the one that was taken while a channel was awaited.
    all_come_out_the_same(&server, 3);
    scene.judge(&ana).await;
}
