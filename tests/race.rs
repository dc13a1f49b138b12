//! Many at once for a person's last slots: law counts a person over all cases, whoever asks, and no two askers
//! get the same slot.

use recoup::api::recoup::v1;
use tokio::task::JoinSet;

use crate::support::World;
use crate::support::client::reason;
use crate::support::scenes::Loan;

/// The ladder itself calls nobody here.
const NEVER: &str = "name: never
stages:
  - name: call
    enter: case.dpd >= 1
    steps: [{channel: phone, template: first_call, max: 1, between: ['03:00', '03:01']}]
";

/// Effective calls of a day to one debtor in China, over all debts: GB/T 45251-2025 5.3.
const CALLS_A_DAY: usize = 3;
const ASKERS: u32 = 64;
const CASES: u32 = 4;

#[tokio::test]
async fn of_64_who_ask_for_a_persons_last_calls_exactly_so_many_get_one() {
    let mut world = World::live(&["phone"], NEVER).await;
    let mut cases = Vec::new();
    for n in 1..=CASES {
        let mut request = Loan::at_noon(1).open();
        request.request_id = format!("open-{n}");
        request.case.as_mut().expect("a case").lender_case_ref = format!("L{n}");
        let opened = world.ana.cases().open_case(request).await;
        let case = opened.expect("a case").into_inner().case;
        cases.push(case.expect("the case").case_id);
    }
    // The provider takes no answer back while they ask: what is under way may be a talk, and counts.
    world.sandbox.freeze();
    let mut askers = JoinSet::new();
    for n in 0..ASKERS {
        let mut contacts = world.ana.contacts();
        let request = v1::RequestContactRequest {
            request_id: format!("ask-{n}"),
            case_id: cases[(n % CASES) as usize].clone(),
            channel: "phone".into(),
            template: "first_call".into(),
            reason: "they asked for a call".into(),
            ..v1::RequestContactRequest::default()
        };
        askers.spawn(async move { contacts.request_contact(request).await });
    }
    let (mut made, mut denied) = (0, 0);
    while let Some(asked) = askers.join_next().await {
        match asked.expect("an asker") {
            Ok(_) => made += 1,
            Err(status) => {
                assert_eq!(reason(&status), "CONTACT_DENIED", "{status:?}");
                assert!(status.message().contains("CN-GBT45251-FREQ3"), "{status:?}");
                denied += 1;
            }
        }
    }
    assert_eq!((made, denied), (CALLS_A_DAY, ASKERS as usize - CALLS_A_DAY));
    world.sandbox.thaw();
    world.sandbox.stop().await;
}
