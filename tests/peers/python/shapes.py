"""What one event may look like: OpenAI's own typed models, read strictly, and the rules that types cannot express.

The models alone are too kind: they let unknown fields pass and turn "1200" into a number. Here an unknown field is a
complaint, at any depth, and nothing is converted.
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, get_args

import jsonschema
import pydantic
from openai.types.realtime import (
    RealtimeClientEvent,
    RealtimeServerEvent,
    RealtimeSessionCreateResponse,
    ResponseCreateEventWithReferencesParam,
)
from pydantic import BaseModel, TypeAdapter

Event = dict[str, Any]


def _by_type(union: Any) -> dict[str, type[BaseModel]]:
    """The models of a union by the `type` each stands for: "session.update" -> SessionUpdateEvent."""
    models = get_args(get_args(union)[0])
    return {kind: model for model in models for kind in get_args(model.model_fields["type"].annotation)}


CLIENT = _by_type(RealtimeClientEvent)
SERVER = _by_type(RealtimeServerEvent)
# The one shape that ResponseCreateEvent refuses although the API takes it: `item_reference` in `input`.
_WITH_REFERENCES = TypeAdapter(ResponseCreateEventWithReferencesParam)

LONGEST_ITEM_ID = 32
LONGEST_EVENT_ID = 512
LARGEST_AUDIO = 15 << 20
# Where the API documents that `null` means something. Anywhere else it is refused or, worse, passed over.
NULLABLE = {
    "turn_detection",
    "transcription",
    "noise_reduction",
    "tracing",
    "prompt",
    "previous_item_id",
    "idle_timeout_ms",
}
# What a session tells of itself and never takes.
ANSWER_ONLY = ("model", "id", "object", "expires_at")
RANGES = {
    "idle_timeout_ms": (5_000, 30_000),
    "speed": (0.25, 1.5),
    "threshold": (0, 1),
    "retention_ratio": (0, 1),
    "max_output_tokens": (1, 4_096),
}


def complaints(side: str, event: Event) -> list[str]:
    """Everything that is wrong with one event of the "client" or of the "server", whatever came before it."""
    model = (CLIENT if side == "client" else SERVER).get(str(event.get("type")))
    if model is None:
        return [f"no {side} sends {event.get('type')!r}"]
    try:
        unknown = list(_unknown_fields(event, model))
    except pydantic.ValidationError as error:
        return [f"{'/'.join(map(str, at['loc'])) or '/'}: {at['msg']}" for at in error.errors()]
    found = [f"unknown field {at}" for at in unknown]
    if side == "client":
        found += _client_rules(event)
    elif not event.get("event_id") and event["type"] != "input_audio_buffer.dtmf_event_received":
        found.append("it has no event_id")
    return found


def _unknown_fields(event: Event, model: type[BaseModel]) -> Iterator[str]:
    """Validates; then yields the fields the models do not know.

    Strict validation of Python values would refuse what JSON cannot express, so each part is written as JSON again.
    """
    kind = event["type"]
    if kind == "response.create":
        _WITH_REFERENCES.validate_json(json.dumps(event), strict=True)
        event = json.loads(json.dumps(event))
        response = event.get("response") or {}
        if "input" in response:
            response["input"] = [item for item in response["input"] if item.get("type") != "item_reference"]
    found = _extras(model.model_validate_json(json.dumps(event), strict=True))
    if kind not in ("session.created", "session.updated") or event["session"].get("type") != "realtime":
        yield from found
        return
    # These two carry the session as an answer, with `id` and `expires_at`; their models hold the request.
    yield from (at for at in found if not at.startswith("/session/"))
    answer = RealtimeSessionCreateResponse.model_validate_json(json.dumps(event["session"]), strict=True)
    yield from _extras(answer, "/session")


def _extras(value: Any, at: str = "") -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (f"{at}/{name}" for name in value.__pydantic_extra__ or {})
        for name in sorted(value.model_fields_set & set(type(value).model_fields)):
            yield from _extras(getattr(value, name), f"{at}/{name}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from _extras(part, f"{at}/{index}")


def audio_bytes(text: str) -> bytes | None:
    """The bytes behind standard base64 with padding; `None` when it is anything else."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _client_rules(event: Event) -> Iterator[str]:
    yield from _everywhere(event)
    if len(event.get("event_id") or "") > LONGEST_EVENT_ID:
        yield f"event_id is longer than {LONGEST_EVENT_ID}"
    match event["type"]:
        case "session.update":
            yield from _session_rules(event["session"])
        case "input_audio_buffer.append":
            yield from _audio_rules(event["audio"])
        case "conversation.item.create":
            yield from _item_rules(event["item"])
        case "response.create":
            response = event.get("response") or {}
            yield from _modality_rules(response)
            yield from _tool_rules(response.get("tools") or [])
            yield from _metadata_rules(response.get("metadata") or {})
            for item in response.get("input") or []:
                yield from _item_rules(item)


def _everywhere(value: Any, name: str = "", at: str = "") -> Iterator[str]:
    """Rules on a name, wherever it stands; what stands in a tool's JSON schema is not ours to read."""
    if value is None and name not in NULLABLE:
        yield f"{at} is null"
    if name in RANGES and isinstance(value, int | float):
        least, most = RANGES[name]
        if not least <= value <= most:
            yield f"{at} is {value}, not within {least}..{most}"
    if isinstance(value, dict) and name != "parameters":
        for key, part in value.items():
            yield from _everywhere(part, key, f"{at}/{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _everywhere(part, "", f"{at}/{index}")


def _session_rules(session: Event) -> Iterator[str]:
    yield from (f"session.{name} cannot be sent" for name in ANSWER_ONLY if name in session)
    yield from _modality_rules(session)
    yield from _tool_rules(session.get("tools") or [])
    audio = session.get("audio") or {}
    for side in ("input", "output"):
        form = (audio.get(side) or {}).get("format") or {}
        if form.get("type") == "audio/pcm" and form.get("rate") != 24_000:
            yield f"audio/pcm of the {side} has no rate of 24000"


def _modality_rules(settings: Event) -> Iterator[str]:
    modalities = settings.get("output_modalities")
    if modalities is not None and modalities not in (["audio"], ["text"]):
        yield f"output_modalities is {modalities}, not exactly one of audio and text"


def _tool_rules(tools: list[Event]) -> Iterator[str]:
    functions = [tool for tool in tools if tool.get("type") == "function"]
    names = [tool.get("name") for tool in functions]
    yield from (f"tool {name!r} is given twice" for name in {name for name in names if names.count(name) > 1})
    for tool in functions:
        if not tool.get("name"):
            yield "a tool has no name"
        parameters = tool.get("parameters")
        if not isinstance(parameters, dict) or parameters.get("type") != "object":
            yield f"the parameters of {tool.get('name')!r} are no JSON schema of an object"
            continue
        try:
            jsonschema.Draft202012Validator.check_schema(parameters)
        except jsonschema.SchemaError as error:
            yield f"the parameters of {tool.get('name')!r} are no JSON schema: {error.message}"


def _metadata_rules(metadata: Event) -> Iterator[str]:
    if len(metadata) > 16 or any(len(key) > 64 or len(str(value)) > 512 for key, value in metadata.items()):
        yield "metadata is over 16 pairs of 64 and 512 characters"


def _item_rules(item: Event) -> Iterator[str]:
    for name in ("id", "call_id"):
        if len(item.get(name) or "") > LONGEST_ITEM_ID:
            yield f"item.{name} is longer than {LONGEST_ITEM_ID}"
    if item.get("type") == "message":
        yield from _message_rules(item)
    if item.get("type") == "function_call_output" and _is_json_string(item["output"]):
        yield "the output of a tool is JSON in JSON: it was encoded twice"


def _is_json_string(text: str) -> bool:
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False


def _message_rules(item: Event) -> Iterator[str]:
    if not item["content"]:
        yield "a message without content"
    for part in item["content"]:
        if part.get("type") == "output_audio":
            yield "what an assistant said can be given back as output_text only"
        if part.get("type") == "input_audio":
            yield from _audio_rules(part.get("audio") or "")
        if part.get("type") in ("input_text", "output_text") and not part.get("text"):
            yield "a part without text"


def _audio_rules(text: str) -> Iterator[str]:
    audio = audio_bytes(text)
    if audio is None:
        yield "audio is no standard base64"
    elif not audio:
        yield "no audio in it"
    elif len(audio) > LARGEST_AUDIO:
        yield f"audio is over {LARGEST_AUDIO} bytes"
