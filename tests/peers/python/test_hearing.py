"""The judge of what is heard is judged: a spoken talk without a mistake is let pass, and every mistake in it is found.

Run by `python test_hearing.py`.
"""

import base64
import copy
import unittest

from good_talk import SESSION, Frame, client, response, server
from test_rules import again, change, drop, insert, judged, put

ULAW = {"type": "audio/pcmu"}
# 500 ms of silence.
FRAME = base64.b64encode(b"\xff" * 4_000).decode()
VAD = {"type": "server_vad", "create_response": False, "interrupt_response": True, "idle_timeout_ms": None}
AUDIO = {
    "input": {"format": ULAW, "turn_detection": VAD, "transcription": {"model": "gpt-transcribe"}},
    "output": {"format": ULAW, "voice": "marin"},
}
APPEND = {"type": "input_audio_buffer.append", "audio": FRAME}


def turn(item: str, start_ms: int, end_ms: int, previous: str | None) -> list[Frame]:
    """The caller says something, which is told in full."""
    said = {"type": "message", "id": item, "role": "user", "status": "completed", "content": [{"type": "input_audio"}]}
    told = "conversation.item.input_audio_transcription"
    at = {"item_id": item, "content_index": 0}
    seconds = {"type": "duration", "seconds": 1.0}
    return [
        server("input_audio_buffer.speech_started", audio_start_ms=start_ms, item_id=item),
        ("client", APPEND),
        server("input_audio_buffer.speech_stopped", audio_end_ms=end_ms, item_id=item),
        server("input_audio_buffer.committed", item_id=item, previous_item_id=previous),
        server("conversation.item.added", item=said, previous_item_id=previous),
        server("conversation.item.done", item=said, previous_item_id=previous),
        server(f"{told}.delta", delta="Which ", **at),
        server(f"{told}.delta", delta="tea?", **at),
        server(f"{told}.completed", transcript="Which tea?", usage=seconds, **at),
    ]


def spoken_over() -> list[Frame]:
    """An answer, and the caller's words over it."""
    at = {"response_id": "resp_1", "output_index": 0}
    of = at | {"item_id": "item_a", "content_index": 0}
    item = {"type": "message", "id": "item_a", "role": "assistant"}
    begun = item | {"content": [], "status": "in_progress"}
    cut = item | {"content": [{"type": "output_audio", "transcript": "Green"}], "status": "incomplete"}
    reason = {"type": "cancelled", "reason": "turn_detected"}
    audio = {"audio": {"output": AUDIO["output"]}}
    created = response("resp_1", "in_progress", [], "rc_1") | audio
    ended = response("resp_1", "cancelled", [cut], "rc_1") | audio | {"status_details": reason}
    second = turn("item_v", 600, 1_400, "item_a")
    return [
        server("response.created", response=created),
        server("response.output_item.added", item=begun, **at),
        server("conversation.item.added", item=begun, previous_item_id="item_u"),
        server("response.content_part.added", part={"type": "audio", "transcript": ""}, **of),
        server("response.output_audio_transcript.delta", delta="Green", **of),
        server("response.output_audio.delta", delta=FRAME, **of),
        ("client", APPEND),
        second[0],
        server("response.output_audio.done", **of),
        server("response.output_audio_transcript.done", transcript="Green", **of),
        server("response.content_part.done", part={"type": "audio", "transcript": "Green"}, **of),
        server("conversation.item.done", item=cut, previous_item_id="item_u"),
        server("response.output_item.done", item=cut, **at),
        server("response.done", response=ended),
        client("conversation.item.truncate", "cut", item_id="item_a", content_index=0, audio_end_ms=300),
        server("conversation.item.truncated", item_id="item_a", content_index=0, audio_end_ms=300),
        *second[1:],
    ]


def good_call() -> list[Frame]:
    """A question, an answer that is spoken over, a second question."""
    session = SESSION | {"audio": AUDIO}
    asked = {name: session[name] for name in ("type", "instructions", "output_modalities", "audio")}
    frames = [
        server("session.created", session=SESSION),
        client("session.update", "su_1", session=asked),
        server("session.updated", session=session),
        ("client", APPEND),
        *turn("item_u", 100, 600, None),
        client("response.create", "rc_1", response={"metadata": {"token": "rc_1"}}),
        *spoken_over(),
    ]
    numbered = [
        (side, event | {"event_id": f"event_{at}"} if side == "server" else event)
        for at, (side, event) in enumerate(frames)
    ]
    return [(side, copy.deepcopy(event)) for side, event in numbered]


STARTED, STOPPED = "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped"
COMMITTED, TOLD = "input_audio_buffer.committed", "conversation.item.input_audio_transcription"
CUT = {"type": "conversation.item.truncate", "event_id": "more", "item_id": "item_a", "content_index": 0}
DELETE = {"type": "conversation.item.delete", "event_id": "gone", "item_id": "item_a"}
TRUNCATED = "conversation.item.truncated"

MISTAKES = {
    "no speech of item_u goes on": drop(STARTED),
    "no speech of item_u has ended": drop(STOPPED),
    "nobody made item item_u": drop(COMMITTED),
    "speech begins while that of item_u goes on": again(STARTED, item_id="item_x"),
    "1001 ms is not between 100 and the 1000 ms": change(STOPPED, put(audio_end_ms=1_001)),
    "599 ms is not between 600": change(STARTED, put(audio_start_ms=599), 1),
    "without turn detection nobody listens": change("session.updated", put(session__audio__input__turn_detection=None)),
    "item item_v is committed after item_u": change(COMMITTED, put(previous_item_id="item_u"), 1),
    "item item_u is not what the caller said": change("conversation.item.added", put(item__content=[])),
    "the transcript of item_u is not what the deltas made": drop(f"{TOLD}.delta"),
    "the transcript of item_u was told before": again(f"{TOLD}.completed"),
    "holds no audio of the caller": change(f"{TOLD}.delta", put(item_id="item_a")),
    "nobody asked for transcripts": change("session.updated", put(session__audio__input__transcription=None)),
    "nobody spoke over response resp_1": drop(STARTED, 1),
    "nobody cancelled response resp_1": change(
        "response.done", put(response__status_details__reason="client_cancelled")
    ),
    "nobody cut item item_a at 200 ms": change(TRUNCATED, put(audio_end_ms=200)),
    "item item_a was cut at 300 ms before": insert(TRUNCATED, "client", CUT | {"audio_end_ms": 301}),
    "audio_end_ms 501 is beyond the 500 ms": change("conversation.item.truncate", put(audio_end_ms=501)),
    "content_index 1 is not the audio": change("conversation.item.truncate", put(content_index=1)),
    "is before the beginning": change("conversation.item.truncate", put(audio_end_ms=-1)),
    "item item_a was deleted before": insert("response.done", "client", DELETE),
    "nobody asked for a timeout": change(STOPPED, put(type="input_audio_buffer.timeout_triggered", audio_start_ms=0)),
}


class Hears(unittest.TestCase):
    """What the judge of a spoken talk lets pass, and what it finds."""

    def test_a_good_call_passes(self) -> None:
        self.assertEqual(judged(good_call()).complaints, [])

    def test_every_mistake_in_it_is_found(self) -> None:
        for expected, spoil in MISTAKES.items():
            with self.subTest(expected):
                frames = good_call()
                spoil(frames)
                found = [complaint["what"] for complaint in judged(frames).complaints]
                self.assertTrue(any(expected in what for what in found), found)


if __name__ == "__main__":
    unittest.main(defaultTest="Hears")
