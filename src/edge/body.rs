//! Request bodies: JSON within limits, of the right shape, with values in range, or an answer that says which
//! field is wrong and what would be right. Values are never echoed.

mod complaint;

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use validator::{Validate, ValidationError, ValidationErrors};

use super::error::ApiError;
use crate::id::BusinessId;

/// The longest id of a business that is looked up, in characters.
const MAX_BUSINESS_CHARS: usize = 128;
/// The largest body taken, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 256 * 1024;
/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON body that was read, understood and checked.
#[derive(Debug)]
pub(super) struct ValidatedJson<T>(pub(super) T);

impl<T, S> FromRequest<S> for ValidatedJson<T>
where
    T: DeserializeOwned + Validate,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "send the body as JSON, with the header content-type: application/json",
            ));
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        let body =
            body.map_err(|_elapsed| too_slow())?.map_err(|error| unreadable(&error, MAX_BODY_BYTES))?;
        parse(&body).map(Self)
    }
}

/// Whether a text may be looked up as the id of a business; for `custom(function = names_business)`.
pub(super) fn names_business(id: &BusinessId) -> Result<(), ValidationError> {
    is_business_id(id).map_err(|allowed| ValidationError::new("business").with_message(allowed.into()))
}

/// Whether a text may be looked up as the id of a business.
///
/// # Errors
/// What it must be, in words.
pub(super) fn is_business_id(id: &BusinessId) -> Result<(), &'static str> {
    let text = id.as_str();
    if !(1..=MAX_BUSINESS_CHARS).contains(&text.chars().count()) || id.is_nobody() {
        return Err("must be 1 to 128 characters");
    }
    if text.chars().any(char::is_control) { Err("must not hold control characters") } else { Ok(()) }
}

/// Whether a text is one line with words in it; for `custom(function = is_line)`.
pub(super) fn is_line(text: &str) -> Result<(), ValidationError> {
    // An empty text is refused by its length already.
    if text.is_empty() || (!text.trim().is_empty() && !text.chars().any(char::is_control)) {
        return Ok(());
    }
    Err(ValidationError::new("line").with_message("must be one line with words in it".into()))
}

/// Reads a part of a body that is an object, or nothing; for `deserialize_with`. A struct would also be read from an
/// array, by the order of its fields.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(Object(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Some)
    }
}

/// Reads and checks a body. Pure.
pub(super) fn parse<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<T, ApiError> {
    // A struct would also be read from an array, by the order of its fields; the contract knows objects only.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(complaint::about_no_object(body));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let value: T =
        serde_path_to_error::deserialize(&mut json).map_err(|error| complaint::about_shape(&error))?;
    json.end().map_err(|error| complaint::about_syntax(&error))?;
    value.validate().map_err(|errors| invalid(&errors))?;
    Ok(value)
}

/// `application/json`, or a media type that ends in `+json`, whatever its parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(media_type)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || (subtype.ends_with("+json") && subtype.len() > 5))
}

pub(super) fn too_slow() -> ApiError {
    let sentence = "the body did not come in time: send it at once";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", sentence)
}

/// What is said of a body that did not come, where so many bytes are taken.
pub(super) fn unreadable(error: &BytesRejection, limit: usize) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large(limit);
    }
    ApiError::new(StatusCode::BAD_REQUEST, "body_unreadable", "the body broke off: send it again")
}

pub(super) fn too_large(limit: usize) -> ApiError {
    let sentence = format!("the body is too large: send at most {} KiB", limit / 1024);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence)
}

/// What is said of values that are out of range.
pub(super) fn invalid(errors: &ValidationErrors) -> ApiError {
    complaint::about_values(errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::http::HeaderValue;

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[validate(length(min = 1, max = 5, message = "must be 1 to 5 characters"))]
        dish: String,
        #[validate(range(min = 1, max = 20, message = "must be 1 to 20"))]
        count: Option<u8>,
        #[serde(default)]
        urgent: bool,
        call_id: Option<crate::id::CallId>,
        #[validate(nested)]
        #[serde(default, deserialize_with = "object")]
        table: Option<Table>,
    }

    #[derive(Debug, Deserialize, Validate)]
    #[serde(deny_unknown_fields)]
    struct Table {
        #[validate(range(min = 1, message = "must be at least 1"))]
        number: i32,
    }

    fn refused(body: &str) -> ApiError {
        parse::<Order>(body.as_bytes()).expect_err(body)
    }

    #[test]
    fn a_good_body_is_read_and_characters_are_counted_not_bytes() {
        let order: Order = parse(" {\"dish\": \"crème\", \"table\": {\"number\": 4}} ".as_bytes()).unwrap();
        assert_eq!((order.dish.as_str(), order.count, order.urgent), ("crème", None, false));
        assert_eq!(order.table.unwrap().number, 4);
        assert!(order.call_id.is_none());
    }

    #[test]
    fn broken_json_is_told_from_wrong_json() {
        for body in [
            "",
            " ",
            "{",
            "{\"dish\"",
            "{\"dish\":\"x\"} x",
            "{\"dish\":\"x\"}{}",
            "{'dish':1}",
            "[1,",
            "nul",
        ] {
            let error = refused(body);
            assert_eq!((error.told().0, error.told().1), (400, "invalid_json"), "{body}: {error:?}");
            assert!(error.fields().is_empty());
        }
        assert_eq!(parse::<Order>(b"{\"dish\": \"\xff\"}").unwrap_err().told().1, "invalid_json");
        for body in ["[\"x\"]", "\"x\"", "null", "7", "[\"x\", null, false, null, null]"] {
            assert_eq!(refused(body).told(), (400, "wrong_type", "the body must be a JSON object"), "{body}");
        }
    }

    #[test]
    fn a_wrong_shape_names_the_field_and_what_is_right_but_no_value() {
        let cases = [
            ("{}", "missing_field", "dish", "is missing"),
            ("{\"dish\": \"secret\", \"plate\": 1}", "unknown_field", "plate", "is not known"),
            ("{\"dish\": 7777}", "wrong_type", "dish", "must be a string"),
            ("{\"dish\": null}", "wrong_type", "dish", "must be a string"),
            ("{\"dish\": \"x\", \"urgent\": \"secret\"}", "wrong_type", "urgent", "must be a boolean"),
            (
                "{\"dish\": \"x\", \"table\": {\"number\": \"secret, expected secret\"}}",
                "wrong_type",
                "table.number",
                "must be a whole number",
            ),
            ("{\"dish\": \"x\", \"table\": [4]}", "wrong_type", "table", "must be an object"),
            ("{\"dish\": \"x\", \"table\": {}}", "missing_field", "table.number", "is missing"),
            ("{\"dish\": \"x\", \"table\": {\"n\": 1}}", "unknown_field", "table.n", "is not known"),
            (
                "{\"dish\": \"x\", \"count\": 7777}",
                "invalid_value",
                "count",
                "must be a whole number from 0 to 255",
            ),
            ("{\"dish\": \"x\", \"dish\": \"y\"}", "invalid_value", "dish", "is there twice"),
            (
                "{\"dish\": \"x\", \"call_id\": \"se/cret\"}",
                "invalid_value",
                "call_id",
                "must be 1 to 128 characters",
            ),
        ];
        for (body, code, field, problem) in cases {
            let error = refused(body);
            assert_eq!((error.told().0, error.told().1), (400, code), "{body}: {error:?}");
            let problems = error.fields().get(field).unwrap_or_else(|| panic!("{body}: {error:?}"));
            assert!(problems[0].starts_with(problem), "{body}: {error:?}");
            assert!(error.told().2.contains(field), "{error:?}");
            for value in ["secret", "se/cret", "7777"] {
                assert!(!format!("{error:?}").contains(value), "{error:?}");
            }
        }
    }

    #[test]
    fn every_value_out_of_range_is_told_at_once() {
        let error = refused("{\"dish\": \"secret\", \"count\": 77, \"table\": {\"number\": 0}}");
        assert_eq!(
            error.told(),
            (
                400,
                "invalid_value",
                "count must be 1 to 20; dish must be 1 to 5 characters; table.number must be at least 1"
            )
        );
        assert_eq!(error.fields()["dish"], ["must be 1 to 5 characters"]);
        assert_eq!(error.fields()["table.number"], ["must be at least 1"]);
        assert!(!format!("{error:?}").contains("secret"));
    }

    #[test]
    fn a_field_name_is_cut_before_it_is_told() {
        let error = refused(&format!("{{\"{}\": 1}}", "n".repeat(100_000)));
        assert_eq!(error.told().1, "unknown_field");
        assert!(format!("{error:?}").len() < 1000);
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        let is_json = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(value).unwrap());
            super::is_json(&headers)
        };
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json"] {
            assert!(is_json(good), "{good}");
        }
        for bad in
            ["", "text/plain", "application/jsonp", "application/+json", "text/json", "multipart/form-data"]
        {
            assert!(!is_json(bad), "{bad}");
        }
        assert!(!super::is_json(&HeaderMap::new()));
    }
}
