//! How a call takes itself up again from its journal.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;

use super::record::Effect;
use super::{CallData, CallDependencies, CallMessage, KnownCaller, Phase};
use crate::call::CallError;
use crate::call::event::{CallEvent, Logged, PersonaCause};
use crate::call::journal::Journal;
use crate::call::phone::PhoneStart;
use crate::call::recollection::{Conversation, Recollection};
use crate::call::turn::Turn;
use crate::call::voice::{TEXT, VoiceStart};
use crate::id::CallId;
use crate::store::{BusinessProfile, Store, StoreError};

/// A call's journal is read within this.
const RECALL_LIMIT: Duration = Duration::from_secs(10);
/// Events read at once from the journal.
const RECALL_PAGE: usize = 1_000;

/// Reads the journal aside, page by page, and brings what it says as a message.
pub(super) fn recall(myself: &ActorRef<CallMessage>, dependencies: &CallDependencies, call_id: &CallId) {
    let (store, journal) = (dependencies.store.clone(), dependencies.journal.clone());
    let (myself, call_id) = (myself.clone(), call_id.clone());
    tokio::spawn(async move {
        let limit_ms = u64::try_from(RECALL_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let reading = async {
            // What an earlier part of this call recorded may still be on its way.
            journal.flushed().await;
            read_journal(&store, &call_id).await
        };
        let read = tokio::time::timeout(RECALL_LIMIT, reading).await;
        let recalled = read.unwrap_or(Err(StoreError::Timeout { limit_ms }));
        // A call that is gone needs no memory.
        let _ = myself.cast(CallMessage::Recalled(Box::new(recalled)));
    });
}

async fn read_journal(store: &Store, call_id: &CallId) -> Result<Recollection, StoreError> {
    let mut recollection = Recollection::default();
    // Conversations that ended before are over.
    let began = store.latest_event(call_id, Some("call.started")).await?;
    recollection.last_seq = began.map_or(0, |event| event.seq - 1);
    loop {
        let page = store.events_after(call_id, recollection.last_seq, RECALL_PAGE).await?;
        let Some(last) = page.last().map(|record| record.seq) else {
            recollection.business = business(store, &recollection).await?;
            return Ok(recollection);
        };
        // Of what was said, the whole messages are kept; their pieces are most of the journal.
        let kept = page.iter().filter(|record| record.kind != "assistant.delta");
        kept.filter_map(Logged::read).for_each(|logged| recollection.take(logged));
        recollection.last_seq = last;
    }
}

async fn business(
    store: &Store,
    recollection: &Recollection,
) -> Result<Option<Arc<BusinessProfile>>, StoreError> {
    let conversation = recollection.conversation.as_ref();
    match conversation.and_then(|conversation| conversation.business_id.as_deref()) {
        // One that is gone is still not anybody's: its caller sees its rows, of which there are none.
        Some(id) => {
            let gone = || BusinessProfile { id: id.to_owned(), ..BusinessProfile::default() };
            Ok(Some(Arc::new(store.business(id).await?.unwrap_or_else(gone))))
        }
        None => Ok(None),
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
                let business = recollection.business;
                let phone = conversation.phone.take();
                let voice = VoiceStart::recalled(&conversation.transport, phone, business.clone());
                if self.voice.is_none() && (voice.is_some() || business.is_some()) {
                    self.known_caller = Some(KnownCaller { voice, business });
                }
                self.go_on(conversation);
            }
            None => {
                self.first_seq = self.journal.last() + 1;
                let start = self.voice.as_ref().map(|voice| &voice.start);
                let phone = start.and_then(VoiceStart::phone).map(PhoneStart::facts);
                let transport = start.map_or(TEXT, VoiceStart::transport);
                let business_id = self.business.as_ref().map(|business| business.id.clone());
                self.record(CallEvent::CallStarted { transport: transport.to_owned(), business_id, phone });
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

    fn go_on(&mut self, mut conversation: Conversation) {
        self.first_seq = conversation.first_seq;
        self.started_at = conversation.started_at;
        self.turns = conversation.turns;
        self.connections = conversation.connections;
        self.record(CallEvent::CallResumed {});
        match conversation.handoffs.take() {
            Some(handoffs) => self.handoffs = handoffs,
            // The process ended before the first persona was in force.
            None => self.activated(self.handoffs.active().clone(), PersonaCause::Start),
        }
        if let Some(turn) = conversation.cut_turn {
            let (event, _) = Turn::cut_off(turn).finish(self.handoffs.active().clone(), 0);
            self.record(event);
        }
        self.recalled = Some(Box::new(conversation));
    }
}
