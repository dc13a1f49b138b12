//! What a replay says of a portfolio: everything that came from outside, in its order, and how each case ends.

use crate::support::Rig;
use jiff::Timestamp;
use recoup_decide::{Input, Plan};
use recoup_domain::ids::{CaseId, ContactId};
use recoup_domain::{Case, PartyId, PastContact};
use recoup_engine::clock::Wall as _;
use recoup_policy::Policy;
use recoup_simulate::{Behaviour, Fact, LoanCase, Person, Replay, Setting, Trail, Watch};
use std::collections::{BTreeMap, BTreeSet};

/// Something that came from outside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    pub(crate) at: Timestamp,
    /// The contact in which it was said; none where it came by itself.
    pub(crate) within: Option<ContactId>,
    pub(crate) fact: Fact,
}

/// A life as it was replayed.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) told: Vec<Told>,
    pub(crate) contacts: BTreeMap<ContactId, PastContact>,
    pub(crate) cases: BTreeMap<CaseId, Case>,
    /// The contact made last, and when.
    making: Option<(Timestamp, ContactId)>,
}

impl Watch for Script {
    fn contact(&mut self, input: &Input<'_>, now: Timestamp, plan: &Plan) {
        let id = ContactId {
            case: input.case.id,
            seq: plan.approved.unwrap_or(input.case.next_seq),
        };
        if !plan.needs_approval {
            self.making = Some((now, id));
        }
    }

    fn fact(&mut self, at: Timestamp, fact: Fact) {
        let within = self.making.filter(|(made, _)| *made == at);
        let within = within.map(|(_, id)| id);
        self.told.push(Told { at, within, fact });
    }

    fn ended(&mut self, case: &Case, contacts: &[PastContact]) {
        self.making = None;
        self.cases.insert(case.id, case.clone());
        let own = contacts.iter().filter(|c| c.debt == case.id);
        self.contacts
            .extend(own.filter_map(|c| Some((c.id?, c.clone()))));
    }
}

/// Replays the rig's open cases from now on, each under the policy that it is pinned to, or what `edit` makes of it.
pub(crate) async fn replay(
    rig: &Rig,
    behaviour: &Behaviour,
    (days, seed): (u32, u64),
    edit: impl Fn(&str) -> String,
) -> Script {
    let engine = &rig.engine;
    let open = engine.open_cases(&rig.tenant).await.unwrap();
    let ids: Vec<CaseId> = open.into_iter().map(|(_, case)| case).collect();
    let mut people: BTreeMap<(String, PartyId), Person> = BTreeMap::new();
    for portrait in engine.portraits(&ids).await.unwrap() {
        let (facts, visitors) = (portrait.facts, portrait.visitors);
        let pin = facts.case.policy.as_ref().unwrap().name.clone();
        let loan = LoanCase::by_id(facts.case, portrait.waiting, portrait.lifts, visitors);
        let whom = (pin, facts.borrower.id);
        let fresh = || Person::by_id(facts.borrower, vec![], facts.contacts);
        people.entry(whom).or_insert_with(fresh).cases.push(loan);
    }
    let names = engine.names(&rig.tenant).channels;
    let has = |name: &str| names.contains_key(name);
    let (packs, _) = engine.law_and_hash("");
    let mut script = Script::default();
    let policies: BTreeSet<String> = people.keys().map(|(pin, _)| pin.clone()).collect();
    for name in policies {
        let (stored, _) = engine.compiled(&rig.tenant, &name, 1).unwrap();
        let text = edit(&stored.text);
        let policy: Policy = engine.compile(&rig.tenant, &text).unwrap();
        let setting = Setting {
            policy: &policy,
            packs: &packs,
            behaviour,
            channels: &has,
            visitors: 0,
            start: rig.wall.now(),
            days,
            seed,
        };
        let mut replay = Replay::new(setting);
        for (_, person) in people.iter().filter(|((pin, _), _)| *pin == name) {
            let mut trails = vec![Trail::NOTHING; person.cases.len()];
            replay.live_watched(person.clone(), &mut trails, &mut script);
            assert!(trails.iter().all(|t| !t.excluded), "{name}");
        }
    }
    // One after the other in time; of a person's own, in the order they came.
    script.told.sort_by_key(|told| told.at);
    script
}
