"""Holds the HTTP API to its own description.

    python http_api.py http://127.0.0.1:7070

The description must be valid OpenAPI; schemathesis makes requests from it, right ones and wrong ones, and compares
the answers with it; the streams of events, which it cannot read, are compared here. Prints what was done as one line
of JSON, and fails when an answer was not the described one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jsonschema
import openapi_spec_validator
import requests

LIMIT_S = 20
CASES_PER_OPERATION = 40
# One follows a live call to its end, which nobody brings about. The others take a signed form, and the description does
# not say what is in it: `twilio_webhooks.py` posts them.
NOT_FUZZED = ("follow_call", *(f"twilio_{name}" for name in ("voice", "resume", "whisper", "status", "message")))
# What is described and not built yet is answered by 501.
SETTINGS = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", 501]
"""
# What is valid by its shape may still name a persona that is not there.
NOT_CHECKED = "positive_data_acceptance"

Description = dict[str, Any]


def fuzz(base: str) -> tuple[int, int]:
    """Lets schemathesis try every operation: how many it tried, and with how many requests."""
    excluded = [argument for name in NOT_FUZZED for argument in ("--exclude-operation-id", name)]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "schemathesis.toml").write_text(SETTINGS)
        report = Path(home) / "report.json"
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{base}/openapi.json"),
            *("--phases", "examples,coverage,fuzzing", "--max-examples", str(CASES_PER_OPERATION), "--seed", "7"),
            *(*excluded, "--exclude-checks", NOT_CHECKED),
            *("--request-timeout", str(LIMIT_S), "--generation-database", "none", "--no-color"),
            *("--report", "json", "--report-json-path", str(report)),
        ]
        run = subprocess.run(command, cwd=home, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr
        told = json.loads(report.read_text())
    return told["operations"]["tested"], told["test_cases"]["generated"]


class Api:
    """An API and what it says of itself."""

    def __init__(self, base: str) -> None:
        self._base = base
        self.description: Description = requests.get(f"{base}/openapi.json", timeout=LIMIT_S).json()
        openapi_spec_validator.validate(self.description)

    def ask(self, method: str, path: str, expected: int, *, of: str | None = None, **more: Any) -> Any:
        """Makes a request: the answer, compared with what the description says of the path `of`."""
        response = requests.request(method, self._base + path, timeout=LIMIT_S, **more)
        assert response.status_code == expected, (response.status_code, response.text)
        assert response.headers.get("x-request-id"), "without x-request-id"
        described = self.description["paths"][of or path][method]["responses"][str(expected)]
        if "content" not in described:
            assert not response.content, response.text
            return None
        kind = response.headers["content-type"].split(";")[0]
        schema = described["content"][kind]["schema"]
        response.encoding = "utf-8"
        answers = read_events(response.text) if kind == "text/event-stream" else [response.json()]
        for answer in answers:
            # The components come along, so that references are found.
            jsonschema.validate(answer, schema | {"components": self.description["components"]})
        return answers if kind == "text/event-stream" else answers[0]


def read_events(text: str) -> list[Any]:
    """The events of a stream; each one's id is its `seq`."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            events.append(json.loads(fields["data"]))
            assert fields["id"] == str(events[-1]["seq"]), block
    return events


def follow(api: Api) -> int:
    """Compares the streams of events with the description: how many events there were."""
    events, call = "/ai/calls/{call_id}/events", "/ai/calls/{call_id}"
    question = {"text": "I have a question about VAT on restaurant meals in the EU", "call_id": "streamed"}
    turn = api.ask("post", "/ai/say", 200, json=question, headers={"accept": "text/event-stream"})
    assert turn[-1]["type"] == "turn.done", turn[-1]
    api.ask("delete", "/ai/calls/streamed", 200, of=call)
    whole = api.ask("get", "/ai/calls/streamed/events", 200, of=events)
    assert [event["type"] for event in (whole[0], whole[-1])] == ["call.started", "call.ended"], whole
    assert turn == [event for event in whole if turn[0]["seq"] <= event["seq"] <= turn[-1]["seq"]]
    seen = {"last-event-id": str(whole[2]["seq"])}
    assert api.ask("get", "/ai/calls/streamed/events", 200, of=events, headers=seen) == whole[3:]
    all_seen = {"last-event-id": str(whole[-1]["seq"])}
    api.ask("get", "/ai/calls/streamed/events", 204, of=events, headers=all_seen)
    api.ask("get", "/ai/calls/streamed/events", 400, of=events, headers={"last-event-id": "x"})
    api.ask("get", "/ai/calls/nobody/events", 404, of=events)
    return len(turn) + len(whole)


def main(base: str) -> None:
    """Tries everything."""
    api = Api(base)
    events = follow(api)
    operations, cases = fuzz(base)
    described = sum(len(methods) for methods in api.description["paths"].values())
    print(json.dumps({"described": described, "operations": operations, "cases": cases, "events": events}))


if __name__ == "__main__":
    main(sys.argv[1])
