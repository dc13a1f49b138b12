//! The rules of the house, held by reading the manifests and the files. Each failure says where, and what
//! would be right; docs/ARCHITECTURE.md says why.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is");
    let root = Path::new(&here)
        .parent()
        .expect("xtask lies in the workspace");
    root.to_owned()
}

fn cargo(arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(root())
        .output();
    let output = output.expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {said}");
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn read(path: &str) -> String {
    let full = root().join(path);
    std::fs::read_to_string(&full).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files that belong to the project: tracked ones that are there. Without a repository (an archive of the
/// sources), all that lie there.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root())
        .output();
    let listed = listed.ok().filter(|o| o.status.success()).map(|o| o.stdout);
    let named: Vec<String> = listed
        .map(|bytes| {
            String::from_utf8_lossy(&bytes)
                .split_terminator('\0')
                .map(str::to_owned)
                .collect()
        })
        .filter(|named: &Vec<String>| !named.is_empty())
        .unwrap_or_else(|| walk(&root(), ""));
    let there: Vec<String> = named
        .into_iter()
        .filter(|f| root().join(f).is_file())
        .collect();
    assert!(
        there.len() > 100,
        "only {} files found: the search is wrong",
        there.len()
    );
    there
}

fn walk(dir: &Path, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)
        .expect("the directory can be read")
        .flatten()
    {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let skipped = ["target", ".git", ".demo", "run"].contains(&name.as_str());
        if entry.path().is_dir() && !skipped {
            found.extend(walk(&entry.path(), &format!("{name}/")));
        } else if entry.path().is_file() {
            found.push(name);
        }
    }
    found
}

fn none(what: &str, wrong: &[String]) {
    assert!(wrong.is_empty(), "{what}:\n  {}", wrong.join("\n  "));
}

struct Package {
    name: String,
    manifest: String,
    normal: BTreeSet<String>,
    dev: BTreeSet<String>,
    build: BTreeSet<String>,
}

impl Package {
    fn is_plugin(&self) -> bool {
        self.manifest.starts_with("plugins/")
    }
}

fn packages() -> Vec<Package> {
    let text = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&text).expect("metadata is JSON");
    let root = format!("{}/", root().display());
    let names = |package: &Value, kind: Value| {
        let all = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter();
        let of_kind = all.filter(|d| d["kind"] == kind);
        of_kind
            .filter_map(|d| d["name"].as_str().map(str::to_owned))
            .collect()
    };
    let package = |p: &Value| Package {
        name: p["name"].as_str().expect("name").to_owned(),
        manifest: p["manifest_path"]
            .as_str()
            .expect("path")
            .replacen(&root, "", 1),
        normal: names(p, Value::Null),
        dev: names(p, "dev".into()),
        build: names(p, "build".into()),
    };
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(package)
        .collect()
}

fn ours(names: &BTreeSet<String>) -> BTreeSet<&str> {
    names
        .iter()
        .map(String::as_str)
        .filter(|n| *n == "recoup" || n.starts_with("recoup-"))
        .collect()
}

/// Who may depend on whom. What is not here may depend on nothing of ours.
const ARROWS: [(&str, &[&str]); 16] = [
    (
        "recoup",
        &[
            "engine",
            "simulate",
            "channel-host",
            "channel",
            "store",
            "decide",
            "policy",
            "compliance",
            "domain",
            "sandbox",
        ],
    ),
    (
        "recoup-engine",
        &[
            "decide",
            "policy",
            "compliance",
            "domain",
            "store",
            "channel",
        ],
    ),
    (
        "recoup-simulate",
        &["decide", "policy", "compliance", "domain"],
    ),
    ("recoup-decide", &["policy", "compliance", "domain"]),
    ("recoup-policy", &["domain"]),
    ("recoup-compliance", &["domain"]),
    ("recoup-store", &["domain"]),
    ("recoup-channel-host", &["channel"]),
    ("recoup-testkit", &["domain", "store", "channel"]),
    ("recoup-domain", &[]),
    ("recoup-channel", &[]),
    ("recoup-sandbox", &[]),
    ("recoup-model", &["domain"]),
    ("recoup-judge", &[]),
    ("plugins", &["channel"]),
    ("xtask", &["*"]),
];

/// What the tests of a package may use besides: the engine's own life is held against a replayed one.
const TEST_ARROWS: [(&str, &str); 2] = [
    ("recoup-engine", "recoup-simulate"),
    ("recoup-engine", "recoup-model"),
];

#[test]
fn arrows_go_one_way() {
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into();
    let mut wrong = Vec::new();
    for p in packages() {
        let key = if p.is_plugin() { "plugins" } else { &p.name };
        let Some(allowed) = arrows.get(key) else {
            wrong.push(format!(
                "{}: a package without arrows; say in ARROWS what it may use",
                p.manifest
            ));
            continue;
        };
        let may = |to: &str| {
            allowed.contains(&"*")
                || to
                    .strip_prefix("recoup-")
                    .is_some_and(|to| allowed.contains(&to))
        };
        for to in ours(&p.normal)
            .into_iter()
            .chain(ours(&p.build))
            .filter(|to| !may(to))
        {
            wrong.push(format!("{}: {} may not depend on {to}", p.manifest, p.name));
        }
        // Tests may use the test kit besides; a plugin's may not even that.
        let may_test = |to: &&str| {
            let compared = TEST_ARROWS.contains(&(p.name.as_str(), to));
            may(to) || compared || (!p.is_plugin() && *to == "recoup-testkit")
        };
        for to in ours(&p.dev).into_iter().filter(|to| !may_test(to)) {
            wrong.push(format!(
                "{}: tests of {} may not depend on {to}",
                p.manifest, p.name
            ));
        }
    }
    none(
        "dependencies against the arrows of docs/ARCHITECTURE.md",
        &wrong,
    );
}

/// Parts of names of crates that wait, do IO, read a clock, draw a random number or speak a wire format.
const IMPURE: [&str; 24] = [
    "tokio",
    "async",
    "futures",
    "mio",
    "socket2",
    "hyper",
    "http",
    "tonic",
    "prost",
    "tower",
    "axum",
    "reqwest",
    "rusqlite",
    "sqlite",
    "postgres",
    "refinery",
    "getrandom",
    "rand",
    "libloading",
    "chrono",
    "rustix",
    "tempfile",
    "notify",
    "tracing-subscriber",
];

#[test]
fn pure_crates_are_pure() {
    let mut wrong = Vec::new();
    for name in [
        "recoup-domain",
        "recoup-policy",
        "recoup-compliance",
        "recoup-decide",
        "recoup-simulate",
    ] {
        let tree = cargo(&[
            "tree", "-p", name, "-e", "normal", "--prefix", "none", "--format", "{p}",
        ]);
        let used: BTreeSet<&str> = tree.lines().filter_map(|l| l.split(' ').next()).collect();
        assert!(
            used.contains("jiff"),
            "{name}: the tree was not read: {tree}"
        );
        let impure = |n: &&&str| {
            IMPURE
                .iter()
                .any(|part| n.split('-').any(|p| p == *part) || *part == **n)
        };
        for used in used.iter().filter(impure) {
            wrong.push(format!(
                "{name} depends on {used} (see cargo tree -p {name} -i {used})"
            ));
        }
    }
    none(
        "pure crates know no async, IO, clock, randomness or wire format",
        &wrong,
    );
}

#[test]
fn the_wire_stays_at_the_edges() {
    // `recoup-channel` makes its messages of prost, and its host decodes them where they come over the C
    // ABI as bytes. xtask is a client of the public API and no part of the product.
    let prost = ["recoup", "recoup-channel", "recoup-channel-host", "xtask"];
    let tonic = ["recoup", "xtask"];
    let mut wrong = Vec::new();
    for p in packages() {
        for used in p.normal.iter().chain(&p.dev) {
            let family = used.split('-').next().unwrap_or_default();
            let allowed: &[&str] = match family {
                "prost" | "protox" => &prost,
                "tonic" | "axum" => &tonic,
                _ => continue,
            };
            if !allowed.contains(&p.name.as_str()) {
                wrong.push(format!(
                    "{}: {used} belongs into {allowed:?} alone",
                    p.manifest
                ));
            }
        }
    }
    none("wire crates", &wrong);
}

#[test]
fn tls_is_rings_alone() {
    let lock = read("Cargo.lock");
    let banned = [
        "aws-lc-sys",
        "aws-lc-rs",
        "openssl-sys",
        "openssl",
        "native-tls",
    ];
    let wrong: Vec<String> = banned
        .iter()
        .filter(|name| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|name| format!("Cargo.lock: {name}; find who wants it with: cargo tree -i {name}"))
        .collect();
    assert!(
        lock.contains("name = \"ring\"\n"),
        "the lock file was not read"
    );
    none("one TLS backend, without C libraries", &wrong);
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    let lacks = |p: &Package| {
        let text = read(&p.manifest);
        !text.replace(' ', "").contains("[lints]\nworkspace=true")
    };
    let wrong: Vec<String> = packages()
        .iter()
        .filter(|p| lacks(p))
        .map(|p| format!("{}: add [lints] workspace = true", p.manifest))
        .collect();
    none("lints", &wrong);
}

/// Whether a line of Rust uses the word as code does.
fn is_unsafe(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let before = |i: usize| code[..i].chars().next_back();
    code.match_indices("unsafe").any(|(i, word)| {
        let alone =
            before(i).is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '"' && c != '`');
        let rest = code[i + word.len()..].trim_start();
        alone
            && ["{", "fn", "impl", "extern", "trait", "("]
                .iter()
                .any(|next| rest.starts_with(next))
    })
}

#[test]
fn unsafe_code_lies_where_libraries_are_loaded() {
    // Written without the word, so that this file passes its own test.
    let shows = |line: &str| is_unsafe(&line.replace('?', "unsafe"));
    assert!(shows("    ? { call() }") && shows("#[?(no_mangle)]") && shows("? impl Send"));
    assert!(!shows("// ? { }") && !shows("?_code = 1") && !shows("\"? {\"") && !shows("a ? word"));
    let allowed = |file: &str| {
        file.starts_with("crates/channel/src/abi/")
            || file.starts_with("crates/channel-host/")
            // A counting allocator can be written no other way.
            || file == "crates/compliance/tests/no_alloc.rs"
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in files().iter().filter(|f| f.ends_with(".rs")) {
        for (number, line) in (1..).zip(read(file).lines()) {
            if is_unsafe(line) {
                seen += 1;
                if !allowed(file) {
                    wrong.push(format!("{file}:{number}: {}", line.trim()));
                }
            }
        }
    }
    assert!(
        seen > 0,
        "the ABI module holds unsafe code: the search is wrong"
    );
    none(
        "unsafe code outside crates/channel/src/abi and crates/channel-host",
        &wrong,
    );
}

#[test]
fn the_root_holds_what_belongs_there() {
    let known = [
        ".cargo",
        ".ci",
        ".gitignore",
        "Cargo.lock",
        "Cargo.toml",
        "LICENSE",
        "README.md",
        "README.zh-CN.md",
        "bench",
        "build.rs",
        "clippy.toml",
        "crates",
        "deny.toml",
        "docs",
        "examples",
        "plugins",
        "proto",
        "rustfmt.toml",
        "tests",
        "xtask",
    ];
    let files = files();
    let tops: BTreeSet<&str> = files.iter().filter_map(|f| f.split('/').next()).collect();
    let wrong: Vec<String> = tops
        .into_iter()
        .filter(|top| !known.contains(top))
        .map(|top| format!("{top}: notes go to docs/, scripts to xtask/"))
        .collect();
    none("the root's list of files is fixed", &wrong);
}

/// Fenced blocks of a page, with their languages.
fn blocks(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        match &mut block {
            Some(text) if line.starts_with("```") => {
                blocks.push(std::mem::take(text));
                block = None;
            }
            Some(text) => *text += &format!("{line}\n"),
            None if line.starts_with("```") => block = Some(format!("{line}\n")),
            None => {}
        }
    }
    blocks
}

/// Targets of the links of a page, but for those between the two.
fn links(page: &str) -> BTreeSet<&str> {
    let targets = page.split("](").skip(1);
    let targets = targets.filter_map(|rest| rest.split(')').next());
    targets.filter(|t| !t.starts_with("README")).collect()
}

#[test]
fn both_readmes_say_the_same() {
    let (english, chinese) = (read("README.md"), read("README.zh-CN.md"));
    let wanted = blocks(&english);
    assert!(wanted.len() >= 4, "the blocks were not read: {wanted:?}");
    assert_eq!(blocks(&chinese), wanted, "the blocks of both READMEs");
    assert_eq!(
        links(&chinese),
        links(&english),
        "the links of both READMEs"
    );
    let count = |page: &str, mark: &str| page.lines().filter(|l| l.starts_with(mark)).count();
    for mark in ["## ", "- ", "| "] {
        let both = (count(&english, mark), count(&chinese, mark));
        assert_eq!(both.0, both.1, "lines that begin with `{mark}`");
    }
}

/// Rust files of more than 800 lines, and why.
const LONG: [(&str, &str); 1] = [("crates/channel/src/wire/recoup_channel_v1.rs", "generated")];

#[test]
fn files_are_small() {
    const BYTES_MAX: u64 = 1024 * 1024;
    const LINES_MAX: usize = 800;
    let mut wrong = Vec::new();
    for file in files() {
        let bytes = std::fs::metadata(root().join(&file)).map_or(0, |m| m.len());
        if bytes > BYTES_MAX {
            wrong.push(format!(
                "{file}: {bytes} bytes; data of more than 1 MB is made, not kept"
            ));
        }
        if file.ends_with(".rs") && LONG.iter().all(|(long, _)| *long != file) {
            let lines = read(&file).lines().count();
            if lines > LINES_MAX {
                wrong.push(format!(
                    "{file}: {lines} lines; which part wants its own file?"
                ));
            }
        }
    }
    for (file, _) in LONG {
        if !root().join(file).is_file() {
            wrong.push(format!("{file} is listed as long and is not there"));
        }
    }
    none("sizes", &wrong);
}

#[test]
fn text_speaks_of_the_project_alone() {
    // Written in two parts, so that this file passes its own test.
    let banned = [
        ["/wo", "rk/"],
        ["/t", "mp/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/Us", "ers/"],
        ["/var/fol", "ders/"],
        ["artif", "actory"],
        ["index.crat", "es.io"],
        ["static.crat", "es.io"],
        ["pypi.", "org"],
        ["registry.npm", "js.org"],
        ["proxy.gol", "ang.org"],
        ["docker", ".io/"],
        ["gh", "cr.io"],
        ["chat", "gpt"],
        ["clau", "de"],
        ["language ", "model"],
    ]
    .map(|parts| parts.concat());
    let mut wrong = Vec::new();
    for file in files().iter().filter(|f| *f != "Cargo.lock") {
        let Ok(text) = std::fs::read_to_string(root().join(file)) else {
            continue; // not text
        };
        for (number, line) in (1..).zip(text.lines()) {
            let lower = line.to_lowercase();
            if let Some(found) = banned.iter().find(|b| lower.contains(&b.to_lowercase())) {
                wrong.push(format!("{file}:{number}: `{found}`"));
            }
        }
    }
    none(
        "paths of one machine, hosts of registries, talk about how this was written",
        &wrong,
    );
}

#[test]
fn every_reason_has_a_page() {
    let pages = root().join("docs/errors");
    if !root().join("crates/server").is_dir() || !pages.is_dir() {
        return;
    }
    let proto = read("proto/recoup/v1/error_reason.proto");
    let reasons: BTreeSet<String> = proto
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ERROR_REASON_")?.split(' ').next())
        .filter(|name| *name != "UNSPECIFIED")
        .map(str::to_owned)
        .collect();
    assert!(reasons.len() > 20, "the enum was not read: {reasons:?}");
    let mut wrong = Vec::new();
    for reason in &reasons {
        let page = format!("docs/errors/{reason}.md");
        match std::fs::read_to_string(root().join(&page)) {
            Ok(text) if text.trim().lines().count() > 1 => {}
            Ok(_) => wrong.push(format!("{page}: say what is wrong and what to do")),
            Err(_) => wrong.push(format!("{page}: missing")),
        }
    }
    for entry in std::fs::read_dir(&pages).expect("it can be read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let reason = name.strip_suffix(".md").unwrap_or(&name);
        if reason != "README" && !reasons.contains(reason) {
            wrong.push(format!(
                "docs/errors/{name}: no such reason in error_reason.proto"
            ));
        }
    }
    none("one page for each reason of an error", &wrong);
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let page = read("docs/dependencies.md");
    let mut wrong = BTreeSet::new();
    for p in packages() {
        for name in p.normal.iter().chain(&p.dev).chain(&p.build) {
            if !page.contains(&format!("`{name}`")) && !name.starts_with("recoup") {
                wrong.insert(format!(
                    "{}: `{name}` is not in docs/dependencies.md",
                    p.manifest
                ));
            }
        }
    }
    let wrong: Vec<String> = wrong.into_iter().collect();
    none(
        "what each dependency is for, and what else was weighed",
        &wrong,
    );
}
