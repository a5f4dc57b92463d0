"""What a client may do when: rules that no single event shows."""

from collections.abc import Iterator

from shapes import audio_bytes
from state import BYTES_PER_MS, Event, State

# Sent dozens of times a second, and never refused one by one.
NEEDS_NO_ID = {"input_audio_buffer.append"}


def complaints(state: State, event: Event) -> Iterator[str]:
    """Judges an event of the client by what came before it, and keeps what it does."""
    kind = event["type"]
    if state.frames["client"] == 1 and kind != "session.update":
        yield "the first frame is no session.update"
    yield from _id(state, event)
    rule = _RULES.get(kind)
    if rule is not None:
        yield from rule(state, event)


def _id(state: State, event: Event) -> Iterator[str]:
    name = event.get("event_id")
    if name is None:
        if event["type"] not in NEEDS_NO_ID:
            yield "without an event_id no error can name it"
        return
    if name in state.sent:
        yield f"event_id {name} was used before"
    state.sent[name] = event


def _update(state: State, event: Event) -> Iterator[str]:
    audio = event["session"].get("audio") or {}
    if state.has_spoken and "voice" in (audio.get("output") or {}):
        yield "the voice is frozen since the first audio"
    state.updates.append(event)


def _create_item(state: State, event: Event) -> Iterator[str]:
    item = event["item"]
    name = item.get("id")
    if name is not None:
        if name in state.items or name in state.awaited:
            yield f"item {name} is there already"
        state.awaited[name] = event
    else:
        state.unnamed += 1
    previous = event.get("previous_item_id")
    if previous not in (None, "root") and previous not in state.items and previous not in state.awaited:
        yield f"previous_item_id {previous} is no item"
    call = item.get("call_id")
    if item["type"] == "function_call" and call is not None:
        if call in state.calls:
            yield f"tool call {call} is there already"
        state.calls[call] = False
        state.call_items[call] = name
    if item["type"] == "function_call_output":
        if call not in state.calls:
            yield f"tool call {call} was never made"
        elif state.calls[call]:
            yield f"tool call {call} was answered before"
        elif state.call_items.get(call) in state.deletes:
            yield f"tool call {call} was deleted"
        state.calls[call] = True


def _create_response(state: State, event: Event) -> Iterator[str]:
    if not state.is_configured:
        yield "a response before the first session.updated would be nobody's"
    if state.updates:
        yield "a response between a session.update and its answer"
    if (event.get("response") or {}).get("conversation") == "none":
        state.out_of_band.append(event)
        return
    if state.creates:
        yield "a second response.create before the first was answered"
    if state.active is not None:
        yield f"response {state.active} is not done"
    for call in state.open_calls():
        yield f"tool call {call} has no output yet"
    state.creates.append(event)


def _cancel(state: State, event: Event) -> Iterator[str]:
    # One that ended a moment ago is the ordinary race; one that never was is a mistake.
    named = event.get("response_id")
    if named is not None and named not in state.responses:
        yield f"response {named} never was"
    if not state.responses:
        yield "there was no response to cancel"
    state.cancelled.update(name for name in (named or state.active,) if name)


def _of_known_item(state: State, event: Event) -> Iterator[str]:
    if event["item_id"] not in state.items and event["item_id"] not in state.awaited:
        yield f"item {event['item_id']} never was"


def _delete(state: State, event: Event) -> Iterator[str]:
    yield from _of_known_item(state, event)
    name = event["item_id"]
    if name in state.deletes:
        yield f"item {name} was deleted before"
    state.deletes.add(name)


def _truncate(state: State, event: Event) -> Iterator[str]:
    name, end_ms = event["item_id"], event["audio_end_ms"]
    spoken_ms, left_ms = state.spoken_ms.get(name), state.cut_ms.get(name)
    if spoken_ms is None:
        yield f"item {name} holds no audio of the model"
    elif end_ms > spoken_ms:
        yield f"audio_end_ms {end_ms} is beyond the {spoken_ms:.0f} ms that were sent"
    if name in state.deletes:
        yield f"item {name} was deleted before"
    if left_ms is not None and end_ms > left_ms:
        yield f"item {name} was cut at {left_ms} ms before"
    if event["content_index"] != 0:
        yield f"content_index {event['content_index']} is not the audio"
    if end_ms < 0:
        yield f"audio_end_ms {end_ms} is before the beginning"
    state.cut_ms[name] = end_ms
    state.truncates.append(event)


def _append(state: State, event: Event) -> Iterator[str]:
    if not state.is_configured:
        yield "audio before the first session.updated goes to nobody"
    audio = audio_bytes(event["audio"]) or b""
    form = state.session.get("audio", {}).get("input", {}).get("format", {}).get("type", "audio/pcm")
    if form == "audio/pcm" and len(audio) % 2:
        yield "half a sample of PCM"
    state.hearing.appended_ms += len(audio) / BYTES_PER_MS[form]


def _commit(state: State, _event: Event) -> Iterator[str]:
    if state.vad() is not None:
        yield "with turn detection the server commits"


_RULES = {
    "session.update": _update,
    "conversation.item.create": _create_item,
    "conversation.item.delete": _delete,
    "conversation.item.retrieve": _of_known_item,
    "conversation.item.truncate": _truncate,
    "response.create": _create_response,
    "response.cancel": _cancel,
    "input_audio_buffer.append": _append,
    "input_audio_buffer.commit": _commit,
}
