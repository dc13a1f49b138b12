//! What a channel can be told of somebody who owes nothing, read from the proto itself: the one message, its two
//! fields, and nothing beside it on the request that could carry a debt.

use std::collections::BTreeSet;
use std::path::Path;

fn fields(message: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    let mut compiler = protox::Compiler::new([root]).expect("the proto folder is readable");
    compiler
        .open_file("recoup/channel/v1/channel.proto")
        .expect("channel.proto compiles");
    let pool = compiler.descriptor_pool();
    let name = format!("recoup.channel.v1.{message}");
    let found = pool.get_message_by_name(&name).expect("the message");
    found.fields().map(|f| f.name().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn a_message_to_a_third_party_has_a_subject_and_a_text_and_nothing_else() {
    assert_eq!(fields("ThirdPartyMessage"), set(&["subject", "body"]));
}

#[test]
fn a_request_has_nothing_of_a_debt_beside_its_content() {
    let all = fields("SendRequest");
    let known = set(&[
        "contact_id",
        "idempotency_key",
        "locale",
        "destination",
        "debtor",
        "third_party",
        "effect_from_unix_ms",
        "effect_to_unix_ms",
        "callback_url",
        "collectors",
    ]);
    assert_eq!(
        all, known,
        "a field that is new here goes to third parties too: may they see it?"
    );
    // The control: what a debtor may be told has its fields, so that an empty list would be seen.
    let debtor = fields("DebtorMessage");
    for name in ["references", "variables", "attachments", "correlation"] {
        assert!(debtor.contains(name), "{debtor:?}");
    }
}
