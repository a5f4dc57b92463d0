//! The tool that looks into the documents of the call's business.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

use super::{Tool, ToolContext, ToolError};
use crate::store::knowledge::Passage;

/// Passages given to the model at once.
const SHOWN_PASSAGES: u32 = 4;

/// A question to the documents.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct QueryKnowledgeBase {
    /// What to look for, in a few words
    #[validate(length(min = 1, max = 400))]
    query: String,
}

impl Tool for QueryKnowledgeBase {
    const NAME: &'static str = "query_knowledge_base";
    const DESCRIPTION: &'static str = "Searches the documents the business has written for its guests, for facts \
        that no other tool gives: opening hours, address, directions, parking, wifi, events, policies. Returns \
        passages, each with its title and text.";

    async fn run(self, context: ToolContext) -> Result<Value, ToolError> {
        let passages = context.knowledge.search(context.tenant, &self.query, SHOWN_PASSAGES).await?;
        Ok(answer(&passages))
    }
}

fn answer(passages: &[Passage]) -> Value {
    let note = if passages.is_empty() {
        "nothing was found: try once more with other words, else say that you do not know; do not make up an answer"
    } else {
        "answer from these passages only, in your own words; say so when they do not answer the question"
    };
    let passages: Vec<Value> = passages
        .iter()
        .map(|passage| json!({"title": passage.title, "section": section(passage), "text": passage.content}))
        .collect();
    json!({"count": passages.len(), "passages": passages, "note": note})
}

/// The headings below the title; null where there are none.
fn section(passage: &Passage) -> Option<&str> {
    passage.heading.strip_prefix(&passage.title)?.strip_prefix(" › ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(heading: &str) -> Passage {
        Passage {
            id: "d1".into(),
            title: "House".to_owned(),
            heading: heading.to_owned(),
            content: "The password is mango42.".to_owned(),
            score: 1.0,
            metadata: serde_json::Map::default(),
        }
    }

    #[test]
    fn a_passage_comes_with_its_title_and_section() {
        let answer = answer(&[passage("House › Wi-Fi"), passage("House")]);
        assert_eq!(answer["count"], 2);
        let wifi = json!({"title": "House", "section": "Wi-Fi", "text": "The password is mango42."});
        assert_eq!(answer["passages"][0], wifi);
        assert_eq!(answer["passages"][1]["section"], Value::Null);
    }

    #[test]
    fn nothing_found_is_said_plainly() {
        let answer = answer(&[]);
        assert_eq!((&answer["count"], &answer["passages"]), (&json!(0), &json!([])));
        assert!(answer["note"].as_str().unwrap().starts_with("nothing was found"));
    }
}
