//! The SMS gateway.

use recoup_sandbox::{Channel, Outcome};

use crate::support::{Recorder, SECOND, T0, World, get, http, rule, sms_url, start, start_stepped};

#[tokio::test]
async fn an_accepted_text_is_in_the_log_before_its_answer() {
    let world = start(|o| o.rules = vec![rule("", Channel::Sms, Outcome::Delivered)]).await;
    let answer = get(&sms_url(&world.at, "+8613800000001", "k1", "")).await;
    let receipts = world.of_type("receipt");
    assert_eq!(answer, (202, "0: Accepted for delivery".to_owned()));
    let [receipt] = receipts.as_slice() else {
        panic!("{receipts:?}")
    };
    let want = serde_json::json!({
        "type": "receipt", "n": 1, "virtual_us": null, "channel": "sms", "op": "send",
        "dest": "+8613800000001", "ordinal": 0, "key": "k1", "text": "您好 x",
        "effect_from_us": null, "effect_to_us": null, "answer": 202, "effect": true,
        "outcome": "delivered",
    });
    for (field, value) in want.as_object().expect("an object") {
        assert_eq!(&receipt[field], value, "{field}");
    }
    assert!(receipt["wall_us"].is_i64() && receipt["mono_us"].is_i64());
    assert_eq!(receipt["payload_sha256"].as_str().map(str::len), Some(64));
}

#[tokio::test]
async fn what_is_refused_is_logged_without_effect() {
    let world = start(|_| {}).await;
    let url = |change: fn(String) -> String| change(sms_url(&world.at, "+861", "k", ""));
    let cases = [
        (url(|u| u.replace("password=sandbox", "password=x")), 403),
        (url(|u| u.replace("from=10690", "from=")), 400),
        (url(|u| u.replace("&text=", "&txt=")), 400),
        (url(|u| u + "&validity=x"), 400),
    ];
    for (url, status) in &cases {
        assert_eq!(get(url).await.0, *status, "{url}");
    }
    let receipts = world.of_type("receipt");
    assert_eq!(receipts.len(), cases.len());
    for receipt in receipts {
        assert_eq!(
            (&receipt["effect"], &receipt["outcome"]),
            (&false.into(), &().into())
        );
    }
}

#[tokio::test]
async fn a_form_is_read_like_a_query_and_the_same_key_reaches_twice() {
    let world = start(|_| {}).await;
    let url = sms_url(&world.at, "+861", "same", "");
    let (base, form) = url.split_once('?').expect("a query");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    for _ in 0..2 {
        let answer = http(base, "POST", &headers, form.as_bytes())
            .await
            .expect("an answer");
        assert_eq!(answer.0, 202);
    }
    let seen: Vec<_> = world
        .of_type("receipt")
        .iter()
        .map(|r| {
            (
                r["ordinal"].as_u64(),
                r["effect"].as_bool(),
                r["text"].clone(),
            )
        })
        .collect();
    let want = |ordinal| (Some(ordinal), Some(true), "您好 x".into());
    assert_eq!(seen, [want(0), want(1)]);
}

#[tokio::test]
async fn receipts_follow_the_outcome() {
    for (outcome, last) in [
        (Outcome::Delivered, "1"),
        (Outcome::Undelivered, "2"),
        (Outcome::NotInService, "16"),
    ] {
        let (world, mut clock) =
            start_stepped(|o| o.rules = vec![rule("", Channel::Sms, outcome)]).await;
        let mut service = Recorder::start().await;
        let dlr = format!("{}/dlr?st=%d&p=%p", service.url);
        get(&sms_url(&world.at, "+861", "k1", &dlr)).await;
        let at_us = clock.step().await;
        assert!(at_us > T0 && at_us <= T0 + 90 * SECOND && at_us % (30 * SECOND) == 0);
        loop {
            let got = service.next().await;
            // The truth is on the disk before anybody is told.
            assert_eq!(world.of_type("outcome").len(), 1);
            let is_last = got.line == format!("GET /dlr?st={last}&p=%2B861 HTTP/1.1");
            assert!(is_last || got.line.contains("st=8&"), "{}", got.line);
            got.answer(200);
            if is_last {
                break;
            }
        }
        clock.quiet().await;
        let line = &world.of_type("outcome")[0];
        assert_eq!(
            line["outcome"],
            serde_json::to_value(outcome).expect("a name")
        );
        assert_eq!(
            (line["at_us"].as_i64(), line["key"].as_str()),
            (Some(at_us), Some("k1"))
        );
    }
}

#[tokio::test]
async fn a_text_that_outlives_its_validity_is_not_delivered() {
    let (world, _clock) =
        start_stepped(|o| o.rules = vec![rule("", Channel::Sms, Outcome::Delivered)]).await;
    get(&(sms_url(&world.at, "+861", "k1", "") + "&validity=0")).await;
    assert_eq!(world.of_type("receipt")[0]["outcome"], "undelivered");
}

#[tokio::test]
async fn people_write_back() {
    let (world, mut clock) =
        start_stepped(|o| o.rules = vec![rule("", Channel::Sms, Outcome::Delivered)]).await;
    let service = Recorder::start().await;
    let mo = format!("{}/mo?x=1", service.url);
    let set = format!("{}/control/mo-url", world.at.control);
    assert_eq!(
        http(&set, "POST", &[], mo.as_bytes())
            .await
            .expect("an answer")
            .0,
        200
    );
    for i in 0..200 {
        get(&sms_url(
            &world.at,
            &format!("+86{i}"),
            &format!("k{i}"),
            "",
        ))
        .await;
    }
    let replies = service.answer_all();
    while let Some(next) = clock.quiet().await {
        clock.now(next).await;
    }
    let replies = replies.lock().expect("the list").clone();
    assert!((1..40).contains(&replies.len()), "{replies:?}");
    for line in &replies {
        assert!(line.starts_with("GET /mo?x=1&from=%2B86"), "{line}");
        assert!(line.contains("&to=10690&text="), "{line}");
    }
    assert_eq!(world.of_type("reply").len(), replies.len());
}

async fn misbehaving(text: &str) -> (World, Option<(u16, String)>) {
    let world = start(|o| o.misbehave = text.parse().expect("valid text")).await;
    let url = sms_url(&world.at, "+861", "k1", "");
    let answer = http(&url, "GET", &[], b"").await;
    (world, answer)
}

#[tokio::test]
async fn misbehaviour_is_logged_as_it_happened() {
    let cases: [(&str, Option<u16>, u64, Option<bool>); 7] = [
        ("sms:cut=1", None, 0, Some(true)),
        ("sms:cut_before=1", None, 0, Some(false)),
        ("*:error_500=1", Some(500), 500, None),
        ("sms:garbage=1", Some(200), 200, Some(true)),
        ("sms:reject=1", Some(400), 400, Some(false)),
        ("sms:slow=1@1", Some(202), 202, Some(true)),
        ("phone:cut=1", Some(202), 202, Some(true)),
    ];
    for (text, status, logged, effect) in cases {
        let (world, answer) = misbehaving(text).await;
        assert_eq!(answer.map(|a| a.0), status, "{text}");
        let receipt = &world.of_type("receipt")[0];
        assert_eq!(receipt["answer"], logged, "{text}");
        if let Some(effect) = effect {
            assert_eq!(receipt["effect"], effect, "{text}");
        }
        let told = world.of_type("misbehave");
        if text.starts_with("phone") {
            assert!(told.is_empty(), "{text}: {told:?}");
        } else {
            let what = text.split([':', '=']).nth(1).expect("a kind");
            assert_eq!(
                (&told[0]["what"], &told[0]["n"]),
                (&what.into(), &1.into()),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn call_backs_come_twice_when_asked_to() {
    let (world, mut clock) = start_stepped(|o| {
        o.rules = vec![rule("", Channel::Sms, Outcome::Undelivered)];
    })
    .await;
    let set = format!("{}/control/misbehave", world.at.control);
    let on = b"sms:duplicate_callback=1,sms:reorder_callback=1";
    assert_eq!(http(&set, "POST", &[], on).await.expect("an answer").0, 200);
    assert_eq!(
        http(&set, "POST", &[], b"sms:x=1")
            .await
            .expect("an answer")
            .0,
        400
    );
    let service = Recorder::start().await;
    for i in 0..20 {
        get(&sms_url(
            &world.at,
            &format!("+86{i}"),
            "k",
            &format!("{}/{i}/%d", service.url),
        ))
        .await;
    }
    let told = service.answer_all();
    while let Some(next) = clock.quiet().await {
        clock.now(next).await;
    }
    let told = told.lock().expect("the list").clone();
    let mut acknowledged = 0;
    for i in 0..20 {
        let states: Vec<&str> = told
            .iter()
            .filter_map(|line| line.strip_prefix(&format!("GET /{i}/"))?.split(' ').next())
            .collect();
        // Reversed, the message centre's word comes last, where it gives it at all.
        assert!(
            [&["2", "2"][..], &["2", "2", "8"][..]].contains(&&states[..]),
            "{states:?}"
        );
        acknowledged += states.len() - 2;
    }
    assert!((1..20).contains(&acknowledged), "{told:?}");
}
