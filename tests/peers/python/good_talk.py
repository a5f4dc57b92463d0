"""A talk without a mistake: what the rules must let pass, and what `test_rules.py` spoils in every way."""

import base64
import copy
from typing import Any

Event = dict[str, Any]
Frame = tuple[str, Event]

PCM = {"type": "audio/pcm", "rate": 24_000}
TOOL = {
    "type": "function",
    "name": "lookup",
    "description": "Looks something up.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
}
# 100 ms of silence.
AUDIO = base64.b64encode(bytes(4_800)).decode()
CALL = {"type": "function_call", "id": "item_c", "call_id": "call_1", "name": "lookup", "arguments": '{"query":"tea"}'}
SESSION = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": "gpt-realtime-2.1",
    "expires_at": 1_767_000_000,
    "output_modalities": ["audio"],
    "instructions": "Be kind.",
    "tools": [TOOL],
    "tool_choice": "auto",
    "max_output_tokens": "inf",
    "tracing": None,
    "audio": {
        "input": {"format": PCM, "turn_detection": None},
        "output": {"format": PCM, "voice": "marin", "speed": 1.0},
    },
}


def message(name: str, role: str, text: str) -> Event:
    """A message of text."""
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "id": name, "role": role, "content": [{"type": kind, "text": text}]}


def client(kind: str, event_id: str, **fields: Any) -> Frame:
    """A frame of the client."""
    return "client", {"type": kind, "event_id": event_id} | fields


def server(kind: str, **fields: Any) -> Frame:
    """A frame of the server; `good_talk` numbers it."""
    return "server", {"type": kind} | fields


def response(name: str, status: str, output: list[Event], token: str) -> Event:
    """A response in `response.created` or `response.done`."""
    usage = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {
            "text_tokens": 15,
            "audio_tokens": 5,
            "image_tokens": 0,
            "cached_tokens": 8,
            "cached_tokens_details": {"text_tokens": 8, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": 4, "audio_tokens": 6},
    }
    return {
        "object": "realtime.response",
        "id": name,
        "status": status,
        "status_details": None,
        "output": output,
        "conversation_id": "conv_1",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": PCM, "voice": "marin"}},
        "usage": None if status == "in_progress" else usage,
        "metadata": {"token": token},
    }


def _added(item: Event, previous: str | None) -> list[Frame]:
    return [
        server("conversation.item.added", item=item | {"status": "completed"}, previous_item_id=previous),
        server("conversation.item.done", item=item | {"status": "completed"}, previous_item_id=previous),
    ]


def _tool_call() -> list[Frame]:
    begun = CALL | {"arguments": "", "status": "in_progress"}
    whole = CALL | {"status": "completed"}
    at = {"response_id": "resp_1", "output_index": 0}
    of = at | {"item_id": "item_c", "call_id": "call_1"}
    return [
        server("response.created", response=response("resp_1", "in_progress", [], "rc_1")),
        server("response.output_item.added", item=begun, **at),
        server("conversation.item.added", item=begun, previous_item_id="h_2"),
        server("response.function_call_arguments.delta", delta='{"query":', **of),
        server("response.function_call_arguments.delta", delta='"tea"}', **of),
        server("response.function_call_arguments.done", name="lookup", arguments=CALL["arguments"], **of),
        server("conversation.item.done", item=whole, previous_item_id="h_2"),
        server("response.output_item.done", item=whole, **at),
        server("response.done", response=response("resp_1", "completed", [whole], "rc_1")),
    ]


def _spoken_answer() -> list[Frame]:
    item = {"type": "message", "id": "item_a", "role": "assistant"}
    begun = item | {"content": [], "status": "in_progress"}
    whole = item | {"content": [{"type": "output_audio", "transcript": "Green tea."}], "status": "completed"}
    at = {"response_id": "resp_2", "output_index": 0}
    of = at | {"item_id": "item_a", "content_index": 0}
    return [
        server("response.created", response=response("resp_2", "in_progress", [], "rc_2")),
        server("response.output_item.added", item=begun, **at),
        server("conversation.item.added", item=begun, previous_item_id="h_3"),
        server("response.content_part.added", part={"type": "audio", "transcript": ""}, **of),
        server("response.output_audio_transcript.delta", delta="Green ", **of),
        server("response.output_audio.delta", delta=AUDIO, **of),
        server("response.output_audio_transcript.delta", delta="tea.", **of),
        server("response.output_audio.delta", delta=AUDIO, **of),
        server("response.output_audio.done", **of),
        server("response.output_audio_transcript.done", transcript="Green tea.", **of),
        server("response.content_part.done", part={"type": "audio", "transcript": "Green tea."}, **of),
        server("conversation.item.done", item=whole, previous_item_id="h_3"),
        server("response.output_item.done", item=whole, **at),
        server("response.done", response=response("resp_2", "completed", [whole], "rc_2")),
    ]


def good_talk() -> list[Frame]:
    """A replay, a tool call, a spoken answer that is cut short, a deletion, an error that is nobody's fault."""
    asked = {name: SESSION[name] for name in ("type", "instructions", "tools", "output_modalities", "audio")}
    said, asked_now = message("h_1", "assistant", "Welcome back."), message("h_2", "user", "Which tea?")
    output = {"type": "function_call_output", "id": "h_3", "call_id": "call_1", "output": '{"tea":"green"}'}
    error = {
        "type": "invalid_request_error",
        "code": "response_cancel_not_active",
        "message": "None.",
        "event_id": "stop",
    }
    frames = [
        server("session.created", session=SESSION | {"instructions": "", "tools": []}),
        client("session.update", "su_1", session=asked),
        client("conversation.item.create", "ic_1", item=said),
        client("conversation.item.create", "ic_2", item=asked_now),
        server("session.updated", session=SESSION),
        *_added(said, None),
        *_added(asked_now, "h_1"),
        client("response.create", "rc_1", response={"metadata": {"token": "rc_1"}}),
        *_tool_call(),
        client("conversation.item.create", "ic_3", item=output),
        client("response.create", "rc_2", response={"metadata": {"token": "rc_2"}}),
        *_added(output, "item_c"),
        *_spoken_answer(),
        client("response.cancel", "stop"),
        server("error", error=error),
        client("conversation.item.truncate", "cut", item_id="item_a", content_index=0, audio_end_ms=120),
        server("conversation.item.truncated", item_id="item_a", content_index=0, audio_end_ms=120),
        client("conversation.item.delete", "gone", item_id="h_1"),
        server("conversation.item.deleted", item_id="h_1"),
    ]
    numbered = [
        (side, event | {"event_id": f"event_{at}"} if side == "server" else event)
        for at, (side, event) in enumerate(frames)
    ]
    # No frame shares a part with another, so that each can be spoiled alone.
    return [(side, copy.deepcopy(event)) for side, event in numbered]
