//! A stand-in for the outside world: SMS gateway, voice provider, mail server, calendar and law firm.
//!
//! The sandbox answers as a real provider would, reports outcomes by call-back, misbehaves on
//! request, and is the honest observer of the tests: each contact that it receives stands in its
//! log, on the disk, before it is answered (`docs/formats/sandbox-log.md`). It depends on no other
//! crate of the project, so that it cannot share a mistake with what it observes.
//!
//! What chance decides is a pure function of the seed, the destination and the number of requests
//! that this destination had before. Time is real, or is given by the coordinator of the stepped
//! clock (`docs/formats/stepped-clock.md`).
//!
//! The control interface: `POST /control/mo-url` (where people's texts are delivered, the body is
//! an `http://` URL), `GET /control/visit-reports` (returns and removes what the field app has),
//! `GET /control/stats`, and `POST /control/misbehave` (the text of a [`Misbehave`]).
//!
//! As the real ones, the gateway, the voice provider and the mail server know no idempotency: the
//! same key sent twice reaches the person twice. The calendar (by UID) and the law firm (by key)
//! do.

mod caldav;
mod callback;
mod control;
mod http;
mod hub;
mod ical;
mod legal;
mod log;
mod mime;
mod misbehave;
mod options;
mod party;
mod persona;
mod schedule;
mod sms;
mod smtp;
mod time;
mod twiml;
mod voice;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use misbehave::{Kind, Misbehave, ParseError};
pub use options::{Channel, Endpoints, Options, Outcome, Rule, RuleError};

use hub::Hub;
use log::Log;

/// Why a sandbox could not start, or ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The log could not be opened or written. Nothing more is answered, since nothing more would
    /// be on record.
    #[error("write the sandbox log {path}: {source}", path = path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The log has lines of an earlier run.
    #[error(
        "use {path} as the sandbox log: it has lines already, and a log is one run; \
         name a new file or remove this one",
        path = path.display()
    )]
    LogNotEmpty {
        /// The log.
        path: PathBuf,
    },
    /// A port could not be taken.
    #[error("listen on {address}: {source}")]
    Bind {
        /// The address with the port that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The party's name would not be taken by the coordinator.
    #[error("join the stepped clock as {name:?}: a party's name is 1 to 32 of a-z, 0-9 and `-`")]
    PartyName {
        /// The name that was given.
        name: String,
    },
    /// The coordinator of the stepped clock refused us or stayed away.
    #[error("follow the stepped clock at {coordinator}: {reason}")]
    Clock {
        /// Its address.
        coordinator: SocketAddr,
        /// What it said, or the system.
        reason: String,
    },
    /// The system gave no thread.
    #[error("start the log writer: {0}")]
    Start(io::Error),
    /// The sandbox was told to stop; never comes out of [`Running::wait`].
    #[error("the sandbox was stopped")]
    Stopped,
}

/// A running sandbox. Dropping it stops it; [`Running::shutdown`] also waits.
pub struct Running {
    endpoints: Endpoints,
    hub: Arc<Hub>,
    tasks: JoinSet<()>,
    failed: mpsc::UnboundedReceiver<Error>,
    /// Whether [`Running::wait`] has answered: who reported has ended then, and reports no more.
    ended: bool,
}

/// Opens the log, takes the ports and serves. A stepped clock is joined in the background, so that
/// the endpoints can be told to the server whose clock it is; until its first instant requests
/// wait for their answer.
pub async fn start(options: Options) -> Result<Running, Error> {
    if options.clock.is_some() && !is_party_name(&options.party) {
        return Err(Error::PartyName {
            name: options.party,
        });
    }
    let (failed_tx, failed) = mpsc::unbounded_channel();
    let stepped = options.clock.is_some();
    let log = Log::open(&options.log, options.seed, stepped, failed_tx.clone())?;
    let hub = Arc::new(Hub::new(options, log));
    let options = &hub.options;
    let (sms, sms_at) = bind(options, options.sms_port).await?;
    let (voice, voice_at) = bind(options, options.voice_port).await?;
    let (smtp, smtp_at) = bind(options, options.smtp_port).await?;
    let (caldav, caldav_at) = bind(options, options.caldav_port).await?;
    let (legal, legal_at) = bind(options, options.legal_port).await?;
    let (control, control_at) = bind(options, options.control_port).await?;
    let endpoints = Endpoints {
        sms: format!("http://{sms_at}"),
        voice: format!("http://{voice_at}"),
        smtp: format!("smtp://{smtp_at}"),
        caldav: format!("http://{caldav_at}"),
        legal: format!("http://{legal_at}"),
        control: format!("http://{control_at}"),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(http::serve(Arc::clone(&hub), sms, sms::handle));
    tasks.spawn(http::serve(Arc::clone(&hub), voice, voice::handle));
    tasks.spawn(smtp::serve(Arc::clone(&hub), smtp));
    tasks.spawn(http::serve(Arc::clone(&hub), caldav, caldav::handle));
    tasks.spawn(http::serve(Arc::clone(&hub), legal, legal::handle));
    tasks.spawn(http::serve(Arc::clone(&hub), control, control::handle));
    match options.clock {
        None => drop(tasks.spawn(Arc::clone(&hub).run_live())),
        Some(coordinator) => {
            let hub = Arc::clone(&hub);
            tasks.spawn(async move {
                let _ = failed_tx.send(party::follow(hub, coordinator).await);
            });
        }
    }
    Ok(Running {
        endpoints,
        hub,
        tasks,
        failed,
        ended: false,
    })
}

fn is_party_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&name.len()) && name.bytes().all(fits)
}

async fn bind(options: &Options, port: u16) -> Result<(TcpListener, SocketAddr), Error> {
    let address = SocketAddr::new(options.bind, port);
    let about = |source| Error::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(about)?;
    let bound = listener.local_addr().map_err(about)?;
    Ok((listener, bound))
}

impl Running {
    /// Where it listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Waits until something ends the sandbox: its log or its clock is lost. Cancel safe.
    pub async fn wait(&mut self) -> Error {
        let failed = self.failed.recv().await;
        self.ended = true;
        match failed {
            Some(error) => error,
            // All who could report are gone, and that only a shutdown brings about.
            None => Error::Stopped,
        }
    }

    /// Leaves the clock, closes the connections and ports. What was answered is on the disk.
    pub async fn shutdown(mut self) {
        self.hub.stop.send_replace(true);
        if self.hub.options.clock.is_some() && !self.ended {
            // The party's task says LEAVE and ends of itself, and reports so.
            let _ = self.failed.recv().await;
        }
        self.tasks.shutdown().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.hub.stop.send_replace(true);
    }
}
