//! Which calls are asked for, as the query of a URL says it. Pure.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::edge::query::{FromQuery, Parameters};
use crate::id::CallId;
use crate::store::calls::SearchError;
use crate::store::{CallQuery, LogPlace};

/// How many calls are on a page when nobody says.
const DEFAULT_LIMIT: u32 = 50;
const TIME_ALLOWED: &str =
    "must be a time as in RFC 3339, such as 2026-03-01T12:00:00Z, or a day such as 2026-03-01";

/// Of a page so many calls are shown at most.
const MAX_PAGE: u32 = 200;

impl FromQuery for CallQuery {
    fn take(parameters: &mut Parameters) -> Self {
        let search_error = SearchError.to_string();
        let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        Self {
            tenant: parameters.business().into(),
            since: parameters.take("from", TIME_ALLOWED, |text| moment(text, false)),
            until: parameters.take("to", TIME_ALLOWED, |text| moment(text, true)),
            transport: parameters.take(
                "transport",
                "must be the name of a kind of line, such as text or twilio",
                |name| plain(name).then(|| name.to_owned()),
            ),
            search: parameters.take("q", &search_error, |text| text.parse().ok()),
            after: parameters.cursor(place),
            limit: parameters.limit(MAX_PAGE).unwrap_or(DEFAULT_LIMIT),
        }
    }
}

/// Which conversation of a call is asked for: the number of its first event, or the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) struct Conversation(pub(super) Option<u64>);

impl FromQuery for Conversation {
    fn take(parameters: &mut Parameters) -> Self {
        let first_seq = |text: &str| text.parse().ok().filter(|seq| *seq > 0);
        Self(parameters.take("first_seq", "must be a whole number from 1", first_seq))
    }
}

/// A time, or the beginning of a day (UTC); with `whole` its end, which is the beginning of the next.
fn moment(text: &str, whole: bool) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let day: Date = text.parse().ok().filter(|_| text.len() == "2026-03-01".len())?;
    let day = if whole { day.checked_add(1.day()).ok()? } else { day };
    Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// Where the next page begins, in a form that says nothing to anyone else.
pub(super) fn cursor(place: &LogPlace) -> String {
    let text = format!("{} {} {}", place.started_at.as_millisecond(), place.first_seq, place.call_id);
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(text)
}

fn place(cursor: &str) -> Option<LogPlace> {
    let text = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(cursor).ok()?;
    let text = String::from_utf8(text).ok()?;
    let mut parts = text.splitn(3, ' ');
    let started_at = Timestamp::from_millisecond(parts.next()?.parse().ok()?).ok()?;
    let first_seq = parts.next()?.parse::<u64>().ok().filter(|seq| i64::try_from(*seq).is_ok())?;
    let call_id: CallId = parts.next()?.parse().ok()?;
    Some(LogPlace { started_at, call_id, first_seq })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::edge::error::ApiError;
    use crate::edge::query::read;
    use crate::store::Tenant;

    fn page_query(query: &str) -> Result<CallQuery, ApiError> {
        read(query)
    }

    fn shown_query(query: &str) -> Result<Conversation, ApiError> {
        read(query)
    }

    fn refused(query: &str) -> (&'static str, Vec<String>) {
        let error = page_query(query).expect_err(query);
        (error.code(), error.fields().keys().cloned().collect())
    }

    #[test]
    fn every_parameter_is_understood() {
        let query = page_query(
            "business_id=a%20b&from=2026-03-01&to=2026-03-01&transport=text&q=goat+brochette&limit=7",
        )
        .unwrap();
        assert_eq!(query.tenant, Tenant::Of("a b".into()));
        let time = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert_eq!(query.since, time("2026-03-01T00:00:00Z"));
        assert_eq!(query.until, time("2026-03-02T00:00:00Z"), "a day is meant whole");
        assert_eq!((query.limit, query.search.unwrap().words.len()), (7, 2));
        let query = page_query("to=2026-03-01T12:00:00%2B02:00&q=").unwrap();
        assert_eq!((query.until, query.search), (time("2026-03-01T10:00:00Z"), None));
        assert_eq!(page_query("").unwrap().limit, DEFAULT_LIMIT);
        assert_eq!((shown_query("").unwrap().0, shown_query("first_seq=9").unwrap().0), (None, Some(9)));
    }

    #[test]
    fn what_is_wrong_is_refused_with_its_name() {
        for query in [
            "limit=0",
            "limit=201",
            "limit=x",
            "limit=-1",
            "from=yesterday",
            "to=2026-02-30",
            "from=2026-03",
            "q=%25",
            "cursor=x",
            "cursor=AAAA",
            "transport=a%27b",
            "limit=1&limit=2",
        ] {
            let name = query.split('=').next().unwrap().to_owned();
            assert_eq!(refused(query), ("invalid_value", vec![name]), "{query}");
        }
        assert_eq!(refused("limit=0&offset=3"), ("unknown_field", vec!["limit".into(), "offset".into()]));
        assert_eq!(refused(&format!("business_id={}", "x".repeat(501))).1, ["business_id"]);
        for query in ["first_seq=0", "first_seq=x", "limit=1"] {
            assert!(shown_query(query).is_err(), "{query}");
        }
    }

    proptest! {
        #[test]
        fn a_cursor_leads_back_to_its_place(
            ms in 0i64..4_000_000_000_000, first_seq in 1..=i64::MAX as u64, call in "[A-Za-z0-9._:-]{1,128}"
        ) {
            let there = LogPlace {
                started_at: Timestamp::from_millisecond(ms).unwrap(), call_id: call.parse().unwrap(), first_seq,
            };
            prop_assert_eq!(place(&cursor(&there)), Some(there));
        }

        #[test]
        fn no_query_is_too_odd_to_be_answered(query in "\\PC{0,60}") {
            let _ = (page_query(&query), shown_query(&query));
        }
    }
}
