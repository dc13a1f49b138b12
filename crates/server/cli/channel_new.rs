//! `recoup channel new`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::output::say;
use super::{Failure, Outcome};

/// What to begin.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Its name, and that of its new folder here: lower-case letters, digits and `-`, from a letter on.
    #[arg(value_parser = name)]
    name: String,
    /// The language.
    #[arg(long, value_enum)]
    lang: Lang,
    /// For Rust: the folder of the SDK, the package `recoup-channel` (`crates/channel` of recoup's source, or what its
    /// `.crate` file unpacks to). It is in no registry yet.
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// The folder to make the new one in.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    into: PathBuf,
}

/// A language that there is a template for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Lang {
    /// Rust, by the SDK.
    Rust,
    /// C11.
    C,
    /// C++17.
    Cpp,
    /// Go 1.24.
    Go,
    /// Zig 0.14.
    Zig,
}

/// A file of a template: where it goes, and what is in it.
type File = (&'static str, &'static str);

macro_rules! files {
    ($lang:literal: $($name:literal $(as $to:literal)?),+ $(,)?) => {
        &[$((
            files!(@to $name $($to)?),
            include_str!(concat!("../../../examples/channels/", $lang, "/", $name)),
        )),+]
    };
    (@to $name:literal) => { $name };
    (@to $name:literal $to:literal) => { $to };
}

/// The contract, which everything but Rust builds with, and the messages that it carries.
const CONTRACT: [File; 2] = [
    (
        "recoup_channel.h",
        include_str!("../../../crates/channel/include/recoup_channel.h"),
    ),
    (
        "channel.proto",
        include_str!("../../../proto/recoup/channel/v1/channel.proto"),
    ),
];

impl Lang {
    const fn files(self) -> &'static [File] {
        match self {
            Self::Rust => files!("rust":
                "Cargo.toml.in" as "Cargo.toml", "README.md", ".gitignore", "src/lib.rs", "src/text.rs",
                "src/http.rs", "src/answer.rs", "src/settings.schema.json"),
            Self::C => files!("c":
                "Makefile", "README.md", ".gitignore", "channel.c", "http.c", "http.h", "settings.c", "settings.h",
                "wire.c", "wire.h"),
            Self::Cpp => files!("cpp":
                "Makefile", "README.md", ".gitignore", "channel.cpp", "exports.map", "http.cpp", "http.hpp",
                "settings.cpp", "settings.hpp", "wire.cpp", "wire.hpp"),
            Self::Go => files!("go":
                "go.mod.in" as "go.mod", "go.sum", "Makefile", "README.md", ".gitignore", "channel.go", "exports.map",
                "gateway.go", "send.go", "settings.go", "table.c", "table.h", "wire.go"),
            Self::Zig => files!("zig":
                "build.zig", "exports.map", "README.md", ".gitignore", "src/c.zig", "src/channel.zig", "src/host.zig",
                "src/http.zig", "src/send.zig", "src/settings.zig", "src/wire.zig"),
        }
    }

    const fn build(self) -> &'static str {
        match self {
            Self::Rust => "cargo build --release",
            Self::C | Self::Cpp | Self::Go => "make test",
            Self::Zig => "zig build kit",
        }
    }
}

fn name(text: &str) -> Result<String, String> {
    let is_good = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if is_good {
        Ok(text.to_owned())
    } else {
        Err("write 1 to 40 lower-case letters, digits and `-`, from a letter on".to_owned())
    }
}

pub(super) async fn run(args: Args) -> Outcome {
    let sdk = sdk(&args)?;
    let folder = args.into.join(&args.name);
    let about = |path: &Path, e: io::Error| Failure::usage(format!("{}: {e}", path.display()));
    // Never into a folder that is there: somebody's work may be in it.
    fs::create_dir(&folder).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => Failure::usage(format!(
            "{} is there already, and nothing in it was touched: choose another name, or another folder by --into",
            folder.display()
        )),
        _ => about(&folder, e),
    })?;
    let contract: &[File] = match args.lang {
        Lang::Rust => &[],
        Lang::C | Lang::Cpp | Lang::Go | Lang::Zig => &CONTRACT,
    };
    for (to, text) in args.lang.files().iter().chain(contract) {
        let path = folder.join(to);
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent).map_err(|e| about(parent, e))?;
        fs::write(&path, filled(text, &args.name, &sdk)).map_err(|e| about(&path, e))?;
    }
    say(format!(
        "{} is there; its README.md says how to go on. First:",
        folder.display()
    ));
    say(format!(
        "  cd {} && {}",
        folder.display(),
        args.lang.build()
    ));
    Ok(0)
}

/// What stands for the SDK in the package's dependencies.
fn sdk(args: &Args) -> Result<String, Failure> {
    match (&args.sdk, args.lang) {
        (Some(folder), Lang::Rust) => {
            let manifest = folder.join("Cargo.toml");
            let text = fs::read_to_string(&manifest)
                .map_err(|e| Failure::usage(format!("--sdk: {}: {e}", manifest.display())))?;
            if !text.contains("name = \"recoup-channel\"") {
                let why = format!(
                    "--sdk: {} is not that of recoup-channel",
                    manifest.display()
                );
                return Err(Failure::usage(why));
            }
            let folder = folder.canonicalize();
            let folder = folder.map_err(|e| Failure::usage(format!("--sdk: {e}")))?;
            let path = toml::Value::String(folder.display().to_string());
            Ok(format!("{{ path = {path} }}"))
        }
        (None, Lang::Rust) => Err(Failure::usage(
            "a channel in Rust needs --sdk: the package `recoup-channel` is in no registry yet; give the folder \
             `crates/channel` of recoup's source, or what `cargo package -p recoup-channel` made of it, unpacked",
        )),
        (Some(_), _) => Err(Failure::usage(
            "--sdk is for Rust; the header is all that the others need",
        )),
        (None, _) => Ok(String::new()),
    }
}

fn filled(text: &str, name: &str, sdk: &str) -> String {
    text.replace("{{name}}", name)
        .replace("{{name_}}", &name.replace('-', "_"))
        .replace("{{sdk}}", sdk)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_of_a_template_goes_out() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/channels");
        for lang in <Lang as clap::ValueEnum>::value_variants() {
            let value = clap::ValueEnum::to_possible_value(lang).expect("a word");
            let folder = root.join(value.get_name());
            let mut there = BTreeSet::new();
            let mut folders = vec![folder.clone()];
            while let Some(next) = folders.pop() {
                for entry in fs::read_dir(&next).expect("a template") {
                    let path = entry.expect("an entry").path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        let name = path.strip_prefix(&folder).expect("below");
                        let name = name.display().to_string();
                        there.insert(name.trim_end_matches(".in").to_owned());
                    }
                }
            }
            let listed: BTreeSet<String> = lang
                .files()
                .iter()
                .map(|(to, _)| (*to).to_owned())
                .collect();
            assert_eq!(listed, there, "{lang:?}");
            for (to, text) in lang.files() {
                let filled = filled(text, "acme-sms", "1");
                assert!(
                    !filled.contains("{{name") && !filled.contains("{{sdk"),
                    "{lang:?} {to}"
                );
            }
        }
    }
}
