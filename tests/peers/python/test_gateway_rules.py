"""The judge of what clients are told is judged: a good talk is let pass, in both dialects, and every mistake is found.

Run by `python test_gateway_rules.py`.
"""

import copy
import json
import unittest
from collections.abc import Callable
from typing import Any

from gateway_rules import NOW, ClientTalk
from talk import Report

Event = dict[str, Any]

AUDIO = {
    "input": {"format": {"type": "audio/pcm", "rate": 24000}},
    "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
}
SESSION = {"type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime", "audio": AUDIO}
ASKED = {
    "id": "item_1", "object": "realtime.item", "type": "message", "role": "user", "status": "completed",
    "content": [{"type": "input_text", "text": "hello"}],
}
MESSAGE = {"id": "item_2", "object": "realtime.item", "type": "message", "role": "assistant"}
RESPONSE = {"id": "resp_1", "object": "realtime.response"}
AT = {"response_id": "resp_1", "item_id": "item_2", "output_index": 0, "content_index": 0}
PART = {"type": "audio", "transcript": ""}
EMPTY = {**MESSAGE, "status": "in_progress", "content": []}
FULL = {**MESSAGE, "status": "completed", "content": [{"type": "output_audio", "transcript": "hi"}]}


def good() -> list[Event]:
    """A question in writing and an answer aloud, with a tool between them."""
    events: list[Event] = [
        {"type": "session.created", "session": SESSION},
        {"type": "conversation.item.added", "previous_item_id": None, "item": ASKED},
        {"type": "conversation.item.done", "previous_item_id": None, "item": ASKED},
        {
            "type": "extension.middle_tier_tool.response", "previous_item_id": "item_1", "tool_name": "lookup_menu",
            "tool_result": "{}",
        },
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "response_id": "resp_1", "output_index": 0, "item": EMPTY},
        {"type": "conversation.item.added", "previous_item_id": "item_1", "item": EMPTY},
        {"type": "response.content_part.added", **AT, "part": PART},
        {"type": "response.output_audio.delta", **AT, "delta": "AAAA"},
        {"type": "response.output_audio_transcript.delta", **AT, "delta": "hi"},
        {"type": "response.output_audio.done", **AT},
        {"type": "response.output_audio_transcript.done", **AT, "transcript": "hi"},
        {"type": "response.content_part.done", **AT, "part": {**PART, "transcript": "hi"}},
        {"type": "conversation.item.done", "previous_item_id": "item_1", "item": FULL},
        {"type": "response.output_item.done", "response_id": "resp_1", "output_index": 0, "item": FULL},
        {"type": "response.done", "response": {**RESPONSE, "status": "completed", "output": [FULL]}},
        {"type": "extension.persona.activated", "persona": "cfo"},
    ]
    return [{"event_id": f"event_{number}", **event} for number, event in enumerate(copy.deepcopy(events))]


def judged(events: list[Event], is_beta: bool = False) -> list[str]:
    """What was wrong with a talk."""
    report = Report()
    talk = ClientTalk(report, is_beta)
    for event in events:
        talk.judge("server", json.dumps(event))
    return [complaint["what"] for complaint in report.complaints]


def at(kind: str, do: Callable[[Event], object]) -> list[Event]:
    """The good talk, with the first event of a kind changed."""
    events = good()
    do(next(event for event in events if event["type"] == kind))
    return events


def without(kind: str) -> list[Event]:
    """The good talk, without the events of a kind."""
    return [event for event in good() if event["type"] != kind]


class Judged(unittest.TestCase):
    """A judgement for each talk."""

    def test_a_good_talk_is_let_pass(self) -> None:
        """As it is, and as it is told in the beta."""
        self.assertEqual(judged(good()), [])
        names = {now: beta for beta, now in NOW.items()}
        told = [event for event in good() if event["type"] != "conversation.item.done"]
        told = [{**event, "type": names.get(event["type"], event["type"])} for event in told]
        self.assertEqual(judged(told, is_beta=True), [])

    def test_every_mistake_is_found(self) -> None:
        """One mistake each, and a part of what is said of it."""
        again = [{**event, "event_id": f"again_{place}"} for place, event in enumerate(good()[4:6])]
        mistakes: list[tuple[list[Event], str]] = [
            (at("response.created", lambda event: event.pop("event_id")), "it has no event_id"),
            (at("response.done", lambda event: event.update(event_id="event_1")), "was used before"),
            (at("session.created", lambda event: event["session"].update(voice="ash")), "unknown field /session/voice"),
            (
                at("session.created", lambda event: event["session"].update(instructions="x")),
                "it tells of instructions",
            ),
            (at("response.output_audio.delta", lambda event: event.pop("output_index")), "output_index"),
            (at("response.done", lambda event: event["response"].update(output=[])), "its output is not what was told"),
            (
                at("response.output_item.added", lambda event: event["item"].update(type="function_call")),
                "it tells of function_call",
            ),
            (at("extension.persona.activated", lambda event: event.update(by="model")), "has the fields"),
            (
                at("conversation.item.done", lambda event: event.update(item={**ASKED, "id": "item_9"})),
                "item item_9 was never told of",
            ),
            (without("response.created"), "its response is not under way"),
            (without("response.content_part.added"), "its part is not open"),
            (without("response.content_part.done"), "its parts are not done"),
            (without("response.output_item.done"), "is not done"),
            (good()[1:], "session.created is the first event"),
            (good() + again, "is new and empty"),
        ]
        for events, expected in mistakes:
            with self.subTest(expected):
                found = judged(events)
                self.assertTrue(any(expected in what for what in found), found)


if __name__ == "__main__":
    unittest.main()
