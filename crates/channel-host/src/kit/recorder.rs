//! A carrier on loopback that keeps what comes and never answers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long a connection may say nothing until it is cut.
const QUIET: Duration = Duration::from_millis(300);

/// All that came, connection after connection.
pub(super) struct Recorder {
    pub(super) address: String,
    seen: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl Recorder {
    /// Takes connections, reads until nothing more comes, and cuts them.
    pub(super) async fn start() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::new(Mutex::default());
        let all = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let all: Arc<Mutex<Vec<u8>>> = Arc::clone(&all);
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(Ok(count @ 1..)) =
                        tokio::time::timeout(QUIET, stream.read(&mut buffer)).await
                    {
                        let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                        all.extend_from_slice(&buffer[..count]);
                    }
                });
            }
        });
        Ok(Self {
            address,
            seen,
            serving,
        })
    }

    /// Asks about what came since the last take.
    pub(super) fn has_seen(&self, is_there: impl Fn(&[u8]) -> bool) -> bool {
        is_there(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What came since the last look.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.serving.abort();
    }
}
