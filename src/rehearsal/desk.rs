//! The decisions on one utterance: which tool, one or several, now or after another; or a question back.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::argument::{Memory, fill, structured};
use super::model::{Act, Choice, Scene};
use super::phrase::{arrived, question};
use super::sentence::{error_of, say};
use super::toolbox::{Kind, Tool, is_handoff, rank};
use super::turn::{Fresh, Turn};
use super::words::{stems, words};

/// A tool that scores less is not meant.
const THRESHOLD: f64 = 0.4;
/// One clause of several must be this clear to become a call of its own.
const CLEAR: f64 = 0.6;
/// A tool that can be called beats a better one that cannot, down to this share of its score.
const NEAR: f64 = 0.5;
/// Most calls in one response.
const CALLS_MAX: usize = 4;

/// The model at work on one utterance.
pub(super) struct Desk<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) turn: &'a Turn<'a>,
    pub(super) utterance: &'a str,
}

/// What came of looking for a tool.
enum Pick {
    Call(usize, Map<String, Value>),
    /// A tool fits, but this parameter of it was not said.
    Ask(usize, usize),
}

impl Desk<'_> {
    /// Says what the tools returned; deals with the utterance again if it was handed over meanwhile.
    pub(super) fn after_outputs(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        let mut handed_over = false;
        let mut failed = false;
        for Fresh { tool, output, .. } in &self.turn.fresh {
            let value = serde_json::from_str::<Value>(output).unwrap_or(Value::Null);
            let refused = error_of(&value).is_some() || value["ok"] == Value::Bool(false);
            let welcome = value["greeting"].as_str().map(str::to_owned);
            failed |= refused;
            if !refused && (is_handoff(tool) || welcome.is_some()) {
                handed_over = true;
                acts.extend(welcome.filter(|text| !text.trim().is_empty()).map(Act::Say));
            } else {
                acts.push(Act::Say(say(output, self.utterance)));
            }
        }
        let more = if handed_over { self.choose() } else { Vec::new() };
        let chained = if failed || handed_over { Vec::new() } else { self.chain() };
        if !chained.is_empty() {
            return chained;
        }
        let only_a_question = matches!(more.as_slice(), [Act::Say(_)]);
        if !(only_a_question && !acts.is_empty()) {
            acts.extend(more);
        }
        if acts.is_empty() {
            acts.push(Act::Say(arrived(self.scene.instructions)));
        }
        join_sentences(acts)
    }

    /// The tool that was meant all along, once a lookup has found what it needs.
    fn chain(&self) -> Vec<Act> {
        let ranked = self.ranked(self.utterance);
        let Some(&(best, _)) = ranked.first() else {
            return Vec::new();
        };
        let tool = &self.scene.tools[best];
        if self.scene.choice != Choice::Auto || tool.is_handoff() || self.turn.called(&tool.name) {
            return Vec::new();
        }
        match fill(tool, self.utterance, self.memory()) {
            Ok(arguments) => vec![Act::Call { name: tool.name.clone(), arguments }],
            Err(_) => Vec::new(),
        }
    }

    /// Tool calls for the utterance, or one question; nothing when no tool fits.
    pub(super) fn choose(&self) -> Vec<Act> {
        match &self.scene.choice {
            Choice::None => return Vec::new(),
            Choice::Only(name) => return self.forced(name),
            Choice::Auto | Choice::Required => {}
        }
        let several = self.several();
        if several.len() > 1 {
            return several;
        }
        match self.pick(self.utterance) {
            Some(Pick::Call(at, arguments)) => vec![self.call(at, arguments)],
            Some(Pick::Ask(at, parameter)) => {
                vec![Act::Say(question(&self.scene.tools[at].parameters[parameter]))]
            }
            None if self.scene.choice == Choice::Required => self.any_tool(),
            None => Vec::new(),
        }
    }

    fn call(&self, at: usize, arguments: Map<String, Value>) -> Act {
        Act::Call { name: self.scene.tools[at].name.clone(), arguments }
    }

    /// The named tool, with whatever arguments can be found.
    fn forced(&self, name: &str) -> Vec<Act> {
        let tool = self.scene.tools.iter().find(|tool| tool.name == *name);
        tool.into_iter().map(|tool| self.call_somehow(tool)).collect()
    }

    fn any_tool(&self) -> Vec<Act> {
        let best = self.ranked(self.utterance).first().map_or(0, |(at, _)| *at);
        self.scene.tools.get(best).into_iter().map(|tool| self.call_somehow(tool)).collect()
    }

    fn call_somehow(&self, tool: &Tool) -> Act {
        let filled = fill(tool, self.utterance, self.memory());
        let arguments =
            filled.unwrap_or_else(|_| structured(tool, self.utterance, self.memory(), &mut BTreeSet::new()));
        Act::Call { name: tool.name.clone(), arguments }
    }

    fn memory(&self) -> Memory<'_> {
        Memory { outputs: &self.turn.outputs, said: &self.turn.said }
    }

    /// The tools that may be called for these words, best first.
    fn ranked(&self, utterance: &str) -> Vec<(usize, f64)> {
        // one handoff per utterance: the persona it led to deals with it
        let handed = self.turn.calls.iter().any(|(name, _)| is_handoff(name));
        let allowed = |at: usize| !(handed && self.scene.tools[at].is_handoff());
        let ranked = rank(self.scene.tools, utterance);
        ranked.into_iter().filter(|(at, score)| *score >= THRESHOLD && allowed(*at)).collect()
    }

    fn pick(&self, utterance: &str) -> Option<Pick> {
        let mut ranked = self.ranked(utterance);
        if ranked.is_empty() {
            ranked.extend(self.search_tool(utterance).map(|at| (at, THRESHOLD)));
        }
        let top = ranked.first()?.1;
        let mut question = None;
        for &(at, _) in ranked.iter().filter(|(_, score)| *score >= top * NEAR) {
            let tool = &self.scene.tools[at];
            match fill(tool, utterance, self.memory()) {
                Ok(arguments) if self.is_new(&tool.name, &arguments) => {
                    return Some(Pick::Call(at, arguments));
                }
                Ok(_) => {}
                Err(parameter) => {
                    if tool.parameters[parameter].is_id()
                        && let Some(step) = self.stepping_stone(at, utterance)
                    {
                        return Some(step);
                    }
                    question = question.or(Some(Pick::Ask(at, parameter)));
                }
            }
        }
        question
    }

    fn is_new(&self, name: &str, arguments: &Map<String, Value>) -> bool {
        let same = |called: &Value| called.as_object() == Some(arguments);
        !self.turn.calls.iter().any(|(called, with)| *called == name && same(with))
    }

    /// A search that could find the id another tool needs.
    fn stepping_stone(&self, needed_by: usize, utterance: &str) -> Option<Pick> {
        let tools = self.scene.tools.iter().enumerate();
        let mut searches =
            tools.filter(|(at, tool)| *at != needed_by && is_search(tool) && !self.turn.called(&tool.name));
        searches.find_map(|(at, tool)| {
            let words = without_asking(utterance, &self.scene.tools[needed_by]);
            fill(tool, &words, self.memory()).ok().map(|arguments| Pick::Call(at, arguments))
        })
    }

    /// "Do you have X?" names no tool, but a search is what answers it.
    fn search_tool(&self, utterance: &str) -> Option<usize> {
        const ASKS_FOR: [&str; 12] = [
            "do you have",
            "have you got",
            "is there",
            "are there",
            "how much",
            "price of",
            "i'd like",
            "i would like",
            "do you serve",
            "do you sell",
            "looking for",
            "tell me about",
        ];
        let lower = utterance.to_lowercase();
        let asks = ASKS_FOR.iter().any(|phrase| lower.contains(phrase)) && !stems(utterance).is_empty();
        self.scene.tools.iter().position(is_search).filter(|_| asks)
    }

    /// Calls for several requests in one utterance, if each is clear by itself.
    fn several(&self) -> Vec<Act> {
        if !self.scene.parallel {
            return Vec::new();
        }
        let mut calls: Vec<(usize, Map<String, Value>)> = Vec::new();
        for clause in clauses(self.utterance) {
            let found = self.clear_call(&clause).or_else(|| self.same_again(calls.last(), &clause));
            match found {
                Some(call) if !calls.contains(&call) => calls.push(call),
                Some(_) | None => {}
            }
        }
        calls.truncate(CALLS_MAX);
        calls.into_iter().map(|(at, arguments)| self.call(at, arguments)).collect()
    }

    fn clear_call(&self, clause: &str) -> Option<(usize, Map<String, Value>)> {
        let (at, score) = *self.ranked(clause).first()?;
        let tool = &self.scene.tools[at];
        if score < CLEAR || tool.is_handoff() {
            return None;
        }
        let arguments = fill(tool, clause, self.memory()).ok()?;
        self.is_new(&tool.name, &arguments).then_some((at, arguments))
    }

    /// "… in March 2026 and in April 2026": the same tool with another argument.
    fn same_again(
        &self,
        last: Option<&(usize, Map<String, Value>)>,
        clause: &str,
    ) -> Option<(usize, Map<String, Value>)> {
        let (at, before) = last?;
        let tool = &self.scene.tools[*at];
        let found = structured(tool, clause, self.memory(), &mut BTreeSet::new());
        if found.is_empty() {
            return None;
        }
        let mut arguments = before.clone();
        arguments.extend(found);
        Some((*at, arguments))
    }
}

/// A tool that needs nothing but words.
fn is_search(tool: &Tool) -> bool {
    let mut needed = tool.parameters.iter().filter(|parameter| parameter.required);
    let text = needed.next().is_some_and(|parameter| {
        parameter.kind == Kind::Text
            && !parameter.is_id()
            && !parameter.is_story()
            && parameter.hint.trim().is_empty()
    });
    text && needed.next().is_none() && !tool.is_handoff()
}

/// The utterance without the words that only name the tool it is for.
fn without_asking(utterance: &str, tool: &Tool) -> String {
    let mut own = stems(&tool.description);
    own.extend(tool.name_stems());
    let words = words(utterance).into_iter();
    let left: Vec<String> =
        words.filter(|word| word.counts && !own.contains(&word.stem)).map(|word| word.text).collect();
    left.join(" ")
}

fn clauses(utterance: &str) -> Vec<String> {
    let marked = utterance.replace(" and ", "\n").replace(" also ", "\n").replace(['?', ';', '!'], "\n");
    let parts = marked.replace(". ", "\n");
    parts.lines().map(str::trim).filter(|clause| !clause.is_empty()).map(str::to_owned).collect()
}

/// Sentences that follow each other are one message.
fn join_sentences(acts: Vec<Act>) -> Vec<Act> {
    let mut joined: Vec<Act> = Vec::new();
    for act in acts {
        match (joined.last_mut(), act) {
            (Some(Act::Say(before)), Act::Say(text)) => {
                before.push(' ');
                before.push_str(&text);
            }
            (_, act) => joined.push(act),
        }
    }
    joined
}
