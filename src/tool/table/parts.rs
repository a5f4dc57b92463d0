//! The texts of a declared tool's filters: plain, with arguments in braces, and with wildcards.

use serde_json::{Map, Value};

use crate::store::PatternPart;

/// A piece of such a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// Any run of characters; in patterns only.
    Any,
    Text(String),
    Argument(String),
}

impl Part {
    pub(super) fn text(&self, arguments: &Map<String, Value>) -> String {
        match self {
            Self::Any => String::new(),
            Self::Text(text) => text.clone(),
            Self::Argument(name) => match arguments.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            },
        }
    }

    pub(super) fn pattern(&self, arguments: &Map<String, Value>) -> PatternPart {
        match self {
            Self::Any => PatternPart::Any,
            Self::Text(_) | Self::Argument(_) => PatternPart::Text(self.text(arguments)),
        }
    }
}

/// The arguments the pieces name.
pub(super) fn arguments_of(parts: &[Part]) -> Vec<&str> {
    parts
        .iter()
        .filter_map(|part| match part {
            Part::Argument(name) => Some(name.as_str()),
            Part::Any | Part::Text(_) => None,
        })
        .collect()
}

/// Only the file's own `%` are wildcards; those in an argument are data.
pub(super) fn split_wildcards(part: Part) -> Vec<Part> {
    let Part::Text(text) = part else { return vec![part] };
    let mut parts = Vec::new();
    for (index, piece) in text.split('%').enumerate() {
        if index > 0 {
            parts.push(Part::Any);
        }
        if !piece.is_empty() {
            parts.push(Part::Text(piece.to_owned()));
        }
    }
    parts
}

/// Splits `"%{query}%"` into text and arguments; `{{` and `}}` are braces that mean themselves.
pub(super) fn parse_template(text: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        plain.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        let after = &rest[at + 1..];
        if let Some(escaped) = after.strip_prefix(brace) {
            plain.push_str(brace);
            rest = escaped;
            continue;
        }
        let (name, after) = (brace == "{").then(|| after.split_once('}')).flatten().ok_or_else(|| {
            format!("`{text}` has a lone `{brace}`: write `{{name}}`, or `{brace}{brace}` for a brace")
        })?;
        if !plain.is_empty() {
            parts.push(Part::Text(std::mem::take(&mut plain)));
        }
        parts.push(Part::Argument(name.trim().to_owned()));
        rest = after;
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        parts.push(Part::Text(plain));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_arguments_and_braces() {
        let parts = parse_template("a {{x}} {query}!").unwrap();
        let expected = [Part::Text("a {x} ".into()), Part::Argument("query".into()), Part::Text("!".into())];
        assert_eq!(parts, expected);
        assert!(parse_template("{query").is_err());
        assert!(parse_template("query}").is_err());
    }
}
