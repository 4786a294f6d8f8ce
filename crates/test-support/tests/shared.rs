//! The shared servers, as a test uses them.

use std::time::Duration;

use bowline_test_support::{ServiceDatabase, TestDatabase, eventually, namespace, stack};
use sqlx::{Connection as _, PgConnection};

#[tokio::test]
async fn a_database_of_ones_own_comes_and_goes() {
    let database = TestDatabase::create("Mixed-Case name").await;
    assert!(database.name().starts_with("t_mixed_case_name_"));
    let mut connection = PgConnection::connect(database.url()).await.expect("it is there");
    sqlx::raw_sql("CREATE TABLE t (n int); GRANT SELECT ON t TO bowline_service, bowline_auditor_role")
        .execute(&mut connection)
        .await
        .expect("both group roles exist");
    let (url, admin) = (database.url().to_owned(), database.admin_url().to_owned());
    drop(database);

    eventually("it is gone although somebody was connected", Duration::from_mins(1), async || {
        PgConnection::connect(&url).await.err()
    })
    .await;
    PgConnection::connect(&admin).await.expect("the server is not");
}

#[tokio::test]
async fn a_service_database_has_the_roles_of_production() {
    let (one, other) = (ServiceDatabase::create("orders").await, ServiceDatabase::create("orders").await);
    let mut owner = PgConnection::connect(&one.urls().owner).await.expect("the owner may enter");
    sqlx::raw_sql("CREATE TABLE t (n int); GRANT SELECT, INSERT ON t TO bowline_service; GRANT SELECT ON t TO bowline_auditor_role")
        .execute(&mut owner)
        .await
        .expect("the owner may migrate");
    let mut runtime = PgConnection::connect(&one.urls().runtime).await.expect("the service may enter");
    sqlx::raw_sql("INSERT INTO t VALUES (1)").execute(&mut runtime).await.expect("it was granted");
    sqlx::raw_sql("DELETE FROM t").execute(&mut runtime).await.expect_err("it was not granted");
    for urls in [one.urls(), other.urls()] {
        PgConnection::connect(&urls.auditor).await.expect("one auditor reads all");
    }
    let mut into_one = url::Url::parse(&other.urls().runtime).expect("a URL");
    into_one.set_path(&one.urls().database);
    let refused = PgConnection::connect(into_one.as_str()).await.expect_err("no other service may enter");
    assert!(refused.to_string().contains("permission denied for database"), "{refused}");
}

#[tokio::test]
async fn the_servers_are_the_same_for_all_and_at_work() {
    let (one, other) = tokio::join!(stack(), stack());
    assert_eq!(one, other);
    eventually("Kafka answers", Duration::from_mins(1), async || {
        bowline_dev_stack::Kafka::given(&one.kafka_brokers).await.ok()
    })
    .await;
    assert_ne!(namespace(), namespace());
}
