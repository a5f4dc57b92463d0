//! The session in force: what `session.update` merges into, and what a response starts from.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::model::Choice;
use super::refusal::{Refusal, invalid, missing};
use super::vad::Settings;
use super::voice::{Encoding, Tone};

/// What cannot be changed any more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Locks {
    /// The model has spoken.
    pub(super) voice: bool,
    /// The model has answered, and is one whose instructions are fixed from then on.
    pub(super) instructions: bool,
}

/// The effective configuration of a session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    model: String,
    /// Unix seconds.
    expires_at: u64,
    config: Value,
}

impl Session {
    /// The session a connection begins with.
    pub(super) fn new(id: String, model: &str, expires_at: u64) -> Self {
        let config = json!({
            "output_modalities": ["audio"],
            "instructions": "You are a helpful assistant in rehearsal.",
            "tools": [],
            "tool_choice": "auto",
            "max_output_tokens": "inf",
            "tracing": null,
            "prompt": null,
            "truncation": "auto",
            "include": null,
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 24_000},
                    "transcription": null,
                    "noise_reduction": null,
                    "turn_detection": with_vad_defaults(&json!({"type": "server_vad"})),
                },
                "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "alloy", "speed": 1.0},
            },
        });
        Self { id, model: model.to_owned(), expires_at, config }
    }

    /// Applies an update that its table has let pass: all of it or nothing.
    ///
    /// # Errors
    /// What depends on the session: what is locked, another model, a tool choice without its tool.
    pub(super) fn update(&mut self, patch: &Value, locks: Locks) -> Result<(), Refusal> {
        self.check_fixed(patch, locks)?;
        check_tools(&patch["tools"], "session.tools")?;
        check_for_model(&self.model, patch, "session")?;
        let mut next = self.config.clone();
        merge(&mut next, patch, "");
        check_choice(&patch["tool_choice"], &next["tools"], "session.tool_choice")?;
        self.config = next;
        Ok(())
    }

    fn check_fixed(&self, patch: &Value, locks: Locks) -> Result<(), Refusal> {
        if patch["model"].as_str().is_some_and(|model| model != self.model) {
            return Err(invalid("session.model", "the model of a session cannot be changed"));
        }
        if locks.voice && patch.pointer("/audio/output/voice").is_some() {
            return Err(voice_locked("session.audio.output.voice"));
        }
        if locks.instructions && patch.get("instructions").is_some() {
            return Err(instructions_locked());
        }
        let traced = !self.config["tracing"].is_null();
        if traced && patch.get("tracing").is_some_and(|tracing| *tracing != self.config["tracing"]) {
            return Err(invalid("session.tracing", "tracing cannot be changed once it is enabled"));
        }
        Ok(())
    }

    /// The session as `session.created` and `session.updated` show it.
    pub(super) fn to_wire(&self) -> Value {
        let mut session = self.config.clone();
        if let Value::Object(session) = &mut session {
            // not in the documented shape of a session, though accepted in an update
            session.remove("parallel_tool_calls");
        }
        session["type"] = json!("realtime");
        session["object"] = json!("realtime.session");
        session["id"] = json!(self.id);
        session["model"] = json!(self.model);
        session["expires_at"] = json!(self.expires_at);
        session
    }

    pub(super) fn get(&self, pointer: &str) -> &Value {
        self.config.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// The model of the session.
    pub(super) fn model(&self) -> &str {
        &self.model
    }

    /// How the caller's audio is written.
    pub(super) fn input_encoding(&self) -> Encoding {
        Encoding::named(self.get("/audio/input/format/type").as_str().unwrap_or_default())
    }

    /// How the server finds the ends of turns itself; `None` when it is not to.
    pub(super) fn vad(&self) -> Option<Settings> {
        Settings::read(self.get("/audio/input/turn_detection"))
    }

    /// Whether this flag of `turn_detection` is set.
    pub(super) fn on_turn(&self, flag: &str) -> bool {
        self.get("/audio/input/turn_detection")[flag] == Value::Bool(true)
    }

    /// Silence of the caller after which the model speaks up, in milliseconds.
    pub(super) fn idle_timeout_ms(&self) -> Option<u64> {
        self.get("/audio/input/turn_detection")["idle_timeout_ms"].as_u64()
    }

    /// The tone of this voice in this format at the session's speed.
    pub(super) fn tone(&self, voice: &Value, format: &Value) -> Tone {
        let name = voice.as_str().or_else(|| voice["id"].as_str()).unwrap_or_default();
        let encoding = Encoding::named(format["type"].as_str().unwrap_or_default());
        Tone::of_voice(name, encoding, self.get("/audio/output/speed").as_f64().unwrap_or(1.0))
    }
}

/// "cannot_update_voice", as the real server words it.
pub(super) fn voice_locked(param: &str) -> Refusal {
    let why = "Cannot update a conversation's voice if assistant audio is present.";
    Refusal::new("cannot_update_voice", why).at(param)
}

/// The models we know take new instructions at any time; this is worded after the refusal of a voice.
fn instructions_locked() -> Refusal {
    let why = "Cannot update a session's instructions after its first response.";
    Refusal::new("cannot_update_instructions", why).at("session.instructions")
}

/// `audio`, `audio.input` and `audio.output` are merged, everything else is replaced.
fn merge(config: &mut Value, patch: &Value, path: &str) {
    let Value::Object(patch) = patch else { return };
    for (name, value) in patch {
        let at = format!("{path}/{name}");
        match at.as_str() {
            "/type" | "/model" => {}
            "/audio" | "/audio/input" | "/audio/output" => merge(&mut config[name], value, &at),
            "/audio/input/turn_detection" => config[name] = with_vad_defaults(value),
            _ => config[name] = value.clone(),
        }
    }
}

/// A `turn_detection` with everything the client left out.
fn with_vad_defaults(asked: &Value) -> Value {
    let Value::Object(asked) = asked else {
        return Value::Null;
    };
    let mut whole: Map<String, Value> = Map::new();
    let defaults = if asked.get("type").is_some_and(|kind| kind == "semantic_vad") {
        json!({"eagerness": "auto", "create_response": true, "interrupt_response": true})
    } else {
        json!({"threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200, "idle_timeout_ms": null,
            "create_response": true, "interrupt_response": true})
    };
    if let Value::Object(defaults) = defaults {
        whole.extend(defaults);
    }
    whole.extend(asked.clone());
    Value::Object(whole)
}

/// What a table cannot say of tools: two of one name, an MCP server without an address.
pub(super) fn check_tools(tools: &Value, path: &str) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    for (at, tool) in tools.as_array().into_iter().flatten().enumerate() {
        if tool["type"] == "mcp" {
            let addresses = ["server_url", "connector_id", "tunnel_id"];
            match addresses.iter().filter(|name| tool.get(**name).is_some()).count() {
                0 => return Err(missing(&format!("{path}[{at}].server_url"))),
                1 => {}
                _ => {
                    return Err(invalid(&format!("{path}[{at}]"), "an MCP server has exactly one address"));
                }
            }
        } else if !names.insert(tool["name"].as_str().unwrap_or_default()) {
            return Err(invalid(&format!("{path}[{at}].name"), "tool names must be unique"));
        }
    }
    Ok(())
}

/// A choice of one function must name one that is offered.
pub(super) fn check_choice(choice: &Value, tools: &Value, path: &str) -> Result<(), Refusal> {
    if choice["type"] != "function" {
        return Ok(());
    }
    let offered = tools.as_array().into_iter().flatten().any(|tool| tool["name"] == choice["name"]);
    if offered { Ok(()) } else { Err(invalid(path, "no tool of that name is offered")) }
}

/// Options that only the reasoning models know. A name we do not know is taken for one of them.
pub(super) fn check_for_model(model: &str, patch: &Value, path: &str) -> Result<(), Refusal> {
    let older = ["gpt-realtime-1.5", "gpt-realtime-mini"].iter().any(|name| model.starts_with(name))
        || model == "gpt-realtime"
        || model == "gpt-realtime-2025-08-28";
    let refuse = |name: &str| {
        let at = format!("{path}.{name}");
        let mut refusal = invalid(&at, "");
        refusal.message = "Unsupported option for this model.".to_owned();
        Err(refusal)
    };
    if older && patch.get("reasoning").is_some() {
        return refuse("reasoning");
    }
    if older && patch["parallel_tool_calls"] == Value::Bool(true) {
        return refuse("parallel_tool_calls");
    }
    Ok(())
}

/// `tool_choice` as the model reads it.
pub(super) fn choice(choice: &Value) -> Choice {
    match choice {
        Value::String(word) if word == "none" => Choice::None,
        Value::String(word) if word == "required" => Choice::Required,
        Value::Object(only) if only.get("type").is_some_and(|kind| kind == "function") => {
            Choice::Only(only.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
        _ => Choice::Auto,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new("sess_1".into(), "gpt-realtime-2.1", 1_767_000_000)
    }

    #[test]
    fn an_update_changes_what_it_names_and_nothing_else() {
        let mut session = session();
        let before = session.to_wire();
        let patch = json!({"type": "realtime", "instructions": "", "audio": {
            "input": {"turn_detection": null}, "output": {"voice": "cedar"}}});
        session.update(&patch, Locks::default()).unwrap();
        let mut expected = before;
        expected["instructions"] = json!("");
        expected["audio"]["input"]["turn_detection"] = Value::Null;
        expected["audio"]["output"]["voice"] = json!("cedar");
        assert_eq!(session.to_wire(), expected);
    }

    #[test]
    fn turn_detection_is_replaced_and_completed() {
        let mut session = session();
        let patch = json!({"audio": {"input": {"turn_detection": {"type": "semantic_vad"}}}});
        session.update(&patch, Locks::default()).unwrap();
        let vad = session.get("/audio/input/turn_detection");
        assert_eq!((&vad["eagerness"], vad.get("threshold")), (&json!("auto"), None));
    }

    #[test]
    fn a_locked_voice_rejects_the_whole_update() {
        let mut session = session();
        let spoken = Locks { voice: true, instructions: false };
        let patch = json!({"instructions": "new", "audio": {"output": {"voice": "cedar"}}});
        assert_eq!(session.update(&patch, spoken).unwrap_err().code, "cannot_update_voice");
        assert_ne!(session.get("/instructions"), "new");
        session.update(&json!({"instructions": "new"}), spoken).unwrap();
        assert_eq!(session.get("/instructions"), "new");
    }

    #[test]
    fn instructions_that_are_fixed_reject_the_whole_update() {
        let mut session = session();
        let fixed = Locks { voice: true, instructions: true };
        let patch = json!({"instructions": "new", "tools": []});
        assert_eq!(session.update(&patch, fixed).unwrap_err().param.as_deref(), Some("session.instructions"));
        session.update(&json!({"tools": []}), fixed).unwrap();
    }

    #[test]
    fn what_depends_on_the_session_is_refused() {
        let tool = json!({"type": "function", "name": "f", "parameters": {"type": "object"}});
        for (patch, param) in [
            (json!({"model": "another"}), "session.model"),
            (json!({"tools": [tool, tool]}), "session.tools[1].name"),
            (json!({"tools": [{"type": "mcp", "server_label": "x"}]}), "session.tools[0].server_url"),
            (json!({"tool_choice": {"type": "function", "name": "g"}}), "session.tool_choice"),
        ] {
            assert_eq!(session().update(&patch, Locks::default()).unwrap_err().param.as_deref(), Some(param));
        }
        let mut older = Session::new("s".into(), "gpt-realtime-1.5", 0);
        assert_eq!(
            older.update(&json!({"parallel_tool_calls": true}), Locks::default()).unwrap_err().code,
            "invalid_value"
        );
        session().update(&json!({"parallel_tool_calls": true}), Locks::default()).unwrap();
    }
}
