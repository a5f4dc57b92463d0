"""What both sides of one socket can know, as far as the rules ask for it."""

from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

BYTES_PER_MS = {"audio/pcm": 48, "audio/pcmu": 8, "audio/pcma": 8}


@dataclass
class Part:
    """A part of a message that the model is making: what its deltas have said so far."""

    kind: str
    text: str = ""
    text_is_done: bool = False
    audio_is_done: bool = False
    is_done: bool = False


@dataclass
class Making:
    """An item that the model is making."""

    item: Event
    arguments: str = ""
    arguments_are_done: bool = False
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Response:
    """A response that was created, and, with `ended`, done."""

    created: Event
    in_default: bool
    making: dict[int, Making] = field(default_factory=dict)
    made: dict[int, Event] = field(default_factory=dict)
    ended: bool = False

    @property
    def output(self) -> list[Event]:
        """The items that are done, in order."""
        return [self.made[index] for index in sorted(self.made)]


@dataclass
class Hearing:
    """What the server makes of the caller's audio."""

    appended_ms: float = 0
    # The turn of the caller that goes on: its item, and where it began. The next begins where this one ended, or later.
    item: str | None = None
    start_ms: int = 0
    end_ms: int = 0
    # Speech that ended and is not committed; items that were committed and are not added.
    ended: str | None = None
    committed: list[str] = field(default_factory=list)
    # Turns that the server answers by itself, and has not yet.
    unanswered: int = 0
    # What was understood so far, by item; and the items of which all was told.
    transcripts: dict[str, str] = field(default_factory=dict)
    transcribed: set[str] = field(default_factory=set)


@dataclass
class State:
    """A socket from its first frame to where it is now."""

    frames: dict[str, int] = field(default_factory=lambda: {"client": 0, "server": 0})
    # The client's events by their ids, so that an error that names one can take back what it did.
    sent: dict[str, Event] = field(default_factory=dict)
    server_ids: set[str] = field(default_factory=set)
    session: Event = field(default_factory=dict)
    is_configured: bool = False
    updates: list[Event] = field(default_factory=list)
    creates: list[Event] = field(default_factory=list)
    out_of_band: list[Event] = field(default_factory=list)
    responses: dict[str, Response] = field(default_factory=dict)
    active: str | None = None
    # The conversation in order; and every item there ever was, as last shown.
    order: list[str] = field(default_factory=list)
    items: dict[str, Event] = field(default_factory=dict)
    done_items: set[str] = field(default_factory=set)
    # Items of the client that the server has not added yet.
    awaited: dict[str, Event] = field(default_factory=dict)
    # Tool calls by call_id: whether they are answered. Those that were cut off need no answer.
    calls: dict[str, bool] = field(default_factory=dict)
    cut_calls: set[str] = field(default_factory=set)
    # The items that make them; and every item that the client has deleted.
    call_items: dict[str, str | None] = field(default_factory=dict)
    deletes: set[str] = field(default_factory=set)
    spoken_ms: dict[str, float] = field(default_factory=dict)
    has_spoken: bool = False
    hearing: Hearing = field(default_factory=Hearing)
    # Responses that the client asked to be stopped, and those that the caller spoke over.
    cancelled: set[str] = field(default_factory=set)
    spoken_over: set[str] = field(default_factory=set)
    # Truncations that the server has not told of, and what was left of each item.
    truncates: list[Event] = field(default_factory=list)
    cut_ms: dict[str, int] = field(default_factory=dict)
    # Items of the client without an id of its own.
    unnamed: int = 0

    def vad(self) -> Event | None:
        """The turn detection in force."""
        return self.session.get("audio", {}).get("input", {}).get("turn_detection")

    def open_calls(self) -> list[str]:
        """Tool calls that somebody owes an answer."""
        return [call for call, answered in self.calls.items() if not answered and call not in self.cut_calls]

    def take_back(self, event: Event) -> None:
        """The server refused an event of the client: it did nothing."""
        for waiting in (self.updates, self.creates, self.out_of_band, self.truncates):
            if event in waiting:
                waiting.remove(event)
        item = event.get("item") or {}
        self.awaited.pop(item.get("id"), None)
        match event["type"], item.get("type"):
            case "conversation.item.create", "function_call":
                self.calls.pop(item.get("call_id"), None)
            case "conversation.item.create", "function_call_output" if item["call_id"] in self.calls:
                self.calls[item["call_id"]] = False
