"""Twilio's own REST client works with a stand-in for Twilio's REST API.

    python twilio_rest.py http://127.0.0.1:8080 ACCOUNT TOKEN CALL

CALL is a call in progress that the account has. Prints the id of the call it placed; fails when the stand-in answers
anything else than Twilio would.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

API = "https://api.twilio.com"
LIMIT_S = 20
TO, FROM = "+35699123456", "+18005551212"
WAIT = "<Response><Pause length='3600'/></Response>"


class Detour(TwilioHttpClient):
    """Goes to the stand-in with what is meant for Twilio."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=LIMIT_S)
        self._base = base

    def request(self, method: str, url: str, *rest: Any, **more: Any) -> Any:
        assert url.startswith(f"{API}/2010-04-01/"), url
        return super().request(method, self._base + url.removeprefix(API), *rest, **more)


def refused(act: Callable[[], Any], status: int, code: int) -> None:
    """Fails unless the API refuses this so."""
    try:
        act()
    except TwilioRestException as refusal:
        assert (refusal.status, refusal.code) == (status, code), refusal
        assert refusal.msg, refusal
    else:
        raise AssertionError(f"it was not refused with {status} {code}")


def until(call: Any, status: str) -> Any:
    """Looks a call up until it is in a state."""
    limit = time.monotonic() + LIMIT_S
    while (shown := call.fetch()).status != status:
        assert time.monotonic() < limit, f"it stays {shown.status}, and never is {status}"
        time.sleep(0.02)
    return shown


def main(base: str, account: str, token: str, known: str) -> None:
    """Does everything a service does, and what it must not."""
    client = Client(account, token, http_client=Detour(base))
    calls = client.calls

    shown = calls(known).fetch()
    assert (shown.sid, shown.account_sid, shown.direction) == (known, account, "inbound"), vars(shown)
    assert shown.status == "in-progress" and shown.duration is None, vars(shown)
    assert shown.uri == f"/2010-04-01/Accounts/{account}/Calls/{known}.json", shown.uri

    placed = calls.create(to=TO, from_=FROM, twiml=WAIT, timeout=25, machine_detection="Enable", async_amd="true")
    assert placed.sid.startswith("CA") and len(placed.sid) == 34, placed.sid
    assert (placed.to, placed._from, placed.direction) == (TO, FROM, "outbound-api"), vars(placed)
    assert placed.status in ("queued", "ringing"), placed.status
    until(calls(placed.sid), "in-progress")
    assert [call.sid for call in calls.list(to=TO, from_=FROM, limit=20)] == [placed.sid]
    assert calls.list(to="+35600000000") == []
    assert {call.sid for call in calls.stream(page_size=1)} == {placed.sid, known}

    changed = calls(placed.sid).update(twiml=WAIT)
    assert changed.sid == placed.sid and changed.status == "in-progress", vars(changed)
    refused(lambda: calls(placed.sid).update(twiml="x" * 4_001), 400, 21_207)
    refused(lambda: calls(placed.sid).update(status="canceled"), 400, 21_220)
    calls(placed.sid).update(status="completed")
    ended = until(calls(placed.sid), "completed")
    assert ended.duration is not None and int(ended.duration) >= 0, ended.duration
    refused(lambda: calls(placed.sid).update(status="completed"), 400, 21_220)

    refused(lambda: calls("CA" + "0" * 32).fetch(), 404, 20_404)
    refused(lambda: calls("CA" + "0" * 32).update(status="completed"), 404, 20_404)
    refused(lambda: calls.create(to=TO, from_=FROM), 400, 21_205)
    stranger = Client(account, "another-token-0123456789", http_client=Detour(base))
    refused(lambda: stranger.calls(known).fetch(), 401, 20_003)
    elsewhere = Client("AC" + "0" * 32, token, http_client=Detour(base))
    refused(lambda: elsewhere.calls(known).fetch(), 401, 20_003)
    print(placed.sid)


if __name__ == "__main__":
    main(*sys.argv[1:])
