//! Which libraries a server loads: by the lock, by signatures, and what it grants them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use minisign::KeyPair;
use recoup::api::recoup::v1;
use tonic::Status;

use crate::support::builds;
use crate::support::client::{Client, reason};
use crate::support::process::{Folder, until};
use crate::support::scenes::now;
use crate::support::server::{Server, Setup, launch};
use crate::swap::generations;

/// A key of no meaning, and its hash.
const KEY: &str = "foo";
const OUTSIDE_DEVELOPMENT: &str = "[[principal]]\nname = \"app\"\ntenant = \"demo\"\nroles = [\"all\"]\n\
    key_sha256 = [\"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"]\n";
const SETTINGS: &str = "config = { endpoint = \"http://127.0.0.1:9/x\", username = \"u\", password_secret = \"sms\", \
    from = \"1\" }\nsecrets = { sms = { file = \"sms.secret\" } }";

/// A folder with a configuration, libraries and a lock.
struct Place {
    folder: Folder,
    setup: Setup,
    library: PathBuf,
}

impl Place {
    /// One channel, `sms`, and the lock that the program writes for it.
    fn new() -> Self {
        let folder = Folder::new();
        let library = folder.path().join("libsms.so");
        fs::copy(builds::plugin("sms"), &library).expect("a library");
        fs::write(folder.path().join("sms.secret"), "secret").expect("a secret");
        let setup = Setup::default().with_channel("sms", &library, SETTINGS);
        let mut place = Self {
            folder,
            setup,
            library,
        };
        let lock = place.written_lock(&[]);
        place.lock(&lock);
        place
            .setup
            .top
            .push_str("channels_lock = \"channels.lock\"\n");
        place
    }

    fn lock(&self, text: &str) {
        fs::write(self.folder.path().join("channels.lock"), text).expect("a lock");
    }

    /// What `recoup channel lock` prints.
    fn written_lock(&self, arguments: &[&str]) -> String {
        self.asked_for_a_lock(arguments)
            .unwrap_or_else(|said| panic!("{said}"))
    }

    /// The same, or what it says instead.
    fn asked_for_a_lock(&self, arguments: &[&str]) -> Result<String, String> {
        let config = self.folder.path().join("for-the-lock.toml");
        let text = format!("{}{}", self.setup.top, self.setup.tables);
        fs::write(&config, text).expect("a configuration");
        let mut command = Command::new(builds::recoup());
        command.args(["channel", "lock", "--config"]).arg(&config);
        let output = command.args(arguments).output().expect("it ran");
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(String::from_utf8(output.stdout).expect("text"))
    }

    async fn start(&self) -> Server {
        Server::start(self.folder.path(), &self.setup).await
    }

    /// A library of other bytes, and of this version where one is given.
    fn other(&self, name: &str, version: Option<&str>) -> PathBuf {
        let mut bytes = fs::read(&self.library).expect("the library");
        if let Some(version) = version {
            let (old, new) = (b"0.1.0", version.as_bytes());
            assert_eq!(old.len(), new.len());
            let places: Vec<usize> = (0..bytes.len() - old.len())
                .filter(|at| bytes[*at..].starts_with(old))
                .collect();
            for at in places {
                bytes[at..at + new.len()].copy_from_slice(new);
            }
        }
        bytes.extend_from_slice(name.as_bytes());
        let to = self.folder.path().join(format!("lib{name}.so"));
        fs::write(&to, bytes).expect("a library");
        to
    }
}

/// Signs a file as `minisign -S` does.
fn sign(keys: &KeyPair, library: &Path, comment: &str) {
    let bytes = fs::read(library).expect("a library");
    let signed = minisign::sign(Some(&keys.pk), &keys.sk, &*bytes, Some(comment), None);
    let beside = format!("{}.minisig", library.display());
    fs::write(beside, signed.expect("a signature").into_string()).expect("a file");
}

/// What `recoup channel show --comment` prints.
fn comment_of(library: &Path) -> String {
    let mut command = Command::new(builds::recoup());
    let output = command
        .args(["channel", "show", "--comment"])
        .arg(library)
        .output();
    let output = output.expect("it ran");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

async fn stage(client: &Client, library: &Path, how: (&str, bool)) -> Result<v1::Channel, Status> {
    let (settings, allow_downgrade) = how;
    let request = v1::StageChannelRequest {
        request_id: format!("stage-{}", now().as_microsecond()),
        kind: "sms".into(),
        path: library.display().to_string(),
        settings_json: settings.into(),
        allow_downgrade,
        ..v1::StageChannelRequest::default()
    };
    let staged = client.channels().stage_channel(request).await?;
    Ok(staged.into_inner().channel.expect("it"))
}

async fn refusal(client: &Client, library: &Path, settings: &str) -> String {
    let refused = stage(client, library, (settings, false)).await;
    let refused = refused.expect_err("refused");
    assert_eq!(reason(&refused), "LIBRARY_REFUSED", "{refused}");
    refused.message().to_owned()
}

async fn only(client: &Client) -> v1::Channel {
    let mut all = generations(client, "sms").await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_says_what_is_loaded() {
    let place = Place::new();
    let lock = fs::read_to_string(place.folder.path().join("channels.lock")).expect("the lock");
    assert!(lock.contains("endpoints = [\"127.0.0.1:9\"]"), "{lock}");
    assert!(lock.contains("secrets = [\"sms\"]"), "{lock}");
    let said = place.asked_for_a_lock(&["--publisher", "foo"]);
    let said = said.expect_err("that is no key");
    assert!(
        said.contains("--publisher: `foo` is no minisign key"),
        "{said}"
    );
    let server = place.start().await;
    let ana = server.ana();
    let loaded = only(&ana).await;
    assert_eq!(
        (loaded.trust(), loaded.state()),
        (v1::ChannelTrust::Pinned, v1::ChannelState::Live)
    );

    let other = place.other("other", None);
    let why = refusal(&ana, &other, "").await;
    assert!(
        why.contains("nobody vouches") && why.contains(".minisig"),
        "{why}"
    );
    // The lock is read when it is asked: what was approved a moment ago holds.
    let sha256 = &loaded.sha256;
    let known = comment_of(&other);
    let known = known
        .split("sha256:")
        .nth(1)
        .and_then(|r| r.split(' ').next())
        .expect("a hash");
    place.lock(&lock.replace(
        &format!("[\"{sha256}\"]"),
        &format!("[\"{sha256}\", \"{known}\"]"),
    ));
    let staged = stage(&ana, &other, ("", false)).await.expect("staged");
    assert_eq!(
        (staged.trust(), &*staged.sha256),
        (v1::ChannelTrust::Pinned, known)
    );
    // A hash does not make up for a signature that is none.
    let beside = format!("{}.minisig", other.display());
    fs::write(&beside, "hello\n").expect("a file");
    let why = refusal(&ana, &other, "").await;
    assert!(why.contains("it is no minisign file"), "{why}");
    fs::remove_file(beside).expect("it goes");
    // A refusal names the file that was staged, and not the configuration's.
    let many = r#"{"endpoint": "ftp://127.0.0.1:9/x", "username": "u", "password_secret": "sms", "from": "1"}"#;
    let why = refusal(&ana, &other, many).await;
    assert!(
        why.contains("libother.so refuses its configuration"),
        "{why}"
    );
    // What it is granted holds for each of its generations.
    let elsewhere = r#"{"endpoint": "http://127.0.0.1:10/x", "username": "u", "password_secret": "sms", "from": "1"}"#;
    let why = refusal(&ana, &place.library, elsewhere).await;
    assert!(why.contains("it connects to 127.0.0.1:10"), "{why}");
    place.lock(&lock.replace("\"sms\"]", "]"));
    let why = refusal(&ana, &place.library, "").await;
    assert!(why.contains("the secret `sms`"), "{why}");
    place.lock(&format!("revoked = [\"{sha256}\"]\n{lock}"));
    let why = refusal(&ana, &place.library, "").await;
    assert!(why.contains("revokes"), "{why}");
    place.lock(&lock.replace("[[channel]]", "[[chanel]]"));
    let why = refusal(&ana, &place.library, "").await;
    assert!(
        why.contains("channels.lock:4: unknown field `chanel`"),
        "{why}"
    );
    drop(server);

    // A file that was changed behind the lock is not loaded; the server starts without it, and says so.
    place.lock(&lock);
    let bytes = [fs::read(&place.library).expect("it"), b"changed".to_vec()].concat();
    fs::write(&place.library, bytes).expect("a library");
    let server = place.start().await;
    let refused = generations(&server.ana(), "sms").await;
    assert_eq!(refused[0].state(), v1::ChannelState::Refused, "{refused:?}");
    assert!(refused[0].detail.contains("nobody vouches"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publishers_sign_what_operators_believe() {
    let mut place = Place::new();
    let keys = KeyPair::generate_unencrypted_keypair().expect("keys");
    let publisher = keys.pk.to_base64();
    let comment = comment_of(&place.library);
    sign(&keys, &place.library, &comment);
    let lock = place.written_lock(&["--publisher", &publisher]);
    assert!(
        lock.contains(&publisher) && !lock.contains("sha256 ="),
        "{lock}"
    );
    place.lock(&lock);
    let server = place.start().await;
    let ana = server.ana();
    let loaded = only(&ana).await;
    assert_eq!(
        (loaded.trust(), &loaded.publisher),
        (v1::ChannelTrust::Signed, &publisher)
    );

    let newer = place.other("newer", Some("0.2.0"));
    sign(&keys, &newer, &comment_of(&newer));
    let staged = stage(&ana, &newer, ("", false)).await.expect("staged");
    let shown = (staged.trust(), &*staged.version, &staged.publisher);
    assert_eq!(shown, (v1::ChannelTrust::Signed, "0.2.0", &publisher));

    let pins = place.written_lock(&[]);
    place.lock(&pins);
    let why = refusal(&ana, &newer, "").await;
    assert!(
        why.contains("it is signed, and the lock names no `publishers`"),
        "{why}"
    );
    place.lock(&lock);
    let tampered = place.other("tampered", None);
    fs::copy(
        format!("{}.minisig", newer.display()),
        format!("{}.minisig", tampered.display()),
    )
    .expect("a copy");
    let why = refusal(&ana, &tampered, "").await;
    assert!(why.contains("none of the 1 publishers"), "{why}");
    let stranger = KeyPair::generate_unencrypted_keypair().expect("keys");
    sign(&stranger, &tampered, "timestamp:1 file:x hashed");
    let why = refusal(&ana, &tampered, "").await;
    assert!(why.contains("none of the 1 publishers"), "{why}");
    // Its own signer may say what is not so.
    for (said, problem) in [
        (comment.clone(), "it says SHA-256"),
        (
            "id:org.recoup.voice".to_owned(),
            "it says id org.recoup.voice",
        ),
        ("version:0.0.1".to_owned(), "before 0.1.0"),
        ("core:99.0.0".to_owned(), "needs recoup 99.0.0"),
        ("arch:s390x".to_owned(), "architecture s390x"),
    ] {
        sign(&keys, &tampered, &said);
        let why = refusal(&ana, &tampered, "").await;
        assert!(why.contains(problem), "{said}: {why}");
    }
    // A version that is older than the live one needs a word of its own, and shows it.
    place.lock(&lock.replace("oldest = \"0.1.0\"\n", ""));
    let older = place.other("older", Some("0.0.9"));
    sign(&keys, &older, &comment_of(&older));
    let why = refusal(&ana, &older, "").await;
    assert!(
        why.contains("0.0.9 is older than 0.1.0") && why.contains("--allow-downgrade"),
        "{why}"
    );
    drop(server);
    place.setup.tables = place.setup.tables.replace("libsms.so", "libolder.so");
    let server = place.start().await;
    let refused = generations(&server.ana(), "sms").await;
    let [refused] = &*refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.state(), v1::ChannelState::Refused);
    let why = "0.0.9 is older than 0.1.0, which was live: say `allow_downgrade = true`";
    assert!(refused.detail.contains(why), "{refused:?}");
    drop(server);
    place.setup.tables = place.setup.tables.replace("libolder.so", "libsms.so");
    let server = place.start().await;
    let ana = server.ana();
    let staged = stage(&ana, &older, ("", true)).await.expect("staged");
    assert!(staged.is_downgrade, "{staged:?}");
    // The key is turned: what it signed is loaded no more.
    let stranger = stranger.pk.to_base64();
    place.lock(&lock.replace(&publisher, &stranger));
    drop(server);
    let server = place.start().await;
    let refused = generations(&server.ana(), "sms").await;
    assert!(
        refused
            .iter()
            .any(|c| c.detail.contains("none of the 1 publishers")),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outside_development_nobody_is_believed_by_default() {
    let mut place = Place::new();
    place.setup = Setup::default().with_channel("sms", &place.library, SETTINGS);
    let server = place.start().await;
    assert_eq!(
        only(&server.ana()).await.trust(),
        v1::ChannelTrust::Unsigned,
        "development"
    );
    drop(server);

    place.setup.tables.push_str(OUTSIDE_DEVELOPMENT);
    fs::write(place.folder.path().join("master.key"), "0".repeat(64)).expect("a key");
    let own = fs::Permissions::from_mode(0o600);
    fs::set_permissions(place.folder.path().join("master.key"), own).expect("a mode");
    place
        .setup
        .top
        .push_str("master_key_file = \"master.key\"\n");
    place.setup.top = place.setup.top.replace("sqlite:data", "sqlite:other");
    let server = place.start().await;
    let refused = only(&server.client(KEY)).await;
    assert_eq!(
        (refused.state(), refused.trust()),
        (v1::ChannelState::Refused, v1::ChannelTrust::Unspecified)
    );
    assert!(
        refused.detail.contains("recoup channel lock"),
        "{refused:?}"
    );
    drop(server);

    place.setup.top.push_str("unsigned_channels = true\n");
    let server = place.start().await;
    assert_eq!(
        only(&server.client(KEY)).await.trust(),
        v1::ChannelTrust::Unsigned
    );
    drop(server);

    place.setup.top.push_str("channels_lock = \"none.lock\"\n");
    let server = place.start().await;
    let refused = only(&server.client(KEY)).await;
    assert!(
        refused.detail.contains("none.lock: cannot be read"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_held_against_the_librarys_schema() {
    let place = Place::new();
    let server = place.start().await;
    let ana = server.ana();
    for (settings, problem) in [
        (
            r#"{"endpoint": "http://127.0.0.1:9/x", "username": 7, "password_secret": "sms", "from": "1", "form": "2"}"#,
            "/form: the library has no such setting",
        ),
        (
            r#"{"endpoint": "http://127.0.0.1:9/x", "username": 7, "password_secret": "sms", "from": "1"}"#,
            "/username: what is there is not of type \"string\"",
        ),
        (
            r#"{"endpoint": "http://127.0.0.1:9/x", "username": "u", "password_secret": "sms"}"#,
            "/from: is missing",
        ),
        (
            r#"{"endpoint": "http://127.0.0.1:9/x", "username": "u", "password_secret": "hunter2", "from": "1"}"#,
            "/password_secret: names a secret that the channel does not have",
        ),
    ] {
        let why = refusal(&ana, &place.library, settings).await;
        assert!(why.contains(problem), "{why}");
        assert!(!why.contains("hunter2"), "a value is never told: {why}");
    }
    drop(server);
    let mut process = launch(
        place.folder.path(),
        &Setup {
            tables: place.setup.tables.replace("username", "user_name"),
            top: place.setup.top.clone(),
            ..Setup::default()
        },
    );
    until("the refusal", async || {
        process
            .stderr()
            .contains("/user_name: the library has no such setting")
            .then_some(())
    })
    .await;
    process.kill();
}
