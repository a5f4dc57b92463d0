//! What the real server refuses of a `session.update`.

use serde_json::{Value, json};

use super::refusals::{assert_refused, update};

#[test]
fn a_session_update_must_be_right_in_every_field() {
    let function = |tool: Value| update(&json!({"tools": [tool]}));
    assert_refused(&[
        (json!({"type": "session.update", "event_id": "x"}), "missing_required_parameter", "session"),
        (json!({"type": "session.update", "session": {}}), "missing_required_parameter", "session.type"),
        (
            json!({"type": "session.update", "session": {"type": "transcription"}}),
            "invalid_value",
            "session.type",
        ),
        (update(&json!({"voice": "alloy"})), "unknown_parameter", "session.voice"),
        (update(&json!({"modalities": ["text"]})), "unknown_parameter", "session.modalities"),
        (update(&json!({"temperature": 0.8})), "unknown_parameter", "session.temperature"),
        (update(&json!({"id": "sess_1"})), "unknown_parameter", "session.id"),
        (update(&json!({"expires_at": 1})), "unknown_parameter", "session.expires_at"),
        (update(&json!({"model": "other"})), "invalid_value", "session.model"),
        (update(&json!({"instructions": null})), "invalid_type", "session.instructions"),
        (update(&json!({"tools": null})), "invalid_type", "session.tools"),
        (
            update(&json!({"output_modalities": ["text", "audio"]})),
            "invalid_value",
            "session.output_modalities",
        ),
        (update(&json!({"max_output_tokens": 4097})), "integer_above_max_value", "session.max_output_tokens"),
        (update(&json!({"max_output_tokens": "all"})), "invalid_value", "session.max_output_tokens"),
        (update(&json!({"tool_choice": "always"})), "invalid_value", "session.tool_choice"),
        (update(&json!({"reasoning": {"effort": "none"}})), "invalid_value", "session.reasoning.effort"),
        (
            function(json!({"type": "function", "name": "f"})),
            "missing_required_parameter",
            "session.tools[0].parameters",
        ),
        (
            function(
                json!({"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true}),
            ),
            "unknown_parameter",
            "session.tools[0].strict",
        ),
        (
            function(json!({"type": "function", "name": "f g", "parameters": {"type": "object"}})),
            "invalid_value",
            "session.tools[0].name",
        ),
        (
            function(json!({"type": "function", "name": "f", "parameters": {"type": "string"}})),
            "invalid_value",
            "session.tools[0].parameters.type",
        ),
    ]);
}

#[test]
fn audio_settings_must_be_the_ones_of_the_ga_protocol() {
    let input = |input: Value| update(&json!({"audio": {"input": input}}));
    let output = |output: Value| update(&json!({"audio": {"output": output}}));
    assert_refused(&[
        (output(json!({"voice": "robot"})), "invalid_value", "session.audio.output.voice"),
        (output(json!({"speed": 2})), "decimal_above_max_value", "session.audio.output.speed"),
        (output(json!({"format": "pcm16"})), "invalid_type", "session.audio.output.format"),
        (
            output(json!({"format": {"type": "audio/pcm"}})),
            "missing_required_parameter",
            "session.audio.output.format.rate",
        ),
        (
            output(json!({"format": {"type": "audio/pcm", "rate": 16_000}})),
            "integer_below_min_value",
            "session.audio.output.format.rate",
        ),
        (
            output(json!({"format": {"type": "audio/pcmu", "rate": 8_000}})),
            "unknown_parameter",
            "session.audio.output.format.rate",
        ),
        (input(json!({"format": null})), "invalid_type", "session.audio.input.format"),
        (
            input(json!({"turn_detection": {"type": "semantic_vad", "threshold": 0.5}})),
            "unknown_parameter",
            "session.audio.input.turn_detection.threshold",
        ),
        (
            input(json!({"turn_detection": {"type": "server_vad", "idle_timeout_ms": 100}})),
            "integer_below_min_value",
            "session.audio.input.turn_detection.idle_timeout_ms",
        ),
        (
            input(json!({"noise_reduction": {"type": "loud"}})),
            "invalid_value",
            "session.audio.input.noise_reduction.type",
        ),
    ]);
}
