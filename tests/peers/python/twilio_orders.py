"""Twilio's own REST client asks for what a service has asked for, and must send the same.

Reads a list of {"method", "path", "form": [[name, value], …]} from standard input: requests of a service to Twilio's
REST API. Each is made again by the client's own calls, from the names it has for these fields. Prints how many of each
kind there were; fails when the client knows no such field, or sends something else.
"""

import inspect
import json
import re
import sys
from collections import Counter
from typing import Any

from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

CALLS = re.compile(r"/2010-04-01/Accounts/(AC[0-9a-f]{32})/Calls(?:/(CA[0-9a-f]{32}))?\.json")
Form = dict[str, list[str]]


class Noted(HttpClient):
    """Sends nothing, and keeps what should have been sent."""

    def request(self, method: str, url: str, params: Any = None, data: Any = None, *rest: Any, **more: Any) -> Response:
        self.sent = (method, url.removeprefix("https://api.twilio.com"), data)
        return Response(200 if "Calls/" in url else 201, json.dumps({"sid": "CA" + "0" * 32}))


def snake(name: str) -> str:
    """As the client writes a field: StatusCallback is status_callback."""
    name = re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower()
    return "from_" if name == "from" else name


def form(pairs: list[list[str]]) -> Form:
    """A form by its names."""
    fields: Form = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def sent(data: dict[str, Any]) -> Form:
    """What the client would put on the wire."""
    return {name: [str(part) for part in (value if isinstance(value, list) else [value])] for name, value in data.items()}


def repeat(request: dict[str, Any]) -> str:
    """Makes a request again: what kind it was."""
    path = CALLS.fullmatch(request["path"])
    assert path is not None and request["method"] == "POST", request
    account, call = path.groups()
    noted = Noted(None, False, None)
    calls = Client(account, "token", http_client=noted).calls
    act = calls(call).update if call else calls.create
    fields = form(request["form"])
    known = inspect.signature(act).parameters
    for name in fields:
        assert snake(name) in known, f"{act.__qualname__} has no {name}"
    act(**{snake(name): values if len(values) > 1 else values[0] for name, values in fields.items()})
    method, where, data = noted.sent
    assert (method, where) == (request["method"], request["path"]), noted.sent
    assert sent(data) == fields, (sent(data), fields)
    return "update" if call else "create"


if __name__ == "__main__":
    print(json.dumps(Counter(repeat(request) for request in json.load(sys.stdin))))
