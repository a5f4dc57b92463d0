//! Values of every type: how they are read, compared and ordered.

use ai_realtime::store::{Scalar, StoreError, Test};
use serde_json::{Value, json};

use super::on_both_stores;
use super::subject::{Item, Subject, ascending, descending, text};

on_both_stores!(
    rows_come_back_as_json_of_their_types,
    money_keeps_its_digits_and_is_compared_by_value,
    what_is_null_equals_nothing_and_comes_last,
    an_empty_list_finds_nothing,
    flags_and_lists_are_found,
    the_limit_is_kept,
    a_value_that_is_no_number_is_refused_where_a_number_stands,
);

async fn rows_come_back_as_json_of_their_types(subject: Subject) {
    let item = Item { price: "4500".into(), dietary: json!(["halal"]), ..Item::named("1", "Goat") };
    subject.put(&[item]).await;
    let mut select = subject.menu(vec![], vec![]);
    select.columns =
        ["name", "price", "dietary", "available", "image_url"].map(|name| name.parse().unwrap()).to_vec();
    let rows = subject.store.select(select).await.unwrap();
    assert_eq!(
        Value::from(rows),
        json!([{"name": "Goat", "price": "4500", "dietary": ["halal"], "available": true, "image_url": null}])
    );
}

async fn money_keeps_its_digits_and_is_compared_by_value(subject: Subject) {
    let prices = ["7.50", "12", "0.10", "3500", "-3.5", "12345678901234567890.12"];
    let items: Vec<_> =
        prices.iter().map(|price| Item { price: (*price).into(), ..Item::named(price, price) }).collect();
    subject.put(&items).await;
    let mut select = subject.menu(vec![], vec![]);
    select.columns.push("price".parse().unwrap());
    select.order = vec![ascending("price")];
    let rows = subject.store.select(select.clone()).await.unwrap();
    let read: Vec<_> = rows.iter().map(|row| row["price"].as_str().unwrap()).collect();
    assert_eq!(read, ["-3.5", "0.10", "7.50", "12", "3500", "12345678901234567890.12"]);
    select.order = vec![descending("price")];
    select.limit = 2;
    assert_eq!(subject.find(select).await, ["12345678901234567890.12", "3500"]);

    for (test, found) in [
        (Test::Eq(Scalar::Decimal("7.5".parse().unwrap())), vec!["7.50"]),
        (Test::Eq(text("7.500")), vec!["7.50"]),
        (Test::Ne(Scalar::Integer(12)), vec!["-3.5", "0.10", "7.50", "3500", "12345678901234567890.12"]),
        (Test::Lt(Scalar::Integer(12)), vec!["-3.5", "0.10", "7.50"]),
        (Test::Lte(Scalar::Decimal("12.00".parse().unwrap())), vec!["-3.5", "0.10", "7.50", "12"]),
        (Test::Gt(Scalar::Integer(3500)), vec!["12345678901234567890.12"]),
        (Test::Gte(text("3500.0")), vec!["3500", "12345678901234567890.12"]),
        (Test::In(vec![Scalar::Integer(12), Scalar::Decimal("0.1".parse().unwrap())]), vec!["0.10", "12"]),
    ] {
        let mut select = subject.menu(vec![("price", test.clone())], vec![]);
        select.order = vec![ascending("price")];
        assert_eq!(subject.find(select).await, found, "{test:?}");
    }
}

async fn what_is_null_equals_nothing_and_comes_last(subject: Subject) {
    let with = |id: &str, url: Option<&str>| Item { image_url: url.map(Into::into), ..Item::named(id, "x") };
    subject
        .put(&[with("none", None), with("b", Some("b")), with("a", Some("a")), with("empty", Some(""))])
        .await;
    for (test, found) in [
        (Test::IsNull(true), vec!["none"]),
        (Test::IsNull(false), vec!["a", "b", "empty"]),
        (Test::Ne(text("a")), vec!["b", "empty"]),
        (Test::Eq(text("")), vec!["empty"]),
        (Test::Eq(text("null")), vec![]),
        (Test::In(vec![text("")]), vec!["empty"]),
        (Test::In(vec![text(""), text("b")]), vec!["b", "empty"]),
        (super::subject::contains(""), vec!["a", "b", "empty"]),
    ] {
        let all = subject.menu(vec![("image_url", test.clone())], vec![]);
        assert_eq!(subject.find(all).await, found, "{test:?}");
        let any = subject.menu(vec![], vec![("image_url", test.clone()), ("name", Test::IsNull(true))]);
        assert_eq!(subject.find(any).await, found, "{test:?}");
    }
    for (order, found) in [
        (ascending("image_url"), ["empty", "a", "b", "none"]),
        (descending("image_url"), ["b", "a", "empty", "none"]),
    ] {
        let mut select = subject.menu(vec![], vec![]);
        select.order = vec![order];
        assert_eq!(subject.find(select).await, found);
    }
}

async fn an_empty_list_finds_nothing(subject: Subject) {
    subject.put(&[Item::named("1", ""), Item::named("2", "x")]).await;
    for column in ["name", "price", "available"] {
        let none = subject.menu(vec![(column, Test::In(vec![]))], vec![]);
        assert!(subject.find(none).await.is_empty(), "{column}");
        let other = subject.menu(vec![], vec![(column, Test::In(vec![])), ("name", Test::Eq(text("x")))]);
        assert_eq!(subject.find(other).await, ["2"], "{column}");
    }
}

async fn flags_and_lists_are_found(subject: Subject) {
    let vegan = Item { dietary: json!(["vegan", "gluten-free"]), ..Item::named("vegan", "Salad") };
    let out = Item { available: false, ..Item::named("out", "Ice cream") };
    subject.put(&[vegan, out]).await;
    for (yes, found) in [(true, "vegan"), (false, "out")] {
        let select = subject.menu(vec![("available", Test::Eq(Scalar::Bool(yes)))], vec![]);
        assert_eq!(subject.find(select).await, [found]);
    }
    let select = subject.menu(vec![("dietary", super::subject::contains("VEGAN"))], vec![]);
    assert_eq!(subject.find(select).await, ["vegan"]);
}

async fn the_limit_is_kept(subject: Subject) {
    let items: Vec<_> = (0..1100).map(|place| Item::named(&format!("{place:04}"), "x")).collect();
    subject.put(&items).await;
    for (limit, found) in [(0, 1), (1, 1), (7, 7), (1000, 1000), (1001, 1000), (u32::MAX, 1000)] {
        let mut select = subject.menu(vec![], vec![]);
        select.limit = limit;
        let ids = subject.find(select).await;
        assert_eq!((ids.len(), ids[0].as_str()), (found, "0000"), "{limit}");
    }
}

async fn a_value_that_is_no_number_is_refused_where_a_number_stands(subject: Subject) {
    subject.put(&[Item::named("1", "x")]).await;
    for test in [
        Test::Eq(text("cheap")),
        Test::Ne(text("cheap")),
        Test::Lt(text("")),
        Test::In(vec![text("1"), text("free")]),
    ] {
        let error = subject.try_find(subject.menu(vec![("price", test.clone())], vec![])).await.unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{test:?}: {error:?}");
        assert!(!error.to_string().contains("cheap"));
    }
    let maybe = subject.menu(vec![("available", Test::Eq(text("maybe")))], vec![]);
    let error = subject.try_find(maybe).await.unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
}
