//! What stands behind the `?` of a URL: every parameter is checked, and one that is not known is refused. Values are
//! never echoed. Pure.

use std::collections::BTreeMap;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use url::form_urlencoded;

use super::body::is_business_id;
use super::error::{ApiError, Fields};
use crate::id::BusinessId;

/// The longest value of a parameter, in characters.
const MAX_CHARS: usize = 500;
/// How much of a parameter's name is told, in characters: it comes from the client.
const NAME_CHARS: usize = 64;

/// What a route can be asked for in its query.
pub(super) trait FromQuery: Sized {
    /// Takes its parameters out of those that were given.
    fn take(parameters: &mut Parameters) -> Self;
}

/// A query that was understood, all of it.
pub(super) struct Asked<T>(pub(super) T);

impl<T: FromQuery, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        read(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

/// Reads a query.
///
/// # Errors
/// 400, with what is wrong with each parameter.
pub(super) fn read<T: FromQuery>(query: &str) -> Result<T, ApiError> {
    let mut parameters = Parameters::read(query);
    let asked = T::take(&mut parameters);
    parameters.finish().map(|()| asked)
}

/// Cuts what was read, one more than fits a page, to the page. Answers where the next page begins, if there is one.
pub(super) fn cut_to_page<T>(
    found: &mut Vec<T>,
    limit: usize,
    cursor: impl FnOnce(&T) -> String,
) -> Option<String> {
    let goes_on = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| goes_on).map(cursor)
}

/// Parameters that are taken one by one, with what is wrong with them.
pub(super) struct Parameters {
    given: BTreeMap<String, String>,
    problems: Fields,
}

impl Parameters {
    fn read(query: &str) -> Self {
        let mut read = Self { given: BTreeMap::new(), problems: Fields::new() };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if read.given.insert(name.to_string(), value.into_owned()).is_some() {
                read.refuse(&name, "must be given once");
            }
        }
        read
    }

    fn refuse(&mut self, name: &str, problem: impl Into<String>) {
        let name: String = name.chars().take(NAME_CHARS).collect();
        self.problems.entry(name).or_default().push(problem.into());
    }

    /// Takes a parameter, if it is given and `parse` knows what to make of it. An empty value says as much as none.
    pub(super) fn take<T>(
        &mut self,
        name: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.given.remove(name).filter(|value| !value.is_empty())?;
        if value.chars().count() > MAX_CHARS {
            self.refuse(name, format!("must have at most {MAX_CHARS} characters"));
            return None;
        }
        let parsed = parse(&value);
        if parsed.is_none() {
            self.refuse(name, allowed);
        }
        parsed
    }

    /// Takes `business_id`. An empty one is refused: what was meant for one business would reach those of all.
    pub(super) fn business(&mut self) -> Option<BusinessId> {
        let id = BusinessId::from(self.given.remove("business_id")?);
        if let Err(allowed) = is_business_id(&id) {
            self.refuse("business_id", allowed);
            return None;
        }
        Some(id)
    }

    /// Takes `limit`.
    pub(super) fn limit(&mut self, most: u32) -> Option<u32> {
        let allowed = format!("must be a whole number from 1 to {most}");
        self.take("limit", &allowed, |text| text.parse().ok().filter(|limit| (1..=most).contains(limit)))
    }

    /// Takes `cursor`.
    pub(super) fn cursor<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.take("cursor", "must be a next_cursor that this route gave", parse)
    }

    /// Whether all was in order.
    fn finish(mut self) -> Result<(), ApiError> {
        let unknown = std::mem::take(&mut self.given);
        let code = if unknown.is_empty() { "invalid_value" } else { "unknown_field" };
        for name in unknown.keys() {
            self.refuse(name, "is no parameter of this route");
        }
        if self.problems.is_empty() {
            return Ok(());
        }
        let told = self.problems.iter().map(|(name, told)| format!("{name} {}", told.join(", and ")));
        let sentence = told.collect::<Vec<_>>().join("; ");
        Err(ApiError::bad_request(code, sentence, self.problems))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Page {
        business: Option<BusinessId>,
        limit: Option<u32>,
        cursor: Option<String>,
    }

    impl FromQuery for Page {
        fn take(parameters: &mut Parameters) -> Self {
            Self {
                business: parameters.business(),
                limit: parameters.limit(200),
                cursor: parameters.cursor(|text| text.starts_with('c').then(|| text.to_owned())),
            }
        }
    }

    #[test]
    fn what_is_given_is_understood_and_what_is_empty_is_not_there() {
        let page: Page = read("business_id=a%20b&limit=7&cursor=c%2C1").unwrap();
        assert_eq!(
            (page.business, page.limit, page.cursor),
            (Some("a b".into()), Some(7), Some("c,1".into()))
        );
        let page: Page = read("limit=&cursor=").unwrap();
        assert_eq!((page.business, page.limit, page.cursor), (None, None, None));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_name() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=-1",
            "limit=99999999999999999999",
            "limit=1&limit=1",
            "cursor=x",
            "business_id=",
            "business_id=%00",
            "business_id=(nobody)",
            "business_id=a&business_id=b",
        ] {
            let refused = read::<Page>(query).unwrap_err();
            let name = query.split('=').next().unwrap();
            assert_eq!((refused.told().0, refused.code()), (400, "invalid_value"), "{query}");
            assert_eq!(refused.fields().keys().collect::<Vec<_>>(), [name], "{query}");
            assert!(refused.told().2.starts_with(name), "{refused:?}");
        }
        assert_eq!(
            read::<Page>(&format!("business_id={}", "x".repeat(129))).unwrap_err().code(),
            "invalid_value"
        );
    }

    #[test]
    fn what_is_not_known_is_refused_also_when_it_is_empty() {
        for query in ["limt=1", "limt=", "limt", "limit=0&limt=1"] {
            let refused = read::<Page>(query).unwrap_err();
            assert_eq!(refused.code(), "unknown_field", "{query}");
            assert_eq!(refused.fields()["limt"], ["is no parameter of this route"]);
        }
        let refused = read::<Page>(&format!("{}=1", "n".repeat(100_000))).unwrap_err();
        assert!(format!("{refused:?}").len() < 1_000);
    }

    proptest! {
        #[test]
        fn no_query_is_too_odd_to_be_answered(query in "\\PC{0,60}") {
            let _ = read::<Page>(&query);
        }
    }
}
