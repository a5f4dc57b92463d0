//! Both ends of all calls, in one thread: callers that speak and listen, and the stand-in model they reach. One clock
//! for both ends, so that a frame's time one way is a difference of two readings.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::os::fd::OwnedFd;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::time::Timespec;

use super::dial::Dialled;
use super::figures::{Times, Way};
use super::frame::{self, CLOSE, PING, PONG, TEXT};
use super::model::Model;
use super::socket::{SCRATCH, Socket};
use super::stamp::{Stamp, between};

const FRAME: Duration = Duration::from_millis(20);
const FRAMES_A_SECOND: u32 = 50;
/// So many frames are sent before the sockets are looked at again: a run that is late must still listen.
const SENT_TOGETHER: usize = 64;
/// New sockets are looked for this often at least.
const LOOK: Duration = Duration::from_millis(20);
/// With barge-in, a caller lets the model speak, and speaks, for so long.
const LISTENS: Duration = Duration::from_millis(1_500);
const SPEAKS: Duration = Duration::from_millis(500);
/// Spreads phases evenly, whatever their number: the fractional part of the golden ratio.
const GOLDEN: f64 = 0.618_033_988_749_895;

/// How the load is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// The model sends each second of sound so many times faster than it is played.
    pub(crate) burst: u32,
    /// Callers speak over the model again and again.
    pub(crate) barge_in: bool,
    /// The model sends the words of what it says beside the sound.
    pub(crate) words: bool,
}

struct Caller {
    socket: Socket,
    stream_sid: String,
    /// Messages sent; Twilio counts from 1, and `start` was the first.
    sequence: u32,
    /// Frames sent.
    number: u32,
    /// The next frame of the model's.
    expected: u32,
    said_at: Option<Duration>,
}

struct Far {
    socket: Socket,
    model: Model,
    /// The call it belongs to, once it has heard a frame of it.
    call: Option<u32>,
    /// The next frame of the caller's.
    expected: u32,
    /// When the second of sound under way began, and how much of it was sent.
    second: (Duration, u32),
    turn: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Caller(usize),
    Model(usize, u32),
    CallerSpeaks(usize, u32),
    CallerSilent(usize),
}

pub(crate) struct Driver {
    began: Instant,
    manner: Manner,
    epoll: OwnedFd,
    callers: Vec<Option<Caller>>,
    far: Vec<Option<Far>>,
    due: BinaryHeap<Reverse<(Duration, Due)>>,
    scratch: Vec<u8>,
    buffer: Vec<u8>,
    /// What was sent within this counts.
    window: (Duration, Duration),
    pub(crate) to_model: Way,
    pub(crate) to_caller: Way,
    pub(crate) barge_in: Times,
    pub(crate) lateness: Times,
    pub(crate) ended: usize,
}

impl Driver {
    pub(crate) fn new(calls: usize, manner: Manner) -> anyhow::Result<Self> {
        Ok(Self {
            began: Instant::now(),
            manner,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            callers: (0..calls).map(|_| None).collect(),
            far: Vec::new(),
            due: BinaryHeap::new(),
            scratch: vec![0; SCRATCH],
            buffer: Vec::new(),
            window: (Duration::MAX, Duration::MAX),
            to_model: Way::default(),
            to_caller: Way::default(),
            barge_in: Times::default(),
            lateness: Times::default(),
            ended: 0,
        })
    }

    /// Calls whose sound flows both ways.
    pub(crate) fn flowing(&self) -> usize {
        let hear = self.callers.iter().flatten().filter(|caller| caller.expected > 0).count();
        let are_heard = self.far.iter().flatten().filter(|far| far.expected > 0).count();
        hear.min(are_heard)
    }

    /// Counts what is sent from now on, for so long.
    pub(crate) fn measure(&mut self, length: Duration) {
        let now = self.now();
        self.window = (now, now + length);
    }

    /// No more frames are sent.
    pub(crate) fn fall_silent(&mut self) {
        self.due.clear();
    }

    /// Keeps all calls going until `until` holds, at most for so long. Answers whether it came to hold.
    pub(crate) fn run(
        &mut self,
        callers: &Receiver<anyhow::Result<Dialled>>,
        far: &Receiver<anyhow::Result<Socket>>,
        limit: Duration,
        until: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<bool> {
        let ends = self.now() + limit;
        let mut events = Vec::with_capacity(1024);
        while !until(self) {
            let now = self.now();
            if now >= ends {
                return Ok(false);
            }
            self.send_due()?;
            let next = self.due.peek().map_or(ends, |Reverse((at, _))| *at);
            let wait = next.min(ends).saturating_sub(self.now()).min(LOOK);
            let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
            events.clear();
            match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let token = event.data.u64();
                let index = (token / 2) as usize;
                if token.is_multiple_of(2) { self.hear_as_caller(index)? } else { self.hear_as_model(index)? }
            }
            while let Ok(dialled) = callers.try_recv() {
                self.add_caller(dialled?)?;
            }
            while let Ok(socket) = far.try_recv() {
                self.add_far(socket?)?;
            }
        }
        Ok(true)
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn counts(&self, at: Duration) -> bool {
        self.window.0 <= at && at < self.window.1
    }

    fn phase(index: usize) -> Duration {
        FRAME.mul_f64((index as f64 * GOLDEN).fract())
    }

    fn at(&mut self, at: Duration, due: Due) {
        self.due.push(Reverse((at, due)));
    }

    fn add_caller(&mut self, dialled: Dialled) -> anyhow::Result<()> {
        let Dialled { call, stream_sid, socket } = dialled;
        let index = call as usize;
        epoll::add(&self.epoll, &socket, EventData::new_u64(2 * u64::from(call)), EventFlags::IN)?;
        let caller = Caller { socket, stream_sid, sequence: 1, number: 0, expected: 0, said_at: None };
        self.callers[index] = Some(caller);
        self.at(self.now() + Self::phase(2 * index), Due::Caller(index));
        Ok(())
    }

    fn add_far(&mut self, mut socket: Socket) -> anyhow::Result<()> {
        let index = self.far.len();
        socket.send(&mut self.buffer, TEXT, &[Model::greeting().as_bytes()])?;
        epoll::add(&self.epoll, &socket, EventData::new_u64(2 * index as u64 + 1), EventFlags::IN)?;
        let model = Model::default();
        self.far.push(Some(Far {
            socket,
            model,
            call: None,
            expected: 0,
            second: Default::default(),
            turn: 0,
        }));
        Ok(())
    }

    fn send_due(&mut self) -> anyhow::Result<()> {
        for _ in 0..SENT_TOGETHER {
            let Some(&Reverse((at, due))) = self.due.peek() else { return Ok(()) };
            let now = self.now();
            if at > now {
                return Ok(());
            }
            self.due.pop();
            match due {
                Due::Caller(index) => self.caller_says(index, at, now)?,
                Due::Model(index, turn) => self.model_says(index, turn, at, now)?,
                Due::CallerSpeaks(index, turn) => self.caller_speaks(index, turn, now)?,
                Due::CallerSilent(index) => self.caller_falls_silent(index)?,
            }
        }
        Ok(())
    }

    fn caller_says(&mut self, index: usize, at: Duration, now: Duration) -> anyhow::Result<()> {
        let counts = self.counts(now);
        let Some(caller) = self.callers[index].as_mut() else { return Ok(()) };
        caller.sequence += 1;
        let payload = Stamp { call: index as u32, number: caller.number, sent: now }.write();
        let head = format!(
            r#"{{"event":"media","sequenceNumber":"{}","media":{{"track":"inbound","chunk":"{}","timestamp":"{}","payload":""#,
            caller.sequence,
            caller.number + 1,
            u64::from(caller.number) * FRAME.as_millis() as u64
        );
        caller.number += 1;
        let parts: [&[u8]; 5] =
            [head.as_bytes(), &payload, br#""},"streamSid":""#, caller.stream_sid.as_bytes(), br#""}"#];
        caller.socket.send(&mut self.buffer, TEXT, &parts)?;
        caller.socket.catch_up()?;
        if counts {
            self.to_model.sent += 1;
            self.lateness.add(now - at);
        }
        self.at(at + FRAME, Due::Caller(index));
        Ok(())
    }

    fn model_says(&mut self, index: usize, turn: u32, at: Duration, now: Duration) -> anyhow::Result<()> {
        let counts = self.counts(now);
        let Manner { burst, words, .. } = self.manner;
        let Some(far) = self.far[index].as_mut().filter(|far| far.turn == turn) else { return Ok(()) };
        if let Some(word) = far.model.word().filter(|_| words) {
            far.socket.send(&mut self.buffer, TEXT, &[word.as_bytes()])?;
        }
        let payload = Stamp { call: index as u32, number: far.model.number, sent: now }.write();
        far.model.number += 1;
        let (before, after) = far.model.envelope();
        far.socket.send(&mut self.buffer, TEXT, &[before, &payload, after])?;
        far.socket.catch_up()?;
        let (began, sent) = &mut far.second;
        *sent += 1;
        if *sent == FRAMES_A_SECOND {
            (*began, *sent) = (*began + Duration::from_secs(1), 0);
        }
        let next = *began + FRAME * *sent / burst;
        if counts {
            self.to_caller.sent += 1;
            self.lateness.add(now.saturating_sub(at));
        }
        self.at(next, Due::Model(index, turn));
        Ok(())
    }

    fn caller_speaks(&mut self, index: usize, turn: u32, now: Duration) -> anyhow::Result<()> {
        let Some(far) = self.far[index].as_mut().filter(|far| far.turn == turn) else { return Ok(()) };
        let word = far.model.hears();
        far.socket.send(&mut self.buffer, TEXT, &[word.as_bytes()])?;
        if let Some(caller) = far.call.and_then(|call| self.callers[call as usize].as_mut()) {
            caller.said_at = Some(now);
        }
        self.at(now + SPEAKS, Due::CallerSilent(index));
        Ok(())
    }

    fn caller_falls_silent(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(far) = self.far[index].as_mut() else { return Ok(()) };
        for word in far.model.has_heard() {
            far.socket.send(&mut self.buffer, TEXT, &[word.as_bytes()])?;
        }
        Ok(())
    }

    fn hear_as_caller(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(mut caller) = self.callers[index].take() else { return Ok(()) };
        let Some(filled) = caller.socket.fill(&mut self.scratch) else { return self.end(&caller.socket) };
        let now = self.now();
        let mut at = 0;
        while let Some(found) = frame::first(&mut self.scratch[at..filled])? {
            let message = &self.scratch[at + found.payload.start..at + found.payload.end];
            at += found.payload.end;
            match found.opcode {
                TEXT => {}
                PING => caller.socket.send(&mut self.buffer, PONG, &[message])?,
                CLOSE => return self.end(&caller.socket),
                _ => continue,
            }
            if let Some(stamp) = Stamp::find(message, r#""payload":""#) {
                if stamp.number < caller.expected {
                    self.to_caller.out_of_order += 1;
                } else if self.window.0 <= stamp.sent && stamp.sent < self.window.1 {
                    self.to_caller.times.add(now.saturating_sub(stamp.sent));
                }
                caller.expected = stamp.number + 1;
            } else if let Some(name) = between(message, r#""mark":{"name":""#) {
                caller.sequence += 1;
                let head = format!(
                    r#"{{"event":"mark","sequenceNumber":"{}","streamSid":"{}","mark":{{"name":""#,
                    caller.sequence, caller.stream_sid
                );
                caller.socket.send(&mut self.buffer, TEXT, &[head.as_bytes(), name, br#""}}"#])?;
            } else if message.starts_with(br#"{"event":"clear""#)
                && let Some(said_at) = caller.said_at.take()
                && self.window.0 <= said_at
                && said_at < self.window.1
            {
                self.barge_in.add(now - said_at);
            }
        }
        caller.socket.keep(&self.scratch[at..filled]);
        self.callers[index] = Some(caller);
        Ok(())
    }

    fn hear_as_model(&mut self, index: usize) -> anyhow::Result<()> {
        let Some(mut far) = self.far[index].take() else { return Ok(()) };
        let Some(filled) = far.socket.fill(&mut self.scratch) else { return self.end(&far.socket) };
        let now = self.now();
        let mut at = 0;
        while let Some(found) = frame::first(&mut self.scratch[at..filled])? {
            let message = &self.scratch[at + found.payload.start..at + found.payload.end];
            at += found.payload.end;
            match found.opcode {
                TEXT => {}
                PING => far.socket.send(&mut self.buffer, PONG, &[message])?,
                CLOSE => return self.end(&far.socket),
                _ => continue,
            }
            if let Some(stamp) = Stamp::find(message, r#""audio":""#) {
                far.call = Some(stamp.call);
                if stamp.number < far.expected {
                    self.to_model.out_of_order += 1;
                } else if self.window.0 <= stamp.sent && stamp.sent < self.window.1 {
                    self.to_model.times.add(now.saturating_sub(stamp.sent));
                }
                far.expected = stamp.number + 1;
                continue;
            }
            let reaction = far.model.on_message(message);
            for word in reaction.say {
                far.socket.send(&mut self.buffer, TEXT, &[word.as_bytes()])?;
            }
            if let Some(speaks) = reaction.speaks {
                far.turn += 1;
                if speaks {
                    let begins = now + Self::phase(2 * index + 1);
                    far.second = (begins, 0);
                    self.due.push(Reverse((begins, Due::Model(index, far.turn))));
                    if self.manner.barge_in {
                        let speaks_at = now + LISTENS + Self::phase(index) * FRAMES_A_SECOND;
                        self.due.push(Reverse((speaks_at, Due::CallerSpeaks(index, far.turn))));
                    }
                }
            }
        }
        far.socket.keep(&self.scratch[at..filled]);
        self.far[index] = Some(far);
        Ok(())
    }

    /// A socket is gone: its end of the call stays empty.
    fn end(&mut self, socket: &Socket) -> anyhow::Result<()> {
        self.ended += 1;
        epoll::delete(&self.epoll, socket).context("a socket cannot be forgotten")
    }
}
