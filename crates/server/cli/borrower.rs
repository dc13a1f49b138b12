//! `recoup borrower`: a person, and what the person wants and is.

use std::path::PathBuf;

use super::client::{ClientArgs, Named, refused};
use super::given::{self, Proof, Write};
use super::output::{instant, json, say, table, word};
use super::{Failure, Outcome};
use crate::api::google::r#type as google;
use crate::api::recoup::v1;
use crate::api::recoup::v1::borrower_service_client::BorrowerServiceClient;
use crate::api::recoup::v1::record_circumstance_request::Circumstance as Told;

/// Commands on people.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// One person: numbers, addresses, wishes and circumstances in force.
    Get {
        /// `party_…`, or the lender's own reference.
        #[arg(value_parser = given::party)]
        party: v1::PartyRef,
        #[command(flatten)]
        client: ClientArgs,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Write a person from a file: an UpsertBorrowerRequest in JSON.
    Put(Put),
    /// Record that the person wants no contact by a channel, or by any.
    OptOut(OptOut),
    /// Record that the person took an opt-out back.
    WithdrawOptOut(WithdrawOptOut),
    /// Record a demand to stop.
    Cease(Cease),
    /// Record a consent.
    Consent(Consent),
    /// Record that a consent was taken back.
    WithdrawConsent(WithdrawConsent),
    /// Record that an attorney represents the person, or does no more.
    Attorney(Attorney),
    /// Record a circumstance: an inconvenient time or place, an employer's ban, a moratorium, death.
    Circumstance(Circumstance),
    /// Declare hardship: the person's cases pause.
    Hardship(Hardship),
}

type Client = BorrowerServiceClient<Named>;

async fn client(args: &ClientArgs) -> Result<Client, Failure> {
    Ok(BorrowerServiceClient::new(args.named().await?))
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Get {
            party,
            client,
            json,
        } => get(party, &client, json).await,
        Command::Put(command) => command.run().await,
        Command::OptOut(command) => command.run().await,
        Command::WithdrawOptOut(command) => command.run().await,
        Command::Cease(command) => command.run().await,
        Command::Consent(command) => command.run().await,
        Command::WithdrawConsent(command) => command.run().await,
        Command::Attorney(command) => command.run().await,
        Command::Circumstance(command) => command.run().await,
        Command::Hardship(command) => command.run().await,
    }
}

async fn get(party: v1::PartyRef, args: &ClientArgs, as_json: bool) -> Outcome {
    let request = v1::GetBorrowerRequest { party: Some(party) };
    let found = client(args).await?.get_borrower(request).await;
    let found = found.map_err(refused)?.into_inner();
    if as_json {
        json("GetBorrowerResponse", &found)?;
    } else {
        after(found.party.as_ref(), &[]);
    }
    Ok(0)
}

/// The person after a command, and what the command called off.
fn after(party: Option<&v1::Party>, called_off: &[String]) {
    party.into_iter().for_each(show);
    for contact in called_off {
        say(format!("{contact} is being called off"));
    }
}

fn show(p: &v1::Party) {
    let mut rows = table(&["party", &p.party_id]);
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            rows.add_row([name.to_owned(), value]);
        }
    };
    row("reference", p.lender_ref.clone());
    row("name", p.display_name.clone());
    row("kind", word(p.kind().as_str_name(), "BORROWER_KIND_"));
    row("regions", p.regions.join(", "));
    row("zones", p.time_zones.join(", "));
    row("language", p.locale.clone());
    for point in &p.contact_points {
        let state = word(point.state().as_str_name(), "CONTACT_POINT_STATE_");
        let opted_out = if point.opted_out { ", opted out" } else { "" };
        let kind = word(point.kind().as_str_name(), "CONTACT_POINT_KIND_");
        let id = &point.contact_point_id;
        row(&kind, format!("{} ({state}{opted_out}) {id}", point.value));
    }
    for o in &p.opt_outs {
        let what = match o.channel.as_str() {
            "" => "every channel",
            channel => channel,
        };
        let at = instant(o.received_time.as_ref());
        row("opt-out", format!("{what}, {at} (UTC) {}", o.opt_out_id));
    }
    for c in &p.ceases {
        let about = match c.case_id.as_str() {
            "" => "every case",
            case => case,
        };
        let how = if c.written { "in writing" } else { "spoken" };
        let at = instant(c.received_time.as_ref());
        row("demand to stop", format!("{about}, {how}, {at} (UTC)"));
    }
    for c in &p.consents {
        let kind = word(c.kind().as_str_name(), "CONSENT_KIND_");
        let about = [c.case_id.as_str(), c.contact_point_id.as_str()];
        let about: Vec<&str> = about.into_iter().filter(|s| !s.is_empty()).collect();
        let about = match about.as_slice() {
            [] => "every case".to_owned(),
            some => some.join(", "),
        };
        let paper = if c.has_evidence {
            "paper on file"
        } else {
            "no paper"
        };
        let end = match &c.expire_time {
            Some(end) => format!("until {} (UTC)", instant(Some(end))),
            None => "without end".to_owned(),
        };
        let (from, id) = (instant(c.received_time.as_ref()), &c.consent_id);
        let words = format!(
            "{kind}, {about}, by {} ({paper}), {from} (UTC) {end} {id}",
            c.source
        );
        row("consent", words);
    }
    for c in &p.circumstances {
        let until = c.last_date.as_ref().map_or_else(String::new, |d| {
            format!(" until {:04}-{:02}-{:02}", d.year, d.month, d.day)
        });
        let kind = word(c.kind().as_str_name(), "CIRCUMSTANCE_KIND_");
        row("circumstance", format!("{kind}{until}"));
    }
    say(rows);
}

/// `recoup borrower put`.
#[derive(Debug, clap::Args)]
pub(super) struct Put {
    /// The file.
    file: PathBuf,
    #[command(flatten)]
    write: Write,
}

impl Put {
    async fn run(self) -> Outcome {
        let name = "UpsertBorrowerRequest";
        let mut request: v1::UpsertBorrowerRequest = given::message(name, &self.file)?;
        if request.request_id.is_empty() {
            request.request_id = self.write.id();
        }
        let mut client = client(&self.write.client).await?;
        let done = client.upsert_borrower(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "UpsertBorrowerResponse";
        self.write
            .answer(name, &done, |m| after(m.party.as_ref(), &[]))
    }
}

/// A person, by recoup's id or the lender's reference.
#[derive(Debug, clap::Args)]
struct Who {
    /// `party_…`, or the lender's own reference.
    #[arg(value_parser = given::party)]
    party: v1::PartyRef,
    /// When it was received. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    received: Option<prost_types::Timestamp>,
}

/// `recoup borrower opt-out`.
#[derive(Debug, clap::Args)]
pub(super) struct OptOut {
    #[command(flatten)]
    who: Who,
    /// The channel: `sms`, `phone`, `email` or `visit`. Without it every channel.
    #[arg(long)]
    channel: Option<String>,
    /// Only this number or address of the channel, `point_…`.
    #[arg(long, default_value = "", value_name = "POINT", requires = "channel")]
    point: String,
    /// How it was received, in a word: a channel, `letter`, `branch`, `regulator`.
    #[arg(long)]
    via: String,
    #[command(flatten)]
    write: Write,
}

impl OptOut {
    async fn run(self) -> Outcome {
        use v1::record_opt_out_request::Scope;
        let request = v1::RecordOptOutRequest {
            request_id: self.write.id(),
            party: Some(self.who.party),
            scope: Some(
                self.channel
                    .map_or(Scope::AllChannels(true), Scope::Channel),
            ),
            contact_point_id: self.point,
            received_via: self.via,
            received_time: self.who.received,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.record_opt_out(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("RecordOptOutResponse", &done, |m| {
            after(m.party.as_ref(), &m.cancelling_contact_ids);
        })
    }
}

/// `recoup borrower withdraw-opt-out`.
#[derive(Debug, clap::Args)]
pub(super) struct WithdrawOptOut {
    /// `optout_…`
    opt_out: String,
    /// The person's own words: a file, whose hash is taken here, or REFERENCE=SHA256.
    #[arg(long, value_name = "FILE")]
    evidence: Proof,
    #[command(flatten)]
    write: Write,
}

impl WithdrawOptOut {
    async fn run(self) -> Outcome {
        let request = v1::WithdrawOptOutRequest {
            request_id: self.write.id(),
            opt_out_id: self.opt_out,
            evidence: Some(self.evidence.read()?),
        };
        let mut client = client(&self.write.client).await?;
        let done = client.withdraw_opt_out(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "WithdrawOptOutResponse";
        self.write
            .answer(name, &done, |m| after(m.party.as_ref(), &[]))
    }
}

/// `recoup borrower cease`.
#[derive(Debug, clap::Args)]
pub(super) struct Cease {
    #[command(flatten)]
    who: Who,
    /// Only about this case, `case_…`. Without it about every case.
    #[arg(long, default_value = "", value_name = "CASE")]
    case: String,
    /// It came in writing.
    #[arg(long)]
    written: bool,
    /// The paper: a file, whose hash is taken here, or REFERENCE=SHA256.
    #[arg(long, value_name = "FILE")]
    evidence: Option<Proof>,
    #[command(flatten)]
    write: Write,
}

impl Cease {
    async fn run(self) -> Outcome {
        let request = v1::RecordCeaseRequest {
            request_id: self.write.id(),
            party: Some(self.who.party),
            case_id: self.case,
            written: self.written,
            received_time: self.who.received,
            evidence: self.evidence.as_ref().map(Proof::read).transpose()?,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.record_cease(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("RecordCeaseResponse", &done, |m| {
            after(m.party.as_ref(), &m.cancelling_contact_ids);
        })
    }
}

/// `recoup borrower consent`.
#[derive(Debug, clap::Args)]
pub(super) struct Consent {
    #[command(flatten)]
    who: Who,
    /// To what: `off_hours`, `extra_calls`, `more_attempts_agreed`, `more_visits_written`, `work_email`.
    #[arg(long, value_parser = |text: &str| given::word(text, "CONSENT_KIND_", v1::ConsentKind::as_str_name))]
    kind: i32,
    /// For this case only, `case_…`.
    #[arg(long, default_value = "", value_name = "CASE")]
    case: String,
    /// For this number or address only, `point_…`.
    #[arg(long, default_value = "", value_name = "POINT")]
    point: String,
    /// When it ends. Without it the pack's own term, else never.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    expires: Option<prost_types::Timestamp>,
    /// How it was given, in a word: a channel, `letter`, `branch`, `form`.
    #[arg(long)]
    source: String,
    /// Its paper: a file, whose hash is taken here, or REFERENCE=SHA256. Required for `off_hours`,
    /// `more_visits_written` and `work_email`.
    #[arg(long, value_name = "FILE")]
    evidence: Option<Proof>,
    #[command(flatten)]
    write: Write,
}

impl Consent {
    async fn run(self) -> Outcome {
        let request = v1::RecordConsentRequest {
            request_id: self.write.id(),
            party: Some(self.who.party),
            kind: self.kind,
            case_id: self.case,
            contact_point_id: self.point,
            received_time: self.who.received,
            expire_time: self.expires,
            evidence: self.evidence.as_ref().map(Proof::read).transpose()?,
            source: self.source,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.record_consent(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write
            .answer("RecordConsentResponse", &done, |m| say(&m.consent_id))
    }
}

/// `recoup borrower withdraw-consent`.
#[derive(Debug, clap::Args)]
pub(super) struct WithdrawConsent {
    /// `consent_…`
    consent: String,
    /// When it was received. Without it now.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    received: Option<prost_types::Timestamp>,
    #[command(flatten)]
    write: Write,
}

impl WithdrawConsent {
    async fn run(self) -> Outcome {
        let request = v1::WithdrawConsentRequest {
            request_id: self.write.id(),
            consent_id: self.consent,
            received_time: self.received,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.withdraw_consent(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "WithdrawConsentResponse";
        self.write
            .answer(name, &done, |m| after(m.party.as_ref(), &[]))
    }
}

/// `recoup borrower attorney`.
#[derive(Debug, clap::Args)]
pub(super) struct Attorney {
    #[command(flatten)]
    who: Who,
    /// The attorney, a party recoup knows. Without it not known.
    #[arg(long, value_parser = given::party, value_name = "PARTY")]
    attorney: Option<v1::PartyRef>,
    /// The attorney represents the person no more.
    #[arg(long)]
    ended: bool,
    #[command(flatten)]
    write: Write,
}

impl Attorney {
    async fn run(self) -> Outcome {
        let request = v1::RecordAttorneyRequest {
            request_id: self.write.id(),
            party: Some(self.who.party),
            attorney: self.attorney,
            represents: !self.ended,
            received_time: self.who.received,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.record_attorney(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "RecordAttorneyResponse";
        self.write
            .answer(name, &done, |m| after(m.party.as_ref(), &[]))
    }
}

/// `recoup borrower circumstance`.
#[derive(Debug, clap::Args)]
pub(super) struct Circumstance {
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    write: Write,
}

/// Exactly one of the circumstances.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Hours without contact, such as `09:00-12:00`, or with ISO days before them: `6,7 09:00-12:00`.
    #[arg(long, value_parser = given::hours, value_name = "HOURS")]
    inconvenient_time: Option<v1::InconvenientTime>,
    /// A number or address without contact, `point_…`.
    #[arg(long, value_name = "POINT")]
    inconvenient_place: Option<String>,
    /// The employer forbids contact at work; `false` where it does no more.
    #[arg(long, value_name = "BOOL")]
    employer_ban: Option<bool>,
    /// Last day of a moratorium, in the person's zone.
    #[arg(long, value_parser = given::day, value_name = "DAY")]
    moratorium_until: Option<google::Date>,
    /// The person has died; `false` where that was a mistake.
    #[arg(long, value_name = "BOOL")]
    deceased: Option<bool>,
}

impl What {
    fn told(self) -> Option<Told> {
        let place = self.inconvenient_place;
        self.inconvenient_time
            .map(Told::InconvenientTime)
            .or_else(|| place.map(Told::InconvenientContactPointId))
            .or_else(|| self.employer_ban.map(Told::EmployerBan))
            .or_else(|| self.moratorium_until.map(Told::MoratoriumLastDate))
            .or_else(|| self.deceased.map(Told::Deceased))
    }
}

impl Circumstance {
    async fn run(self) -> Outcome {
        let request = v1::RecordCircumstanceRequest {
            request_id: self.write.id(),
            party: Some(self.who.party),
            circumstance: self.what.told(),
            received_time: self.who.received,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.record_circumstance(request).await.map_err(refused)?;
        let done = done.into_inner();
        let name = "RecordCircumstanceResponse";
        self.write
            .answer(name, &done, |m| after(m.party.as_ref(), &[]))
    }
}

/// `recoup borrower hardship`.
#[derive(Debug, clap::Args)]
pub(super) struct Hardship {
    /// `party_…`, or the lender's own reference.
    #[arg(value_parser = given::party)]
    party: v1::PartyRef,
    /// What kind: `illness`, `job_loss`, `disaster`.
    #[arg(long)]
    kind: String,
    /// When the pause ends. Without it a person must end it.
    #[arg(long, value_parser = given::instant, value_name = "INSTANT")]
    until: Option<prost_types::Timestamp>,
    #[command(flatten)]
    write: Write,
}

impl Hardship {
    async fn run(self) -> Outcome {
        let request = v1::DeclareHardshipRequest {
            request_id: self.write.id(),
            party: Some(self.party),
            until: self.until,
            kind: self.kind,
        };
        let mut client = client(&self.write.client).await?;
        let done = client.declare_hardship(request).await.map_err(refused)?;
        let done = done.into_inner();
        self.write.answer("DeclareHardshipResponse", &done, |m| {
            after(m.party.as_ref(), &[]);
            for case in &m.case_ids {
                say(format!("{case} is paused"));
            }
        })
    }
}
