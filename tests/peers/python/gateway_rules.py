"""What a client of the service may be told: OpenAI's own typed models, read strictly, and what clients rely on beyond.

Events of the beta, which the models no longer know, are held to the rules alone.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import shapes
from talk import Report

Event = dict[str, Any]

# What is ours, and which fields it has beside `type` and `event_id`.
EXTENSIONS = {
    "extension.middle_tier_tool.response": {"previous_item_id", "tool_name", "tool_result"},
    "extension.middle_tier_tool_response": {"previous_item_id", "tool_name", "tool_result"},
    "extension.persona.activated": {"persona"},
}
# What would tell of what the service keeps to itself.
SECRETS = ("function_call", "mcp_")
# The beta's names, as they are called now.
NOW = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
}
DELTAS = ("response.output_audio.delta", "response.output_audio_transcript.delta", "response.output_text.delta")
_QUOTED = 600


@dataclass
class Message:
    """A message that is being told."""

    parts: set[int] = field(default_factory=set)
    open_parts: set[int] = field(default_factory=set)
    is_added: bool = False
    is_done: bool = False


@dataclass
class Told:
    """All that a client was told on one socket."""

    is_beta: bool = False
    events: int = 0
    ids: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    responses: dict[str, dict[str, Message]] = field(default_factory=dict)
    active: str | None = None


class ClientTalk:
    """One socket between a client and the service."""

    def __init__(self, report: Report, is_beta: bool) -> None:
        report.sockets += 1
        self._number = report.sockets
        self._report = report
        self._told = Told(is_beta)

    def judge(self, side: str, frame: str | bytes) -> None:
        """Judges what the service says; what the client says is its own business."""
        if side == "client":
            return
        self._told.events += 1
        event = json.loads(frame)
        kind = event["type"]
        dialect = "beta " if self._told.is_beta else ""
        self._report.judged[f"{dialect}{kind}"] += 1
        for what in [*shape(self._told, event), *order(self._told, event)]:
            about = {"socket": self._number, "side": side, "frame": self._told.events, "what": what}
            self._report.complaints.append(about | {"event": json.dumps(event)[:_QUOTED]})

    def hung_up(self) -> None:
        """The client went, as it may at any time."""


def shape(told: Told, event: Event) -> Iterator[str]:
    """What is wrong with one event by itself."""
    kind = event["type"]
    if kind in EXTENSIONS:
        if set(event) - {"type", "event_id"} != EXTENSIONS[kind]:
            yield f"{kind} has the fields {sorted(event)}"
    elif not told.is_beta:
        yield from shapes.complaints("server", event)
    text = json.dumps({name: part for name, part in event.items() if name not in ("delta", "transcript", "text")})
    yield from (f"it tells of {secret}" for secret in SECRETS if f'"{secret}' in text)
    session = event.get("session") or {}
    yield from (f"it tells of {name}" for name in ("instructions", "tools") if session.get(name))


def order(told: Told, event: Event) -> Iterator[str]:
    """What is wrong with one event by what came before it."""
    kind = NOW.get(event["type"], event["type"]) if told.is_beta else event["type"]
    name = event.get("event_id")
    if not name:
        yield "it has no event_id"
    elif name in told.ids:
        yield f"event_id {name} was used before"
    told.ids.add(name)
    if (kind == "session.created") != (told.events == 1):
        yield "session.created is the first event, and no other"
    rule = RULES.get(kind)
    if rule is not None:
        yield from rule(told, event)


def _created(told: Told, event: Event) -> Iterator[str]:
    response = event["response"]
    if told.active is not None:
        yield f"response {told.active} is not done"
    if response["output"] != [] or response["status"] != "in_progress":
        yield "a response begins empty and in progress"
    told.active = response["id"]
    told.responses[response["id"]] = {}


def _done(told: Told, event: Event) -> Iterator[str]:
    response = event["response"]
    if response["id"] != told.active:
        yield f"response {response['id']} is not the one under way"
    told.active = None
    messages = told.responses.get(response["id"], {})
    if [item["id"] for item in response["output"]] != list(messages):
        yield "its output is not what was told of it"
    yield from (f"item {name} is not done" for name, message in messages.items() if not message.is_done)
    if any(item["type"] != "message" for item in response["output"]):
        yield "there are more than messages in it"


def _message(told: Told, event: Event) -> Iterator[Message]:
    found = told.responses.get(event["response_id"], {}).get(event.get("item_id") or event["item"]["id"])
    if found is not None and event["response_id"] == told.active:
        yield found


def _output_added(told: Told, event: Event) -> Iterator[str]:
    item = event["item"]
    if event["response_id"] != told.active:
        yield "its response is not under way"
    if item["id"] in told.items or item["content"] != []:
        yield "an item is new and empty when it is added"
    told.responses.setdefault(event["response_id"], {})[item["id"]] = Message()


def _item_added(told: Told, event: Event) -> Iterator[str]:
    item, previous = event["item"], event.get("previous_item_id")
    if item["id"] in told.items:
        yield f"item {item['id']} was added before"
    if previous is not None and previous not in told.items:
        yield f"previous_item_id {previous} is no item that was told of"
    told.items.add(item["id"])
    messages = told.responses.get(told.active or "", {})
    if item["id"] in messages:
        messages[item["id"]].is_added = True
        if item["content"] != []:
            yield "a message of the persona's is added empty"


def _part_added(told: Told, event: Event) -> Iterator[str]:
    for message in _message(told, event):
        if not message.is_added or event["content_index"] in message.parts:
            yield "a part is new, and its item was added"
        message.parts.add(event["content_index"])
        message.open_parts.add(event["content_index"])
        return
    yield "its item is not under way"


def _delta(told: Told, event: Event) -> Iterator[str]:
    for message in _message(told, event):
        if event["content_index"] not in message.open_parts:
            yield "its part is not open"
        return
    yield "its item is not under way"


def _part_done(told: Told, event: Event) -> Iterator[str]:
    for message in _message(told, event):
        if event["content_index"] not in message.open_parts:
            yield "its part is not open"
        message.open_parts.discard(event["content_index"])
        return
    yield "its item is not under way"


def _output_done(told: Told, event: Event) -> Iterator[str]:
    for message in _message(told, event):
        if message.open_parts or message.is_done:
            yield "its parts are not done, or it was done before"
        message.is_done = True
        return
    yield "its item is not under way"


def _known(told: Told, event: Event) -> Iterator[str]:
    name = event.get("item_id") or event["item"]["id"]
    if name not in told.items:
        yield f"item {name} was never told of"
    if name in told.deleted:
        yield f"item {name} was deleted"


def _deleted(told: Told, event: Event) -> Iterator[str]:
    yield from _known(told, event)
    told.deleted.add(event["item_id"])


RULES = {
    "response.created": _created,
    "response.done": _done,
    "response.output_item.added": _output_added,
    "response.output_item.done": _output_done,
    "conversation.item.added": _item_added,
    "conversation.item.done": _known,
    "conversation.item.retrieved": _known,
    "conversation.item.truncated": _known,
    "conversation.item.deleted": _deleted,
    "conversation.item.input_audio_transcription.completed": _known,
    "response.content_part.added": _part_added,
    "response.content_part.done": _part_done,
    **dict.fromkeys(DELTAS, _delta),
}
