use sqlx::Executor as _;

use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn the_service_cannot_take_back_what_was_told() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    for forbidden in [
        "UPDATE projection.timeline SET summary = ''",
        "DELETE FROM projection.timeline",
        "DELETE FROM projection.order_views",
        "TRUNCATE projection.order_views",
        "CREATE TABLE projection.more ()",
    ] {
        let error = connection.execute(forbidden).await.expect_err(forbidden);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_auditor_reads_and_does_nothing_else() {
    let stage = Stage::new().await;
    let rights: Vec<String> = sqlx::query_scalar(
        "SELECT relation || ' ' || privilege
           FROM unnest(ARRAY['projection.order_views', 'projection.timeline']) relation,
                unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) privilege
          WHERE has_table_privilege('bowline_auditor_role', relation, privilege) ORDER BY 1",
    )
    .fetch_all(&mut stage.connect().await)
    .await
    .unwrap();
    assert_eq!(rights, ["projection.order_views SELECT", "projection.timeline SELECT"]);
}
