//! Holds the committed messages in `src/wire` equal to the proto they come from.

use std::path::{Path, PathBuf};

/// The proto as Rust text, by the same compiler that wrote the committed file.
fn generate() -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.join("../../proto");
    let mut compiler = protox::Compiler::new([&root]).expect("the proto folder is readable");
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_file("recoup/channel/v1/channel.proto")
        .expect("channel.proto compiles");
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fresh");
    std::fs::create_dir_all(&out).expect("the test's folder can be made");
    prost_build::Config::new()
        .btree_map(["."])
        .out_dir(&out)
        .compile_fds(compiler.file_descriptor_set())
        .expect("the messages generate");
    std::fs::read_to_string(out.join("recoup.channel.v1.rs")).expect("the generator wrote its file")
}

#[test]
fn the_committed_messages_are_those_of_the_proto() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/wire/recoup_channel_v1.rs");
    let fresh = generate();
    if std::env::var_os("RECOUP_REGENERATE").is_some() {
        std::fs::write(&committed, &fresh).expect("src/wire is writable");
    }
    let stored = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        stored == fresh,
        "src/wire/recoup_channel_v1.rs is not what channel.proto generates; \
         run RECOUP_REGENERATE=1 cargo test -p recoup-channel --test fresh"
    );
}
