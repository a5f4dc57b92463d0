//! Handoffs between personas that the model asks for: checked, carried out in order, or refused in words the model
//! can act on. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::id::{PersonaKey, ResponseId, ToolCallId};
use crate::persona::{Carry, HandoffRule};

/// At most so many handoffs happen in one turn: the caller waits for all of them.
pub const MAX_PER_TURN: u32 = 2;
/// The way back is remembered for so many handoffs.
const MAX_STACK: usize = 16;

/// What the model asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The response that asks.
    pub response: ResponseId,
    /// The tool call to answer.
    pub tool_call: ToolCallId,
    /// To whom; `None` is whoever handed over last.
    pub to: Option<PersonaKey>,
    /// Why.
    pub reason: String,
    /// The conversation so far.
    pub summary: String,
}

/// A handoff under way: the update of the session is being acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// The tool call to answer.
    pub tool_call: ToolCallId,
    /// Who hands over.
    pub from: PersonaKey,
    /// Who takes over.
    pub to: PersonaKey,
    /// Why.
    pub reason: String,
    /// The conversation so far.
    pub summary: String,
    /// What of it goes along.
    pub carry: Carry,
    /// Whether the caller goes back to who handed them over.
    pub back: bool,
}

/// The personas a caller went through.
#[derive(Debug)]
pub struct Handoffs {
    active: PersonaKey,
    stack: Vec<PersonaKey>,
    visits: BTreeMap<PersonaKey, u32>,
    /// Who has spoken to the caller already.
    met: BTreeSet<PersonaKey>,
    under_way: Option<Handoff>,
    /// The response whose handoff won; another of the same response is refused.
    won: Option<ResponseId>,
    in_turn: u32,
    left_in_turn: BTreeSet<PersonaKey>,
}

impl Handoffs {
    /// A call that begins, or goes on, with this persona.
    pub fn new(active: PersonaKey) -> Self {
        Self {
            met: BTreeSet::from([active.clone()]),
            active,
            stack: Vec::new(),
            visits: BTreeMap::new(),
            under_way: None,
            won: None,
            in_turn: 0,
            left_in_turn: BTreeSet::new(),
        }
    }

    /// Who speaks.
    pub fn active(&self) -> &PersonaKey {
        &self.active
    }

    /// Whether there is anyone to hand back to.
    pub fn can_go_back(&self) -> bool {
        !self.stack.is_empty()
    }

    /// The handoff under way.
    pub fn under_way(&self) -> Option<&Handoff> {
        self.under_way.as_ref()
    }

    /// A turn began: the cool-down of the last one is over.
    pub fn on_turn(&mut self) {
        self.in_turn = 0;
        self.left_in_turn.clear();
    }

    /// The model asks for a handoff. `rules` are the active persona's, `exists` knows the catalog.
    ///
    /// # Errors
    /// Why not, in words the model can act on.
    pub fn ask(
        &mut self,
        asked: Asked,
        rules: &[HandoffRule],
        exists: impl Fn(&PersonaKey) -> bool,
    ) -> Result<&Handoff, String> {
        if self.under_way.is_some() || self.won.as_ref() == Some(&asked.response) {
            return Err("another handoff was asked for first: the caller is being handed over already".into());
        }
        let back = asked.to.is_none();
        let to = match asked.to.or_else(|| self.stack.last().cloned()) {
            Some(to) => to,
            None => return Err("nobody handed the caller to you: there is no one to hand back to".into()),
        };
        if to == self.active {
            return Err(format!("you are {to} already: answer the caller yourself"));
        }
        let rule = rules.iter().find(|rule| rule.to == to);
        if !back && rule.is_none() {
            return Err(format!("you may not hand the caller to {to}: answer as well as you can"));
        }
        if !exists(&to) {
            return Err(format!("there is no {to} to hand over to any more: answer as well as you can"));
        }
        let limit = rule.map_or(0, |rule| rule.max_visits);
        if limit > 0 && self.visits.get(&to).copied().unwrap_or(0) >= limit {
            return Err(format!("{to} was handed the caller {limit} times in this call: go on yourself"));
        }
        if self.left_in_turn.contains(&to) || self.in_turn >= MAX_PER_TURN {
            return Err(format!(
                "{to} has just handed the caller over: answer the caller before the next handoff"
            ));
        }
        self.won = Some(asked.response);
        Ok(self.under_way.insert(Handoff {
            tool_call: asked.tool_call,
            from: self.active.clone(),
            to,
            reason: asked.reason,
            summary: asked.summary,
            carry: rule.map_or(Carry::All, |rule| rule.carry),
            back,
        }))
    }

    /// The model's side confirmed the new persona. Answers the handoff and whether the caller meets the persona
    /// for the first time.
    pub fn confirm(&mut self) -> Option<(Handoff, bool)> {
        let handoff = self.under_way.take()?;
        self.in_turn += 1;
        self.left_in_turn.insert(handoff.from.clone());
        let first_meeting = self.moved(handoff.to.clone(), handoff.back);
        Some((handoff, first_meeting))
    }

    /// The model's side refused the new persona; the old one goes on.
    pub fn reject(&mut self) -> Option<Handoff> {
        self.won = None;
        self.under_way.take()
    }

    /// Whether there will be anyone to hand back to once the handoff under way is confirmed.
    pub fn could_go_back_after(&self) -> bool {
        self.under_way.as_ref().is_some_and(|handoff| !handoff.back || self.stack.len() > 1)
    }

    /// The caller went to this persona by a handoff; answers whether they meet for the first time.
    pub fn moved(&mut self, to: PersonaKey, back: bool) -> bool {
        if back {
            self.stack.pop();
        } else {
            if self.stack.len() >= MAX_STACK {
                self.stack.remove(0);
            }
            self.stack.push(self.active.clone());
        }
        *self.visits.entry(to.clone()).or_default() += 1;
        self.active = to.clone();
        self.met.insert(to)
    }

    /// A person, or a changed file, put a persona in force: there is no one to hand back to.
    pub fn activate(&mut self, persona: PersonaKey) {
        if persona != self.active {
            self.stack.clear();
        }
        self.met.insert(persona.clone());
        self.active = persona;
    }
}

/// What the model is told as the new persona: who it is now, what it needs to know, how to begin.
pub fn accepted_output(handoff: &Handoff, persona_name: &str, greeting: Option<&str>) -> String {
    let mut output = json!({"ok": true, "persona": persona_name, "reason": handoff.reason});
    if handoff.carry == Carry::Summary && !handoff.summary.is_empty() {
        output["summary"] = Value::String(handoff.summary.clone());
    }
    if let Some(greeting) = greeting {
        output["greeting"] = Value::String(greeting.to_owned());
    }
    output["next"] = Value::String(format!(
        "You are {persona_name} now. Greet the caller once, then deal with what they asked for."
    ));
    output.to_string()
}

/// What the model is told as the old persona.
pub fn refused_output(why: &str) -> String {
    json!({"ok": false, "error": why}).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(to: &str, max_visits: u32) -> HandoffRule {
        HandoffRule { to: to.into(), when: "asked".into(), carry: Carry::Summary, max_visits }
    }

    fn asked(response: &str, to: Option<&str>) -> Asked {
        Asked {
            response: response.into(),
            tool_call: format!("call_{response}").as_str().into(),
            to: to.map(PersonaKey::from),
            reason: "VAT".into(),
            summary: "They ask about VAT.".into(),
        }
    }

    fn anyone(_: &PersonaKey) -> bool {
        true
    }

    #[test]
    fn a_handoff_is_asked_confirmed_and_handed_back() {
        let mut handoffs = Handoffs::new("waiter".into());
        let rules = [rule("cfo", 3)];
        assert_eq!(handoffs.ask(asked("r1", Some("cfo")), &rules, anyone).unwrap().to, "cfo".into());
        assert_eq!(handoffs.active(), &"waiter".into(), "not before the acknowledgement");
        let (handoff, first_meeting) = handoffs.confirm().unwrap();
        assert!(first_meeting && handoff.from == "waiter".into() && handoffs.can_go_back());
        handoffs.on_turn();
        handoffs.ask(asked("r2", None), &[], anyone).unwrap();
        let (_, first_meeting) = handoffs.confirm().unwrap();
        assert!(!first_meeting && !handoffs.can_go_back());
        assert_eq!(handoffs.active(), &"waiter".into());
    }

    #[test]
    fn the_first_of_two_in_one_response_wins() {
        let mut handoffs = Handoffs::new("waiter".into());
        let rules = [rule("cfo", 3), rule("host", 3)];
        handoffs.ask(asked("r1", Some("cfo")), &rules, anyone).unwrap();
        assert!(handoffs.ask(asked("r1", Some("host")), &rules, anyone).unwrap_err().contains("first"));
        handoffs.confirm();
        assert!(
            handoffs.ask(asked("r1", Some("host")), &rules, anyone).is_err(),
            "also when the first is done"
        );
    }

    #[test]
    fn what_is_not_allowed_is_refused_with_a_reason() {
        let mut handoffs = Handoffs::new("waiter".into());
        let rules = [rule("cfo", 1)];
        for (to, why) in [(None, "nobody"), (Some("waiter"), "already"), (Some("chef"), "may not")] {
            assert!(handoffs.ask(asked("r", to), &rules, anyone).unwrap_err().contains(why));
        }
        assert!(handoffs.ask(asked("r", Some("cfo")), &rules, |_| false).unwrap_err().contains("no cfo"));
        handoffs.ask(asked("r", Some("cfo")), &rules, anyone).unwrap();
        handoffs.confirm();
        handoffs.activate("waiter".into());
        handoffs.on_turn();
        assert!(handoffs.ask(asked("s", Some("cfo")), &rules, anyone).unwrap_err().contains("1 times"));
    }

    #[test]
    fn ping_pong_within_one_turn_ends_in_a_refusal() {
        let mut handoffs = Handoffs::new("waiter".into());
        handoffs.on_turn();
        handoffs.ask(asked("r1", Some("cfo")), &[rule("cfo", 0)], anyone).unwrap();
        handoffs.confirm();
        let again = handoffs.ask(asked("r2", Some("waiter")), &[rule("waiter", 0)], anyone);
        assert!(again.unwrap_err().contains("just handed"));
        handoffs.on_turn();
        assert!(handoffs.ask(asked("r3", Some("waiter")), &[rule("waiter", 0)], anyone).is_ok());
    }

    #[test]
    fn what_is_recalled_is_what_was() {
        let mut live = Handoffs::new("waiter".into());
        let mut recalled = Handoffs::new("waiter".into());
        for (response, to) in [("r1", Some("cfo")), ("r2", Some("waiter")), ("r3", None)] {
            live.on_turn();
            let rules = [rule("cfo", 0), rule("waiter", 0)];
            live.ask(asked(response, to), &rules, anyone).unwrap();
            let (handoff, _) = live.confirm().unwrap();
            recalled.moved(handoff.to, handoff.back);
            assert_eq!((recalled.active(), &recalled.stack), (live.active(), &live.stack));
        }
        for to in ["cfo", "host", "chef"].iter().cycle().take(40) {
            recalled.moved((*to).into(), false);
        }
        assert_eq!(recalled.stack.len(), MAX_STACK);
    }

    #[test]
    fn a_rejected_update_leaves_the_old_persona() {
        let mut handoffs = Handoffs::new("waiter".into());
        handoffs.ask(asked("r1", Some("cfo")), &[rule("cfo", 3)], anyone).unwrap();
        assert_eq!(handoffs.reject().unwrap().tool_call, "call_r1".into());
        assert_eq!(handoffs.active(), &"waiter".into());
        assert!(handoffs.confirm().is_none());
    }

    #[test]
    fn what_is_carried_is_what_the_file_says() {
        let mut handoffs = Handoffs::new("waiter".into());
        let summary = handoffs.ask(asked("r1", Some("cfo")), &[rule("cfo", 3)], anyone).unwrap().clone();
        assert!(accepted_output(&summary, "AI CFO", Some("Hello.")).contains("They ask about VAT."));
        let nothing = Handoff { carry: Carry::Nothing, ..summary };
        let told = accepted_output(&nothing, "AI CFO", None);
        assert!(!told.contains("They ask") && !told.contains("greeting\":"));
    }

    proptest! {
        #[test]
        fn in_any_order_a_call_has_one_active_persona_and_every_ask_one_answer(
            ops in proptest::collection::vec((0u8..5, 0usize..3, 0u8..4), 0..120)
        ) {
            let names = ["waiter", "cfo", "host"];
            let rules: Vec<_> = names.iter().map(|name| rule(name, 3)).collect();
            let mut handoffs = Handoffs::new("waiter".into());
            let (mut accepted, mut answered) = (0u32, 0u32);
            for (op, who, response) in ops {
                match op {
                    0 | 1 => {
                        let to = if op == 0 { Some(names[who]) } else { None };
                        let before = handoffs.active().clone();
                        if let Ok(handoff) = handoffs.ask(asked(&format!("r{response}"), to), &rules, anyone) {
                            prop_assert_ne!(&handoff.to, &before);
                            accepted += 1;
                        }
                        prop_assert_eq!(handoffs.active(), &before);
                    }
                    2 => answered += u32::from(handoffs.confirm().is_some()),
                    3 => answered += u32::from(handoffs.reject().is_some()),
                    _ => handoffs.on_turn(),
                }
                prop_assert_eq!(accepted - answered, u32::from(handoffs.under_way().is_some()));
                prop_assert!(handoffs.visits.values().all(|visits| *visits <= 3), "{:?}", handoffs.visits);
                prop_assert!(handoffs.in_turn <= MAX_PER_TURN && handoffs.stack.len() <= MAX_STACK);
            }
        }
    }
}
