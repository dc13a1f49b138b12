//! Libraries as vendors have them today, kept for every later core to load.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use sha2::{Digest, Sha256};

use super::{Workshop, compilers};
use crate::cargo;
use crate::cargo::succeed;
use crate::test::server::write;

/// Those that are kept: by gcc, by rustc, and one with a runtime of its own. In C++ and Go they are over 1 MB.
const KEPT: [&str; 3] = ["c", "rust", "zig"];

/// Keep libraries of this ABI for every later core to load: from the templates, as they are, stripped. What is there is
/// never made anew: it stands for what vendors have.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// The folder to make.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
}

pub(crate) fn make(args: &Args) -> ExitCode {
    let here = cargo::root().join("crates/channel-host/tests/golden/abi-1.0");
    match keep(args.into.as_deref().unwrap_or(&here)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("golden libraries: {why}");
            ExitCode::from(1)
        }
    }
}

fn keep(folder: &Path) -> Result<(), String> {
    fs::create_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let made = Workshop::open()?;
    let mut sums = String::new();
    for template in compilers::usual() {
        if !KEPT.contains(&template.lang) {
            continue;
        }
        let name = format!("{}.so", template.lang);
        let to = folder.join(&name);
        let mut strip = Command::new("strip");
        strip.arg("-o").arg(&to).arg(made.built(&template)?);
        succeed(&mut strip)?;
        made.kit(&to)?;
        let bytes = fs::read(&to).map_err(|e| format!("{}: {e}", to.display()))?;
        let sum: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        sums.push_str(&format!("{sum}  {name}\n"));
    }
    // As `sha256sum` writes it.
    write(&folder.join("SHA256SUMS"), &sums)
}
