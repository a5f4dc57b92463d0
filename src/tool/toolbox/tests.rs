use std::future::pending;

use schemars::JsonSchema;
use serde::Deserialize;
use validator::Validate;

use super::*;
use crate::id::{BusinessId, CallId};
use crate::knowledge::Knowledge;
use crate::store::{Embedded, Tenant};

const ITEMS: &str = r#"
name = "all_items"
description = "Every item."
effect = "read"
[table]
from = "menu_items"
select = ["id", "name", "description", "business_id"]
order = "id"
limit = 100
as = "items"
"#;

/// Repeats a word.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
struct Echo {
    /// The word to repeat.
    #[validate(length(min = 1, max = 9))]
    word: String,
    /// How often.
    #[serde(default)]
    #[schemars(with = "u32")]
    times: Option<u32>,
}

impl Tool for Echo {
    const NAME: &'static str = "echo";
    const DESCRIPTION: &'static str = "Repeats a word.";

    async fn run(self, _: ToolContext) -> Result<Value, ToolError> {
        match self.word.as_str() {
            "panic" => panic!("as asked"),
            "fail" => Err(ToolError::Failed(StoreError::Unknown("the password is swordfish".into()))),
            "wait" => pending().await,
            word => Ok(json!({"said": vec![word; self.times.unwrap_or(1) as usize]})),
        }
    }
}

async fn ready(business_id: Option<&str>) -> (tempfile::TempDir, Toolbox, ToolContext) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Embedded(Embedded::open(folder.path()).await.unwrap());
    let mut toolbox = Toolbox::builtin().unwrap().with::<Echo>().unwrap();
    toolbox.add_table(TableTool::parse(ITEMS).unwrap()).unwrap();
    let tenant = business_id.map(BusinessId::from).into();
    (
        folder,
        toolbox,
        ToolContext {
            call_id: CallId::default_call(),
            began: 1,
            tenant,
            knowledge: Knowledge::new(store.clone(), None),
            store,
        },
    )
}

async fn run(name: &str, arguments: &str) -> (ToolStatus, Value) {
    let (_folder, toolbox, context) = ready(None).await;
    let outcome = toolbox.run(name, arguments, context).await;
    (outcome.status, serde_json::from_str(&outcome.output).unwrap())
}

#[tokio::test]
async fn a_tool_runs_on_checked_arguments() {
    assert_eq!(run("echo", r#"{"word": "tea"}"#).await, (ToolStatus::Ok, json!({"said": ["tea"]})));
    let twice = run("echo", r#"{"word": "tea", "times": 2}"#).await;
    assert_eq!(twice, (ToolStatus::Ok, json!({"said": ["tea", "tea"]})));
    assert_eq!(run("echo", r#"{"word": "tea", "times": null}"#).await.0, ToolStatus::Ok);
}

#[tokio::test]
async fn bad_arguments_are_refused_in_words_the_model_can_act_on() {
    let (status, output) = run("echo", "{}").await;
    assert_eq!(status, ToolStatus::Refused);
    assert_eq!(output["error"], "the argument `word` is missing");
    assert_eq!(output["hint"], "correct the arguments and call `echo` again, or ask the caller");
    for bad in [
        "",
        "null",
        "[",
        "[]",
        "5",
        r#"{"word": 5}"#,
        r#"{"word": "tea", "x": 1}"#,
        r#"{"word": "tea", "times": -1}"#,
    ] {
        assert_eq!(run("echo", bad).await.0, ToolStatus::Refused, "{bad}");
    }
    let (status, output) = run("echo", r#"{"word": "much too long"}"#).await;
    assert_eq!(
        (status, &output["error"]),
        (ToolStatus::Refused, &json!("the argument `word` must have at most 9 characters, got 13"))
    );
}

#[tokio::test]
async fn an_unknown_tool_is_refused_with_the_names_there_are() {
    let (status, output) = run("lookpu", "{}").await;
    assert_eq!(status, ToolStatus::Refused);
    assert_eq!(
        output["hint"],
        "the tools are: all_items, check_tax_rule, echo, fetch_financials, place_order, query_knowledge_base"
    );
}

#[tokio::test]
async fn a_panic_is_an_outcome() {
    let (status, output) = run("echo", r#"{"word": "panic"}"#).await;
    assert_eq!(status, ToolStatus::Error);
    assert_eq!(output["error"], "the tool `echo` failed");
}

#[tokio::test]
async fn a_failure_is_not_told_to_the_model_in_detail() {
    let (status, output) = run("echo", r#"{"word": "fail"}"#).await;
    assert_eq!(status, ToolStatus::Error);
    assert!(!output.to_string().contains("swordfish"), "{output}");
}

#[tokio::test]
async fn a_tool_that_does_not_end_is_stopped() {
    let (_folder, toolbox, context) = ready(None).await;
    tokio::time::pause();
    let outcome = toolbox.run("echo", r#"{"word": "wait"}"#, context).await;
    assert_eq!(outcome.status, ToolStatus::Timeout);
    assert!(outcome.duration_ms >= 5_000, "{}", outcome.duration_ms);
    assert!(outcome.output.contains("the tool `echo` did not answer in time"), "{}", outcome.output);
}

#[tokio::test]
async fn a_large_result_is_cut_and_says_so() {
    let (_folder, toolbox, context) = ready(None).await;
    let outcome = toolbox.run("echo", r#"{"word": "tea", "times": 9000}"#, context).await;
    assert_eq!(outcome.status, ToolStatus::Ok);
    assert!(outcome.output.len() <= MAX_OUTPUT);
    let output: Value = serde_json::from_str(&outcome.output).unwrap();
    let kept = output["said"].as_array().unwrap().len();
    assert!(kept > 2_000, "{kept}");
    assert!(output["left_out"].as_str().unwrap().contains(&format!("{} of 9000 rows", 9_000 - kept)));
}

#[tokio::test]
async fn a_call_of_one_business_reads_its_rows_only() {
    let (_folder, toolbox, context) = ready(Some("agaseke-kigali")).await;
    let outcome = toolbox.run("all_items", "", context.clone()).await;
    let output: Value = serde_json::from_str(&outcome.output).unwrap();
    let items = output["items"].as_array().unwrap();
    assert!(
        !items.is_empty() && items.iter().all(|item| item["business_id"] == "agaseke-kigali"),
        "{output}"
    );
    let nobody = ToolContext { tenant: Tenant::Of("' OR 1=1 --".into()), ..context };
    let output: Value = serde_json::from_str(&toolbox.run("all_items", "", nobody).await.output).unwrap();
    assert_eq!(output["count"], 0);
}

#[tokio::test]
async fn for_a_caller_of_nobody_nothing_is_written_down() {
    let (_folder, mut toolbox, context) = ready(None).await;
    toolbox
        .add_table(TableTool::parse(include_str!("../../../personas/tools/book_table.toml")).unwrap())
        .unwrap();
    let booking =
        json!({"guest_name": "Aline", "party_size": 2, "date": "2030-12-24", "time": "19:30"}).to_string();
    let nobody = ToolContext { tenant: Tenant::Of(BusinessId::nobody()), ..context.clone() };
    let outcome = toolbox.run("book_table", &booking, nobody).await;
    assert_eq!(outcome.status, ToolStatus::Refused);
    assert!(outcome.output.contains("belongs to no business"), "{}", outcome.output);
    let house = ToolContext { tenant: Tenant::Of("agaseke-kigali".into()), ..context };
    assert_eq!(
        toolbox.run("book_table", &booking, house).await.status,
        ToolStatus::Ok,
        "nothing was intended"
    );
}

#[tokio::test]
async fn a_table_or_column_that_is_not_there_is_found_at_the_check() {
    let (_folder, mut toolbox, context) = ready(None).await;
    assert_eq!(toolbox.check_tables(&context.store).await, []);
    for (name, from, to) in [
        ("a", "\"description\", ", "\"colour\", "),
        ("b", "menu_items", "menus"),
        ("c", "menu_items", "call_events"),
    ] {
        let text = ITEMS.replace("all_items", name).replace(from, to);
        toolbox.add_table(TableTool::parse(&text).unwrap()).unwrap();
    }
    let missing = toolbox.check_tables(&context.store).await;
    assert_eq!(missing.iter().map(|(tool, _)| tool.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(missing[0].1.starts_with("table `menu_items` has no column colour; it has "), "{missing:?}");
}

#[test]
fn a_schema_is_plain() {
    let toolbox = Toolbox::builtin().unwrap().with::<Echo>().unwrap();
    let expected = json!({
        "type": "object",
        "properties": {
            "word": {"type": "string", "description": "The word to repeat.", "minLength": 1, "maxLength": 9},
            "times": {"type": "integer", "format": "uint32", "minimum": 0, "description": "How often."},
        },
        "required": ["word"],
        "additionalProperties": false,
    });
    let shown = &toolbox.spec("echo").unwrap().parameters;
    assert_eq!(shown.to_string(), expected.to_string());
    for name in toolbox.names() {
        let schema = toolbox.spec(name).unwrap().parameters.to_string();
        assert!(!schema.contains("$ref") && !schema.contains("$schema"), "{schema}");
    }
}

#[test]
fn two_tools_cannot_have_one_name() {
    let again = Toolbox::builtin().unwrap().with::<FetchFinancials>().unwrap_err();
    assert_eq!(again, ToolboxError::Taken("fetch_financials".to_owned()));
}

#[test]
fn the_names_of_what_the_call_performs_are_taken() {
    for name in ["end_call", "transfer_to_human"] {
        let tool = TableTool::parse(&ITEMS.replace("all_items", name)).unwrap();
        assert_eq!(Toolbox::default().add_table(tool), Err(ToolboxError::Taken(name.to_owned())));
    }
}
