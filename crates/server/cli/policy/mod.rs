//! `recoup policy`.

mod lists;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use recoup_domain::ContactClass;
use recoup_policy::{Names, Policy, Severity};

use super::client::{ClientArgs, Named, refused, request_id};
use super::output::{json, say};
use super::{EXIT_BAD_INPUT, Failure, Outcome};
use crate::api::recoup::v1;
use crate::api::recoup::v1::policy_service_client::PolicyServiceClient;

/// Commands on policies.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check a policy's text without a server: shape, names, types. Exit code 4 where it has errors.
    Check {
        /// The file.
        file: PathBuf,
        /// A channel by another name than its kind, as NAME=KIND, such as `pager=sms`; repeat it.
        #[arg(long, value_name = "NAME=KIND")]
        channel: Vec<String>,
        /// A template that exists, over those that the file names. Repeat it to check names strictly.
        #[arg(long, value_name = "NAME")]
        template: Vec<String>,
        /// JSON, one object a finding.
        #[arg(long)]
        json: bool,
    },
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
        /// `policy_…`
        policy: String,
        /// For the record.
        #[arg(long, default_value = "")]
        note: String,
        /// JSON.
        #[arg(long)]
        json: bool,
    },
    /// Versions of policies.
    List(lists::List),
    /// A version of a policy: its text, who wrote and activated it.
    Get(lists::Get),
    /// Texts that policies may name.
    Templates(lists::List),
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
        Command::Check {
            file,
            channel,
            template,
            json,
        } => check(&file, &channel, &template, json),
        Command::Create { client, file, json } => create(client, &file, json).await,
        Command::Activate {
            client,
            policy,
            note,
            json,
        } => activate(client, policy, note, json).await,
        Command::List(command) => command.policies().await,
        Command::Get(command) => command.run().await,
        Command::Templates(command) => command.templates().await,
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

/// Names that a file may use without a server: the five kinds of contact and those of the command line as
/// channels, and templates of
/// the command line, or any.
fn check(file: &Path, named: &[String], templates: &[String], as_json: bool) -> Outcome {
    let text = read(file)?;
    let mut channels: BTreeMap<String, ContactClass> = ContactClass::ALL
        .into_iter()
        .map(|c| (c.name().to_owned(), c))
        .collect();
    for given in named {
        let told = given
            .split_once('=')
            .ok_or_else(|| "no NAME=KIND".to_owned());
        let told = told.and_then(|(name, kind)| {
            let class = kind.parse::<ContactClass>().map_err(|e| e.to_string())?;
            Ok((name.to_owned(), class))
        });
        let (name, class) =
            told.map_err(|problem| Failure::usage(format!("--channel {given}: {problem}")))?;
        channels.insert(name, class);
    }
    let findings = match Policy::parse(&text, &names(channels, templates, &text)) {
        Ok(policy) => policy.warnings().to_vec(),
        Err(findings) => findings,
    };
    for f in &findings {
        if as_json {
            json("Finding", &crate::convert::policy::finding(f))?;
        } else {
            say(format!("{}:{f}", file.display()));
        }
    }
    let errors = findings
        .iter()
        .filter(|f| f.severity == Severity::Error)
        .count();
    if !as_json {
        say(format!(
            "{errors} error(s), {} warning(s)",
            findings.len() - errors
        ));
    }
    Ok(if errors > 0 { EXIT_BAD_INPUT } else { 0 })
}

/// The names that a check without a server knows.
fn names(channels: BTreeMap<String, ContactClass>, given: &[String], text: &str) -> Names {
    let templates = if given.is_empty() {
        named_templates(text)
    } else {
        given.to_vec()
    };
    Names {
        channels,
        templates: templates.into_iter().collect(),
        ..Names::default()
    }
}

/// Every template that a text names; none where it has not the shape of a policy, which the check says.
fn named_templates(text: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Shape {
        stages: Vec<Stage>,
    }
    #[derive(serde::Deserialize)]
    struct Stage {
        steps: Vec<Step>,
    }
    #[derive(serde::Deserialize)]
    struct Step {
        template: String,
    }
    let shape: Result<Shape, _> = serde_saphyr::from_str(text);
    let stages = shape.map_or_else(|_| Vec::new(), |s| s.stages);
    stages
        .into_iter()
        .flat_map(|s| s.steps)
        .map(|s| s.template)
        .collect()
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
    let id = done.policy.map_or_else(String::new, |p| p.policy_id);
    say(format!(
        "{id} is stored; somebody else activates it: recoup policy activate {id}"
    ));
    Ok(0)
}

async fn activate(args: ClientArgs, policy_id: String, note: String, as_json: bool) -> Outcome {
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
        say(format!("{} is active; new cases run under it", p.policy_id));
    }
    Ok(0)
}

/// What a check of words cannot promise.
const WORDS_ALONE: &str =
    "words were looked for, not what the sentences around them say: a person must read the text";

async fn register(args: ClientArgs, r: v1::RegisterTemplateRequest, as_json: bool) -> Outcome {
    let done = connect(&args)
        .await?
        .register_template(r)
        .await
        .map_err(refused)?
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
