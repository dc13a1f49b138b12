//! Identity: certificates and keys, whom they name, and how they change while the server runs.

use std::fs;
use std::time::Duration;

use recoup::api::recoup::v1;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::metrics::Scrape;
use crate::support::authority::{Authority, Paper};
use crate::support::builds;
use crate::support::client::{Client, reason};
use crate::support::process::{Folder, until};
use crate::support::scenes;
use crate::support::server::{Server, Setup, launch};

/// The key whose hash stands below.
const KEY: &str = "foo";
const PEOPLE: &str = "[[principal]]\nname = \"core\"\ntenant = \"demo\"\nroles = [\"lender\", \"operator\"]\n\
    certificate_names = [\"spiffe://lender.example/core\"]\n\
    [[principal]]\nname = \"app\"\ntenant = \"demo\"\nroles = [\"agent\", \"operator\"]\n\
    key_sha256 = [\"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae\"]\n";
const CORE: [&str; 1] = ["spiffe://lender.example/core"];

/// A server with TLS, its authority and that of its callers.
struct Place {
    folder: Folder,
    servers: Authority,
    callers: Authority,
}

impl Place {
    fn new() -> Self {
        let place = Self {
            folder: Folder::new(),
            servers: Authority::new("servers"),
            callers: Authority::new("callers"),
        };
        let dir = place.folder.path();
        place
            .servers
            .certify(1, &["127.0.0.1"], 2090)
            .write(dir, "server");
        fs::write(dir.join("callers.pem"), &place.callers.root).expect("the root");
        fs::write(dir.join("master.key"), "ab".repeat(32)).expect("the master key");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(dir.join("master.key"), mode).expect("a mode");
        place
    }

    /// `more` stands in the table `tls`.
    fn setup(&self, more: &str) -> Setup {
        let mut setup = Setup::default();
        setup.top.push_str("master_key_file = \"master.key\"\n");
        setup.tables = format!(
            "[tls]\ncert_file = \"server.pem\"\nkey_file = \"server.key\"\nclient_ca_file = \"callers.pem\"\n\
             reload_s = 1\n{more}\n{PEOPLE}"
        );
        setup
    }

    async fn serve(&self, more: &str) -> Server {
        Server::start(self.folder.path(), &self.setup(more)).await
    }

    /// A caller who trusts the root of the servers and shows a certificate, a key, both or nothing.
    async fn connect(
        &self,
        server: &Server,
        paper: Option<&Paper>,
    ) -> Result<Channel, tonic::transport::Error> {
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.servers.root));
        if let Some(paper) = paper {
            tls = tls.identity(Identity::from_pem(&paper.cert, &paper.key));
        }
        let address = format!("https://{}", server.api());
        let endpoint = Endpoint::from_shared(address).expect("an address");
        endpoint.tls_config(tls).expect("TLS").connect().await
    }

    /// How a call of such a caller ends: who the server says it is, or why not.
    async fn ask(
        &self,
        server: &Server,
        paper: Option<&Paper>,
        key: Option<&str>,
    ) -> Result<(), String> {
        let channel = self.connect(server, paper).await;
        let channel = channel.map_err(|_| "no connection".to_owned())?;
        let answer = Client::over(channel, key)
            .admin()
            .get_status(v1::GetStatusRequest {})
            .await;
        answer.map(drop).map_err(|status| {
            // A certificate that is refused under TLS 1.3 shows on the first call: no server has answered.
            match std::error::Error::source(&status) {
                Some(_) => "no connection".to_owned(),
                None => reason(&status),
            }
        })
    }
}

#[tokio::test]
async fn a_certificate_with_a_known_name_and_nothing_else_gets_in() {
    let place = Place::new();
    let good = place.callers.certify(10, &CORE, 2090);
    let revoked = place.callers.certify(11, &CORE, 2090);
    place
        .callers
        .revoke(&[&revoked], &place.folder.path().join("callers.crl"));
    let server = place.serve("crl_files = [\"callers.crl\"]").await;
    assert_eq!(place.ask(&server, Some(&good), None).await, Ok(()));
    let stranger = Authority::new("stranger");
    let no_connection = Err("no connection".to_owned());
    for (paper, why) in [
        (None, "no certificate"),
        (
            Some(&stranger.certify(12, &CORE, 2090)),
            "another authority",
        ),
        (Some(&place.callers.certify(13, &CORE, 2021)), "expired"),
        (Some(&revoked), "revoked"),
    ] {
        assert_eq!(
            place.ask(&server, paper, Some(KEY)).await,
            no_connection,
            "{why}"
        );
    }
    let other_name = place
        .callers
        .certify(14, &["spiffe://lender.example/other"], 2090);
    let unknown = Err("UNAUTHENTICATED".to_owned());
    assert_eq!(place.ask(&server, Some(&other_name), None).await, unknown);
    // Where a key is shown it decides.
    assert_eq!(place.ask(&server, Some(&good), Some("fooo")).await, unknown);
    assert_eq!(
        place.ask(&server, Some(&other_name), Some(KEY)).await,
        Ok(())
    );
    let plain = Client::new(server.api(), Some(KEY));
    let refused = plain.admin().get_status(v1::GetStatusRequest {}).await;
    assert!(refused.is_err(), "plain text reached a server with TLS");
}

#[tokio::test]
async fn where_a_certificate_is_optional_a_key_is_enough_and_names_its_own_roles() {
    let place = Place::new();
    let server = place.serve("client_certificate = \"optional\"").await;
    assert_eq!(place.ask(&server, None, Some(KEY)).await, Ok(()));
    assert_eq!(
        place.ask(&server, None, None).await,
        Err("UNAUTHENTICATED".into())
    );
    assert_eq!(
        place.ask(&server, None, Some("dev-ana")).await,
        Err("UNAUTHENTICATED".into()),
        "nobody of the development mode"
    );
    let channel = place.connect(&server, None).await.expect("a connection");
    let refused = Client::over(channel, Some(KEY))
        .policies()
        .create_policy(v1::CreatePolicyRequest::default())
        .await
        .expect_err("an agent writes no policy");
    assert_eq!(reason(&refused), "ROLE_MISSING");
}

#[tokio::test]
async fn new_certificates_are_used_without_a_restart_and_bad_ones_are_not() {
    let place = Place::new();
    let mut server = place.serve("").await;
    let good = place.callers.certify(10, &CORE, 2090);
    let held = place
        .connect(&server, Some(&good))
        .await
        .expect("a connection");
    let held = Client::over(held, None);

    // Rubbish changes nothing.
    let dir = place.folder.path();
    fs::write(dir.join("server.pem"), "rubbish").expect("written");
    until("the server to complain", async || {
        let said = server.process().stderr();
        said.contains("cannot be used").then_some(())
    })
    .await;
    assert_eq!(place.ask(&server, Some(&good), None).await, Ok(()));

    // Another authority takes over: who trusts the old one alone is let in no more.
    let next = Authority::new("next servers");
    next.certify(2, &["127.0.0.1"], 2090).write(dir, "server");
    until("the new certificate to be shown", async || {
        place
            .ask(&server, Some(&good), None)
            .await
            .is_err()
            .then_some(())
    })
    .await;
    let place = Place {
        servers: next,
        ..place
    };
    assert_eq!(place.ask(&server, Some(&good), None).await, Ok(()));
    // A connection that was there lives on.
    let answer = held.admin().get_status(v1::GetStatusRequest {}).await;
    assert!(answer.is_ok(), "{answer:?}");
}

#[tokio::test]
async fn a_monitor_sees_how_long_certificates_last_and_that_new_ones_came() {
    let place = Place::new();
    let mut setup = place.setup("");
    let listener = "[metrics]\nlisten = \"127.0.0.1:0\"\n";
    setup.tables.insert_str(0, listener);
    let server = Server::start(place.folder.path(), &setup).await;
    // Whether what is left, and the clock, come to the end of a year, but for the hour that a test may take.
    let ends_with = async |whose: &str, year: i16| {
        let end = jiff::civil::date(year, 12, 31).to_zoned(jiff::tz::TimeZone::UTC);
        let end = end.expect("an instant").timestamp();
        let series = format!("recoup_certificate_expires_seconds{{certificate=\"{whose}\"}}");
        let left = Scrape::of(&server).await.get(&series);
        let expected = end.duration_since(scenes::now()).as_secs_f64();
        (left - expected).abs() < 3600.0
    };
    until("the end of the server's certificate", async || {
        ends_with("server", 2090).await.then_some(())
    })
    .await;
    let series = "recoup_certificate_expires_seconds{certificate=\"client_ca\"}";
    let root = Scrape::of(&server).await.get(series);
    assert!(root > 0.0, "{root}");
    let next = place.servers.certify(2, &["127.0.0.1"], 2091);
    next.write(place.folder.path(), "server");
    until("the end of the new one", async || {
        ends_with("server", 2091).await.then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_commands_reach_a_server_with_tls() {
    let place = Place::new();
    let server = place.serve("").await;
    let dir = place.folder.path();
    place.callers.certify(10, &CORE, 2090).write(dir, "core");
    fs::write(dir.join("servers.pem"), &place.servers.root).expect("the root");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(builds::recoup());
        command.current_dir(dir).arg("status").args(args);
        command.args(["--server", &format!("https://{}", server.api())]);
        command.output().expect("it ran")
    };
    let papers = [
        "--ca",
        "servers.pem",
        "--cert",
        "core.pem",
        "--key",
        "core.key",
    ];
    let output = run(&papers);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = |args: &[&str]| String::from_utf8_lossy(&run(args).stderr).into_owned();
    assert!(said(&[]).contains("--ca FILE"), "{}", said(&[]));
    let mut plain = std::process::Command::new(builds::recoup());
    plain.current_dir(dir).arg("status");
    plain.args(["--server", &format!("http://{}", server.api())]);
    let plain = plain.output().expect("it ran");
    let why = String::from_utf8_lossy(&plain.stderr).into_owned();
    assert_eq!(plain.status.code(), Some(3), "{why}");
    assert!(why.contains("https://?"), "{why}");
}

#[tokio::test]
async fn a_configuration_that_could_let_in_the_wrong_people_is_refused() {
    let place = Place::new();
    let dir = place.folder.path();
    let with = |tables: &str| {
        let mut setup = place.setup("");
        setup.tables = tables.to_owned();
        setup
    };
    let one = "[[principal]]\nname = \"a\"\ntenant = \"demo\"\nroles = [\"all\"]\n";
    let hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    let tls = "[tls]\ncert_file = \"server.pem\"\nkey_file = \"server.key\"\n";
    for (tables, problem) in [
        (format!("{one}key_sha256 = [\"{KEY}\"]"), "sha256sum"),
        (one.to_owned(), "one of them says who the caller is"),
        (
            format!("{one}certificate_names = [\"x\"]"),
            "client_ca_file",
        ),
        (tls.to_owned(), "nobody could call"),
        (
            format!(
                "{one}key_sha256 = [\"{hash}\"]\n{}key_sha256 = [\"{hash}\"]",
                one.replace("\"a\"", "\"b\"")
            ),
            "would name `a` as well",
        ),
        (
            format!(
                "{one}key_sha256 = [\"{hash}\"]\n[[dev_principal]]\nname = \"ana\"\ntoken = \"dev-ana\"\n\
                 tenant = \"demo\"\nroles = [\"all\"]"
            ),
            "dev_principal",
        ),
        (
            format!("{tls}client_ca_file = \"none.pem\"\n{PEOPLE}"),
            "none.pem",
        ),
        (
            format!(
                "[tls]\ncert_file = \"callers.pem\"\nkey_file = \"server.key\"\nclient_ca_file = \"callers.pem\"\n{PEOPLE}"
            ),
            "does not go with",
        ),
    ] {
        let mut process = launch(dir, &with(&tables));
        let status = tokio::time::timeout(Duration::from_secs(60), process.wait()).await;
        let said = process.stderr();
        assert_eq!(status.expect("it ends").code(), Some(2), "{tables}\n{said}");
        assert!(said.contains(problem), "{tables}\n{said}");
    }
    // Plain text to the world is refused even where principals have keys.
    let mut setup = with(&format!("{one}key_sha256 = [\"{hash}\"]"));
    setup.top = setup.top.replacen("127.0.0.1", "0.0.0.0", 1);
    let mut process = launch(dir, &setup);
    assert_eq!(process.wait().await.code(), Some(2));
    assert!(
        process.stderr().contains("is not a loopback address"),
        "{}",
        process.stderr()
    );
}
