//! Facts that forbid, exceptions, and consent.

use jiff::{SignedDuration, Timestamp};

use super::world::{World, happened};
use crate::law::case::{Agreed, Case, Class, DEBT, Kin, OptOut, Purpose, To, WORK_MAILBOX};

/// What a rule lets through all the same.
#[derive(Debug, Clone, Copy)]
pub(super) enum But {
    /// One reply by the medium the person came by, no later than so many hours after.
    Reply(i64),
    /// One confirmation of an opt-out.
    OptOutConfirmation,
    /// Notices that efforts end or that a remedy may or will be used.
    Notices,
    /// The person asked for it.
    Requested,
    /// More days past due than these.
    PastDue(i32),
    /// An agreement.
    Agreed(Agreed),
}

pub(super) fn excepts(but: But, world: &World<'_>, at: Timestamp) -> bool {
    let case = world.case;
    match but {
        But::Reply(hours) => {
            let came = world
                .past()
                .filter(|(p, _)| p.inbound && p.class == case.class && p.at <= case.at);
            let last = came.map(|(p, _)| p.at).max();
            case.purpose == Purpose::Response
                && last.is_some_and(|last| {
                    let age = case.at.duration_since(last);
                    age <= SignedDuration::from_hours(hours) && !went_out_since(world, last)
                })
        }
        But::OptOutConfirmation => {
            let told = case
                .opt_outs
                .iter()
                .filter(|o| covers(o, case))
                .map(|o| o.at);
            case.purpose == Purpose::OptOutConfirmation
                && told.max().is_some_and(|told| !went_out_since(world, told))
        }
        But::Notices => matches!(
            case.purpose,
            Purpose::EffortsTerminated | Purpose::OrdinaryRemedy | Purpose::SpecifiedRemedy
        ),
        But::Requested => case.requested,
        But::PastDue(days) => case.days_past_due.is_some_and(|d| d > days),
        But::Agreed(to) => world.agreed(to, at),
    }
}

/// Whether we wrote or called by this medium since then. What was called off or never left did not.
fn went_out_since(world: &World<'_>, since: Timestamp) -> bool {
    let class = world.case.class;
    world
        .past()
        .any(|(p, _)| !p.inbound && p.class == class && p.at >= since && happened(p))
}

fn covers(opt_out: &OptOut, case: &Case) -> bool {
    opt_out.class.is_none_or(|class| class == case.class)
        && (opt_out.number.is_none() || opt_out.number == case.number)
}

/// The rule asks for a consent to electronic contact, or that the person came by this very number or address
/// in the last `days` days.
pub(super) fn consented(days: Option<i32>, world: &World<'_>, at: Timestamp) -> bool {
    let case = world.case;
    let came = |days: i32| {
        let used = world.past().filter(|(p, _)| {
            p.inbound
                && p.class == case.class
                && p.number.is_some()
                && p.number == case.number
                && p.at <= case.at
        });
        let last = used.map(|(p, _)| world.day(p.at)).max();
        last.is_some_and(|last| world.day(at) < super::world::plus(last, days))
    };
    world.agreed(Agreed::Electronic, at) || days.is_some_and(came)
}

pub(super) fn opted_out(world: &World<'_>) -> bool {
    world.case.opt_outs.iter().any(|o| covers(o, world.case))
}

pub(super) fn opted_out_of_calls_or_texts(world: &World<'_>) -> bool {
    world
        .case
        .opt_outs
        .iter()
        .any(|o| o.class.is_none() || o.class == Some(Class::Phone) || o.class == Some(Class::Sms))
}

pub(super) fn declined_here(world: &World<'_>) -> bool {
    let number = world.case.number;
    number.is_some() && world.case.opt_outs.iter().any(|o| o.number == number)
}

pub(super) fn ceased_in_writing(world: &World<'_>) -> bool {
    let ceases = &world.case.ceases;
    ceases
        .iter()
        .any(|c| c.written && c.debt.is_none_or(|d| d == DEBT))
}

pub(super) fn ceased(world: &World<'_>) -> bool {
    let case = world.case;
    case.ceases.iter().any(|c| c.debt.is_none_or(|d| d == DEBT))
        || (case.debtor.ceased && !owes(case))
}

fn owes(case: &Case) -> bool {
    matches!(case.kin, Kin::Borrower | Kin::Guarantor)
}

pub(super) fn represented(world: &World<'_>) -> bool {
    world
        .case
        .attorneys
        .iter()
        .any(|a| a.debt.is_none_or(|d| d == DEBT) && !a.unresponsive && !a.consents)
}

pub(super) fn debtor_represented(world: &World<'_>) -> bool {
    world.case.debtor.represented
}

pub(super) fn employer_prohibits(world: &World<'_>) -> bool {
    world.case.employer_prohibits
}

pub(super) fn disputed(world: &World<'_>) -> bool {
    world.case.disputed
}

pub(super) fn time_barred(world: &World<'_>) -> bool {
    world.case.time_barred
}

pub(super) fn wrong_number(world: &World<'_>) -> bool {
    world.case.number.is_some() && world.case.number_is_wrong
}

pub(super) fn deceased(world: &World<'_>) -> bool {
    world.case.deceased
}

pub(super) fn refused(world: &World<'_>) -> bool {
    world.case.refused && !owes(world.case)
}

/// A mailbox at work from which the person never wrote about this debt.
pub(super) fn work_mailbox(world: &World<'_>) -> bool {
    let case = world.case;
    let wrote = world.past().any(|(p, _)| {
        p.inbound && p.number == case.number && p.at <= case.at && p.debts.contains(&DEBT)
    });
    case.number == Some(WORK_MAILBOX) && !wrote
}

pub(super) fn no_evidence(world: &World<'_>) -> bool {
    !world.case.evidence_pack
}

pub(super) fn fewer_than_two(world: &World<'_>) -> bool {
    world.case.collectors < 2
}

pub(super) fn not_requested(world: &World<'_>) -> bool {
    !world.case.requested
}

pub(super) fn no_forbearance(world: &World<'_>) -> bool {
    !world.case.forbearance
}

/// Only those who owe, or stand for who does.
fn obligor_or_attorney(case: &Case) -> bool {
    owes(case) || case.kin == Kin::Attorney
}

pub(super) fn not_an_obligor(world: &World<'_>) -> bool {
    world.case.to == To::Third && !obligor_or_attorney(world.case)
}

/// Others may be asked where the debtor is, unless they want to be left alone.
pub(super) fn not_an_obligor_but_location(world: &World<'_>) -> bool {
    let asks = world.case.purpose == Purpose::Location && !world.case.refused;
    not_an_obligor(world) && !asks
}

/// In the United States a spouse and a parent stand for the consumer.
pub(super) fn third_in_the_us(world: &World<'_>) -> bool {
    let near = matches!(world.case.kin, Kin::Spouse | Kin::Parent);
    not_an_obligor_but_location(world) && !near
}

/// Contacts in China: the debtor is lost, dead or without capacity, and they did not refuse.
pub(super) fn third_in_china(world: &World<'_>) -> bool {
    let debtor = &world.case.debtor;
    let gone = debtor.unreachable || debtor.deceased || debtor.incapacitated;
    not_an_obligor(world) && (!gone || world.case.refused)
}

/// Banks in China: the debtor is lost; then others are asked for contact details alone, a spouse more.
pub(super) fn third_of_banks(world: &World<'_>) -> bool {
    let case = world.case;
    let suits = case.purpose == Purpose::Location || case.kin == Kin::Spouse;
    not_an_obligor(world) && (!case.debtor.unreachable || !suits || case.refused)
}
