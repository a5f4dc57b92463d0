"""What a server must keep to: an answer to each event, items in their places, responses that add up.

What the real server does beyond its own description is not allowed here: this judges a stand-in.
"""

from collections.abc import Callable, Iterator
from typing import Any

import hearing_rules
import response_rules
from state import Event, State


def complaints(state: State, event: Event) -> Iterator[str]:
    """Judges an event of the server by what came before it, and keeps what it does."""
    kind = event["type"]
    if (kind == "session.created") != (state.frames["server"] == 1):
        yield "session.created is the first frame, and no other"
    name = event.get("event_id")
    if name in state.server_ids:
        yield f"event_id {name} was used before"
    if name is not None:
        state.server_ids.add(name)
    rule = _RULES.get(kind) or response_rules.RULES.get(kind) or hearing_rules.RULES.get(kind)
    if rule is not None:
        yield from rule(state, event)


def carries(shown: Any, given: Any) -> bool:
    """Whether all that was given is shown; the answer may hold more fields, and leaves audio out."""
    if isinstance(given, dict):
        return isinstance(shown, dict) and all(
            name in shown and carries(shown[name], part)
            for name, part in given.items()
            if name != "audio" or not isinstance(part, str)
        )
    if isinstance(given, list):
        return isinstance(shown, list) and len(shown) == len(given) and all(map(carries, shown, given))
    return shown == given


def _created(state: State, event: Event) -> Iterator[str]:
    state.session = event["session"]
    yield from ()


def _updated(state: State, event: Event) -> Iterator[str]:
    state.session = event["session"]
    state.is_configured = True
    if not state.updates:
        yield "no session.update waits for this"
        return
    asked = state.updates.pop(0)["session"]
    for name, part in asked.items():
        if not carries(event["session"].get(name), part):
            yield f"session.{name} is not what was asked for"


def _error(state: State, event: Event) -> Iterator[str]:
    error = event["error"]
    named = error.get("event_id")
    if named is not None and named not in state.sent:
        yield f"no event of the client has the event_id {named}"
    refused = state.sent.get(named)
    if named is None and (error.get("param") or "").startswith("session.") and state.updates:
        refused = state.updates[0]
    if refused is not None:
        state.take_back(refused)


def _item_added(state: State, event: Event) -> Iterator[str]:
    item, previous = event["item"], event.get("previous_item_id")
    name = item["id"]
    if name in state.items:
        yield f"item {name} was added before"
    asked = state.awaited.pop(name, None)
    if asked is None:
        yield from _origin(state, item)
    yield from _place(state, name, previous, asked)
    state.items[name] = item
    if asked is not None and not carries(item, asked["item"]):
        yield f"item {name} is not what was asked for"


def _origin(state: State, item: Event) -> Iterator[str]:
    name = item["id"]
    if name in state.hearing.committed:
        state.hearing.committed.remove(name)
        if [part.get("type") for part in item.get("content") or []] != ["input_audio"] or item.get("role") != "user":
            yield f"item {name} is not what the caller said"
    elif any(made.item["id"] == name for response in state.responses.values() for made in response.making.values()):
        pass
    elif state.unnamed:
        state.unnamed -= 1
    else:
        yield f"nobody made item {name}"


def _place(state: State, name: str, previous: str | None, asked: Event | None) -> Iterator[str]:
    wanted = (asked or {}).get("previous_item_id")
    if wanted is None:
        wanted = state.order[-1] if state.order else None
    elif wanted == "root":
        wanted = None
    if previous != wanted:
        yield f"item {name} stands after {previous}, not after {wanted}"
    at = state.order.index(previous) + 1 if previous in state.order else 0
    state.order.insert(at, name)


def _item_done(state: State, event: Event) -> Iterator[str]:
    item, previous = event["item"], event.get("previous_item_id")
    name = item["id"]
    if name not in state.items:
        yield f"item {name} was never added"
    if name in state.done_items:
        yield f"item {name} was done before"
    if previous is not None and previous not in state.items:
        yield f"previous_item_id {previous} is no item"
    if item.get("status") == "in_progress":
        yield f"item {name} is done and in progress"
    state.done_items.add(name)
    state.items[name] = item


def _deleted(state: State, event: Event) -> Iterator[str]:
    if event["item_id"] in state.order:
        state.order.remove(event["item_id"])
    else:
        yield f"item {event['item_id']} is not in the conversation"


def _truncated(state: State, event: Event) -> Iterator[str]:
    yield from _of_known_item(state, event)
    told = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
    asked = state.truncates.pop(0) if state.truncates else {}
    if not carries(asked, told):
        yield f"nobody cut item {event['item_id']} at {event['audio_end_ms']} ms"


def _of_known_item(state: State, event: Event) -> Iterator[str]:
    name = event.get("item_id") or event["item"]["id"]
    if name not in state.items:
        yield f"item {name} never was"


_RULES: dict[str, Callable[[State, Event], Iterator[str]]] = {
    "session.created": _created,
    "session.updated": _updated,
    "error": _error,
    "conversation.item.added": _item_added,
    "conversation.item.done": _item_done,
    "conversation.item.deleted": _deleted,
    "conversation.item.truncated": _truncated,
    "conversation.item.retrieved": _of_known_item,
}
