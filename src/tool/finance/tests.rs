use rusqlite::Connection;
use rust_decimal::Decimal;

use super::*;
use crate::id::CallId;
use crate::store::{Embedded, Store, Tenant};

/// The demo rows, and a connection of our own on them to check the figures by other means.
async fn demo() -> (tempfile::TempDir, ToolContext, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let embedded = Embedded::open(folder.path()).await.unwrap();
    let own = Connection::open(embedded.path()).unwrap();
    let store = Store::Embedded(embedded);
    (
        folder,
        ToolContext {
            call_id: CallId::default_call(),
            began: 1,
            tenant: Tenant::Any,
            knowledge: crate::knowledge::Knowledge::new(store.clone(), None),
            store,
        },
        own,
    )
}

fn asked(period: &str, currency: Option<Currency>) -> FetchFinancials {
    FetchFinancials { period: period.to_owned(), currency }
}

/// The sum of a class of accounts in cents, added up by SQLite.
fn cents(own: &Connection, class: &str, currency: &str, days: &str) -> i64 {
    let sql = format!(
        "SELECT coalesce(sum(CAST(round(CAST(amount AS REAL) * 100) AS INTEGER)), 0) FROM gl_lines \
         WHERE account LIKE '{class}%' AND currency = '{currency}' AND posted_on LIKE '{days}%'"
    );
    own.query_row(&sql, [], |row| row.get(0)).unwrap()
}

fn in_cents(value: &Value) -> i64 {
    let amount: Decimal = value.as_str().unwrap().parse().unwrap();
    i64::try_from((amount * Decimal::ONE_HUNDRED).round()).unwrap()
}

#[tokio::test]
async fn the_figures_are_those_of_the_ledger() {
    let (_folder, context, own) = demo().await;
    let answer = asked("2026-03", None).run(context).await.unwrap();
    let statements = answer["statements"].as_array().unwrap();
    assert_eq!(statements.len(), 3, "{answer}");
    for statement in statements {
        let currency = statement["currency"].as_str().unwrap();
        let sum = |class: &str| cents(&own, class, currency, "2026-03");
        assert_ne!(sum("4"), 0, "{currency}");
        assert_eq!(in_cents(&statement["revenue"]), sum("4"));
        assert_eq!(in_cents(&statement["cost_of_goods_sold"]), sum("5"));
        assert_eq!(in_cents(&statement["operating_expenses"]), sum("6"));
        assert_eq!(in_cents(&statement["ebitda"]), sum("4") - sum("5") - sum("6"));
    }
    assert!(answer.to_string().len() < 16 << 10, "a month fits uncut: {}", answer.to_string().len());
}

#[tokio::test]
async fn a_year_is_its_quarters() {
    let (_folder, context, _) = demo().await;
    let mut revenue = Vec::new();
    for period in ["2025", "2025-Q1", "2025-Q2", "2025-Q3", "2025-Q4"] {
        let answer = asked(period, Some(Currency::Eur)).run(context.clone()).await.unwrap();
        let statements = answer["statements"].as_array().unwrap();
        revenue.push(statements.first().map_or(0, |statement| in_cents(&statement["revenue"])));
    }
    assert_ne!(revenue[0], 0);
    assert_eq!(revenue[0], revenue[1..].iter().sum::<i64>());
}

#[tokio::test]
async fn a_period_without_lines_says_which_months_have_some() {
    let (_folder, context, own) = demo().await;
    let answer = asked("1999-01", None).run(context.clone()).await.unwrap();
    assert_eq!(answer["statements"], json!([]));
    let note = answer["note"].as_str().unwrap();
    let mut months = own.prepare("SELECT DISTINCT substr(posted_on, 1, 7) FROM gl_lines ORDER BY 1").unwrap();
    let months: Vec<String> = months.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert!(months.len() >= 18);
    assert!(note.contains(&format!("the months with lines are {};", months.join(", "))), "{note}");
    let answer = asked("2026-03", Some(Currency::Gbp)).run(context).await.unwrap();
    assert!(
        answer["note"].as_str().unwrap().starts_with("there are no ledger lines in GBP at all"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_call_of_one_business_sees_its_ledger_only() {
    let (_folder, context, own) = demo().await;
    let business: String =
        own.query_row("SELECT min(business_id) FROM gl_lines", [], |row| row.get(0)).unwrap();
    let count: i64 = own
        .query_row("SELECT count(*) FROM gl_lines WHERE business_id = ?1 AND account < '7' AND posted_on LIKE '2026-03%'", [&business], |row| row.get(0))
        .unwrap();
    let of_business = ToolContext { tenant: Tenant::Of(business.into()), ..context };
    let answer = asked("2026-03", None).run(of_business).await.unwrap();
    let counted: u64 = answer["statements"]
        .as_array()
        .unwrap()
        .iter()
        .map(|each| each["line_count"].as_u64().unwrap())
        .sum();
    assert_eq!(i64::try_from(counted).unwrap(), count);
}

#[tokio::test]
async fn more_lines_than_can_be_added_up_are_refused_not_cut() {
    let (_folder, context, own) = demo().await;
    own.execute_batch(
        "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO gl_lines (id, business_id, posted_on, account, account_name, amount, currency) \
         SELECT printf('x%06d', i), 'b', '2031-05-05', '4000', 'Sales', '0.10', 'EUR' FROM n; COMMIT;",
    )
    .unwrap();
    let answer = asked("2031-05", None).run(context.clone()).await.unwrap();
    assert_eq!(answer["statements"][0]["revenue"], "250.00", "over several pages, every line once");
    let ledger = Ledger { context, currency: None };
    let select = ledger.select(&["id"], vec![posted(Test::Gte, date(2031, 5, 1))]).unwrap();
    let key = column("id").unwrap();
    let refused = read_all(&ledger.context.store, select, &key, 2_499, "too many").await.unwrap_err();
    assert!(matches!(refused, ToolError::Refused(why) if why == "too many"));
}
