//! The language the field tables are written in, and the check of a value against it.
//!
//! A shape is closed: a field the table does not name is `unknown_parameter`, as with the real API.

use serde_json::{Map, Value};

use super::refusal::{Refusal, invalid, missing, unknown, unsupported, wrong_type};

/// What a value may be.
pub(super) enum Shape {
    /// Anything; checked elsewhere, or a tag already read.
    Any,
    /// `true` or `false`.
    Flag,
    /// A string of at most so many characters.
    Text(usize),
    /// A string of 1 to so many characters of `A-Za-z0-9_-`.
    Name(usize),
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// A whole number within these bounds, both included.
    Integer(i64, i64),
    /// A number within these bounds, both included.
    Number(f64, f64),
    /// A list of at least and at most so many.
    List(usize, usize, &'static Shape),
    /// A closed object.
    Object(&'static [Field]),
    /// An object whose string at the first name decides which shape it has.
    Tagged(&'static str, &'static [(&'static str, Shape)]),
    /// An object with string values: `metadata`.
    Metadata,
    /// An object with anything in it.
    Free,
    /// A JSON Schema of an object: the parameters of a function.
    Schema,
    /// `["audio"]` or `["text"]`.
    Modalities,
    /// The shape, or `null`.
    Nullable(&'static Shape),
    /// The first of these whose JSON kind fits.
    Either(&'static [Shape]),
}

/// One field of a closed object.
pub(super) struct Field {
    name: &'static str,
    required: bool,
    shape: Shape,
}

/// A field that must be there.
pub(super) const fn must(name: &'static str, shape: Shape) -> Field {
    Field { name, required: true, shape }
}

/// A field that may be there.
pub(super) const fn may(name: &'static str, shape: Shape) -> Field {
    Field { name, required: false, shape }
}

/// How many pairs, and how long a key and a value of `metadata` may be.
const METADATA: (usize, usize, usize) = (16, 64, 512);

impl Shape {
    /// Checks `value`, which stands at `path`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its code and its path.
    pub(super) fn check(&self, value: &Value, path: &str) -> Result<(), Refusal> {
        if !self.is_of_kind(value) {
            return Err(wrong_type(self.kind_name(), value, path));
        }
        match (self, value) {
            (Self::Text(max), Value::String(text)) => check_length(text, *max, path),
            (Self::Name(max), Value::String(text)) => check_name(text, *max, path),
            (Self::OneOf(known), Value::String(text)) => check_one_of(text, known, path),
            (Self::Integer(min, max), Value::Number(number)) => {
                let whole = number.as_i64().unwrap_or(i64::MAX);
                check_bounds("integer", &whole, min, max, path)
            }
            (Self::Number(min, max), Value::Number(number)) => {
                check_bounds("decimal", &number.as_f64().unwrap_or(f64::MAX), min, max, path)
            }
            (Self::List(min, max, each), Value::Array(list)) => check_list(list, (*min, *max), each, path),
            (Self::Object(fields), Value::Object(object)) => check_object(object, fields, path),
            (Self::Tagged(tag, arms), value) => check_tagged(value, tag, arms, path),
            (Self::Metadata, Value::Object(object)) => check_metadata(object, path),
            (Self::Schema, Value::Object(object)) => check_schema(object, path),
            (Self::Modalities, Value::Array(list)) => check_modalities(list, path),
            (Self::Nullable(shape), value) if !value.is_null() => shape.check(value, path),
            (Self::Either(shapes), value) => match shapes.iter().find(|shape| shape.is_of_kind(value)) {
                Some(shape) => shape.check(value, path),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn is_of_kind(&self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::Flag => value.is_boolean(),
            Self::Text(_) | Self::Name(_) | Self::OneOf(_) => value.is_string(),
            Self::Integer(..) => value.is_i64() || value.is_u64(),
            Self::Number(..) => value.is_number(),
            Self::List(..) | Self::Modalities => value.is_array(),
            Self::Object(_) | Self::Tagged(..) | Self::Metadata | Self::Free | Self::Schema => {
                value.is_object()
            }
            Self::Nullable(shape) => value.is_null() || shape.is_of_kind(value),
            Self::Either(shapes) => shapes.iter().any(|shape| shape.is_of_kind(value)),
        }
    }

    fn kind_name(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Flag => "a boolean",
            Self::Text(_) | Self::Name(_) | Self::OneOf(_) => "a string",
            Self::Integer(..) => "an integer",
            Self::Number(..) => "a decimal",
            Self::List(..) | Self::Modalities => "an array",
            Self::Object(_) | Self::Tagged(..) | Self::Metadata | Self::Free | Self::Schema => "an object",
            Self::Nullable(shape) => shape.kind_name(),
            Self::Either(shapes) => shapes.first().map_or("a value", Self::kind_name),
        }
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn check_length(text: &str, max: usize, path: &str) -> Result<(), Refusal> {
    let length = text.chars().count();
    if length <= max {
        return Ok(());
    }
    Err(Refusal::new(
        "string_above_max_length",
        format!(
            "Invalid '{path}': string too long. Expected a string with maximum length {max}, \
             but got a string with length {length} instead."
        ),
    )
    .at(path))
}

fn check_name(text: &str, max: usize, path: &str) -> Result<(), Refusal> {
    check_length(text, max, path)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(());
    }
    Err(invalid(path, "string does not match pattern. Expected a string that matches '^[a-zA-Z0-9_-]+$'"))
}

fn check_one_of(text: &str, known: &[&str], path: &str) -> Result<(), Refusal> {
    if known.contains(&text) { Ok(()) } else { Err(unsupported(text, known.iter().copied(), path)) }
}

fn check_bounds<N: PartialOrd + std::fmt::Display>(
    kind: &str,
    number: &N,
    min: &N,
    max: &N,
    path: &str,
) -> Result<(), Refusal> {
    let (code, expected) = if number < min {
        ("below_min_value", format!("below minimum value. Expected a value >= {min}"))
    } else if number > max {
        ("above_max_value", format!("above maximum value. Expected a value <= {max}"))
    } else {
        return Ok(());
    };
    let code = match (kind, code) {
        ("integer", "below_min_value") => "integer_below_min_value",
        ("integer", _) => "integer_above_max_value",
        (_, "below_min_value") => "decimal_below_min_value",
        _ => "decimal_above_max_value",
    };
    let why = format!("Invalid '{path}': {kind} {expected}, but got {number} instead.");
    Err(Refusal::new(code, why).at(path))
}

fn check_list(list: &[Value], (min, max): (usize, usize), each: &Shape, path: &str) -> Result<(), Refusal> {
    if list.len() < min {
        let why = format!("empty array. Expected an array with minimum length {min}");
        return Err(Refusal::new("empty_array", format!("Invalid '{path}': {why}.")).at(path));
    }
    if list.len() > max {
        let why = format!("array too long. Expected an array with maximum length {max}");
        return Err(Refusal::new("array_above_max_length", format!("Invalid '{path}': {why}.")).at(path));
    }
    list.iter().enumerate().try_for_each(|(at, value)| each.check(value, &format!("{path}[{at}]")))
}

fn check_object(object: &Map<String, Value>, fields: &[Field], path: &str) -> Result<(), Refusal> {
    if let Some(name) = object.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
        return Err(unknown(&join(path, name)));
    }
    for field in fields {
        let at = join(path, field.name);
        match object.get(field.name) {
            Some(value) => field.shape.check(value, &at)?,
            None if field.required => return Err(missing(&at)),
            None => {}
        }
    }
    Ok(())
}

fn check_tagged(
    object: &Value,
    tag: &str,
    arms: &'static [(&'static str, Shape)],
    path: &str,
) -> Result<(), Refusal> {
    let at = join(path, tag);
    let value = match object.get(tag) {
        Some(Value::String(value)) => value,
        Some(other) => return Err(wrong_type("a string", other, &at)),
        None => return Err(missing(&at)),
    };
    match arms.iter().find(|(name, _)| name == value) {
        Some((_, shape)) => shape.check(object, path),
        None => Err(unsupported(value, arms.iter().map(|(name, _)| *name), &at)),
    }
}

fn check_metadata(object: &Map<String, Value>, path: &str) -> Result<(), Refusal> {
    let (pairs, key_max, value_max) = METADATA;
    if object.len() > pairs {
        return Err(Refusal::new(
            "object_above_max_properties",
            format!("Invalid '{path}': too many properties. Expected at most {pairs}."),
        )
        .at(path));
    }
    for (key, value) in object {
        check_length(key, key_max, path)?;
        Shape::Text(value_max).check(value, &join(path, key))?;
    }
    Ok(())
}

fn check_schema(object: &Map<String, Value>, path: &str) -> Result<(), Refusal> {
    if object.get("type").and_then(Value::as_str) != Some("object") {
        return Err(invalid(&join(path, "type"), "schema must be a JSON Schema of 'type: \"object\"'"));
    }
    match object.get("properties") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(other) => Err(wrong_type("an object", other, &join(path, "properties"))),
    }
}

fn check_modalities(list: &[Value], path: &str) -> Result<(), Refusal> {
    if matches!(list, [Value::String(only)] if only == "audio" || only == "text") {
        return Ok(());
    }
    let got = Value::Array(list.to_vec());
    let known = "[\"text\"] and [\"audio\"]";
    Err(Refusal::new(
        "invalid_value",
        format!("Invalid modalities: {got}. Supported combinations are: {known}."),
    )
    .at(path))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const POINT: Shape = Shape::Object(&[must("x", Shape::Integer(0, 10)), may("label", Shape::Text(3))]);

    fn refused(shape: &Shape, value: &Value) -> (&'static str, String) {
        let refusal = shape.check(value, "p").unwrap_err();
        (refusal.code, refusal.param.unwrap())
    }

    #[test]
    fn a_closed_object_takes_what_it_names_and_nothing_else() {
        POINT.check(&json!({"x": 3, "label": "abc"}), "p").unwrap();
        assert_eq!(refused(&POINT, &json!({"x": 3, "y": 1})), ("unknown_parameter", "p.y".into()));
        assert_eq!(refused(&POINT, &json!({})), ("missing_required_parameter", "p.x".into()));
        assert_eq!(refused(&POINT, &json!({"x": 1.5})), ("invalid_type", "p.x".into()));
        assert_eq!(refused(&POINT, &json!({"x": 11})), ("integer_above_max_value", "p.x".into()));
        assert_eq!(
            refused(&POINT, &json!({"x": 1, "label": "äöüß"})),
            ("string_above_max_length", "p.label".into())
        );
        assert_eq!(refused(&POINT, &json!({"x": 1, "label": null})), ("invalid_type", "p.label".into()));
    }

    #[test]
    fn a_list_names_the_element_that_is_wrong() {
        const POINTS: Shape = Shape::List(1, 2, &POINT);
        assert_eq!(
            refused(&POINTS, &json!([{"x": 1}, {"x": -1}])),
            ("integer_below_min_value", "p[1].x".into())
        );
        assert_eq!(refused(&POINTS, &json!([])), ("empty_array", "p".into()));
    }

    #[test]
    fn metadata_is_small_and_made_of_strings() {
        let many: Map<String, Value> = (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
        Shape::Metadata.check(&json!({"purpose": "summary"}), "p").unwrap();
        assert_eq!(refused(&Shape::Metadata, &Value::Object(many)).0, "object_above_max_properties");
        assert_eq!(refused(&Shape::Metadata, &json!({"k": 1})), ("invalid_type", "p.k".into()));
        assert_eq!(refused(&Shape::Metadata, &json!({"k": "x".repeat(513)})).0, "string_above_max_length");
    }

    #[test]
    fn the_answer_is_either_spoken_or_written() {
        Shape::Modalities.check(&json!(["audio"]), "p").unwrap();
        for both in [json!(["audio", "text"]), json!([]), json!(["video"])] {
            assert_eq!(refused(&Shape::Modalities, &both), ("invalid_value", "p".into()));
        }
    }
}
