//! Each client as it connects, and each sign by which a dialect is known.

use axum::http::{HeaderName, HeaderValue};

use super::*;

const SUBPROTOCOLS: &str = "sec-websocket-protocol";
const AUTHORIZATION: &str = "authorization";

type Headers<'a> = &'a [(&'static str, &'a str)];

fn read(url: &str, headers: Headers<'_>) -> Handshake {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    Handshake::read(path, query, &map, |key| ["waiter", "cfo"].contains(&key))
}

/// How a client connects, and the dialect, the selection and the key that come of it.
type Row<'a> = (&'a str, &'a str, Headers<'a>, Dialect, Option<&'a str>, Option<&'a str>, ToldBy);

#[test]
fn every_client_is_met_in_its_own_dialect() {
    let rows: [Row<'_>; 9] = [
        (
            "RealtimeClient of openai-realtime-api-beta, in a browser",
            "/v1/realtime?model=gpt-4o-realtime-preview-2024-10-01",
            &[(SUBPROTOCOLS, "realtime, openai-insecure-api-key.sk-1, openai-beta.realtime-v1")],
            Dialect::Beta,
            Some("realtime"),
            Some("sk-1"),
            ToldBy::Event,
        ),
        (
            "the same without a key",
            "/v1/realtime?model=gpt-4o-realtime-preview-2024-10-01",
            &[(SUBPROTOCOLS, "realtime, openai-insecure-api-key.null, openai-beta.realtime-v1")],
            Dialect::Beta,
            Some("realtime"),
            None,
            ToldBy::Event,
        ),
        (
            "@openai/agents-realtime in a browser",
            "/v1/realtime",
            &[(SUBPROTOCOLS, "realtime, openai-insecure-api-key.ek_1, openai-agents-sdk.0.20.0")],
            Dialect::Ga,
            Some("realtime"),
            Some("ek_1"),
            ToldBy::Event,
        ),
        (
            "@openai/agents-realtime in Node",
            "/v1/realtime?model=gpt-realtime-2.1",
            &[(AUTHORIZATION, "Bearer sk-1"), ("x-openai-agents-sdk", "openai-agents-sdk.0.20.0")],
            Dialect::Ga,
            None,
            Some("sk-1"),
            ToldBy::Answer,
        ),
        (
            "npm openai in a browser",
            "/v1/realtime?model=gpt-realtime",
            &[(SUBPROTOCOLS, "realtime"), (SUBPROTOCOLS, "openai-insecure-api-key.sk-1")],
            Dialect::Ga,
            Some("realtime"),
            Some("sk-1"),
            ToldBy::Event,
        ),
        (
            "npm openai in Node, of a base URL without /v1",
            "/realtime?model=gpt-realtime",
            &[(AUTHORIZATION, "Bearer sk-1")],
            Dialect::Ga,
            None,
            Some("sk-1"),
            ToldBy::Answer,
        ),
        (
            "PyPI openai",
            "/v1/realtime?model=gpt-realtime",
            &[(AUTHORIZATION, "Bearer sk-1")],
            Dialect::Ga,
            None,
            Some("sk-1"),
            ToldBy::Answer,
        ),
        (
            "PyPI openai, client.beta.realtime of older versions",
            "/v1/realtime?model=gpt-4o-realtime-preview",
            &[(AUTHORIZATION, "Bearer sk-1"), ("openai-beta", "assistants=v2, realtime=v1")],
            Dialect::Beta,
            None,
            Some("sk-1"),
            ToldBy::Answer,
        ),
        ("VoiceRAG's front end", "/realtime", &[], Dialect::Beta, None, None, ToldBy::Answer),
    ];
    for (client, url, headers, dialect, subprotocol, credential, told_by) in rows {
        let read = read(url, headers);
        assert_eq!(read.dialect, dialect, "{client}");
        assert_eq!(read.subprotocol, subprotocol, "{client}");
        assert_eq!(read.credential.as_deref(), credential, "{client}");
        assert_eq!(read.told_by, told_by, "{client}");
        let wishes = read.wishes.unwrap();
        assert_eq!((&wishes.persona, &wishes.call_id, wishes.greets), (&None, &None, false), "{client}");
        assert_eq!(wishes.model.as_deref(), url.split_once("?model=").map(|(_, model)| model), "{client}");
    }
}

#[test]
fn a_dialect_is_known_by_the_first_sign_of_it() {
    let beta_header = ("openai-beta", "realtime=v1");
    let rows: [(&str, Headers<'_>, Dialect); 10] = [
        ("/v1/realtime?model=x", &[(SUBPROTOCOLS, "openai-beta.realtime-v1")], Dialect::Beta),
        ("/v1/realtime?model=x", &[(SUBPROTOCOLS, "realtime"), beta_header], Dialect::Beta),
        ("/realtime", &[(SUBPROTOCOLS, "realtime")], Dialect::Ga),
        ("/realtime", &[(SUBPROTOCOLS, "openai-agents-sdk.0.20.0")], Dialect::Ga),
        ("/realtime?model=x", &[], Dialect::Ga),
        ("/realtime", &[(AUTHORIZATION, "Bearer sk-1")], Dialect::Ga),
        ("/realtime?persona=cfo", &[], Dialect::Beta),
        ("/realtime?model=", &[], Dialect::Beta),
        ("/v1/realtime", &[], Dialect::Ga),
        ("/v1/realtime", &[("openai-beta", "assistants=v2")], Dialect::Ga),
    ];
    for (url, headers, dialect) in rows {
        assert_eq!(read(url, headers).dialect, dialect, "{url} {headers:?}");
    }
}

#[test]
fn one_subprotocol_is_selected_of_those_offered_and_never_a_key() {
    for (offered, selected) in [
        ("openai-insecure-api-key.sk-1, realtime", Some("realtime")),
        ("openai-beta.realtime-v1, realtime", Some("realtime")),
        ("openai-insecure-api-key.sk-1, openai-beta.realtime-v1", Some("openai-beta.realtime-v1")),
        ("openai-insecure-api-key.realtime", None),
        ("Realtime, realtime2", None),
    ] {
        assert_eq!(read("/v1/realtime", &[(SUBPROTOCOLS, offered)]).subprotocol, selected, "{offered}");
    }
}

#[test]
fn a_header_goes_before_a_subprotocol_and_no_key_is_no_key() {
    let both = [(AUTHORIZATION, "Bearer one"), (SUBPROTOCOLS, "realtime, openai-insecure-api-key.two")];
    let met = read("/v1/realtime", &both);
    assert_eq!((met.credential.as_deref(), met.told_by), (Some("one"), ToldBy::Answer));
    for none in ["null", "undefined", ""] {
        let offer = format!("realtime, openai-insecure-api-key.{none}");
        assert_eq!(read("/v1/realtime", &[(SUBPROTOCOLS, &offer)]).credential, None, "{none}");
        assert_eq!(
            read("/v1/realtime", &[(AUTHORIZATION, &format!("Bearer {none}"))]).credential,
            None,
            "{none}"
        );
    }
}

#[test]
fn a_persona_is_named_by_itself_or_in_the_place_of_a_model() {
    for (query, persona) in [
        ("persona=cfo", Some("cfo")),
        ("persona=cfo&model=waiter", Some("cfo")),
        ("persona=&model=waiter", Some("waiter")),
        ("model=persona%3Acfo", Some("cfo")),
        ("model=persona:nobody", Some("nobody")),
        ("model=gpt-realtime-2.1", None),
        ("model=WAITER", None),
        ("deployment=waiter&api-version=2024-10-01-preview", None),
    ] {
        let wishes = read(&format!("/v1/realtime?{query}"), &[]).wishes.unwrap();
        assert_eq!(wishes.persona, persona.map(PersonaKey::from), "{query}");
    }
}

#[test]
fn other_wishes_are_read_or_refused_by_name() {
    let wishes = read("/v1/realtime?call_id=rt_1&greet=true&call_id=rt_2", &[]).wishes.unwrap();
    assert_eq!((wishes.call_id.unwrap().as_str(), wishes.greets), ("rt_1", true));
    for (query, parameter) in
        [("call_id=a%20b", "call_id"), ("greet=yes", "greet"), ("extensions=all", "extensions")]
    {
        assert_eq!(read(&format!("/v1/realtime?{query}"), &[]).wishes.unwrap_err().parameter, parameter);
    }
}

#[test]
fn a_tools_output_is_told_under_the_name_its_client_listens_to() {
    for (url, extensions) in [
        ("/realtime", ExtensionNames::Underscored),
        ("/realtime?extensions=dotted", ExtensionNames::Dotted),
        ("/v1/realtime", ExtensionNames::Dotted),
        ("/v1/realtime?extensions=underscored", ExtensionNames::Underscored),
    ] {
        assert_eq!(read(url, &[]).extensions, extensions, "{url}");
    }
}
