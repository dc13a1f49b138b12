//! What is said, and to whom: the two kinds of message that there are. What cannot be said cannot be sent.

use crate::error::{CommandError, Done, Violation};
use crate::third_party::ThirdPartyText;
use recoup_domain::contact::Reader;
use recoup_domain::party::Relation;
use recoup_store::StoredTemplate;

/// A message as it goes to a channel. Files, references and ids of the case go with one to an obligor alone.
pub(crate) enum Message {
    /// To who owes the debt or is bound to pay it.
    ToObligor(ObligorText),
    /// To anybody else.
    ToThirdParty(ThirdPartyText),
}

/// A text that may speak of the debt. Made by [`crate::render::render`].
pub(crate) struct ObligorText {
    pub(crate) subject: String,
    pub(crate) body: String,
    /// The carrier's id of the template it was approved under; empty where there is none.
    pub(crate) approved_template: String,
}

impl Message {
    pub(crate) fn subject(&self) -> &str {
        match self {
            Self::ToObligor(text) => &text.subject,
            Self::ToThirdParty(text) => text.subject(),
        }
    }

    pub(crate) fn body(&self) -> &str {
        match self {
            Self::ToObligor(text) => &text.body,
            Self::ToThirdParty(text) => text.body(),
        }
    }
}

/// Holds a template to the readers it was written for.
pub(crate) fn must_suit(template: &StoredTemplate, relation: Relation) -> Done<()> {
    let problem = match (template.reader, Reader::of(relation)) {
        (Reader::Obligor, Reader::Obligor) | (Reader::ThirdParty, Reader::ThirdParty) => {
            return Ok(());
        }
        (Reader::Obligor, Reader::ThirdParty) => format!(
            "`{}` is written for those who owe the debt; somebody who does not gets a template of audience \
             THIRD_PARTY",
            template.name
        ),
        (Reader::ThirdParty, Reader::Obligor) => format!(
            "`{}` is written for third parties; who owes the debt gets a template of audience DEBTOR",
            template.name
        ),
    };
    Err(CommandError::Invalid(vec![Violation::new(
        "template", problem,
    )]))
}
