//! The filters of a declared tool. A value of the file may name arguments in braces; an argument becomes a bound
//! value, never a piece of a query.

use rust_decimal::Decimal;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use super::parts::{Part, arguments_of, parse_template, split_wildcards};
use super::read_column;
use crate::store::{Column, Pattern, Scalar, Test};
use crate::tool::document::{Section, integer};

/// What a column must satisfy, once the arguments are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Filter {
    column: Column,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq)]
enum Rule {
    Compare(Comparison, Operand),
    In(Vec<Operand>),
    Like(Vec<Part>),
    IsNull(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
}

/// A value of the file, which may name arguments.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Literal(Scalar),
    /// The whole value is one argument: it keeps its type.
    Argument(String),
    /// Text with arguments in it.
    Text(Vec<Part>),
}

const KNOWN_OPS: &str = "eq, ne, lt, lte, gt, gte, ilike, in, is_null";

impl Filter {
    /// Reads one `{ column = …, op = …, value = … }`; what is wrong is kept in the document.
    pub(super) fn read(mut section: Section<'_, '_>) -> Option<Self> {
        section.require("value");
        let column = section.required_text("column", 63).and_then(|name| read_column(&section, &name));
        let op = section.required_text("op", 20);
        let value = section.value("value");
        let rule = op.zip(value).and_then(|(op, value)| read_rule(&section, &op, value));
        section.finish();
        Some(Self { column: column?, rule: rule? })
    }

    /// The column it looks at.
    pub(super) fn column(&self) -> &Column {
        &self.column
    }

    /// The arguments it uses.
    pub(super) fn arguments(&self) -> Vec<&str> {
        match &self.rule {
            Rule::Compare(_, operand) => operand.arguments(),
            Rule::In(operands) => operands.iter().flat_map(Operand::arguments).collect(),
            Rule::Like(parts) => arguments_of(parts),
            Rule::IsNull(_) => Vec::new(),
        }
    }

    /// The test for these arguments; `None` when an argument it uses is absent: then it does not apply.
    ///
    /// # Errors
    /// Words for the model about an argument that cannot be bound.
    pub(super) fn bind(&self, arguments: &Map<String, Value>) -> Result<Option<(Column, Test)>, String> {
        if self.arguments().iter().any(|name| !arguments.contains_key(*name)) {
            return Ok(None);
        }
        let test = match &self.rule {
            Rule::Compare(comparison, operand) => comparison.test(operand.bind(arguments)?),
            Rule::In(operands) => {
                Test::In(operands.iter().map(|operand| operand.bind(arguments)).collect::<Result<_, _>>()?)
            }
            Rule::Like(parts) => {
                Test::Like(Pattern(parts.iter().map(|part| part.pattern(arguments)).collect()))
            }
            Rule::IsNull(is_null) => Test::IsNull(*is_null),
        };
        Ok(Some((self.column.clone(), test)))
    }
}

impl Comparison {
    fn parse(op: &str) -> Option<Self> {
        match op {
            "eq" => Some(Self::Eq),
            "ne" => Some(Self::Ne),
            "lt" => Some(Self::Lt),
            "lte" => Some(Self::Lte),
            "gt" => Some(Self::Gt),
            "gte" => Some(Self::Gte),
            _ => None,
        }
    }

    fn test(self, value: Scalar) -> Test {
        match self {
            Self::Eq => Test::Eq(value),
            Self::Ne => Test::Ne(value),
            Self::Lt => Test::Lt(value),
            Self::Lte => Test::Lte(value),
            Self::Gt => Test::Gt(value),
            Self::Gte => Test::Gte(value),
        }
    }
}

impl Operand {
    /// Reads it; what is wrong is kept in the document.
    pub(super) fn read(section: &Section<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<Self> {
        let literal = match value.get_ref() {
            DeValue::String(text) => {
                return match parse_template(text) {
                    Ok(parts) => Some(Self::of_parts(parts)),
                    Err(what) => {
                        section.mistake(&value.span(), what);
                        None
                    }
                };
            }
            DeValue::Boolean(yes) => Some(Scalar::Bool(*yes)),
            DeValue::Integer(_) => integer(value.get_ref()).map(Scalar::Integer),
            DeValue::Float(number) => decimal(number.as_str()).map(Scalar::Decimal),
            DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
        };
        if literal.is_none() {
            section
                .mistake(&value.span(), "`value` must be a text, a number, true or false (a date is a text)");
        }
        literal.map(Self::Literal)
    }

    fn of_parts(mut parts: Vec<Part>) -> Self {
        match parts.as_mut_slice() {
            [] => Self::Literal(Scalar::Text(String::new())),
            [Part::Text(text)] => Self::Literal(Scalar::Text(std::mem::take(text))),
            [Part::Argument(name)] => Self::Argument(std::mem::take(name)),
            _ => Self::Text(parts),
        }
    }

    /// The arguments it uses.
    pub(super) fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Argument(name) => vec![name],
            Self::Text(parts) => arguments_of(parts),
        }
    }

    /// The value for these arguments.
    ///
    /// # Errors
    /// Words for the model about an argument that cannot be bound.
    pub(super) fn bind(&self, arguments: &Map<String, Value>) -> Result<Scalar, String> {
        match self {
            Self::Literal(scalar) => Ok(scalar.clone()),
            Self::Argument(name) => scalar(arguments.get(name)).ok_or_else(|| {
                format!("the argument `{name}` must be a text, a number of usual size, true or false")
            }),
            Self::Text(parts) => Ok(Scalar::Text(parts.iter().map(|part| part.text(arguments)).collect())),
        }
    }
}

fn read_rule(section: &Section<'_, '_>, op: &Spanned<String>, value: &Spanned<DeValue<'_>>) -> Option<Rule> {
    if let Some(comparison) = Comparison::parse(op.get_ref()) {
        return Some(Rule::Compare(comparison, Operand::read(section, value)?));
    }
    match op.get_ref().as_str() {
        "ilike" => read_pattern(section, value).map(Rule::Like),
        "in" => {
            let Some(list) = value.get_ref().as_array() else {
                section.mistake(&value.span(), "`value` of `in` must be a list");
                return None;
            };
            let operands: Vec<_> = list.iter().filter_map(|value| Operand::read(section, value)).collect();
            (operands.len() == list.len()).then_some(Rule::In(operands))
        }
        "is_null" => {
            let is_null = value.get_ref().as_bool();
            if is_null.is_none() {
                section.mistake(&value.span(), "`value` of `is_null` must be true or false");
            }
            is_null.map(Rule::IsNull)
        }
        other => {
            section.mistake(&op.span(), format!("unknown op `{other}`, known ops are {KNOWN_OPS}"));
            None
        }
    }
}

fn read_pattern(section: &Section<'_, '_>, value: &Spanned<DeValue<'_>>) -> Option<Vec<Part>> {
    let Some(text) = value.get_ref().as_str() else {
        section.mistake(&value.span(), "`value` of `ilike` must be a text, such as \"%{query}%\"");
        return None;
    };
    match parse_template(text) {
        Ok(parts) => Some(parts.into_iter().flat_map(split_wildcards).collect()),
        Err(what) => {
            section.mistake(&value.span(), what);
            None
        }
    }
}

fn scalar(value: Option<&Value>) -> Option<Scalar> {
    match value? {
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Bool(yes) => Some(Scalar::Bool(*yes)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(Scalar::Integer(whole)),
            None => decimal(&number.to_string()).map(Scalar::Decimal),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok().or_else(|| Decimal::from_scientific(text).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::store::PatternPart;

    fn arguments(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn like(template: &str) -> Filter {
        let parts = parse_template(template).unwrap().into_iter().flat_map(split_wildcards).collect();
        Filter { column: "title".parse().unwrap(), rule: Rule::Like(parts) }
    }

    #[test]
    fn a_lone_argument_keeps_its_type() {
        let operand = Operand::of_parts(parse_template("{id}").unwrap());
        assert_eq!(operand.bind(&arguments(&json!({"id": 7}))), Ok(Scalar::Integer(7)));
        assert_eq!(operand.bind(&arguments(&json!({"id": true}))), Ok(Scalar::Bool(true)));
        let half = Operand::of_parts(parse_template("{id}").unwrap()).bind(&arguments(&json!({"id": 0.5})));
        assert_eq!(half, Ok(Scalar::Decimal(Decimal::new(5, 1))));
    }

    #[test]
    fn a_filter_without_its_argument_does_not_apply() {
        assert_eq!(like("%{query}%").bind(&Map::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn an_argument_is_data_to_the_last_character(query in ".*") {
            let (_, test) = like("%{query}%").bind(&arguments(&json!({"query": query}))).unwrap().unwrap();
            let expected = Pattern(vec![PatternPart::Any, PatternPart::Text(query), PatternPart::Any]);
            prop_assert_eq!(test, Test::Like(expected));
        }
    }
}
