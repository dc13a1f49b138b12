//! What would be sent to a borrower, and in which words. Nothing is sent.

use super::facts::Sources;
use super::{Explanation, held_back};
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::message::must_suit;
use jiff::Timestamp;
use recoup_decide::{Action, Plan};
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{CaseId, KeyedHash, PartyId, TenantId};
use recoup_domain::party::Relation;
use recoup_store::Facts;

/// What would be sent now.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Whether something would be sent at the instant.
    pub explanation: Explanation,
    /// The contact, where one would be made and there is a text in the person's language.
    pub rendered: Option<Rendered>,
    /// Why its text would be held back, though the contact is permitted; none where it goes.
    pub held: Option<String>,
}

/// A contact in words.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The kind.
    pub class: ContactClass,
    /// Name of the channel.
    pub channel: String,
    /// Name of the template.
    pub template: String,
    /// Name of the stage.
    pub stage: String,
    /// Number of the step, from 0.
    pub step: u8,
    /// Who.
    pub party: PartyId,
    /// The number or address.
    pub point: Option<KeyedHash>,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
}

impl Engine {
    /// What would be sent to the borrower at an instant (none: now), if nothing new happens until then. Nothing
    /// is sent.
    ///
    /// # Errors
    /// As [`explain`](Self::explain); Template where the text cannot be put into words.
    pub async fn preview(
        &self,
        tenant: &TenantId,
        id: CaseId,
        at: Option<Timestamp>,
    ) -> Done<Preview> {
        let facts = self.tenants_facts(tenant, id).await?;
        let at = at.unwrap_or_else(|| self.0.wall.now());
        let skipped = self.passed_over(&facts.case).await?;
        // Nobody is shown where the facts are from.
        let explanation = self
            .explain_at(&facts, &skipped, &Sources::default(), at)
            .await?;
        let (mut rendered, mut held) = (None, None);
        if let Action::Contact(plan) = &explanation.decision.action {
            held = held_back(&explanation, plan).map(str::to_owned);
            rendered = match self.rendered(&facts, plan, &explanation.stage, at).await {
                // There is none in the person's language.
                Err(CommandError::Lacking { .. }) => None,
                text => Some(text?),
            };
        }
        Ok(Preview {
            explanation,
            rendered,
            held,
        })
    }

    async fn rendered(
        &self,
        facts: &Facts,
        plan: &Plan,
        stage: &str,
        now: Timestamp,
    ) -> Done<Rendered> {
        let world = self.world(&facts.case, facts).await?;
        let step = &world.policy.stages()[usize::from(plan.stage)].steps[usize::from(plan.step)];
        let template = self.template_of(&facts.borrower, &step.template)?;
        must_suit(&template, Relation::Borrower)?;
        let plain = self.0.keys.plain(&facts.borrower).await?;
        let text = self.words(facts, &plain, &template, plan.effect, now);
        let text = text.await?;
        Ok(Rendered {
            class: plan.class,
            channel: step.channel.clone(),
            template: template.name.clone(),
            stage: stage.to_owned(),
            step: plan.step,
            party: facts.borrower.id,
            point: plan.point,
            subject: text.subject,
            body: text.body,
        })
    }
}
