//! `recoup-judge` compares what the outside world received (the sandbox log) with what the service
//! says it did (the ledger export), with its own window and cap arithmetic. It depends on no crate
//! of the service and shares no code with it: a mistake in the service cannot repeat itself here.
//!
//! # Use
//!
//! ```text
//! recoup sandbox --log sandbox.jsonl ...            # the outside world writes what it received
//! recoup audit export --ledger > ledger.jsonl       # the service writes what it believes
//! recoup-judge --sandbox-log sandbox.jsonl --ledger ledger.jsonl
//! ```
//!
//! | option | meaning |
//! |---|---|
//! | `--sandbox-log FILE` | the log, `docs/formats/sandbox-log.md` |
//! | `--ledger FILE` | the export, `docs/formats/ledger-export.md` |
//! | `--json` | also print one JSON object, the last line of standard output |
//! | `--allow-misbehave` | accept a log in which the sandbox misbehaved on purpose; without it such a log is refused, so that a run meant to be without faults cannot pass with faults in it |
//! | `--require-live` | a run that is not live (too few accepted, too many unknown, a silent channel) is violated too |
//! | `--live-channels LIST` | the channels that must have accepted something to be live; all five by default |
//!
//! Exit status: 0 clean; 1 at least one violation, each named with its contact, case and instants;
//! 2 the input cannot be judged (it says which file, which line, and what would be right).
//!
//! # What it checks
//!
//! | kind | it is a violation that |
//! |---|---|
//! | `double` | a key, or a `(case, plan_seq)`, reached the person more than once |
//! | `loss` | the person was reached and the ledger says that nothing was sent, or an intent never came to an end |
//! | `twin` | one party of one case got the same template twice on one local day, whatever the ids |
//! | `outside_window` | the person was reached outside the hours of the law or of the house |
//! | `late` | a request arrived more than a second after the contact's `not_after_us` (counted in `outside_window`) |
//! | `over_cap` | a limit on calls was passed |
//! | `no_prior_contact` | a visit or a legal contact was the first contact of its case |
//! | `after_stop` | the person was reached, or an intent was written, while a stop was in force; or a visit accepted before it was not cancelled |
//! | `receipt_without_intent` | the person was reached with no intent written before |
//! | `accepted_without_receipt` | the ledger says accepted and the outside world knows nothing of it |
//! | `bad_edge` | a contact's states do not follow the state table |
//!
//! The rules of hours and calls are a small table of its own: [`law::LAWS`].
//!
//! # What it cannot see
//!
//! The export has no contact point for a slot. A `wrong_number` stop is therefore tied to the
//! destination whose `wrong_number` outcome the log reports last before the stop; one that was
//! reported in another way is not judged. An opt-out of one contact point counts for its whole
//! channel. Where a slot line does carry a `contact_point`, both are exact.
//!
//! # Start reading
//!
//! [`verdict::judge`] is the whole programme; [`facts`] joins the two files, and each of the other
//! modules is one family of rules.

pub mod caps;
pub mod delivery;
pub mod edges;
pub mod facts;
pub mod hours;
pub mod input;
pub mod instant;
pub mod law;
pub mod ledger;
pub mod log;
pub mod report;
pub mod stops;
pub mod twins;
pub mod verdict;
