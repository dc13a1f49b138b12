//! The sandbox as a party of the stepped clock; the protocol is docs/formats/stepped-clock.md.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::Error;
use crate::hub::Hub;

const RETRY: Duration = Duration::from_millis(50);

/// What the coordinator says.
enum Said {
    Now { us: i64 },
    Ask { n: u64 },
    Error { text: String },
}

/// Follows the coordinator until it is lost for good. A coordinator that was lost (its server
/// was killed) is joined again, for as long as the options allow.
pub(crate) async fn follow(hub: Arc<Hub>, coordinator: SocketAddr) -> Error {
    let patience = Duration::from_millis(hub.options.clock_wait_ms);
    let stopped = hub.stop.subscribe();
    let mut since = Instant::now();
    while !*stopped.borrow() {
        match TcpStream::connect(coordinator).await {
            Ok(stream) => {
                // The coordinator refused us, or speaks otherwise: to ask again would not help.
                if let Err(reason) = converse(&hub, stream, stopped.clone()).await {
                    return Error::Clock {
                        coordinator,
                        reason,
                    };
                }
                since = Instant::now();
            }
            Err(source) if since.elapsed() >= patience => {
                return Error::Clock {
                    coordinator,
                    reason: source.to_string(),
                };
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
    Error::Stopped
}

/// One connection; Ok when it was lost.
async fn converse(
    hub: &Arc<Hub>,
    stream: TcpStream,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), String> {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let join = format!("JOIN {}\n", hub.options.party);
    if writer.write_all(join.as_bytes()).await.is_err() {
        return Ok(());
    }
    let mut last_us = None;
    loop {
        let line = tokio::select! {
            line = lines.next_line() => Some(line),
            _ = stopped.changed() => None,
        };
        let Some(line) = line else {
            let _ = writer.write_all(b"LEAVE\n").await;
            return Ok(());
        };
        let Ok(Some(line)) = line else { return Ok(()) };
        match parse(&line)? {
            Said::Now { us } if last_us.is_some_and(|last_us| us < last_us) => {
                return Err(format!("the clock went backward to {us}"));
            }
            Said::Now { us } => {
                last_us = Some(us);
                hub.time.step_to(us);
                hub.pump();
            }
            Said::Ask { n } => {
                let answer = match hub.quiet().filter(|_| last_us.is_some()) {
                    None => format!("BUSY {n}\n"),
                    Some(None) => format!("QUIET {n} never\n"),
                    Some(Some(next_us)) => format!("QUIET {n} {next_us}\n"),
                };
                if writer.write_all(answer.as_bytes()).await.is_err() {
                    return Ok(());
                }
            }
            Said::Error { text } => return Err(text),
        }
    }
}

fn parse(line: &str) -> Result<Said, String> {
    let unread = || format!("the line {line:?} is neither NOW, ASK nor ERR");
    let (word, rest) = line.split_once(' ').ok_or_else(unread)?;
    match word {
        "NOW" => Ok(Said::Now {
            us: rest.parse().map_err(|_| unread())?,
        }),
        "ASK" => {
            let (n, _position) = rest.split_once(' ').ok_or_else(unread)?;
            Ok(Said::Ask {
                n: n.parse().map_err(|_| unread())?,
            })
        }
        "ERR" => Ok(Said::Error {
            text: rest.to_owned(),
        }),
        _ => Err(unread()),
    }
}
