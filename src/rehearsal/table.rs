//! Which fields each client event may carry: the GA protocol as tables.
//!
//! Source: <https://platform.openai.com/docs/api-reference/realtime-client-events>

use super::shape::Shape::{
    self, Any, Either, Flag, Free, Integer, List, Metadata, Modalities, Name, Nullable, Number, Object,
    OneOf, Schema, Tagged, Text,
};
use super::shape::{Field, may, must};

/// The longest id of an item or a tool call.
pub(super) const ID_MAX: usize = 32;
/// The longest `event_id` of a client.
pub(super) const EVENT_ID_MAX: usize = 512;
/// The longest text of one part, in characters: a bound of our own, far above what the context holds.
const TEXT_MAX: usize = 1 << 20;
const TOOLS_MAX: usize = 128;

/// Every client event: its `type`, and its fields besides `type` and `event_id`.
pub(super) const CLIENT_EVENTS: &[(&str, Shape)] = &[
    ("session.update", Object(&[ID, TYPE, must("session", SESSION)])),
    ("input_audio_buffer.append", Object(&[ID, TYPE, must("audio", Text(21 << 20))])),
    ("input_audio_buffer.commit", Object(&[ID, TYPE])),
    ("input_audio_buffer.clear", Object(&[ID, TYPE])),
    (
        "conversation.item.create",
        Object(&[ID, TYPE, must("item", ITEM), may("previous_item_id", Nullable(&Text(ID_MAX)))]),
    ),
    ("conversation.item.retrieve", Object(&[ID, TYPE, must("item_id", Text(ID_MAX))])),
    (
        "conversation.item.truncate",
        Object(&[
            ID,
            TYPE,
            must("item_id", Text(ID_MAX)),
            must("content_index", Integer(0, 1 << 16)),
            must("audio_end_ms", Integer(0, i64::MAX)),
        ]),
    ),
    ("conversation.item.delete", Object(&[ID, TYPE, must("item_id", Text(ID_MAX))])),
    ("response.create", Object(&[ID, TYPE, may("response", RESPONSE)])),
    ("response.cancel", Object(&[ID, TYPE, may("response_id", Text(TEXT_MAX))])),
    ("output_audio_buffer.clear", Object(&[ID, TYPE])),
];

const ID: Field = may("event_id", Text(EVENT_ID_MAX));
const TYPE: Field = must("type", Any);

const SESSION: Shape = Tagged("type", &[("realtime", Object(REALTIME_SESSION))]);
const REALTIME_SESSION: &[Field] = &[
    TYPE,
    may("model", Text(256)),
    may("instructions", Text(TEXT_MAX)),
    may("output_modalities", Modalities),
    may("audio", Object(&[may("input", AUDIO_INPUT), may("output", AUDIO_OUTPUT)])),
    may("tools", List(0, TOOLS_MAX, &TOOL)),
    may("tool_choice", TOOL_CHOICE),
    may("parallel_tool_calls", Flag),
    may("reasoning", REASONING),
    may("max_output_tokens", MAX_OUTPUT_TOKENS),
    may("truncation", TRUNCATION),
    may("tracing", Nullable(&TRACING)),
    may("include", List(0, 1, &OneOf(&["item.input_audio_transcription.logprobs"]))),
    may("prompt", Nullable(&PROMPT)),
];

const AUDIO_INPUT: Shape = Object(&[
    may("format", FORMAT),
    may(
        "noise_reduction",
        Nullable(&Object(&[
            must("type", OneOf(&["near_field", "far_field"])),
            may("strength", Number(0.0, 1.0)),
        ])),
    ),
    may("transcription", Nullable(&TRANSCRIPTION)),
    may("turn_detection", Nullable(&TURN_DETECTION)),
]);
const AUDIO_OUTPUT: Shape =
    Object(&[may("format", FORMAT), may("voice", VOICE), may("speed", Number(0.25, 1.5))]);

const FORMAT: Shape = Tagged(
    "type",
    &[
        ("audio/pcm", Object(&[TYPE, must("rate", Integer(24_000, 24_000))])),
        ("audio/pcmu", Object(&[TYPE])),
        ("audio/pcma", Object(&[TYPE])),
    ],
);
const VOICE: Shape = Either(&[
    OneOf(&["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]),
    Object(&[must("id", Text(256))]),
]);
const TRANSCRIPTION: Shape = Object(&[
    may("model", Text(256)),
    may("language", Text(16)),
    may("languages", List(0, 64, &Text(16))),
    may("keywords", List(0, 1024, &Text(256))),
    may("prompt", Text(TEXT_MAX)),
    may("delay", OneOf(&["minimal", "low", "medium", "high", "xhigh"])),
]);
const TURN_DETECTION: Shape = Tagged(
    "type",
    &[
        (
            "server_vad",
            Object(&[
                TYPE,
                may("threshold", Number(0.0, 1.0)),
                may("prefix_padding_ms", Integer(0, 600_000)),
                may("silence_duration_ms", Integer(0, 600_000)),
                may("idle_timeout_ms", Nullable(&Integer(5_000, 30_000))),
                may("create_response", Flag),
                may("interrupt_response", Flag),
            ]),
        ),
        (
            "semantic_vad",
            Object(&[
                TYPE,
                may("eagerness", OneOf(&["low", "medium", "high", "auto"])),
                may("create_response", Flag),
                may("interrupt_response", Flag),
            ]),
        ),
    ],
);

const TOOL: Shape = Tagged(
    "type",
    &[
        (
            "function",
            Object(&[
                TYPE,
                must("name", Name(64)),
                may("description", Text(1_024)),
                must("parameters", Schema),
            ]),
        ),
        (
            "mcp",
            Object(&[
                TYPE,
                must("server_label", Text(256)),
                may("server_url", Text(2_048)),
                may("connector_id", Text(256)),
                may("tunnel_id", Text(256)),
                may("authorization", Text(TEXT_MAX)),
                may("headers", Free),
                may("allowed_tools", Either(&[List(0, 1_024, &Text(256)), Free])),
                may("require_approval", Either(&[OneOf(&["always", "never"]), Free])),
                may("server_description", Text(TEXT_MAX)),
                may("allowed_callers", List(0, 2, &OneOf(&["direct", "programmatic"]))),
                may("defer_loading", Flag),
            ]),
        ),
    ],
);
const TOOL_CHOICE: Shape = Either(&[
    OneOf(&["auto", "none", "required"]),
    Tagged(
        "type",
        &[
            ("function", Object(&[TYPE, must("name", Text(64))])),
            ("mcp", Object(&[TYPE, must("server_label", Text(256)), may("name", Text(256))])),
        ],
    ),
]);
const REASONING: Shape = Object(&[may("effort", OneOf(&["minimal", "low", "medium", "high", "xhigh"]))]);
const MAX_OUTPUT_TOKENS: Shape = Either(&[Integer(1, 4_096), OneOf(&["inf"])]);
const TRUNCATION: Shape = Either(&[
    OneOf(&["auto", "disabled"]),
    Tagged(
        "type",
        &[(
            "retention_ratio",
            Object(&[
                TYPE,
                must("retention_ratio", Number(0.0, 1.0)),
                may("token_limits", Object(&[may("post_instructions", Integer(0, 1 << 20))])),
            ]),
        )],
    ),
]);
const TRACING: Shape = Either(&[
    OneOf(&["auto"]),
    Object(&[may("workflow_name", Text(512)), may("group_id", Text(512)), may("metadata", Free)]),
]);
const PROMPT: Shape =
    Object(&[must("id", Text(256)), may("version", Nullable(&Text(256))), may("variables", Nullable(&Free))]);

/// An item of `conversation.item.create`.
const ITEM: Shape = Tagged("type", ITEM_ARMS);
const ITEM_ARMS: &[(&str, Shape)] =
    &[("message", MESSAGE), FUNCTION_CALL, FUNCTION_CALL_OUTPUT, MCP_APPROVAL_RESPONSE];

/// An item of `response.input`, which may also point at one that is there.
const INPUT_ITEM: Shape = Tagged(
    "type",
    &[
        ("message", MESSAGE),
        FUNCTION_CALL,
        FUNCTION_CALL_OUTPUT,
        MCP_APPROVAL_RESPONSE,
        ("item_reference", Object(&[TYPE, must("id", Text(ID_MAX))])),
    ],
);

const ITEM_ID: Field = may("id", Text(ID_MAX));
const ITEM_OBJECT: Field = may("object", OneOf(&["realtime.item"]));
const ITEM_STATUS: Field = may("status", OneOf(&["completed", "incomplete", "in_progress"]));

const MESSAGE: Shape = Tagged(
    "role",
    &[
        (
            "system",
            Object(&[
                TYPE,
                ITEM_ID,
                ITEM_OBJECT,
                ITEM_STATUS,
                must("role", Any),
                must("content", List(1, 64, &Tagged("type", &[("input_text", INPUT_TEXT)]))),
            ]),
        ),
        (
            "user",
            Object(&[
                TYPE,
                ITEM_ID,
                ITEM_OBJECT,
                ITEM_STATUS,
                must("role", Any),
                must("content", List(1, 64, &USER_PART)),
            ]),
        ),
        (
            "assistant",
            Object(&[
                TYPE,
                ITEM_ID,
                ITEM_OBJECT,
                ITEM_STATUS,
                must("role", Any),
                must("content", List(1, 64, &ASSISTANT_PART)),
            ]),
        ),
    ],
);
const INPUT_TEXT: Shape = Object(&[TYPE, must("text", Text(TEXT_MAX))]);
const USER_PART: Shape = Tagged(
    "type",
    &[
        ("input_text", INPUT_TEXT),
        ("input_audio", Object(&[TYPE, must("audio", Text(21 << 20)), may("transcript", Text(TEXT_MAX))])),
        (
            "input_image",
            Object(&[
                TYPE,
                must("image_url", Text(21 << 20)),
                may("detail", OneOf(&["auto", "low", "high"])),
            ]),
        ),
    ],
);
/// Spoken audio cannot be put back: `output_audio` is refused for its missing `text`, as the real server does.
const ASSISTANT_PART: Shape =
    Tagged("type", &[("output_text", INPUT_TEXT), ("output_audio", INPUT_AUDIO_REFUSED)]);
const INPUT_AUDIO_REFUSED: Shape =
    Object(&[TYPE, may("audio", Any), may("transcript", Any), must("text", Tagged("never", &[]))]);

const FUNCTION_CALL: (&str, Shape) = (
    "function_call",
    Object(&[
        TYPE,
        ITEM_ID,
        ITEM_OBJECT,
        ITEM_STATUS,
        must("name", Name(64)),
        must("arguments", Text(TEXT_MAX)),
        may("call_id", Text(ID_MAX)),
    ]),
);
const FUNCTION_CALL_OUTPUT: (&str, Shape) = (
    "function_call_output",
    Object(&[
        TYPE,
        ITEM_ID,
        ITEM_OBJECT,
        ITEM_STATUS,
        must("call_id", Text(ID_MAX)),
        must("output", Text(TEXT_MAX)),
    ]),
);
const MCP_APPROVAL_RESPONSE: (&str, Shape) = (
    "mcp_approval_response",
    Object(&[
        TYPE,
        must("id", Text(ID_MAX)),
        must("approval_request_id", Text(256)),
        must("approve", Flag),
        may("reason", Text(TEXT_MAX)),
    ]),
);

/// The parameters of `response.create`.
const RESPONSE: Shape = Object(&[
    may("instructions", Text(TEXT_MAX)),
    may("tools", List(0, TOOLS_MAX, &TOOL)),
    may("tool_choice", TOOL_CHOICE),
    may("parallel_tool_calls", Flag),
    may("reasoning", REASONING),
    may("output_modalities", Modalities),
    may("audio", Object(&[may("output", Object(&[may("format", FORMAT), may("voice", VOICE)]))])),
    may("max_output_tokens", MAX_OUTPUT_TOKENS),
    may("metadata", Metadata),
    may("conversation", OneOf(&["auto", "none"])),
    may("input", List(0, 2_000, &INPUT_ITEM)),
    may("prompt", Nullable(&PROMPT)),
]);
