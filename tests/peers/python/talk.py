"""Judges a talk between a Realtime client and a Realtime server: one socket, both directions, as it happens."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import client_rules
import server_rules
import shapes
from state import Event, State

_RULES = {"client": client_rules.complaints, "server": server_rules.complaints}
# How much of an event a complaint quotes: enough to find it, not a minute of audio.
_QUOTED = 600


@dataclass
class Report:
    """What was judged on all sockets, and what was wrong with it."""

    sockets: int = 0
    # How often each kind of event was seen, such as "client response.create" or "server response.done/failed".
    judged: Counter[str] = field(default_factory=Counter)
    complaints: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> str:
        """The report as one line."""
        return json.dumps(
            {"sockets": self.sockets, "judged": dict(sorted(self.judged.items())), "complaints": self.complaints}
        )


class Talk:
    """One socket."""

    def __init__(self, report: Report) -> None:
        report.sockets += 1
        self._number = report.sockets
        self._report = report
        self._state = State()

    def judge(self, side: str, frame: str | bytes) -> None:
        """Judges a frame of the "client" or the "server"."""
        self._state.frames[side] += 1
        if isinstance(frame, bytes):
            self.complain(side, "the protocol has no binary frames", {})
            return
        try:
            event = json.loads(frame)
        except ValueError as error:
            self.complain(side, f"no JSON: {error}", {"frame": frame})
            return
        if not isinstance(event, dict):
            self.complain(side, "no JSON object", {"frame": frame})
            return
        self._report.judged[f"{side} {_kind(event)}"] += 1
        for what in shapes.complaints(side, event):
            self.complain(side, what, event)
        try:
            for what in _RULES[side](self._state, event):
                self.complain(side, what, event)
        except (AttributeError, KeyError, TypeError) as error:
            self.complain(side, f"cannot be followed: {error!r}", event)

    def handshake(self, path: str, query: dict[str, list[str]], headers: dict[str, str]) -> None:
        """Judges how the client asked to be let in; the names of `headers` are in lower case."""
        if path != "/v1/realtime" or list(query) != ["model"] or len(query["model"]) != 1:
            self.complain("client", f"asks for {path} with {query}", {})
        if not headers.get("authorization", "").startswith("Bearer "):
            self.complain("client", "shows no bearer key", {})
        if "openai-beta" in headers:
            self.complain("client", "asks for the beta that is switched off", {})

    def hung_up(self) -> None:
        """The client closed the socket in good order: it must not leave anything half done."""
        left = {
            "a response is not done": self._state.active,
            "a response.create is not answered": self._state.creates,
            "a session.update is not answered": self._state.updates,
            "items are not added": list(self._state.awaited),
        }
        for what, which in left.items():
            if which:
                self.complain("client", f"closes, and {what}", {"which": which})

    def complain(self, side: str, what: str, event: Event) -> None:
        """Adds to the report."""
        frame = self._state.frames[side]
        about = {"socket": self._number, "side": side, "frame": frame, "what": what}
        self._report.complaints.append(about | {"event": json.dumps(event)[:_QUOTED]})


def _kind(event: Event) -> str:
    kind = str(event.get("type"))
    match event:
        case {"type": "conversation.item.create", "item": {"type": "message", "role": str(role)}}:
            return f"{kind}/{role}"
        case {"type": "conversation.item.create", "item": {"type": str(item)}}:
            return f"{kind}/{item}"
        case {"type": "response.done", "response": {"status": str(status)}}:
            return f"{kind}/{status}"
        case {"type": "error", "error": {"code": str(code)}}:
            return f"{kind}/{code}"
        case _:
            return kind
