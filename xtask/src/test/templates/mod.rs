//! What `recoup channel new` writes, in each language: it builds, passes the conformance kit, and carries contacts of a
//! real server, as it is. Rust is built against what `cargo package` makes of the SDK, outside the workspace, as a
//! vendor builds it; Zig is the one that PyPI's `ziglang` carries.

mod compilers;
mod golden;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Ended;
use super::server::{self, write};
use crate::cargo::{self, succeed};
use crate::peers;
use compilers::Template;
pub(crate) use golden::{Args as GoldenArgs, make as golden};

/// The name of the vendor's channel.
const NAME: &str = "acme-sms";
/// The largest stripped library of the template in Rust, in bytes. The aim is 600,000; some 190,000 are the standard
/// library's own account of panics.
const RUST_BYTES_MAX: u64 = 650_000;
const SETTINGS: &str = r#"{"endpoint": "http://{recorder}/cgi-bin/sendsms", "username": "recoup", "from": "10690", "password_secret": "token"}"#;

/// Programs that the machine has to bring, and what brings them.
const NEEDS: [(&str, &str); 4] = [
    ("cc", "Debian has it in build-essential"),
    ("c++", "Debian has it in build-essential"),
    ("make", "Debian has it in build-essential"),
    ("go", "install Go 1.24 or newer"),
];

/// Builds and tries all of them.
pub(crate) fn run() -> Ended {
    let missing = NEEDS
        .iter()
        .find(|(name, _)| peers::program(name).is_none());
    if let Some((missing, help)) = missing {
        return Ended::Skipped(format!("there is no `{missing}`: {help}"));
    }
    match all() {
        Ok(()) => Ended::Passed,
        Err(why) => Ended::Failed(why),
    }
}

fn all() -> Result<(), String> {
    let made = Workshop::open()?;
    let mut libraries = Vec::new();
    for template in compilers::usual() {
        libraries.push(made.tried(&template)?);
    }
    // A library and its server are never built by one compiler.
    for template in compilers::others()? {
        libraries.push(made.tried(&template)?);
    }
    carry(&libraries)
}

/// Each sends contacts of a real server, and the judge looks at what arrived.
fn carry(libraries: &[PathBuf]) -> Result<(), String> {
    let paths = std::env::join_paths(libraries).map_err(|e| e.to_string())?;
    let mut test = cargo::cargo();
    test.args(["test", "--quiet", "--workspace", "--test", "main"]);
    test.args(["--", "--ignored", "--exact"]);
    test.arg("templates::those_of_all_languages_carry_contacts");
    succeed(test.env("RECOUP_TEMPLATES", paths))
}

/// Where templates are made into libraries.
struct Workshop {
    folder: PathBuf,
    sdk: PathBuf,
    recoup: PathBuf,
}

impl Workshop {
    fn open() -> Result<Self, String> {
        server::build()?;
        let folder = cargo::target_dir().join("templates");
        fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        Ok(Self {
            sdk: packaged(&folder)?,
            recoup: cargo::profile_dir("dev").join("recoup"),
            folder,
        })
    }

    /// The library of a template, built and through the kit.
    fn tried(&self, template: &Template) -> Result<PathBuf, String> {
        let about = |why: String| format!("the template in {}: {why}", template.name);
        let library = self.built(template).map_err(about)?;
        self.kit(&library).map_err(about)?;
        Ok(library)
    }

    fn built(&self, template: &Template) -> Result<PathBuf, String> {
        let into = self.folder.join(&template.name);
        let folder = into.join(NAME);
        // What was compiled of other packages for the last run serves this one, too.
        let kept = into.join("kept-target");
        let _ = fs::rename(folder.join("target"), &kept);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&into).map_err(|e| e.to_string())?;
        let mut new = Command::new(&self.recoup);
        new.args(["channel", "new", NAME, "--lang", template.lang, "--into"]);
        new.arg(&into);
        if template.lang == "rust" {
            new.arg("--sdk").arg(&self.sdk);
        }
        let output = new.output().map_err(|e| e.to_string())?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let _ = fs::rename(&kept, folder.join("target"));
        let mut build = (template.build)(&folder)?;
        succeed(build.envs(template.with.iter().map(|(name, value)| (name, value))))?;
        let library = folder.join(template.library);
        let bytes = fs::metadata(&library).map_err(|e| e.to_string())?.len();
        match template.lang {
            "rust" if bytes > RUST_BYTES_MAX => Err(format!(
                "its library has {bytes} bytes, over {RUST_BYTES_MAX}"
            )),
            _ => Ok(library),
        }
    }

    fn kit(&self, library: &Path) -> Result<(), String> {
        let token = self.folder.join("token.txt");
        write(&token, "not-a-real-password")?;
        let mut kit = Command::new(&self.recoup);
        kit.args(["channel", "test"]).arg(library);
        kit.args(["--settings", SETTINGS, "--secret"]);
        succeed(kit.arg(format!("token={}", token.display())))
    }
}

/// The SDK as `cargo package` makes it, unpacked.
fn packaged(folder: &Path) -> Result<PathBuf, String> {
    let mut package = cargo::cargo();
    package.args(["package", "--quiet", "--package", "recoup-channel"]);
    // It is built as a part of what is built with it; and people package before they commit.
    succeed(package.args(["--no-verify", "--allow-dirty"]))?;
    let made = cargo::target_dir().join("package");
    let name = format!("recoup-channel-{}", env!("CARGO_PKG_VERSION"));
    let _ = fs::remove_dir_all(folder.join(&name));
    let mut tar = Command::new("tar");
    tar.arg("xzf").arg(made.join(format!("{name}.crate")));
    succeed(tar.arg("-C").arg(folder))?;
    Ok(folder.join(name))
}
