//! `recoup policy migrate`: running cases go on under another version.

use std::collections::BTreeMap;

use super::super::client::{ClientArgs, refused, request_id};
use super::super::output::{json, say, table};
use super::super::{EXIT_CHANGES, Failure, Outcome};
use super::{connect, id_of};
use crate::api::recoup::v1;

/// `recoup policy migrate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    client: ClientArgs,
    /// The version they are pinned to: NAME@VERSION or `policy_…`.
    from: String,
    /// The version to pin them to, which somebody activated: NAME@VERSION or `policy_…`.
    to: String,
    /// Why; kept sealed with each case.
    #[arg(long)]
    reason: String,
    /// What became of a stage that has another name now, as OLD=NEW; `OLD=`: nothing. Repeat it.
    #[arg(long, value_name = "OLD=NEW")]
    stage: Vec<String>,
    /// Only cases with this label; repeat it for cases that have all of them.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only this case; repeat it.
    #[arg(long, value_name = "ID")]
    case: Vec<String>,
    /// Say what would come of it, and write nothing. Exit code 5 where cases would go.
    #[arg(long)]
    dry_run: bool,
    /// Cases that are moved at a time, all or none of them, 1 to 200.
    #[arg(long, default_value_t = 100, value_name = "N")]
    batch: u8,
    /// JSON, one object a batch.
    #[arg(long)]
    json: bool,
}

/// Cases and examples of them.
type Counted = (i64, Vec<String>);

/// What all pages said together.
#[derive(Default)]
struct All {
    cases: i64,
    moved: i64,
    moves: BTreeMap<(String, String), Counted>,
    left: BTreeMap<String, Counted>,
    stages: Vec<v1::StageMapping>,
    unnamed: Vec<v1::StageMapping>,
    dropped: i64,
    recalled: i64,
    contacts: Vec<String>,
    due_now: i64,
    used_up: Counted,
}

impl Migrate {
    pub(super) async fn run(self) -> Outcome {
        let mut request = self.request().await?;
        let mut service = connect(&self.client).await?;
        let mut all = All::default();
        loop {
            request.request_id = request_id();
            let done = service.migrate_cases(request.clone()).await;
            let page = done.map_err(refused).map_err(|e| all.so_far(e))?;
            let page = page.into_inner();
            if self.json {
                json("MigrateCasesResponse", &page)?;
            }
            request.batch_token = page.next_batch_token.clone();
            all.take(page);
            if request.batch_token.is_empty() {
                break;
            }
        }
        if !self.json {
            all.say(self.dry_run);
        }
        Ok(if self.dry_run && all.moved > 0 {
            EXIT_CHANGES
        } else {
            0
        })
    }

    async fn request(&self) -> Result<v1::MigrateCasesRequest, Failure> {
        for given in [&self.from, &self.to] {
            if !given.starts_with("policy_") && !given.contains('@') {
                let problem = format!("{given}: name the version, such as {given}@1");
                return Err(Failure::usage(problem));
            }
        }
        let stage = |given: &String| {
            let (from, to) = given.split_once('=').ok_or_else(|| {
                Failure::usage(format!(
                    "--stage {given}: write OLD=NEW, or OLD= for nothing"
                ))
            })?;
            Ok(v1::StageMapping {
                from_stage: from.to_owned(),
                to_stage: to.to_owned(),
            })
        };
        Ok(v1::MigrateCasesRequest {
            from_policy_id: id_of(&self.client, self.from.clone()).await?,
            to_policy_id: id_of(&self.client, self.to.clone()).await?,
            reason: self.reason.clone(),
            stages: self
                .stage
                .iter()
                .map(stage)
                .collect::<Result<_, Failure>>()?,
            tags: self.tag.clone(),
            case_ids: self.case.clone(),
            dry_run: self.dry_run,
            batch_size: i32::from(self.batch),
            ..v1::MigrateCasesRequest::default()
        })
    }
}

impl All {
    fn take(&mut self, page: v1::MigrateCasesResponse) {
        self.cases += page.cases;
        self.moved += page.moved;
        for m in page.moves {
            let row = self.moves.entry((m.from_stage, m.to_stage));
            count(row.or_default(), m.cases, m.case_ids);
        }
        for l in page.left {
            count(self.left.entry(l.text).or_default(), l.cases, l.case_ids);
        }
        self.stages = page.stages;
        self.unnamed = page.unnamed_stages;
        self.dropped += page.contacts_dropped;
        self.recalled += page.contacts_recalled;
        self.contacts.extend(page.contact_ids);
        self.due_now += page.due_now;
        count(&mut self.used_up, page.used_up, page.used_up_case_ids);
    }

    fn say(&self, dry_run: bool) {
        let would = if dry_run { "would be " } else { "" };
        let became: Vec<String> = self.stages.iter().map(became).collect();
        say(format!("stages: {}", became.join(", ")));
        for stage in &self.unnamed {
            let (from, to) = (&stage.from_stage, &stage.to_stage);
            say(format!(
                "`{from}` looks like `{to}`: say --stage {from}={to}, or --stage {from}= where it became nothing; until \
                 then what its steps made counts for no step"
            ));
        }
        if !self.moves.is_empty() {
            let mut rows = table(&["stands in", "then in", "cases", "such as"]);
            for ((from, to), (n, ids)) in &self.moves {
                let name = |stage: &String| match stage.as_str() {
                    "" => "no stage".to_owned(),
                    stage => stage.to_owned(),
                };
                rows.add_row([name(from), name(to), n.to_string(), some(ids)]);
            }
            say(rows);
        }
        say(format!(
            "{} of {} case(s) {would}moved; {} of them make a contact at once",
            self.moved, self.cases, self.due_now
        ));
        let (used_up, ids) = &self.used_up;
        if *used_up > 0 {
            let come = if dry_run { "would come" } else { "come" };
            say(format!(
                "{used_up} of them {come} before a person at once, such as {}: every step of their stage is used up",
                some(ids)
            ));
        }
        if self.dropped + self.recalled > 0 {
            say(format!(
                "{} contact(s) that wait for a person {would}dropped, {} accepted one(s) {would}called off, such as {}",
                self.dropped,
                self.recalled,
                some(&self.contacts)
            ));
        }
        for (why, (n, ids)) in &self.left {
            let stay = if dry_run { "would stay" } else { "stay" };
            say(format!("{n} case(s) {stay}, such as {}: {why}", some(ids)));
        }
    }

    /// What broke a migration off, with what was done until then.
    fn so_far(&self, failure: Failure) -> Failure {
        if self.moved == 0 {
            return failure;
        }
        let message = format!(
            "{}\n{} case(s) were moved before that and stay so; the same command goes on with the others",
            failure.message, self.moved
        );
        Failure { message, ..failure }
    }
}

fn became(stage: &v1::StageMapping) -> String {
    let (from, to) = (&stage.from_stage, &stage.to_stage);
    match to.as_str() {
        "" => format!("{from} became nothing"),
        to if to == from => from.clone(),
        to => format!("{from} became {to}"),
    }
}

fn count(row: &mut Counted, cases: i64, ids: Vec<String>) {
    row.0 += cases;
    row.1.extend(ids);
}

/// A few of many.
fn some(ids: &[String]) -> String {
    ids.iter().take(3).cloned().collect::<Vec<_>>().join(" ")
}
