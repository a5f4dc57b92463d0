//! Tools as two personas of a restaurant would offer them, for the tests of the model.

use serde_json::{Value, json};

use super::toolbox::Tool;

/// What a waiter offers, as it stands in `session.update`.
pub(super) fn waiter_json() -> Value {
    json!([
        {"type": "function", "name": "lookup_menu",
         "description": "Find menu items by name; returns price, description and image URL.",
         "parameters": {"type": "object", "properties": {
            "query": {"type": "string", "description": "Words of the dish or drink", "minLength": 1, "maxLength": 80}},
            "required": ["query"], "additionalProperties": false}},
        {"type": "function", "name": "recommend_pairing",
         "description": "Recommend what goes well with a menu item.",
         "parameters": {"type": "object", "properties": {
            "item_id": {"type": "string", "description": "The id of the menu item, from lookup_menu"}},
            "required": ["item_id"]}},
        {"type": "function", "name": "handoff_to_cfo",
         "description": "The caller asks about accounting, tax, invoices or financial figures.",
         "parameters": {"type": "object", "properties": {
            "reason": {"type": "string", "description": "Why the caller needs the other persona"},
            "summary": {"type": "string", "description": "What was said so far"}},
            "required": ["reason", "summary"]}}
    ])
}

/// What a chief financial officer offers.
pub(super) fn cfo_json() -> Value {
    json!([
        {"type": "function", "name": "fetch_financials",
         "description": "Profit and loss of a period: revenue, cost of goods, operating expenses, EBITDA.",
         "parameters": {"type": "object", "properties": {
            "period": {"type": "string", "description": "A month 2026-03, a quarter 2026-Q1, a year 2026, or a range 2026-01-01..2026-03-31"}},
            "required": ["period"]}},
        {"type": "function", "name": "check_tax_rule",
         "description": "Look up a tax rule and the authority to cite.",
         "parameters": {"type": "object", "properties": {
            "jurisdiction": {"type": "string", "enum": ["US", "CA", "EU", "UK"]},
            "topic": {"type": "string", "description": "What the rule is about"}},
            "required": ["jurisdiction", "topic"]}},
        {"type": "function", "name": "handoff_to_waiter",
         "description": "The caller asks about dishes, drinks or a table.",
         "parameters": {"type": "object", "properties": {
            "reason": {"type": "string"}, "summary": {"type": "string"}}, "required": ["reason", "summary"]}},
        {"type": "function", "name": "handoff_back",
         "description": "Give the caller back to the persona before you.",
         "parameters": {"type": "object", "properties": {"reason": {"type": "string"}}}}
    ])
}

/// [`waiter_json`], read.
pub(super) fn waiter_tools() -> Vec<Tool> {
    Tool::all(&waiter_json())
}

/// [`cfo_json`], read.
pub(super) fn cfo_tools() -> Vec<Tool> {
    Tool::all(&cfo_json())
}
