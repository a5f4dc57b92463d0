use proptest::prelude::*;

use super::*;
use crate::store::Tenant;

fn shape() -> Shape {
    Shape {
        table: "dishes".parse().unwrap(),
        columns: vec![
            ("name".into(), Kind::Plain),
            ("price".into(), Kind::Decimal),
            ("available".into(), Kind::Boolean),
            ("rank".into(), Kind::Integer),
        ],
    }
}

fn names(all: Vec<(&str, Test)>, any: Vec<(&str, Test)>) -> Select {
    let named = |tests: Vec<(&str, Test)>| {
        tests.into_iter().map(|(column, test)| (column.parse().unwrap(), test)).collect()
    };
    Select {
        from: "dishes".parse().unwrap(),
        tenant: Tenant::Any,
        columns: vec!["name".parse().unwrap()],
        all: named(all),
        any: named(any),
        order: vec![],
        limit: 5,
    }
}

fn contains(text: &str) -> Test {
    Test::Like(Pattern(vec![PatternPart::Any, PatternPart::Text(text.into()), PatternPart::Any]))
}

#[test]
fn a_select_becomes_text_with_holes_and_values_to_fill_them() {
    let mut select = names(
        vec![("available", Test::Eq(Scalar::Bool(true)))],
        vec![("name", contains("Goat")), ("rank", Test::In(vec![Scalar::Integer(1), Scalar::Integer(2)]))],
    );
    select.columns.push("price".parse().unwrap());
    select.order = vec![
        Order { column: "price".parse().unwrap(), descending: true },
        Order { column: "name".parse().unwrap(), descending: false },
    ];
    let compiled = compile(&select, &shape()).unwrap();
    assert_eq!(
        compiled.sql,
        "SELECT \"name\", \"price\" FROM \"dishes\" WHERE \"available\" = ? AND \
         (matches_parts(\"name\", NULL, ?, NULL) OR \"rank\" IN (?, ?)) \
         ORDER BY \"price\" COLLATE decimal DESC NULLS LAST, \"name\" NULLS LAST LIMIT 5"
    );
    assert_eq!(
        compiled.values,
        [Value::Integer(1), Value::Text("goat".into()), Value::Integer(1), Value::Integer(2)]
    );
    assert_eq!(compiled.columns, [("name".into(), Kind::Plain), ("price".into(), Kind::Decimal)]);
}

#[test]
fn every_comparison_has_its_operator() {
    let text = || Scalar::Text("x".into());
    for (test, sql) in [
        (Test::Eq(text()), "\"name\" = ?"),
        (Test::Ne(text()), "\"name\" <> ?"),
        (Test::Lt(text()), "\"name\" < ?"),
        (Test::Lte(text()), "\"name\" <= ?"),
        (Test::Gt(text()), "\"name\" > ?"),
        (Test::Gte(text()), "\"name\" >= ?"),
        (Test::IsNull(true), "\"name\" IS NULL"),
        (Test::IsNull(false), "\"name\" IS NOT NULL"),
        (Test::In(vec![]), "\"name\" IN ()"),
        (Test::Gt(Scalar::Decimal(5.into())), "\"name\" COLLATE decimal > ?"),
        (Test::In(vec![text(), Scalar::Decimal(5.into())]), "\"name\" COLLATE decimal IN (?, ?)"),
    ] {
        let compiled = compile(&names(vec![("name", test)], vec![]), &shape()).unwrap();
        assert_eq!(compiled.sql, format!("SELECT \"name\" FROM \"dishes\" WHERE {sql} LIMIT 5"));
    }
}

#[test]
fn decimal_columns_are_compared_by_value_whatever_they_are_compared_with() {
    for scalar in [Scalar::Integer(5), Scalar::Text("5".into()), Scalar::Decimal(5.into())] {
        let compiled = compile(&names(vec![("price", Test::Lt(scalar))], vec![]), &shape()).unwrap();
        assert!(compiled.sql.contains("\"price\" COLLATE decimal < ?"), "{}", compiled.sql);
    }
}

#[test]
fn what_is_no_number_is_refused_where_numbers_stand() {
    let text = |text: &str| Scalar::Text(text.into());
    for (column, test) in [
        ("price", Test::Lt(text("cheap"))),
        ("price", Test::In(vec![text("5"), text("")])),
        ("price", Test::Eq(Scalar::Bool(true))),
        ("rank", Test::Ne(text("first"))),
        ("available", Test::Eq(text("maybe"))),
    ] {
        let error = compile(&names(vec![], vec![(column, test)]), &shape()).unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
    }
}

#[test]
fn neighbouring_parts_of_a_pattern_are_one() {
    let text = |text: &str| PatternPart::Text(text.into());
    let pattern = Pattern(vec![PatternPart::Any, PatternPart::Any, text("A"), text("B"), PatternPart::Any]);
    let compiled = compile(&names(vec![("name", Test::Like(pattern))], vec![]), &shape()).unwrap();
    assert!(compiled.sql.contains("(\"name\", NULL, ?, NULL)"), "{}", compiled.sql);
    assert_eq!(compiled.values, [Value::Text("ab".into())]);
}

#[test]
fn the_limit_is_kept_within_bounds() {
    for (asked, given) in [(0, 1), (1, 1), (1000, 1000), (1001, 1000), (u32::MAX, 1000)] {
        let select = Select { limit: asked, ..names(vec![], vec![]) };
        let compiled = compile(&select, &shape()).unwrap();
        assert!(compiled.sql.ends_with(&format!(" LIMIT {given}")), "{}", compiled.sql);
    }
}

#[test]
fn a_column_that_is_not_there_is_refused_wherever_it_stands() {
    let colour: Column = "colour".parse().unwrap();
    let mut wanted = names(vec![], vec![]);
    wanted.columns.push(colour.clone());
    let mut ordered = names(vec![], vec![]);
    ordered.order.push(Order { column: colour, descending: false });
    let tested = names(vec![("colour", Test::IsNull(true))], vec![]);
    let tried = names(vec![], vec![("colour", Test::IsNull(true))]);
    for select in [wanted, ordered, tested, tried] {
        let error = compile(&select, &shape()).unwrap_err();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
        assert_eq!(error.to_string(), "`dishes` has no column `colour`; it has name, price, available, rank");
    }
}

#[test]
fn a_select_without_columns_or_beyond_all_measure_is_refused() {
    let nothing = Select { columns: vec![], ..names(vec![], vec![]) };
    let wordy = names((0..101).map(|_| ("name", Test::IsNull(true))).collect(), vec![]);
    let long = names(vec![("rank", Test::In(vec![Scalar::Integer(1); 501]))], vec![]);
    let parts = [PatternPart::Any, PatternPart::Text("x".into())].into_iter().cycle().take(501).collect();
    let fine = names(vec![("name", Test::Like(Pattern(parts)))], vec![]);
    for select in [nothing, wordy, long, fine] {
        assert!(matches!(compile(&select, &shape()), Err(StoreError::Query(_))));
    }
}

proptest! {
    #[test]
    fn the_text_does_not_depend_on_the_values(one in ".{0,40}", other in ".{0,40}") {
        let sql = |text: &str| {
            let eq = Test::Eq(Scalar::Text(text.into()));
            compile(&names(vec![("name", eq)], vec![("name", contains(text))]), &shape()).unwrap().sql
        };
        prop_assert_eq!(sql(&one), sql(&other));
    }
}
