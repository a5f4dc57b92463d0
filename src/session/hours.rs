//! Hours of a call pass in seconds: sessions reach their age, others take their place, and the caller hears nothing of
//! it. Nothing here touches the network, so that the clock can be the runtime's.

use std::sync::Arc;
use std::time::Duration;

use audio_codec_algorithms::encode_ulaw;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::provider::Provider;
use super::{
    Endpoint, SessionActor, SessionArguments, SessionConfig, SessionEvent, SessionLimits, SessionMessage,
    SpeechConfig,
};
use crate::audio::{Lane, Speech};
use crate::protocol::openai::APPEND;
use crate::protocol::realtime::Turns;
use crate::rehearsal::speech::speak;
use crate::rehearsal::{Rehearsal, RehearsalOptions};
use crate::sound::AudioFormat;

/// The longest anything may take, on the clock of the call.
const LIMIT: Duration = Duration::from_secs(30);
/// What the caller's line brings at once: 100 ms.
const PIECE: usize = 800;
/// Silence after the caller's words: longer than what ends a turn.
const PAUSE: usize = 10;

/// Hands on what the session reports.
struct Owner;

impl Actor for Owner {
    type Msg = SessionEvent;
    type State = mpsc::UnboundedSender<SessionEvent>;
    type Arguments = Self::State;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        told: Self::State,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: Self::Msg,
        told: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        drop(told.send(event));
        Ok(())
    }
}

/// A caller on a line without a network.
struct Caller {
    model: Arc<Rehearsal>,
    session: ActorRef<SessionMessage>,
    told: mpsc::UnboundedReceiver<SessionEvent>,
    lane: Arc<Lane>,
    /// When a piece of the persona's voice came.
    heard: mpsc::UnboundedReceiver<Instant>,
    turn: u64,
    transcripts: Vec<String>,
    /// What a caller must never notice.
    noticed: Vec<SessionEvent>,
}

impl Caller {
    async fn dial(options: RehearsalOptions) -> Self {
        let model = Arc::new(Rehearsal::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap());
        let behind = Arc::clone(&model);
        let endpoint = Endpoint::new("ws://rehearsal/v1/realtime", "gpt-realtime-2.1", None, LIMIT).unwrap();
        let lane = Arc::new(Lane::new(500, APPEND, AudioFormat::Pcmu));
        let (tell, told) = mpsc::unbounded_channel();
        let (owner, _) = Actor::spawn(None, Owner, tell).await.unwrap();
        let speech = SpeechConfig {
            format: AudioFormat::Pcmu,
            voice: "marin".into(),
            transcription_model: "gpt-transcribe".into(),
            stops_for_speech: false,
            turns: Turns::default(),
            is_spoken: true,
        };
        let arguments = SessionArguments {
            call_id: "hours".parse().unwrap(),
            provider: Provider::new(endpoint.over(move || behind.connect()), None, 100),
            patience: LIMIT,
            limits: SessionLimits::default(),
            config: SessionConfig {
                instructions: "You are AI Waiter.".into(),
                tools: Vec::new(),
                speech: Some(speech),
            },
            history: Vec::new(),
            lane: Some(Arc::clone(&lane)),
            connections: 0,
            owner: owner.get_derived(),
        };
        let (session, _) = Actor::spawn(None, SessionActor, arguments).await.unwrap();
        let heard = listen(Arc::clone(&lane));
        Self { model, session, told, lane, heard, turn: 0, transcripts: Vec::new(), noticed: Vec::new() }
    }

    /// Says something, waits until it was answered and written down; how long the answer was in coming.
    async fn ask(&mut self, words: &str) -> Duration {
        while self.heard.try_recv().is_ok() {}
        let said = tokio::spawn(say(Arc::clone(&self.lane), words.to_owned()));
        let (wanted, turn) = (self.transcripts.len() + 1, self.turn + 1);
        let mut is_settled = false;
        while !is_settled || self.transcripts.len() < wanted {
            let event = timeout(LIMIT, self.told.recv()).await.expect(words).unwrap();
            is_settled |= matches!(event, SessionEvent::Settled { turn: of } if of == turn);
            self.take(event);
        }
        let answered = timeout(LIMIT, self.heard.recv()).await.expect(words).unwrap();
        answered.saturating_duration_since(said.await.unwrap())
    }

    fn take(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::CallerSaid { .. } => {
                self.turn += 1;
                self.session.cast(SessionMessage::Answer { turn: self.turn }).unwrap();
            }
            SessionEvent::CallerTranscribed { text, .. } => self.transcripts.push(text),
            SessionEvent::Disconnected { .. } | SessionEvent::Unavailable(_) => self.noticed.push(event),
            _ => {}
        }
    }
}

/// Plays what comes of the persona.
fn listen(lane: Arc<Lane>) -> mpsc::UnboundedReceiver<Instant> {
    let (tell, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            match lane.next_persona().await {
                Speech::Audio { .. } => {
                    if tell.send(Instant::now()).is_err() {
                        return;
                    }
                }
                Speech::End { .. } => lane.persona_played(),
            }
        }
    });
    heard
}

/// Speaks as a line brings it, and is silent after that; says when the words were over.
async fn say(lane: Arc<Lane>, words: String) -> Instant {
    let mut audio: Vec<u8> = speak(&words).into_iter().map(encode_ulaw).collect();
    let spoken = audio.len().div_ceil(PIECE);
    audio.resize((spoken + PAUSE) * PIECE, 0xFF);
    let mut over = Instant::now();
    for (at, piece) in audio.chunks(PIECE).enumerate() {
        lane.push_caller(&base64_simd::STANDARD.encode_to_string(piece));
        if at + 1 == spoken {
            over = Instant::now();
        }
        sleep(Duration::from_millis(100)).await;
    }
    over
}

#[tokio::test(start_paused = true)]
async fn a_call_of_three_hours_crosses_its_age_limits_and_the_caller_does_not_notice() {
    let options = RehearsalOptions { delay_ms: 300, delta_delay_ms: 20, ..RehearsalOptions::default() };
    let mut caller = Caller::dial(options).await;
    let began = Instant::now();
    let questions: Vec<String> = (0..120).map(|number| format!("hello {number}")).collect();
    let mut waits = Vec::new();
    for (number, question) in (1_u32..).zip(&questions) {
        waits.push(caller.ask(question).await);
        sleep_until(began + Duration::from_secs(90) * number).await;
    }
    assert!(began.elapsed() >= Duration::from_secs(3 * 3_600));
    assert_eq!(caller.noticed, []);
    assert_eq!(caller.transcripts, questions, "each was heard once, whole, and in order");
    let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*longest < *shortest + Duration::from_millis(150), "{shortest:?} to {longest:?}");
    let sessions = caller.model.connections();
    assert!((3..=5).contains(&sessions), "{sessions} sessions");
    assert!(caller.model.refusals().is_empty(), "{:?}", caller.model.refusals());
}
