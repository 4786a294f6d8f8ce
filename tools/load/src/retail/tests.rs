use std::io::Write;
use std::path::PathBuf;

use tempfile::NamedTempFile;

use super::*;
use crate::plan::{ExpectedRejection, PlannedOrder, SkippedRows};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

fn file(content: impl AsRef<[u8]>) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(content.as_ref()).unwrap();
    file
}

fn rows(rows: &str) -> Plan {
    import(file(format!("{HEADER}{rows}")).path(), None, OrderLimits::default()).unwrap()
}

/// The message with the file's name replaced, so that it can be compared.
fn refusal(content: impl AsRef<[u8]>) -> String {
    let file = file(content);
    let error = read(file.path()).unwrap_err();
    error.to_string().replace(&file.path().display().to_string(), "FILE")
}

fn row(invoice: &str, sku: &str, quantity: i64, price: &str) -> String {
    format!("{invoice},{sku},A THING,{quantity},2010-12-01T08:26:00,{price},17850,France\n")
}

fn quantities(order: &PlannedOrder) -> Vec<(&str, u32)> {
    order.lines.iter().map(|line| (&*line.sku, line.quantity)).collect()
}

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../datasets/online-retail/online-retail-sample.csv")
}

#[test]
fn the_sample_gives_the_numbers_of_its_readme() {
    let plan = import(&sample(), None, OrderLimits::default()).unwrap();
    assert_eq!(plan.rows_read, 40_000);
    let expected = SkippedRows { cancellations: 674, quantity_not_positive: 104, price_not_positive: 75 };
    assert_eq!(plan.skipped, expected);
    assert_eq!(plan.orders.len(), 12_467);
    assert_eq!(plan.products.len(), 3_168);
    assert_eq!(plan.products.iter().map(|product| product.price_minor).sum::<i64>(), 1_610_954);
    assert_eq!(plan.orders.iter().map(|order| order.lines.len()).sum::<usize>(), 39_087);
    assert_eq!(plan.orders.iter().map(|order| order.expected_units).sum::<u64>(), 385_387);
    assert_eq!(plan.orders.iter().map(|order| order.expected_total_minor).sum::<i64>(), 73_907_325);
    assert_eq!(plan.stock.iter().map(|stock| stock.units).sum::<i64>(), 375_091);
    let count = |is: fn(&PlannedOrder) -> bool| plan.orders.iter().filter(|order| is(order)).count();
    assert_eq!(count(|order| order.customer.starts_with("guest-")), 953);
    assert_eq!(count(|order| order.payment_token.starts_with(crate::plan::DECLINED_TOKEN_PREFIX)), 390);
    assert_eq!(count(|order| order.cancels), 122);
    assert_eq!(count(|order| order.expected_rejection.is_some()), 0);
}

#[test]
fn rows_that_are_no_sales_are_counted_under_the_first_reason() {
    let plan = rows(
        &[
            row("C1", "A", -1, "2.00"),
            row("C2", "A", 1, "0"),
            row("3", "A", 0, "0"),
            row("4", "A", -5, "2.00"),
            row("5", "A", 5, "0.00"),
            row("A6", "A", 1, "-11062.06"),
            row("A7", "A", 1, "3.00"),
        ]
        .concat(),
    );
    let expected = SkippedRows { cancellations: 2, quantity_not_positive: 2, price_not_positive: 2 };
    assert_eq!((plan.skipped, plan.rows_read), (expected, 7));
    assert_eq!(plan.orders.iter().map(|order| &*order.invoice).collect::<Vec<_>>(), ["A7"]);
}

#[test]
fn an_order_is_one_invoice_and_the_same_sku_is_added_up() {
    let plan = rows(
        &[row("1", "A", 2, "1.00"), row("2", "A", 1, "1.00"), row("1", "a", 3, "1"), row("1", "A", 4, "1")]
            .concat(),
    );
    assert_eq!(plan.orders.len(), 2);
    assert_eq!(quantities(&plan.orders[0]), [("A", 6), ("a", 3)]);
    assert_eq!(quantities(&plan.orders[1]), [("A", 1)]);
    assert_eq!((plan.orders[0].expected_units, plan.orders[0].expected_total_minor), (9, 900));
}

#[test]
fn skus_keep_inner_spaces_and_lose_outer_ones() {
    let plan = rows(
        &[row("1", "BANK CHARGES", 1, "1"), row("1", "47503J ", 1, "1"), row("1", "47503J", 1, "1")].concat(),
    );
    assert_eq!(quantities(&plan.orders[0]), [("BANK CHARGES", 1), ("47503J", 2)]);
}

#[test]
fn the_list_price_is_the_lower_median_of_all_positive_prices() {
    let plan = rows(
        &[
            row("1", "A", 1, "9.00"),
            row("2", "A", 1, "2.00"),
            row("3", "A", 1, "0"),
            row("C4", "A", -1, "3.00"),
            row("5", "A", 1, "4.00"),
            row("1", "B", 1, "0.001"),
            row("1", "C", 1, "0.125"),
        ]
        .concat(),
    );
    let prices: Vec<(&str, i64)> = plan.products.iter().map(|p| (&*p.sku, p.price_minor)).collect();
    assert_eq!(prices, [("A", 300), ("B", 1), ("C", 12)]);
    assert_eq!(plan.orders[0].expected_total_minor, 313);
}

#[test]
fn stock_is_97_percent_of_the_demand_rounded_up() {
    let plan = rows(&[row("1", "A", 100, "1"), row("2", "B", 1, "1"), row("3", "B", 33, "1")].concat());
    assert_eq!(plan.stock.iter().map(|s| (&*s.sku, s.units)).collect::<Vec<_>>(), [("A", 97), ("B", 33)]);
}

#[test]
fn a_missing_customer_is_the_guest_of_the_invoice() {
    let plan = rows("1,A,X,1,12/1/2010 8:26,1.0,,\n2,A,X,1,12/1/2010 8:26,1.0,17850.0,EIRE\n");
    assert_eq!((&*plan.orders[0].customer, &*plan.orders[0].country), ("guest-1", ""));
    assert_eq!((&*plan.orders[1].customer, &*plan.orders[1].country), ("17850", "EIRE"));
}

#[test]
fn names_come_from_the_first_sale_that_has_one() {
    let plan = rows(
        "1,A,,1,12/1/2010 8:26,1.0,,\n2,A,\"LAMP, \"\"RED\"\"\",1,12/1/2010 8:26,1.0,,\n3,A,damaged,-1,12/1/2010 8:26,0,,\n3,B,,1,12/1/2010 8:26,1.0,,\n",
    );
    let names: Vec<&str> = plan.products.iter().map(|product| product.name.as_str()).collect();
    assert_eq!(names, ["LAMP, \"RED\"", "B"]);
}

#[test]
fn fewer_orders_are_the_first_and_more_repeat_the_file() {
    let file = file(format!("{HEADER}1,A,X,50,12/1/2010 8:26,1.0,,\n2,B,X,100,12/1/2010 8:26,1.0,7,\n"));
    let plan = |orders| import(file.path(), NonZeroUsize::new(orders), OrderLimits::default()).unwrap();
    let invoices =
        |plan: &Plan| plan.orders.iter().map(|order| order.invoice.to_string()).collect::<Vec<_>>();
    let fewer = plan(1);
    assert_eq!(invoices(&fewer), ["1"]);
    assert_eq!(fewer.stock.iter().map(|s| (&*s.sku, s.units)).collect::<Vec<_>>(), [("A", 49)]);
    let more = plan(5);
    assert_eq!(invoices(&more), ["1", "2", "1-r2", "2-r2", "1-r3"]);
    assert_eq!(more.orders[4].customer.as_ref(), "guest-1-r3");
    assert_eq!(more.orders[3].customer.as_ref(), "7");
    assert_eq!(more.stock.iter().map(|s| s.units).collect::<Vec<_>>(), [146, 194]);
}

#[test]
fn orders_that_must_be_refused_are_explained_and_need_no_stock() {
    let long = "x".repeat(65);
    let limits = OrderLimits { lines_max: 2, quantity_max: 10 };
    let content = [
        HEADER.to_owned(),
        row("1", "A", 1, "1") + &row("1", "B", 1, "1") + &row("1", "C", 1, "1"),
        row("2", "A", 6, "1") + &row("2", "A", 5, "1"),
        row("3", &long, 1, "1"),
        format!("4,A,X,1,12/1/2010 8:26,1.0,{long},\n"),
        row("5", "A", 10, "1"),
        row("6", "A", i64::MAX, "1") + &row("6", "A", i64::MAX, "1") + &row("6", "A", i64::MAX, "1"),
    ];
    let plan = import(file(content.concat()).path(), None, limits).unwrap();
    let fields: Vec<_> =
        plan.orders.iter().map(|o| o.expected_rejection.as_ref().map(ExpectedRejection::field)).collect();
    let expected = [
        Some("lines"),
        Some("lines.quantity"),
        Some("lines.sku"),
        Some("customer_id"),
        None,
        Some("lines.quantity"),
    ];
    assert_eq!(fields, expected);
    assert_eq!(plan.orders[5].lines[0].quantity, u32::MAX);
    assert_eq!(plan.stock.iter().map(|s| (&*s.sku, s.units)).collect::<Vec<_>>(), [("A", 10)]);
    assert!(plan.products.iter().all(|product| product.sku.len() <= 64));
}

#[test]
fn the_copies_in_circulation_give_the_same_plan() {
    let first_edition = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n\
                 1,A,CAF\u{c9},2,2010-12-01T08:26:00,1.50,17850,EIRE\n2,B,Y,1,2010-12-01T08:28:00,2,,EIRE\n";
    let second_edition = "\u{feff}index, Invoice ,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\r\n\
                          0,1,A,CAF\u{c9},2,2010-12-01 08:26:00,1.5,17850.0,EIRE\r\n1,2,B,Y,1,2010-12-01 08:28:00,2.0,,EIRE\r\n\r\n";
    let mut latin1 = b"invoiceno;stockcode;description;quantity;invoicedate;unitprice;customerid;country\r"
        .map(|byte| if byte == b';' { b',' } else { byte })
        .to_vec();
    latin1.extend(b"1,A,CAF\xc9,2,12/1/2010 8:26,1.50,17850,EIRE\r2,B,Y,1,12/1/2010 8:28,2,,EIRE\r");
    let imported = |content: &[u8]| import(file(content).path(), None, OrderLimits::default()).unwrap();
    let expected = imported(first_edition.as_bytes());
    for copy in [second_edition.as_bytes(), &latin1] {
        assert_eq!(format!("{:?}", imported(copy)), format!("{expected:?}"));
    }
}

#[test]
fn a_missing_file_and_a_folder_are_named() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("nowhere.csv"), folder.path().to_owned()] {
        let error = read(&path).unwrap_err();
        assert!(matches!(error, ImportError::Unreadable { .. }));
        assert_eq!(error.to_string(), format!("{} cannot be read", path.display()));
    }
}

#[test]
fn files_without_sales_are_refused() {
    let empty = "FILE is empty; its first line must name the columns";
    assert_eq!(refusal(""), empty);
    assert_eq!(refusal("\u{feff}"), empty);
    assert_eq!(refusal("\r\n\n"), empty);
    assert_eq!(refusal(HEADER), "FILE has 0 rows, and none of them is a sale");
    assert_eq!(
        refusal(HEADER.to_owned() + &row("C1", "A", -1, "1")),
        "FILE has 1 rows, and none of them is a sale"
    );
}

#[test]
fn another_shape_tells_what_is_missing_and_what_was_found() {
    assert_eq!(
        refusal("Invoice,StockCode,Description,Quantity,InvoiceDate,Customer ID,Land\n"),
        "FILE, line 1: the columns are not those of an invoice file; missing: Price or UnitPrice, Country; \
         found: \"Invoice\", \"StockCode\", \"Description\", \"Quantity\", \"InvoiceDate\", \"Customer ID\", \"Land\""
    );
    assert_eq!(
        refusal(HEADER.replace("Description", "Price")).split(';').next_back(),
        Some("FILE, line 1: more than one column is called Price or UnitPrice")
    );
}

#[test]
fn a_bad_line_is_named_with_its_reason() {
    let good = row("1", "A", 1, "1");
    let cases = [
        ("1,A,X,six,2010-12-01 08:26:00,1,,\n", "Quantity is \"six\", expected a whole number"),
        (
            "1,A,X,1,2010-12-01 08:26:00,1.2.3,,\n",
            "UnitPrice is \"1.2.3\", expected a decimal number such as 2.55, below 100,000,000",
        ),
        (
            "1,A,X,1,soon,1,,\n",
            "InvoiceDate is \"soon\", expected a date and time such as 2010-12-01 08:26:00",
        ),
        (",A,X,1,2010-12-01 08:26:00,1,,\n", "InvoiceNo is \"\", expected 1 to 40 characters"),
        ("1, ,X,1,2010-12-01 08:26:00,1,,\n", "StockCode is \"\", expected a stock code"),
        ("1,A,X\n", "it has 3 fields, but the header has 8"),
        (
            "1,A,\"X,1,2010-12-01 08:26:00,1,,\n1,A,Y,1,2010-12-01 08:26:00,1,,\n",
            "it has 3 fields, but the header has 8",
        ),
        (
            "1,A,\"X\n\",1,2010-12-01 08:26:00,1,,\n",
            "a value goes beyond the end of the line; is a quote not closed?",
        ),
    ];
    for (bad, reason) in cases {
        let content = format!("{HEADER}{good}\n{good}{bad}{good}");
        let content = if bad.contains('"') { format!("{HEADER}{good}\n{good}{bad}") } else { content };
        assert_eq!(refusal(&content), format!("FILE, line 5: {reason}"));
        assert_eq!(refusal(content.replace('\n', "\r\n")), format!("FILE, line 5: {reason}"), "with CRLF");
    }
}
