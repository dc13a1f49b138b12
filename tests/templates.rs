//! What `recoup channel new` writes carries contacts. Needs make and a C compiler; the other languages are built by a
//! step of `cargo xtask test`, which then calls the test that is ignored otherwise.

use std::path::{Path, PathBuf};
use std::process::Command;

use recoup::api::recoup::v1;

use crate::kill;
use crate::support::builds;
use crate::support::judge;
use crate::support::process::{Folder, until};
use crate::support::sandbox::Sandbox;
use crate::support::scenes::{self, Loan};
use crate::support::server::{Server, Setup};
use crate::swap::{TEXTS, generations};

fn new(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(builds::recoup());
    command
        .args(["channel", "new"])
        .args(arguments)
        .current_dir(folder);
    let output = command.output().expect("it ran");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A channel in C, as it comes.
fn in_c(folder: &Path) -> PathBuf {
    let (code, said) = new(folder, &["acme-sms", "--lang", "c"]);
    assert_eq!(code, Some(0), "{said}");
    let made = Command::new("make")
        .current_dir(folder.join("acme-sms"))
        .output();
    let made = made.expect("make runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    for file in ["recoup_channel.h", "channel.proto"] {
        assert!(folder.join("acme-sms").join(file).exists(), "{file}");
    }
    folder.join("acme-sms/libacme_sms.so")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_channel_carries_contacts_at_once() {
    let folder = Folder::new();
    carries(&folder, &in_c(folder.path())).await;
}

/// The page for whoever has a channel that is live, as it stands, with a channel of the name that it uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_message_comes_as_the_page_says() {
    let folder = Folder::new();
    let library = in_c(folder.path());
    let mut sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = Setup::default().with_channel("acme-sms", &library, &settings(&sandbox));
    let server = Server::start(folder.path(), &setup).await;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/channels/first-message.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).collect();
    let [block] = blocks[..] else {
        panic!("one block is run: {blocks:?}")
    };
    let script = block.split("```").next().unwrap_or_default();
    let program = builds::recoup();
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = program.parent().expect("a folder").display();
    let output = Command::new("sh")
        .args(["-e", "-c", script])
        .current_dir(folder.path())
        .env("PATH", format!("{bin}:{path}"))
        .env("RECOUP_SERVER", format!("http://{}", server.api()))
        .output()
        .expect("a shell runs");
    assert!(output.status.success(), "{output:?}");
    let ana = server.ana();
    let contact = until("the message", async || {
        let request = v1::ListContactsRequest {
            page_size: 10,
            ..v1::ListContactsRequest::default()
        };
        let all = ana.contacts().list_contacts(request).await;
        let all = all.expect("a list").into_inner().contacts;
        all.into_iter()
            .find(|c| c.state() == v1::ContactState::Accepted)
    })
    .await;
    assert_eq!(contact.channel_name, "acme-sms", "{contact:?}");
    sandbox.stop().await;
    let seen = std::fs::read_to_string(sandbox.log()).expect("its log");
    assert!(
        seen.contains("Demo Lender】600") && seen.contains("+8613800000001"),
        "{seen}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs libraries in five languages: `cargo xtask test --only templates` builds them and runs it"]
async fn those_of_all_languages_carry_contacts() {
    let libraries = std::env::var_os("RECOUP_TEMPLATES").expect("RECOUP_TEMPLATES names them");
    let mut servers = tokio::task::JoinSet::new();
    let here = tokio::task::LocalSet::new();
    for library in std::env::split_paths(&libraries) {
        let carried = async move { carries(&Folder::new(), &library).await };
        servers.spawn_local_on(carried, &here);
    }
    let carried = here.run_until(servers.join_all()).await.len();
    assert!(
        carried >= 5,
        "one in each language, and some by other compilers"
    );
}

/// What leads a template's channel to the sandbox.
fn settings(sandbox: &Sandbox) -> String {
    format!(
        "config = {{ endpoint = \"{}/cgi-bin/sendsms\", username = \"recoup\", password_secret = \"sms\", \
         from = \"10690\" }}\nsecrets = {{ sms = {{ file = \"sms.secret\" }} }}",
        sandbox.endpoint("sms")
    )
}

async fn carries(folder: &Folder, library: &Path) {
    let mut sandbox = Sandbox::live(folder.path(), 42).await;
    let setup = Setup::default().with_channel("sms", library, &settings(&sandbox));
    let server = Server::start(folder.path(), &setup).await;
    let (ana, ben) = (server.ana(), server.ben());
    let loaded = generations(&ana, "sms").await;
    assert_eq!(loaded[0].plugin_id, "com.example.acme_sms", "{loaded:?}");
    scenes::set_up(&ana, &ben, TEXTS).await;
    for loan in 1..=5 {
        let case = scenes::open(&ana, &Loan::at_noon(loan)).await;
        let contact = until("a contact that is with its carrier", async || {
            let all = scenes::contacts_of(&ana, &case.case_id).await;
            all.into_iter().find(|c| {
                !matches!(
                    c.state(),
                    v1::ContactState::Dispatching | v1::ContactState::Planned
                )
            })
        })
        .await;
        assert_eq!(contact.state(), v1::ContactState::Accepted, "{contact:?}");
        assert_eq!(contact.library_sha256, loaded[0].sha256);
    }
    kill::settle(&ana).await;
    sandbox.stop().await;
    let ledger = judge::export(&ana, folder.path()).await;
    let judged = judge::judge(sandbox.log(), &ledger, &[]);
    assert_eq!(judged.status, Some(0), "{}", judged.text);
}

#[test]
fn a_new_channel_harms_nothing_that_is_there() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("mine")).expect("a folder");
    for (arguments, problem) in [
        (&["mine", "--lang", "c"][..], "mine is there already"),
        (&["Mine", "--lang", "c"], "lower-case letters"),
        (&["other", "--lang", "rust"], "--sdk"),
        (
            &["other", "--lang", "rust", "--sdk", "mine"],
            "mine/Cargo.toml: No such file",
        ),
        (
            &["other", "--lang", "c", "--sdk", "mine"],
            "--sdk is for Rust",
        ),
        (&["other", "--lang", "cobol"], "possible values"),
    ] {
        let (code, said) = new(folder.path(), arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
    let left = std::fs::read_dir(folder.path()).expect("it").count();
    assert_eq!(left, 1, "nothing was begun");
}
