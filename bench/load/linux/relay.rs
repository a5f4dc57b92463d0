//! The least that can stand between a caller and a model: one thread, epoll, a search for the payload, no JSON, no
//! memory of anything. What a real service takes is told in multiples of what this one takes.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

use super::frame::{self, CLOSE, PING, PONG, TEXT};
use super::handshake;
use super::socket::{SCRATCH, Socket};
use super::stamp::between;

/// New calls are looked for this often at least.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// Both sockets of a call.
struct Pair {
    caller: Socket,
    model: Socket,
}

/// Serves until it is killed.
pub(crate) fn serve(model: SocketAddr) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    eprintln!("relay · http://{} ·", listener.local_addr()?);
    let (opened, calls) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            match handshake::accept(stream).and_then(|caller| join(caller, model)) {
                Ok(pair) => {
                    if opened.send(pair).is_err() {
                        return;
                    }
                }
                Err(error) => eprintln!("a call could not begin: {error:#}"),
            }
        }
    });
    Relay::new()?.run(&calls)
}

fn join(caller: Socket, model: SocketAddr) -> anyhow::Result<Pair> {
    let mut model = handshake::connect(model, "/v1/realtime")?;
    model.send(&mut Vec::new(), TEXT, &[br#"{"type":"response.create"}"#])?;
    Ok(Pair { caller, model })
}

struct Relay {
    epoll: std::os::fd::OwnedFd,
    pairs: HashMap<u64, Pair>,
    next: u64,
    scratch: Vec<u8>,
    buffer: Vec<u8>,
}

impl Relay {
    fn new() -> anyhow::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, pairs: HashMap::new(), next: 0, scratch: vec![0; SCRATCH], buffer: Vec::new() })
    }

    fn run(mut self, calls: &Receiver<Pair>) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(1024);
        loop {
            events.clear();
            epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&LOOK))?;
            for event in &events {
                let token = event.data.u64();
                if !self.pass_on(token) {
                    self.pairs.remove(&(token / 2));
                }
            }
            while let Ok(pair) = calls.try_recv() {
                let id = self.next;
                self.next += 1;
                epoll::add(&self.epoll, &pair.caller, EventData::new_u64(id * 2), EventFlags::IN)?;
                epoll::add(&self.epoll, &pair.model, EventData::new_u64(id * 2 + 1), EventFlags::IN)?;
                self.pairs.insert(id, pair);
            }
        }
    }

    /// Passes on what one socket has brought; `false` when the call is over.
    fn pass_on(&mut self, token: u64) -> bool {
        let Some(Pair { caller, model }) = self.pairs.get_mut(&(token / 2)) else { return true };
        let is_caller = token.is_multiple_of(2);
        let (from, to) = if is_caller { (caller, model) } else { (model, caller) };
        let Some(filled) = from.fill(&mut self.scratch) else { return false };
        let mut at = 0;
        while let Ok(Some(found)) = frame::first(&mut self.scratch[at..filled]) {
            let message = &self.scratch[at + found.payload.start..at + found.payload.end];
            let sent = match found.opcode {
                TEXT if is_caller => to_model(to, &mut self.buffer, message),
                TEXT => to_caller(to, &mut self.buffer, message),
                PING => from.send(&mut self.buffer, PONG, &[message]),
                CLOSE => return false,
                _ => Ok(()),
            };
            if sent.is_err() {
                return false;
            }
            at += found.payload.end;
        }
        from.keep(&self.scratch[at..filled]);
        // Loopback takes what it is given; should it not, the next frame tries again.
        !to.is_behind() || to.catch_up().is_ok()
    }
}

fn to_model(model: &mut Socket, buffer: &mut Vec<u8>, message: &[u8]) -> std::io::Result<()> {
    let Some(payload) = between(message, r#""payload":""#) else { return Ok(()) };
    let (before, after) = (br#"{"type":"input_audio_buffer.append","audio":""#, br#""}"#);
    model.send(buffer, TEXT, &[before, payload, after])
}

fn to_caller(caller: &mut Socket, buffer: &mut Vec<u8>, message: &[u8]) -> std::io::Result<()> {
    if !message.starts_with(br#"{"type":"response.output_audio.delta""#) {
        return Ok(());
    }
    let Some(payload) = between(message, r#""delta":""#) else { return Ok(()) };
    let before = br#"{"event":"media","streamSid":"MZ00000000000000000000000000000000","media":{"payload":""#;
    caller.send(buffer, TEXT, &[before, payload, br#""}}"#])
}
