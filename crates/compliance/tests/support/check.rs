//! Asks one rule and holds its answer to what is written.

use super::{at, proposal};
use jiff::Timestamp;
use recoup_compliance::{Audience, NoTrace, Packs, Proposal, Verdict, gate};
use recoup_domain::contact::ContactClass as Class;
use recoup_domain::party::{Party, Relation};
use recoup_domain::past::PastContact;
use recoup_domain::time::Window;

pub(crate) fn ask(rule: &str, p: &Proposal<'_>, past: &[PastContact]) -> Verdict {
    let binding = Packs::builtin().only(&[rule]).unwrap();
    gate(&binding, p, past, p.effect.from, &mut NoTrace)
}

#[track_caller]
pub(crate) fn permits(rule: &str, p: &Proposal<'_>, past: &[PastContact]) -> Timestamp {
    match ask(rule, p, past) {
        Verdict::Permit { expires } => expires,
        Verdict::Deny(denial) => panic!("{rule} denies, earliest {:?}", denial.earliest),
    }
}

#[track_caller]
pub(crate) fn denies(rule: &str, p: &Proposal<'_>, past: &[PastContact], earliest: Option<&str>) {
    match ask(rule, p, past) {
        Verdict::Permit { expires } => panic!("{rule} permits until {expires}"),
        Verdict::Deny(denial) => {
            assert_eq!(denial.reason.id(), rule);
            assert_eq!(denial.earliest, earliest.map(at), "{rule}");
        }
    }
}

pub(crate) fn window<'a>(party: &'a Party, class: Class, from: &str, to: &str) -> Proposal<'a> {
    Proposal {
        effect: Window {
            from: at(from),
            to: at(to),
        },
        ..proposal(party, class, at(from))
    }
}

pub(crate) fn third(who: &Party, relation: Relation) -> Proposal<'_> {
    Proposal {
        audience: Audience::ThirdParty,
        relation,
        ..proposal(who, Class::Phone, at("2026-05-06T12:00:00Z"))
    }
}
