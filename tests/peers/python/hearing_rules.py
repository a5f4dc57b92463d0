"""How a server tells what it hears: speech begins and ends once, becomes an item, and the item its transcript."""

from collections.abc import Iterator

from state import Event, State


def _started(state: State, event: Event) -> Iterator[str]:
    hearing, vad = state.hearing, state.vad()
    if vad is None:
        yield "without turn detection nobody listens for speech"
    if hearing.item is not None:
        yield f"speech begins while that of {hearing.item} goes on"
    if event["item_id"] in state.items:
        yield f"item {event['item_id']} is there already"
    yield from _time(state, event["audio_start_ms"], hearing.end_ms)
    hearing.item, hearing.start_ms = event["item_id"], event["audio_start_ms"]
    if state.active is not None and (vad or {}).get("interrupt_response"):
        state.spoken_over.add(state.active)


def _stopped(state: State, event: Event) -> Iterator[str]:
    hearing = state.hearing
    if event["item_id"] != hearing.item:
        yield f"no speech of {event['item_id']} goes on"
    yield from _time(state, event["audio_end_ms"], hearing.start_ms)
    hearing.end_ms, hearing.ended, hearing.item = event["audio_end_ms"], event["item_id"], None


def _time(state: State, ms: int, least_ms: int) -> Iterator[str]:
    if not least_ms <= ms <= state.hearing.appended_ms:
        yield f"{ms} ms is not between {least_ms} and the {state.hearing.appended_ms:.0f} ms that were appended"


def _committed(state: State, event: Event) -> Iterator[str]:
    hearing, vad, name = state.hearing, state.vad(), event["item_id"]
    if name in state.items or name in hearing.committed:
        yield f"item {name} is there already"
    if vad is not None and name != hearing.ended:
        yield f"no speech of {name} has ended"
    last = state.order[-1] if state.order else None
    if event.get("previous_item_id") != last:
        yield f"item {name} is committed after {event.get('previous_item_id')}, not after {last}"
    if (vad or {}).get("create_response"):
        hearing.unanswered += 1
    hearing.ended = None
    hearing.committed.append(name)


def _cleared(state: State, _event: Event) -> Iterator[str]:
    state.hearing.item = state.hearing.ended = None
    yield from ()


def _timed_out(state: State, event: Event) -> Iterator[str]:
    if not (state.vad() or {}).get("idle_timeout_ms"):
        yield "nobody asked for a timeout"
    yield from _time(state, event["audio_end_ms"], event["audio_start_ms"])
    # What follows is told as if the silence were speech.
    state.hearing.ended = event["item_id"]


def _understanding(state: State, event: Event) -> Iterator[str]:
    name = event["item_id"]
    item = state.items.get(name) or {}
    if not any(part.get("type") == "input_audio" for part in item.get("content") or []):
        yield f"item {name} holds no audio of the caller"
    if state.session.get("audio", {}).get("input", {}).get("transcription") is None:
        yield "nobody asked for transcripts"
    if name in state.hearing.transcribed:
        yield f"the transcript of {name} was told before"


def _transcript_delta(state: State, event: Event) -> Iterator[str]:
    yield from _understanding(state, event)
    transcripts = state.hearing.transcripts
    transcripts[event["item_id"]] = transcripts.get(event["item_id"], "") + (event.get("delta") or "")


def _transcript_done(state: State, event: Event) -> Iterator[str]:
    yield from _understanding(state, event)
    name = event["item_id"]
    if event["transcript"] != state.hearing.transcripts.get(name, event["transcript"]):
        yield f"the transcript of {name} is not what the deltas made"
    state.hearing.transcribed.add(name)


def _transcript_failed(state: State, event: Event) -> Iterator[str]:
    yield from _understanding(state, event)
    state.hearing.transcribed.add(event["item_id"])


RULES = {
    "input_audio_buffer.speech_started": _started,
    "input_audio_buffer.speech_stopped": _stopped,
    "input_audio_buffer.committed": _committed,
    "input_audio_buffer.cleared": _cleared,
    "input_audio_buffer.timeout_triggered": _timed_out,
    "conversation.item.input_audio_transcription.delta": _transcript_delta,
    "conversation.item.input_audio_transcription.completed": _transcript_done,
    "conversation.item.input_audio_transcription.failed": _transcript_failed,
}
