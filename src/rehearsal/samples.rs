//! Tools as two personas of a restaurant would offer them, for the tests of the model.

use serde_json::{Value, json};

use super::toolbox::Tool;

/// What a waiter offers, as it stands in `session.update`.
pub(super) fn waiter_json() -> Value {
    json!([
        {"type": "function", "name": "lookup_menu",
         "description": "Looks up food and drinks on the menu by name, category (such as drinks, mains, desserts) or what is in them. Returns each item's id, name, category, price and currency, description, dietary notes, allergens, venue and image.",
         "parameters": {"type": "object", "properties": {
            "query": {"type": "string", "minLength": 1, "maxLength": 80,
                "description": "One or two words of the dish or drink, its category or what is in it, such as: drinks, coffee, goat, vegetarian"},
            "max_price": {"type": "number", "minimum": 0,
                "description": "Only items that cost at most this, in the currency of the menu"}},
            "required": ["query"], "additionalProperties": false}},
        {"type": "function", "name": "recommend_pairing",
         "description": "Recommends what goes well with a menu item: returns the best pairings first, each with its id, name, price, currency and the reason. Needs the item's id, which lookup_menu returns.",
         "parameters": {"type": "object", "properties": {
            "item_id": {"type": "string", "description": "The id of the menu item, as lookup_menu returned it"}},
            "required": ["item_id"]}},
        {"type": "function", "name": "handoff_to_cfo",
         "description": "The caller asks about accounting, tax, VAT, invoices, audit or financial figures such as revenue, profit or EBITDA.",
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
         "description": "Fetches the profit and loss statement (P&L) of a period from the general ledger, per currency: revenue, cost of goods sold, gross profit, operating expenses, EBITDA and margins, the total of each account, and the largest ledger lines behind the figures.",
         "parameters": {"type": "object", "properties": {
            "period": {"type": "string", "description": "The period: a month such as 2026-03, a quarter such as 2026-Q1, a year such as 2026, or a range of days such as 2026-01-01..2026-03-31."},
            "currency": {"type": "string", "enum": ["RWF", "EUR", "USD", "GBP", "CAD"],
                "description": "Only this currency; leave it out for all currencies."}},
            "required": ["period"]}},
        {"type": "function", "name": "check_tax_rule",
         "description": "Checks the tax rules of a jurisdiction (US, CA, EU, UK) on a topic such as VAT, sales tax, GST, invoices, deductions or withholding; returns each rule with a note, its rate and the authority (statute or standard) to cite.",
         "parameters": {"type": "object", "properties": {
            "jurisdiction": {"type": "string", "enum": ["US", "CA", "EU", "UK"],
                "description": "Whose tax law: US (United States), CA (Canada), EU (European Union) or UK (United Kingdom)."},
            "topic": {"type": "string", "minLength": 2, "maxLength": 200,
                "description": "The subject in a few words, such as: VAT on restaurant meals. Name a state, province or member state when it matters."}},
            "required": ["jurisdiction", "topic"]}},
        {"type": "function", "name": "handoff_to_waiter",
         "description": "The caller wants food or drinks, asks about the menu, an order or a recommendation, or asks for the waiter.",
         "parameters": {"type": "object", "properties": {
            "reason": {"type": "string"}, "summary": {"type": "string"}}, "required": ["reason", "summary"]}},
        {"type": "function", "name": "handoff_back",
         "description": "Gives the caller back to the assistant they spoke with before, once what they came for is done or they ask to go back.",
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
