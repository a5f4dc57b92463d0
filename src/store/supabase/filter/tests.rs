use proptest::prelude::*;
use rust_decimal::Decimal;

use super::*;
use crate::store::{PatternPart, Tenant};

fn shape() -> Shape {
    let columns = [
        ("name", Kind::Text),
        ("price", Kind::Decimal),
        ("available", Kind::Other),
        ("dietary", Kind::Json),
        ("dietary_text", Kind::Text),
        ("extra", Kind::Json),
        ("made_at", Kind::Moment),
        ("order", Kind::Text),
        ("business_id", Kind::Text),
    ];
    Shape {
        table: "dishes".parse().unwrap(),
        columns: columns.map(|(name, kind)| (name.to_owned(), kind)).to_vec(),
    }
}

fn select(all: Vec<(&str, Test)>, any: Vec<(&str, Test)>) -> Select {
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

fn text(text: &str) -> Scalar {
    Scalar::Text(text.into())
}

fn contains(text: &str) -> Test {
    Test::Like(Pattern(vec![PatternPart::Any, PatternPart::Text(text.into()), PatternPart::Any]))
}

fn conditions(select: &Select) -> String {
    compile(select, &shape()).unwrap().conditions
}

#[test]
fn a_select_becomes_one_question() {
    let mut asked = select(
        vec![("available", Test::Eq(Scalar::Bool(true))), ("order", Test::Eq(text("x")))],
        vec![("name", contains("9%")), ("price", Test::Lte(Scalar::Decimal(Decimal::new(350, 2))))],
    );
    asked.tenant = Tenant::Of("agaseke".into());
    asked.columns = ["name", "price", "made_at"].map(|name| name.parse().unwrap()).to_vec();
    asked.order = vec![
        Order { column: "price".parse().unwrap(), descending: true },
        Order { column: "name".parse().unwrap(), descending: false },
    ];
    let query = compile(&asked, &shape()).unwrap();
    assert_eq!(query.columns, "name,price::text,made_at");
    assert_eq!(
        query.conditions,
        r#"business_id.eq."agaseke",available.eq."true",order.eq."x",or(name.match."9%",price.lte."3.50")"#
    );
    assert_eq!(query.order, "price.desc.nullslast,name.asc.nullslast");
    assert_eq!(query.limit, 5);
}

#[test]
fn every_test_has_its_operator() {
    for (test, wanted) in [
        (Test::Eq(text("x")), r#"name.eq."x""#),
        (Test::Ne(text("x")), r#"name.neq."x""#),
        (Test::Lt(Scalar::Integer(-5)), r#"name.lt."-5""#),
        (Test::Lte(text("x")), r#"name.lte."x""#),
        (Test::Gt(text("x")), r#"name.gt."x""#),
        (Test::Gte(text("x")), r#"name.gte."x""#),
        (Test::In(vec![]), "name.in.()"),
        (Test::In(vec![text("")]), r#"name.eq."""#),
        (Test::In(vec![text("a,b"), text("")]), r#"name.in.("a,b","")"#),
        (Test::IsNull(true), "name.is.null"),
        (Test::IsNull(false), "name.not.is.null"),
        (contains("a*\"\\"), r#"name.match."[aA]\\*\"\\\\""#),
    ] {
        assert_eq!(conditions(&select(vec![("name", test)], vec![])), wanted);
    }
    assert_eq!(conditions(&select(vec![], vec![])), "");
}

#[test]
fn text_is_searched_in_text_only() {
    assert_eq!(
        conditions(&select(vec![("dietary", contains("9"))], vec![])),
        r#"dietary_text.match."9""#,
        "the column beside the JSON"
    );
    for (column, words) in [
        ("extra", "the JSON of `dishes.extra` cannot be searched as text: add a column `extra_text text"),
        ("price", "`dishes.price` is no text and cannot be searched as one"),
        ("colour", "`dishes` has no column `colour`; it has name, price"),
    ] {
        let error = compile(&select(vec![(column, contains("9"))], vec![]), &shape()).unwrap_err();
        assert!(matches!(&error, StoreError::Unknown(said) if said.starts_with(words)), "{error:?}");
    }
}

#[test]
fn a_column_that_is_not_there_is_refused_wherever_it_stands() {
    let colour: Column = "colour".parse().unwrap();
    let mut wanted = select(vec![], vec![]);
    wanted.columns.push(colour.clone());
    let mut ordered = select(vec![], vec![]);
    ordered.order.push(Order { column: colour, descending: false });
    let tested = select(vec![("colour", Test::IsNull(true))], vec![]);
    let tried = select(vec![], vec![("colour", Test::In(vec![]))]);
    for select in [wanted, ordered, tested, tried] {
        let error = compile(&select, &shape()).unwrap_err();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    }
}

#[test]
fn the_limit_is_kept_within_bounds() {
    for (asked, given) in [(0, 1), (1, 1), (1000, 1000), (1001, 1000), (u32::MAX, 1000)] {
        let select = Select { limit: asked, ..select(vec![], vec![]) };
        assert_eq!(compile(&select, &shape()).unwrap().limit, given);
    }
}

#[test]
fn the_question_is_asked_with_the_names_of_postgrest() {
    let client = reqwest_011::Client::new();
    let table = Builder::new("http://localhost/rest/v1/dishes", None, Default::default(), client);
    let mut asked = select(vec![("name", Test::Eq(text("a,b&c=d")))], vec![]);
    asked.order = vec![Order { column: "name".parse().unwrap(), descending: false }];
    let request = compile(&asked, &shape()).unwrap().ask(table).build().build().unwrap();
    let pairs: Vec<_> = request.url().query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        pairs,
        [pair("select", "name"), pair("and", r#"(name.eq."a,b&c=d")"#), pair("order", "name.asc.nullslast")]
    );
    assert_eq!(request.headers()["range"], "0-4");
}

/// Reads a quoted value as PostgREST does, and gives what follows it.
fn unquote(written: &str) -> (String, &str) {
    let mut letters = written.strip_prefix('"').unwrap().char_indices();
    let mut value = String::new();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &written[at + 2..]),
            '\\' => value.push(letters.next().unwrap().1),
            letter => value.push(letter),
        }
    }
    panic!("no end: {written}");
}

proptest! {
    #[test]
    fn a_quoted_value_ends_where_it_ends(value in "[\"\\\\,().*%\\n]{0,12}|(?s:.){0,20}", after in "[,)(\"]{0,3}") {
        let written = quoted(&value) + &after;
        prop_assert_eq!(unquote(&written), (value, after.as_str()));
    }
}
