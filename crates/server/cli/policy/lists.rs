//! `recoup policy`: versions and texts that are stored.

use super::super::Outcome;
use super::super::client::{ClientArgs, refused};
use super::super::output::{instant, json, pages, say, table, word};
use super::{connect, number};
use crate::api::recoup::v1;

/// A list of versions or texts.
#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    client: ClientArgs,
    /// Such as `name = ladder`; the fields are in the comments of ListPolicies and ListTemplates.
    #[arg(long, default_value = "")]
    filter: String,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// JSON, one object a page.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) async fn policies(self) -> Outcome {
        let mut client = connect(&self.client).await?;
        let mut rows = table(&["policy", "state", "author", "activated by", "open cases"]);
        pages(self.limit, async |page_size, page_token| {
            let request = v1::ListPoliciesRequest {
                page_size,
                page_token,
                filter: self.filter.clone(),
            };
            let page = client.list_policies(request).await.map_err(refused)?;
            let page = page.into_inner();
            if self.json {
                json("ListPoliciesResponse", &page)?;
            }
            for p in &page.policies {
                rows.add_row([
                    p.policy_id.clone(),
                    word(p.state().as_str_name(), "POLICY_STATE_"),
                    p.author.clone(),
                    p.activated_by.clone(),
                    p.pinned_cases.to_string(),
                ]);
            }
            Ok((page.policies.len(), page.next_page_token))
        })
        .await?;
        if !self.json {
            say(rows);
        }
        Ok(0)
    }

    pub(super) async fn templates(self) -> Outcome {
        let mut client = connect(&self.client).await?;
        let mut rows = table(&["template", "channel", "language", "text"]);
        pages(self.limit, async |page_size, page_token| {
            let request = v1::ListTemplatesRequest {
                page_size,
                page_token,
                filter: self.filter.clone(),
            };
            let page = client.list_templates(request).await.map_err(refused)?;
            let page = page.into_inner();
            if self.json {
                json("ListTemplatesResponse", &page)?;
            }
            for t in &page.templates {
                let text = [&t.template_id, &t.channel, &t.locale, &t.body];
                rows.add_row(text);
            }
            Ok((page.templates.len(), page.next_page_token))
        })
        .await?;
        if !self.json {
            say(rows);
        }
        Ok(0)
    }
}

/// `recoup policy get`.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    #[command(flatten)]
    client: ClientArgs,
    /// `policy_…`, or a name: its active version, or the newest where none is. NAME@VERSION for another one.
    policy: String,
    /// JSON.
    #[arg(long)]
    json: bool,
}

impl Get {
    pub(super) async fn run(self) -> Outcome {
        use v1::get_policy_request::Ref;
        let (name, version) = match self.policy.split_once('@') {
            _ if self.policy.starts_with("policy_") => (Ref::PolicyId(self.policy), None),
            Some((name, version)) => (Ref::Name(name.to_owned()), Some(number(version)?)),
            None => (Ref::Name(self.policy), None),
        };
        let request = v1::GetPolicyRequest {
            r#ref: Some(name),
            version,
        };
        let found = connect(&self.client).await?.get_policy(request).await;
        let found = found.map_err(refused)?.into_inner();
        if self.json {
            json("GetPolicyResponse", &found)?;
            return Ok(0);
        }
        let p = found.policy.unwrap_or_default();
        let state = word(p.state().as_str_name(), "POLICY_STATE_");
        let written = instant(p.create_time.as_ref());
        say(format!("# {}, {state}", p.policy_id));
        say(format!("# written by {} at {written} (UTC)", p.author));
        if !p.activated_by.is_empty() {
            let at = instant(p.activate_time.as_ref());
            say(format!("# activated by {} at {at} (UTC)", p.activated_by));
        }
        say(p.yaml.trim_end());
        Ok(0)
    }
}
