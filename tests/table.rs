//! Every method of every service against the running server, from the descriptors alone: who may call it,
//! what it says of each field that is broken in each way, what a request said twice does, and what page
//! tokens are good for. What a method must add to be tested here is a seed (`table/seeds.rs`).

mod contract;
mod exceptions;
mod probes;
mod seeds;
mod stage;
mod variants;
mod verdict;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost_reflect::{DynamicMessage, Kind, Value};
use tonic::{Code, Status};

use contract::{Contract, Method};
use probes::Probe;
use seeds::Seed;
use stage::{Facts, ROLES, Stage};

const ANA: Option<&str> = Some("dev-ana");
const OLGA: Option<&str> = Some("dev-olga");

/// Everything that is wrong, so that one run shows all of it.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn note(&mut self, method: &Method, problem: impl std::fmt::Display) {
        self.0.push(format!("{}: {problem}", method.name));
    }
}

#[tokio::test]
async fn every_method_by_its_descriptors() {
    let contract = Contract::read();
    let stage = Stage::set().await;
    let mut faults = Faults::default();
    roles(&stage, &contract, &mut faults).await;
    stage::settled(&stage).await;
    let mut used = BTreeSet::new();
    for method in contract.methods.iter().filter(|m| !m.preview) {
        let mut table = Table {
            stage: &stage,
            contract: &contract,
            method,
            faults: &mut faults,
            used: &mut used,
            probed: BTreeSet::new(),
            shown: BTreeSet::new(),
            position: 0,
        };
        table.run().await;
    }
    readable(&stage, &contract, &mut faults).await;
    for line in stage.complaints() {
        faults.0.push(format!("the server's log: {line}"));
    }
    for (method, path, what, _) in exceptions::TAKEN {
        if !used.contains(&(*method, *path, *what)) {
            let problem = format!("the exception for {path} ({what}) is not needed");
            faults.0.push(format!("{method}: {problem}"));
        }
    }
    let count = faults.0.len();
    assert!(count == 0, "{count} faults:\n{}", faults.0.join("\n"));
}

/// Whatever was taken, odd as it may be, is read again: each case, its timeline and why it stands where it
/// stands, each party, every event, the ledger.
async fn readable(stage: &Stage, contract: &Contract, faults: &mut Faults) {
    stage.deeds("nobody", 0).await;
    let whole = r#"{"page_size": 1000}"#;
    for (name, json) in [
        ("ListContacts", whole),
        ("ListPolicies", whole),
        ("ListTemplates", whole),
        ("ListCollectors", whole),
        ("GetWorklist", whole),
        ("ExportLedger", "{}"),
    ] {
        reads(stage, contract.named(name), json, faults).await;
    }
    let list = contract.named("ListCases");
    let Some(page) = reads(stage, list, whole, faults).await else {
        return;
    };
    let page = DynamicMessage::decode(list.output.clone(), &page[..]).expect("a page");
    let cases = page.get_field_by_name("cases").expect("the cases");
    let cases = cases.as_list().unwrap_or_default();
    assert!(
        cases.len() > 100,
        "{} cases: the table took little",
        cases.len()
    );
    for case in cases.iter().filter_map(Value::as_message) {
        let text = |name: &str| {
            let value = case.get_field_by_name(name).expect(name).into_owned();
            value.as_str().expect("a text").to_owned()
        };
        let by_id = format!(r#"{{"case_id": "{}"}}"#, text("case_id"));
        for name in ["GetCase", "GetTimeline", "ExplainCase", "PreviewContact"] {
            reads(stage, contract.named(name), &by_id, faults).await;
        }
        let party = format!(r#"{{"party": {{"party_id": "{}"}}}}"#, text("party_id"));
        reads(stage, contract.named("GetBorrower"), &party, faults).await;
    }
}

async fn reads(stage: &Stage, method: &Method, json: &str, faults: &mut Faults) -> Option<Vec<u8>> {
    let request = stage.fill(method, json, &stage.own).encode_to_vec();
    match stage.wire.call(&method.path, ANA, request).await {
        Ok(answer) => Some(answer),
        Err(status) => {
            faults.note(method, format!("{json}: {}", verdict::short(&status)));
            None
        }
    }
}

/// Every method answers those whom its option names, and nobody else.
async fn roles(stage: &Stage, contract: &Contract, faults: &mut Faults) {
    for method in &contract.methods {
        // A server that answers before it has read resets the stream, and a connection takes few resets.
        let wire = stage.wire();
        for (who, token) in [("nobody", None), ("a stranger", Some("dev-nobody"))] {
            let refused = wire.call(&method.path, token, Vec::new()).await;
            must_refuse(contract, method, who, refused, "UNAUTHENTICATED", faults);
        }
        for role in ROLES {
            let token = format!("dev-{role}");
            let answer = wire.call(&method.path, Some(&token), Vec::new()).await;
            if !method.roles.contains(role) {
                must_refuse(contract, method, role, answer, "ROLE_MISSING", faults);
            } else if method.preview {
                must_refuse(contract, method, role, answer, "NOT_BUILT", faults);
            } else if let Err(status) = answer {
                match verdict::reason(contract, method, &status) {
                    Ok(reason) if reason == "ROLE_MISSING" || reason == "UNAUTHENTICATED" => {
                        faults.note(
                            method,
                            format!("{role} may call it, and is answered {reason}"),
                        );
                    }
                    Ok(_) => {}
                    Err(problem) => {
                        faults.note(method, format!("{role}, empty message: {problem}"))
                    }
                }
            }
        }
    }
}

fn must_refuse(
    contract: &Contract,
    method: &Method,
    who: &str,
    answer: Result<Vec<u8>, Status>,
    with: &str,
    faults: &mut Faults,
) {
    let found = match &answer {
        Ok(_) => Err("it is answered".to_owned()),
        Err(status) if with == "NOT_BUILT" => {
            // The one reason that no comment names: the option `preview` does.
            let reason = crate::support::client::reason(status);
            match status.code() == Code::Unimplemented {
                true => Ok(reason),
                false => Err(verdict::short(status)),
            }
        }
        Err(status) => verdict::reason(contract, method, status),
    };
    if found.as_deref() != Ok(with) {
        faults.note(
            method,
            format!("{who} must be refused with {with}: {found:?}"),
        );
    }
}

/// The table of one method.
struct Table<'a> {
    stage: &'a Stage,
    contract: &'a Contract,
    method: &'a Method,
    faults: &'a mut Faults,
    /// Exceptions that were needed.
    used: &'a mut BTreeSet<(&'static str, &'static str, &'static str)>,
    /// Fields that were broken, without places in lists.
    probed: BTreeSet<String>,
    /// Fields, and the ways in which they were broken.
    shown: BTreeSet<(String, &'static str)>,
    /// Newest position of the journal.
    position: i64,
}

impl Table<'_> {
    async fn run(&mut self) {
        let method = self.method;
        let seeds: Vec<&Seed> = seeds::SEEDS
            .iter()
            .filter(|s| s.method == method.name)
            .collect();
        if seeds.is_empty() {
            self.fault("is built and has no seed in tests/table/seeds.rs");
        }
        self.rubbish().await;
        for seed in &seeds {
            let names = self.stage.names(seed, self.contract).await;
            self.position = self.stage.position().await;
            self.accepted(seed, &names, std::ptr::eq(*seed, seeds[0]))
                .await;
            let broken = self.fields(seed, &names).await;
            self.together(seed, &names, &broken).await;
            self.ids_of_others(seed, &names).await;
        }
        if method.input.get_field_by_name("page_token").is_some() {
            self.pages().await;
        }
        for path in probes::reachable(self.contract, &method.input) {
            if !self.probed.contains(&path) && !exceptions::is_unreached(&method.name, &path) {
                self.fault(format!("no seed reaches `{path}`"));
            }
        }
    }

    fn fault(&mut self, problem: impl std::fmt::Display) {
        self.faults.note(self.method, problem);
    }

    async fn call(&self, message: &DynamicMessage) -> Result<Vec<u8>, Status> {
        self.stage
            .wire
            .call(&self.method.path, ANA, message.encode_to_vec())
            .await
    }

    /// The seed is taken, said again it is answered alike, and its id is good for no other request.
    /// Bytes that are no message, and messages that are none of this method.
    async fn rubbish(&mut self) {
        let path = &self.method.path;
        let mut rubbish = vec![("no tag", vec![0xff; 9]), ("a group", vec![0x0b])];
        if self.method.input.fields().len() > 0 {
            rubbish.push(("half a field", vec![0x0a, 0x7f, b'x']));
        }
        if let Some(text) = self
            .method
            .input
            .fields()
            .find(|f| f.kind() == Kind::String)
        {
            let tag = u8::try_from(text.number() << 3 | 2).expect("a low number");
            rubbish.push(("no UTF-8", vec![tag, 2, 0xff, 0xfe]));
        }
        for (what, bytes) in rubbish {
            let status = match self.stage.wire.call(path, ANA, bytes).await {
                Err(status) => status,
                Ok(_) => {
                    self.fault(format!("{what}: it is taken for a message"));
                    continue;
                }
            };
            let reason = crate::support::client::reason(&status);
            let inside = verdict::speaks_of_inside(status.message());
            let found = (status.code(), reason.as_str(), inside);
            if found != (Code::InvalidArgument, "FIELD_INVALID", None) {
                self.fault(format!("{what}: {found:?} {}", verdict::short(&status)));
            }
        }
    }

    async fn accepted(&mut self, seed: &Seed, names: &Facts, is_first: bool) {
        let message = self.stage.fill(self.method, seed.json, names);
        let first = match self.call(&message).await {
            Ok(first) => first,
            Err(status) => {
                return self.fault(format!("the seed is refused: {}", verdict::short(&status)));
            }
        };
        if self.method.is_mutation() {
            let moved = self.stage.position().await;
            if is_first && moved == self.position {
                self.fault("is taken, and the journal has not moved");
            }
            self.position = moved;
            match self.call(&message).await {
                Ok(again) if again == first => {}
                // A row that was taken before says so, whether by this import or by another.
                Ok(_) if self.method.name == "ImportCases" => {}
                Ok(_) => self.fault("said twice it is answered otherwise"),
                Err(status) => self.fault(format!("said twice: {}", verdict::short(&status))),
            }
            if is_first {
                self.id_with_another_body(&message).await;
            }
            self.must_be_unmoved("said again").await;
        }
        self.position = self.stage.position().await;
    }

    /// Changes one text after the other until the request is another good one under the id of before.
    async fn id_with_another_body(&mut self, message: &DynamicMessage) {
        let mut tried = Vec::new();
        for change in variants::changes(message) {
            let mut other = message.clone();
            change.apply(&mut other);
            match self.call(&other).await {
                Ok(_) => return self.fault(format!("another {} under the same id", change.path())),
                Err(status) if status.code() == Code::AlreadyExists => {
                    match verdict::reason(self.contract, self.method, &status) {
                        Ok(reason) if reason == "REQUEST_ID_REUSED" => return,
                        other => return self.fault(format!("the id with another body: {other:?}")),
                    }
                }
                Err(status) => tried.push(format!("{}: {:?}", change.path(), status.code())),
            }
        }
        self.fault(format!("no other body was taken for one: {tried:?}"));
    }

    /// Breaks every field in every way; answers what was refused as an argument, a way for each field.
    async fn fields(&mut self, seed: &Seed, names: &Facts) -> Vec<Probe> {
        let pattern = self.stage.fill(self.method, seed.json, names);
        let mut all = probes::probes(self.contract, &pattern);
        // What another seed has shown of a field holds here too.
        all.retain(|p| !self.shown.contains(&(p.plain_path(), p.what)));
        self.probed.extend(all.iter().map(Probe::plain_path));
        self.shown
            .extend(all.iter().map(|p| (p.plain_path(), p.what)));
        let (wrong, doubtful): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| p.must_fail);
        let mut refused: BTreeMap<String, Probe> = BTreeMap::new();
        // What must fail moves nothing, all of it together; where one was right to be taken, from there on.
        for probe in wrong {
            let answer = self.probe(seed, names, &probe).await;
            match answer {
                Ok(()) => {
                    if !self.is_excepted(&probe) {
                        self.fault(format!("{}: it is taken", probe.told()));
                    }
                    self.position = self.stage.position().await;
                }
                Err(status) if status.code() == Code::InvalidArgument => {
                    let top = probe.steps[0].field.name().to_owned();
                    let deeper = refused.get(&top).is_some_and(|p| p.steps.len() > 1);
                    if !deeper && probe.what != "10,000 entries" {
                        refused.insert(top, probe);
                    }
                }
                Err(_) => {}
            }
        }
        self.must_be_unmoved("all that must be refused").await;
        for probe in doubtful {
            match self.probe(seed, names, &probe).await {
                Ok(()) => self.position = self.stage.position().await,
                Err(_) => self.must_be_unmoved(&probe.told()).await,
            }
        }
        refused.into_values().collect()
    }

    /// Calls with a broken field and judges the refusal.
    async fn probe(&mut self, seed: &Seed, names: &Facts, probe: &Probe) -> Result<(), Status> {
        let mut message = self.stage.fill(self.method, seed.json, names);
        probe.apply(&mut message);
        let answer = self.call(&message).await;
        if let Err(status) = &answer {
            self.must_be_told(probe, status);
        }
        answer.map(drop)
    }

    fn must_be_told(&mut self, probe: &Probe, status: &Status) {
        let what = probe.told();
        let reason = match verdict::reason(self.contract, self.method, status) {
            Ok(reason) => reason,
            Err(problem) => return self.fault(format!("{what}: {problem}")),
        };
        if status.code() == Code::InvalidArgument {
            let named = verdict::named(status);
            let is_named = named.iter().any(|n| probe.is_named_by(n));
            // Without this field another one may be wrong: a mask that names it, a list that it is for.
            let may_be_other = matches!(probe.what, "unset" | "empty message") && !probe.must_fail;
            if !is_named && !may_be_other && !self.is_excepted(probe) {
                self.fault(format!(
                    "{what}: it is not named: {}",
                    verdict::short(status)
                ));
            }
        } else if probe.must_fail
            && probe.what != "10,000 entries"
            && !probes::may_be_missing(probe, &reason)
            && !self.is_excepted(probe)
        {
            self.fault(format!(
                "{what}: refused for something else: {}",
                verdict::short(status)
            ));
        }
        if probe.what == "unset" && !probe.must_fail && reason == "FIELD_REQUIRED" {
            let arm = probe.steps.last().and_then(|s| s.field.containing_oneof());
            let said = probe.steps.last().map(|s| self.contract.said_of(&s.field));
            let said = said.unwrap_or_default();
            if arm.is_none() && !said.contains("required") && !self.is_excepted(probe) {
                self.fault(format!(
                    "{what}: is required, and its comment does not say so"
                ));
            }
        }
    }

    /// A refused call has written nothing, and the next good one is served.
    async fn must_be_unmoved(&mut self, what: &str) {
        let now = self.stage.position().await;
        if now != self.position {
            let deeds = self.stage.deeds("ana", self.position).await;
            if !deeds.is_empty() {
                self.fault(format!("{what}: it is refused, and written is {deeds:?}"));
            }
        }
        self.position = now;
    }

    fn is_excepted(&mut self, probe: &Probe) -> bool {
        let found = exceptions::of(&self.method.name, &probe.plain_path(), probe.what);
        self.used.extend(found);
        found.is_some()
    }

    /// All fields broken at once are all named.
    async fn together(&mut self, seed: &Seed, names: &Facts, broken: &[Probe]) {
        if broken.len() < 2 {
            return;
        }
        let mut message = self.stage.fill(self.method, seed.json, names);
        for probe in broken {
            probe.apply(&mut message);
        }
        let all: Vec<String> = broken.iter().map(Probe::path).collect();
        match self.call(&message).await {
            Ok(_) => self.fault(format!("{all:?} are broken, and it is taken")),
            Err(status) => {
                if let Err(problem) = verdict::reason(self.contract, self.method, &status) {
                    self.fault(format!("{all:?} at once: {problem}"));
                }
                let named = verdict::named(&status);
                for probe in broken {
                    if !named.iter().any(|n| probe.is_named_by(n)) && !self.is_excepted(probe) {
                        let path = probe.path();
                        self.fault(format!(
                            "{path} ({}) is not named at once with others: {named:?}",
                            probe.what
                        ));
                    }
                }
            }
        }
    }

    /// An id of another lender is as one that nobody has.
    async fn ids_of_others(&mut self, seed: &Seed, names: &Facts) {
        let pattern = self.stage.fill(self.method, seed.json, names);
        for (own, theirs) in variants::foreign(&pattern, &self.stage.theirs) {
            let unknown = variants::unknown_like(&theirs);
            let mut told = Vec::new();
            for id in [&theirs, &unknown] {
                let mut message = self.stage.fill(self.method, seed.json, names);
                let probe = own.with(id);
                probe.apply(&mut message);
                let answer = self.call(&message).await;
                told.push(match &answer {
                    Ok(_) => "taken".to_owned(),
                    Err(status) => {
                        let what = format!("{} of another lender", probe.path());
                        self.must_be_unmoved(&what).await;
                        let reason = verdict::reason(self.contract, self.method, status);
                        let mut message = status.message().replace(id.as_str(), "ID");
                        if let Some((_, bare)) = id.split_once('_') {
                            message = message.replace(bare, "ID");
                            message = message.replace(&bare.replace('-', "@"), "ID");
                        }
                        format!("{:?} {reason:?} {message}", status.code())
                    }
                });
                if answer.is_ok() {
                    self.position = self.stage.position().await;
                }
                let is_hidden = matches!(&answer, Err(s) if s.code() == Code::NotFound);
                if !is_hidden && !self.is_excepted(&probe) {
                    self.fault(format!(
                        "{} = {id}: not NOT_FOUND: {}",
                        probe.path(),
                        told[told.len() - 1]
                    ));
                }
            }
            if told[0] != told[1] {
                self.fault(format!(
                    "another's id tells more than an unknown one: {told:?}"
                ));
            }
        }
    }

    /// Tokens are good for the lender, the method and the filter they were given for.
    async fn pages(&mut self) {
        let filters = seeds::OTHER_FILTERS
            .iter()
            .find(|(m, _)| *m == self.method.name);
        let fields = self.method.input.fields();
        let pages = ["page_size", "page_token"];
        let is_whole = fields.into_iter().all(|f| pages.contains(&f.name()));
        let other = filters.map(|(_, other)| *other);
        if other.is_none() != is_whole {
            return self.fault("a list by a filter has another one in tests/table/seeds.rs");
        }
        let seed = seeds::SEEDS.iter().find(|s| s.method == self.method.name);
        let seed = seed.expect("a seed").json;
        let own = &self.stage.own;
        let first = self.stage.fill(self.method, seed, own);
        let page = self.call(&first).await.expect("a first page");
        let token = stage::text_at(self.method, &page, "next_page_token");
        let their_page = self.stage.fill(self.method, seed, &self.stage.theirs);
        let their_page = self
            .stage
            .wire
            .call(&self.method.path, OLGA, their_page.encode_to_vec())
            .await;
        let their_page = their_page.expect("a first page of another lender");
        let theirs = stage::text_at(self.method, &their_page, "next_page_token");
        if token.is_empty() || theirs.is_empty() {
            return self.fault("the stage holds no second page of it");
        }
        let with = |json: &str, token: &str| {
            let mut message = self.stage.fill(self.method, json, own);
            message.set_field_by_name("page_token", Value::String(token.to_owned()));
            message
        };
        let cut = &token[..token.len() - 2];
        let mut tokens = vec![
            ("garbage", with(seed, "garbage")),
            ("half", with(seed, &token[..token.len() / 2])),
            ("cut", with(seed, cut)),
            ("not ASCII", with(seed, "\u{5b57}\u{5b57}")),
            ("of another lender", with(seed, &theirs)),
        ];
        let second = with(seed, &token);
        if let Err(status) = self.call(&second).await {
            self.fault(format!("the second page: {}", verdict::short(&status)));
        }
        if let Some(other) = other {
            tokens.push(("of another filter", with(other, &token)));
            if let Err(status) = self.call(&with(other, "")).await {
                self.fault(format!("the other filter: {}", verdict::short(&status)));
            }
        }
        for (what, message) in tokens {
            let answer = self.call(&message).await;
            let found = match &answer {
                Ok(_) => Err("it is taken".to_owned()),
                Err(status) => verdict::reason(self.contract, self.method, status),
            };
            if found.as_deref() != Ok("PAGE_TOKEN_INVALID") {
                self.fault(format!("a page token {what}: {found:?}"));
            }
        }
    }
}
