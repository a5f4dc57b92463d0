use proptest::prelude::*;

use super::*;
use crate::store::{Pattern, PatternPart, Scalar, Test};

const LOOKUP: &str = r#"
name = "lookup"
description = "Finds things."
effect = "read"
[parameters.query]
type = "string"
description = "Words"
max_length = 80
[parameters.max_price]
type = "number"
description = "Highest price"
required = false
[table]
from = "things"
select = ["id", "title"]
where = [{ column = "available", op = "eq", value = true }, { column = "price", op = "lte", value = "{max_price}" }]
any = [{ column = "title", op = "ilike", value = "%{query}%" }, { column = "kind", op = "ilike", value = "{query}%" }]
order = ["-price", "title"]
limit = 2
as = "things"
"#;

fn lookup() -> TableTool {
    TableTool::parse(LOOKUP).unwrap()
}

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn mistakes(text: &str) -> Vec<(usize, String)> {
    TableTool::parse(text).unwrap_err().into_iter().map(|mistake| (mistake.line, mistake.what)).collect()
}

fn changed(from: &str, to: &str) -> Vec<(usize, String)> {
    assert!(LOOKUP.contains(from));
    mistakes(&LOOKUP.replace(from, to))
}

#[test]
fn the_model_is_shown_a_schema() {
    assert_eq!(
        lookup().spec().parameters,
        json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "Words", "minLength": 1, "maxLength": 80},
                "max_price": {"type": "number", "description": "Highest price"},
            },
            "required": ["query"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn arguments_are_bound_and_absent_ones_drop_their_filter() {
    let select = lookup().select(&arguments(&json!({"query": "50%_off"})), &Tenant::Any).unwrap();
    let query = || PatternPart::Text("50%_off".into());
    assert_eq!(select.all, [("available".parse().unwrap(), Test::Eq(Scalar::Bool(true)))]);
    assert_eq!(
        select.any,
        [
            (
                "title".parse().unwrap(),
                Test::Like(Pattern(vec![PatternPart::Any, query(), PatternPart::Any]))
            ),
            ("kind".parse().unwrap(), Test::Like(Pattern(vec![query(), PatternPart::Any]))),
        ]
    );
    assert_eq!(select.limit, 3, "one more than the limit, to know whether there are more");
    let select = lookup().select(&arguments(&json!({"query": "x", "max_price": 9.5})), &Tenant::Any).unwrap();
    assert_eq!(select.all[1].1, Test::Lte(Scalar::Decimal("9.5".parse().unwrap())));
}

#[test]
fn a_call_of_a_business_sees_only_its_rows() {
    let query = arguments(&json!({"query": "x"}));
    let b7 = Tenant::Of("b7".into());
    assert_eq!(lookup().select(&query, &b7).unwrap().tenant, b7);
    assert_eq!(lookup().select(&query, &Tenant::Any).unwrap().tenant, Tenant::Any);
    let shared = TableTool::parse(&LOOKUP.replace("limit = 2", "limit = 2\ntenant = false")).unwrap();
    assert_eq!(shared.select(&query, &b7).unwrap().tenant, Tenant::Any);
}

#[test]
fn the_answer_counts_its_rows_and_says_what_is_missing() {
    let row = |id: i32| arguments(&json!({"id": id}));
    let query = arguments(&json!({"query": "x"}));
    let answer = lookup().answer(vec![row(1), row(2)], &query);
    assert_eq!(answer, json!({"things": [{"id": 1}, {"id": 2}], "count": 2}));
    let answer = lookup().answer(vec![row(1), row(2), row(3)], &query);
    assert_eq!(answer["count"], 2);
    assert!(answer["note"].as_str().unwrap().contains("there are more"));
    let answer = lookup().answer(Vec::new(), &query);
    assert!(answer["note"].as_str().unwrap().contains("nothing was found for query = \"x\""), "{answer}");
}

#[test]
fn a_default_stands_in_for_an_absent_argument() {
    let text = LOOKUP.replace("required = false", "default = 10");
    let tool = TableTool::parse(&text).unwrap();
    assert_eq!(tool.spec().parameters["required"], json!(["query"]));
    assert_eq!(tool.with_defaults(Map::new())["max_price"], json!(10));
}

#[test]
fn a_filler_is_said_after_a_while() {
    assert_eq!(lookup().spec().filler, None);
    let filler = |keys: &str| {
        let text = LOOKUP.replace("effect = \"read\"", &format!("effect = \"read\"\n{keys}"));
        TableTool::parse(&text).unwrap().spec().filler.unwrap()
    };
    let said = |after_ms| Filler { text: "One moment.".to_owned(), after: Duration::from_millis(after_ms) };
    assert_eq!(filler("filler = \"One moment.\""), said(1_200));
    assert_eq!(filler("filler = \"One moment.\"\nfiller_after_ms = 200"), said(200));
}

#[test]
fn a_tool_that_writes_is_refused_for_now() {
    let found = changed("effect = \"read\"", "effect = \"write\"");
    assert_eq!(found, [(4, "tools with `effect = \"write\"` are not available yet: use \"read\"".into())]);
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let line_of = |found: Vec<(usize, String)>, words: &str| {
        found.iter().find(|(_, what)| what.contains(words)).map(|(line, _)| *line).ok_or(found)
    };
    assert_eq!(line_of(changed("max_length = 80", "max_size = 80"), "unknown key `max_size`"), Ok(8));
    assert_eq!(line_of(changed("\"number\"", "\"money\""), "unknown type `money`"), Ok(10));
    assert_eq!(line_of(changed("\"lte\"", "\"like\""), "unknown op `like`"), Ok(16));
    assert_eq!(line_of(changed("{max_price}", "{price}"), "a filter uses `{price}`"), Ok(13));
    assert_eq!(line_of(changed("{max_price}", "9"), "parameter `max_price` is used by no filter"), Ok(9));
    assert_eq!(line_of(changed("\"title\"]", "\"Title; drop\"]"), "is not a name"), Ok(15));
    assert_eq!(line_of(changed("limit = 2", "limit = 101"), "`limit` must be 1 to 100"), Ok(19));
    let after = |keys: &str| changed("effect = \"read\"", &format!("effect = \"read\"\n{keys}"));
    assert_eq!(line_of(after("filler_after_ms = 900"), "and there is none"), Ok(5));
    assert_eq!(line_of(after("filler = \"x\"\nfiller_after_ms = 100"), "must be 200 to 10000"), Ok(6));
    assert_eq!(line_of(after("filler = \" \""), "`filler` must have 1 to 200 characters"), Ok(5));
    assert_eq!(line_of(changed("from = \"things\"", ""), "`from` is missing"), Ok(13));
    assert_eq!(line_of(changed("name = \"lookup\"", "name = \"look up\""), "is no tool name"), Ok(2));
    assert_eq!(line_of(changed("name = \"lookup\"", "name = \"handoff_to_x\""), "is no tool name"), Ok(2));
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in ".{0,300}") {
        let _ = TableTool::parse(&text);
    }

    #[test]
    fn no_change_of_a_good_file_makes_reading_panic(at in 0..LOOKUP.len(), with in ".{0,3}") {
        let text = format!("{}{with}{}", &LOOKUP[..at], &LOOKUP[(at + 1).min(LOOKUP.len())..]);
        let _ = TableTool::parse(&text);
    }
}
