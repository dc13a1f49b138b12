//! Holds `include/recoup_channel.h` equal to the ABI module, by asking a C compiler.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use recoup_channel::abi::{
    ABI_MAJOR, ABI_MINOR, BlobV1, Bytes, CallV1, ChannelV1, FLAG_ISOLATED_ONLY, HostV1, MAGIC,
    MESSAGE_BYTES_MAX, code,
};

/// Runs the compiler of this kind, if this machine has one.
fn compile(compiler: &str, arguments: &[&str]) -> Option<Output> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    Command::new(compiler)
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-I"])
        .arg(include)
        .args(arguments)
        .output()
        .ok()
}

fn work_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("header");
    std::fs::create_dir_all(&folder).expect("the test's folder can be made");
    folder
}

/// What the header says, by asking for `sizeof`, `offsetof` and the macros.
fn as_c_sees_it(questions: &[(String, i64)]) -> BTreeMap<String, i64> {
    let mut source =
        String::from("#include <stdio.h>\n#include \"recoup_channel.h\"\nint main(void) {\n");
    for (question, _) in questions {
        source += &format!("  printf(\"{question}=%lld\\n\", (long long)({question}));\n");
    }
    source += "  return 0;\n}\n";
    let folder = work_folder();
    let (file, program) = (folder.join("ask.c"), folder.join("ask"));
    std::fs::write(&file, source).expect("the C file is written");
    let (file, program) = (file.display().to_string(), program.display().to_string());
    let built = compile("cc", &["-std=c11", &file, "-o", &program])
        .expect("this test needs a C compiler named cc");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let output = Command::new(&program).output().expect("the program runs");
    let text = String::from_utf8(output.stdout).expect("text");
    let answer = |line: &str| {
        let (question, number) = line.split_once('=').expect("question=number");
        (question.to_owned(), number.parse().expect("a number"))
    };
    text.lines().map(answer).collect()
}

macro_rules! layout {
    ($list:ident, $c:literal, $rust:ty, $($field:ident),*) => {
        $list.push((format!("sizeof({})", $c), size_of::<$rust>() as i64));
        $($list.push((
            format!("offsetof({}, {})", $c, stringify!($field)),
            offset_of!($rust, $field) as i64,
        ));)*
    };
}

fn as_rust_sees_it() -> Vec<(String, i64)> {
    let mut list = Vec::new();
    layout!(list, "recoup_bytes", Bytes, ptr, len);
    layout!(
        list,
        "recoup_call_v1",
        CallV1,
        struct_size,
        timeout_ms,
        not_after_unix_ms
    );
    layout!(
        list,
        "recoup_host_v1",
        HostV1,
        struct_size,
        abi_major,
        abi_minor,
        ctx,
        complete,
        began,
        event,
        log,
        metric,
        secret,
        now,
        get_extension
    );
    layout!(
        list,
        "recoup_channel_v1",
        ChannelV1,
        magic,
        struct_size,
        abi_major,
        abi_minor,
        flags,
        descriptor,
        create,
        send,
        status,
        cancel,
        health,
        parse_callback,
        poll,
        validate,
        event_ack,
        abandon,
        drain,
        destroy,
        get_extension
    );
    layout!(list, "recoup_blob_v1", BlobV1, struct_size, open);
    let numbers: [(&str, i64); 21] = [
        ("RECOUP_MAGIC", MAGIC.into()),
        ("RECOUP_ABI_MAJOR", ABI_MAJOR.into()),
        ("RECOUP_ABI_MINOR", ABI_MINOR.into()),
        ("RECOUP_MESSAGE_BYTES_MAX", MESSAGE_BYTES_MAX as i64),
        ("RECOUP_FLAG_ISOLATED_ONLY", FLAG_ISOLATED_ONLY.into()),
        ("RECOUP_OK", code::OK.into()),
        ("RECOUP_STALE", code::STALE.into()),
        ("RECOUP_REFUSED", code::REFUSED.into()),
        ("RECOUP_INVALID", code::INVALID.into()),
        ("RECOUP_BUSY", code::BUSY.into()),
        ("RECOUP_DRAINING", code::DRAINING.into()),
        ("RECOUP_PANICKED", code::PANICKED.into()),
        ("RECOUP_NOT_FOUND", code::NOT_FOUND.into()),
        ("RECOUP_E_RETRYABLE", code::RETRYABLE.into()),
        ("RECOUP_E_PERMANENT", code::PERMANENT.into()),
        ("RECOUP_E_REJECTED", code::REJECTED.into()),
        ("RECOUP_E_AUTH", code::AUTH.into()),
        ("RECOUP_E_RATE_LIMITED", code::RATE_LIMITED.into()),
        ("RECOUP_E_UNKNOWN", code::UNKNOWN.into()),
        ("RECOUP_E_UNSUPPORTED", code::UNSUPPORTED.into()),
        ("RECOUP_E_PANIC", code::PANIC.into()),
    ];
    list.extend(numbers.map(|(name, number)| (name.to_owned(), number)));
    list
}

#[test]
fn the_header_has_the_layout_and_the_numbers_of_the_module() {
    let rust = as_rust_sees_it();
    let c = as_c_sees_it(&rust);
    assert_eq!(c.len(), rust.len());
    for (question, number) in rust {
        assert_eq!(
            c[&question], number,
            "{question}: C says the left, Rust the right"
        );
    }
}

#[test]
fn the_header_is_clean_cxx_too() {
    let file = work_folder().join("ask.cpp");
    std::fs::write(&file, "#include \"recoup_channel.h\"\n").expect("the C++ file is written");
    let file = file.display().to_string();
    let built = compile("c++", &["-std=c++11", "-fsyntax-only", &file])
        .expect("this test needs a C++ compiler named c++");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}
