//! A builder of tiny runs: a log and a ledger that agree, which a test then spoils in one place.

use recoup_judge::input::InputError;
use recoup_judge::ledger::Ledger;
use recoup_judge::log::SandboxLog;
use recoup_judge::verdict::{Judgement, Options, judge};
use serde_json::{Map, Value, json};

/// A local date and time in a zone, as microseconds since the epoch.
pub(crate) fn at(text: &str, zone: &str) -> i64 {
    let local: jiff::civil::DateTime = text.parse().expect("a local date and time");
    let zone = jiff::tz::TimeZoneDatabase::bundled()
        .get(zone)
        .expect("a zone");
    zone.to_timestamp(local)
        .expect("an instant")
        .as_microsecond()
}

/// A local date and time in China.
pub(crate) fn cn(text: &str) -> i64 {
    at(text, "Asia/Shanghai")
}

/// A local date and time in New York.
pub(crate) fn ny(text: &str) -> i64 {
    at(text, "America/New_York")
}

/// Microseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds of a day.
pub(crate) const DAY: i64 = 86_400 * SECOND;

/// One run: the lines of both files. Fields are changed by the test before it is judged.
pub(crate) struct Run {
    pub(crate) log: Vec<Value>,
    pub(crate) ledger: Vec<Value>,
    pub(crate) options: Options,
}

impl Run {
    /// Case `C` of person `P` in China, its guarantor `G`, and case `D` of the same person.
    pub(crate) fn china() -> Self {
        Self::new("CN", &["Asia/Shanghai"])
    }

    /// The same in New York.
    pub(crate) fn us() -> Self {
        Self::new("US", &["America/New_York"])
    }

    pub(crate) fn new(jurisdiction: &str, zones: &[&str]) -> Self {
        let mut run = Self {
            log: vec![json!({"type":"open","format":1,"seed":42,"clock":"stepped"})],
            ledger: vec![
                json!({"type":"header","format":1,"tenant":"t","clock":"stepped",
                "exported_at_us": cn("2026-12-31T00:00:00"),"position":9,"engine_version":"0"}),
            ],
            options: Options::default(),
        };
        for (case, debt) in [("C", "debt-c"), ("D", "debt-d")] {
            run.ledger.push(
                json!({"type":"case","case":case,"jurisdiction":jurisdiction,
                "lender_kind":"agency","borrower":"P","debt":debt,"opened_at_us":1,
                "closed_at_us":null,"status":"OPEN","close_reason":null,"currency":"CNY"}),
            );
        }
        for (party, role) in [("P", "borrower"), ("G", "guarantor")] {
            run.ledger.push(
                json!({"type":"party","party":party,"role":role,"zones":zones,
                "regions":[]}),
            );
        }
        run
    }

    /// A contact that was sent, received at `at_us` and accepted, and its outcome a minute later.
    pub(crate) fn contact(&mut self, name: &str, channel: &str, at_us: i64) -> &mut Self {
        self.slot(name, channel, at_us, "ACCEPTED");
        self.receipt(name, channel, at_us)
    }

    /// A contact's line in the ledger alone.
    pub(crate) fn slot(&mut self, name: &str, channel: &str, at_us: i64, end: &str) -> &mut Self {
        let plan_seq = self
            .ledger
            .iter()
            .filter(|line| line["type"] == "slot")
            .count();
        self.ledger.push(
            json!({"type":"slot","contact":name,"case":"C","plan_seq":plan_seq,
            "party":"P","channel":channel,"template":format!("template-{name}"),"stage":"s",
            "key":format!("key-{name}"),"origin":"policy","retry_of":null,
            "effect_from_us":at_us,"effect_to_us":at_us + 3600 * SECOND,
            "not_after_us":at_us + 1800 * SECOND,"intent_at_us":at_us - SECOND,
            "state":"PLANNED","outcome":null,"outcome_at_us":null,"states":[]}),
        );
        self.history(name, &["DISPATCHING", end])
    }

    /// A send that reaches the person.
    pub(crate) fn receipt(&mut self, name: &str, channel: &str, at_us: i64) -> &mut Self {
        let n = self
            .log
            .iter()
            .filter(|line| line["type"] == "receipt")
            .count()
            + 1;
        let visit = channel == "visit";
        self.log.push(
            json!({"type":"receipt","n":n,"wall_us":7,"mono_us":7,"virtual_us":at_us,
            "channel":channel,"op":"send","dest":"+86100","ordinal":0,"key":format!("key-{name}"),
            "payload_sha256":"00","text":"t",
            "effect_from_us":visit.then_some(at_us + DAY),
            "effect_to_us":visit.then_some(at_us + DAY + 3600 * SECOND),
            "answer":200,"effect":true,"outcome":null}),
        );
        self
    }

    /// A cancellation that the provider took.
    pub(crate) fn cancel(&mut self, name: &str, channel: &str, at_us: i64) -> &mut Self {
        self.receipt(name, channel, at_us);
        self.last_log(json!({"op":"cancel","effect":false}))
    }

    pub(crate) fn outcome(&mut self, name: &str, outcome: &str, at_us: i64) -> &mut Self {
        self.log.push(
            json!({"type":"outcome","key":format!("key-{name}"),"channel":"phone",
            "dest":"+86100","outcome":outcome,"at_us":at_us,"wall_us":7,"virtual_us":at_us}),
        );
        self
    }

    /// A call with its outcome a minute later.
    pub(crate) fn call(&mut self, name: &str, at_us: i64, outcome: &str) -> &mut Self {
        self.contact(name, "phone", at_us)
            .outcome(name, outcome, at_us + 60 * SECOND)
    }

    pub(crate) fn stop(&mut self, fields: Value) -> &mut Self {
        self.ledger.push(
            json!({"type":"stop","party":null,"case":null,"kind":"cease",
            "channel":null,"contact_point":null,"ok_at_us":0,"until_us":null}),
        );
        merge(self.ledger.last_mut().expect("a line"), fields);
        self
    }

    pub(crate) fn payment(&mut self, ok_at_us: i64, cures: bool) -> &mut Self {
        self.ledger.push(
            json!({"type":"payment","case":"C","payment":"p","ok_at_us":ok_at_us,
            "received_at_us":ok_at_us,"amount_minor":1,"currency":"CNY","cures":cures}),
        );
        self
    }

    /// Changes fields of a slot.
    pub(crate) fn edit(&mut self, name: &str, fields: Value) -> &mut Self {
        let slot = self
            .ledger
            .iter_mut()
            .find(|line| line["contact"] == name)
            .expect("a slot");
        merge(slot, fields);
        self
    }

    /// Gives a slot a history from its intent on, a second a step, and its last state.
    pub(crate) fn history(&mut self, name: &str, states: &[&str]) -> &mut Self {
        let slot = self
            .ledger
            .iter()
            .find(|line| line["contact"] == name)
            .expect("a slot");
        let from = slot["effect_from_us"].as_i64().expect("an instant") - SECOND;
        let steps: Vec<_> = (0..)
            .zip(states)
            .map(|(i, state)| json!({"state":state,"at_us":from + i * SECOND}))
            .collect();
        self.edit(name, json!({"states":steps,"state":states.last()}))
    }

    /// Changes fields of the last line of the log.
    pub(crate) fn last_log(&mut self, fields: Value) -> &mut Self {
        merge(self.log.last_mut().expect("a line"), fields);
        self
    }

    pub(crate) fn log_text(&self) -> String {
        lines(&self.log)
    }

    /// The export, with the footer that counts it.
    pub(crate) fn ledger_text(&self) -> String {
        let mut counts = Map::new();
        for kind in ["case", "party", "slot", "denial", "payment", "stop"] {
            let count = self
                .ledger
                .iter()
                .filter(|line| line["type"] == kind)
                .count();
            counts.insert(kind.to_owned(), json!(count));
        }
        let mut all = self.ledger.clone();
        all.push(json!({"type":"footer","counts":counts}));
        lines(&all)
    }

    pub(crate) fn try_judge(&self) -> Result<Judgement, InputError> {
        judge_texts(&self.log_text(), &self.ledger_text(), &self.options)
    }

    pub(crate) fn judge(&self) -> Judgement {
        self.try_judge().expect("a run that can be judged")
    }

    /// The kinds of violation found, in the order of the report.
    pub(crate) fn kinds(&self) -> Vec<&'static str> {
        self.judge()
            .violations
            .iter()
            .map(|violation| violation.kind.name())
            .collect()
    }
}

pub(crate) fn judge_texts(
    log: &str,
    ledger: &str,
    options: &Options,
) -> Result<Judgement, InputError> {
    let log = SandboxLog::read(log.as_bytes())?;
    let ledger = Ledger::read(ledger.as_bytes())?;
    judge(&log, &ledger, options)
}

fn merge(line: &mut Value, fields: Value) {
    let (Value::Object(line), Value::Object(fields)) = (line, fields) else {
        panic!("lines and changes are objects");
    };
    line.extend(fields);
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| format!("{value}\n")).collect()
}

/// A row of a table of tests: what it is, how to spoil a run, and the kinds that must be found.
pub(crate) type Row = (&'static str, fn(&mut Run), &'static [&'static str]);

/// Ends a chain of changes.
pub(crate) fn done(_: &mut Run) {}

/// Runs a table; all rows are tried before one fails.
pub(crate) fn check(base: fn() -> Run, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (name, spoil, expected) in rows {
        let mut run = base();
        spoil(&mut run);
        let found = run.kinds();
        if found != *expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
