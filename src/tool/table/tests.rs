use proptest::prelude::*;

use super::*;
use crate::store::{Change, Pattern, PatternPart, Scalar, Test};

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

fn query(tool: &TableTool) -> &Query {
    match &tool.action {
        Action::Read(query) => query,
        Action::Write(_) => panic!("{} writes", tool.name),
    }
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
    let select = query(&lookup()).select(&arguments(&json!({"query": "50%_off"})), &Tenant::Any).unwrap();
    let words = || PatternPart::Text("50%_off".into());
    assert_eq!(select.all, [("available".parse().unwrap(), Test::Eq(Scalar::Bool(true)))]);
    assert_eq!(
        select.any,
        [
            (
                "title".parse().unwrap(),
                Test::Like(Pattern(vec![PatternPart::Any, words(), PatternPart::Any]))
            ),
            ("kind".parse().unwrap(), Test::Like(Pattern(vec![words(), PatternPart::Any]))),
        ]
    );
    assert_eq!(select.limit, 3, "one more than the limit, to know whether there are more");
    let select =
        query(&lookup()).select(&arguments(&json!({"query": "x", "max_price": 9.5})), &Tenant::Any).unwrap();
    assert_eq!(select.all[1].1, Test::Lte(Scalar::Decimal("9.5".parse().unwrap())));
}

#[test]
fn a_call_of_a_business_sees_only_its_rows() {
    let asked = arguments(&json!({"query": "x"}));
    let b7 = Tenant::Of("b7".into());
    assert_eq!(query(&lookup()).select(&asked, &b7).unwrap().tenant, b7);
    assert_eq!(query(&lookup()).select(&asked, &Tenant::Any).unwrap().tenant, Tenant::Any);
    let shared = TableTool::parse(&LOOKUP.replace("limit = 2", "limit = 2\ntenant = false")).unwrap();
    assert_eq!(query(&shared).select(&asked, &b7).unwrap().tenant, Tenant::Any);
}

#[test]
fn the_answer_counts_its_rows_and_says_what_is_missing() {
    let row = |id: i32| arguments(&json!({"id": id}));
    let asked = arguments(&json!({"query": "x"}));
    let answer = query(&lookup()).answer(vec![row(1), row(2)], &asked);
    assert_eq!(answer, json!({"things": [{"id": 1}, {"id": 2}], "count": 2}));
    let answer = query(&lookup()).answer(vec![row(1), row(2), row(3)], &asked);
    assert_eq!(answer["count"], 2);
    assert!(answer["note"].as_str().unwrap().contains("there are more"));
    let answer = query(&lookup()).answer(Vec::new(), &asked);
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

const BOOK: &str = r#"
name = "book"
description = "Books."
effect = "write"
[parameters.name]
type = "string"
description = "Who"
[parameters.guests]
type = "integer"
description = "How many"
[parameters.note]
type = "string"
description = "What else"
required = false
[insert]
into = "bookings"
values = { guest = "{name}", guests = "{guests}", note = "note: {note}", open = true }
returning = ["id"]
as = "booking"
confirm = "say so"
"#;

fn change(text: &str, given: &Value, tenant: &Tenant) -> Result<Plan, ToolError> {
    let tool = TableTool::parse(text).unwrap();
    match &tool.action {
        Action::Write(write) => {
            write.plan(&tool.with_defaults(arguments(given)), tenant).map_err(ToolError::Refused)
        }
        Action::Read(_) => panic!("{} reads", tool.name),
    }
}

#[test]
fn a_new_row_is_planned_with_bound_values_and_without_what_is_absent() {
    let tenant = Tenant::Of("b1".into());
    let plan = change(BOOK, &json!({"name": "A'; DROP", "guests": 4}), &tenant).unwrap();
    let Change::Insert { table, tenant, row, .. } = &plan.changes[0] else { panic!("no insert") };
    assert_eq!((table.as_str(), *tenant), ("bookings", true));
    assert_eq!(json!(row), json!({"guest": "A'; DROP", "guests": 4, "open": true}));
    assert_eq!((plan.business_id, plan.row_as.as_deref()), (Some("b1".into()), Some("booking")));
    assert_eq!(Value::Object(plan.output), json!({"done": true, "note": "say so"}));
}

#[test]
fn a_change_names_its_row_and_at_least_one_value() {
    let text = "name = \"move\"\ndescription = \"Moves.\"\neffect = \"write\"\n\
        [parameters.id]\ntype = \"string\"\ndescription = \"Which\"\n\
        [parameters.day]\ntype = \"string\"\ndescription = \"When\"\nrequired = false\n\
        [update]\ntable = \"bookings\"\nby = { id = \"{id}\" }\nset = { day = \"{day}\" }\n";
    let plan = change(text, &json!({"id": "x", "day": "2026-01-02"}), &Tenant::Any).unwrap();
    let Change::Update { by, set, .. } = &plan.changes[0] else { panic!("no update") };
    assert_eq!((json!(by), json!(set)), (json!({"id": "x"}), json!({"day": "2026-01-02"})));
    let nothing = change(text, &json!({"id": "x"}), &Tenant::Any).unwrap_err();
    assert!(nothing.to_string().contains("nothing to change"));
    let open = text.replace("\"Which\"", "\"Which\"\nrequired = false");
    assert!(mistakes(&open)[0].1.contains("`by` uses `{id}`, which may be left out"));
}

#[test]
fn mistakes_of_a_tool_that_writes_are_told_with_their_lines() {
    let told = |from: &str, to: &str| {
        assert!(BOOK.contains(from));
        mistakes(&BOOK.replace(from, to))
    };
    let line_of = |found: Vec<(usize, String)>, words: &str| {
        found.iter().find(|(_, what)| what.contains(words)).map(|(line, _)| *line).ok_or(found)
    };
    assert_eq!(line_of(told("into = \"bookings\"", ""), "`into` is missing"), Ok(15));
    assert_eq!(line_of(told("[insert]", "[delete]"), "needs an `[insert]` or an `[update]`"), Ok(1));
    assert_eq!(line_of(told("open = true", "business_id = \"b2\""), "is set by the service"), Ok(17));
    assert_eq!(line_of(told("{note}", "{remark}"), "a column uses `{remark}`"), Ok(15));
    assert_eq!(
        line_of(told(", guests = \"{guests}\"", ""), "parameter `guests` is used by no column"),
        Ok(8)
    );
    assert_eq!(line_of(told("as = \"booking\"", "as = \"note\""), "`as` cannot be `note`"), Ok(15));
    assert_eq!(line_of(told("parameters.guests", "parameters.repeat"), "`repeat` already"), Ok(8));
    assert_eq!(line_of(told("\"write\"", "\"wipe\""), "unknown effect `wipe`"), Ok(4));
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
