//! How a call over the phone is conducted: when the persona greets, when it stops for the caller, what becomes of
//! silence, how the call is handed to a human, and how it ends. Pure: what happens comes in, what to do goes out.

mod action;
mod ends;
mod line;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::call::event::EndReason;
use crate::call::phone::Dial;
use crate::persona::PhoneManners;
use crate::transport::StreamEnd;

use self::line::Line;

pub use self::action::{Occasion, VoiceAction, VoiceTimer};

/// A call is announced to end so long ahead.
const ANNOUNCED_AHEAD: Duration = Duration::from_secs(30);
/// A speech that may be noise is looked at again after this.
const LISTEN_AGAIN: Duration = Duration::from_millis(60);

/// What shall become of the call.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plan {
    /// It goes on.
    Talk,
    /// It ends when what is being said has been heard.
    Leave(EndReason),
    /// The caller is put through when what is being said has been heard.
    PutThrough(Dial),
    /// The caller is with a human, or on the way.
    WithHuman(Dial),
    /// We have ended it, and Twilio will say so.
    Left(EndReason),
    /// The books are closed.
    Over,
}

/// One speech of the caller's, while it lasts.
#[derive(Debug, Clone, Copy)]
struct Speech {
    number: u64,
    /// Whether the persona was stopped for it, or had nothing to be stopped.
    counts: bool,
}

/// The conduct of one call.
#[derive(Debug)]
pub struct Conduct {
    manners: PhoneManners,
    /// The caller speaks first, and is not spoken to unasked: neither in silence nor at the end.
    is_reserved: bool,
    /// Whether the caller's speech stops the persona.
    stops_for_speech: bool,
    /// A persona is there to speak.
    is_ready: bool,
    line: Line,
    plan: Plan,
    has_met: bool,
    nobody_came: bool,
    /// The call had lasted long enough while the caller was elsewhere.
    is_overdue: bool,
    /// The line broke while the persona spoke.
    was_cut_off: bool,
    /// The service was gone.
    was_gone: bool,
    speech: Option<Speech>,
    speeches: u64,
    /// A response is under way.
    is_answering: bool,
    /// Something the persona said is still to be heard.
    is_audible: bool,
    /// A turn or a swap is under way.
    is_busy: bool,
    nudged: u32,
    silences: u64,
    is_silence_timed: bool,
    farewells: u64,
    /// How often the farewell under way was given more time, since it was still being heard.
    extensions: u32,
}

impl Conduct {
    /// A call whose stream is expected.
    pub fn expected() -> (Self, Vec<VoiceAction>) {
        let (line, action) = Line::expected();
        let conduct = Self {
            manners: PhoneManners::default(),
            is_reserved: false,
            stops_for_speech: true,
            is_ready: false,
            line,
            plan: Plan::Talk,
            has_met: false,
            nobody_came: false,
            is_overdue: false,
            extensions: 0,
            was_cut_off: false,
            was_gone: false,
            speech: None,
            speeches: 0,
            is_answering: false,
            is_audible: false,
            is_busy: true,
            nudged: 0,
            silences: 0,
            is_silence_timed: false,
            farewells: 0,
        };
        (conduct, vec![action])
    }

    /// The caller is a program that leads: it is greeted only if it wants that, and otherwise not spoken to unasked. How
    /// long it may be silent, and stay, is for its line to say.
    pub fn reserve(&mut self, greets: bool) {
        self.is_reserved = true;
        self.has_met = !greets;
    }

    /// Whether the caller's speech stops the persona.
    pub fn stop_for_speech(&mut self, stops: bool) {
        self.stops_for_speech = stops;
    }

    /// What was being heard of the caller is forgotten.
    pub fn on_speech_forgotten(&mut self) -> Vec<VoiceAction> {
        self.speech = None;
        self.settle(Vec::new())
    }

    /// A persona is there to speak. `has_met`: the caller was greeted before, since the call goes on from its
    /// journal. Said again, it is only another persona.
    pub fn on_ready(&mut self, manners: PhoneManners, has_met: bool) -> Vec<VoiceAction> {
        self.manners = manners;
        if std::mem::replace(&mut self.is_ready, true) {
            return Vec::new();
        }
        self.was_gone = has_met;
        self.has_met |= has_met || self.plan != Plan::Talk;
        let mut actions = Vec::new();
        if !self.is_reserved {
            let announced = self.manners.max_call.saturating_sub(ANNOUNCED_AHEAD);
            actions.push(VoiceAction::Arm(VoiceTimer::EndingSoon, announced));
            actions.push(VoiceAction::Arm(VoiceTimer::MaxCall, self.manners.max_call));
        }
        actions.extend(self.meet());
        self.settle(actions)
    }

    /// The first words, once there are both someone to say them and someone to hear them.
    fn meet(&mut self) -> Option<VoiceAction> {
        if !self.is_ready || !self.line.is_up() {
            return None;
        }
        let occasion = self.first_words()?;
        // Until it has been said, or turns out to be nothing.
        self.is_busy = true;
        Some(VoiceAction::Say(occasion))
    }

    fn first_words(&mut self) -> Option<Occasion> {
        if !std::mem::replace(&mut self.has_met, true) {
            Some(Occasion::Greeting)
        } else if self.is_reserved {
            None
        } else if std::mem::take(&mut self.is_overdue) {
            Some(Occasion::Goodbye)
        } else if std::mem::take(&mut self.nobody_came) {
            Some(Occasion::NobodyAvailable)
        } else if std::mem::take(&mut self.was_gone) {
            Some(Occasion::Back)
        } else if std::mem::take(&mut self.was_cut_off) {
            Some(Occasion::GoOn)
        } else {
            None
        }
    }

    /// Whether the caller can be heard and hear.
    pub fn is_line_up(&self) -> bool {
        self.line.is_up()
    }

    /// A stream is up.
    pub fn on_line_up(&mut self) -> Vec<VoiceAction> {
        if self.line.is_up() {
            // It takes the place of one that was up, and what that one had not played is lost with it.
            self.speech = None;
            self.was_cut_off |= std::mem::take(&mut self.is_audible) && self.plan == Plan::Talk;
        }
        self.line.up();
        let actions = match self.plan {
            // When it was told there was no stream to be ended by.
            Plan::Left(EndReason::ModelUnavailable) => vec![VoiceAction::Apologise],
            Plan::Left(_) => vec![VoiceAction::HangUp],
            Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) | Plan::WithHuman(_) | Plan::Over => {
                self.meet().into_iter().collect()
            }
        };
        self.settle(actions)
    }

    /// The stream is gone.
    pub fn on_line_down(&mut self, how: StreamEnd) -> Vec<VoiceAction> {
        self.speech = None;
        self.was_cut_off |= self.is_audible && self.plan == Plan::Talk;
        self.is_audible = false;
        let mut actions = Vec::new();
        match &self.plan {
            Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) => actions.push(self.line.down(how)),
            Plan::WithHuman(_) => {
                actions.push(self.line.down_for_long());
                actions.push(VoiceAction::RestSession);
            }
            // It is as we wanted it.
            Plan::Left(reason) if how == StreamEnd::Stopped => {
                actions.push(VoiceAction::End(*reason));
                self.plan = Plan::Over;
            }
            Plan::Left(_) | Plan::Over => {}
        }
        self.settle(actions)
    }

    /// The caller speaks.
    pub fn on_caller_speaks(&mut self) -> Vec<VoiceAction> {
        self.speeches += 1;
        self.nudged = 0;
        let number = self.speeches;
        let speaks_over = (self.is_answering || self.is_audible) && self.stops_for_speech;
        let must_last = speaks_over && !self.is_reserved && !self.manners.min_speech.is_zero();
        self.speech = Some(Speech { number, counts: !must_last });
        let actions = if must_last {
            vec![VoiceAction::Arm(VoiceTimer::Speech(number), self.manners.min_speech)]
        } else if speaks_over {
            self.stop_for_caller()
        } else {
            self.listen_again();
            Vec::new()
        };
        self.settle(actions)
    }

    /// What the caller said stands in the conversation. Answers whether it is to be answered; else it was noise.
    pub fn on_caller_said(&mut self) -> bool {
        let counts = self.speech.take().is_none_or(|speech| speech.counts);
        counts && !matches!(self.plan, Plan::WithHuman(_) | Plan::Left(_) | Plan::Over)
    }

    /// The caller did something else that wants the persona's attention: pressed a key.
    pub fn on_caller_acts(&mut self) -> Vec<VoiceAction> {
        self.nudged = 0;
        let actions = if self.is_answering || self.is_audible { self.stop_for_caller() } else { Vec::new() };
        self.settle(actions)
    }

    /// A speech has lasted for a while, `voiced` of it loud enough to be words.
    pub fn on_speech_lasts(&mut self, number: u64, voiced: Duration) -> Vec<VoiceAction> {
        let min_speech = self.manners.min_speech;
        let Some(speech) = self.speech.as_mut().filter(|speech| speech.number == number && !speech.counts)
        else {
            return Vec::new();
        };
        if voiced < min_speech {
            return self.settle(vec![VoiceAction::Arm(VoiceTimer::Speech(number), LISTEN_AGAIN)]);
        }
        speech.counts = true;
        let actions = if self.is_answering || self.is_audible { self.stop_for_caller() } else { Vec::new() };
        self.settle(actions)
    }

    fn stop_for_caller(&mut self) -> Vec<VoiceAction> {
        self.is_audible = false;
        self.listen_again();
        vec![VoiceAction::Interrupt]
    }

    /// A caller who speaks during the farewell is not hung up on.
    fn listen_again(&mut self) {
        if !self.is_overdue && matches!(self.plan, Plan::Leave(EndReason::Silence | EndReason::Assistant)) {
            self.plan = Plan::Talk;
        }
    }

    /// A response began, or ended.
    pub fn on_answering(&mut self, is_answering: bool) -> Vec<VoiceAction> {
        self.is_answering = is_answering;
        let actions = if is_answering { self.yield_to_caller() } else { Vec::new() };
        self.settle(actions)
    }

    /// The persona can be heard, or all it said has been.
    pub fn on_audible(&mut self, is_audible: bool) -> Vec<VoiceAction> {
        self.is_audible = is_audible;
        let actions = if is_audible { self.yield_to_caller() } else { Vec::new() };
        self.settle(actions)
    }

    /// Nothing of what was said before is to be heard any more, as the line tells. `unasked`: since it broke, in the
    /// middle of something.
    pub fn on_cut(&mut self, unasked: bool) -> Vec<VoiceAction> {
        self.is_audible = false;
        self.was_cut_off |= unasked && self.plan == Plan::Talk;
        self.settle(Vec::new())
    }

    /// The caller speaks, and the persona begins to: what it was asked for before they spoke is out of date.
    fn yield_to_caller(&mut self) -> Vec<VoiceAction> {
        let speaks = self.speech.is_some_and(|speech| speech.counts);
        let yields = matches!(self.plan, Plan::Talk | Plan::Leave(EndReason::Silence | EndReason::Assistant));
        if speaks && yields && self.stops_for_speech { self.stop_for_caller() } else { Vec::new() }
    }

    /// Whether the caller speaks now.
    pub fn is_caller_speaking(&self) -> bool {
        self.speech.is_some()
    }

    /// A turn or a swap is under way, or nothing is.
    pub fn on_busy(&mut self, is_busy: bool) -> Vec<VoiceAction> {
        if self.is_busy == is_busy {
            return Vec::new();
        }
        self.is_busy = is_busy;
        self.settle(Vec::new())
    }

    /// An answer was given up: what there is of it is not heard to its end.
    pub fn on_given_up(&mut self) -> Vec<VoiceAction> {
        let actions = if self.is_answering || self.is_audible { self.stop_for_caller() } else { Vec::new() };
        self.settle(actions)
    }

    /// The model's socket is gone, and with it what it was hearing and saying.
    pub fn on_model_lost(&mut self) -> Vec<VoiceAction> {
        self.speech = None;
        self.is_answering = false;
        self.settle(Vec::new())
    }

    /// A timer has come.
    pub fn on_timer(&mut self, timer: VoiceTimer) -> Vec<VoiceAction> {
        let actions = match timer {
            // The shell brings how long it was, too.
            VoiceTimer::Speech(_) => Vec::new(),
            VoiceTimer::Silence(number) => self.on_silence(number),
            VoiceTimer::EndingSoon if self.plan == Plan::Talk => vec![VoiceAction::Say(Occasion::EndingSoon)],
            VoiceTimer::MaxCall if self.plan == Plan::Talk => {
                self.is_busy = true;
                let mut actions = vec![VoiceAction::Say(Occasion::Goodbye)];
                actions.extend(self.plan_to_leave(EndReason::MaxDuration));
                actions
            }
            VoiceTimer::EndingSoon => Vec::new(),
            VoiceTimer::MaxCall => {
                self.is_overdue = !self.is_leaving_for_good() || self.is_with_human();
                Vec::new()
            }
            VoiceTimer::Farewell(number) if number == self.farewells => self.on_farewell_over(),
            VoiceTimer::Farewell(_) => Vec::new(),
            VoiceTimer::Line(number) => self.on_line_missing(number),
        };
        self.settle(actions)
    }

    fn on_silence(&mut self, number: u64) -> Vec<VoiceAction> {
        if number != self.silences || !self.is_silence_timed {
            return Vec::new();
        }
        self.is_silence_timed = false;
        self.is_busy = true;
        if self.nudged < self.manners.nudges {
            self.nudged += 1;
            return vec![VoiceAction::Say(Occasion::Nudge)];
        }
        let mut actions = vec![VoiceAction::Say(Occasion::Goodbye)];
        actions.extend(self.plan_to_leave(EndReason::Silence));
        actions
    }

    fn on_line_missing(&mut self, number: u64) -> Vec<VoiceAction> {
        let Some(what) = self.line.on_timer(number) else {
            return Vec::new();
        };
        match (&self.plan, what) {
            (
                Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) | Plan::WithHuman(_),
                line::Missing::Ask(wait),
            ) => {
                vec![VoiceAction::AskStatus, wait]
            }
            (Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_), line::Missing::Gone(reason)) => {
                self.plan = Plan::Over;
                vec![VoiceAction::End(reason)]
            }
            (Plan::WithHuman(_), line::Missing::Gone(_)) | (Plan::Left(_) | Plan::Over, _) => Vec::new(),
        }
    }

    /// Whether the caller is with a human, and needs nobody here.
    pub fn is_with_human(&self) -> bool {
        matches!(self.plan, Plan::WithHuman(_))
    }

    /// Nobody speaks, and nothing is owed.
    fn is_still(&self) -> bool {
        self.line.is_up() && self.speech.is_none() && !self.is_answering && !self.is_audible && !self.is_busy
    }

    /// What follows from how things stand now.
    fn settle(&mut self, mut actions: Vec<VoiceAction>) -> Vec<VoiceAction> {
        if self.is_reserved {
            let is_asked = |action: &VoiceAction| !matches!(action, VoiceAction::Say(occasion) if *occasion != Occasion::Greeting);
            actions.retain(is_asked);
        }
        match self.plan {
            Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) => {}
            // Nobody is there to hear it.
            Plan::WithHuman(_) | Plan::Left(_) => {
                actions.retain(|action| !matches!(action, VoiceAction::Say(_)));
            }
            Plan::Over => actions.retain(|action| matches!(action, VoiceAction::End(_))),
        }
        if !self.is_still() {
            self.is_silence_timed = false;
            return actions;
        }
        // Something that was just asked for will be said first.
        if actions.iter().any(|action| matches!(action, VoiceAction::Say(_))) {
            return actions;
        }
        match self.plan.clone() {
            Plan::Leave(reason) => actions.extend(self.leave(reason)),
            Plan::PutThrough(dial) => actions.extend(self.put_through(dial)),
            Plan::Talk if !self.is_silence_timed && !self.is_reserved => {
                self.is_silence_timed = true;
                self.silences += 1;
                actions.push(VoiceAction::Arm(VoiceTimer::Silence(self.silences), self.manners.idle));
            }
            Plan::Talk | Plan::WithHuman(_) | Plan::Left(_) | Plan::Over => {}
        }
        actions
    }
}
