use sqlx::Executor as _;

use crate::stage::{Stage, order, placed};

#[tokio::test]
async fn the_service_cannot_change_or_remove_a_movement() {
    let mut stage = Stage::with_stock(&[("A", 5)]).await;
    stage.hear(vec![placed(order(1), &[("A", 1)])]).await.unwrap();
    let mut connection = stage.connect().await;
    for forbidden in [
        "UPDATE inventory.movements SET available_delta = 0",
        "DELETE FROM inventory.movements",
        "TRUNCATE inventory.movements",
        "DROP TABLE inventory.movements",
        "DELETE FROM inventory.levels",
        "DELETE FROM inventory.products",
        "DELETE FROM inventory.reservations",
        "CREATE TABLE inventory.more ()",
    ] {
        let error = connection.execute(forbidden).await.expect_err(forbidden);
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}");
    }
}

#[tokio::test]
async fn the_auditor_reads_and_does_nothing_else() {
    let stage = Stage::new().await;
    let visible = stage
        .number(
            "SELECT count(*) FROM unnest(ARRAY['products', 'levels', 'movements', 'reservations']) t
              WHERE has_table_privilege('bowline_auditor_role', 'inventory.' || t, 'SELECT')
                AND NOT has_table_privilege('bowline_auditor_role', 'inventory.' || t, 'INSERT, UPDATE, DELETE')",
        )
        .await;
    assert_eq!(visible, 4);
}
