use super::*;

fn refused(body: &str) -> String {
    parse(&format!("<Response>{body}</Response>")).unwrap_err().to_string()
}

fn post(url: &str) -> Link {
    Link { url: url.to_owned(), method: Method::Post }
}

#[test]
fn a_stream_with_its_parameters_and_its_way_back_is_read() {
    let verbs = parse(
        r#"<?xml version="1.0" encoding="UTF-8"?>
        <Response>
          <Connect action="https://voice.example.com/after?call=1&amp;again=2" method="GET">
            <Stream url="wss://voice.example.com/stream" name="ai" statusCallback="https://voice.example.com/status">
              <Parameter name="call_token" value="a&lt;b"/>
              <Parameter name="persona" value="waiter"></Parameter>
            </Stream>
          </Connect>
          <Redirect method="POST">https://voice.example.com/recover</Redirect>
        </Response>"#,
    )
    .unwrap();
    let connect = Connect {
        action: Some(Link {
            url: "https://voice.example.com/after?call=1&again=2".to_owned(),
            method: Method::Get,
        }),
        url: "wss://voice.example.com/stream".to_owned(),
        name: "ai".to_owned(),
        status_callback: Some(post("https://voice.example.com/status")),
        parameters: vec![
            ("call_token".to_owned(), "a<b".to_owned()),
            ("persona".to_owned(), "waiter".to_owned()),
        ],
    };
    assert_eq!(verbs, [Verb::Connect(connect), Verb::Redirect(post("https://voice.example.com/recover"))]);
}

#[test]
fn a_transfer_with_a_whisper_is_read() {
    let verbs = parse(
        r#"<Response><Say voice="alice">One moment.</Say><Pause length="2"/>
        <Dial answerOnBridge="true" timeout="20" callerId="+18005551212" action="/dial-done">
        <Number url="/whisper">+14158675309</Number></Dial><Hangup/></Response>"#,
    )
    .unwrap();
    let dial = Dial {
        number: "+14158675309".to_owned(),
        action: Some(post("/dial-done")),
        whisper: Some(post("/whisper")),
        timeout_s: 20,
        caller_id: Some("+18005551212".to_owned()),
    };
    let say = Verb::Say { text: "One moment.".to_owned() };
    assert_eq!(verbs, [say, Verb::Pause { seconds: 2 }, Verb::Dial(dial), Verb::Hangup]);
}

#[test]
fn the_smaller_verbs_are_read() {
    assert_eq!(parse("<Response/>").unwrap(), []);
    assert_eq!(
        parse("<Response><Reject reason='busy'/></Response>").unwrap(),
        [Verb::Reject { reason: "busy".to_owned() }]
    );
    let messages = "<Response><Message>hi</Message><Message><Body>there</Body></Message></Response>";
    assert_eq!(
        parse(messages).unwrap(),
        [Verb::Message { body: "hi".to_owned() }, Verb::Message { body: "there".to_owned() }]
    );
    let Verb::Dial(dial) = parse("<Response><Dial>+1</Dial></Response>").unwrap().remove(0) else {
        panic!("no Dial");
    };
    assert_eq!((dial.number.as_str(), dial.timeout_s, dial.action), ("+1", 30, None));
    for (noun, number) in [
        (r#"<Client url="/whisper">desk</Client>"#, "client:desk"),
        (r#"<Sip url="/whisper">sip:desk@example.com</Sip>"#, "sip:desk@example.com"),
    ] {
        let text = format!("<Response><Dial>{noun}</Dial></Response>");
        let Verb::Dial(dial) = parse(&text).unwrap().remove(0) else { panic!("no Dial") };
        assert_eq!((dial.number.as_str(), dial.whisper), (number, Some(post("/whisper"))));
    }
}

#[test]
fn what_twilio_would_warn_about_is_refused() {
    let stream = |inside: &str| format!("<Connect><Stream {inside}</Stream></Connect>");
    let cases = [
        ("<Sing/>".to_owned(), "<Sing>"),
        ("words".to_owned(), "no text"),
        ("<Say/>".to_owned(), "holds text"),
        ("<Say>a<Break/></Say>".to_owned(), "holds text"),
        ("<Hangup now='1'/>".to_owned(), "`now`"),
        ("<Redirect method='PUT'>/x</Redirect>".to_owned(), "PUT"),
        ("<Pause length='long'/>".to_owned(), "long"),
        ("<Reject reason='tired'/>".to_owned(), "tired"),
        ("<Connect/>".to_owned(), "one <Stream>"),
        (stream(">"), "no url"),
        (stream("url='https://a/b'>"), "31922"),
        (stream("url='stream'>"), "31923"),
        (stream("url='wss://a/b?token=1'>"), "31920"),
        (stream("url='wss://a/b' track='both_tracks'>"), "31941"),
        (stream("url='wss://a/b'><Parameter name='x'/>"), "name and a value"),
        (
            stream(&format!("url='wss://a/b'><Parameter name='x' value='{}'/>", "v".repeat(499))),
            "500 characters",
        ),
        ("<Dial><Number>+1</Number><Number>+2</Number></Dial>".to_owned(), "one number"),
        ("<Dial><Sip>desk</Sip></Dial>".to_owned(), "no sip:"),
        ("<Dial><Queue>desk</Queue></Dial>".to_owned(), "<Queue>"),
    ];
    for (body, told) in cases {
        let error = refused(&body);
        assert!(error.contains(told), "{body}: {error}");
    }
    assert!(parse("<Answer/>").unwrap_err().to_string().contains("<Answer>"));
    assert!(parse("{}").unwrap_err().to_string().starts_with("12100"));
    assert!(parse(&" ".repeat(MAX_DOCUMENT + 1)).is_err());
}
