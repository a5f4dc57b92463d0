//! A tool call's arguments: checked, and refused in words the model can act on.

use std::borrow::Cow;

use jsonschema::Validator;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::{Map, Value};
use validator::{ValidationErrors, ValidationErrorsKind};

/// The longest arguments that are looked at, in bytes.
pub(super) const MAX_ARGUMENTS: usize = 16 << 10;
/// At most so many problems are told at once.
const MAX_PROBLEMS: usize = 8;
/// At most so much of a wrong value is repeated to the model, in characters.
const MAX_ECHO: usize = 60;

/// The arguments as an object that satisfies the schema. What is null counts as absent.
///
/// # Errors
/// One line per problem.
pub(super) fn check(text: &str, schema: &Validator) -> Result<Map<String, Value>, String> {
    let mut arguments = parse(text)?;
    arguments.retain(|_, value| !value.is_null());
    let arguments = Value::Object(arguments);
    let problems: Vec<_> =
        schema.iter_errors(&arguments).take(MAX_PROBLEMS).map(|error| in_words(&error)).collect();
    match arguments {
        Value::Object(arguments) if problems.is_empty() => Ok(arguments),
        _ => Err(problems.join("\n")),
    }
}

fn parse(text: &str) -> Result<Map<String, Value>, String> {
    if text.len() > MAX_ARGUMENTS {
        return Err(format!("the arguments have {} bytes, they may have {MAX_ARGUMENTS}", text.len()));
    }
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        Ok(other) => Err(format!("the arguments must be one JSON object, not {}", kind_of(&other))),
        Err(error) => Err(format!("the arguments are not valid JSON: {error}")),
    }
}

fn in_words(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.instance_path().as_str().trim_start_matches('/').replace('/', ".");
    let argument = match path.as_str() {
        "" => "the arguments".to_owned(),
        path => format!("the argument `{path}`"),
    };
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            format!("the argument `{}` is missing", property.as_str().unwrap_or_default())
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let named = |name: &String| format!("`{}`", shorten(name));
            let names: Vec<_> = unexpected.iter().take(MAX_PROBLEMS).map(named).collect();
            format!("there is no argument {}", names.join(", "))
        }
        kind => format!("{argument} must {}, got {}", demand(kind), given(kind, error.instance())),
    }
}

/// What a value must be or have.
fn demand(kind: &ValidationErrorKind) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("be of type {}", type_words(kind)),
        ValidationErrorKind::Enum { options } => format!("be one of {}", choices(options)),
        ValidationErrorKind::MinLength { limit } => format!("have at least {limit} characters"),
        ValidationErrorKind::MaxLength { limit } => format!("have at most {limit} characters"),
        ValidationErrorKind::Minimum { limit } => format!("be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("be at most {limit}"),
        ValidationErrorKind::Pattern { pattern } => format!("match the pattern {pattern}"),
        other => format!("satisfy `{}`", other.keyword()),
    }
}

/// What was given instead: for a text of the wrong length only how long it is.
fn given(kind: &ValidationErrorKind, value: &Value) -> String {
    match (kind, value) {
        (
            ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MaxLength { .. },
            Value::String(text),
        ) => text.chars().count().to_string(),
        (_, value) => shorten(&value.to_string()).into_owned(),
    }
}

fn type_words(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(many) => many.iter().map(|each| each.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

fn choices(options: &Value) -> String {
    let options = options.as_array().map(Vec::as_slice).unwrap_or_default();
    options.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(MAX_ECHO) {
        Some((end, _)) => format!("{}…", &text[..end]).into(),
        None => text.into(),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// What `validator` found, one line per problem. It says what is asked for, and leaves out the value.
pub(super) fn violations(errors: &ValidationErrors) -> String {
    let mut problems = Vec::new();
    collect(errors, "", &mut problems);
    problems.sort();
    problems.truncate(MAX_PROBLEMS);
    problems.join("\n")
}

fn collect(errors: &ValidationErrors, within: &str, problems: &mut Vec<String>) {
    for (field, kind) in errors.errors() {
        let path = if within.is_empty() { field.to_string() } else { format!("{within}.{field}") };
        match kind {
            ValidationErrorsKind::Field(found) => problems.extend(found.iter().map(|error| {
                let wanted = error.message.clone().unwrap_or_else(|| wanted(error).into());
                format!("the argument `{path}` must {wanted}")
            })),
            ValidationErrorsKind::Struct(inner) => collect(inner, &path, problems),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    collect(inner, &format!("{path}.{index}"), problems);
                }
            }
        }
    }
}

fn wanted(error: &validator::ValidationError) -> String {
    let limit = |name: &str| error.params.get(name).map(Value::to_string);
    let unit = if error.code == "length" { " characters" } else { "" };
    let verb = if error.code == "length" { "have" } else { "be" };
    match (limit("min"), limit("max")) {
        (Some(min), Some(max)) => format!("{verb} {min} to {max}{unit}"),
        (Some(min), None) => format!("{verb} at least {min}{unit}"),
        (None, Some(max)) => format!("{verb} at most {max}{unit}"),
        (None, None) => format!("satisfy `{}`", error.code),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use validator::Validate;

    use super::*;

    fn schema() -> Validator {
        let schema = json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 2, "maxLength": 5},
                "place": {"enum": ["EU", "UK"]},
                "count": {"type": "integer", "minimum": 1, "maximum": 9},
            },
            "required": ["query"],
            "additionalProperties": false,
        });
        jsonschema::validator_for(&schema).unwrap()
    }

    #[test]
    fn good_arguments_pass_and_null_counts_as_absent() {
        let arguments = check(r#"{"query": "tea", "count": null}"#, &schema()).unwrap();
        assert_eq!(Value::Object(arguments), json!({"query": "tea"}));
    }

    #[test]
    fn each_problem_is_a_line_the_model_can_act_on() {
        let said = |text: &str| check(text, &schema()).unwrap_err();
        assert_eq!(said(""), "the argument `query` is missing");
        assert_eq!(said("[1]"), "the arguments must be one JSON object, not an array");
        assert!(said("{\"query\"").starts_with("the arguments are not valid JSON: "));
        assert_eq!(said(r#"{"query": 5}"#), "the argument `query` must be of type string, got 5");
        assert_eq!(said(r#"{"query": "x"}"#), "the argument `query` must have at least 2 characters, got 1");
        assert_eq!(
            said(r#"{"query": "tea", "place": "US", "count": 10, "colour": 1}"#),
            "the argument `count` must be at most 9, got 10\n\
             the argument `place` must be one of \"EU\", \"UK\", got \"US\"\n\
             there is no argument `colour`"
        );
    }

    #[test]
    fn a_wrong_value_is_repeated_only_in_part() {
        let long = "é".repeat(500);
        let said = check(&json!({"query": "tea", "place": long}).to_string(), &schema()).unwrap_err();
        assert!(said.chars().count() < 200, "{said}");
    }

    #[test]
    fn too_much_is_not_even_parsed() {
        let text = format!("{{\"query\": \"{}\"}}", "x".repeat(MAX_ARGUMENTS));
        assert!(check(&text, &schema()).unwrap_err().ends_with("they may have 16384"));
    }

    #[test]
    fn what_validator_finds_is_said_without_the_value() {
        #[derive(Validate)]
        struct Order {
            #[validate(length(min = 1, max = 3))]
            dish: String,
            #[validate(range(max = 20))]
            quantity: u8,
        }
        let order = Order { dish: "secret".into(), quantity: 21 };
        assert_eq!(
            violations(&order.validate().unwrap_err()),
            "the argument `dish` must have 1 to 3 characters\nthe argument `quantity` must be at most 20"
        );
    }
}
