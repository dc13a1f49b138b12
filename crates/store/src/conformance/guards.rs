//! A change is applied whole, where what it assumes holds, or not at all.

use super::{Suite, build, done, journal, refused, with_case};
use crate::{
    Answer, Change, CommitError, Guard, LibraryPart, Scope, Store, StoreError, Switch, Write,
};
use recoup_domain::case::{CloseReason, WorklistReason};
use recoup_domain::contact::ContactState;
use recoup_domain::ids::{CaseId, ContactId, TenantId};
use recoup_domain::journal::{ContactEvent, apply_contact};
use recoup_domain::overrides::{Override, Signed};
use recoup_domain::rollout::{Made, Rollout, Step, Vouched};
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, CaseEvent};

fn worklist() -> [CaseEvent; 1] {
    let reason = Some(WorklistReason::WroteBack);
    [CaseEvent::WorklistChanged { reason }]
}

fn only(guard: Guard) -> Change {
    Change {
        guards: vec![guard],
        ..Change::default()
    }
}

fn switch(scope: Scope, paused: bool) -> Change {
    Change {
        writes: vec![Write::Switch(Switch {
            scope,
            paused,
            reason: "carrier down".into(),
            tenant: build::tenant("a"),
            by: "ops".into(),
            at: build::at(0),
        })],
        ..Change::default()
    }
}

impl Suite {
    pub(super) async fn run_guards(&self) {
        self.versions_are_compared().await;
        self.a_refused_change_leaves_nothing().await;
        self.changes_of_one_call_see_each_other_in_order().await;
        self.a_person_is_bumped_by_one_of_two().await;
        self.a_slot_is_taken_once().await;
        self.contacts_only_go_where_the_table_lets_them().await;
        self.references_are_unique().await;
        self.switches_stop_dispatch().await;
        self.rollouts_are_changed_one_by_one().await;
        self.libraries_are_kept_in_parts().await;
        self.requests_are_answered_once().await;
        self.overrides_are_counted_and_wake().await;
    }

    async fn versions_are_compared(&self) {
        let store = self.fresh("versions").await;
        let (party, case) = with_case(&*store).await;
        let (after, change) = build::case_change(&case, &worklist(), build::at(1));
        done(&*store, change.clone()).await;
        let stale = Guard::Case(case.id, case.version);
        assert!(matches!(refused(&*store, change).await, CommitError::Stale(g) if g == stale));
        done(&*store, only(Guard::Case(case.id, after.version))).await;
        done(&*store, only(Guard::Party(party.id, party.version))).await;
        for gone in [
            Guard::Party(party.id, party.version + 1),
            Guard::Party(build::party_id(99), 1),
            Guard::Case(build::case_id(99), 1),
            Guard::NoParty(party.tenant.clone(), party.lender_ref),
            Guard::NoOpenCase(case.tenant.clone(), case.lender_ref),
        ] {
            let answer = refused(&*store, only(gone.clone())).await;
            assert!(matches!(answer, CommitError::Stale(g) if g == gone));
        }
        // An older snapshot changes nothing, also where nobody guards it.
        let old = Change {
            writes: vec![Write::Case(Box::new(case.clone()))],
            ..Change::default()
        };
        assert!(matches!(refused(&*store, old).await, CommitError::Stale(_)));
    }

    async fn a_refused_change_leaves_nothing(&self) {
        let store = self.fresh("atomic").await;
        let (party, case) = with_case(&*store).await;
        let before = journal(&*store).await;
        let other = build::party(&party.tenant, 2);
        let mut change = build::tell_party(&other);
        change.writes.push(Write::PartyKey(other.id, vec![9; 32]));
        change
            .writes
            .push(Write::Schedule(case.id, Some(build::at(5))));
        // The last row takes a reference that is taken.
        let mut twin = build::party(&party.tenant, 3);
        twin.lender_ref = party.lender_ref;
        change.writes.push(Write::Party(Box::new(twin)));
        let answer = refused(&*store, change).await;
        assert!(matches!(answer, CommitError::Taken(_)), "{answer}");
        assert_eq!(journal(&*store).await, before);
        assert_eq!(store.party(&party.tenant, other.id).await.unwrap(), None);
        assert_eq!(store.party_key(other.id).await.unwrap(), None);
        assert_eq!(store.next_due().await.unwrap(), None);
        let by_point = store.parties_by_point(&party.tenant, build::key(2)).await;
        assert_eq!(by_point.unwrap(), []);
    }

    async fn changes_of_one_call_see_each_other_in_order(&self) {
        let store = self.fresh("order").await;
        let (_, mut case) = with_case(&*store).await;
        let mut changes = Vec::new();
        for n in 0..50_i64 {
            let (after, change) = build::case_change(&case, &worklist(), build::at(n));
            changes.push(change);
            if n % 5 == 4 {
                // Every fifth is sent twice: the second one is stale, those after it are not.
                changes.push(changes[changes.len() - 1].clone());
            }
            case = after;
        }
        let answers = store.commit_all(changes).await;
        assert_eq!(answers.len(), 60);
        assert_eq!(answers.iter().filter(|a| a.is_err()).count(), 10);
        let positions: Vec<_> = answers.iter().flatten().map(|c| c.position).collect();
        assert!(positions.windows(2).all(|w| w[0] < w[1]), "{positions:?}");
        let stored = store.case(&case.tenant, case.id).await.unwrap();
        assert_eq!(stored, Some(case));
    }

    async fn a_person_is_bumped_by_one_of_two(&self) {
        let store = self.fresh("person").await;
        let (party, first) = with_case(&*store).await;
        let second = build::case(&party, 2);
        done(&*store, build::open_case(&second, None)).await;
        // Two workers saw the same person and each wants to contact them, about another debt.
        let one = build::intend(&first, &party, &build::contact(&first, 1, 1, build::at(1))).2;
        let two = build::intend(
            &second,
            &party,
            &build::contact(&second, 1, 2, build::at(1)),
        )
        .2;
        let answers = store.commit_all(vec![one, two]).await;
        let stale = Guard::Party(party.id, party.version);
        assert!(answers[0].is_ok(), "{answers:?}");
        assert!(matches!(&answers[1], Err(CommitError::Stale(g)) if *g == stale));
        assert_eq!(store.facts(&[first.id]).await.unwrap()[0].contacts.len(), 1);
    }

    async fn a_slot_is_taken_once(&self) {
        let store = self.fresh("slot").await;
        let (party, case) = with_case(&*store).await;
        let contact = build::contact(&case, 1, 7, build::at(1));
        let change = build::intend(&case, &party, &contact).2;
        done(&*store, change.clone()).await;
        let before = journal(&*store).await;
        // A twin that got past every version: the slot alone refuses it.
        for mut twin in [
            change.clone(),
            Change {
                entries: Vec::new(),
                ..change
            },
        ] {
            twin.guards.clear();
            let answer = refused(&*store, twin).await;
            assert!(matches!(answer, CommitError::Taken("contact")), "{answer}");
        }
        assert_eq!(journal(&*store).await, before);
    }

    async fn contacts_only_go_where_the_table_lets_them(&self) {
        let store = self.fresh("edges").await;
        let (party, case) = with_case(&*store).await;
        let mut contact = build::contact(&case, 1, 7, build::at(1));
        let (case, party, intent) = build::intend(&case, &party, &contact);
        done(&*store, intent).await;
        let guard = |state, fence| Guard::Contact(contact.id, state, fence);
        done(&*store, only(guard(ContactState::Dispatching, 7))).await;
        for wrong in [
            guard(ContactState::Accepted, 7),
            guard(ContactState::Dispatching, 6),
        ] {
            let answer = refused(&*store, only(wrong)).await;
            assert!(matches!(answer, CommitError::Stale(_)));
        }
        let accepted = ContactEvent::Moved {
            to: ContactState::Accepted,
        };
        apply_contact(&mut contact, &accepted, build::at(2));
        let (case, party, change) = build::touch(&case, &party, &contact, accepted, build::at(2));
        done(&*store, change).await;
        // Back to where it was: there is no such edge.
        let back = ContactEvent::Moved {
            to: ContactState::Dispatching,
        };
        let mut again = contact.clone();
        again.state = ContactState::Dispatching;
        let change = build::touch(&case, &party, &again, back, build::at(3)).2;
        let answer = refused(&*store, change).await;
        assert!(matches!(answer, CommitError::Store(StoreError::Refused(_))));
        // With an older fence, or of a contact that never was: nothing.
        let note = ContactEvent::Approved { by: "ops".into() };
        let mut older = contact.clone();
        older.fence = 6;
        let mut unknown = contact.clone();
        unknown.id = ContactId {
            case: case.id,
            seq: 9,
        };
        for wrong in [older, unknown] {
            let change = build::touch(&case, &party, &wrong, note.clone(), build::at(3)).2;
            let answer = refused(&*store, change).await;
            assert!(matches!(answer, CommitError::Stale(_)), "{answer}");
        }
        let stored = store.contact(&case.tenant, contact.id).await.unwrap();
        assert_eq!(stored, Some(contact));
    }

    async fn references_are_unique(&self) {
        let store = self.fresh("references").await;
        let (party, case) = with_case(&*store).await;
        let mut twin = build::case(&party, 2);
        twin.lender_ref = case.lender_ref;
        let mut change = build::open_case(&twin, None);
        change.guards.clear();
        assert!(matches!(
            refused(&*store, change.clone()).await,
            CommitError::Taken(_)
        ));
        // Another lender's reference of the same value is another reference.
        let (other_party, mut other) = {
            let party = build::party(&build::tenant("b"), 5);
            (party.clone(), build::case(&party, 5))
        };
        other.lender_ref = case.lender_ref;
        done(&*store, build::tell_party(&other_party)).await;
        done(&*store, build::open_case(&other, None)).await;
        // Once closed, the loan may be opened anew, and the open one is found.
        let closing = [CaseEvent::Closed {
            reason: CloseReason::Withdrawn,
            collected: 0,
        }];
        let (closed, close) = build::case_change(&case, &closing, build::at(9));
        done(&*store, close).await;
        let found = store.case_by_ref(&case.tenant, case.lender_ref).await;
        assert_eq!(found.unwrap(), Some(closed.clone()));
        done(&*store, change).await;
        let found = store.case_by_ref(&case.tenant, case.lender_ref).await;
        assert_eq!(found.unwrap(), Some(twin));
        // And a closed case stays closed.
        let mut undead = closed;
        undead.closed = None;
        undead.version += 1;
        let undead = Change {
            writes: vec![Write::Case(Box::new(undead))],
            ..Change::default()
        };
        refused(&*store, undead).await;
    }

    async fn rollouts_are_changed_one_by_one(&self) {
        let store = self.fresh("rollouts").await;
        assert!(store.rollouts().await.unwrap().is_empty());
        let change = |rollout: &Rollout, on: u64| Change {
            guards: vec![Guard::Rollout(rollout.channel.clone(), on)],
            writes: vec![Write::Rollout(Box::new(rollout.clone()))],
            ..Change::default()
        };
        let made = Made {
            sha256: "d".repeat(64),
            bytes: 7,
            settings: "{}".into(),
            plugin: "org.recoup.sms".into(),
            plugin_version: "1.0.0".into(),
            signature: None,
            vouched: Vouched::Nobody,
            older: false,
        };
        let first = |channel: &str| {
            let empty = Rollout::first(channel, "c".into(), made.clone(), build::at(1));
            let step = Step::Stage(made.clone());
            empty.take(&step, "operator", build::at(2)).unwrap()
        };
        let (sms, phone) = (first("sms"), first("phone"));
        done(&*store, change(&sms, 0)).await;
        done(&*store, change(&phone, 0)).await;
        let twice = refused(&*store, change(&sms, 0)).await;
        assert!(matches!(twice, CommitError::Stale(Guard::Rollout(..))));
        let step = Step::Drain(2);
        let next = sms.take(&step, "operator", build::at(3)).unwrap();
        // The second of two that saw the same changes nothing, in one call as in two.
        let both = store
            .commit_all(vec![change(&next, 1), change(&next, 1)])
            .await;
        assert!(both[0].is_ok() && both[1].is_err());
        assert_eq!(
            store.rollouts().await.unwrap(),
            [phone.clone(), next.clone()]
        );
        let store = self.again("rollouts", store).await;
        assert_eq!(store.rollouts().await.unwrap(), [phone, next]);
    }

    async fn libraries_are_kept_in_parts(&self) {
        let store = self.fresh("libraries").await;
        let part = |sha256: &str, part: u32, byte: u8| {
            let bytes = vec![byte; crate::LIBRARY_PART_BYTES];
            Write::LibraryPart(LibraryPart {
                channel: "sms".into(),
                sha256: sha256.into(),
                part,
                bytes,
            })
        };
        let write = |writes: Vec<Write>| Change {
            writes,
            ..Change::default()
        };
        done(&*store, write(vec![part("1", 0, 1), part("1", 1, 2)])).await;
        done(&*store, write(vec![part("2", 0, 3)])).await;
        // Of a try before that came to nothing.
        done(&*store, write(vec![part("1", 1, 4)])).await;
        let store = self.again("libraries", store).await;
        let byte = async |sha256: &str, part: u32| {
            let found = store.library_part("sms", sha256, part).await.unwrap();
            found.map(|bytes| (bytes.len(), bytes[0]))
        };
        let size = crate::LIBRARY_PART_BYTES;
        assert_eq!(byte("1", 0).await, Some((size, 1)));
        assert_eq!(byte("1", 1).await, Some((size, 4)));
        assert_eq!((byte("1", 2).await, byte("3", 0).await), (None, None));
        done(
            &*store,
            write(vec![Write::LibraryGone("sms".into(), "1".into())]),
        )
        .await;
        assert_eq!((byte("1", 0).await, byte("1", 1).await), (None, None));
        assert_eq!(byte("2", 0).await, Some((size, 3)));
    }

    async fn switches_stop_dispatch(&self) {
        let store = self.fresh("switches").await;
        let (a, b) = (build::tenant("a"), build::tenant("b"));
        let may = async |tenant: &TenantId, channel: &str| {
            let guard = Guard::DispatchOn(tenant.clone(), channel.to_owned());
            store.commit(only(guard)).await.is_ok()
        };
        assert!(may(&a, "sms").await);
        let tenant = Scope::Tenant { tenant: a.clone() };
        let channel = Scope::Channel {
            channel: "phone".into(),
        };
        done(&*store, switch(tenant.clone(), true)).await;
        done(&*store, switch(channel.clone(), true)).await;
        assert!(!may(&a, "sms").await && !may(&b, "phone").await && may(&b, "sms").await);
        assert_eq!(store.switches().await.unwrap().len(), 2);
        done(&*store, switch(Scope::All, true)).await;
        assert!(!may(&b, "sms").await);
        for on in [Scope::All, tenant, channel] {
            done(&*store, switch(on, false)).await;
        }
        assert!(may(&a, "phone").await && store.switches().await.unwrap().is_empty());
    }

    async fn requests_are_answered_once(&self) {
        let store = self.fresh("requests").await;
        let (_, case) = with_case(&*store).await;
        let answer = |tenant: &str, fingerprint: u8| Answer {
            tenant: build::tenant(tenant),
            request_id: "r-1".into(),
            fingerprint: [fingerprint; 16],
            person: (tenant == "a").then_some(case.borrower),
            sealed: Sealed::from_ciphertext(vec![1, 2]),
            at: build::at(1),
        };
        let (after, mut change) = build::case_change(&case, &worklist(), build::at(1));
        change.answer = Some(answer("a", 1));
        done(&*store, change.clone()).await;
        let before = journal(&*store).await;
        // The same again gets the same answer, though its guards no longer hold.
        let again = refused(&*store, change.clone()).await;
        assert!(matches!(again, CommitError::Answered(known) if *known == answer("a", 1)));
        change.answer = Some(answer("a", 2));
        let other = refused(&*store, change).await;
        assert!(matches!(other, CommitError::OtherRequest));
        assert_eq!(journal(&*store).await, before);
        let known = store.answer(&build::tenant("a"), "r-1").await.unwrap();
        assert_eq!(known, Some(answer("a", 1)));
        assert_eq!(
            store.answer(&build::tenant("b"), "r-1").await.unwrap(),
            None
        );
        // A refused change keeps no answer.
        let mut stale = only(Guard::Case(case.id, after.version + 5));
        stale.answer = Some(answer("b", 1));
        refused(&*store, stale).await;
        assert_eq!(
            store.answer(&build::tenant("b"), "r-1").await.unwrap(),
            None
        );
    }

    async fn overrides_are_counted_and_wake(&self) {
        let store = self.fresh("overrides").await;
        let (_, case) = with_case(&*store).await;
        let tenant = case.tenant.clone();
        let put = |o: &Override| Change {
            writes: vec![Write::Override(Box::new(o.clone()))],
            ..Change::default()
        };
        let read = async || store.facts(&[case.id]).await.unwrap().remove(0);
        let all = |tenant: TenantId| only(Guard::Overrides(tenant, 0));
        done(&*store, all(tenant.clone())).await;
        let mut one = build::an_override(&tenant, 1, None);
        let other = build::an_override(&tenant, 2, Some(CaseId::from_bytes([0xee; 16])));
        // What is merely asked for makes no decision stale.
        done(&*store, put(&one)).await;
        done(&*store, all(tenant.clone())).await;
        // What nobody approved is no fact of a decision, and what is about another case neither.
        let facts = read().await;
        assert_eq!((facts.overrides, facts.overrides_version), (vec![], 0));
        let approved = Signed {
            by: "ben".into(),
            at: build::at(1),
        };
        one.approved = Some(approved.clone());
        one.version += 1;
        let other = Override {
            approved: Some(approved.clone()),
            ..other
        };
        for change in [put(&one), put(&other)] {
            done(&*store, change).await;
        }
        assert!(matches!(
            refused(&*store, all(tenant.clone())).await,
            CommitError::Stale(Guard::Overrides(..))
        ));
        let facts = read().await;
        assert_eq!(
            (&facts.overrides[..], facts.overrides_version),
            (&[one.clone()][..], 2)
        );
        // A revoked one is told as long as what went out under it may take effect.
        one.revoked = Some(approved);
        one.version += 1;
        done(&*store, put(&one)).await;
        assert_eq!(read().await.overrides, [one.clone()]);
        let told = store.approved_overrides(&tenant).await.unwrap();
        assert_eq!(told, (3, vec![one.clone(), other.clone()]));
        done(&*store, only(Guard::Overrides(tenant.clone(), 3))).await;
        let late = Change {
            entries: vec![build::case_entry(&case, worklist()[0].clone(), one.until)],
            ..Change::default()
        };
        done(&*store, late).await;
        assert_eq!(read().await.overrides, []);
        // Tenants are walls.
        let b = build::tenant("b");
        done(&*store, all(b.clone())).await;
        let found = store.override_of(&tenant, one.id).await.unwrap();
        assert_eq!(found, Some(one.clone()));
        assert_eq!(store.override_of(&b, one.id).await.unwrap(), None);
        assert_eq!(
            store.overrides(&tenant).await.unwrap(),
            [one.clone(), other]
        );
        assert_eq!(store.overrides(&b).await.unwrap(), []);
        let stolen = Override { tenant: b, ..one };
        assert!(matches!(
            refused(&*store, put(&stolen)).await,
            CommitError::Taken(_)
        ));
        self.all_of_a_lender_wake(&*store, &case).await;
        self.packs_are_kept(&*store).await;
    }

    async fn packs_are_kept(&self, store: &dyn Store) {
        let (a, b) = (build::tenant("a"), build::tenant("b"));
        assert_eq!(store.packs_of(&a).await.unwrap(), None);
        for hash in ["one", "two"] {
            let told = Change {
                writes: vec![Write::Packs(a.clone(), hash.into())],
                ..Change::default()
            };
            done(store, told).await;
            assert_eq!(store.packs_of(&a).await.unwrap().as_deref(), Some(hash));
        }
        assert_eq!(store.packs_of(&b).await.unwrap(), None);
    }

    async fn all_of_a_lender_wake(&self, store: &dyn Store, case: &Case) {
        let (id, tenant) = (case.id, &case.tenant);
        let write = |write| Change {
            writes: vec![write],
            ..Change::default()
        };
        let due = async || {
            let shown = store.shown(&[id]).await.unwrap().pop();
            shown.and_then(|(_, at)| at)
        };
        let wake = |tenant: &TenantId| write(Write::WakeAll(tenant.clone(), build::at(5)));
        // One that sleeps for long, one that is earlier, one that waits for a fact alone.
        for (before, after) in [(Some(9), 5), (Some(3), 3), (None, 5)] {
            done(store, write(Write::Schedule(id, before.map(build::at)))).await;
            done(store, wake(&build::tenant("b"))).await;
            assert_eq!(due().await, before.map(build::at));
            done(store, wake(tenant)).await;
            assert_eq!(due().await, Some(build::at(after)));
        }
        let close = CaseEvent::Closed {
            reason: CloseReason::Withdrawn,
            collected: 0,
        };
        let (_, change) = build::case_change(case, &[close], build::at(6));
        done(store, change).await;
        done(store, write(Write::Schedule(id, None))).await;
        done(store, wake(tenant)).await;
        assert_eq!(due().await, None, "a closed case sleeps for ever");
    }
}
