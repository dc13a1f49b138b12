//! `recoup policy`.

mod check;
mod diff;
mod lists;
mod migrate;
mod preview;
mod simulate;

use std::path::{Path, PathBuf};

use super::client::{ClientArgs, Named, refused, request_id};
use super::output::{json, pages, say};
use super::{Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::policy_service_client::PolicyServiceClient;

/// Commands on policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check policies without a server: shape, names, types, and what each does to cases. Exit code 1 where one has
    /// errors.
    Check(check::Check),
    /// Print the JSON Schema of policies, for editors.
    Schema,
    /// Replay a policy over a portfolio: what it would do, and how two policies differ, case by case. Nothing is sent.
    Simulate(Box<simulate::Simulate>),
    /// Print how borrowers behave in a replay unless a file says otherwise, to begin one of your own with.
    Behaviour,
    /// Store a policy as the next version of its name.
    Create {
        #[command(flatten)]
        client: ClientArgs,
        /// The file.
        file: PathBuf,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let new cases run under a version; somebody else than its author must.
    Activate {
        #[command(flatten)]
        client: ClientArgs,
        /// `policy_…`, or a name: its newest version. NAME@VERSION for another one.
        policy: String,
        /// For the record.
        #[arg(long, default_value = "")]
        note: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// What two policies do differently: stages, conditions, steps. Exit code 5 where they do, 0 where only the writing
    /// differs.
    Diff(diff::Diff),
    /// Move running cases to another version of their policy, or to another policy, on record. Each keeps its history.
    Migrate(migrate::Migrate),
    /// Versions of policies.
    List(lists::List),
    /// A version of a policy: its text, who wrote and activated it.
    Get(lists::Get),
    /// Texts that policies may name.
    Templates(lists::List),
    /// A text as it would read: with example data or a case's, how long it is, what law asks of it and is missing.
    /// Nothing is sent.
    PreviewTemplate(preview::Preview),
    /// Register a text that policies may name.
    Template {
        #[command(flatten)]
        client: ClientArgs,
        /// The name policies use.
        name: String,
        /// The kind of contact it is for.
        #[arg(long)]
        channel: String,
        /// Its language, BCP 47.
        #[arg(long)]
        locale: String,
        /// Subject, where the channel has one.
        #[arg(long, default_value = "")]
        subject: String,
        /// The file of the text.
        #[arg(long, value_name = "FILE")]
        body: PathBuf,
        /// A variable the text uses; repeat it.
        #[arg(long, value_name = "NAME")]
        variable: Vec<String>,
        /// It is for people who owe nothing, and cannot speak of a debt.
        #[arg(long)]
        third_party: bool,
        /// A place it is written for, ISO 3166; repeat it. Without it, the region of its language.
        #[arg(long, value_name = "REGION")]
        region: Vec<String>,
        /// A kind of lender it is written for: first_party, agency, microloan_company, bank; repeat it.
        #[arg(long, value_name = "KIND")]
        lender_kind: Vec<String>,
        /// The signature that carriers approved, without its brackets.
        #[arg(long, default_value = "")]
        signature: String,
        /// The provider's id of the template approved under the signature.
        #[arg(long, value_name = "ID", default_value = "")]
        provider_template: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command) -> Outcome {
    match command {
        Command::Check(command) => command.run(),
        Command::Schema => {
            say(recoup_policy::schema().trim_end());
            Ok(0)
        }
        Command::Simulate(command) => command.run().await,
        Command::Behaviour => simulate::print_behaviour(),
        Command::Create { client, file, json } => create(client, &file, json).await,
        Command::Activate {
            client,
            policy,
            note,
            json,
        } => activate(client, policy, note, json).await,
        Command::Diff(command) => command.run().await,
        Command::Migrate(command) => command.run().await,
        Command::List(command) => command.policies().await,
        Command::Get(command) => command.run().await,
        Command::Templates(command) => command.templates().await,
        Command::PreviewTemplate(command) => command.run().await,
        Command::Template {
            client,
            name,
            channel,
            locale,
            subject,
            body,
            variable,
            third_party,
            region,
            lender_kind,
            signature,
            provider_template,
            json,
        } => {
            let audience = match third_party {
                true => v1::TemplateAudience::ThirdParty,
                false => v1::TemplateAudience::Debtor,
            };
            let request = v1::RegisterTemplateRequest {
                request_id: request_id(),
                name,
                channel,
                locale,
                subject,
                body: read(&body)?,
                variables: variable,
                audience: audience.into(),
                regions: region,
                lender_kinds: kinds(&lender_kind)?,
                sms_signature: signature,
                provider_template_id: provider_template,
            };
            register(client, request, json).await
        }
    }
}

fn kinds(names: &[String]) -> Result<Vec<i32>, Failure> {
    let kind = |name: &String| {
        let word = format!("LENDER_KIND_{}", name.to_uppercase());
        let known = v1::LenderKind::from_str_name(&word);
        known.map(i32::from).ok_or_else(|| {
            let all = "first_party, agency, microloan_company, bank";
            Failure::usage(format!("--lender-kind {name}: there are {all}"))
        })
    };
    names.iter().map(kind).collect()
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))
}

async fn connect(args: &ClientArgs) -> Result<PolicyServiceClient<Named>, Failure> {
    Ok(PolicyServiceClient::new(args.named().await?))
}

async fn create(args: ClientArgs, file: &Path, as_json: bool) -> Outcome {
    let request = v1::CreatePolicyRequest {
        request_id: request_id(),
        yaml: read(file)?,
    };
    let done = connect(&args)
        .await?
        .create_policy(request)
        .await
        .map_err(refused)?
        .into_inner();
    if as_json {
        json("CreatePolicyResponse", &done)?;
        return Ok(0);
    }
    warn(&done.findings, &done.unchecked);
    let id = done.policy.map_or_else(String::new, |p| p.policy_id);
    if !done.same_text_as.is_empty() {
        say(format!(
            "it has the very same text as {}",
            done.same_text_as
        ));
    }
    say(format!(
        "{id} is stored; somebody else activates it: recoup policy activate {id}"
    ));
    Ok(0)
}

/// Tells what a check warns of, and what it did not look at.
fn warn(findings: &[v1::Finding], unchecked: &[String]) {
    for f in findings {
        let place = if f.line > 0 {
            format!("line {}: ", f.line)
        } else {
            String::new()
        };
        say(format!("warning[{}]: {place}{}", f.code, f.message));
    }
    for what in unchecked {
        say(format!("not checked: {what}"));
    }
}

/// The id of a version: as it is given, or by name and version, the newest of its name without one.
async fn id_of(args: &ClientArgs, given: String) -> Result<String, Failure> {
    use v1::get_policy_request::Ref;
    if given.starts_with("policy_") {
        return Ok(given);
    }
    let mut service = connect(args).await?;
    let Some((name, version)) = given.split_once('@') else {
        let mut newest = None;
        pages(usize::MAX, async |page_size, page_token| {
            let request = v1::ListPoliciesRequest {
                page_size,
                page_token,
                ..v1::ListPoliciesRequest::default()
            };
            let page = service.list_policies(request).await.map_err(refused)?;
            let page = page.into_inner();
            let own = page.policies.iter().filter(|p| p.name == given);
            newest = newest
                .take()
                .into_iter()
                .chain(own.cloned())
                .max_by_key(|p| p.version);
            Ok((page.policies.len(), page.next_page_token))
        })
        .await?;
        let problem = || {
            Failure::usage(format!(
                "there is no policy `{given}`; `recoup policy list` lists them"
            ))
        };
        return Ok(newest.ok_or_else(problem)?.policy_id);
    };
    let request = v1::GetPolicyRequest {
        r#ref: Some(Ref::Name(name.to_owned())),
        version: Some(number(version)?),
    };
    let found = service.get_policy(request).await.map_err(refused)?;
    Ok(found.into_inner().policy.unwrap_or_default().policy_id)
}

/// The number of a version.
fn number(given: &str) -> Result<i64, Failure> {
    let number = given.parse::<i64>();
    number.map_err(|_| Failure::usage(format!("@{given}: versions are numbers, such as @1")))
}

async fn activate(args: ClientArgs, policy: String, note: String, as_json: bool) -> Outcome {
    let policy_id = id_of(&args, policy).await?;
    let request = v1::ActivatePolicyRequest {
        request_id: request_id(),
        policy_id,
        note,
    };
    let done = connect(&args)
        .await?
        .activate_policy(request)
        .await
        .map_err(refused)?
        .into_inner();
    if as_json {
        json("ActivatePolicyResponse", &done)?;
    } else if let Some(p) = &done.policy {
        warn(&done.findings, &done.unchecked);
        say(format!(
            "{} is active; new cases run under it, those that name no policy, of whatever country, among them",
            p.policy_id
        ));
    }
    Ok(0)
}

/// A refusal that names the flags of the command where its fields have other names.
fn flags(refusal: Failure) -> Failure {
    let named = [
        ("sms_signature", "--signature"),
        ("provider_template_id", "--provider-template"),
        ("lender_kinds", "--lender-kind"),
        ("variables", "--variable"),
        ("regions", "--region"),
        ("body: ", "--body: "),
    ];
    let message = named
        .into_iter()
        .fold(refusal.message, |text, (field, flag)| {
            text.replace(field, flag)
        });
    Failure { message, ..refusal }
}

/// What a check of words cannot promise.
const WORDS_ALONE: &str =
    "words were looked for, not what the sentences around them say: a person must read the text";

async fn register(args: ClientArgs, r: v1::RegisterTemplateRequest, as_json: bool) -> Outcome {
    let done = connect(&args)
        .await?
        .register_template(r)
        .await
        .map_err(|status| flags(refused(status)))?
        .into_inner();
    if as_json {
        json("RegisterTemplateResponse", &done)?;
    } else if let Some(t) = &done.template {
        say(format!("{} is registered", t.template_id));
        let duties = |ids: &[String]| match ids {
            [] => "none".to_owned(),
            ids => ids.join(", "),
        };
        say(format!(
            "what messages must say: checked {}; left to each message {}",
            duties(&done.checked),
            match t.regions[..] {
                [] => "all, for no place is known".to_owned(),
                _ => duties(&done.left_to_rendering),
            }
        ));
        say(WORDS_ALONE.to_owned());
    }
    Ok(0)
}
