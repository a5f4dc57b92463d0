//! The decisions on one utterance: which tool, one or several, now or after another; or a question back.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::argument::{Memory, fill, structured};
use super::errand;
use super::farewell::{farewell, wanted};
use super::model::{Act, Choice, Scene};
use super::phrase::{arrived, question};
use super::search::{asks_for_something, found_nothing, is_search, narrower, without_asking};
use super::sentence::{error_of, say};
use super::toolbox::{Kind, Tool, is_handoff, rank};
use super::turn::{Fresh, Turn};

/// A tool that scores less is not meant.
const THRESHOLD: f64 = 0.4;
/// One clause of several must be this clear to become a call of its own.
const CLEAR: f64 = 0.6;
/// A tool that can be called beats a better one that cannot, down to this share of its score.
const NEAR: f64 = 0.5;
/// Most searches for one utterance.
const SEARCHES_MAX: usize = 3;
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
    /// Says what the tools returned, or goes on with what they made possible.
    pub(super) fn after_outputs(&self) -> Vec<Act> {
        let mut told = Vec::new();
        let mut welcome = None;
        let mut failed = false;
        for Fresh { tool, output, .. } in &self.turn.fresh {
            let value = serde_json::from_str::<Value>(output).unwrap_or(Value::Null);
            let refused = error_of(&value).is_some() || value["ok"] == Value::Bool(false);
            let greeting = value["greeting"].as_str().unwrap_or_default().trim();
            failed |= refused;
            if let Some(farewell) = farewell(tool).filter(|_| !refused) {
                return vec![Act::Say(farewell.to_owned())];
            }
            if !refused && (is_handoff(tool) || !greeting.is_empty()) {
                welcome = Some(greeting.to_owned());
            } else {
                told.push(errand::told(&value).unwrap_or_else(|| say(output, self.utterance)));
            }
        }
        let Some(welcome) = welcome else {
            let more = if failed { None } else { self.search_again().or_else(|| self.chain()) };
            return vec![more.unwrap_or_else(|| Act::Say(told.join(" ")))];
        };
        told.push(welcome);
        self.take_over(told.join(" ").trim())
    }

    /// Greets, and deals with what the caller wants of the persona they were handed to.
    fn take_over(&self, greeting: &str) -> Vec<Act> {
        let mut acts = self.choose();
        match acts.first_mut() {
            // one question is enough
            Some(Act::Say(_)) if greeting.ends_with('?') => return vec![Act::Say(greeting.to_owned())],
            Some(Act::Say(question)) if !greeting.is_empty() => *question = format!("{greeting} {question}"),
            Some(_) if !greeting.is_empty() => acts.insert(0, Act::Say(greeting.to_owned())),
            Some(_) => {}
            None if greeting.is_empty() => acts.push(Act::Say(arrived(self.scene.instructions))),
            None => acts.push(Act::Say(greeting.to_owned())),
        }
        acts
    }

    /// A search that found nothing is tried once or twice more, with fewer words, and then elsewhere.
    fn search_again(&self) -> Option<Act> {
        self.search_narrower().or_else(|| self.search_elsewhere())
    }

    /// What one search does not know another may.
    fn search_elsewhere(&self) -> Option<Act> {
        let [Fresh { tool, output, .. }] = self.turn.fresh.as_slice() else {
            return None;
        };
        let is_auto = self.scene.choice == Choice::Auto;
        let was_search = self.scene.tools.iter().any(|offered| offered.name == *tool && is_search(offered));
        if !is_auto || !was_search || !found_nothing(output) {
            return None;
        }
        let others =
            self.scene.tools.iter().filter(|other| is_search(other) && !self.turn.called(&other.name));
        let mut calls = others.filter_map(|other| {
            let arguments = fill(other, self.utterance, self.memory()).ok()?;
            Some(Act::Call { name: other.name.clone(), arguments })
        });
        calls.next()
    }

    fn search_narrower(&self) -> Option<Act> {
        let [Fresh { tool, output, .. }] = self.turn.fresh.as_slice() else {
            return None;
        };
        let tool = self.scene.tools.iter().find(|offered| offered.name == *tool && is_search(offered))?;
        let words = tool.parameters.iter().find(|parameter| parameter.required)?;
        let calls = || self.turn.calls.iter().filter(|(name, _)| *name == tool.name);
        if self.scene.choice != Choice::Auto || calls().count() >= SEARCHES_MAX || !found_nothing(output) {
            return None;
        }
        let (_, first) = calls().next()?;
        let narrower = narrower(first[&words.name].as_str()?).into_iter();
        let arguments = narrower.map(|text| {
            let mut arguments = first.as_object().cloned().unwrap_or_default();
            arguments.insert(words.name.clone(), Value::from(text));
            arguments
        });
        let arguments = arguments.into_iter().find(|arguments| self.is_new(&tool.name, arguments))?;
        Some(Act::Call { name: tool.name.clone(), arguments })
    }

    /// The tool that was meant all along, once a lookup has found what it needs.
    fn chain(&self) -> Option<Act> {
        let (best, _) = *self.ranked(self.utterance).first()?;
        let tool = &self.scene.tools[best];
        let did = |tool: &Tool| errand::is_errand(tool) && self.turn.called(&tool.name);
        let is_done = self.scene.tools.iter().any(did);
        let is_chained = self.scene.choice == Choice::Auto && !tool.is_handoff() && !is_done;
        if !is_chained || self.turn.called(&tool.name) {
            return None;
        }
        let arguments = fill(tool, self.utterance, self.memory()).ok()?;
        Some(Act::Call { name: tool.name.clone(), arguments })
    }

    /// Tool calls for the utterance, or one question; nothing when no tool fits.
    pub(super) fn choose(&self) -> Vec<Act> {
        match &self.scene.choice {
            Choice::None => return Vec::new(),
            Choice::Only(name) => return self.forced(name),
            Choice::Auto | Choice::Required => {}
        }
        if let Some(tool) = self.leaving() {
            return vec![self.call_somehow(tool)];
        }
        if let Some(pick) = self.errand() {
            return vec![self.perform(pick)];
        }
        let several = self.several();
        if several.len() > 1 {
            return several;
        }
        match self.pick(self.utterance) {
            Some(pick) => vec![self.perform(pick)],
            None if self.scene.choice == Choice::Required => self.any_tool(),
            None => Vec::new(),
        }
    }

    fn perform(&self, pick: Pick) -> Act {
        match pick {
            Pick::Call(at, arguments) => self.call(at, arguments),
            Pick::Ask(at, parameter) => Act::Say(question(&self.scene.tools[at].parameters[parameter])),
        }
    }

    /// What the caller plainly wants done, or a question for what is missing.
    fn errand(&self) -> Option<Pick> {
        let wanted = |tool: &Tool| {
            errand::is_errand(tool) && errand::asks_for(tool, self.utterance) && !self.turn.called(&tool.name)
        };
        let at = self.scene.tools.iter().position(wanted)?;
        Some(match fill(&self.scene.tools[at], self.utterance, self.memory()) {
            Ok(arguments) => Pick::Call(at, arguments),
            Err(parameter) => Pick::Ask(at, parameter),
        })
    }

    /// The tool that ends the call or gives it to a person, if the caller plainly asks for that.
    fn leaving(&self) -> Option<&Tool> {
        let name = wanted(self.utterance)?;
        self.scene.tools.iter().find(|tool| tool.name == name && !self.turn.called(name))
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
        Memory { earlier: &self.turn.earlier, found: &self.turn.found, said: &self.turn.said }
    }

    /// The tools that may be called for these words, best first.
    fn ranked(&self, utterance: &str) -> Vec<(usize, f64)> {
        // of what only looks; an errand is run when it is asked for
        // one handoff per utterance: the persona it led to deals with it
        let handed = self.turn.calls.iter().any(|(name, _)| is_handoff(name));
        let allowed = |at: usize| {
            let tool = &self.scene.tools[at];
            !(errand::is_errand(tool) || handed && tool.is_handoff())
        };
        let ranked = rank(self.scene.tools, utterance);
        ranked.into_iter().filter(|(at, score)| *score >= THRESHOLD && allowed(*at)).collect()
    }

    fn pick(&self, utterance: &str) -> Option<Pick> {
        let mut ranked = self.ranked(utterance);
        if ranked.is_empty() {
            let by_arguments = self.evident_tool(utterance).or_else(|| self.search_tool(utterance));
            ranked.extend(by_arguments.map(|at| (at, THRESHOLD)));
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

    /// "How did we do in 2025?" names no tool, but only one takes a year.
    fn evident_tool(&self, utterance: &str) -> Option<usize> {
        let is_evident = |tool: &Tool| {
            let mut needed = tool.parameters.iter().filter(|parameter| parameter.required).peekable();
            needed.peek().is_some()
                && needed
                    .all(|parameter| parameter.is_about_time() || matches!(parameter.kind, Kind::Choice(_)))
                && fill(tool, utterance, self.memory()).is_ok()
        };
        self.scene.tools.iter().position(is_evident)
    }

    /// "Do you have X?" names no tool, but a search is what answers it.
    fn search_tool(&self, utterance: &str) -> Option<usize> {
        self.scene.tools.iter().position(is_search).filter(|_| asks_for_something(utterance))
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

fn clauses(utterance: &str) -> Vec<String> {
    let marked = utterance.replace(" and ", "\n").replace(" also ", "\n").replace(['?', ';', '!'], "\n");
    let parts = marked.replace(". ", "\n");
    parts.lines().map(str::trim).filter(|clause| !clause.is_empty()).map(str::to_owned).collect()
}
