//! One Media Stream: the WebSocket from `connected` to its end, at the pace of the call.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};
use tokio_tungstenite::tungstenite::{self, Message};

use super::call::{CallTask, Command, Halt};
use super::identity::{pairs, sid};
use super::mouth::Turn;
use super::playout::Playout;
use super::socket::{Socket, open};
use super::timeline::{StreamEnd, TimelineEvent};
use super::twiml::Connect;
use super::wire::{FromService, Wire};
use super::{Twist, mouth};

/// How long the last words may take to be written.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);
/// Messages that wait to be written; then the service does not read, and audio is discarded.
const MAX_UNWRITTEN: usize = 256;
/// Of these, kept free for what is not audio.
const RESERVE: usize = 64;
/// Milliseconds of one frame.
const FRAME_MS: u64 = 20;

/// How a stream has ended, for the program that goes on after it.
pub(super) enum Outcome {
    /// It never came to be: the next verb runs.
    Refused,
    /// The service or the network ended it: the action is asked, or the next verb runs.
    Lost,
    /// The caller or the REST API ended it.
    Halted(Halt),
}

/// Runs the stream of a `<Connect>` to its end.
pub(super) async fn run(task: &mut CallTask, connect: &Connect, base: &str) -> Outcome {
    let status = connect.status_callback.as_ref().map(|link| task.resolved(base, link));
    let stream_sid = sid("MZ");
    let told = |event: &str, error: &str| told(&stream_sid, &connect.name, event, error);
    let is_signed = !task.twists.contains(&Twist::UnsignedUpgrade);
    let socket = match open(&task.webhooks, &connect.url, is_signed).await {
        Ok(socket) => socket,
        Err(why) => {
            task.post_status(status.as_ref(), "stream-error", told("stream-error", &why));
            task.record.note(TimelineEvent::StreamRefused { why });
            return Outcome::Refused;
        }
    };
    task.post_status(status.as_ref(), "stream-started", told("stream-started", ""));
    let (by, halt) = Stream::new(task, socket, stream_sid.clone()).run(connect).await;
    let error = match &by {
        StreamEnd::Broken { .. } | StreamEnd::Dropped => Some("31903: broken pipe"),
        StreamEnd::ByService { .. } | StreamEnd::CallerHungUp | StreamEnd::Updated => None,
    };
    task.record.note(TimelineEvent::StreamEnded { by });
    if let Some(error) = error {
        task.post_status(status.as_ref(), "stream-error", told("stream-error", error));
    }
    task.post_status(status.as_ref(), "stream-stopped", told("stream-stopped", ""));
    halt.map_or(Outcome::Lost, Outcome::Halted)
}

fn told(stream_sid: &str, name: &str, event: &str, error: &str) -> Vec<(String, String)> {
    let now = jiff::Timestamp::now().to_string();
    let mut params = pairs(&[
        ("StreamSid", stream_sid),
        ("StreamName", name),
        ("StreamEvent", event),
        ("Timestamp", &now),
    ]);
    if !error.is_empty() {
        params.push(("StreamError".to_owned(), error.to_owned()));
    }
    params
}

struct Stream<'a> {
    task: &'a mut CallTask,
    wire: Wire,
    playout: Playout,
    /// The time, in samples of the call, up to which the caller has heard what there was.
    played_to: u64,
    /// Where the next frame of the caller's stands.
    said_to: u64,
    has_audio: bool,
    warned: HashSet<u32>,
    reads: bool,
    ticks: Interval,
    reader: SplitStream<Socket>,
    out: mpsc::Sender<Message>,
    writer: JoinHandle<()>,
}

type Ended = (StreamEnd, Option<Halt>);

impl<'a> Stream<'a> {
    fn new(task: &'a mut CallTask, socket: Socket, stream_sid: String) -> Self {
        let (sink, reader) = socket.split();
        let (out, waiting) = mpsc::channel(MAX_UNWRITTEN);
        let now = task.record.clock.samples();
        let mut ticks = tokio::time::interval(task.record.clock.wall(FRAME_MS));
        // After a stall the frames follow in a burst: the caller's telephone did not stand still.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        Self {
            task,
            wire: Wire::new(stream_sid),
            playout: Playout::default(),
            played_to: now,
            said_to: now,
            has_audio: false,
            warned: HashSet::new(),
            reads: true,
            ticks,
            reader,
            out,
            writer: tokio::spawn(write(sink, waiting)),
        }
    }

    async fn run(mut self, connect: &Connect) -> Ended {
        self.begin(connect);
        let ended = loop {
            let gone = self.task.gone.clone();
            tokio::select! {
                _ = self.ticks.tick() => self.on_tick(),
                message = self.reader.next(), if self.reads => {
                    if let Some(by) = self.on_message(message) {
                        break (by, None);
                    }
                }
                command = self.task.commands.recv() => {
                    if let Some(ended) = self.on_command(command.unwrap_or(Command::HangUp)) {
                        break ended;
                    }
                }
                () = gone.cancelled() => break (StreamEnd::CallerHungUp, Some(Halt::HungUp)),
                // The reader would find out as well, unless it is told not to read.
                () = self.out.closed(), if !self.reads => {
                    break (StreamEnd::Broken { why: "the service is gone".to_owned() }, None);
                }
            }
        };
        self.play();
        self.end(ended).await
    }

    fn begin(&mut self, connect: &Connect) {
        let identity = &self.task.identity;
        let mut call_sid = identity.call_sid.clone();
        let mut parameters = connect.parameters.clone();
        let mut is_started = true;
        for twist in &self.task.twists {
            match twist {
                Twist::NoStart => is_started = false,
                Twist::StartCallSid(other) => call_sid.clone_from(other),
                Twist::Parameter(name, value) => {
                    parameters.retain(|(other, _)| other != name);
                    parameters.push((name.clone(), value.clone()));
                }
                Twist::UnsignedUpgrade => {}
            }
        }
        let start = self.wire.start(&identity.account_sid, &call_sid, &parameters);
        self.send(Wire::connected());
        if is_started {
            self.send(start);
        }
        let stream_sid = self.wire.stream_sid().to_owned();
        self.task.record.change(|state| state.counters.streams += 1);
        self.task.record.note(TimelineEvent::StreamStarted { stream_sid });
    }

    fn send(&mut self, text: String) {
        if self.out.try_send(Message::text(text)).is_err() {
            self.warn(31930, "the service does not read".to_owned());
        }
    }

    /// One frame of the caller's, and whatever he has heard meanwhile.
    fn on_tick(&mut self) {
        self.play();
        let breath = self.task.mouth.next();
        let record = &self.task.record;
        let is_silent = self.task.mouth.is_silent();
        match breath.turn {
            Some(Turn::Began) => record.note(TimelineEvent::CallerSpeaks),
            Some(Turn::Ended { spoke_ms }) => {
                record.change(|state| state.caller_is_silent = is_silent);
                record.note(TimelineEvent::CallerSilent { spoke_ms });
            }
            None => {}
        }
        if !is_silent {
            record.on_spoken(self.said_to, &breath.audio);
        }
        self.said_to += mouth::FRAME as u64;
        if breath.lost {
            self.wire.lose_media();
            return;
        }
        let media = self.wire.media(&breath.audio);
        if self.out.capacity() > RESERVE && self.out.try_send(Message::text(media)).is_ok() {
            self.task.record.change(|state| state.counters.frames_sent += 1);
            if let Some(tap) = &self.task.tap {
                tap.on_sent(&breath.audio);
            }
        } else {
            self.task.record.change(|state| state.counters.frames_lost += 1);
            self.warn(31930, "the service does not read: the caller's audio is discarded".to_owned());
        }
    }

    /// Lets the caller hear what was due until now, and echoes the marks he has heard all before.
    fn play(&mut self) {
        let now = self.task.record.clock.samples();
        let played = self.playout.advance(now.saturating_sub(self.played_to));
        self.task.record.on_played(self.played_to, &played.audio, now);
        self.played_to = self.played_to.max(now);
        self.echo(played.marks, true);
    }

    fn echo(&mut self, marks: Vec<String>, played: bool) {
        for name in marks {
            let text = self.wire.mark(&name);
            self.send(text);
            self.task.record.note(TimelineEvent::MarkEchoed { name, played });
        }
    }

    fn on_message(&mut self, message: Option<Result<Message, tungstenite::Error>>) -> Option<StreamEnd> {
        match message {
            Some(Ok(Message::Text(text))) => match self.wire.read(&text) {
                Ok(event) => self.on_event(event),
                Err(why) => self.refuse(31951, why),
            },
            Some(Ok(Message::Binary(_))) => self.refuse(31950, "a binary frame".to_owned()),
            Some(Ok(Message::Close(frame))) => {
                return Some(StreamEnd::ByService { code: frame.map(|frame| frame.code.into()) });
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
            Some(Err(error)) => return Some(StreamEnd::Broken { why: error.to_string() }),
            None => return Some(StreamEnd::ByService { code: None }),
        }
        None
    }

    fn on_event(&mut self, event: FromService) {
        // What was due before this came has been played; only the rest is touched.
        self.play();
        match event {
            FromService::Media(audio) => {
                if let Some(tap) = &self.task.tap {
                    tap.on_received(&audio);
                }
                self.task.record.change(|state| {
                    state.counters.media_received += 1;
                    state.counters.bytes_received += audio.len() as u64;
                });
                if !std::mem::replace(&mut self.has_audio, true) {
                    self.task.record.note(TimelineEvent::FirstAudio);
                }
                if let Err(full) = self.playout.on_media(&audio) {
                    self.refuse(31930, full.to_string());
                }
            }
            FromService::Mark(name) => {
                self.task.record.change(|state| state.counters.marks_received += 1);
                match self.playout.on_mark(name) {
                    Ok(due) => self.echo(due.into_iter().collect(), true),
                    Err(full) => self.refuse(31930, full.to_string()),
                }
            }
            FromService::Clear => {
                self.task.record.change(|state| state.counters.clears_received += 1);
                let cleared = self.playout.on_clear();
                self.task.record.note(TimelineEvent::Cleared { dropped_ms: cleared.dropped_ms });
                self.echo(cleared.marks, false);
            }
        }
    }

    fn on_command(&mut self, command: Command) -> Option<Ended> {
        match command {
            Command::Play(mulaw) => self.task.speak(&mulaw),
            Command::Press(digit) => {
                let text = self.wire.dtmf(digit);
                self.send(text);
                self.task.record.note(TimelineEvent::Pressed { digit });
            }
            Command::Raw(message) => {
                if self.out.try_send(message).is_err() {
                    self.warn(31930, "the service does not read".to_owned());
                }
            }
            Command::Lose(frames) => self.task.mouth.lose(frames),
            Command::Read(reads) => self.reads = reads,
            Command::DropSocket => return Some((StreamEnd::Dropped, None)),
            Command::HangUp => return Some((StreamEnd::CallerHungUp, Some(Halt::HungUp))),
            Command::Update(update) => return Some((StreamEnd::Updated, Some(Halt::Update(update)))),
        }
        None
    }

    /// Ends the socket the way the stream has ended.
    async fn end(mut self, ended: Ended) -> Ended {
        let farewell = match &ended.0 {
            StreamEnd::CallerHungUp | StreamEnd::Updated => {
                let identity = &self.task.identity;
                let stop = self.wire.stop(&identity.account_sid, &identity.call_sid);
                vec![Message::text(stop), Message::Close(None)]
            }
            StreamEnd::ByService { .. } => vec![Message::Close(None)],
            StreamEnd::Broken { .. } | StreamEnd::Dropped => {
                self.writer.abort();
                return ended;
            }
        };
        let Self { out, mut writer, mut reader, .. } = self;
        let goodbye = async {
            for message in farewell {
                if out.send(message).await.is_err() {
                    return;
                }
            }
            drop(out);
            let _ = (&mut writer).await;
            while reader.next().await.is_some_and(|message| message.is_ok()) {}
        };
        if tokio::time::timeout(GOODBYE_LIMIT, goodbye).await.is_err() {
            writer.abort();
        }
        ended
    }

    /// Drops a message as Twilio does.
    fn refuse(&mut self, code: u32, why: String) {
        self.task.record.change(|state| state.counters.messages_refused += 1);
        self.warn(code, why);
    }

    fn warn(&mut self, code: u32, why: String) {
        if self.warned.insert(code) {
            self.task.record.note(TimelineEvent::Warned { code, why });
        }
    }
}

/// Writes what waits, until there is nobody to send any more, or nobody to read.
async fn write(mut sink: SplitSink<Socket, Message>, mut waiting: mpsc::Receiver<Message>) {
    while let Some(message) = waiting.recv().await {
        if sink.send(message).await.is_err() {
            return;
        }
    }
}
