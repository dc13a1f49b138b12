//! How long a new library of a channel takes to be staged at the real server: read, hashed, looked at in a process of its
//! own, and kept in the store; beside reading, hashing and keeping the same bytes in a file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use recoup::api::recoup::v1 as pb;
use sha2::{Digest, Sha256};
use tonic::transport::Endpoint;

use super::measure::{Arm, Pairs, Sample, Stopwatch, median_of};
use super::report::{Better, Figure, Line};
use super::{Failure, Ground};
use crate::cargo;
use crate::demo::client::Client;
use crate::test::server::{self, Server};

/// What a vendor's library has.
const BYTES: usize = 1 << 20;
/// The channel that is staged to, by a library that a vendor built.
const CHANNEL: &str = "vendor";

/// Staging a library of 1 MiB.
pub(super) fn staging(ground: &Ground) -> Result<Line, Failure> {
    server::build().map_err(Failure::Wrong)?;
    let folder = ground.folder()?;
    let libraries = folder.path().join("libraries");
    fs::create_dir(&libraries)?;
    let server = Server::start_with(folder.path(), server::NO_GATEWAY, more(&libraries));
    let server = server.map_err(Failure::Wrong)?;
    let ana = ground.runtime.block_on(async {
        let endpoint = Endpoint::from_shared(format!("http://{}", server.api));
        let channel = endpoint.map_err(Failure::other)?.connect_lazy();
        Client::over(channel, Some("dev-ana")).map_err(Failure::other)
    })?;
    let made = AtomicUsize::new(0);
    let next = || {
        let number = made.fetch_add(1, Ordering::Relaxed);
        library(&libraries, number).map(|path| (number, path))
    };
    let calls = ground.size(8, 1);
    let ours = || -> Result<Sample, Failure> {
        let all = (0..calls).map(|_| next()).collect::<Result<Vec<_>, _>>()?;
        let watch = Stopwatch::start();
        for (number, path) in all {
            ground.runtime.block_on(stage(&ana, number, &path))?;
        }
        Ok(watch.stop(calls))
    };
    let raw = || -> Result<Sample, Failure> {
        let all = (0..calls).map(|_| next()).collect::<Result<Vec<_>, _>>()?;
        let watch = Stopwatch::start();
        for (_, path) in all {
            keep(&path)?;
        }
        Ok(watch.stop(calls))
    };
    // Connections and caches are warm before anything counts.
    ours()?;
    let both = Pairs::measure(ground.rounds, |arm| match arm {
        Arm::Ours => ours(),
        Arm::Raw => raw(),
    })?;
    // The processor time is the server's, and not known here.
    let figure = |name: &str, samples: &[Sample]| Figure {
        cpu_us: None,
        ..Figure::time(name, samples)
    };
    Ok(Line {
        goal: "staging",
        what: "StageChannel with a library of 1 MiB, without a probe".to_owned(),
        ours: figure("StageChannel", &both.ours),
        raw: figure("read, hashed, written, synced", &both.raw),
        result: median_of(&both.ours, Sample::us) / 1e3,
        result_unit: "ms",
        aim: 50.0,
        stretch: None,
        better: Better::Lower,
        suspect: None,
        price: None,
        notes: Vec::new(),
    })
}

/// A golden library as a channel of its own, and the folder that others are staged from.
fn more(libraries: &Path) -> [String; 2] {
    let top = format!("library_dirs = [\"{}\"]\n", libraries.display());
    let tables = format!(
        "\n[[channel]]\nname = \"{CHANNEL}\"\nlibrary = \"{}\"\n\
         config = {{ endpoint = \"{}/cgi-bin/sendsms\", username = \"recoup\", password_secret = \"sms\", \
         from = \"10690\" }}\nsecrets = {{ sms = {{ file = \"{}\" }} }}\n",
        golden().display(),
        server::NO_GATEWAY,
        cargo::root()
            .join("examples/first/sandbox-password")
            .display()
    );
    [top, tables]
}

fn golden() -> PathBuf {
    cargo::root().join("crates/channel-host/tests/golden/abi-1.0/rust.so")
}

/// The golden library with bytes behind its end that no other has.
fn library(folder: &Path, number: usize) -> Result<PathBuf, Failure> {
    let mut bytes = fs::read(golden())?;
    bytes.resize(BYTES - size_of::<usize>(), 0);
    bytes.extend(number.to_le_bytes());
    let path = folder.join(format!("vendor-{number}.so"));
    fs::write(&path, bytes)?;
    Ok(path)
}

async fn stage(ana: &Client, number: usize, path: &Path) -> Result<(), Failure> {
    let request = pb::StageChannelRequest {
        request_id: format!("stage-{number}"),
        kind: CHANNEL.to_owned(),
        path: path.display().to_string(),
        ..pb::StageChannelRequest::default()
    };
    ana.channels().stage_channel(request).await?;
    Ok(())
}

/// What any keeping of a library costs at least.
fn keep(path: &Path) -> Result<(), Failure> {
    let bytes = fs::read(path)?;
    std::hint::black_box(Sha256::digest(&bytes));
    let mut kept = File::create(path.with_extension("kept"))?;
    kept.write_all(&bytes)?;
    Ok(kept.sync_all()?)
}
