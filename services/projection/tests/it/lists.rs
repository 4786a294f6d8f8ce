use bowline_contracts::convert::timestamp;
use bowline_contracts::orders::v1::OrderStatus;
use bowline_contracts::projection::v1::{ListOrdersRequest, ListOrdersResponse};
use bowline_kernel::OrderId;
use sqlx::Connection as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::saga::{self, at, new_order};
use crate::stage::{Serving, Stage};

/// A service with these orders, oldest first: two sold and one cancelled of customer 17850, one sold and one pending
/// of another customer, and one that is not visible yet.
async fn shop() -> (Stage, Serving, Vec<OrderId>) {
    let mut stage = Stage::new().await;
    let orders: Vec<OrderId> = (0..6).map(|_| new_order()).collect();
    let mut told = Vec::new();
    for (order, customer, second) in
        [(0, "17850", 10), (1, "17850", 20), (2, "17850", 30), (3, "guest-1", 40), (4, "guest-1", 50)]
    {
        told.push(saga::placed(orders[order], customer, second));
    }
    for sold in [0, 1, 3] {
        told.push(saga::confirmed(orders[sold], 60));
    }
    told.push(saga::cancelled(orders[2], bowline_projection_domain::CancelReason::OutOfStock, 60));
    told.push(saga::reserved(orders[5], 60));
    stage.hear(&told).await;
    let serving = stage.serve(&[]).await;
    (stage, serving, orders)
}

impl Serving {
    async fn list(&mut self, request: ListOrdersRequest) -> Result<ListOrdersResponse, Status> {
        Ok(self.client.list_orders(request).await?.into_inner())
    }
}

fn ids(response: &ListOrdersResponse) -> Vec<String> {
    response.orders.iter().map(|order| order.order_id.clone()).collect()
}

fn by_status(status: OrderStatus) -> ListOrdersRequest {
    ListOrdersRequest { status: status.into(), ..Default::default() }
}

fn by_customer(customer: &str) -> ListOrdersRequest {
    ListOrdersRequest { customer_id: customer.to_owned(), ..Default::default() }
}

/// The fields that a refused request is told about.
fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    violations.into_iter().map(|violation| violation.field).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_holds() {
    let (_stage, mut serving, orders) = shop().await;
    let time = |second| Some(timestamp(at(second)));
    let cases = [
        (ListOrdersRequest::default(), vec![4, 3, 2, 1, 0]),
        (by_customer("17850"), vec![2, 1, 0]),
        (by_customer("nobody"), vec![]),
        (by_status(OrderStatus::Confirmed), vec![3, 1, 0]),
        (by_status(OrderStatus::Cancelled), vec![2]),
        (by_status(OrderStatus::Pending), vec![4]),
        (ListOrdersRequest { status: OrderStatus::Confirmed.into(), ..by_customer("17850") }, vec![1, 0]),
        (ListOrdersRequest { status: OrderStatus::Pending.into(), ..by_customer("17850") }, vec![]),
        // From is part of it, before is not.
        (ListOrdersRequest { placed_from_time: time(20), ..Default::default() }, vec![4, 3, 2, 1]),
        (ListOrdersRequest { placed_before_time: time(30), ..Default::default() }, vec![1, 0]),
        (
            ListOrdersRequest {
                placed_from_time: time(20),
                placed_before_time: time(30),
                ..by_customer("17850")
            },
            vec![1],
        ),
        (ListOrdersRequest { placed_from_time: time(51), ..by_status(OrderStatus::Pending) }, vec![]),
    ];
    for (request, expected) in cases {
        let expected: Vec<String> =
            expected.into_iter().map(|index: usize| orders[index].to_string()).collect();
        let response = serving.list(request.clone()).await.unwrap();
        assert_eq!(ids(&response), expected, "{request:?}");
        assert_eq!(response.next_page_token, "", "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_join_without_a_seam_where_times_are_equal() {
    let mut stage = Stage::new().await;
    let orders: Vec<OrderId> = (0..7).map(|_| new_order()).collect();
    let second = |index: usize| [5, 5, 5, 5, 5, 1, 9][index];
    let told = orders.iter().enumerate().map(|(index, id)| saga::placed(*id, "17850", second(index)));
    stage.hear(&told.collect::<Vec<_>>()).await;
    let mut expected: Vec<usize> = (0..7).collect();
    expected.sort_by_key(|index| std::cmp::Reverse((second(*index), orders[*index])));
    let expected: Vec<String> = expected.into_iter().map(|index| orders[index].to_string()).collect();

    let mut serving = stage.serve(&[]).await;
    for filter in [ListOrdersRequest::default(), by_customer("17850"), by_status(OrderStatus::Pending)] {
        for page_size in [1, 2, 3, 7] {
            let mut request = ListOrdersRequest { page_size, ..filter.clone() };
            let mut seen = Vec::new();
            loop {
                let page = serving.list(request.clone()).await.unwrap();
                assert!(page.orders.len() <= usize::try_from(page_size).unwrap());
                seen.extend(ids(&page));
                if page.next_page_token.is_empty() {
                    break;
                }
                request.page_token = page.next_page_token;
            }
            assert_eq!(seen, expected, "pages of {page_size}, {filter:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_belongs_to_its_filters() {
    let (_stage, mut serving, _) = shop().await;
    let first = serving.list(ListOrdersRequest { page_size: 1, ..by_customer("17850") }).await.unwrap();
    let token = first.next_page_token;
    assert_ne!(token, "");
    let with = |request: ListOrdersRequest| ListOrdersRequest { page_token: token.clone(), ..request };

    // The size of a page may change on the way.
    let next = serving.list(with(ListOrdersRequest { page_size: 9, ..by_customer("17850") })).await.unwrap();
    assert_eq!(next.orders.len(), 2);
    let others = [
        by_customer("guest-1"),
        ListOrdersRequest::default(),
        ListOrdersRequest { status: OrderStatus::Confirmed.into(), ..by_customer("17850") },
        ListOrdersRequest { placed_from_time: Some(timestamp(at(1))), ..by_customer("17850") },
    ];
    for other in others {
        let status = serving.list(with(other)).await.unwrap_err();
        assert_eq!(fields(&status), ["page_token"]);
    }
    for broken in ["x", &token[1..]] {
        let request = ListOrdersRequest { page_token: broken.to_owned(), ..by_customer("17850") };
        assert_eq!(fields(&serving.list(request).await.unwrap_err()), ["page_token"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_is_named_at_once() {
    let stage = Stage::new().await;
    let mut serving = stage.serve(&[]).await;
    let request = ListOrdersRequest {
        customer_id: " 17850".to_owned(),
        status: 9,
        placed_from_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
        page_size: -1,
        ..Default::default()
    };
    let status = serving.list(request).await.unwrap_err();
    assert_eq!(fields(&status), ["customer_id", "status", "placed_from_time", "page_size"]);

    let request = ListOrdersRequest {
        placed_from_time: Some(timestamp(at(9))),
        placed_before_time: Some(timestamp(at(8))),
        ..Default::default()
    };
    assert_eq!(fields(&serving.list(request).await.unwrap_err()), ["placed_before_time"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_list_has_its_index() {
    let stage = Stage::new().await;
    let mut connection = stage.connect().await;
    // With statistics of a large table: nearly all orders are confirmed.
    sqlx::raw_sql(
        "INSERT INTO projection.order_views (order_id, customer_id, status, placed_at)
         SELECT gen_random_uuid(), 'c' || n % 997, CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'confirmed' END,
                to_timestamp(n) FROM generate_series(1, 20000) n",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let mut owner = sqlx::PgConnection::connect(&stage.database.urls().owner).await.unwrap();
    sqlx::raw_sql("ANALYZE projection.order_views").execute(&mut owner).await.unwrap();
    let place = "placed_at >= '0001-01-01' AND (placed_at, order_id) < ('9999-01-01', gen_random_uuid())
                 ORDER BY placed_at DESC, order_id DESC LIMIT 51";
    let cases = [
        ("customer_id = 'c7' AND", "order_views_by_customer"),
        ("status = 'pending' AND status <> 'confirmed' AND", "order_views_by_rare_status"),
        ("status = 'confirmed' AND", "order_views_by_time"),
        ("", "order_views_by_time"),
    ];
    for (filter, index) in cases {
        let explain = format!("EXPLAIN SELECT * FROM projection.order_views WHERE {filter} {place}");
        let plan: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(explain)).fetch_all(&mut connection).await.unwrap();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("using {index}")) && !plan.contains("Sort"), "{filter}\n{plan}");
    }
}
