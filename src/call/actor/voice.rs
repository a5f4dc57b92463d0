//! What a call does on a line that carries voices: it carries out what its conduct decides, and tells the conduct what
//! happens.

use std::collections::VecDeque;
use std::sync::Arc;

use ractor::{ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;

use super::alarm::Alarm;
use super::cutting::Cutting;
pub(super) use super::line::LineOrder;
use super::line::turn_away;
use super::line::{self, Line};
use super::record::Effect;
use super::{CallData, CallDependencies, CallMessage, Due, Phase, PhoneDesk};
use crate::audio::Lane;
use crate::call::CallError;
use crate::call::client::Client;
use crate::call::conduct::{Conduct, Occasion, VoiceAction, VoiceTimer};
use crate::call::digits::Digits;
use crate::call::event::{CallEvent, EndReason};
use crate::call::floor::Request;
use crate::call::phone::{AnsweredBy, Dial, PhoneOrder};
use crate::call::prompts;
use crate::call::voice::VoiceStart;
use crate::id::{CallId, ItemId, ResponseId};
use crate::session::SessionMessage;
use crate::transport::twilio::PhoneMessage;
use crate::transport::twilio::script::{DialPlan, human, may_be_dialled};
use crate::transport::{Goodbye, GoodbyeKind, LineCommand};

/// So many of the caller's sayings wait for their words to be written down.
const MAX_UNWRITTEN: usize = 32;
/// What the caller hears when the model cannot be had.
const APOLOGY: &str = "I am sorry, we have a technical problem. Please call again in a few minutes.";
const APOLOGY_BEFORE_HUMAN: &str =
    "I am sorry, we have a technical problem. I am putting you through to a colleague.";

/// The spoken side of a call.
pub(super) struct Voice {
    pub(super) start: VoiceStart,
    line: Line,
    pub(super) lane: Arc<Lane>,
    pub(super) conduct: Conduct,
    /// What is known of a Realtime client.
    pub(super) client: Option<Box<Client>>,
    pub(super) digits: Digits,
    /// The response under way.
    pub(super) active: Option<ResponseId>,
    /// What the caller said aloud, with its turn, until it is written down.
    unwritten: VecDeque<(ItemId, u64)>,
    /// What the caller heard of what was cut last; `None` when nothing has been cut since.
    pub(super) heard: Option<String>,
    /// What a human is told before the caller is put through.
    summary: Option<String>,
    /// Who took the call up, until it is heeded.
    pub(super) answered_by: Option<AnsweredBy>,
    /// What the session is told once it knows what was heard.
    pub(super) cutting: Cutting<SessionMessage>,
    /// Who waits for the end.
    enders: Vec<oneshot::Sender<Result<(), CallError>>>,
    pub(super) fillers: u64,
    pub(super) alarms: Alarms,
}

#[derive(Default)]
pub(super) struct Alarms {
    pub(super) speech: Alarm,
    pub(super) silence: Alarm,
    pub(super) ending_soon: Alarm,
    pub(super) max_call: Alarm,
    pub(super) farewell: Alarm,
    pub(super) line: Alarm,
    pub(super) keys: Alarm,
    pub(super) filler: Alarm,
}

impl Voice {
    /// The voice of a call that begins, or is taken up again.
    pub(super) async fn begin(
        myself: &ActorRef<CallMessage>,
        call_id: &CallId,
        dependencies: &CallDependencies,
        start: VoiceStart,
    ) -> Result<(Self, Vec<VoiceAction>), ActorProcessingErr> {
        let lane = line::lane(dependencies, &start);
        let line = Line::begin(myself, call_id, dependencies, &start, Arc::clone(&lane)).await?;
        let (mut conduct, actions) = Conduct::expected();
        let client = match &start {
            VoiceStart::Realtime(start) => {
                conduct.reserve(start.greets);
                Some(Box::default())
            }
            VoiceStart::Phone(_) | VoiceStart::Browser(_) => None,
        };
        let voice = Self {
            start,
            line,
            lane,
            conduct,
            client,
            digits: Digits::default(),
            active: None,
            unwritten: VecDeque::new(),
            heard: None,
            summary: None,
            answered_by: None,
            cutting: Cutting::default(),
            enders: Vec::new(),
            fillers: 0,
            alarms: Alarms::default(),
        };
        Ok((voice, actions))
    }

    /// Another line takes the place of one that failed.
    pub(super) async fn restart_line(
        &mut self,
        myself: &ActorRef<CallMessage>,
        call_id: &CallId,
        dependencies: &CallDependencies,
    ) -> Result<(), ActorProcessingErr> {
        self.line = Line::begin(myself, call_id, dependencies, &self.start, Arc::clone(&self.lane)).await?;
        Ok(())
    }

    pub(super) fn is_line(&self, id: ractor::ActorId) -> bool {
        self.line.id() == id
    }

    /// Whether the caller would miss us: they would not while a human speaks with them.
    pub(super) fn needs_us(&self) -> bool {
        !self.conduct.is_with_human()
    }

    pub(super) fn can_transfer(&self, desk: &PhoneDesk) -> bool {
        self.human(desk).is_some()
    }

    /// The human callers are put through to.
    fn human(&self, desk: &PhoneDesk) -> Option<String> {
        let phone = self.start.phone()?;
        let of_business = phone.business.as_ref().and_then(|business| business.transfer_number.as_deref());
        human(of_business, desk.transfer_number.as_deref(), phone.caller.as_deref()).map(ToOwned::to_owned)
    }

    /// What the caller sees of the call, where they can see anything.
    pub(super) fn has_screen(&self) -> bool {
        matches!(self.line, Line::Browser(_) | Line::Realtime(_))
    }

    /// The turn in which this was said.
    pub(super) fn said_in(&mut self, item_id: &ItemId) -> Option<u64> {
        let at = self.unwritten.iter().position(|(unwritten, _)| unwritten == item_id)?;
        self.unwritten.remove(at).map(|(_, turn)| turn)
    }

    /// Whether what the caller said in this turn is not written down yet.
    pub(super) fn is_unwritten(&self, turn: u64) -> bool {
        self.unwritten.iter().any(|(_, said_in)| *said_in == turn)
    }

    pub(super) fn begins_turn(&mut self, item_id: ItemId, turn: u64) {
        if self.unwritten.len() == MAX_UNWRITTEN {
            self.unwritten.pop_front();
        }
        self.unwritten.push_back((item_id, turn));
    }

    fn slot(&mut self, timer: VoiceTimer) -> &mut Alarm {
        match timer {
            VoiceTimer::Speech(_) => &mut self.alarms.speech,
            VoiceTimer::Silence(_) => &mut self.alarms.silence,
            VoiceTimer::EndingSoon => &mut self.alarms.ending_soon,
            VoiceTimer::MaxCall => &mut self.alarms.max_call,
            VoiceTimer::Farewell(_) => &mut self.alarms.farewell,
            VoiceTimer::Line(_) => &mut self.alarms.line,
        }
    }
}

/// How a call that is left for this reason takes its leave.
fn goodbye(reason: EndReason) -> Goodbye {
    let kind = match reason {
        EndReason::Shutdown => GoodbyeKind::GoingDown,
        EndReason::ModelUnavailable | EndReason::Failed => GoodbyeKind::Failed,
        EndReason::HungUp
        | EndReason::Assistant
        | EndReason::Silence
        | EndReason::MaxDuration
        | EndReason::Transferred
        | EndReason::NotTaken
        | EndReason::Voicemail
        | EndReason::LineLost => GoodbyeKind::Done,
    };
    Goodbye { reason: reason.as_str(), kind }
}

impl CallData {
    /// Tells the conduct what happens, and does what it says. A text call has none.
    pub(super) fn conduct(&mut self, happens: impl FnOnce(&mut Conduct) -> Vec<VoiceAction>) {
        let Some(voice) = &mut self.voice else {
            return;
        };
        for action in happens(&mut voice.conduct) {
            self.perform_on_line(action);
        }
    }

    pub(super) fn perform_on_line(&mut self, action: VoiceAction) {
        let Some(voice) = &mut self.voice else {
            return;
        };
        match action {
            VoiceAction::Interrupt => {
                let active = voice.active.clone();
                voice.heard = None;
                voice.cutting.ask();
                voice.line.tell(LineOrder::Any(LineCommand::Interrupt { active }));
            }
            VoiceAction::Say(occasion) => self.say_on(occasion),
            VoiceAction::Arm(timer, after) => {
                let alarm = self.later(Due::Voice(timer), after);
                if let Some(voice) = &mut self.voice {
                    *voice.slot(timer) = alarm;
                }
            }
            VoiceAction::HangUp => {
                let goodbye = goodbye(voice.conduct.left_for());
                self.hold(Effect::Voice(LineOrder::Any(LineCommand::HangUp(goodbye))));
            }
            VoiceAction::PutThrough(dial) => self.put_through(&dial),
            // Whoever has a screen has been told in writing.
            VoiceAction::Apologise if voice.has_screen() => {
                let goodbye = goodbye(voice.conduct.left_for());
                self.hold(Effect::Voice(LineOrder::Any(LineCommand::HangUp(goodbye))));
            }
            VoiceAction::Apologise => {
                let twiml = self.apology();
                self.hold(Effect::Voice(LineOrder::Phone(PhoneMessage::Redirect { twiml })));
            }
            VoiceAction::AskStatus => voice.line.tell(LineOrder::Any(LineCommand::AskStatus)),
            VoiceAction::RestSession => self.for_session(SessionMessage::Sleep),
            VoiceAction::End(reason) => {
                let mut enders = std::mem::take(&mut voice.enders).into_iter();
                self.end(reason, enders.next());
                enders.for_each(|ender| self.hold(Effect::Ended(Some(ender))));
            }
        }
    }

    pub(super) fn for_voice(&self, order: LineOrder) {
        if let Some(voice) = &self.voice {
            voice.line.tell(order);
        }
    }

    /// A caller's stream is there. One that comes before the call knows what it is waits for that.
    pub(super) fn attach(&mut self, attach: LineOrder) {
        if self.phase == Phase::Ended {
            return turn_away(attach);
        }
        if self.knows_itself() { self.for_voice(attach) } else { self.early_stream = Some(attach) }
    }

    fn say_on(&mut self, occasion: Occasion) {
        if occasion == Occasion::Back && std::mem::take(&mut self.owes_answer) {
            return self.ask(Request::Answer);
        }
        let business = self.voice.as_ref().and_then(|voice| voice.start.business().cloned());
        let greeting = business.as_ref().and_then(|business| business.greeting.as_deref());
        let heard = self.voice.as_mut().and_then(|voice| voice.heard.take());
        let speaking = self.rendition.as_ref().map(|rendition| Arc::clone(&rendition.persona));
        if let Some(note) =
            speaking.and_then(|persona| prompts::prompt(occasion, &persona, greeting, heard.as_deref()))
        {
            self.ask(Request::Prompt { note });
        }
    }

    fn put_through(&mut self, dial: &Dial) {
        self.record(CallEvent::TransferStarted { to: dial.to.clone() });
        let call = self.call_id.clone();
        let plan = DialPlan::new(&dial.to, dial.caller_id.as_deref()).whispering(&call);
        let twiml = self.dependencies.phone.script.dial(plan);
        self.hold(Effect::Voice(LineOrder::Phone(PhoneMessage::Redirect { twiml })));
    }

    /// What the caller hears when the model cannot be had: from Twilio, since nobody else can speak.
    fn apology(&self) -> String {
        let desk = &self.dependencies.phone;
        let Some(to) = self.voice.as_ref().and_then(|voice| voice.human(desk)) else {
            return desk.script.say_and_hang_up(APOLOGY);
        };
        let plan = DialPlan::new(&to, self.our_number());
        desk.script.say_and_dial(APOLOGY_BEFORE_HUMAN, plan)
    }

    fn our_number(&self) -> Option<&str> {
        self.voice.as_ref()?.start.phone()?.called.as_deref()
    }

    pub(super) fn on_phone_order(&mut self, order: PhoneOrder) {
        if self.phase == Phase::Ended {
            return self.refuse_order(order);
        }
        match order {
            PhoneOrder::Attach(stream) => self.attach(LineOrder::Phone(PhoneMessage::Attach(stream))),
            PhoneOrder::Next { dialled, reply } => {
                let Some(voice) = &mut self.voice else {
                    return;
                };
                let (next, actions) = voice.conduct.on_next(dialled);
                // Whoever asks may have gone; what follows does not depend on it.
                let _ = reply.send(next);
                actions.into_iter().for_each(|action| self.perform_on_line(action));
            }
            PhoneOrder::Status(status) => self.conduct(|conduct| conduct.on_status(status)),
            PhoneOrder::AnsweredBy(who) => {
                if let Some(voice) = &mut self.voice {
                    voice.answered_by = Some(who);
                }
                self.heed_who_answered();
            }
            PhoneOrder::Transfer { to, summary, reply } => {
                let _ = reply.send(self.transfer(to, summary, true));
            }
            PhoneOrder::Whisper { reply } => {
                let voice = self.voice.as_ref().filter(|voice| voice.conduct.human().is_some());
                let _ = reply.send(voice.and_then(|voice| voice.summary.clone()));
            }
        }
    }

    /// A call that has ended needs nothing more of Twilio.
    fn refuse_order(&mut self, order: PhoneOrder) {
        match order {
            PhoneOrder::Next { reply, .. } => drop(reply.send(crate::call::phone::Next::HangUp)),
            PhoneOrder::Transfer { reply, .. } => drop(reply.send(Err(CallError::Ended))),
            // Dropping what they bring says as much.
            PhoneOrder::Attach(_)
            | PhoneOrder::Status(_)
            | PhoneOrder::AnsweredBy(_)
            | PhoneOrder::Whisper { .. } => {}
        }
    }

    /// Puts the caller through to a human, once what is being said has been heard.
    pub(super) fn transfer(
        &mut self,
        to: Option<String>,
        summary: Option<String>,
        announce: bool,
    ) -> Result<(), CallError> {
        let desk = Arc::clone(&self.dependencies.phone);
        let Some((voice, phone)) =
            self.voice.as_mut().and_then(|voice| voice.start.phone().cloned().map(|phone| (voice, phone)))
        else {
            return Err(CallError::NoPhone);
        };
        let to = match to {
            Some(to) => Some(to).filter(|to| may_be_dialled(phone.caller.as_deref(), to)),
            None => voice.human(&desk),
        };
        let dial = Dial { to: to.ok_or(CallError::NobodyToTransferTo)?, caller_id: phone.called };
        voice.summary = summary;
        self.conduct(|conduct| conduct.on_transfer(dial, announce));
        Ok(())
    }

    /// Someone outside ends the call: its line is told first.
    pub(super) fn hang_up_line(&mut self, reply: oneshot::Sender<Result<(), CallError>>) {
        if let Some(voice) = &mut self.voice {
            voice.enders.push(reply);
        }
        self.conduct(|conduct| conduct.on_hang_up(EndReason::HungUp));
    }

    /// Who took the call up matters once there are both someone to speak to them and a line.
    pub(super) fn heed_who_answered(&mut self) {
        let (Some(rendition), Some(voice)) = (&self.rendition, &mut self.voice) else {
            return;
        };
        if !voice.conduct.is_line_up() {
            return;
        }
        let has_message = rendition.persona.voicemail.is_some();
        if let Some(who) = voice.answered_by.take() {
            self.conduct(|conduct| conduct.on_answered_by(who, has_message));
        }
    }
}
