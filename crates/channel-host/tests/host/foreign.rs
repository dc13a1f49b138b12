//! A channel written in C against the header, loaded and called.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use recoup_channel::wire::{Capabilities, ChannelDescriptor, ContactClass, Message};
use recoup_channel::{ChannelError, DynChannel};

use crate::support::{START_UNIX_MS, Setup, call, message};

/// Builds the C channel once.
fn library() -> PathBuf {
    static BUILT: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_folder, path) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let descriptor = ChannelDescriptor {
            id: "org.recoup.in-c".into(),
            version: "1.0.0".into(),
            kind: "c".into(),
            contact_class: ContactClass::Sms.into(),
            capabilities: Some(Capabilities {
                began: true,
                ..Capabilities::default()
            }),
            ..ChannelDescriptor::default()
        };
        let bytes: Vec<String> = descriptor
            .encode_to_vec()
            .iter()
            .map(|byte| byte.to_string())
            .collect();
        let header = format!(
            "static const unsigned char DESCRIPTOR[] = {{{}}};\n",
            bytes.join(",")
        );
        std::fs::write(folder.path().join("descriptor.h"), header).expect("the header");
        let path = folder.path().join("libchannel.so");
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let output = Command::new("cc")
            .args([
                "-std=c11",
                "-Wall",
                "-Wextra",
                "-pedantic",
                "-Werror",
                "-fPIC",
                "-shared",
            ])
            .args(["-pthread", "-I"])
            .arg(here.join("../channel/include"))
            .arg("-I")
            .arg(folder.path())
            .arg(here.join("tests/c/channel.c"))
            .arg("-o")
            .arg(&path)
            .output()
            .expect("this test needs a C compiler named cc");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        (folder, path)
    });
    path.clone()
}

#[tokio::test]
async fn a_channel_in_c_sends_and_ends() {
    let setup = Setup::new(&library(), "{}");
    let channel = setup.load().await;
    let (cx, began) = call(&setup.spec.clock, 5_000);
    let receipt = DynChannel::send(&channel, &cx, message("hello"))
        .await
        .expect("a receipt");
    assert_eq!(
        (receipt.provider_ref.as_str(), began.load(Ordering::SeqCst)),
        ("from C", 1)
    );

    let (cx, began) = call(&setup.spec.clock, 5_000);
    let late = cx.with_not_after(START_UNIX_MS);
    let error = DynChannel::send(&channel, &late, message("hello"))
        .await
        .expect_err("too late");
    assert!(matches!(&error, ChannelError::Retryable { message, .. } if message == "late"));
    assert_eq!(began.load(Ordering::SeqCst), 0);

    let error = DynChannel::status(&channel, &late, Default::default())
        .await
        .expect_err("NULL");
    assert!(matches!(error, ChannelError::Unsupported { .. }));
    assert!(
        channel.shutdown(Duration::from_secs(5)).await,
        "destroy joins its threads"
    );
}

#[tokio::test]
async fn a_channel_in_c_gives_its_reason() {
    let error = Setup::new(&library(), "{\"x\":1}").load_error().await;
    assert!(
        error.contains("takes no configuration: write {}"),
        "{error}"
    );
}
