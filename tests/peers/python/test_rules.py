"""The judge is judged: a talk without a mistake is let pass, and every mistake put into it is found.

Run by `python test_rules.py`.
"""

import copy
import json
import unittest
from collections.abc import Callable
from typing import Any

from good_talk import AUDIO, PCM, TOOL, Frame, good_talk, message
from shapes import complaints
from talk import Report, Talk

Event = dict[str, Any]


def judged(frames: list[Frame]) -> Report:
    """What the judge says of a talk that the client ends."""
    report = Report()
    talk = Talk(report)
    for side, event in frames:
        talk.judge(side, json.dumps(event))
    talk.hung_up()
    return report


def find(frames: list[Frame], kind: str, nth: int = 0) -> int:
    """Where the nth frame of a type stands."""
    return [at for at, (_, event) in enumerate(frames) if event["type"] == kind][nth]


def change(kind: str, edit: Callable[[Event], Any], nth: int = 0) -> Callable[[list[Frame]], None]:
    """Changes one event."""
    return lambda frames: edit(frames[find(frames, kind, nth)][1])


def move(kind: str, after: str, nth: int = 0, after_nth: int = 0) -> Callable[[list[Frame]], None]:
    """Moves one event to the place behind another."""

    def edit(frames: list[Frame]) -> None:
        frame = frames.pop(find(frames, kind, nth))
        frames.insert(find(frames, after, after_nth) + 1, frame)

    return edit


def drop(kind: str, nth: int = 0) -> Callable[[list[Frame]], None]:
    """Leaves one event out."""
    return lambda frames: frames.pop(find(frames, kind, nth))


def again(kind: str, nth: int = 0, **fresh: Any) -> Callable[[list[Frame]], None]:
    """Says one event twice."""

    def edit(frames: list[Frame]) -> None:
        at = find(frames, kind, nth)
        side, event = copy.deepcopy(frames[at])
        frames.insert(at + 1, (side, event | {"event_id": "again"} | fresh))

    return edit


def insert(after: str, side: str, event: Event, nth: int = 0) -> Callable[[list[Frame]], None]:
    """Adds an event."""
    return lambda frames: frames.insert(find(frames, after, nth) + 1, (side, event))


def put(**fields: Any) -> Callable[[Event], None]:
    """Sets fields of an event; `a__b` is `b` within `a`."""

    def edit(event: Event) -> None:
        for path, value in fields.items():
            *way, last = path.split("__")
            within = event
            for step in way:
                within = within[int(step) if step.isdigit() else step]
            within[last] = value

    return edit


CREATE = {"type": "response.create", "event_id": "extra"}
UPDATE = {"type": "session.update", "event_id": "extra", "session": {"type": "realtime", "instructions": "New."}}
APPEND = {"type": "input_audio_buffer.append", "audio": AUDIO}

CLIENT_MISTAKES = {
    "the first frame is no session.update": drop("session.update"),
    "a response before the first session.updated": drop("session.updated"),
    "a response between a session.update and its answer": insert("session.updated", "client", UPDATE),
    "a second response.create before the first": insert("response.create", "client", CREATE),
    "response resp_1 is not done": insert("response.created", "client", CREATE),
    "tool call call_1 has no output yet": drop("conversation.item.create", 2),
    "tool call call_0 was never made": change("conversation.item.create", put(item__call_id="call_0"), 2),
    "tool call call_1 was answered before": again("conversation.item.create", 2),
    "event_id ic_1 was used before": change("conversation.item.create", put(event_id="ic_1"), 1),
    "without an event_id": change("response.create", lambda event: event.pop("event_id")),
    "item h_1 is there already": change("conversation.item.create", put(item__id="h_1"), 1),
    "previous_item_id h_9 is no item": change("conversation.item.create", put(previous_item_id="h_9")),
    "the voice is frozen": insert(
        "response.done", "client", UPDATE | {"session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}}, 1
    ),
    "response resp_9 never was": change("response.cancel", put(response_id="resp_9")),
    "there was no response to cancel": move("response.cancel", "session.updated"),
    "item h_9 never was": change("conversation.item.delete", put(item_id="h_9")),
    "holds no audio of the model": change("conversation.item.truncate", put(item_id="h_2")),
    "audio_end_ms 201 is beyond the 200 ms": change("conversation.item.truncate", put(audio_end_ms=201)),
    "audio before the first session.updated": insert("session.update", "client", APPEND),
    "with turn detection the server commits": lambda frames: (
        change("session.updated", put(session__audio__input__turn_detection={"type": "server_vad"}))(frames),
        insert("session.updated", "client", {"type": "input_audio_buffer.commit", "event_id": "extra"})(frames),
    ),
    "closes, and a session.update is not answered": insert("conversation.item.deleted", "client", UPDATE),
    "closes, and a response.create is not answered": insert("conversation.item.deleted", "client", CREATE),
    "closes, and a response is not done": drop("response.done", 1),
    "closes, and items are not added": drop("conversation.item.added"),
}

SERVER_MISTAKES = {
    "session.created is the first frame": drop("session.created"),
    "event_id event_0 was used before": change("session.updated", put(event_id="event_0")),
    "no session.update waits for this": again("session.updated"),
    "session.instructions is not what was asked for": change("session.updated", put(session__instructions="x")),
    "session.tools is not what was asked for": change("session.updated", put(session__tools=[])),
    "no event of the client has the event_id": change("error", put(error__event_id="nobody")),
    "item h_1 is not what was asked for": change("conversation.item.added", put(item__content__0__text="x")),
    "item h_1 was added before": again("conversation.item.added"),
    "item h_2 stands after None, not after h_1": change("conversation.item.added", put(previous_item_id=None), 1),
    "item h_1 was done before": again("conversation.item.done"),
    "item h_1 is done and in progress": change("conversation.item.done", put(item__status="in_progress")),
    "item h_2 is not in the conversation": lambda frames: (
        change("conversation.item.delete", put(item_id="h_2"))(frames),
        change("conversation.item.deleted", put(item_id="h_2"))(frames),
        again("conversation.item.deleted", item_id="h_2")(frames),
    ),
    "nobody asked for response resp_1": drop("response.create"),
    "response resp_1 was created before": change("response.created", put(response__id="resp_1"), 1),
    "response resp_2 begins while resp_1 is active": drop("response.done"),
    "created with a status or an output of its end": change("response.created", put(response__status="completed")),
    "the metadata of response resp_1 is not what": change("response.created", put(response__metadata=None)),
    "was never created": change("response.done", put(response__id="resp_9")),
    "done before": again("response.done"),
    "an item of it is not": drop("response.output_item.done"),
    "is not the items that were done": change("response.done", put(response__output=[])),
    "status failed is explained by None": change("response.done", put(response__status="failed")),
    "a response cannot end as in_progress": change("response.done", put(response__status="in_progress")),
    "a response without usage": change("response.done", put(response__usage=None)),
    "usage.input_tokens is 21": change("response.done", put(response__usage__input_tokens=21)),
    "usage.cached_tokens is 9": change("response.done", put(response__usage__input_token_details__cached_tokens=9)),
    "output_index 1 is not the next": change("response.output_item.added", put(output_index=1)),
    "is added with what belongs to its end": change("response.output_item.added", put(item__arguments="{}")),
    "was not being made": drop("response.output_item.added"),
    "no item waits for this part": again("response.content_part.added"),
    "a part is added with": change("response.content_part.added", put(part__transcript="Green tea.")),
    "the part is not what the deltas made": change("response.content_part.done", put(part__transcript="Tea.")),
    "its text or its audio is not": drop("response.output_audio.done"),
    "a part of it is not": drop("response.content_part.done"),
    "is not what the deltas made": drop("response.output_audio_transcript.delta"),
    "no audio part waits for this delta": move("response.output_audio.delta", "response.output_audio.done"),
    "no audio part waits for its end": again("response.output_audio_transcript.done"),
    "half a sample of PCM": change("response.output_audio.delta", put(delta="AAAA")),
    "audio is no standard base64": change("response.output_audio.delta", put(delta="_-8=")),
    "the arguments of call_1 are not what": drop("response.function_call_arguments.delta"),
    "no tool call waits for this delta": change("response.function_call_arguments.delta", put(call_id="call_9")),
    "the tool call is not what": change("response.function_call_arguments.done", put(name="another")),
    "item item_a is told in two ways": change("conversation.item.done", put(item__status="incomplete"), 4),
}


def update(**session: Any) -> Event:
    """A session.update."""
    return {"type": "session.update", "event_id": "e", "session": {"type": "realtime"} | session}


def create(item: Event, **more: Any) -> Event:
    """A conversation.item.create."""
    return {"type": "conversation.item.create", "event_id": "e", "item": item} | more


def said(role: str, kind: str, **part: Any) -> Event:
    """A message of one part."""
    return create({"type": "message", "role": role, "content": [{"type": kind} | part]})


def ask(**params: Any) -> Event:
    """A response.create."""
    return {"type": "response.create", "event_id": "e", "response": params}


OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "{}"}
TRUNCATE = {"type": "conversation.item.truncate", "event_id": "e", "item_id": "i", "content_index": 0}

GOOD_CLIENT_EVENTS = [
    update(audio={"input": {"turn_detection": None, "noise_reduction": None, "transcription": None}}),
    update(truncation={"type": "retention_ratio", "retention_ratio": 0.8}, max_output_tokens=1_024),
    update(reasoning={"effort": "low"}, parallel_tool_calls=False, tool_choice={"type": "function", "name": "f"}),
    said("user", "input_audio", audio=AUDIO, transcript="x"),
    create({"type": "mcp_approval_response", "id": "m", "approval_request_id": "a", "approve": True}),
    create(OUTPUT, previous_item_id="root"),
    ask(
        conversation="none",
        input=[{"type": "item_reference", "id": "i"}, message("h", "user", "x")],
        metadata={"a": "b"},
    ),
    {"type": "output_audio_buffer.clear", "event_id": "e"},
]

WRONG_CLIENT_EVENTS = [
    {"type": "response.stop"},
    {"type": "session.update", "session": {"voice": "alloy", "modalities": ["text"]}},
    {"type": "session.update", "session": {"instructions": "no type"}},
    update(voice="alloy"),
    update(temperature=0.8),
    update(model="gpt-realtime-2.1"),
    update(expires_at=1),
    update(instructions=None),
    update(output_modalities=["audio", "text"]),
    update(max_output_tokens=5_000),
    update(audio={"input": {"format": "pcm16"}}),
    update(audio={"input": {"format": {"type": "audio/pcm"}}}),
    update(audio={"input": {"format": {"type": "audio/pcm", "rate": 16_000}}}),
    update(audio={"output": {"format": {"type": "audio/pcmu", "rate": 8_000}}}),
    update(audio={"output": {"format": PCM, "speed": 2.0}}),
    update(audio={"input": {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}}),
    update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 1.5}}}),
    update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 100}}}),
    update(tools=[TOOL | {"strict": True}]),
    update(tools=[{"type": "function", "function": TOOL}]),
    update(tools=[TOOL, TOOL]),
    update(tools=[TOOL | {"parameters": {"type": "array"}}]),
    update(tools=[TOOL | {"parameters": {"type": "object", "properties": {"a": {"type": "text"}}}}]),
    said("assistant", "text", text="x"),
    said("assistant", "output_audio", transcript="x"),
    said("user", "text", text="x"),
    said("user", "input_text", text=""),
    said("user", "input_audio", audio="_-8="),
    said("system", "output_text", text="x"),
    said("developer", "input_text", text="x"),
    create({"type": "message", "role": "user", "content": []}),
    create(message("i" * 33, "user", "x")),
    create(OUTPUT | {"call_id": "c" * 33}),
    create(OUTPUT | {"output": {"ok": True}}),
    create(OUTPUT | {"output": '"{\\"ok\\": true}"'}),
    create({"type": "function_call_output", "output": "{}"}),
    create(OUTPUT | {"status": None}),
    TRUNCATE | {"audio_end_ms": 1_200.5},
    TRUNCATE | {"audio_end_ms": "1200"},
    {"type": "conversation.item.truncate", "item_id": "i", "audio_end_ms": 1_200},
    ask(modalities=["text"]),
    ask(voice="ash"),
    ask(metadata={"turn": 7}),
    ask(metadata={"token": "x" * 513}),
    {"type": "response.cancel", "event_id": "e" * 513},
    {"type": "input_audio_buffer.append", "audio": ""},
]


def wrong_server_events() -> list[Event]:
    """Events of the good talk with one thing wrong in each."""
    frames = good_talk()
    one = {event["type"]: event for side, event in frames if side == "server"}
    edits = [
        ("response.output_audio.delta", put(type="response.audio.delta")),
        ("response.output_audio.delta", put(event_id="")),
        ("response.output_audio.delta", put(obfuscation="x")),
        ("response.output_audio.delta", lambda event: event.pop("content_index")),
        ("response.function_call_arguments.done", lambda event: event.pop("name")),
        ("response.content_part.added", put(part__type="output_audio")),
        ("conversation.item.added", put(item__role="developer")),
        ("conversation.item.added", put(item__status="new")),
        ("conversation.item.done", lambda event: event["item"].pop("role", None) or event["item"].pop("call_id")),
        ("session.created", lambda event: event["session"].pop("id")),
        ("session.updated", put(session__expires_at="soon")),
        ("session.updated", put(session__mood="good")),
        ("response.created", put(response__status="started")),
        ("response.done", put(response__usage__total_tokens="30")),
        ("response.done", put(response__status_details={"type": "cancelled", "reason": "boredom"})),
        ("error", lambda event: event["error"].pop("message")),
    ]
    wrong = []
    for kind, edit in edits:
        event = copy.deepcopy(one[kind])
        edit(event)
        wrong.append(event)
    return wrong


class Judges(unittest.TestCase):
    """What the judge lets pass, and what it finds."""

    def test_a_good_talk_passes(self) -> None:
        report = judged(good_talk())
        self.assertEqual(report.complaints, [])
        self.assertEqual((report.sockets, sum(report.judged.values())), (1, len(good_talk())))
        self.assertEqual(report.judged["client conversation.item.create/function_call_output"], 1)
        self.assertEqual(report.judged["server response.done/completed"], 2)

    def test_every_mistake_in_it_is_found(self) -> None:
        for mistakes, side in ((CLIENT_MISTAKES, "client"), (SERVER_MISTAKES, "server")):
            for expected, spoil in mistakes.items():
                with self.subTest(expected):
                    frames = good_talk()
                    spoil(frames)
                    found = [complaint["what"] for complaint in judged(frames).complaints if complaint["side"] == side]
                    self.assertTrue(any(expected in what for what in found), found)

    def test_good_client_events_pass(self) -> None:
        for event in GOOD_CLIENT_EVENTS:
            with self.subTest(event):
                self.assertEqual(complaints("client", event), [])

    def test_every_wrong_client_event_is_found(self) -> None:
        for event in WRONG_CLIENT_EVENTS:
            with self.subTest(event):
                self.assertNotEqual(complaints("client", event), [])

    def test_every_wrong_server_event_is_found(self) -> None:
        for event in wrong_server_events():
            with self.subTest(event):
                self.assertNotEqual(complaints("server", event), [])

    def test_what_is_no_event_is_found(self) -> None:
        for frame in (b"{}", "{", "[]", "{}", '{"type": 7}', '{"type": ["a"]}'):
            with self.subTest(frame):
                report = Report()
                Talk(report).judge("client", frame)
                self.assertNotEqual(report.complaints, [])


if __name__ == "__main__":
    unittest.main()
