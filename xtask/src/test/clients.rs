//! The example clients, each run by the command in its README against a real server that stops and comes back
//! in the middle: in the development mode, and over TLS by a key and by a certificate. What a client saw is
//! compared with what the server's journal says.
//!
//! A client says `restart please` and waits for a line; it then calls the server, which is away, and says
//! `again:` for each repetition; its last line in braces is what it saw.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use recoup::api::recoup::v1 as pb;
use serde::Deserialize;

use super::Ended;
use super::doors::{Door, Proof, VARIABLES};
use super::server::{self, Sandbox, Server};
use crate::demo::client::Client;
use crate::{cargo, peers};

/// A hang guard: a cold client downloads and compiles before it says anything.
const SILENCE_MAX: Duration = Duration::from_secs(900);
/// What clients install and build in their folders.
const MADE: [&str; 6] = [
    ".venv",
    "__pycache__",
    "gen",
    "node_modules",
    "dist",
    "target",
];

/// What of that is made from the contract.
const GENERATED: [&str; 3] = ["gen", "dist", "target"];

/// A client: its folder, the programs it needs, and what to install where one is missing.
struct Language {
    name: &'static str,
    needs: &'static [&'static str],
    install: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language {
        name: "python",
        needs: &["python3"],
        install: "Python 3.11 or newer",
    },
    Language {
        name: "typescript",
        needs: &["node", "npm"],
        install: "Node.js 20 or newer, with npm",
    },
    Language {
        name: "go",
        needs: &["go", "npx"],
        install: "Go 1.26 or newer, and Node.js for npx",
    },
    Language {
        name: "java",
        needs: &["javac", "mvn"],
        install: "JDK 17 or newer, and Maven",
    },
];

/// Runs all; passes where all passed.
pub(crate) fn run() -> Ended {
    // Debian's are new enough.
    let _ = peers::debian(&[("mvn", "maven"), ("javac", "default-jdk-headless")]);
    if let Err(why) = server::build() {
        return Ended::Failed(why);
    }
    let (mut failed, mut missing) = (Vec::new(), Vec::new());
    for language in &LANGUAGES {
        let name = language.name;
        if !language.needs.iter().all(|n| peers::program(n).is_some()) {
            missing.push(format!("{name}: install {}", language.install));
            continue;
        }
        for proof in Proof::ALL {
            let since = Instant::now();
            let result = client(name, proof);
            let took = since.elapsed().as_secs_f64();
            match result {
                Ok(()) => eprintln!("   {name}, {proof}: {took:.1} s"),
                Err(why) => failed.push(format!("{name}, {proof}: {why}")),
            }
        }
    }
    match (failed.is_empty(), missing.is_empty()) {
        (true, true) => Ended::Passed,
        (true, false) => Ended::Skipped(missing.join("; ")),
        (false, _) => Ended::Failed(failed.join("\n")),
    }
}

/// One client, on a server of its own, to which it proves who it is.
fn client(name: &str, proof: Proof) -> Result<(), String> {
    let at = tree(name)?;
    let command = server::code_block(&at.join("README.md"), "run", "sh")?;
    let folder = cargo::target_dir().join("clients").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let sandbox = Sandbox::start(&folder)?;
    let door = Door::new(proof, &folder)?;
    let mut server = Server::start_with(&folder, &sandbox.gateway, door.configuration())?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
    runtime.block_on(set_up(&door, &server.api))?;
    let running = Running::start(&command, &at, &folder, &door.environment(&server.api))?;
    let saw = running.converse(&mut server)?;
    let journal = runtime.block_on(Journal::read(&door, &server.api, &saw.cursor))?;
    verdict(&saw, &journal)
}

/// The client and the contract, as they stand in the tree, in the cache: what the client installs and builds
/// stays there for the next time.
fn tree(name: &str) -> Result<PathBuf, String> {
    let cache = peers::cache("clients")?;
    let folder = format!("examples/clients/{name}");
    let brought = |part: &str| {
        let (from, to) = (cargo::root().join(part), cache.join(part));
        follow(&from, &to).map_err(|e| format!("{}: {e}", to.display()))
    };
    if brought("proto")? {
        // What was generated of messages that are gone would stay, and would not compile.
        for language in &LANGUAGES {
            for made in GENERATED {
                let made = cache
                    .join("examples/clients")
                    .join(language.name)
                    .join(made);
                let _ = fs::remove_dir_all(made);
            }
        }
    }
    brought(&folder)?;
    Ok(cache.join(folder))
}

/// Makes `to` hold what `from` holds, beside what a client made there. What has not changed keeps its time, and
/// so is not built again. Whether anything has changed.
fn follow(from: &Path, to: &Path) -> std::io::Result<bool> {
    let mut changed = false;
    fs::create_dir_all(to)?;
    let names = |of: &Path| -> std::io::Result<BTreeSet<_>> {
        let entries = fs::read_dir(of)?.map(|entry| Ok(entry?.file_name()));
        let names: std::io::Result<BTreeSet<_>> = entries.collect();
        Ok(names?
            .into_iter()
            .filter(|n| MADE.iter().all(|made| n != made))
            .collect())
    };
    let wanted = names(from)?;
    for old in names(to)?.difference(&wanted) {
        changed = true;
        let old = to.join(old);
        match old.is_dir() {
            true => fs::remove_dir_all(old)?,
            false => fs::remove_file(old)?,
        }
    }
    for name in wanted {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() {
            changed |= follow(&from, &to)?;
        } else {
            let bytes = fs::read(&from)?;
            if !fs::read(&to).is_ok_and(|there| there == bytes) {
                changed = true;
                fs::write(&to, bytes)?;
            }
        }
    }
    Ok(changed)
}

/// A text and a policy of one stage, activated by a second person.
async fn set_up(door: &Door, api: &str) -> Result<(), String> {
    let (ana, ben) = (door.client(api, 0).await?, door.client(api, 1).await?);
    let refused = |status: tonic::Status| format!("set up the policy: {status}");
    let variables = ["lender_name", "overdue_amount", "currency"];
    let template = pb::RegisterTemplateRequest {
        request_id: "template".to_owned(),
        name: "reminder".to_owned(),
        channel: "sms".to_owned(),
        locale: "en".to_owned(),
        body: "【{{ lender_name }}】{{ overdue_amount }} {{ currency }} is overdue.".to_owned(),
        variables: variables.map(str::to_owned).to_vec(),
        sms_signature: "Demo Lender".to_owned(),
        provider_template_id: "demo".to_owned(),
        ..pb::RegisterTemplateRequest::default()
    };
    let registered = ana.policies().register_template(template).await;
    registered.map_err(refused)?;
    let policy = pb::CreatePolicyRequest {
        request_id: "policy".to_owned(),
        yaml: "name: clients\nstages:\n  - name: remind\n    enter: case.dpd >= 1\n    \
               steps: [{channel: sms, template: reminder, every: 3d, max: 3}]\n"
            .to_owned(),
    };
    let created = ana.policies().create_policy(policy).await;
    let policy = created.map_err(refused)?.into_inner().policy;
    let activation = pb::ActivatePolicyRequest {
        request_id: "activation".to_owned(),
        policy_id: policy.unwrap_or_default().policy_id,
        ..pb::ActivatePolicyRequest::default()
    };
    let activated = ben.policies().activate_policy(activation).await;
    activated.map_err(refused).map(drop)
}

/// A client that runs. It is a group of processes (a shell, a build tool, the program), which ends with this.
struct Running {
    child: Child,
    lines: Receiver<String>,
    folder: PathBuf,
}

impl Running {
    fn start(
        command: &str,
        at: &Path,
        folder: &Path,
        environment: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let log = File::create(folder.join("client.log")).map_err(|e| e.to_string())?;
        let mut shell = Command::new("sh");
        for name in VARIABLES {
            shell.env_remove(name);
        }
        let mut child = shell
            .args(["-c", command])
            .current_dir(at)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|e| format!("sh could not be started: {e}"))?;
        let (to, lines) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || {
                let lines = BufReader::new(out).lines();
                lines.map_while(Result::ok).try_for_each(|l| to.send(l))
            });
        }
        Ok(Self {
            child,
            lines,
            folder: folder.to_owned(),
        })
    }

    /// Stops the server when the client asks for it, starts it when the client has found it away, and gives what
    /// the client saw in the end.
    fn converse(mut self, server: &mut Server) -> Result<Saw, String> {
        let (mut is_away, mut restarts) = (false, 0);
        let (mut said, mut saw) = (Vec::new(), None);
        loop {
            let line = match self.lines.recv_timeout(SILENCE_MAX) {
                Ok(line) => line,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err(self.about("is silent", &said)),
            };
            if line.starts_with("restart please") {
                server.stop()?;
                is_away = true;
                let told = self.child.stdin.as_mut().map(|to| to.write_all(b"\n"));
                if !matches!(told, Some(Ok(()))) {
                    return Err(self.about("does not listen", &said));
                }
            } else if line.starts_with("again:") && is_away {
                server.start_again()?;
                is_away = false;
                restarts += 1;
            } else if line.starts_with('{') {
                let read = serde_json::from_str::<Saw>(&line);
                saw = Some(read.map_err(|error| format!("its last line: {error}: {line}"))?);
            }
            said.push(line);
        }
        let status = self.child.wait().map_err(|e| e.to_string())?;
        match saw {
            _ if !status.success() => Err(self.about(&format!("ended with {status}"), &said)),
            Some(saw) if restarts == 1 => Ok(saw),
            Some(_) => Err(self.about("did not repeat a call that found nobody", &said)),
            None => Err(self.about("did not say what it saw", &said)),
        }
    }

    /// What went wrong, with the end of what the client said.
    fn about(&self, what: &str, said: &[String]) -> String {
        let log = self.folder.join("client.log");
        let complaint = fs::read_to_string(&log).unwrap_or_default();
        let lines = said.iter().map(String::as_str).chain(complaint.lines());
        let lines: Vec<&str> = lines.collect();
        let last = lines[lines.len().saturating_sub(12)..].join("\n  ");
        format!("the client {what}; see {}\n  {last}", log.display())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let group = format!("-{}", self.child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = self.child.wait();
        }
    }
}

/// What a client saw.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saw {
    /// Cases it opened: one by a call, two by the import.
    opened: BTreeSet<String>,
    bad_rows: Vec<BadRow>,
    /// Cases with an event of a payment.
    paid: Vec<String>,
    /// Positions of the events, as they came.
    positions: Vec<i64>,
    /// The last cursor.
    cursor: String,
    /// How streams of events ended.
    breaks: Vec<Break>,
    error: Refused,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct BadRow {
    row: i64,
    reason: String,
    fields: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Break {
    code: String,
    reason: String,
    /// In seconds.
    retry_after: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    code: String,
    reason: String,
    fields: Vec<String>,
}

/// What the server's journal says.
struct Journal {
    /// All there is.
    all: Vec<pb::Event>,
    /// Positions of what comes after the client's last cursor.
    after: Vec<i64>,
}

impl Journal {
    async fn read(door: &Door, api: &str, cursor: &str) -> Result<Self, String> {
        let client = door.client(api, 1).await?;
        // First what comes after: what is recorded meanwhile is in both then, or in the second alone.
        let after = watch(&client, cursor).await?;
        Ok(Self {
            all: watch(&client, "").await?,
            after: after.iter().map(|event| event.position).collect(),
        })
    }

    fn cases(&self, kind: pb::EventKind) -> Vec<&str> {
        let events = self.all.iter().filter(|event| event.kind() == kind);
        events.map(|event| event.case_id.as_str()).collect()
    }
}

/// Everything after a cursor until now.
async fn watch(client: &Client, cursor: &str) -> Result<Vec<pb::Event>, String> {
    let request = pb::WatchEventsRequest {
        cursor: cursor.to_owned(),
        end_at_present: true,
        ..pb::WatchEventsRequest::default()
    };
    let refused = |status: tonic::Status| format!("watch the events: {status}");
    let answer = client.events().watch_events(request).await;
    let mut stream = answer.map_err(refused)?.into_inner();
    let mut events = Vec::new();
    while let Some(message) = stream.message().await.map_err(refused)? {
        events.extend(message.event);
    }
    Ok(events)
}

/// Whether the client saw what is so.
fn verdict(saw: &Saw, journal: &Journal) -> Result<(), String> {
    let must = |holds: bool, what: &str| match holds {
        true => Ok(()),
        false => Err(format!("{what}; it saw {saw:?}")),
    };
    let opened: BTreeSet<String> = journal
        .cases(pb::EventKind::CaseOpened)
        .into_iter()
        .map(str::to_owned)
        .collect();
    must(opened.len() == 3, "the journal has not three cases")?;
    must(saw.opened == opened, "the journal has other cases")?;
    let bad = BadRow {
        row: 2,
        reason: "CONTACT_POINT_INVALID".to_owned(),
        fields: vec!["borrower.contact_points[0].value".to_owned()],
    };
    must(saw.bad_rows == [bad], "row 2 of the import is the bad one")?;

    let paid = journal.cases(pb::EventKind::PaymentRecorded);
    must(paid.len() == 1, "the journal has not one payment")?;
    must(saw.paid == paid, "the payment's event is of another case")?;

    let there: Vec<i64> = journal.all.iter().map(|event| event.position).collect();
    let (seen, rest) = there.split_at(saw.positions.len().min(there.len()));
    must(saw.positions == seen, "events are missing or came twice")?;
    // Events may have been recorded after the first of the two reads.
    must(
        rest.starts_with(&journal.after),
        "its last cursor goes on elsewhere than where it stopped",
    )?;

    let stopped = Break {
        code: "UNAVAILABLE".to_owned(),
        reason: "NOT_SERVING".to_owned(),
        retry_after: Some(1.0),
    };
    must(
        saw.breaks.first() == Some(&stopped),
        "the server's stop ended the stream, with a delay",
    )?;
    let refused = Refused {
        code: "INVALID_ARGUMENT".to_owned(),
        reason: "FIELD_REQUIRED".to_owned(),
        fields: ["payment_ref", "amount", "received_time"]
            .map(str::to_owned)
            .to_vec(),
    };
    must(
        saw.error == refused,
        "the wrong payment is wrong in three fields",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        let event = |position: i64, kind: pb::EventKind, case: &str| pb::Event {
            position,
            kind: kind.into(),
            case_id: case.to_owned(),
            ..pb::Event::default()
        };
        let opened = ["a", "b", "c"].into_iter().zip(1..);
        let mut all: Vec<pb::Event> = opened
            .map(|(case, position)| event(position, pb::EventKind::CaseOpened, case))
            .collect();
        all.push(event(4, pb::EventKind::PaymentRecorded, "a"));
        all.push(event(5, pb::EventKind::ContactDispatching, "b"));
        all.push(event(6, pb::EventKind::ContactAccepted, "b"));
        let after = vec![5];
        Journal { all, after }
    }

    fn saw() -> Saw {
        let text = r#"{"opened": ["a", "b", "c"], "paid": ["a"], "positions": [1, 2, 3, 4], "cursor": "x",
            "bad_rows": [{"row": 2, "reason": "CONTACT_POINT_INVALID", "fields": ["borrower.contact_points[0].value"]}],
            "breaks": [{"code": "UNAVAILABLE", "reason": "NOT_SERVING", "retry_after": 1}],
            "error": {"code": "INVALID_ARGUMENT", "reason": "FIELD_REQUIRED",
                      "fields": ["payment_ref", "amount", "received_time"]}}"#;
        serde_json::from_str(text).expect("what clients print")
    }

    fn wrong(change: impl FnOnce(&mut Saw, &mut Journal), what: &str) {
        let (mut saw, mut journal) = (saw(), journal());
        change(&mut saw, &mut journal);
        let why = verdict(&saw, &journal).expect_err(what);
        assert!(why.starts_with(what), "{why}");
    }

    #[test]
    fn a_client_that_saw_less_or_more_than_was_fails() {
        verdict(&saw(), &journal()).expect("it saw what was");
        wrong(|s, _| s.positions.truncate(2), "its last cursor");
        let hole = |s: &mut Saw, _: &mut Journal| s.positions[1] = 3;
        wrong(hole, "events are missing");
        wrong(|s, _| s.positions.insert(2, 3), "events are missing");
        wrong(|_, j| j.after = vec![4, 5], "its last cursor");
        wrong(|_, j| j.after = vec![6], "its last cursor");
        wrong(|s, _| s.breaks.clear(), "the server's stop");
        wrong(|s, _| drop(s.bad_rows.pop()), "row 2");
        wrong(|s, _| drop(s.error.fields.pop()), "the wrong payment");
        wrong(|s, _| s.paid = vec!["b".to_owned()], "the payment's event");
        wrong(|s, _| drop(s.opened.pop_last()), "the journal has other");
        let twice = |_: &mut Saw, j: &mut Journal| j.all.push(j.all[3].clone());
        wrong(twice, "the journal has not one payment");
    }

    #[test]
    fn the_copy_follows_the_tree_and_keeps_what_was_built() {
        let dir = tempfile::tempdir().expect("a folder");
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        let put = |path: PathBuf| {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, "x").expect("written");
        };
        put(from.join("src/a.ts"));
        put(from.join("src/old.ts"));
        put(from.join("node_modules/mine.js"));
        follow(&from, &to).expect("copied");
        put(to.join("node_modules/theirs.js"));
        fs::remove_file(from.join("src/old.ts")).expect("removed");
        follow(&from, &to).expect("copied");
        assert!(to.join("src/a.ts").is_file() && !to.join("src/old.ts").exists());
        assert!(to.join("node_modules/theirs.js").is_file());
        assert!(!to.join("node_modules/mine.js").exists());
    }
}
