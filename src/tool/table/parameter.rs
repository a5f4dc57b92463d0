//! The parameters of a declared tool: what the file says, as JSON Schema for the model.

use serde_json::{Map, Number, Value, json};
use toml::de::DeValue;

use crate::tool::document::{Place, Section, integer};

/// The longest text a parameter may take when its file sets no limit of its own, in characters.
const DEFAULT_MAX_LENGTH: i64 = 500;
/// The longest text a file may allow, in characters.
const LONGEST: i64 = 4_000;
/// The longest description of a parameter, in characters.
const LONGEST_DESCRIPTION: usize = 500;

/// One parameter of a declared tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: String,
    /// Whether the model must give it.
    pub(super) required: bool,
    /// What stands in when the model leaves it out.
    pub(super) default: Option<Value>,
    /// JSON Schema of its values.
    pub(super) schema: Value,
    /// Where it is declared.
    pub(super) place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "string" => Some(Self::Text),
            "integer" => Some(Self::Integer),
            "number" => Some(Self::Number),
            "boolean" => Some(Self::Boolean),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
        }
    }

    fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// A value of the file as JSON, if it is of this kind.
    fn json(self, value: &DeValue<'_>) -> Option<Value> {
        match self {
            Self::Text => value.as_str().map(Value::from),
            Self::Integer => integer(value).map(Value::from),
            Self::Number => number(value).map(Value::Number),
            Self::Boolean => value.as_bool().map(Value::from),
        }
    }
}

impl Parameter {
    /// Reads one `[parameters.<name>]`; what is wrong is kept in the document.
    pub(super) fn read(name: &str, place: &Place, mut section: Section<'_, '_>) -> Option<Self> {
        if !is_parameter_name(name) {
            section.mistake(
                place,
                format!(
                    "`{name}` is no parameter name: use 1 to 40 of a-z, 0-9 and '_', beginning with a letter"
                ),
            );
        }
        let kind = read_kind(&mut section);
        let description = section.required_text("description", LONGEST_DESCRIPTION);
        let required = section.boolean("required");
        let mut schema = Map::new();
        let mut default = None;
        if let Some(kind) = kind {
            schema.insert("type".into(), kind.as_str().into());
            read_limits(kind, &mut section, &mut schema);
            read_enum(kind, &mut section, &mut schema);
            default = read_default(kind, &mut section);
        }
        if let Some(description) = &description {
            schema.insert("description".into(), description.get_ref().as_str().into());
        }
        if let Some(default) = &default {
            if required == Some(true) {
                section.mistake(place, format!("`{name}` has a default, so it cannot be required"));
            }
            schema.insert("default".into(), default.clone());
        }
        if kind.is_some() {
            // without a known type the keys that depend on it were never asked for
            section.finish();
        }
        Some(Self {
            name: name.to_owned(),
            required: required.unwrap_or(default.is_none()),
            default,
            schema: Value::Object(schema),
            place: place.clone(),
        })
    }
}

fn read_kind(section: &mut Section<'_, '_>) -> Option<Kind> {
    let name = section.required_text("type", 20)?;
    let kind = Kind::parse(name.get_ref());
    if kind.is_none() {
        section.mistake(
            &name.span(),
            format!("unknown type `{}`, known types are string, integer, number, boolean", name.get_ref()),
        );
    }
    kind
}

fn read_limits(kind: Kind, section: &mut Section<'_, '_>, schema: &mut Map<String, Value>) {
    if kind == Kind::Text {
        let min = section.integer("min_length", 0..=LONGEST).unwrap_or(1);
        let max = section.integer("max_length", 1..=LONGEST).unwrap_or(DEFAULT_MAX_LENGTH.max(min));
        if min > max {
            section.mistake(section.place(), format!("`min_length` {min} is above `max_length` {max}"));
        }
        schema.insert("minLength".into(), min.into());
        schema.insert("maxLength".into(), max.into());
        if let Some(pattern) = section.text("pattern", 200) {
            let place = pattern.span();
            let pattern = Value::from(pattern.into_inner());
            if jsonschema::validator_for(&json!({"pattern": pattern})).is_err() {
                section.mistake(&place, "`pattern` is not a regular expression");
            }
            schema.insert("pattern".into(), pattern);
        }
    }
    if kind.is_numeric() {
        let (min, max) = (read_number(kind, "minimum", section), read_number(kind, "maximum", section));
        if let (Some(min), Some(max)) = (&min, &max)
            && min.as_f64() > max.as_f64()
        {
            section.mistake(section.place(), format!("`minimum` {min} is above `maximum` {max}"));
        }
        schema.extend(min.map(|min| ("minimum".into(), min)));
        schema.extend(max.map(|max| ("maximum".into(), max)));
    }
}

fn read_number(kind: Kind, key: &'static str, section: &mut Section<'_, '_>) -> Option<Value> {
    let value = section.value(key)?;
    let read = kind.json(value.get_ref());
    if read.is_none() {
        section.mistake(&value.span(), format!("`{key}` must be of type {}", kind.as_str()));
    }
    read
}

fn read_enum(kind: Kind, section: &mut Section<'_, '_>, schema: &mut Map<String, Value>) {
    let Some(value) = section.value("enum") else {
        return;
    };
    let choices = value.get_ref().as_array().map(|choices| {
        let json: Vec<_> = choices.iter().map_while(|choice| kind.json(choice.get_ref())).collect();
        (choices.len() == json.len() && !json.is_empty()).then_some(json)
    });
    match choices.flatten() {
        Some(choices) => {
            schema.insert("enum".into(), choices.into());
        }
        None => section.mistake(
            &value.span(),
            format!("`enum` must be a list of at least one value, each of type {}", kind.as_str()),
        ),
    }
}

fn read_default(kind: Kind, section: &mut Section<'_, '_>) -> Option<Value> {
    let value = section.value("default")?;
    let read = kind.json(value.get_ref());
    if read.is_none() {
        section.mistake(&value.span(), format!("`default` must be of type {}", kind.as_str()));
    }
    read
}

/// A TOML number as JSON; `None` when it is no finite number.
fn number(value: &DeValue<'_>) -> Option<Number> {
    if let Some(whole) = integer(value) {
        return Some(whole.into());
    }
    Number::from_f64(value.as_float()?.as_str().parse().ok()?)
}

fn is_parameter_name(name: &str) -> bool {
    name.len() <= 40
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}
