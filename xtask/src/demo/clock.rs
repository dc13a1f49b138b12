//! The demo as a party of the stepped clock; the protocol is docs/formats/stepped-clock.md.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::DemoError;

/// What the coordinator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// The virtual instant.
    Now {
        /// Microseconds since the Unix epoch.
        us: i64,
    },
    /// Are you quiescent?
    Ask {
        /// Number of the question.
        n: u64,
        /// Newest event position.
        position: i64,
    },
}

/// A party's connection.
pub(crate) struct Clock {
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
}

impl Clock {
    /// Joins the coordinator under a name.
    pub(crate) async fn join(coordinator: SocketAddr, name: &str) -> Result<Self, DemoError> {
        let stream = TcpStream::connect(coordinator)
            .await
            .map_err(|error| lost(&error))?;
        stream.set_nodelay(true).map_err(|error| lost(&error))?;
        let (reader, writer) = stream.into_split();
        let mut clock = Self {
            lines: BufReader::new(reader).lines(),
            writer,
        };
        clock.say(&format!("JOIN {name}\n")).await?;
        Ok(clock)
    }

    /// The next line. Cancel safe.
    pub(crate) async fn hear(&mut self) -> Result<Said, DemoError> {
        match self.lines.next_line().await {
            Ok(Some(line)) => parse(&line).map_err(DemoError::Failed),
            Ok(None) => Err(DemoError::Failed(
                "follow the stepped clock: the server closed it; see server.log".to_owned(),
            )),
            Err(error) => Err(lost(&error)),
        }
    }

    /// Nothing is under way, and this is due next.
    pub(crate) async fn quiet(&mut self, n: u64, next_us: Option<i64>) -> Result<(), DemoError> {
        let next = next_us.map_or_else(|| "never".to_owned(), |us| us.to_string());
        self.say(&format!("QUIET {n} {next}\n")).await
    }

    /// Something is under way.
    pub(crate) async fn busy(&mut self, n: u64) -> Result<(), DemoError> {
        self.say(&format!("BUSY {n}\n")).await
    }

    /// Goes; the clock then waits for us and stands still.
    pub(crate) async fn leave(mut self) -> Result<(), DemoError> {
        self.say("LEAVE\n").await
    }

    async fn say(&mut self, line: &str) -> Result<(), DemoError> {
        let written = self.writer.write_all(line.as_bytes()).await;
        written.map_err(|error| lost(&error))
    }
}

fn lost(error: &std::io::Error) -> DemoError {
    DemoError::Failed(format!("follow the stepped clock: {error}"))
}

fn parse(line: &str) -> Result<Said, String> {
    let unread = || format!("follow the stepped clock: the line {line:?} is neither NOW nor ASK");
    let mut words = line.split(' ');
    let (word, first, second) = (words.next(), words.next(), words.next());
    let said = match (word, first, second) {
        (Some("NOW"), Some(us), None) => us.parse().ok().map(|us| Said::Now { us }),
        (Some("ASK"), Some(n), Some(position)) => n
            .parse()
            .ok()
            .zip(position.parse().ok())
            .map(|(n, position)| Said::Ask { n, position }),
        (Some("ERR"), ..) => return Err(format!("follow the stepped clock: {line}")),
        _ => None,
    };
    said.ok_or_else(unread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        assert_eq!(parse("NOW 17"), Ok(Said::Now { us: 17 }));
        assert_eq!(parse("ASK 3 99"), Ok(Said::Ask { n: 3, position: 99 }));
        for line in [
            "",
            "NOW",
            "NOW x",
            "ASK 3",
            "ERR the name is taken",
            "HELLO 1",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
