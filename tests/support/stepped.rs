//! A party of the stepped clock (docs/formats/stepped-clock.md), and runs on it.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// How long the clock may stand still in a run: ten times the worst that was seen.
const STANDS: Duration = Duration::from_secs(60);

/// The driver of a run: time passes only while it listens.
pub(crate) struct Driver {
    lines: Lines<BufReader<OwnedReadHalf>>,
    write: OwnedWriteHalf,
    now: Timestamp,
}

impl Driver {
    /// Joins the clock as `driver`.
    pub(crate) async fn join(clock: SocketAddr) -> Self {
        let stream = TcpStream::connect(clock).await.expect("the clock");
        stream.set_nodelay(true).expect("a socket");
        let (read, write) = stream.into_split();
        let mut driver = Self {
            lines: BufReader::new(read).lines(),
            write,
            now: Timestamp::MIN,
        };
        driver.say("JOIN driver".to_owned()).await;
        let line = driver.hear().await;
        driver.take_now(&line);
        driver
    }

    /// Lets time pass until `until`. It stands there when this answers, until this is called again.
    pub(crate) async fn pass(&mut self, until: Timestamp) {
        while self.now < until {
            let line = self.hear().await;
            let ask = line.strip_prefix("ASK ").and_then(|l| l.split(' ').next());
            match ask {
                Some(number) => {
                    let answer = format!("QUIET {number} {}", until.as_microsecond());
                    self.say(answer).await;
                }
                None => self.take_now(&line),
            }
        }
    }

    fn take_now(&mut self, line: &str) {
        let now = line.strip_prefix("NOW ").and_then(|us| us.parse().ok());
        let now = now.and_then(|us| Timestamp::from_microsecond(us).ok());
        self.now = now.unwrap_or_else(|| panic!("the clock said `{line}`"));
    }

    async fn say(&mut self, line: String) {
        let line = line + "\n";
        let written = self.write.write_all(line.as_bytes()).await;
        written.expect("the clock listens");
    }

    async fn hear(&mut self) -> String {
        let line = tokio::time::timeout(STANDS, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("the clock stands still at {}", self.now));
        line.expect("the clock's line").expect("the clock goes on")
    }
}

/// An address that was free a moment ago, for a server that others must know before it starts.
pub(crate) fn free_address() -> SocketAddr {
    let listener = StdListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}
