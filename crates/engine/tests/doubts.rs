//! Carriers are asked what became of contacts in doubt; each answer moves a contact as far as it goes, and no further.

mod support;

use jiff::SignedDuration;
use jiff::civil::date;
use recoup_channel::ChannelError;
use recoup_channel::wire::{self, Status, StatusKind};
use recoup_domain::contact::{Contact, ContactClass, ContactState};
use recoup_domain::money::{Currency, Money};
use recoup_engine::commands::PaymentInput;
use recoup_store::ContactFilter;
use support::{Rig, at};

use ContactState as S;

/// A visit that was asked for by a connection that was cut.
struct Scene {
    rig: Rig,
    _dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let rig = Rig::new(dir.path(), at("2026-03-01T00:00:00Z")).await;
        rig.open_case("1", date(2026, 3, 1)).await;
        rig.run_until(at("2026-03-30T23:30:00Z")).await;
        let cut = Err(ChannelError::unknown("cut"));
        *rig.channel(ContactClass::Visit).answer.lock().unwrap() = cut;
        rig.run_until(at("2026-03-31T00:00:00Z")).await;
        let scene = Self { rig, _dir: dir };
        assert_eq!(scene.visit().await.state, S::Unknown);
        scene
    }

    async fn visit(&self) -> Contact {
        let filter = ContactFilter {
            class: Some(ContactClass::Visit),
            ..ContactFilter::default()
        };
        let page = self.rig.engine.contacts(&self.rig.tenant, &filter, None, 9);
        page.await.unwrap().rows.remove(0).contact
    }

    /// Asks, and gives how the visit stands then.
    async fn asked(&self, answer: Result<Status, ChannelError>) -> S {
        *self.rig.channel(ContactClass::Visit).knows.lock().unwrap() = answer;
        self.rig.engine.ask_about_doubts().await.unwrap();
        self.rig.engine.activity().until_quiet().await;
        self.visit().await.state
    }

    fn questions(&self) -> usize {
        self.rig
            .channel(ContactClass::Visit)
            .asked
            .lock()
            .unwrap()
            .len()
    }

    fn after(&self, wait: SignedDuration) {
        let now = self.rig.engine.wall().now();
        self.rig.wall.advance(now + wait);
    }
}

fn status(kind: StatusKind, outcome: Option<wire::Outcome>) -> Result<Status, ChannelError> {
    Ok(Status {
        kind: kind.into(),
        outcome: outcome.map(Into::into),
        provider_ref: "event-7".into(),
        ..Status::default()
    })
}

#[tokio::test]
async fn each_answer_moves_it_as_far_as_it_goes() {
    use wire::Outcome as W;
    for (answer, stands) in [
        (status(StatusKind::Found, None), S::Accepted),
        (status(StatusKind::Found, Some(W::Unknown)), S::Accepted),
        (status(StatusKind::Found, Some(W::Visited)), S::Effected),
        (
            status(StatusKind::Found, Some(W::NobodyContacted)),
            S::Failed,
        ),
        (status(StatusKind::Found, Some(W::Cancelled)), S::Cancelled),
        (status(StatusKind::NotFound, None), S::Unknown),
        (status(StatusKind::Pending, None), S::Unknown),
        (status(StatusKind::Unspecified, None), S::Unknown),
        (Err(ChannelError::retryable("away")), S::Unknown),
        (Err(ChannelError::unknown("cut again")), S::Unknown),
    ] {
        let scene = Scene::new().await;
        let said = format!("{answer:?}");
        assert_eq!(scene.asked(answer).await, stands, "{said}");
        let asked = scene.rig.channel(ContactClass::Visit).asked.lock().unwrap()[0].clone();
        assert_eq!(asked.idempotency_key, scene.visit().await.key);
        assert_eq!(
            scene.rig.sent(ContactClass::Visit).len(),
            1,
            "a question is no second request"
        );
    }
}

#[tokio::test]
async fn that_it_never_came_counts_once_nothing_can_come_any_more() {
    let scene = Scene::new().await;
    let not_found = || status(StatusKind::NotFound, None);
    assert_eq!(scene.asked(not_found()).await, S::Unknown);
    let over = scene.visit().await.effect.to;
    scene.rig.wall.advance(over + SignedDuration::from_secs(59));
    assert_eq!(scene.asked(not_found()).await, S::Unknown);
    scene.after(SignedDuration::from_hours(1));
    assert_eq!(scene.asked(not_found()).await, S::ProvenNotSent);
}

#[tokio::test]
async fn questions_become_rare_and_end() {
    let scene = Scene::new().await;
    let away = || Err(ChannelError::retryable("away"));
    for (wait_s, questions) in [
        (0, 1),
        (14, 1),
        (1, 2),
        (59, 2),
        (1, 3),
        (300, 4),
        (900, 5),
        (3_599, 5),
        (1, 6),
        (3_600, 7),
    ] {
        scene.after(SignedDuration::from_secs(wait_s));
        assert_eq!(scene.asked(away()).await, S::Unknown);
        assert_eq!(scene.questions(), questions, "after {wait_s} s more");
    }
    let over = scene.visit().await.effect.to;
    scene
        .rig
        .wall
        .advance(over + SignedDuration::from_hours(24));
    let found = status(StatusKind::Found, None);
    assert_eq!(scene.asked(found).await, S::Unknown, "it is a person's now");
    assert_eq!(scene.questions(), 7);
}

#[tokio::test]
async fn one_that_is_found_after_a_payment_is_called_off() {
    let scene = Scene::new().await;
    let filter = ContactFilter::default();
    let page = scene
        .rig
        .engine
        .contacts(&scene.rig.tenant, &filter, None, 9);
    let case = page.await.unwrap().rows[0].contact.id.case;
    let paid = PaymentInput {
        reference: "p1".into(),
        amount: Money::new(100, Currency::new("CNY").unwrap()),
        received_at: None,
        balance_after: None,
    };
    let ana = scene.rig.as_of("ana");
    let done = scene
        .rig
        .engine
        .record_payment(&ana, case, paid, &|_| vec![]);
    done.await.unwrap();
    assert_eq!(
        scene.asked(status(StatusKind::Found, None)).await,
        S::Cancelled
    );
    let visit = scene.rig.channel(ContactClass::Visit);
    assert_eq!(visit.cancelled.lock().unwrap().len(), 1);
}
