//! Lists: walls between lenders, filters, and pages that neither repeat nor miss a row.

use super::{Suite, build, done, with_case};
use crate::{
    Activation, CaseFilter, Change, CommitError, ContactFilter, Facts, Guard, JournalFilter, Page,
    Reach, Sought, SoughtParty, Standing, Store, StoredPolicy, StoredTemplate, Write,
};
use recoup_domain::case::{CloseReason, PolicyPin, WorklistReason};
use recoup_domain::collector::Collector;
use recoup_domain::contact::{Contact, ContactClass, ContactState, Reader};
use recoup_domain::ids::{CollectorId, TenantId};
use recoup_domain::party::PartyEvent;
use recoup_domain::sealed::Sealed;
use recoup_domain::{Case, CaseEvent, Party};

async fn all_cases(store: &dyn Store, of: &str, filter: &CaseFilter, limit: usize) -> Vec<Case> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|c: &Case| c.id);
        let page: Page<Case> = store
            .cases(&build::tenant(of), filter, after, limit)
            .await
            .expect("a page");
        assert!(page.rows.len() <= limit);
        let is_behind = |c: &Case| after.is_none_or(|after| c.id > after);
        assert!(
            page.rows.iter().all(is_behind),
            "it goes on behind the last row"
        );
        rows.extend(page.rows);
        if !page.more {
            return rows;
        }
    }
}

async fn all_contacts(store: &dyn Store, filter: &ContactFilter, limit: usize) -> Vec<Contact> {
    let mut rows = Vec::new();
    loop {
        let after = rows.last().map(|c: &Contact| c.id);
        let page = store
            .contacts(&build::tenant("a"), filter, after, limit)
            .await;
        let page = page.expect("a page");
        assert!(page.rows.len() <= limit);
        let is_behind = |c: &Contact| after.is_none_or(|after| c.id > after);
        assert!(
            page.rows.iter().all(is_behind),
            "it goes on behind the last row"
        );
        rows.extend(page.rows);
        if !page.more {
            return rows;
        }
    }
}

fn write(write: Write) -> Change {
    Change {
        writes: vec![write],
        ..Change::default()
    }
}

impl Suite {
    pub(super) async fn run_lists(&self) {
        self.tenants_are_walls().await;
        self.schedules_are_told().await;
        self.pinned_cases_are_counted().await;
        self.whom_open_cases_reach_is_told().await;
        self.counts_are_of_one_lender().await;
        self.cases_come_in_pages_and_by_filter().await;
        self.contacts_come_in_pages_and_by_filter().await;
        self.the_journal_is_read_by_subject().await;
        self.versions_of_policies_and_templates_stand().await;
        self.collectors_and_points_are_found().await;
    }

    async fn tenants_are_walls(&self) {
        let store = self.fresh("walls").await;
        let (party, case) = with_case(&*store).await;
        let contact = build::contact(&case, 1, 1, build::at(1));
        let (case, party, change) = build::intend(&case, &party, &contact);
        done(&*store, change).await;
        let other = build::tenant("b");
        assert_eq!(store.case(&other, case.id).await.unwrap(), None);
        assert_eq!(
            store.case_by_ref(&other, case.lender_ref).await.unwrap(),
            None
        );
        assert_eq!(store.party(&other, party.id).await.unwrap(), None);
        assert_eq!(
            store.party_by_ref(&other, party.lender_ref).await.unwrap(),
            None
        );
        assert_eq!(store.contact(&other, contact.id).await.unwrap(), None);
        assert_eq!(
            store.parties_by_point(&other, build::key(1)).await.unwrap(),
            []
        );
        assert_eq!(store.open_cases_of(&other, party.id).await.unwrap(), []);
        let sought = |tenant: &TenantId, borrower| Sought {
            tenant: tenant.clone(),
            case_ref: case.lender_ref,
            borrower,
        };
        let asked = [
            sought(&other, SoughtParty::Id(party.id)),
            sought(&other, SoughtParty::Reference(party.lender_ref)),
            sought(&case.tenant, SoughtParty::Id(party.id)),
            sought(&case.tenant, SoughtParty::Reference(party.lender_ref)),
            sought(&case.tenant, SoughtParty::Reference(build::key(99))),
        ];
        let standing = store.standing(&asked).await.unwrap();
        let seen = |n: usize| {
            let s: &Standing = &standing[n];
            let case = s.case.as_ref().map(|c| c.id);
            (case, s.borrower.as_ref().map(|p| p.id), s.others.len())
        };
        assert_eq!(standing.len(), asked.len());
        assert_eq!((seen(0), seen(1)), ((None, None, 0), (None, None, 0)));
        assert_eq!(seen(2), (Some(case.id), Some(party.id), 1));
        assert_eq!(seen(3), seen(2));
        assert_eq!(seen(4), (Some(case.id), None, 0));
        assert_eq!(
            all_cases(&*store, "b", &CaseFilter::default(), 10).await,
            []
        );
        let of_case = ContactFilter {
            case: Some(case.id),
            ..ContactFilter::default()
        };
        let of_party = ContactFilter {
            party: Some(party.id),
            ..ContactFilter::default()
        };
        for filter in [ContactFilter::default(), of_case, of_party] {
            let page = store.contacts(&other, &filter, None, 10).await.unwrap();
            assert_eq!(page.rows, []);
        }
        for (tenant, case) in [
            (Some(other.clone()), None),
            (Some(other.clone()), Some(case.id)),
        ] {
            let filter = JournalFilter {
                tenant,
                case,
                party: None,
            };
            assert_eq!(store.journal(&filter, 0, 10).await.unwrap(), []);
        }
        // Nor can one lender write over another's rows.
        let mut theirs = (case.clone(), party.clone());
        theirs.0.tenant = other.clone();
        theirs.0.version += 1;
        theirs.1.tenant = other;
        theirs.1.version += 1;
        for change in [
            write(Write::Case(Box::new(theirs.0))),
            write(Write::Party(Box::new(theirs.1))),
        ] {
            let answer = store.commit(change).await;
            assert!(matches!(answer, Err(CommitError::Taken(_))), "{answer:?}");
        }
        assert_eq!(store.case(&case.tenant, case.id).await.unwrap(), Some(case));
    }

    async fn counts_are_of_one_lender(&self) {
        let mut store = self.fresh("counts").await;
        for (n, lender, due) in [(1, "a", 3), (2, "b", 2), (3, "b", 9)] {
            let party = build::party(&build::tenant(lender), n);
            done(&*store, build::tell_party(&party)).await;
            let case = build::case(&party, n);
            done(&*store, build::open_case(&case, Some(build::at(due)))).await;
            let contact = build::contact(&case, 1, 1, build::at(1));
            done(&*store, build::intend(&case, &party, &contact).2).await;
        }
        // As counted while it was written, and anew after a restart.
        for again in [false, true] {
            if again {
                store = self.again("counts", store).await;
            }
            for (lender, open, due, next) in [
                ("a", 1, 1, Some(3)),
                ("b", 2, 1, Some(2)),
                ("c", 0, 0, None),
            ] {
                let counted = store.status(&build::tenant(lender), build::at(5)).await;
                let counted = counted.unwrap();
                let sum = |counts: &[(String, u64)]| counts.iter().map(|(_, n)| n).sum::<u64>();
                assert_eq!(sum(&counted.cases), open, "cases of {lender}");
                assert_eq!(sum(&counted.contacts), open, "contacts of {lender}");
                assert_eq!((counted.due, counted.next_due), (due, next.map(build::at)));
            }
        }
    }

    async fn pinned_cases_are_counted(&self) {
        let store = self.fresh("pinned").await;
        let pin = |version| {
            CaseEvent::PolicyPinned(PolicyPin {
                name: "p".into(),
                version,
                hash: String::new(),
                arm: "champion".into(),
            })
        };
        let closing = CaseEvent::Closed {
            reason: CloseReason::Withdrawn,
            collected: 0,
        };
        let histories = [
            (1, "a", vec![pin(1)]),
            (2, "a", vec![pin(1), pin(2)]),
            (3, "a", vec![pin(1), closing]),
            (4, "b", vec![pin(1)]),
            (5, "a", vec![]),
        ];
        for (n, lender, history) in histories {
            let party = build::party(&build::tenant(lender), n);
            done(&*store, build::tell_party(&party)).await;
            let mut case = build::case(&party, n);
            done(&*store, build::open_case(&case, None)).await;
            for event in history {
                let (after, change) = build::case_change(&case, &[event], build::at(1));
                done(&*store, change).await;
                case = after;
            }
        }
        for (version, count) in [(1, 1), (2, 1), (3, 0)] {
            let found = store.pinned_cases(&build::tenant("a"), "p", version).await;
            assert_eq!(found.unwrap(), count, "version {version}");
        }
        // One that was moved is another version's; lists of both are in the order of ids and go on behind a place.
        let six = build::party(&build::tenant("a"), 6);
        done(&*store, build::tell_party(&six)).await;
        let case = build::case(&six, 6);
        done(&*store, build::open_case(&case, None)).await;
        let (_, change) = build::case_change(&case, &[pin(2)], build::at(1));
        done(&*store, change).await;
        for (version, after, limit, ids, more) in [
            (1, None, 5, &[1][..], false),
            (2, None, 5, &[2, 6], false),
            (2, None, 1, &[2], true),
            (2, Some(2), 1, &[6], false),
            (3, None, 5, &[], false),
        ] {
            let after = after.map(build::case_id);
            let tenant = build::tenant("a");
            let page = store
                .cases_pinned(&tenant, "p", version, after, limit)
                .await
                .unwrap();
            let expected: Vec<_> = ids.iter().map(|n| build::case_id(*n)).collect();
            let found: Vec<_> = page.rows.iter().map(|c| c.id).collect();
            assert_eq!(
                (found, page.more),
                (expected, more),
                "version {version} after {after:?}"
            );
        }
    }

    async fn whom_open_cases_reach_is_told(&self) {
        let store = self.fresh("reach").await;
        let told = async |lender: &str, limit| {
            let found = store.reach(&build::tenant(lender), limit).await.unwrap();
            let words = |r: Reach| format!("{}: {}", r.locale, r.regions.join(", "));
            found.into_iter().map(words).collect::<Vec<_>>()
        };
        assert_eq!(told("a", 9).await, [""; 0], "nobody");
        let people = [
            (1, "a", "zh-CN", &["CN"][..]),
            (2, "a", "zh-CN", &["CN"]),
            (3, "a", "en-US", &["US-NY", "US-NJ"]),
            (4, "a", "zh-TW", &["TW"]),
            (5, "a", "zh-CN", &[]),
            (6, "b", "ko", &["KR"]),
        ];
        let mut fourth = None;
        for (n, lender, locale, regions) in people {
            let mut party = build::party(&build::tenant(lender), n);
            party.locale = locale.into();
            party.regions = regions.iter().map(|r| (*r).to_owned()).collect();
            done(&*store, build::tell_party(&party)).await;
            let case = build::case(&party, n);
            // The third has no case yet; the fourth's is closed below.
            if n != 3 {
                done(&*store, build::open_case(&case, None)).await;
            }
            if n == 4 {
                fourth = Some(case);
            }
        }
        assert_eq!(told("a", 9).await, ["zh-CN: ", "zh-CN: CN", "zh-TW: TW"]);
        assert_eq!(told("a", 2).await.len(), 2);
        assert_eq!(told("b", 9).await, ["ko: KR"]);
        let closing = CaseEvent::Closed {
            reason: CloseReason::Withdrawn,
            collected: 0,
        };
        let (_, change) = build::case_change(&fourth.unwrap(), &[closing], build::at(1));
        done(&*store, change).await;
        assert_eq!(told("a", 9).await, ["zh-CN: ", "zh-CN: CN"]);
        // Who moves is reached where they are now.
        let tenant = build::tenant("b");
        let before = store
            .party(&tenant, build::party_id(6))
            .await
            .unwrap()
            .unwrap();
        let moved = Party {
            regions: vec!["US-CA".into()],
            version: before.version + 1,
            ..before.clone()
        };
        let event = PartyEvent::Upserted(Box::new(moved.clone()));
        let change = Change {
            guards: vec![Guard::Party(before.id, before.version)],
            entries: vec![build::party_entry(&moved, event, build::at(1))],
            writes: vec![Write::Party(Box::new(moved))],
            answer: None,
        };
        done(&*store, change).await;
        assert_eq!(told("b", 9).await, ["ko: US-CA"]);
    }

    async fn schedules_are_told(&self) {
        let store = self.fresh("schedules").await;
        let party = build::party(&build::tenant("a"), 1);
        done(&*store, build::tell_party(&party)).await;
        for (n, due) in [(1, Some(build::at(7))), (2, None)] {
            done(&*store, build::open_case(&build::case(&party, n), due)).await;
        }
        let asked = [build::case_id(1), build::case_id(2), build::case_id(3)];
        let told = async || {
            let shown = store.shown(&asked).await.unwrap();
            let row = |(facts, at): (Facts, _)| (facts.case.id, facts.borrower.id, at);
            shown.into_iter().map(row).collect::<Vec<_>>()
        };
        let waits = (asked[1], party.id, None);
        assert_eq!(
            told().await,
            [(asked[0], party.id, Some(build::at(7))), waits]
        );
        done(
            &*store,
            write(Write::Schedule(asked[0], Some(build::at(9)))),
        )
        .await;
        assert_eq!(
            told().await,
            [(asked[0], party.id, Some(build::at(9))), waits]
        );
    }

    async fn cases_come_in_pages_and_by_filter(&self) {
        let store = self.fresh("cases").await;
        let people: Vec<Party> = (1..=2)
            .map(|n| build::party(&build::tenant("a"), n))
            .collect();
        for party in &people {
            done(&*store, build::tell_party(party)).await;
        }
        let mut cases = Vec::new();
        for n in 1..=11_u32 {
            let case = build::case(&people[(n % 2) as usize], n);
            done(&*store, build::open_case(&case, None)).await;
            let mut events = vec![CaseEvent::StageEntered {
                from: None,
                to: Some((n % 3) as u8),
                left: String::new(),
                name: "stage".into(),
                dpd: 7,
            }];
            if n % 4 == 0 {
                events.push(CaseEvent::WorklistChanged {
                    reason: Some(WorklistReason::WroteBack),
                });
            }
            if n % 5 == 0 {
                events.push(CaseEvent::LegalBegan);
            }
            let (case, change) = build::case_change(&case, &events, build::at(1));
            done(&*store, change).await;
            cases.push(case);
        }
        let borrower = Some(people[0].id);
        let status = Some("legal".to_owned());
        let everything = CaseFilter::default;
        let filters = [
            everything(),
            CaseFilter {
                stage: Some(1),
                ..everything()
            },
            CaseFilter {
                on_worklist: true,
                ..everything()
            },
            CaseFilter {
                borrower,
                ..everything()
            },
            CaseFilter {
                borrower,
                on_worklist: true,
                ..everything()
            },
            CaseFilter {
                status,
                ..everything()
            },
            CaseFilter {
                stage: Some(2),
                on_worklist: true,
                ..everything()
            },
        ];
        for filter in filters {
            let fits = |c: &&Case| {
                filter.stage.is_none_or(|s| c.stage == Some(s))
                    && filter.borrower.is_none_or(|b| c.borrower == b)
                    && filter
                        .status
                        .as_deref()
                        .is_none_or(|s| c.status().name() == s)
                    && (!filter.on_worklist || c.worklist.is_some())
            };
            let expected: Vec<_> = cases.iter().filter(fits).cloned().collect();
            assert!(!expected.is_empty(), "{filter:?} tells nothing");
            for limit in [1, 3, 100] {
                let found = all_cases(&*store, "a", &filter, limit).await;
                assert_eq!(found, expected, "{filter:?} by {limit}");
            }
        }
        let nonsense = CaseFilter {
            status: Some("nonsense".into()),
            ..CaseFilter::default()
        };
        assert_eq!(all_cases(&*store, "a", &nonsense, 5).await, []);
        let mine = cases.iter().filter(|c| c.borrower == people[1].id);
        let open = store.open_cases_of(&people[1].tenant, people[1].id).await;
        assert_eq!(open.unwrap(), mine.cloned().collect::<Vec<_>>());
        let counted = store
            .status(&build::tenant("a"), build::at(0))
            .await
            .unwrap()
            .cases;
        assert_eq!(counted, [("open".to_owned(), 9), ("legal".to_owned(), 2)]);
    }

    async fn contacts_come_in_pages_and_by_filter(&self) {
        let store = self.fresh("contacts").await;
        let (mut party, first) = with_case(&*store).await;
        let second = build::case(&party, 2);
        done(&*store, build::open_case(&second, None)).await;
        let mut contacts = Vec::new();
        for mut case in [second, first] {
            for seq in 1..=4_u32 {
                let mut contact = build::contact(&case, seq, 1, build::at(seq.into()));
                if seq % 2 == 0 {
                    contact.class = ContactClass::Phone;
                }
                if seq == 3 {
                    contact.state = ContactState::Planned;
                }
                let change;
                (case, party, change) = build::intend(&case, &party, &contact);
                done(&*store, change).await;
                contacts.push(contact);
            }
        }
        contacts.sort_by_key(|c| c.id);
        let everything = ContactFilter::default;
        let filters = [
            everything(),
            ContactFilter {
                case: Some(build::case_id(2)),
                ..everything()
            },
            ContactFilter {
                party: Some(party.id),
                ..everything()
            },
            ContactFilter {
                class: Some(ContactClass::Phone),
                ..everything()
            },
            ContactFilter {
                state: Some(ContactState::Planned),
                ..everything()
            },
            ContactFilter {
                case: Some(build::case_id(1)),
                class: Some(ContactClass::Sms),
                state: Some(ContactState::Dispatching),
                ..everything()
            },
        ];
        for filter in filters {
            let fits = |c: &&Contact| {
                filter.case.is_none_or(|id| c.id.case == id)
                    && filter.party.is_none_or(|p| c.party == p)
                    && filter.class.is_none_or(|class| c.class == class)
                    && filter.state.is_none_or(|s| c.state == s)
            };
            let expected: Vec<_> = contacts.iter().filter(fits).cloned().collect();
            assert!(!expected.is_empty(), "{filter:?} tells nothing");
            for limit in [1, 3, 100] {
                let found = all_contacts(&*store, &filter, limit).await;
                assert_eq!(found, expected, "{filter:?} by {limit}");
            }
        }
        let planned = store.contacts_in(ContactState::Planned, 10).await.unwrap();
        assert_eq!(planned.len(), 2);
        assert_eq!(
            store
                .contacts_in(ContactState::Dispatching, 4)
                .await
                .unwrap()
                .len(),
            4
        );
        assert_eq!(
            store.contacts_in(ContactState::Failed, 4).await.unwrap(),
            []
        );
    }

    async fn the_journal_is_read_by_subject(&self) {
        let store = self.fresh("journal").await;
        let (party, case) = with_case(&*store).await;
        let contact = build::contact(&case, 1, 1, build::at(1));
        done(&*store, build::intend(&case, &party, &contact).2).await;
        let other = build::party(&build::tenant("b"), 2);
        done(&*store, build::tell_party(&other)).await;
        let read = async |tenant: Option<&str>, case, party| {
            let filter = JournalFilter {
                tenant: tenant.map(build::tenant),
                case,
                party,
            };
            let found = store.journal(&filter, 0, 10).await.expect("entries");
            found.iter().map(|r| r.position).collect::<Vec<_>>()
        };
        assert_eq!(read(None, None, None).await, [1, 2, 3, 4]);
        assert_eq!(read(Some("a"), None, None).await, [1, 2, 3]);
        assert_eq!(read(Some("b"), None, None).await, [4]);
        assert_eq!(read(None, Some(case.id), None).await, [2, 3]);
        assert_eq!(read(Some("a"), None, Some(party.id)).await, [1, 3]);
        assert_eq!(read(Some("a"), Some(case.id), Some(party.id)).await, [3]);
        let after = store
            .journal(&JournalFilter::default(), 2, 1)
            .await
            .unwrap();
        assert_eq!(after[0].position, 3);
    }

    async fn versions_of_policies_and_templates_stand(&self) {
        let store = self.fresh("texts").await;
        let policy = StoredPolicy {
            tenant: build::tenant("a"),
            name: "house".into(),
            version: 1,
            hash: "h1".into(),
            text: "name: house".into(),
            author: "ann".into(),
            created_at: build::at(0),
            activated: None,
        };
        let template = StoredTemplate {
            tenant: build::tenant("a"),
            name: "reminder".into(),
            version: 1,
            class: ContactClass::Sms,
            locale: "zh-CN".into(),
            subject: String::new(),
            body: "{{ amount }}".into(),
            variables: vec!["amount".into()],
            reader: Reader::default(),
            regions: vec!["CN".into()],
            lender_kinds: Vec::new(),
            approval: Some(("Lender".into(), "SMS_1".into())),
            author: "ann".into(),
            created_at: build::at(0),
        };
        let mut first = write(Write::Policy(policy.clone()));
        let guard = Guard::NoPolicy(policy.tenant.clone(), policy.name.clone(), 1);
        first.guards.push(guard);
        done(&*store, first.clone()).await;
        assert!(matches!(
            store.commit(first).await,
            Err(CommitError::Stale(_))
        ));
        done(&*store, write(Write::Template(template.clone()))).await;
        // Who activated it may be written; another text under the same number may not.
        let mut active = policy.clone();
        active.activated = Some(Activation {
            by: "bob".into(),
            at: build::at(5),
            note: "agreed".into(),
        });
        done(&*store, write(Write::Policy(active.clone()))).await;
        let mut forged = active.clone();
        forged.hash = "h2".into();
        let mut forged_text = template.clone();
        forged_text.body = "pay!".into();
        for forged in [Write::Policy(forged), Write::Template(forged_text)] {
            let answer = store.commit(write(forged)).await;
            assert!(matches!(answer, Err(CommitError::Taken(_))), "{answer:?}");
        }
        let (mut second, mut newer) = (policy, template.clone());
        (second.version, second.hash, newer.version) = (2, "h2".into(), 2);
        done(&*store, write(Write::Policy(second.clone()))).await;
        done(&*store, write(Write::Template(newer.clone()))).await;
        let policies = store.policies(Some(&build::tenant("a"))).await.unwrap();
        assert_eq!(policies, [active, second]);
        assert_eq!(store.templates(None).await.unwrap(), [template, newer]);
        assert_eq!(store.policies(Some(&build::tenant("b"))).await.unwrap(), []);
        assert_eq!(
            store.templates(Some(&build::tenant("b"))).await.unwrap(),
            []
        );
    }

    async fn collectors_and_points_are_found(&self) {
        let store = self.fresh("collectors").await;
        let mut collector = Collector {
            id: CollectorId::from_bytes([3; 16]),
            tenant: build::tenant("a"),
            version: 1,
            credentials: Vec::new(),
            languages: vec!["zh-CN".into()],
            regions: Vec::new(),
            active: true,
            sealed: Sealed::from_ciphertext(vec![1]),
        };
        let put = |c: &Collector, seen: u64| {
            let mut change = write(Write::Collector(Box::new(c.clone())));
            change.guards.push(Guard::Collector(c.id, seen));
            change
        };
        done(&*store, put(&collector, 0)).await;
        assert!(matches!(
            store.commit(put(&collector, 0)).await,
            Err(CommitError::Stale(_))
        ));
        collector.version = 2;
        collector.active = false;
        done(&*store, put(&collector, 1)).await;
        let (a, b) = (build::tenant("a"), build::tenant("b"));
        let found = store.collector(&a, collector.id).await.unwrap();
        assert_eq!(found, Some(collector.clone()));
        assert_eq!(store.collector(&b, collector.id).await.unwrap(), None);
        assert_eq!(store.collectors(&a).await.unwrap(), [collector]);
        assert_eq!(store.collectors(&b).await.unwrap(), []);
        // Two people share a number; one of them changes theirs.
        let (one, mut two) = (build::party(&a, 1), build::party(&a, 2));
        two.points[0].key = build::key(1);
        done(&*store, build::tell_party(&one)).await;
        done(&*store, build::tell_party(&two)).await;
        let shared = store.parties_by_point(&a, build::key(1)).await.unwrap();
        assert_eq!(shared, [one.clone(), two.clone()]);
        two.points[0].key = build::key(8);
        two.version += 1;
        done(&*store, write(Write::Party(Box::new(two.clone())))).await;
        assert_eq!(
            store.parties_by_point(&a, build::key(1)).await.unwrap(),
            [one, two.clone()],
            "who had it is found by it, too"
        );
        assert_eq!(
            store.parties_by_point(&a, build::key(8)).await.unwrap(),
            [two.clone()]
        );
        assert_eq!(
            store.party_by_ref(&a, two.lender_ref).await.unwrap(),
            Some(two.clone())
        );
        // A record that can be taken back leads to its party, for as long as the party has it.
        let (opt_out, consent) = ([0xa1; 16], [0xb1; 16]);
        two.consent_ids
            .push(recoup_domain::ids::ConsentId::from_bytes(consent));
        two.opt_outs.push(recoup_domain::party::OptOut {
            id: recoup_domain::ids::OptOutId::from_bytes(opt_out),
            class: None,
            point: None,
            via: "letter".into(),
            at: build::at(1),
        });
        two.version += 1;
        done(&*store, write(Write::Party(Box::new(two.clone())))).await;
        for record in [opt_out, consent] {
            let found = store.party_of_record(&a, record).await.unwrap();
            assert_eq!(found, Some(two.clone()));
            assert_eq!(store.party_of_record(&b, record).await.unwrap(), None);
        }
        two.opt_outs.clear();
        two.version += 1;
        done(&*store, write(Write::Party(Box::new(two)))).await;
        assert_eq!(store.party_of_record(&a, opt_out).await.unwrap(), None);
        assert_eq!(
            store.party_of_record(&a, build::key(8).0).await.unwrap(),
            None
        );
    }
}
