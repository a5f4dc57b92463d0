//! How calls begin: as Twilio begins them. Runs on a thread of its own, since it may wait.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::frame::TEXT;
use super::handshake;
use super::process::Subject;
use super::socket::Socket;
use super::stamp::between;

/// One after the other, at most so many in a second.
const CALLS_A_SECOND: u32 = 100;
const ACCOUNT: &str = "AC00000000000000000000000000000000";

/// A caller whose stream is open.
pub(crate) struct Dialled {
    pub(crate) call: u32,
    pub(crate) stream_sid: String,
    pub(crate) socket: Socket,
}

/// Dials all calls, and hands each over once its stream is open.
pub(crate) fn dial_all(
    subject: Subject,
    address: SocketAddr,
    calls: usize,
    opened: &Sender<anyhow::Result<Dialled>>,
) {
    let began = Instant::now();
    for call in 0..calls as u32 {
        let due = Duration::from_secs(1) * call / CALLS_A_SECOND;
        std::thread::sleep(due.saturating_sub(began.elapsed()));
        let dialled = dial(subject, address, call).with_context(|| format!("call {call} could not begin"));
        let failed = dialled.is_err();
        if opened.send(dialled).is_err() || failed {
            return;
        }
    }
}

fn dial(subject: Subject, address: SocketAddr, call: u32) -> anyhow::Result<Dialled> {
    let call_sid = format!("CA{call:032x}");
    let stream_sid = format!("MZ{call:032x}");
    let token = match subject {
        Subject::Relay => String::new(),
        Subject::Service => {
            let form = format!(
                "CallSid={call_sid}&AccountSid={ACCOUNT}&From=%2B35621{call:06}&To=%2B35699000000\
                 &CallStatus=ringing&Direction=inbound&ApiVersion=2010-04-01"
            );
            let answer = handshake::post(address, "/api/twilio/voice", &form)?;
            let token = between(answer.as_bytes(), r#"name="call_token" value=""#);
            String::from_utf8_lossy(token.with_context(|| format!("no token in {answer}"))?).into_owned()
        }
    };
    let mut socket = handshake::connect(address, "/api/twilio/stream")?;
    let start = format!(
        r#"{{"event":"start","sequenceNumber":"1","streamSid":"{stream_sid}","start":{{"accountSid":"{ACCOUNT}","streamSid":"{stream_sid}","callSid":"{call_sid}","tracks":["inbound"],"mediaFormat":{{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}},"customParameters":{{"call_token":"{token}"}}}}}}"#
    );
    let mut buffer = Vec::new();
    socket.send(&mut buffer, TEXT, &[br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#])?;
    socket.send(&mut buffer, TEXT, &[start.as_bytes()])?;
    Ok(Dialled { call, stream_sid, socket })
}
