//! How a call takes itself up again from its journal.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;

use super::record::Effect;
use super::settle::settle_open_calls;
use super::{CallData, CallDependencies, CallMessage, KnownCaller, Phase};
use crate::call::CallError;
use crate::call::event::{CallEvent, Logged, PersonaCause, PhoneFacts};
use crate::call::handoff::Handoffs;
use crate::call::journal::Journal;
use crate::call::phone::PhoneStart;
use crate::call::recollection::{Conversation, Recollection, Settled};
use crate::call::turn::{Turn, json_or_text};
use crate::call::voice::{TEXT, VoiceStart};
use crate::id::{BusinessId, CallId};
use crate::store::directory::DirectoryError;
use crate::store::{BusinessProfile, Directory, Lookup, Store, StoreError};
use crate::tool::ToolOutcome;

/// A call's journal is read within this.
const RECALL_LIMIT: Duration = Duration::from_secs(10);
/// Events read at once from the journal.
const RECALL_PAGE: usize = 1_000;

/// What a call that reads its journal has lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Everything, tools under way included.
    Process,
    /// The session with the model; its tools still run.
    Session,
}

/// Whose call it is, as far as that is known before the journal is read.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// How to find out, where nobody knows.
    pub(super) sought: Option<Lookup>,
    /// The business, if it is known.
    pub(super) business: Option<Arc<BusinessProfile>>,
}

/// Reads the journal aside, page by page, and brings what it says as a message.
pub(super) fn recall(
    myself: &ActorRef<CallMessage>,
    dependencies: &CallDependencies,
    call_id: &CallId,
    asked: Asked,
    lost: Lost,
) {
    let (dependencies, call_id) = (dependencies.clone(), call_id.clone());
    let myself = myself.clone();
    tokio::spawn(async move {
        // On a task of its own: a mistake of ours is an answer, too.
        let read = tokio::spawn(read(dependencies, call_id, asked, lost)).await;
        let recalled = read.unwrap_or_else(|error| Err(StoreError::Query(error.into())));
        // A call that is gone needs no memory.
        let _ = myself.cast(CallMessage::Recalled(Box::new(recalled)));
    });
}

async fn read(
    dependencies: CallDependencies,
    call_id: CallId,
    Asked { sought, business: known }: Asked,
    lost: Lost,
) -> Result<Recollection, StoreError> {
    let limit_ms = u64::try_from(RECALL_LIMIT.as_millis()).unwrap_or(u64::MAX);
    let (store, directory) = (&dependencies.store, &dependencies.directory);
    let reading = async {
        // What an earlier part of this call recorded may still be on its way.
        dependencies.journal.flushed().await;
        let mut recollection = read_journal(store, &call_id).await?;
        recollection.business = business(store, directory, &recollection, sought).await?;
        Ok(recollection)
    };
    let read = tokio::time::timeout(RECALL_LIMIT, reading).await;
    let mut recollection = read.unwrap_or(Err(StoreError::Timeout { limit_ms }))?;
    if lost == Lost::Process {
        recollection.settled = settle_open_calls(&dependencies, &call_id, &recollection, known).await;
    }
    Ok(recollection)
}

async fn read_journal(store: &Store, call_id: &CallId) -> Result<Recollection, StoreError> {
    let mut recollection = Recollection::default();
    // Conversations that ended before are over.
    let began = store.latest_event(call_id, Some("call.started")).await?;
    recollection.last_seq = began.map_or(0, |event| event.seq - 1);
    loop {
        let page = store.events_after(call_id, recollection.last_seq, RECALL_PAGE).await?;
        let Some(last) = page.last().map(|record| record.seq) else {
            return Ok(recollection);
        };
        for record in &page {
            // Of what was said, the whole messages are kept; their pieces are most of the journal.
            if record.kind == "assistant.delta" {
                recollection.conversation.iter_mut().for_each(Conversation::on_words);
            } else if let Some(logged) = Logged::read(record) {
                recollection.take(logged);
            }
        }
        recollection.last_seq = last;
    }
}

async fn business(
    store: &Store,
    directory: &Directory,
    recollection: &Recollection,
    sought: Option<Lookup>,
) -> Result<Option<Arc<BusinessProfile>>, StoreError> {
    let conversation = recollection.conversation.as_ref();
    match (conversation.and_then(|conversation| conversation.business_id.as_ref()), sought) {
        (Some(id), _) if id.is_nobody() => Ok(Some(Arc::new(BusinessProfile::nobody()))),
        // One that is gone is still not anybody's: its caller sees its rows, of which there are none.
        (Some(id), _) => {
            let gone = || BusinessProfile { id: id.clone(), ..BusinessProfile::default() };
            Ok(Some(Arc::new(store.business(id.as_str()).await?.unwrap_or_else(gone))))
        }
        (None, Some(lookup)) => directory.find(&lookup).await.map_err(|error| match error {
            DirectoryError::Store(error) => error,
            DirectoryError::Gone => StoreError::Query(error.into()),
        }),
        (None, None) => Ok(None),
    }
}

impl CallData {
    pub(super) fn on_recalled(&mut self, recalled: Result<Recollection, StoreError>) {
        if self.phase == Phase::Ended {
            return;
        }
        let recollection = match recalled {
            Ok(recollection) => recollection,
            Err(error) => {
                tracing::error!(error = %error, "the journal cannot be read, the call cannot begin");
                self.floor.close();
                self.refuse_everyone(&CallError::JournalUnavailable);
                for reply in self.early_end.take().into_iter().flat_map(|(_, replies)| replies) {
                    let _ = reply.send(Err(CallError::JournalUnavailable));
                }
                self.myself.stop(Some("the journal cannot be read".to_owned()));
                return;
            }
        };
        let restarted = self.journal.last() > 0;
        if !restarted {
            self.journal = Journal::after(self.call_id.clone(), recollection.last_seq);
        }
        match recollection.conversation {
            Some(conversation) if restarted => self.recalled = Some(Box::new(conversation)),
            Some(mut conversation) => {
                let phone = conversation.phone.take();
                let transport = conversation.transport.clone();
                let learned = self.business.clone().filter(|business| {
                    transport == TEXT && comes_to_belong(recollection.business.as_ref(), business)
                });
                if learned.is_none() {
                    self.remember_caller(&transport, phone, recollection.business);
                }
                self.go_on(conversation, recollection.settled, learned.as_deref());
            }
            None => {
                if self.voice.as_ref().is_some_and(|voice| voice.start.sought().is_some()) {
                    self.find_caller(recollection.business);
                }
                self.first_seq = self.journal.last() + 1;
                let start = self.voice.as_ref().map(|voice| &voice.start);
                let phone = start.and_then(VoiceStart::phone).map(PhoneStart::facts);
                let transport = start.map_or(TEXT, VoiceStart::transport).to_owned();
                let (business_id, nobodys) = whose(self.business.as_deref());
                self.record(CallEvent::CallStarted { transport, business_id, nobodys, phone });
            }
        }
        if self.early_end.is_some() {
            return self.end_early();
        }
        // Otherwise the start waits until everyone knows who calls.
        if self.known_caller.is_none() {
            self.begin_start();
            self.attach_early_stream();
        }
    }

    /// The journal says who calls.
    fn remember_caller(
        &mut self,
        transport: &str,
        phone: Option<PhoneFacts>,
        business: Option<Arc<BusinessProfile>>,
    ) {
        let Some(voice) = &mut self.voice else {
            let voice = VoiceStart::recalled(transport, phone, business.clone());
            if voice.is_some() || business.is_some() {
                self.known_caller = Some(KnownCaller { voice, business });
            }
            return;
        };
        if let Some(ringing) = voice.start.phone_mut()
            && ringing.sought.take().is_some()
        {
            ringing.business.clone_from(&business);
            self.known_caller = Some(KnownCaller { voice: None, business });
        }
    }

    /// It was found out whose caller calls, while the phone rang.
    fn find_caller(&mut self, business: Option<Arc<BusinessProfile>>) {
        let Some(phone) = self.voice.as_mut().and_then(|voice| voice.start.phone_mut()) else {
            return;
        };
        phone.sought = None;
        phone.business.clone_from(&business);
        let wanted = business.as_ref().and_then(|business| business.default_persona.clone());
        if phone.persona.is_none()
            && let Some(persona) = wanted
            && self.dependencies.library.catalog().persona(&persona).is_some()
        {
            self.handoffs = Handoffs::new(persona);
        }
        self.business.clone_from(&business);
        self.known_caller = Some(KnownCaller { voice: None, business });
    }

    /// A text call is told whose it is.
    pub(super) fn on_belongs_to(&mut self, business: Arc<BusinessProfile>) {
        let sleeps = matches!(self.phase, Phase::Asleep { .. });
        if self.voice.is_some() || !sleeps || !comes_to_belong(self.business.as_ref(), &business) {
            return;
        }
        let (business_id, nobodys) = whose(Some(&business));
        self.record(CallEvent::CallResumed { business_id, nobodys });
        self.reload_is_due = true;
        self.known_caller = Some(KnownCaller { voice: None, business: Some(business) });
    }

    /// The stream that came before the call knew what it was.
    pub(super) fn attach_early_stream(&mut self) {
        if let Some(attach) = self.early_stream.take() {
            self.for_voice(attach);
        }
    }

    /// The call was ended before it knew what it was.
    fn end_early(&mut self) {
        let Some((reason, replies)) = self.early_end.take() else {
            return;
        };
        self.known_caller = None;
        let mut replies = replies.into_iter();
        self.end(reason, replies.next());
        replies.for_each(|reply| self.hold(Effect::Ended(Some(reply))));
    }

    fn go_on(
        &mut self,
        mut conversation: Conversation,
        settled: Vec<Settled>,
        learned: Option<&BusinessProfile>,
    ) {
        self.first_seq = conversation.first_seq;
        self.started_at = conversation.started_at;
        self.turns = conversation.turns;
        self.connections = conversation.connections;
        let (business_id, nobodys) = whose(learned);
        self.record(CallEvent::CallResumed { business_id, nobodys });
        match conversation.handoffs.take() {
            Some(handoffs) => self.handoffs = handoffs,
            // The process ended before the first persona was in force.
            None => self.activated(self.handoffs.active().clone(), PersonaCause::Start, None),
        }
        for Settled { id, name, key, outcome } in settled {
            let ToolOutcome { output, status, duration_ms } = outcome;
            let shown = json_or_text(&output);
            conversation.answer(&id, output);
            self.record(CallEvent::ToolDone { name, output: shown, status, duration_ms, tool_call_id: id });
            key.into_iter().for_each(|key| self.hold(Effect::Delivered(key)));
        }
        self.owes_answer = conversation.owes_answer();
        if let Some(turn) = conversation.cut_turn {
            let (event, _) = Turn::cut_off(turn).finish(self.handoffs.active().clone(), &self.model, 0);
            self.record(event);
        }
        self.recalled = Some(Box::new(conversation));
    }
}

/// Whether a call that was `before`'s is now this business's: it belonged to none, or to nobody.
fn comes_to_belong(before: Option<&Arc<BusinessProfile>>, business: &BusinessProfile) -> bool {
    before.is_none_or(|before| before.known_id().is_none() && before.id != business.id)
}

/// As the journal says whose call it is: the business, or that it is nobody's.
fn whose(business: Option<&BusinessProfile>) -> (Option<BusinessId>, bool) {
    let known = business.and_then(|business| business.known_id().cloned());
    let nobodys = business.is_some() && known.is_none();
    (known, nobodys)
}
