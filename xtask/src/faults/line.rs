//! A line between a server and its database that breaks as networks do.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a piece waits for on a slow line.
const DELAY: Duration = Duration::from_millis(40);
/// As PostgreSQL's clients send it.
const COMMIT: &[u8] = b"COMMIT\0";

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// It carries.
    Sound,
    /// Each piece comes late.
    Slow,
    /// It carries nothing, and says nothing of that: half-open.
    Dumb,
    /// All connections are reset, and none comes about.
    Cut,
    /// The first connection with a COMMIT is reset: behind it, so that only the answer is lost, or before it.
    CutAtCommit {
        /// Whether the database gets it.
        arrives: bool,
    },
}

/// A listener that carries to the database's socket what comes to it.
pub(super) struct Line {
    address: SocketAddr,
    mood: watch::Sender<Mood>,
    _carriers: JoinSet<()>,
}

impl Line {
    /// A line to the database whose socket lies in this folder.
    pub(super) async fn to(socket: &Path) -> Result<Self, String> {
        let socket = socket.join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(|e| format!("a line: {e}"))?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let (mood, _) = watch::channel(Mood::Sound);
        let shared = mood.clone();
        let mut carriers = JoinSet::new();
        carriers.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                if *shared.borrow() == Mood::Cut {
                    reset(client);
                } else if let Ok(server) = UnixStream::connect(&socket).await {
                    let mood = shared.clone();
                    connections.spawn(async move {
                        let mut client = client;
                        // Whichever side ends it, the other one hears of it.
                        let _ = carry(&mut client, server, &mood).await;
                        reset(client);
                    });
                }
            }
        });
        Ok(Self {
            address,
            mood,
            _carriers: carriers,
        })
    }

    /// The address of a database at its other end.
    pub(super) fn url(&self, database: &str) -> String {
        format!("postgres://recoup@{}/{database}", self.address)
    }

    /// From now on.
    pub(super) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Cuts the first connection that sends a COMMIT, and waits for it, so long at most.
    pub(super) async fn cut_at_commit(
        &self,
        arrives: bool,
        patience: Duration,
    ) -> Result<(), String> {
        self.set(Mood::CutAtCommit { arrives });
        let mut mood = self.mood.subscribe();
        let done = mood.wait_for(|mood| *mood == Mood::Sound);
        match tokio::time::timeout(patience, done).await {
            Ok(_) => Ok(()),
            Err(_) => Err("no commit came over a line".to_owned()),
        }
    }
}

/// Carries both ways until one side ends or the line is cut.
async fn carry(
    client: &mut TcpStream,
    mut server: UnixStream,
    mood: &watch::Sender<Mood>,
) -> std::io::Result<()> {
    let mut changes = mood.subscribe();
    let (mut up, mut down) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        let now = *changes.borrow_and_update();
        if now == Mood::Cut {
            return Ok(());
        }
        let (piece, upwards) = tokio::select! {
            biased;
            _ = changes.changed() => continue,
            read = client.read(&mut up), if now != Mood::Dumb => (&up[..read?], true),
            read = server.read(&mut down), if now != Mood::Dumb => (&down[..read?], false),
        };
        if piece.is_empty() {
            return Ok(());
        }
        if now == Mood::Slow {
            tokio::time::sleep(DELAY).await;
        }
        if !upwards {
            client.write_all(piece).await?;
            continue;
        }
        if let Mood::CutAtCommit { arrives } = now
            && piece.windows(COMMIT.len()).any(|part| part == COMMIT)
            && mood.send_if_modified(|mood| std::mem::replace(mood, Mood::Sound) == now)
        {
            if arrives {
                server.write_all(piece).await?;
                // Its answer: the commit is made, and nobody is told.
                let _ = server.read(&mut down).await?;
            }
            return Ok(());
        }
        server.write_all(piece).await?;
    }
}

/// Ends it as a broken line does, not as a polite peer.
fn reset(client: TcpStream) {
    let _ = client.set_zero_linger();
}
