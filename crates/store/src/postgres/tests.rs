//! What only this backend has: its statements.

use super::connect::config;
use super::{Options, PostgresStore, sql};
use crate::ClockStamp;
use recoup_testkit::cluster::Cluster;
use tokio_postgres::{Client, NoTls};

/// A store in a new database, and a connection beside it.
async fn beside(cluster: &Cluster) -> (PostgresStore, Client) {
    let url = cluster.database("one");
    let store = PostgresStore::open(Options::new(&url, ClockStamp::Live));
    let store = store.await.unwrap();
    let (client, connection) = config(&url).unwrap().connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    (store, client)
}

#[tokio::test]
async fn every_statement_prepares() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let (_store, client) = beside(&cluster).await;
    for sql in sql::ALL {
        let prepared = client.prepare(sql).await;
        prepared.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }
}

/// Hot reads have an index to go by, whatever the server thinks of tables that are small yet.
#[tokio::test]
async fn hot_reads_can_go_by_an_index() {
    let Some(cluster) = Cluster::start(&[]) else {
        return;
    };
    let (_store, client) = beside(&cluster).await;
    let forced = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
    client.batch_execute(forced).await.unwrap();
    for sql in [
        sql::CASE_HEADS,
        sql::PARTY_HEADS,
        sql::CONTACT_HEADS,
        sql::LEASES,
        sql::LOANS,
        sql::PARTY_REFS,
        sql::REQUESTS,
        sql::CASES_BY_ID,
        sql::PARTIES_BY_ID,
        sql::PAST,
        sql::CASE_OPEN_OF_REF,
        sql::CASE_CLOSED_OF_REF,
        sql::CASES,
        sql::CASES_ON_WORKLIST,
        sql::CASES_OF_BORROWER,
        sql::CASES_OPEN_OF,
        sql::CASES_WAITING,
        sql::CASES_PINNED,
        sql::CASES_OF_POLICY,
        sql::PARTIES_BY_POINT,
        sql::CONTACTS,
        sql::CONTACTS_OPEN_IN,
        sql::CONTACTS_LEFT,
        sql::JOURNAL_OF_TENANT,
        sql::JOURNAL_OF_CASE,
        sql::JOURNAL_OF_PARTY,
        sql::LEAVES,
        sql::NEXT_DUE,
        sql::CLAIM,
    ] {
        let plan = plan_of(&client, sql).await;
        assert!(!plan.contains("Seq Scan"), "{sql}\n{plan}");
    }
}

async fn plan_of(client: &Client, sql: &str) -> String {
    let count = client.prepare(sql).await.unwrap().params().len();
    let nulls = vec!["NULL"; count].join(", ");
    let given = if count == 0 {
        String::new()
    } else {
        format!("({nulls})")
    };
    client
        .batch_execute(&format!("PREPARE hot AS {sql}"))
        .await
        .unwrap();
    let rows = client
        .query(&format!("EXPLAIN EXECUTE hot{given}"), &[])
        .await;
    client.batch_execute("DEALLOCATE hot").await.unwrap();
    let lines = rows.unwrap();
    lines
        .iter()
        .map(|row| row.get::<_, String>(0) + "\n")
        .collect()
}
