//! Steps of a channel's rollout: on record, each in one transaction. What processes do follows from the row.

use super::Decided;
use crate::draft::Draft;
use crate::engine::Engine;
use crate::error::{CommandError, Done};
use crate::types::{Answered, Caller, Encode};
use recoup_domain::rollout::{Refusal, Rollout, Step};
use recoup_store::{Change, Guard, LIBRARY_PART_BYTES, LibraryPart, StoreError, Write};

/// A library's bytes on their way into the store.
#[derive(Clone, Copy)]
pub struct StagedLibrary<'a> {
    /// SHA-256, hexadecimal.
    pub sha256: &'a str,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Engine {
    /// Refuses a request whose id was used for another one, before anything is done about it.
    ///
    /// # Errors
    /// RequestReused.
    pub async fn must_be_its_own(&self, who: &Caller) -> Done<()> {
        self.answered::<()>(who).await.map(drop)
    }

    /// The rollout of a channel; none where nobody changed its generations yet.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn rollout(&self, channel: &str) -> Done<Option<Rollout>> {
        let all = self.0.store.rollouts().await?;
        Ok(all.into_iter().find(|r| r.channel == channel))
    }

    /// The rollouts of all channels whose generations were changed.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn rollouts(&self) -> Done<Vec<Rollout>> {
        Ok(self.0.store.rollouts().await?)
    }

    /// Takes a step of a channel's rollout; `first` is what it is where nobody changed it yet, and `libraries` are kept
    /// with it.
    ///
    /// # Errors
    /// Rollout where it does not stand so; Store where the store fails.
    pub async fn step_rollout(
        &self,
        who: &Caller,
        first: &Rollout,
        step: &Step,
        libraries: &[StagedLibrary<'_>],
        encode: Encode<'_, Rollout>,
    ) -> Done<Answered<Rollout>> {
        let done = self.command(who, encode, || async {
            let known = self.rollout(&first.channel).await?;
            let was = known.unwrap_or_else(|| first.clone());
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            let result = take(&mut draft, &was, step, &who.principal)?;
            // Before the row that names them, and again where the row moved: another may have let them go.
            for library in libraries {
                self.keep_library(&was.channel, library).await?;
            }
            Ok(Decided {
                draft,
                result,
                key: self.0.keys.nobodys(),
            })
        });
        done.await
    }

    /// Takes a step that nobody asked for, of a rollout as it was read. None where it was changed meanwhile.
    ///
    /// # Errors
    /// Rollout where it does not stand so; Store where the store fails.
    pub async fn step_rollout_by_itself(
        &self,
        was: &Rollout,
        step: &Step,
        libraries: &[StagedLibrary<'_>],
    ) -> Done<Option<Rollout>> {
        let Some(tenant) = self.0.tenants.keys().next() else {
            return Ok(None);
        };
        let actor = format!("channel:{}", was.channel);
        let mut draft = Draft::new(tenant.clone(), &actor, self.0.wall.now());
        let next = take(&mut draft, was, step, &actor)?;
        for library in libraries {
            self.keep_library(&was.channel, library).await?;
        }
        Ok(self.commit_draft(draft).await?.then_some(next))
    }

    /// Puts on record that a generation was tried, and how that went.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn record_probe<R: Clone + Send + Sync>(
        &self,
        who: &Caller,
        about: &str,
        result: &R,
        encode: Encode<'_, R>,
    ) -> Done<Answered<R>> {
        let done = self.command(who, encode, || async {
            let mut draft = Draft::new(who.tenant.clone(), &who.principal, self.0.wall.now());
            draft.service_event("channel_probed", about.to_owned());
            Ok(Decided {
                draft,
                result: result.clone(),
                key: self.0.keys.nobodys(),
            })
        });
        done.await
    }

    async fn keep_library(&self, channel: &str, library: &StagedLibrary<'_>) -> Done<()> {
        for (part, bytes) in (0..).zip(library.bytes.chunks(LIBRARY_PART_BYTES)) {
            let part = Write::LibraryPart(LibraryPart {
                channel: channel.to_owned(),
                sha256: library.sha256.to_owned(),
                part,
                bytes: bytes.to_vec(),
            });
            let change = Change {
                writes: vec![part],
                ..Change::default()
            };
            self.0.store.commit(change).await.map_err(|e| match e {
                recoup_store::CommitError::Store(error) => error,
                other => StoreError::Refused(other.to_string()),
            })?;
        }
        Ok(())
    }
}

/// Takes a step in a draft: the row under its guard, what is not needed any more, and the entry.
fn take(draft: &mut Draft, was: &Rollout, step: &Step, by: &str) -> Done<Rollout> {
    let next = was.take(step, by, draft.now).map_err(|why| match why {
        Refusal::Unknown(number) => CommandError::NotFound {
            what: "generation",
            id: format!("{number} of channel {}", was.channel),
        },
        why => CommandError::Rollout {
            channel: was.channel.clone(),
            why,
        },
    })?;
    draft.guard(Guard::Rollout(was.channel.clone(), was.version));
    let (event, about) = told(was, &next, step);
    draft.service_event(event, format!("{}@{about}", was.channel));
    for sha256 in was.let_go(&next) {
        draft.write(Write::LibraryGone(was.channel.clone(), sha256));
    }
    draft.write(Write::Rollout(Box::new(next.clone())));
    Ok(next)
}

/// A step as the journal names it, and what it is about.
fn told(was: &Rollout, next: &Rollout, step: &Step) -> (&'static str, String) {
    let of_new = || {
        let newest = next.generations.last();
        newest.map_or_else(String::new, |g| {
            format!("{} sha256:{}", g.number, g.made.sha256)
        })
    };
    match step {
        Step::Stage(_) => ("channel_staged", of_new()),
        Step::Begin { to, shares, .. } => {
            let first = shares.first().copied().unwrap_or_default();
            ("channel_swap_begun", format!("{to} {first}%"))
        }
        Step::Advance => match &next.swap {
            Some(swap) => (
                "channel_swap_advanced",
                format!("{} {}%", swap.to, swap.share()),
            ),
            None => ("channel_swapped", next.live().to_string()),
        },
        Step::RollBack { why } => {
            let from = was.swap.as_ref().map_or(was.live(), |swap| swap.to);
            (
                "channel_rolled_back",
                format!("{} from {from}: {why}", next.live()),
            )
        }
        Step::Drain(number) => ("channel_draining", number.to_string()),
        Step::Retire(number) => ("channel_retired", number.to_string()),
        Step::Configure { .. } => ("channel_configured", of_new()),
    }
}
