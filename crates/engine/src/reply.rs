//! Replies become facts: a wish to stop is an opt-out of its medium, a wrong number ends the use of that
//! number, anything else goes to a person.

use crate::beside::Beside;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::stops::PartyStop;
use recoup_channel::wire::Reply;
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::ContactClass;
use recoup_domain::ids::{KeyedHash, PartyId, TenantId};
use recoup_domain::party::{OptOut, PartyEvent};
use recoup_domain::sealed::Sealed;
use recoup_domain::{CaseEvent, Outcome};
use recoup_store::CommitError;

/// Words that mean: do not write to me again. Compared whole, without case, spaces and full stops.
const STOP_WORDS: [&str; 22] = [
    "stop",
    "stopall",
    "quit",
    "end",
    "revoke",
    "optout",
    "cancel",
    "unsubscribe",
    "td",
    "t",
    "退订",
    "停止",
    "拒收",
    "不要再发",
    "取消订阅",
    "回复t",
    "退訂",
    "拒收簡訊",
    "不要再發",
    "停止發送",
    "取消訂閱",
    "回覆t",
];
/// Words that mean: I am not who you are looking for.
const WRONG_NUMBER_WORDS: [&str; 5] = [
    "wrongnumber",
    "wrongperson",
    "打错了",
    "号码错误",
    "不是本人",
];

/// What a reply says beyond doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    Stop,
    WrongNumber,
    ForAPerson,
}

fn meaning(text: &str) -> Meaning {
    let plain: String = text
        .chars()
        .map(half_width)
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    if STOP_WORDS.contains(&plain.as_str()) {
        Meaning::Stop
    } else if WRONG_NUMBER_WORDS.contains(&plain.as_str()) {
        Meaning::WrongNumber
    } else {
        Meaning::ForAPerson
    }
}

/// A full-width letter or digit, as Chinese keyboards give them, as its common form.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        other => other,
    }
}

impl Engine {
    /// Puts a reply on record with all open cases of the party, with what follows from it.
    pub(crate) async fn reply_of(
        &self,
        tenant: &TenantId,
        channel: &str,
        class: ContactClass,
        point: KeyedHash,
        party: PartyId,
        reply: &Reply,
    ) -> Done<()> {
        let told = Beside::note(&reply.text);
        let sealed = told.sealed_for(party, &self.0.keys).await?;
        for _ in 0..32 {
            let actor = format!("channel:{channel}");
            let mut draft = Draft::new(tenant.clone(), actor, self.0.wall.now());
            let Some(row) = self.0.store.party(tenant, party).await? else {
                return Ok(());
            };
            let known = row
                .opt_outs
                .iter()
                .any(|o| o.class == Some(class) && o.point.is_none());
            let refused = row.refused;
            draft.hold_party(row);
            match meaning(&reply.text) {
                Meaning::Stop if known => {}
                Meaning::Stop => {
                    let opt_out = OptOut {
                        id: self.0.ids.opt_out(),
                        class: Some(class),
                        point: None,
                        via: class.name().to_owned(),
                        at: draft.now,
                    };
                    draft.party_event(party, PartyEvent::OptedOut(opt_out));
                    draft.seal_last(sealed.clone());
                    self.follow_stop(&mut draft, party, &PartyStop::OptOut(Some(class), None))
                        .await?;
                }
                Meaning::WrongNumber => {
                    let outcome = Outcome::WrongNumber;
                    draft.party_event(party, PartyEvent::Learned { point, outcome });
                    draft.seal_last(sealed.clone());
                    self.follow_stop(&mut draft, party, &PartyStop::OptOut(None, Some(point)))
                        .await?;
                }
                Meaning::ForAPerson => {
                    let told = (&told, &sealed);
                    self.reply_to_worklist(&mut draft, party, told).await?;
                }
            }
            if meaning(&reply.text) == Meaning::Stop && !refused {
                self.refuse_as_other(&mut draft, party, &sealed).await?;
            }
            if !draft.has_entries() {
                return Ok(());
            }
            let (change, cancels) = draft.finish();
            match self.0.store.commit(change).await {
                Ok(_) => {
                    self.call_off(cancels);
                    self.0.wake.notify_one();
                    return Ok(());
                }
                Err(CommitError::Stale(_)) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
                Err(_) => return Err(CommandError::Contended),
            }
        }
        Err(CommandError::Contended)
    }

    /// Who owes nothing and asks to be left alone is not asked again, by no medium: what is on its way is called off.
    async fn refuse_as_other(
        &self,
        draft: &mut Draft,
        party: PartyId,
        sealed: &Sealed,
    ) -> Done<()> {
        let tenant = draft.tenant().clone();
        if !self.was_asked(&tenant, party).await? {
            return Ok(());
        }
        draft.party_event(party, PartyEvent::Refused);
        draft.seal_last(sealed.clone());
        let all = PartyStop::OptOut(None, None);
        self.call_off_as_other(draft, party, &all).await
    }

    async fn reply_to_worklist(
        &self,
        draft: &mut Draft,
        party: PartyId,
        (told, sealed): (&Beside, &Sealed),
    ) -> Done<()> {
        let tenant = draft.tenant().clone();
        for case in self.0.store.open_cases_of(&tenant, party).await? {
            let id = case.id;
            draft.hold_case(case);
            let reason = Some(WorklistReason::WroteBack);
            draft.case_event(id, CaseEvent::WorklistChanged { reason });
            draft.seal_last(sealed.clone());
        }
        // Of a case that the person was contacted for without owing anything: its entries are sealed under its
        // borrower's key.
        for case in self.cases_asked_about(&tenant, party).await? {
            let (id, borrower) = (case.id, case.borrower);
            draft.hold_case(case);
            let reason = Some(WorklistReason::OtherWroteBack);
            draft.case_event(id, CaseEvent::WorklistChanged { reason });
            draft.seal_last(told.sealed_for(borrower, &self.0.keys).await?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_beyond_doubt_becomes_a_fact() {
        for (text, expected) in [
            ("STOP", Meaning::Stop),
            ("Stop.", Meaning::Stop),
            ("退订", Meaning::Stop),
            ("退訂", Meaning::Stop),
            ("不要再發。", Meaning::Stop),
            ("ＳＴＯＰ", Meaning::Stop),
            ("ＴＤ", Meaning::Stop),
            ("回复T", Meaning::Stop),
            (" opt-out ", Meaning::Stop),
            ("wrong number", Meaning::WrongNumber),
            ("I will stop by on Friday", Meaning::ForAPerson),
            ("I pay on Friday", Meaning::ForAPerson),
            ("", Meaning::ForAPerson),
        ] {
            assert_eq!(meaning(text), expected, "{text}");
        }
    }
}
