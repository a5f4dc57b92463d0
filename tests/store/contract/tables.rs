//! Which tables and columns there are for tools.

use ai_realtime::store::{Select, StoreError};

use super::on_both_stores;
use super::subject::{Item, Subject};

on_both_stores!(
    the_domain_is_open_and_the_services_own_tables_are_not,
    a_column_that_is_not_there_is_told_with_those_that_are,
    rows_that_would_fill_the_memory_are_refused,
    the_store_answers_that_it_is_there,
);

async fn the_domain_is_open_and_the_services_own_tables_are_not(subject: Subject) {
    for (table, columns) in [
        ("pairings", "id item_id paired_item_id reason rank"),
        ("gl_lines", "id business_id posted_on account account_name amount currency memo"),
        ("tax_rules", "id jurisdiction region topic rule note authority rate effective_from"),
    ] {
        assert_eq!(subject.store.columns(table.parse().unwrap()).await.unwrap().join(" "), columns);
    }
    for table in ["businesses", "call_events", "configurations", "service_meta", "pg_class", "nothing"] {
        let error = subject.store.columns(table.parse().unwrap()).await.unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
        assert!(
            said.starts_with(&format!("there is no table `{table}` that tools may read; there are ")),
            "{said}"
        );
        assert!(said.contains("menu_items, "), "{said}");
        let select = Select { from: table.parse().unwrap(), ..subject.menu(vec![], vec![]) };
        assert!(matches!(subject.store.select(select).await, Err(StoreError::Unknown(_))), "{table}");
    }
}

async fn a_column_that_is_not_there_is_told_with_those_that_are(subject: Subject) {
    let mut select = subject.menu(vec![], vec![]);
    select.columns.push("colour".parse().unwrap());
    let error = subject.store.select(select).await.unwrap_err().to_string();
    let wanted = "`menu_items` has no column `colour`; it has id, business_id, venue, name, category, description, \
                  price, currency, dietary, allergens, image_url, available";
    assert!(error.starts_with(wanted), "{error}");
}

async fn rows_that_would_fill_the_memory_are_refused(subject: Subject) {
    subject.put(&[Item { description: "x".repeat(9 << 20), ..Item::named("huge", "x") }]).await;
    let mut select = subject.menu(vec![], vec![]);
    select.columns.push("description".parse().unwrap());
    let error = subject.store.select(select).await.unwrap_err();
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
    assert_eq!(subject.find(subject.menu(vec![], vec![])).await, ["huge"]);
}

async fn the_store_answers_that_it_is_there(subject: Subject) {
    subject.store.ping().await.unwrap();
    assert_eq!(subject.store.kind(), if subject.is_supabase() { "supabase" } else { "embedded" });
}
