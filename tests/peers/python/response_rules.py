"""How a response is told: created once, its pieces in order, done once, and everything adds up."""

from collections.abc import Iterator

from shapes import audio_bytes
from state import BYTES_PER_MS, Event, Making, Part, Response, State


def _created(state: State, event: Event) -> Iterator[str]:
    shown = event["response"]
    name = shown["id"]
    if name in state.responses:
        yield f"response {name} was created before"
    if shown.get("status") != "in_progress" or shown.get("output"):
        yield f"response {name} is created with a status or an output of its end"
    in_default = shown.get("conversation_id") is not None
    state.responses[name] = Response(shown, in_default)
    waiting = state.creates if in_default else state.out_of_band
    if in_default and state.active is not None:
        yield f"response {name} begins while {state.active} is active"
    if in_default:
        state.active = name
    metadata = shown.get("metadata") or None
    if in_default and state.hearing.unanswered and metadata is None:
        state.hearing.unanswered -= 1
    elif waiting:
        asked = waiting.pop(0).get("response") or {}
        if (asked.get("metadata") or None) != metadata:
            yield f"the metadata of response {name} is not what was asked for"
    else:
        yield f"nobody asked for response {name}"


def _done(state: State, event: Event) -> Iterator[str]:
    shown = event["response"]
    name = shown["id"]
    response = state.responses.get(name)
    if response is None or response.ended:
        yield f"response {name} is done and was {'never created' if response is None else 'done before'}"
        return
    response.ended = True
    if state.active == name:
        state.active = None
    if response.making:
        yield f"response {name} is done and an item of it is not"
    if shown.get("output") != response.output:
        yield f"the output of response {name} is not the items that were done"
    if shown.get("metadata") != response.created.get("metadata"):
        yield f"the metadata of response {name} have changed"
    yield from _ending(shown, response)
    yield from _reason(state, shown)
    yield from _usage(shown)


def _ending(shown: Event, response: Response) -> Iterator[str]:
    status, details = shown.get("status"), shown.get("status_details")
    if status not in ("completed", "cancelled", "incomplete", "failed"):
        yield f"a response cannot end as {status}"
    if status != "completed" and (details or {}).get("type") != status:
        yield f"status {status} is explained by {details}"
    if status == "failed" and not (details or {}).get("error"):
        yield "a failed response without its error"
    if status == "completed" and any(item.get("status") != "completed" for item in response.output):
        yield "a completed response with an item that is not"


def _reason(state: State, shown: Event) -> Iterator[str]:
    match (shown.get("status_details") or {}).get("reason"):
        case "turn_detected" if shown["id"] not in state.spoken_over:
            yield f"nobody spoke over response {shown['id']}"
        case "client_cancelled" if shown["id"] not in state.cancelled:
            yield f"nobody cancelled response {shown['id']}"


def _usage(shown: Event) -> Iterator[str]:
    usage = shown.get("usage")
    if usage is None:
        if shown.get("status") in ("completed", "incomplete"):
            yield "a response without usage"
        return
    read, written = usage["input_token_details"], usage["output_token_details"]
    cached = read["cached_tokens_details"]
    sums = {
        "total_tokens": (usage["total_tokens"], usage["input_tokens"] + usage["output_tokens"]),
        "input_tokens": (usage["input_tokens"], sum(read[f"{kind}_tokens"] for kind in ("text", "audio", "image"))),
        "output_tokens": (usage["output_tokens"], written["text_tokens"] + written["audio_tokens"]),
        "cached_tokens": (read["cached_tokens"], sum(cached.values())),
    }
    yield from (
        f"usage.{name} is {told}, and its parts make {sum_}" for name, (told, sum_) in sums.items() if told != sum_
    )
    for kind in ("text", "audio", "image"):
        if cached[f"{kind}_tokens"] > read[f"{kind}_tokens"]:
            yield f"more {kind} tokens are cached than read"


def _running(state: State, event: Event) -> Response | None:
    response = state.responses.get(event["response_id"])
    return None if response is None or response.ended else response


def _making(state: State, event: Event) -> Making | None:
    response = _running(state, event)
    making = None if response is None else response.making.get(event["output_index"])
    return making if making is not None and making.item["id"] == event["item_id"] else None


def _part(state: State, event: Event) -> Part | None:
    making = _making(state, event)
    part = None if making is None else making.parts.get(event["content_index"])
    return None if part is None or part.is_done else part


def _item_added(state: State, event: Event) -> Iterator[str]:
    item, index = event["item"], event["output_index"]
    response = _running(state, event)
    if response is None:
        yield "no response is running for this item"
        return
    if index != len(response.made) + len(response.making):
        yield f"output_index {index} is not the next"
    if item.get("status") != "in_progress" or item.get("content") or item.get("arguments"):
        yield f"item {item['id']} is added with what belongs to its end"
    if item["type"] == "function_call":
        if item["call_id"] in state.calls:
            yield f"tool call {item['call_id']} was made before"
        # Not to be answered before it is whole.
        state.calls[item["call_id"]] = False
        state.call_items[item["call_id"]] = item["id"]
        state.cut_calls.add(item["call_id"])
    response.making[index] = Making(item)


def _item_done(state: State, event: Event) -> Iterator[str]:
    item, index = event["item"], event["output_index"]
    response = _running(state, event)
    making = None if response is None else response.making.pop(index, None)
    if response is None or making is None or making.item["id"] != item["id"]:
        yield f"item {item['id']} was not being made"
        return
    response.made[index] = item
    whole = item.get("status") == "completed"
    if item["type"] == "function_call":
        if item["arguments"] != making.arguments or (whole and not making.arguments_are_done):
            yield f"the arguments of {item['call_id']} are not what the deltas made"
        if whole:
            state.cut_calls.discard(item["call_id"])
        return
    parts = [making.parts[at] for at in sorted(making.parts)]
    if any(not part.is_done for part in parts):
        yield f"item {item['id']} is done and a part of it is not"
    told = [content.get("text" if content["type"] == "output_text" else "transcript") for content in item["content"]]
    if told != [part.text for part in parts]:
        yield f"the content of item {item['id']} is not what the deltas made"
    if response.in_default and item["id"] in state.done_items and state.items[item["id"]] != item:
        yield f"item {item['id']} is told in two ways"


def _part_added(state: State, event: Event) -> Iterator[str]:
    making = _making(state, event)
    if making is None or event["content_index"] in making.parts:
        yield "no item waits for this part"
        return
    part = event["part"]
    if part.get("text") or part.get("transcript"):
        yield "a part is added with what belongs to its end"
    making.parts[event["content_index"]] = Part(part["type"])


def _part_done(state: State, event: Event) -> Iterator[str]:
    part = _part(state, event)
    if part is None:
        yield "no such part is being made"
        return
    part.is_done = True
    shown = event["part"]
    if shown.get("type") != part.kind or shown.get("text" if part.kind == "text" else "transcript") != part.text:
        yield "the part is not what the deltas made"
    if not part.text_is_done or (part.kind == "audio" and not part.audio_is_done):
        yield "the part is done and its text or its audio is not"


def _text_delta(kind: str):
    def rule(state: State, event: Event) -> Iterator[str]:
        part = _part(state, event)
        if part is None or part.kind != kind or part.text_is_done:
            yield f"no {kind} part waits for this delta"
        else:
            part.text += event["delta"]

    return rule


def _text_done(kind: str, field: str):
    def rule(state: State, event: Event) -> Iterator[str]:
        part = _part(state, event)
        if part is None or part.kind != kind or part.text_is_done:
            yield f"no {kind} part waits for its end"
            return
        part.text_is_done = True
        if event[field] != part.text:
            yield "the whole is not what the deltas made"

    return rule


def _audio_delta(state: State, event: Event) -> Iterator[str]:
    part = _part(state, event)
    if part is None or part.kind != "audio" or part.audio_is_done:
        yield "no audio part waits for this delta"
        return
    audio = audio_bytes(event["delta"])
    if not audio:
        yield "audio is no standard base64, or empty"
        return
    told = state.responses[event["response_id"]].created.get("audio") or state.session["audio"]
    form = told["output"]["format"]["type"]
    if form == "audio/pcm" and len(audio) % 2:
        yield "half a sample of PCM"
    state.has_spoken = True
    item = event["item_id"]
    state.spoken_ms[item] = state.spoken_ms.get(item, 0) + len(audio) / BYTES_PER_MS[form]


def _audio_done(state: State, event: Event) -> Iterator[str]:
    part = _part(state, event)
    if part is None or part.kind != "audio" or part.audio_is_done:
        yield "no audio part waits for its end"
    else:
        part.audio_is_done = True


def _arguments_delta(state: State, event: Event) -> Iterator[str]:
    making = _making(state, event)
    if making is None or making.item.get("call_id") != event["call_id"] or making.arguments_are_done:
        yield "no tool call waits for this delta"
    else:
        making.arguments += event["delta"]


def _arguments_done(state: State, event: Event) -> Iterator[str]:
    making = _making(state, event)
    if making is None or making.item.get("call_id") != event["call_id"] or making.arguments_are_done:
        yield "no tool call waits for its end"
        return
    making.arguments_are_done = True
    if event["arguments"] != making.arguments or event["name"] != making.item["name"]:
        yield "the tool call is not what the deltas made"


RULES = {
    "response.created": _created,
    "response.done": _done,
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.content_part.added": _part_added,
    "response.content_part.done": _part_done,
    "response.output_text.delta": _text_delta("text"),
    "response.output_text.done": _text_done("text", "text"),
    "response.output_audio_transcript.delta": _text_delta("audio"),
    "response.output_audio_transcript.done": _text_done("audio", "transcript"),
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": _audio_done,
    "response.function_call_arguments.delta": _arguments_delta,
    "response.function_call_arguments.done": _arguments_done,
}
