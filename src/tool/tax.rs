//! The tax tool: rules of a jurisdiction on a topic, with the authority to cite.

mod topic;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use validator::Validate;

use self::topic::{best, topics};
use super::paging::read_all;
use super::{Tool, ToolContext, ToolError};
use crate::store::record::NameError;
use crate::store::{Row, Scalar, Select, Tenant, Test};

/// More rules than this in one jurisdiction are refused.
const MOST_RULES: usize = 5_000;
/// Rules given to the model at once.
const SHOWN_RULES: usize = 3;
/// Topics named when nothing matches.
const SHOWN_TOPICS: usize = 40;

/// A question of tax law.
#[derive(Debug, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
pub struct CheckTaxRule {
    /// Whose tax law: US (United States), CA (Canada), EU (European Union) or UK (United Kingdom).
    jurisdiction: Jurisdiction,
    /// The subject in a few words, such as: VAT on restaurant meals. Name a state, province or member state when
    /// it matters.
    #[validate(length(min = 2, max = 200))]
    topic: String,
}

// No doc comments on the variants: schemars would turn a plain `enum` into a list of `oneOf`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Jurisdiction {
    Us,
    Ca,
    Eu,
    Uk,
}

impl Jurisdiction {
    fn code(self) -> &'static str {
        match self {
            Self::Us => "US",
            Self::Ca => "CA",
            Self::Eu => "EU",
            Self::Uk => "UK",
        }
    }
}

impl Tool for CheckTaxRule {
    const NAME: &'static str = "check_tax_rule";
    const DESCRIPTION: &'static str = "Checks the tax rules of a jurisdiction (US, CA, EU, UK) on a topic such as \
        VAT, sales tax, GST, invoices, deductions or withholding; returns each rule with a note, its rate and the \
        authority (statute or standard) to cite.";

    async fn run(self, context: ToolContext) -> Result<Value, ToolError> {
        let too_many = "there are too many tax rules in this jurisdiction to look through";
        let select = self.select()?;
        let key = "id".parse()?;
        let rows = read_all(&context.store, select, &key, MOST_RULES, too_many).await?;
        Ok(self.answer(&rows))
    }
}

impl CheckTaxRule {
    /// All rules of the jurisdiction: law is the same for every business, so none is named here.
    fn select(&self) -> Result<Select, NameError> {
        let columns = ["id", "region", "topic", "rule", "note", "authority", "rate", "effective_from"];
        Ok(Select {
            from: "tax_rules".parse()?,
            tenant: Tenant::Any,
            columns: columns.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
            all: vec![("jurisdiction".parse()?, Test::Eq(Scalar::Text(self.jurisdiction.code().to_owned())))],
            any: Vec::new(),
            order: Vec::new(),
            limit: 1,
        })
    }

    fn answer(&self, rows: &[Row]) -> Value {
        let rules = best(rows, &self.topic, SHOWN_RULES);
        let mut answer = json!({
            "jurisdiction": self.jurisdiction.code(),
            "topic": self.topic,
            "count": rules.len(),
            "rules": rules,
        });
        if rules.is_empty() {
            answer["known_topics"] = json!(topics(rows, SHOWN_TOPICS));
            answer["note"] =
                "no rule matches: try once more with one of the known topics, else say that you cannot \
                              cite a rule on this; do not make one up"
                    .into();
        } else {
            answer["note"] = "cite the authority; say so when no rule fits the question exactly".into();
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(topic: &str) -> CheckTaxRule {
        CheckTaxRule { jurisdiction: Jurisdiction::Eu, topic: topic.to_owned() }
    }

    fn rows() -> Vec<Row> {
        let row = json!({"id": "eu-1", "topic": "VAT on restaurant meals", "rule": "…", "authority": "Directive 2006/112/EC"});
        vec![row.as_object().unwrap().clone()]
    }

    #[test]
    fn a_rule_comes_with_its_authority() {
        let answer = asked("restaurant VAT").answer(&rows());
        assert_eq!(answer["rules"][0]["authority"], "Directive 2006/112/EC");
        assert_eq!(answer["rules"][0].get("id"), None, "a key of the table says nothing to the caller");
    }

    #[test]
    fn without_a_match_the_known_topics_are_named() {
        let answer = asked("submarines").answer(&rows());
        assert_eq!(answer["count"], 0);
        assert_eq!(answer["known_topics"], json!(["VAT on restaurant meals"]));
    }

    #[test]
    fn only_the_jurisdiction_asked_for_is_read() {
        let select = asked("VAT").select().unwrap();
        assert_eq!(select.all, [("jurisdiction".parse().unwrap(), Test::Eq(Scalar::Text("EU".into())))]);
    }
}
