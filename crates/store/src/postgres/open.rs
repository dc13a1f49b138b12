//! Opening a store: a server that keeps what it commits, a database that is ours, the right backend, clock and
//! schema; then migrations.

use super::connect::{Fault, config, pool, rows, run};
use super::presence::Presence;
use super::writer::Writer;
use super::{NAME, Options, PostgresStore, sql};
use crate::figures::Groups;
use crate::tally::Tally;
use crate::{ClockStamp, Read, StoreError};
use deadpool_postgres::Object;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, mpsc, watch};

mod embedded {
    refinery::embed_migrations!("migrations/postgres");
}

/// The oldest server whose transactions can be asked after by number.
const OLDEST: i32 = 130_000;

pub(super) async fn open(options: Options) -> Read<PostgresStore> {
    let mut config = config(&options.url)?;
    if let Some(password) = &options.password {
        config.password(password);
    }
    let writers = pool(&config, 1, false)?;
    let mut conn = get(&writers).await?;
    refuse_forgetful(&conn).await?;
    // One of several who come at once migrates and stamps.
    let told = |e| Fault::from(e).told("opening the store");
    rows(&conn, sql_of_lock(true), &[&sql::OPENING])
        .await
        .map_err(told)?;
    refuse_foreign(&conn).await?;
    migrate(&mut conn).await?;
    let epoch = stamp(&mut conn, options.clock).await?;
    rows(&conn, sql_of_lock(false), &[&sql::OPENING])
        .await
        .map_err(told)?;
    purge_answers(&conn).await?;
    let position = rows(&conn, sql::POSITION, &[]).await.map_err(told)?;
    let position = position.first().map_or(0, |row| row.get::<_, i64>(0));
    drop(conn);
    let (newest, seen) = watch::channel(position.cast_unsigned());
    let newest = Arc::new(Mutex::new(Some(newest)));
    let tally = Arc::new(Mutex::new(Tally::default()));
    let told = Arc::new(Notify::new());
    let groups = Arc::new(Groups::default());
    let presence = Presence {
        config: config.clone(),
        epoch,
        alone: options.clock == ClockStamp::Stepped,
        newest: Arc::clone(&newest),
        tally: Arc::clone(&tally),
        told: Arc::clone(&told),
    };
    let session = presence.begin().await?;
    let writer = Writer {
        pool: writers,
        owner: epoch.into(),
        tally: Arc::clone(&tally),
        groups: Arc::clone(&groups),
        newest,
        told,
        batch_max: options.batch_max.max(1),
        broken: None,
    };
    let (queue, jobs) = mpsc::channel(options.queue_max.max(1));
    tokio::spawn(writer.run(jobs));
    Ok(PostgresStore {
        queue,
        owner: epoch.into(),
        readers: pool(&config, options.readers, true)?,
        presence: tokio::spawn(presence.run(session)),
        tally,
        groups,
        newest: seen,
    })
}

const fn sql_of_lock(take: bool) -> &'static str {
    if take {
        sql::OPEN_LOCK
    } else {
        sql::OPEN_UNLOCK
    }
}

async fn get(pool: &deadpool_postgres::Pool) -> Read<Object> {
    let conn = pool.get().await;
    conn.map_err(|e| Fault::from(e).told("connecting to the store's server"))
}

/// Refuses a server that answers a commit before it is on the disk, or that a power cut may leave with torn pages.
async fn refuse_forgetful(conn: &Object) -> Read<()> {
    let told = |e: tokio_postgres::Error| Fault::from(e).told("asking the server for its settings");
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        let row = conn.query_one(&format!("SHOW {setting}"), &[]).await;
        let value: String = row.map_err(told)?.get(0);
        if value == "off" {
            return Err(StoreError::Refused(format!(
                "the store's server has {setting} = off: what it answers may be lost with the power. Set \
                 {setting} = on and start again"
            )));
        }
    }
    let row = conn.query_one("SHOW server_version_num", &[]).await;
    let version: String = row.map_err(told)?.get(0);
    if version.parse::<i32>().unwrap_or(0) < OLDEST {
        return Err(StoreError::Refused(format!(
            "the store's server is PostgreSQL {version}; 13 or newer is needed, to ask after a commit whose answer \
             was lost"
        )));
    }
    let row = conn.query_one("SELECT pg_is_in_recovery()", &[]).await;
    if row.map_err(told)?.get::<_, bool>(0) {
        return Err(StoreError::Refused(
            "the store's server is a standby: decisions are read from the primary alone; give its address".into(),
        ));
    }
    Ok(())
}

/// Refuses a database that is no store, or one that a newer recoup has written; before anything is changed.
async fn refuse_foreign(conn: &Object) -> Read<()> {
    let told = |e: tokio_postgres::Error| Fault::from(e).told("looking at the store's tables");
    let tables = "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p')
        AND relnamespace = current_schema()::regnamespace";
    let found = conn.query(tables, &[]).await.map_err(told)?;
    if found.is_empty() {
        return Ok(());
    }
    let is_ours = found
        .iter()
        .any(|row| row.get::<_, &str>(0) == "refinery_schema_history");
    if !is_ours {
        return Err(StoreError::Refused(
            "the database holds tables, but no store of recoup; give the address of one, or of an empty database"
                .into(),
        ));
    }
    let newest = "SELECT MAX(version)::bigint FROM refinery_schema_history";
    let newest = conn.query_one(newest, &[]).await.map_err(told)?;
    let ours = newest_schema();
    match newest.get::<_, Option<i64>>(0) {
        Some(theirs) if theirs > ours => Err(StoreError::Refused(format!(
            "the store has schema version {theirs}, this recoup knows versions up to {ours}: run the version that \
             wrote it, or a newer one"
        ))),
        _ => Ok(()),
    }
}

/// The schema version this code writes.
fn newest_schema() -> i64 {
    let all = embedded::migrations::runner();
    let newest = all.get_migrations().iter().map(|m| i64::from(m.version()));
    newest.max().unwrap_or(0)
}

async fn migrate(conn: &mut Object) -> Read<()> {
    let told = |e: tokio_postgres::Error| Fault::from(e).told("migrating the store");
    // A large store takes its time.
    conn.batch_execute("SET statement_timeout = 0")
        .await
        .map_err(told)?;
    let client: &mut tokio_postgres::Client = conn;
    let done = embedded::migrations::runner().run_async(client).await;
    conn.batch_execute("RESET statement_timeout")
        .await
        .map_err(told)?;
    done.map(drop).map_err(|e| {
        let version = newest_schema();
        StoreError::Refused(format!(
            "the store could not be brought to schema version {version}: {e}"
        ))
    })
}

/// Checks and writes what the store is, and begins a new epoch.
async fn stamp(conn: &mut Object, clock: ClockStamp) -> Read<i32> {
    let told = |e: tokio_postgres::Error| Fault::from(e).told("stamping the store");
    conn.batch_execute("BEGIN").await.map_err(told)?;
    for (name, ours) in [("backend", NAME), ("clock", clock.name())] {
        let found = rows(conn, sql::META_LOCK, &[&name]).await.map_err(told)?;
        if let Some(row) = found.first() {
            let theirs: String = row.get(0);
            if theirs != ours {
                conn.batch_execute("ROLLBACK").await.map_err(told)?;
                return Err(StoreError::Refused(format!(
                    "the store is stamped {name} = {theirs} and cannot be opened as {ours}; open it as {theirs}, or \
                     give another database"
                )));
            }
        }
        run(conn, sql::META_PUT, &[&name, &ours])
            .await
            .map_err(told)?;
    }
    let found = rows(conn, sql::META_LOCK, &[&"epoch"])
        .await
        .map_err(told)?;
    let last: i32 = match found.first() {
        Some(row) => row
            .get::<_, &str>(0)
            .parse()
            .map_err(|e| crate::codec::unreadable("the epoch", e))?,
        None => 0,
    };
    let epoch = last.checked_add(1).ok_or_else(|| {
        StoreError::Refused("the store was opened two billion times; its epochs are used up".into())
    })?;
    run(conn, sql::META_PUT, &[&"epoch", &epoch.to_string()])
        .await
        .map_err(told)?;
    conn.batch_execute("COMMIT").await.map_err(told)?;
    Ok(epoch)
}

/// Answers are kept for 400 days before the newest entry; some of the older ones go at each start.
async fn purge_answers(conn: &Object) -> Read<()> {
    const KEPT_US: i64 = 400 * 86_400 * 1_000_000;
    let told = |e: tokio_postgres::Error| Fault::from(e).told("purging old answers");
    let newest = rows(conn, sql::NEWEST_AT, &[]).await.map_err(told)?;
    if let Some(row) = newest.first() {
        let before = row.get::<_, i64>(0).saturating_sub(KEPT_US);
        run(conn, sql::REQUEST_PURGE, &[&before])
            .await
            .map_err(told)?;
    }
    Ok(())
}
