//! What is refused, and what the error says to the person who must act.

use std::time::Duration;

use crate::support::{Setup, example, sms};

#[track_caller]
fn assert_says(error: &str, words: &[&str]) {
    for word in words {
        assert!(error.contains(word), "`{word}` is missing in: {error}");
    }
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let setup = Setup::new("/nowhere/libx.so".as_ref(), "{}");
    assert_says(
        &setup.load_error().await,
        &["channel `test`", "/nowhere/libx.so", "No such file"],
    );
}

#[tokio::test]
async fn what_is_no_library_of_this_machine_is_never_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = std::fs::read(sms()).expect("the library");
    let mut foreign = library.clone();
    foreign[18] = 0xf3;
    let mut program = library.clone();
    program[16] = 2;
    let cases: [(&str, &[u8], &str); 7] = [
        ("empty.so", b"", "empty"),
        ("text.so", b"#!/bin/sh\n", "no ELF file"),
        ("short.so", b"\x7fELF", "another word size"),
        ("program.so", &program, "no shared object"),
        ("header.so", &library[..64], "cut short"),
        ("page.so", &library[..4096], "cut short"),
        ("foreign.so", &foreign, "ELF machine 243"),
    ];
    for (name, bytes, says) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("the file is written");
        assert_says(
            &Setup::new(&path, "{}").load_error().await,
            &[name, says, "cdylib"],
        );
    }
}

#[tokio::test]
async fn a_library_without_the_entry_symbol_is_refused() {
    let error = Setup::new(&example("no_entry"), "{}").load_error().await;
    assert_says(
        &error,
        &[
            "libno_entry.so",
            "`recoup_channel_entry_v1`",
            "export_channel!",
        ],
    );
}

#[tokio::test]
async fn a_library_of_a_later_minor_works() {
    let setup = Setup::new(&example("later_minor"), "{}");
    let channel = setup.load().await;
    let (cx, _) = crate::support::call(&setup.spec.clock, 5_000);
    let sent = recoup_channel::DynChannel::send(&channel, &cx, crate::support::message("x")).await;
    sent.expect("what both know is enough");
    assert!(channel.shutdown(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_table_that_this_host_cannot_read_is_refused_with_what_differs() {
    for (name, says) in [
        (
            "short_table",
            "has 128 bytes, and none of its ABI has fewer than 136",
        ),
        ("other_major", "is of ABI 2.0, and this host of 1.0"),
        ("no_table", "gives none to a host of ABI 1.0"),
    ] {
        let error = Setup::new(&example(name), "{}").load_error().await;
        assert_says(&error, &[name, says]);
    }
}

#[tokio::test]
async fn a_descriptor_without_a_contact_class_is_refused() {
    let error = Setup::new(&example("bad_descriptor"), "{}")
        .load_error()
        .await;
    assert_says(&error, &["descriptor", "contact_class"]);
}

#[tokio::test]
async fn a_refused_configuration_gives_the_plugins_own_words() {
    let error = Setup::new(&example("moody"), "\"refuse\"")
        .load_error()
        .await;
    assert_says(
        &error,
        &[
            "refuses its configuration",
            "`mood` is missing; write \"calm\"",
        ],
    );
    let error = Setup::new(&example("moody"), "\"panic\"")
        .load_error()
        .await;
    assert_says(&error, &["no mood for a start", "moody.rs"]);
    let error = Setup::new(&sms(), "{\"endpont\": 1}").load_error().await;
    assert_says(&error, &["endpont"]);
    let config = r#"{"endpoint":"http://h/","username":"u","password_secret":"x","from":"1"}"#;
    let error = Setup::new(&sms(), config).load_error().await;
    assert_says(&error, &["`password_secret`", "the secret `x`"]);
}

#[tokio::test]
async fn a_folder_of_another_user_is_not_trusted() {
    let mut setup = Setup::new(&sms(), "{}");
    if rustix::process::geteuid().is_root() {
        std::fs::create_dir(&setup.spec.run_dir).expect("the run folder");
        let nobody = std::os::unix::fs::chown(&setup.spec.run_dir, Some(65_534), None);
        nobody.expect("root gives it away");
    } else {
        setup.spec.run_dir = "/".into();
    }
    let error = setup.load_error().await;
    assert!(error.contains("another user's"), "{error}");
}

#[tokio::test]
async fn a_folder_that_others_may_write_to_is_no_place_for_libraries() {
    use std::os::unix::fs::PermissionsExt;
    let setup = Setup::new(&example("moody"), "{}");
    std::fs::create_dir(&setup.spec.run_dir).expect("the run folder");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&setup.spec.run_dir, open).expect("its mode");
    assert_says(&setup.load_error().await, &["cannot stage", "0700"]);
}

#[tokio::test]
async fn one_library_serves_many_channels() {
    let setup = Setup::new(&example("moody"), "{}");
    let (first, second) = (setup.load().await, setup.load().await);
    assert_eq!(first.digest(), second.digest());
    assert!(first.shutdown(Duration::from_secs(5)).await);
    let (cx, _) = crate::support::call(&setup.spec.clock, 5_000);
    let sent = recoup_channel::DynChannel::send(&second, &cx, crate::support::message("ok")).await;
    assert_eq!(sent.expect("the other one goes on").provider_ref, "key-1");
}
