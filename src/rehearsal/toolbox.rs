//! The tools a session was given, and which of them an utterance is about.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::period::Wanted;
use super::words::{Word, identifier_words, kin, stems, words};

/// How much a word counts by where it stands in a tool.
const IN_NAME: f64 = 2.0;
const IN_DESCRIPTION: f64 = 1.0;
const IN_PARAMETER: f64 = 0.7;
/// A word of the same family counts less than the word itself.
const AS_KIN: f64 = 0.7;
/// What the caller names as the subject ("about VAT", "EBITDA") counts more.
const AS_SUBJECT: f64 = 1.6;
/// Two scores this close are a tie.
const TIE: f64 = 0.95;

/// A function the session offers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) parameters: Vec<Parameter>,
}

/// One parameter of a tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) kind: Kind,
    pub(super) required: bool,
    /// `pattern` and `format` of the schema: a hint at what the text looks like.
    pub(super) hint: String,
    /// Longest text, in characters.
    pub(super) max_length: Option<usize>,
    /// Shortest text, in characters.
    pub(super) min_length: usize,
}

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Flag,
    /// One of these.
    Choice(Vec<String>),
    /// A list of texts.
    Texts,
    /// A list of things with how many of each, by the names of the two fields.
    Lines {
        item: String,
        quantity: String,
    },
    /// Something the rehearsal model cannot make up.
    Other,
}

impl Tool {
    /// The function tools among the tools of a session.
    pub(super) fn all(tools: &Value) -> Vec<Self> {
        let tools = tools.as_array().map(Vec::as_slice).unwrap_or_default();
        tools.iter().filter(|tool| tool["type"] == "function").map(Self::read).collect()
    }

    fn read(tool: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let schema = &tool["parameters"];
        let required: Vec<&str> = match schema["required"].as_array() {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        let properties = schema["properties"].as_object();
        let parameters = properties.into_iter().flatten();
        Self {
            name: text(&tool["name"]),
            description: text(&tool["description"]),
            parameters: parameters
                .map(|(name, schema)| Parameter::read(name, schema, required.contains(&name.as_str())))
                .collect(),
        }
    }

    /// Whether calling it gives the caller to another persona.
    pub(super) fn is_handoff(&self) -> bool {
        is_handoff(&self.name)
    }

    /// The stems of its name, without the word "handoff" itself.
    pub(super) fn name_stems(&self) -> BTreeSet<String> {
        let mut found = stems(&identifier_words(&self.name));
        found.remove("handoff");
        found
    }

    /// Each stem of the tool with the weight of the best place it stands in.
    fn weights(&self) -> BTreeMap<String, f64> {
        let mut weights = BTreeMap::new();
        let mut add = |text: &str, weight: f64| {
            for stem in stems(text) {
                let entry = weights.entry(stem).or_insert(weight);
                *entry = entry.max(weight);
            }
        };
        add(&self.description, IN_DESCRIPTION);
        for parameter in &self.parameters {
            if parameter.is_story() || parameter.name == "repeat" {
                continue;
            }
            add(&identifier_words(&parameter.name), IN_PARAMETER);
            add(&parameter.description, IN_PARAMETER);
            if let Kind::Choice(values) = &parameter.kind {
                values.iter().for_each(|value| add(value, IN_PARAMETER));
            }
        }
        for stem in self.name_stems() {
            weights.insert(stem, IN_NAME);
        }
        weights
    }
}

/// Whether a tool of this name gives the caller to another persona.
pub(super) fn is_handoff(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("handoff")
}

impl Parameter {
    fn read(name: &str, schema: &Value, required: bool) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let length = |value: &Value| value.as_u64().and_then(|length| usize::try_from(length).ok());
        Self {
            name: name.to_owned(),
            description: text(&schema["description"]),
            kind: Kind::read(schema),
            required,
            hint: format!("{} {}", text(&schema["pattern"]), text(&schema["format"])),
            max_length: length(&schema["maxLength"]),
            min_length: length(&schema["minLength"]).unwrap_or(0),
        }
    }

    /// Whether it wants to be told what was said: `reason`, `summary`.
    pub(super) fn is_story(&self) -> bool {
        self.kind == Kind::Text
            && ["reason", "summary", "context", "note", "notes"].contains(&self.name.as_str())
    }

    /// Whether it wants a period or a date.
    pub(super) fn is_about_time(&self) -> bool {
        Wanted::by(&self.name, &self.description, &self.hint).is_some()
    }

    /// Whether it names a row that an earlier output has shown.
    pub(super) fn is_id(&self) -> bool {
        self.name == "id" || self.name.ends_with("_id") || self.name.ends_with("Id")
    }
}

impl Kind {
    fn read(schema: &Value) -> Self {
        let choice = schema["enum"].as_array().map(Vec::as_slice).unwrap_or_default();
        let choice: Vec<String> = choice.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if !choice.is_empty() {
            return Self::Choice(choice);
        }
        // `["string", "null"]` is how an optional field of a typed tool reads
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
            kind => kind.as_str(),
        };
        match kind {
            Some("string") => Self::Text,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("boolean") => Self::Flag,
            Some("array") if schema["items"]["type"] == "string" => Self::Texts,
            Some("array") => Self::lines(&schema["items"]).unwrap_or(Self::Other),
            _ => Self::Other,
        }
    }

    fn lines(row: &Value) -> Option<Self> {
        let fields = row["properties"].as_object()?;
        let of =
            |kind: &str| fields.iter().find(|(_, field)| field["type"] == kind).map(|(name, _)| name.clone());
        Some(Self::Lines { item: of("string")?, quantity: of("integer")? })
    }
}

/// The tools an utterance is about, best first, as (index, score). A tool it does not touch is not in the list.
pub(super) fn rank(tools: &[Tool], utterance: &str) -> Vec<(usize, f64)> {
    let weights: Vec<BTreeMap<String, f64>> = tools.iter().map(Tool::weights).collect();
    let mut scores = vec![0.0; tools.len()];
    for (stem, emphasis) in emphasised(utterance) {
        let family = kin(&stem);
        let hits: Vec<f64> = weights.iter().map(|tool| hit(tool, &stem, &family)).collect();
        let touched = hits.iter().filter(|hit| **hit > 0.0).count();
        let rarity = rarity(tools.len(), touched);
        for (score, hit) in scores.iter_mut().zip(hits) {
            *score += hit * rarity * emphasis;
        }
    }
    let mut ranked: Vec<(usize, f64)> =
        scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    domain_first_on_a_tie(tools, &mut ranked);
    ranked
}

/// Each stem that counts, once, with how much the caller leans on it.
fn emphasised(utterance: &str) -> BTreeMap<String, f64> {
    let all = words(utterance);
    let about = all.iter().position(|word| word.text.eq_ignore_ascii_case("about"));
    let subject = about.and_then(|at| all.iter().skip(at).position(|word| word.counts).map(|skip| at + skip));
    let mut found = BTreeMap::new();
    for (at, word) in all.iter().enumerate().filter(|(_, word)| word.counts) {
        let emphasis = if Some(at) == subject || is_acronym(word) { AS_SUBJECT } else { 1.0 };
        let entry = found.entry(word.stem.clone()).or_insert(emphasis);
        *entry = emphasis.max(*entry);
    }
    found
}

fn is_acronym(word: &Word) -> bool {
    word.text.len() >= 3 && word.text.chars().all(char::is_uppercase)
}

fn hit(tool: &BTreeMap<String, f64>, stem: &str, family: &BTreeSet<&str>) -> f64 {
    let itself = tool.get(stem).copied().unwrap_or(0.0);
    let related = family.iter().filter_map(|one| tool.get(*one)).fold(0.0, |best: f64, one| best.max(*one));
    itself.max(related * AS_KIN)
}

/// 1 for a word that only one tool knows, less the more of them know it.
fn rarity(tools: usize, touched: usize) -> f64 {
    if touched == 0 {
        return 0.0;
    }
    let (tools, touched) = (tools as f64, touched as f64);
    (1.0 + tools / touched).ln() / (1.0 + tools).ln()
}

/// A persona that can help itself does not hand the caller on.
fn domain_first_on_a_tie(tools: &[Tool], ranked: &mut [(usize, f64)]) {
    let Some(&(best, top)) = ranked.first() else {
        return;
    };
    if !tools[best].is_handoff() {
        return;
    }
    let domain = ranked.iter().position(|(at, score)| !tools[*at].is_handoff() && *score >= top * TIE);
    if let Some(domain) = domain {
        ranked[..=domain].rotate_right(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::samples::{cfo_tools, waiter_tools};

    fn best(tools: &[Tool], utterance: &str) -> Option<String> {
        rank(tools, utterance).first().map(|(at, _)| tools[*at].name.clone())
    }

    #[test]
    fn the_words_of_the_utterance_find_the_tool() {
        let (waiter, cfo) = (waiter_tools(), cfo_tools());
        for (tools, utterance, tool) in [
            (&waiter, "What drinks do you have?", "lookup_menu"),
            (&waiter, "Which beer do you serve?", "lookup_menu"),
            (&waiter, "What goes well with the grilled tilapia?", "recommend_pairing"),
            (&waiter, "I have a question about VAT on restaurant meals in the EU", "handoff_to_cfo"),
            (&waiter, "What was our EBITDA in 2026-03?", "handoff_to_cfo"),
            (&waiter, "Can I talk to your accountant?", "handoff_to_cfo"),
            (&cfo, "What was our EBITDA in 2026-03?", "fetch_financials"),
            (&cfo, "Show me the profit for March 2026", "fetch_financials"),
            (&cfo, "VAT on restaurant meals in the EU", "check_tax_rule"),
            (&cfo, "Bring me back to the waiter", "handoff_to_waiter"),
        ] {
            assert_eq!(best(tools, utterance).as_deref(), Some(tool), "{utterance}");
        }
        assert_eq!(best(&waiter, "Sing a lullaby"), None);
        assert_eq!(best(&[], "What drinks do you have?"), None);
    }

    #[test]
    fn a_domain_tool_wins_a_tie_with_a_handoff() {
        let tool =
            |name: &str| Tool { name: name.into(), description: "Invoices".into(), parameters: Vec::new() };
        let tools = [tool("handoff_to_clerk"), tool("print")];
        assert_eq!(best(&tools, "invoices please").as_deref(), Some("print"));
    }

    #[test]
    fn a_schema_is_read_for_what_its_parameters_take() {
        let tools = Tool::all(&serde_json::json!([
            {"type": "mcp", "server_label": "x"},
            {"type": "function", "name": "f", "parameters": {"type": "object", "required": ["a"], "properties": {
                "a": {"type": ["string", "null"], "pattern": "^\\d{4}$", "maxLength": 9},
                "b": {"type": "string", "enum": ["x", "y"]},
                "c": {"type": "array", "items": {"type": "string"}},
                "d": {"type": "object"}}}}
        ]));
        let kinds: Vec<&Kind> = tools[0].parameters.iter().map(|parameter| &parameter.kind).collect();
        let choice = Kind::Choice(vec!["x".into(), "y".into()]);
        assert_eq!(kinds, [&Kind::Text, &choice, &Kind::Texts, &Kind::Other]);
        assert_eq!((tools[0].parameters[0].required, tools[0].parameters[0].max_length), (true, Some(9)));
    }
}
