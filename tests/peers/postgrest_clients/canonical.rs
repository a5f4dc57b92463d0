//! What a request asks, however it is written: conditions beside each other or in one `and=(…)`, values quoted or not,
//! the limit as a parameter or as a range.

use std::collections::BTreeSet;

use super::recorder::Read;

/// A request's meaning.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    path: String,
    select: String,
    order: String,
    limit: Option<u32>,
    /// Column, operator, values.
    conditions: BTreeSet<(String, String, Vec<String>)>,
}

impl Asked {
    pub(super) fn read(read: &Read) -> Self {
        let range = read.range.as_deref().and_then(|range| range.strip_prefix("0-"));
        let mut asked = Self {
            path: read.uri.path().to_owned(),
            select: String::new(),
            order: String::new(),
            limit: range.map(|last| last.parse::<u32>().unwrap() + 1),
            conditions: BTreeSet::new(),
        };
        for (name, value) in url::form_urlencoded::parse(read.uri.query().unwrap_or_default().as_bytes()) {
            match &*name {
                "select" => asked.select = value.into_owned(),
                "order" => asked.order = value.into_owned(),
                "limit" => asked.limit = Some(value.parse().unwrap()),
                "and" => {
                    let listed = value.strip_prefix('(').and_then(|list| list.strip_suffix(')')).unwrap();
                    for condition in parted(listed) {
                        let (column, rest) = condition.split_once('.').unwrap();
                        asked.add(column, rest);
                    }
                }
                column => asked.add(column, &value),
            }
        }
        asked
    }

    fn add(&mut self, column: &str, condition: &str) {
        let (operator, value) = condition.rsplit_once(".is.").map_or_else(
            || condition.split_once('.').unwrap(),
            |(not, value)| (if not.is_empty() { "is" } else { "not.is" }, value),
        );
        let values = match operator {
            "in" => {
                let listed = value.strip_prefix('(').and_then(|list| list.strip_suffix(')')).unwrap();
                parted(listed).into_iter().map(unquoted).collect()
            }
            _ => vec![unquoted(value)],
        };
        self.conditions.insert((column.to_owned(), operator.to_owned(), values));
    }
}

/// The parts between commas that stand outside quotes and parentheses.
fn parted(list: &str) -> Vec<&str> {
    let (mut parts, mut begun, mut depth, mut in_quotes, mut escaped) = (Vec::new(), 0, 0, false, false);
    for (at, letter) in list.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if in_quotes => escaped = true,
            '"' => in_quotes = !in_quotes,
            '(' if !in_quotes => depth += 1,
            ')' if !in_quotes => depth -= 1,
            ',' if !in_quotes && depth == 0 => {
                parts.push(&list[begun..at]);
                begun = at + 1;
            }
            _ => {}
        }
    }
    if begun < list.len() {
        parts.push(&list[begun..]);
    }
    parts
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else {
        return value.to_owned();
    };
    let mut letters = inner.chars();
    let mut value = String::new();
    while let Some(letter) = letters.next() {
        value.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    value
}
