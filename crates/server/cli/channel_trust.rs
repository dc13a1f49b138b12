//! `recoup channel show` and `recoup channel lock`.

use std::path::PathBuf;

use recoup_channel::wire::{Capabilities, ChannelDescriptor};
use recoup_channel_host::settings::secret_settings;
use recoup_channel_host::trust::{check_key, comment};
use serde_json::json;

use super::output::say;
use super::{Failure, Outcome};
use crate::config::Config;
use crate::vouch::{self, Shown};

/// Which library.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// The library, a `.so` file.
    library: PathBuf,
    /// Only what its signature's trusted comment should say: `minisign -S -m FILE.so -t "$(recoup channel show FILE.so
    /// --comment)"`.
    #[arg(long, conflicts_with = "json")]
    comment: bool,
    /// JSON.
    #[arg(long)]
    json: bool,
}

/// Which configuration.
#[derive(Debug, clap::Args)]
pub(super) struct LockArgs {
    /// The configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The minisign key of a publisher, the second line of its `.pub` file: libraries that it signed are believed by
    /// that key, and not by their hash. May stand several times.
    #[arg(long, value_name = "KEY")]
    publisher: Vec<String>,
}

pub(super) async fn show(args: ShowArgs) -> Outcome {
    let about = |why| Failure::usage(format!("{}: {why}", args.library.display()));
    let shown = vouch::show(args.library.clone()).await.map_err(about)?;
    let Shown {
        descriptor: d,
        sha256,
    } = &shown;
    if args.comment {
        say(comment(d, sha256));
        return Ok(0);
    }
    let can = names(&d.capabilities.unwrap_or_default());
    if args.json {
        say(json!({
            "id": d.id,
            "version": d.version,
            "vendor": d.vendor,
            "kind": d.kind,
            "class": class(d.contact_class()),
            "capabilities": can,
            "endpoints": d.egress,
            "secrets": d.secret_names,
            "secret_settings": secret_settings(d),
            "settings_schema": serde_json::from_str::<serde_json::Value>(&d.config_schema_json).ok(),
            "sha256": sha256,
        }));
        return Ok(0);
    }
    let list = |all: &[String]| match all {
        [] => "none".to_owned(),
        all => all.join(", "),
    };
    let can: Vec<String> = can.iter().map(|&name| name.to_owned()).collect();
    say(format!("{} {} {}", d.id, d.version, d.vendor).trim());
    say(format!(
        "kind          {} ({})",
        d.kind,
        class(d.contact_class())
    ));
    say(format!("can           {}", list(&can)));
    say(format!("connects to   {}", list(&d.egress)));
    say(format!("secrets       {}", secrets(d)));
    say(format!("SHA-256       {sha256}"));
    Ok(0)
}

/// The secrets that it asks for by name, and the settings by which an operator names others.
fn secrets(d: &ChannelDescriptor) -> String {
    let mut all = d.secret_names.clone();
    let named = secret_settings(d);
    all.extend(
        named
            .iter()
            .map(|key| format!("the one that the setting `{key}` names")),
    );
    if all.is_empty() {
        return "none".to_owned();
    }
    all.join(", ")
}

fn class(class: recoup_channel::wire::ContactClass) -> String {
    let name = class.as_str_name();
    name.trim_start_matches("CONTACT_CLASS_").to_lowercase()
}

fn names(can: &Capabilities) -> Vec<&'static str> {
    [
        ("status_query", can.status_query),
        ("cancel", can.cancel),
        ("callbacks", can.callbacks),
        ("poll", can.poll),
        ("two_way", can.two_way),
        ("began", can.began),
        ("validity", can.validity),
        ("scheduled", can.scheduled),
        ("idempotent_send", can.idempotent_send),
        ("isolated_only", can.isolated_only),
        ("validate", can.validate),
    ]
    .into_iter()
    .filter_map(|(name, can)| can.then_some(name))
    .collect()
}

pub(super) async fn lock(args: LockArgs) -> Outcome {
    let config = Config::load(Some(&args.config));
    let config = config.map_err(|e| Failure::usage(crate::wiring::chain(&e)))?;
    for key in &args.publisher {
        check_key(key).map_err(|why| Failure::usage(format!("--publisher: {why}")))?;
    }
    let lock = vouch::lock(&config, &args.publisher)
        .await
        .map_err(Failure::usage)?;
    let text = toml::to_string(&lock).map_err(|e| Failure::usage(e.to_string()))?;
    say(
        "# Whose libraries this server loads, and what each channel is granted. Read it before you keep it:",
    );
    say(
        "# from then on nothing else is loaded. Name it in the configuration: channels_lock = \"channels.lock\"",
    );
    say("");
    say(text.trim_end());
    Ok(0)
}
