//! The session by which other processes know that this one lives: it holds a lock on the process's epoch, hears of
//! what others commit, and tells them of what is committed here. Words are a wake-up alone; beneath them it looks for
//! itself.

use super::connect::{Fault, away};
use super::writer::{lock, raise, text};
use super::{load, sql};
use crate::tally::Tally;
use crate::{Read, StoreError};
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// The longest time between two looks for what others have committed.
const LOOK: Duration = Duration::from_millis(500);
/// The time between two looks at the counts of all lenders.
const COUNT: Duration = Duration::from_secs(5);
/// The pause before the next try to reach the server.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the process before this one may take to be gone.
const GONE: Duration = Duration::from_secs(10);

/// What the session sees to.
pub(super) struct Presence {
    pub(super) config: Config,
    pub(super) epoch: i32,
    /// Nobody else may be there.
    pub(super) alone: bool,
    pub(super) newest: Arc<Mutex<Option<watch::Sender<u64>>>>,
    pub(super) tally: Arc<Mutex<Tally>>,
    /// Something was committed here.
    pub(super) told: Arc<Notify>,
}

/// A session in which others speak.
pub(super) struct Session {
    client: Client,
    heard: Arc<Notify>,
}

impl Presence {
    /// Begins: others know of this process from now on.
    ///
    /// # Errors
    /// Where the server does not answer, or the store is to be used alone and somebody else has it.
    pub(super) async fn begin(&self) -> Read<Session> {
        let failed = |e: tokio_postgres::Error| Fault::from(e).told("joining the store");
        let (client, mut connection) = self.config.connect(NoTls).await.map_err(failed)?;
        let heard = Arc::new(Notify::new());
        let hears = Arc::clone(&heard);
        tokio::spawn(async move {
            // It ends when the client is dropped, or the server is gone.
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(_) = message {
                    hears.notify_one();
                }
            }
        });
        let held = client.query_one(sql::OWN_EPOCH, &[&self.epoch]).await;
        if !held.map_err(failed)?.get::<_, bool>(0) {
            let why = "another process has this one's place in the store; start again";
            return Err(StoreError::Refused(why.into()));
        }
        if self.alone {
            take_alone(&client).await?;
        }
        client
            .batch_execute("LISTEN recoup")
            .await
            .map_err(failed)?;
        Ok(Session { client, heard })
    }

    /// Looks and tells for as long as the store is open.
    pub(super) async fn run(self, mut session: Session) {
        loop {
            let lost = self.watch(&session).await;
            tracing::warn!(why = text(&lost), "the session with the store was lost");
            drop(session);
            session = loop {
                match self.begin().await {
                    Ok(session) => break session,
                    Err(StoreError::Refused(why)) => {
                        tracing::error!(%why, "the store was taken by somebody else");
                        lock(&self.newest).take();
                        return;
                    }
                    Err(error) => {
                        tracing::debug!(why = text(&error), "the store cannot be reached");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            };
            tracing::info!("the store is there again");
        }
    }

    async fn watch(&self, session: &Session) -> StoreError {
        let told = |e| Fault::from(e).told("looking for what others have written");
        if let Err(e) = self.count(session).await {
            return told(e);
        }
        let mut counted = Instant::now();
        loop {
            let looked = tokio::select! {
                () = session.heard.notified() => self.look(session).await,
                () = tokio::time::sleep(LOOK) => self.look(session).await,
                () = self.told.notified() => session.tell().await,
            };
            let done = match looked {
                Ok(()) if counted.elapsed() >= COUNT => {
                    counted = Instant::now();
                    self.count(session).await
                }
                other => other,
            };
            if let Err(e) = done {
                return told(e);
            }
        }
    }

    async fn look(&self, session: &Session) -> Result<(), tokio_postgres::Error> {
        let row = session.client.query_one(sql::POSITION, &[]).await?;
        if let Some(newest) = &*lock(&self.newest) {
            raise(newest, row.get::<_, i64>(0).cast_unsigned());
        }
        Ok(())
    }

    async fn count(&self, session: &Session) -> Result<(), tokio_postgres::Error> {
        let rows = session.client.query(sql::TALLY_ALL, &[]).await?;
        // No row was ever written for a lender without a name.
        let rows = rows
            .iter()
            .filter_map(|r| Some((load::tenant(r, 0).ok()?, r.get(1), r.get(2), r.get(3))));
        lock(&self.tally).replace(rows);
        Ok(())
    }
}

impl Session {
    async fn tell(&self) -> Result<(), tokio_postgres::Error> {
        self.client.query_one(sql::TELL, &[]).await.map(drop)
    }
}

/// The process that had the store before may not be gone from the server's view at once.
async fn take_alone(client: &Client) -> Read<()> {
    let begun = Instant::now();
    loop {
        let row = client.query_one(sql::OWN_ALONE, &[&sql::ALONE]).await;
        let row = row.map_err(|e| away("joining the store", e))?;
        if row.get::<_, bool>(0) {
            return Ok(());
        }
        if begun.elapsed() >= GONE {
            let why = "the store's clock is stepped, and another process has it; stop that first, or give \
                       this one another database";
            return Err(StoreError::Refused(why.into()));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
