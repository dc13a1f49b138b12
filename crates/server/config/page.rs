//! docs/configuration.md, written from the types of the configuration: every key with its type, default and
//! meaning, as its own comment says them.

use super::*;

const SOURCES: [&str; 4] = [
    include_str!("../config.rs"),
    include_str!("channel.rs"),
    include_str!("lender.rs"),
    include_str!("people.rs"),
];

/// Each struct, and the table of the file that it is.
const TABLES: [(&str, &str, &str); 13] = [
    ("Config", "", "At the top, before the first table."),
    ("MetricsConfig", "[metrics]", ""),
    ("ComplianceConfig", "[compliance]", ""),
    ("EngineConfig", "[engine]", ""),
    ("Limits", "[limits]", ""),
    ("TenantConfig", "[[tenant]]", "One for each lender."),
    (
        "LicenceConfig",
        "[[tenant.licence]]",
        "Of the lender above it.",
    ),
    ("SmsConfig", "[[tenant.sms]]", "Of the lender above it."),
    ("TlsConfig", "[tls]", ""),
    ("PrincipalConfig", "[[principal]]", "One for each caller."),
    ("DevPrincipal", "[[dev_principal]]", ""),
    ("ChannelConfig", "[[channel]]", "One for each channel."),
    ("Secret", "", ""),
];

/// A key as its source has it.
#[derive(Debug)]
struct Key {
    of: String,
    name: String,
    kind: String,
    doc: String,
}

/// Every field of every struct that is read from the file.
fn keys() -> Vec<Key> {
    let mut keys = Vec::new();
    for source in SOURCES {
        let (mut of, mut doc) = (None, String::new());
        let code = source
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        let mut is_read = false;
        for line in code.lines() {
            let text = line.trim();
            if let Some(said) = text.strip_prefix("/// ") {
                doc = format!("{doc} {said}").trim().to_owned();
            } else if text.contains("Deserialize") && text.starts_with("#[derive") {
                is_read = true;
            } else if let Some(name) = line.strip_prefix("pub struct ") {
                let name = name.trim_end_matches(" {").to_owned();
                of = std::mem::take(&mut is_read).then_some(name);
                doc.clear();
            } else if let (Some(of), Some(field)) = (&of, line.strip_prefix("    pub ")) {
                if let Some((name, kind)) = field.trim_end_matches(',').split_once(": ") {
                    keys.push(Key {
                        of: of.clone(),
                        name: name.to_owned(),
                        kind: kind.to_owned(),
                        doc: std::mem::take(&mut doc),
                    });
                }
            } else if line == "}" {
                (of, is_read) = (None, false);
                doc.clear();
            } else if !text.starts_with("#[") {
                doc.clear();
            }
        }
    }
    keys
}

/// What a person writes for a type.
fn kind_in_words(kind: &str) -> &str {
    let bare = kind
        .strip_prefix("Option<")
        .map_or(kind, |k| k.trim_end_matches('>'));
    match bare {
        "SocketAddr" => "address:port",
        "String" => "text",
        "PathBuf" => "path",
        "bool" => "true or false",
        "u32" | "u64" | "usize" => "number",
        "Vec<String>" => "list of texts",
        "Vec<PathBuf>" => "list of paths",
        "toml::Table" => "table",
        "PlacementConfig" => "text: `isolated` or `inline`",
        "BTreeMap<String, Secret>" => "table: `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        "Reflection" | "LogFormat" | "ClientCertificate" => "word",
        "ComplianceConfig" | "EngineConfig" | "Limits" | "TlsConfig" | "MetricsConfig" => "table",
        "Vec<TenantConfig>"
        | "Vec<PrincipalConfig>"
        | "Vec<DevPrincipal>"
        | "Vec<LicenceConfig>"
        | "Vec<SmsConfig>"
        | "Vec<ChannelConfig>" => "tables",
        other => panic!("say in kind_in_words what a person writes for `{other}`"),
    }
}

/// Meaning and default of a key; a comment ends with the one or the other.
fn said(key: &Key) -> (String, String) {
    let full = format!("{}.{}", key.of, key.name);
    if let Some(meaning) = key.doc.strip_suffix(" Required.") {
        return (meaning.to_owned(), "required".to_owned());
    }
    let Some((meaning, default)) = key.doc.split_once(" Default") else {
        assert_eq!(
            kind_in_words(&key.kind),
            "table",
            "{full}: no `Default: ….` and no `Required.`"
        );
        return (key.doc.clone(), "see there".to_owned());
    };
    let default = default.trim_start_matches([':', ',']).trim();
    (meaning.to_owned(), default.trim_end_matches('.').to_owned())
}

fn page() -> String {
    let mut text = String::from(
        "# Configuration
Written from the types in [`crates/server/config.rs`](../crates/server/config.rs), [`config/lender.rs`](../crates/server/config/lender.rs) and [`config/people.rs`](../crates/server/config/people.rs) by `RECOUP_BLESS=1 cargo test -p recoup --lib config`; a test holds this page to them.

`recoup serve --config FILE` reads one TOML file, once, at the start; only the files of `[tls]` are looked at again. Without a file every default holds. Relative paths are relative to the file. An unknown key is an error with its line and the key that was likely meant; a value out of range names the range. [recoup.example.toml](recoup.example.toml) shows all keys in place; [sandbox.example.toml](sandbox.example.toml) has all five channels against `recoup sandbox`. What a channel's `config` takes is in its README: [sms](../plugins/sms/README.md), [phone](../plugins/phone/README.md), [email](../plugins/email/README.md), [visit](../plugins/visit/README.md), [legal](../plugins/legal/README.md). The exit code of a configuration that cannot be used is 2, and nothing was opened then.
",
    );
    let keys = keys();
    for (name, table, note) in TABLES {
        let own: Vec<&Key> = keys.iter().filter(|k| k.of == name).collect();
        if own.is_empty() {
            continue;
        }
        text += &match table {
            "" => format!("\n## Top\n{note}\n"),
            table if note.is_empty() => format!("\n## `{table}`\n"),
            table => format!("\n## `{table}`\n{note}\n"),
        };
        text += "\n| key | type | default | meaning |\n|---|---|---|---|\n";
        for key in own {
            let (meaning, default) = said(key);
            let kind = kind_in_words(&key.kind);
            text += &format!("| `{}` | {kind} | {default} | {meaning} |\n", key.name);
        }
    }
    text
}

#[test]
fn the_page_is_that_of_the_types() {
    let keys = keys();
    assert!(keys.len() > 50, "the sources were not read: {keys:?}");
    for key in &keys {
        let is_known = TABLES.iter().any(|(name, ..)| *name == key.of);
        assert!(is_known, "say in TABLES which table `{}` is", key.of);
    }
    crate::pages::hold("docs/configuration.md", &page());
}

/// Defaults of numbers and switches are what the comments say.
#[test]
fn documented_defaults_are_those_of_the_types() {
    let config = Config::default();
    let debugged = [
        ("EngineConfig", format!("{:?}", config.engine)),
        ("Limits", format!("{:?}", config.limits)),
        ("MetricsConfig", format!("{:?}", MetricsConfig::default())),
        ("Config", format!("{config:?}")),
    ];
    let mut compared = 0;
    for key in keys() {
        let Some((_, shown)) = debugged.iter().find(|(name, _)| *name == key.of) else {
            continue;
        };
        let (_, default) = said(&key);
        let first = default.split([',', ';', ' ']).next().unwrap_or_default();
        let word = first.trim_matches('`');
        let comparable = word.parse::<f64>().is_ok()
            || word.parse::<SocketAddr>().is_ok()
            || ["true", "false"].contains(&word);
        if comparable {
            compared += 1;
            let real = format!("{}: {word}", key.name);
            assert!(
                shown.contains(&real),
                "{}.{}: `{word}` in {shown}",
                key.of,
                key.name
            );
        }
    }
    assert!(compared >= 17, "only {compared} defaults were compared");
}
