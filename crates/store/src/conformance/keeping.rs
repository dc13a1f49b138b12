//! What is answered stays, in order, with its leaf, and says what was said.

use super::fold::{Command, play};
use super::{Suite, build, done, journal, with_case};
use crate::{Change, Guard, JournalFilter, Write, leaf_hash};
use recoup_domain::case::WorklistReason;
use recoup_domain::contact::ContactState;
use recoup_domain::ids::ContactId;
use recoup_domain::journal::{ContactEvent, What, apply_contact};
use recoup_domain::sealed::Sealed;
use recoup_domain::{CaseEvent, Outcome, PastContact};
use std::sync::Arc;

impl Suite {
    pub(super) async fn run_keeping(&self) {
        self.reopening_keeps_everything().await;
        self.positions_have_no_gaps_and_every_entry_a_leaf().await;
        self.facts_are_what_was_put().await;
        self.reads_see_what_was_answered().await;
        self.keys_are_kept_and_erased().await;
        self.history_folds_to_the_rows().await;
    }

    async fn reopening_keeps_everything(&self) {
        let store = self.fresh("reopen").await;
        let (party, case) = with_case(&*store).await;
        let contact = build::contact(&case, 1, 3, build::at(1));
        let (case, party, mut change) = build::intend(&case, &party, &contact);
        change.writes.push(Write::PartyKey(party.id, vec![7; 40]));
        change
            .writes
            .push(Write::Schedule(case.id, Some(build::at(9))));
        change.entries[0].sealed = Sealed::from_ciphertext(vec![8; 20]);
        let position = done(&*store, change).await;
        let before = (
            journal(&*store).await,
            store.status(&case.tenant, build::at(10)).await.unwrap(),
        );
        let leaves = store.leaves(0, 100).await.unwrap();
        let name = store.name();
        let store = self.again("reopen", store).await;
        assert_eq!(store.name(), name);
        assert_eq!(
            store.case(&case.tenant, case.id).await.unwrap(),
            Some(case.clone())
        );
        assert_eq!(
            store.party(&case.tenant, party.id).await.unwrap(),
            Some(party.clone())
        );
        let stored = store.contact(&case.tenant, contact.id).await.unwrap();
        assert_eq!(stored, Some(contact));
        assert_eq!(store.party_key(party.id).await.unwrap(), Some(vec![7; 40]));
        assert_eq!(store.next_due().await.unwrap(), Some(build::at(9)));
        assert_eq!(store.leaves(0, 100).await.unwrap(), leaves);
        let after = (
            journal(&*store).await,
            store.status(&case.tenant, build::at(10)).await.unwrap(),
        );
        assert_eq!(after, before);
        assert_eq!(*store.newest().borrow(), position);
    }

    async fn positions_have_no_gaps_and_every_entry_a_leaf(&self) {
        let store = self.fresh("positions").await;
        let (_, case) = with_case(&*store).await;
        let mut newest = store.newest();
        newest.mark_unchanged();
        // Many callers at once, some with changes that are refused.
        let mut callers = Vec::new();
        for n in 0..40_u32 {
            let store = Arc::clone(&store);
            let guard = Guard::Case(case.id, if n % 4 == 0 { 999 } else { case.version });
            let note = |i: i64| {
                let what = What::Service {
                    event: "note".into(),
                    subject: n.to_string(),
                };
                build::entry(&build::tenant("b"), what, build::at(i))
            };
            let change = Change {
                guards: vec![guard],
                entries: vec![note(1), note(2)],
                ..Change::default()
            };
            callers.push(tokio::spawn(async move { store.commit(change).await }));
        }
        let mut answered = Vec::new();
        for caller in callers {
            answered.extend(caller.await.expect("a caller").ok().map(|c| c.position));
        }
        assert_eq!(answered.len(), 30);
        let all = journal(&*store).await;
        let positions: Vec<_> = all.iter().map(|r| r.position).collect();
        assert_eq!(positions, (1..=62).collect::<Vec<u64>>());
        assert!(newest.has_changed().unwrap() && *newest.borrow() == 62);
        assert!(answered.contains(&62));
        let leaves = store.leaves(0, usize::MAX).await.unwrap();
        assert_eq!(leaves.len(), all.len());
        for (leaf, recorded) in leaves.iter().zip(&all) {
            assert_eq!(leaf.position, recorded.position);
            let expected = leaf_hash(recorded.position, &recorded.entry).unwrap();
            assert_eq!(leaf.hash, expected, "the leaf of {}", leaf.position);
        }
        // Two entries of one change stand side by side.
        let subjects: Vec<_> = all[2..].iter().map(|r| &r.entry.what).collect();
        assert!(subjects.chunks(2).all(|pair| pair[0] == pair[1]));
        let later = store
            .journal(&JournalFilter::default(), 60, 10)
            .await
            .unwrap();
        assert_eq!(later, all[60..]);
        assert_eq!(store.leaves(61, 10).await.unwrap(), leaves[61..]);
    }

    async fn facts_are_what_was_put(&self) {
        let store = self.fresh("facts").await;
        let (party, first) = with_case(&*store).await;
        let second = build::case(&party, 2);
        done(&*store, build::open_case(&second, None)).await;
        // A contact of each of the person's cases, the second one earlier and with an outcome.
        let one = build::contact(&first, 1, 1, build::at(50));
        let (first, party, change) = build::intend(&first, &party, &one);
        done(&*store, change).await;
        let mut two = build::contact(&second, 1, 2, build::at(40));
        two.place = None;
        two.point = None;
        let (second, party, change) = build::intend(&second, &party, &two);
        done(&*store, change).await;
        let accepted = ContactEvent::Settled {
            to: ContactState::Accepted,
            outcome: Outcome::Delivered,
            point: Some(build::key(1)),
            at: build::at(41),
        };
        apply_contact(&mut two, &accepted, build::at(41));
        let (second, party, change) = build::touch(&second, &party, &two, accepted, build::at(41));
        let position = done(&*store, change).await;
        let asked = [second.id, build::case_id(77), first.id];
        let facts = store.facts(&asked).await.unwrap();
        let past = vec![PastContact::from(&two), PastContact::from(&one)];
        assert_eq!(facts.len(), 2);
        for (facts, case) in facts.iter().zip([&second, &first]) {
            assert_eq!(&facts.case, case);
            assert_eq!(facts.borrower, party);
            assert_eq!(facts.contacts, past);
            assert_eq!(facts.position, position);
        }
    }

    async fn reads_see_what_was_answered(&self) {
        let store = self.fresh("own-writes").await;
        let (_, mut case) = with_case(&*store).await;
        for n in 0..100 {
            let policy = format!("p@{n}");
            let reason = Some(WorklistReason::NoStage { policy });
            let (after, change) = build::case_change(
                &case,
                &[CaseEvent::WorklistChanged { reason }],
                build::at(n),
            );
            let position = done(&*store, change).await;
            assert_eq!(
                store.case(&case.tenant, case.id).await.unwrap(),
                Some(after.clone())
            );
            assert_eq!(store.facts(&[case.id]).await.unwrap()[0].position, position);
            assert_eq!(*store.newest().borrow(), position);
            case = after;
        }
    }

    async fn keys_are_kept_and_erased(&self) {
        let store = self.fresh("keys").await;
        let id = build::party_id(1);
        let put = |key: Vec<u8>| Change {
            writes: vec![Write::PartyKey(id, key)],
            ..Change::default()
        };
        assert_eq!(store.party_key(id).await.unwrap(), None);
        done(&*store, put(vec![5; 32])).await;
        assert_eq!(store.party_key(id).await.unwrap(), Some(vec![5; 32]));
        done(&*store, put(Vec::new())).await;
        assert_eq!(store.party_key(id).await.unwrap(), None);
        let store = self.again("keys", store).await;
        assert_eq!(store.party_key(id).await.unwrap(), None);
    }

    async fn history_folds_to_the_rows(&self) {
        use Command as C;
        let accepted = C::Move(0, None);
        let scripts: [&[C]; 4] = [
            &[
                C::Intend,
                accepted,
                C::Move(2, Some(Outcome::Delivered)),
                C::Wait(30),
                C::Intend,
            ],
            &[
                C::Promise(500, 3),
                C::Pay(200),
                C::Wait(240),
                C::Timers,
                C::Pay(99_800),
                C::Pay(1),
            ],
            &[
                C::Hold(2),
                C::Hold(9),
                C::Wait(3),
                C::Timers,
                C::Release,
                C::Cease,
                C::NothingDue,
                C::Overdue(0),
            ],
            &[
                C::Intend,
                C::Move(1, Some(Outcome::Unknown)),
                accepted,
                C::Move(4, None),
                C::Close,
            ],
        ];
        for (n, script) in scripts.into_iter().enumerate() {
            let store = self.fresh(&format!("fold-{n}")).await;
            play(&*store, script).await;
            let first = ContactId {
                case: build::case_id(1),
                seq: 1,
            };
            let contact = store.contact(&build::tenant("fold"), first).await.unwrap();
            assert_eq!(contact.is_some(), matches!(script[0], C::Intend));
        }
    }
}
