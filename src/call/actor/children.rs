//! The parts of a call that are actors of their own, as they begin.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::voice::Voice;
use super::{CallData, CallDependencies, CallMessage, KnownCaller, TextLineMessage};
use crate::call::phone::PhoneStart;
use crate::id::CallId;
use crate::persona::CallerFacts;
use crate::persona::actor::{PersonaActor, PersonaArguments, PersonaMessage};
use crate::store::BusinessProfile;
use crate::transport::TextLine;
use crate::transport::text::TextArguments;

/// The line of a text call; `lines_before` have failed.
pub(super) async fn spawn_line(
    myself: &ActorRef<CallMessage>,
    lines_before: u32,
) -> Result<ActorRef<TextLineMessage>, ActorProcessingErr> {
    let arguments = TextArguments { owner: myself.get_derived(), lines_before };
    let (line, _) = Actor::spawn_linked(None, TextLine::new(), arguments, myself.get_cell()).await?;
    Ok(line)
}

pub(super) async fn spawn_persona(
    myself: &ActorRef<CallMessage>,
    call_id: &CallId,
    dependencies: &CallDependencies,
    caller: CallerFacts,
) -> Result<ActorRef<PersonaMessage>, ActorProcessingErr> {
    let arguments = PersonaArguments {
        call_id: call_id.clone(),
        caller,
        library: dependencies.library.clone(),
        store: dependencies.store.clone(),
        knowledge: dependencies.knowledge.clone(),
        owner: myself.get_derived(),
    };
    let (persona, _) = Actor::spawn_linked(None, PersonaActor, arguments, myself.get_cell()).await?;
    Ok(persona)
}

/// What a persona may know of the caller.
pub(super) fn caller_facts(
    voice: Option<&Voice>,
    business: Option<&Arc<BusinessProfile>>,
    dependencies: &CallDependencies,
) -> CallerFacts {
    match voice {
        Some(voice) => voice.start.caller_facts(voice.can_transfer(&dependencies.phone)),
        None => CallerFacts {
            language: business.and_then(|business| business.language.clone()),
            business: business.cloned(),
            ..CallerFacts::default()
        },
    }
}

impl CallData {
    /// The journal says who calls: a call by phone is one again, and the persona and its tools know whose caller
    /// they serve.
    pub(super) async fn know_caller(&mut self, known: KnownCaller) -> Result<(), ActorProcessingErr> {
        let KnownCaller { voice, business } = known;
        self.business = business;
        let mut actions = Vec::new();
        if let Some(start) = voice {
            let transport = start.transport();
            let facts = start.phone().map(PhoneStart::facts);
            let (voice, first) = Voice::begin(&self.myself, &self.call_id, &self.dependencies, start).await?;
            self.voice = Some(voice);
            actions = first;
            self.snapshot.send_modify(|shown| {
                shown.transport = transport;
                (shown.from, shown.to) = facts.map_or((None, None), |facts| (facts.from, facts.to));
            });
        }
        let business_id = self.business.as_ref().and_then(|business| business.known_id().cloned());
        self.snapshot.send_modify(|shown| shown.business_id = business_id);
        let facts = caller_facts(self.voice.as_ref(), self.business.as_ref(), &self.dependencies);
        let persona = spawn_persona(&self.myself, &self.call_id, &self.dependencies, facts).await?;
        std::mem::replace(&mut self.persona, persona).stop(None);
        actions.into_iter().for_each(|action| self.perform_on_line(action));
        Ok(())
    }
}
