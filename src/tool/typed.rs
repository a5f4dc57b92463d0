//! Arguments as a Rust struct: the schema the model is shown, and the way from the model's JSON to the struct.

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use validator::Validate;

use super::arguments;

/// The schema of a tool's arguments, as plain as the model's side takes it: no references, no titles.
pub fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("title");
        // the struct's own doc comment is for us; the model is shown the tool's description
        fields.remove("description");
        let properties = fields.entry("properties").or_insert_with(|| json!({}));
        for property in properties.as_object_mut().into_iter().flat_map(Map::values_mut) {
            tidy(property);
        }
    }
    schema
}

/// Reads the arguments of a tool call that the toolbox does not run, as strictly as it would.
///
/// # Errors
/// What is wrong with them, in words for the model, one line per problem.
pub fn parse_arguments<T: DeserializeOwned + JsonSchema + Validate>(text: &str) -> Result<T, String> {
    let schema: Validator =
        jsonschema::validator_for(&schema_of::<T>()).map_err(|error| error.to_string())?;
    from_checked(arguments::check(text, &schema)?)
}

/// The struct of arguments that satisfy the schema.
///
/// # Errors
/// What is wrong with them, in words for the model, one line per problem.
pub(super) fn from_checked<T: DeserializeOwned + Validate>(
    arguments: Map<String, Value>,
) -> Result<T, String> {
    let arguments: T = serde_json::from_value(Value::Object(arguments))
        .map_err(|error| format!("the arguments do not fit: {error}"))?;
    arguments.validate().map_err(|errors| arguments::violations(&errors))?;
    Ok(arguments)
}

/// A doc comment's line breaks mean nothing, and `null` as a default only invites the model to send it.
fn tidy(property: &mut Value) {
    let Some(fields) = property.as_object_mut() else {
        return;
    };
    if let Some(Value::String(description)) = fields.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    if fields.get("default").is_some_and(Value::is_null) {
        fields.remove("default");
    }
}
