//! Connections: which addresses may be used, how a session is set, and what an error means.

use crate::{Read, StoreError};
use deadpool_postgres::{
    GenericClient, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use std::net::IpAddr;
use std::time::Duration;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

/// How long a connection may take to come about, and how long somebody waits for a free one.
const CONNECT: Duration = Duration::from_secs(5);
/// After how long without an answer to what was sent a connection counts as lost.
const SILENT: Duration = Duration::from_secs(30);

/// What every session is set to: nothing waits for ever.
const SESSION: &str =
    "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s";

/// The parameters of a statement.
pub(super) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Reads an address. Without TLS no byte may leave the machine.
pub(super) fn config(url: &str) -> Read<Config> {
    let refuse = |why: String| Err(StoreError::Refused(why));
    // The error's own text may hold a piece of the address, and that a password.
    let Ok(mut config) = url.parse::<Config>() else {
        return refuse(
            "the store's address cannot be read; write postgres://USER@127.0.0.1:5432/DATABASE, or \
             postgres:///DATABASE?host=/run/postgresql for a socket"
                .into(),
        );
    };
    if config.get_password().is_some() {
        return refuse(
            "the store's address holds a password, which others on this machine may see; write it into a file of mode \
             0600, and name that as store_password_file"
                .into(),
        );
    }
    if config.get_ssl_mode() == SslMode::Require {
        return refuse(
            "sslmode=require: TLS to PostgreSQL is not built yet; use a server on this \
                       machine, by loopback or its socket"
                .into(),
        );
    }
    let is_near = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let far_host = config.get_hosts().iter().any(|host| !is_near(host));
    let far_address = config.get_hostaddrs().iter().any(|ip| !ip.is_loopback());
    if far_host || far_address {
        return refuse("the store's server is on another machine: TLS to PostgreSQL is not built yet, \
                       and borrowers' data does not travel in the clear. Use a loopback address or a \
                       socket, with a tunnel of your own where the server is elsewhere".into());
    }
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("127.0.0.1");
    }
    let given = config.get_options().unwrap_or_default().to_owned();
    config
        .options(format!("{given} {SESSION}").trim())
        .application_name("recoup")
        .connect_timeout(CONNECT)
        .tcp_user_timeout(SILENT)
        .ssl_mode(SslMode::Disable);
    Ok(config)
}

/// A pool of connections. Where `lazily`, what they commit reaches the disk a moment later: right for leases, which
/// are worth nothing after a crash.
pub(super) fn pool(config: &Config, size: usize, lazily: bool) -> Read<Pool> {
    let mut config = config.clone();
    if lazily {
        let options = config.get_options().unwrap_or_default();
        config.options(format!("{options} -c synchronous_commit=off"));
    }
    let how = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    Pool::builder(Manager::from_config(config, NoTls, how))
        .max_size(size.max(1))
        .runtime(Runtime::Tokio1)
        .wait_timeout(Some(SILENT))
        .create_timeout(Some(CONNECT))
        .build()
        .map_err(|e| StoreError::Refused(format!("no pool of connections can be made: {e}")))
}

/// What went wrong with a statement or a connection.
#[derive(Debug)]
pub(super) enum Fault {
    /// Somebody else was in the way: the same again is likely to go.
    InTheWay(tokio_postgres::Error),
    /// The server does not answer, or cannot now.
    Away(Box<dyn std::error::Error + Send + Sync>),
    /// The server does not take what it was given: it never will.
    Unfit(tokio_postgres::Error),
    /// The server's own data cannot be trusted.
    Broken(tokio_postgres::Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(e: tokio_postgres::Error) -> Self {
        let Some(state) = e.code() else {
            return Self::Away(e.into());
        };
        let in_the_way = [
            SqlState::T_R_SERIALIZATION_FAILURE,
            SqlState::T_R_DEADLOCK_DETECTED,
            SqlState::UNIQUE_VIOLATION,
            SqlState::LOCK_NOT_AVAILABLE,
        ];
        if in_the_way.contains(state) {
            return Self::InTheWay(e);
        }
        match &state.code()[..2] {
            "22" | "23" | "42" | "54" => Self::Unfit(e),
            "XX" | "58" => Self::Broken(e),
            _ => Self::Away(e.into()),
        }
    }
}

impl From<PoolError> for Fault {
    fn from(e: PoolError) -> Self {
        match e {
            PoolError::Backend(e) => Self::from(e),
            other => Self::Away(other.into()),
        }
    }
}

impl Fault {
    /// The store's error, of who was doing `what`.
    pub(super) fn told(self, what: &'static str) -> StoreError {
        match self {
            Self::InTheWay(e) => away(what, e),
            Self::Away(source) => StoreError::Unavailable { what, source },
            Self::Unfit(e) | Self::Broken(e) => StoreError::Broken {
                what,
                source: Box::new(e),
            },
        }
    }
}

/// The store cannot be reached now.
pub(super) fn away(
    what: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StoreError {
    StoreError::Unavailable {
        what,
        source: source.into(),
    }
}

/// The rows of a statement.
pub(super) async fn rows(
    conn: &impl GenericClient,
    sql: &'static str,
    given: Params<'_>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = conn.prepare_cached(sql).await?;
    conn.query(&statement, given).await
}

/// How many rows a statement touched.
pub(super) async fn run(
    conn: &Object,
    sql: &'static str,
    given: Params<'_>,
) -> Result<u64, tokio_postgres::Error> {
    let statement = conn.prepare_cached(sql).await?;
    conn.execute(&statement, given).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        match config(url) {
            Err(StoreError::Refused(why)) => why,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn only_servers_of_this_machine_are_spoken_to_in_the_clear() {
        for near in [
            "postgres://r@127.0.0.1:5432/r",
            "postgres://r@localhost/r",
            "postgresql://r@[::1]/r",
            "postgres:///r?host=/run/postgresql&user=r",
            "host=/tmp dbname=r user=r",
        ] {
            assert!(config(near).is_ok(), "{near}");
        }
        for far in [
            "postgres://r@10.0.0.7/r",
            "postgres://r@db.example/r",
            "postgres://r@localhost,db.example/r",
            "host=localhost hostaddr=10.0.0.7 dbname=r",
        ] {
            assert!(refusal(far).contains("another machine"), "{far}");
        }
        assert!(refusal("postgres://r@localhost/r?sslmode=require").contains("TLS"));
    }

    #[test]
    fn a_refusal_never_repeats_the_password() {
        for bad in [
            "postgres://r:canary@[::1/r",
            "postgres://r:canary@h:port/r",
            "postgres://r:canary@10.0.0.7/r",
        ] {
            assert!(!refusal(bad).contains("canary"), "{bad}");
        }
    }
}
