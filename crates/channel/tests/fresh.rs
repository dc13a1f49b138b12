//! Holds what is committed equal to what it comes from: the messages in `src/wire` to the proto, the
//! C header to the ABI's layout.

use std::path::{Path, PathBuf};

/// Compares a committed file with what its generator says now, after writing it if that is asked.
fn compare(file: &str, source: &str, fresh: &str) {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("RECOUP_REGENERATE").is_some() {
        std::fs::write(&committed, fresh).expect("the crate's folder is writable");
    }
    let stored = std::fs::read_to_string(&committed).unwrap_or_default();
    assert!(
        stored == fresh,
        "{file} is not what {source} generates; \
         run RECOUP_REGENERATE=1 cargo test -p recoup-channel --test fresh"
    );
}

/// The proto as Rust text, by the same compiler that wrote the committed file.
fn messages() -> String {
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

/// The ABI's layout in C. The rules for both sides, which are the module's own text, come first.
fn header() -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layout = manifest.join("src/abi/layout.rs");
    let source = std::fs::read_to_string(&layout).expect("the layout is there");
    let rules: String = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| format!(" *{line}\n"))
        .collect();
    let mut config =
        cbindgen::Config::from_file(manifest.join("cbindgen.toml")).expect("cbindgen.toml reads");
    let guard = config.header.take().unwrap_or_default();
    config.header = Some(format!("/*{} */\n{guard}", rules.trim_start_matches(" *")));
    let mut text = Vec::new();
    cbindgen::Builder::new()
        .with_config(config)
        .with_src(&layout)
        .generate()
        .expect("the layout has a form in C")
        .write(&mut text);
    tidy(&String::from_utf8(text).expect("text"))
}

/// A comment of one line on one line, and negative numbers in brackets, as a person would write them.
fn tidy(header: &str) -> String {
    let mut tidied: Vec<String> = Vec::new();
    for line in header.lines() {
        let opened = tidied.len().checked_sub(2).map(|at| tidied[at].trim());
        if line.trim() == "*/" && opened == Some("/**") {
            let said = tidied.pop().unwrap_or_default();
            let opening = tidied.pop().unwrap_or_default();
            tidied.push(format!(
                "{opening} {} */",
                said.trim_start_matches([' ', '*'])
            ));
        } else if let Some((define, number)) =
            line.split_once(" -").filter(|_| line.starts_with('#'))
        {
            tidied.push(format!("{define} (-{number})"));
        } else {
            tidied.push(line.to_owned());
        }
    }
    tidied.join("\n") + "\n"
}

#[test]
fn the_committed_messages_are_those_of_the_proto() {
    compare(
        "src/wire/recoup_channel_v1.rs",
        "channel.proto",
        &messages(),
    );
}

#[test]
fn the_committed_header_is_that_of_the_layout() {
    compare("include/recoup_channel.h", "src/abi/layout.rs", &header());
}
