"""Asks a service what Twilio asks it, signed by Twilio's own library; and the same with one thing wrong.

    python twilio_webhooks.py http://127.0.0.1:7070 https://voice.example.com TOKEN

The second URL is what Twilio knows the service by. Prints {"believed", "refused", "upgrades", "documents"}: how many
requests were taken, how many were not, how many streams were opened, and the TwiML that was answered, by its kind.
Fails when something was taken that should not be, or the other way round.
"""

import asyncio
import json
import sys
from urllib.parse import urlencode

import requests
from multidict import MultiDict
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

LIMIT_S = 20
HEADER = "X-Twilio-Signature"
FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}
# The call that is spoken of in requests that must be refused.
FORGED = "CAffffffffffffffffffffffffffffffff"

Pairs = list[tuple[str, str]]


def a_call(number: int, *more: tuple[str, str]) -> Pairs:
    """What Twilio tells of a call, as far as it knows: the rest is blank."""
    return [
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", f"CA{number:032x}"),
        ("CallStatus", "ringing"),
        ("CallerName", ""),
        ("Direction", "inbound"),
        ("From", "+14158675309"),
        ("FromCity", "Żebbuġ & Bärn"),
        ("FromZip", ""),
        ("To", "+18005551212"),
        ("StirVerstat", "TN-Validation-Passed-A"),
        *more,
    ]


def a_message(number: int, body: str, *more: tuple[str, str]) -> Pairs:
    """What Twilio tells of a message."""
    return [
        ("MessageSid", f"SM{number:032x}"),
        ("SmsMessageSid", f"SM{number:032x}"),
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("From", "whatsapp:+14158675309"),
        ("To", "whatsapp:+18005551212"),
        ("Body", body),
        ("NumMedia", "0"),
        ("ProfileName", "Zoë ☎"),
        *more,
    ]


ENDED = ("CallStatus", "completed")
REQUESTS: list[tuple[str, Pairs]] = [
    ("/api/twilio/voice", a_call(1)),
    ("/api/twilio/voice?out=nothing&b=%2B1+2&a=%C5%BB&empty=", a_call(2)),
    # The same name twice, and the same pair twice.
    ("/api/twilio/voice", a_call(3, ("Twice", "b"), ("Twice", "a"), ("Twice", "b"), ("twice", ""))),
    ("/api/twilio/voice", a_call(4, ("SpeechResult", "1+1=2 & 100 % “sure”\r\n\t~*-._ ü\u0301 𝄞"))),
    ("/api/twilio/resume", [pair for pair in a_call(1) if pair[0] != "CallStatus"] + [ENDED]),
    ("/api/twilio/whisper?call_id=CA0000000000000000000000000000000f", a_call(15)),
    ("/api/twilio/status", [pair for pair in a_call(2) if pair[0] != "CallStatus"] + [ENDED, ("SequenceNumber", "0")]),
    ("/api/twilio/message", a_message(1, "What drinks do you have?")),
    ("/api/twilio/message", a_message(2, "Grüße & 1+1=2 ☎\n¿Qué tal? 100% = \"all\"", ("MediaUrl0", ""))),
]
STATUSES = {"/api/twilio/status": 204}


class Twilio:
    """Twilio, as far as it asks."""

    def __init__(self, base: str, public: str, token: str) -> None:
        self._base, self._public = base, public
        self._validator = RequestValidator(token)
        self.refused = 0

    def sign(self, path: str, pairs: Pairs) -> str:
        """What Twilio would sign this with."""
        return self._validator.compute_signature(self._public + path, MultiDict(pairs))

    def post(self, path: str, pairs: Pairs, signatures: list[str]) -> requests.Response:
        """Posts a form."""
        session = requests.Session()
        request = requests.Request("POST", self._base + path, data=urlencode(pairs), headers=FORM).prepare()
        if signatures:
            request.headers[HEADER] = ", ".join(signatures)
        return session.send(request, timeout=LIMIT_S)

    def ask(self, path: str, pairs: Pairs) -> str:
        """A request that must be believed: the answer."""
        response = self.post(path, pairs, [self.sign(path, pairs)])
        expected = STATUSES.get(path, 200)
        assert response.status_code == expected, (path, pairs, response.status_code, response.text)
        if expected == 200:
            assert response.headers["content-type"] == "text/xml; charset=utf-8", response.headers
        response.encoding = "utf-8"
        return response.text

    def forge(self, path: str, pairs: Pairs, signatures: list[str]) -> None:
        """A request that must be refused."""
        response = self.post(path, pairs, signatures)
        assert response.status_code == 403, (path, pairs, response.status_code, response.text)
        assert response.json()["code"] == "forbidden", response.text
        self.refused += 1

    def forge_all(self, path: str, pairs: Pairs) -> None:
        """A good request with one thing wrong, in every way."""
        pairs = [(name, FORGED if name == "CallSid" else value) for name, value in pairs]
        good = self.sign(path, pairs)
        for at, (name, value) in enumerate(pairs):
            self.forge(path, [*pairs[:at], (name, value + "x"), *pairs[at + 1 :]], [good])
        self.forge(path, pairs[1:], [good])
        self.forge(path, [*pairs, ("More", "")], [good])
        self.forge(path, [(name.lower(), value) for name, value in pairs], [good])
        self.forge(path + ("&" if "?" in path else "?") + "more=1", pairs, [good])
        self.forge(path, pairs, [])
        self.forge(path, pairs, [good, good])
        self.forge(path, pairs, [good.lower()])
        self.forge(path, pairs, [self.sign(path, [])])
        self.forge(path, pairs, [self.sign("/api/twilio/stream", pairs)])
        for public, token in (
            (self._public.replace("https", "http"), "peer-token-0123456789abcdef"),
            (self._base, "peer-token-0123456789abcdef"),
            (self._public, "another-token-0123456789"),
            (self._public, ""),
        ):
            other = RequestValidator(token).compute_signature(public + path, MultiDict(pairs))
            self.forge(path, pairs, [other])

    async def upgrade(self) -> int:
        """Opens streams, as they may be opened and not: how many were."""
        path = "/api/twilio/stream"
        socket, public = (url.replace("http", "ws", 1) + path for url in (self._base, self._public))
        sign = self._validator.compute_signature
        opened = 0
        for url in (public, public.replace("example.com", "example.com:443")):
            async with connect(socket, additional_headers={HEADER: sign(url, {})}, proxy=None, open_timeout=LIMIT_S):
                opened += 1
        wrong: list[dict[str, str]] = [
            {},
            {HEADER: sign(self._public + path, {})},
            {HEADER: sign(public + "/", {})},
            {HEADER: sign(public + "?a=b", {})},
            {HEADER: sign(socket, {})},
            {HEADER: sign(public, {"CallSid": FORGED})},
        ]
        for headers in wrong:
            try:
                async with connect(socket, additional_headers=headers, proxy=None, open_timeout=LIMIT_S):
                    raise AssertionError(f"a stream was opened with {headers}")
            except InvalidStatus as refusal:
                assert refusal.response.status_code == 403, refusal
                self.refused += 1
        return opened


def calls(base: str) -> list[str]:
    """The calls that are live."""
    return sorted(call["call_id"] for call in requests.get(f"{base}/ai/calls", timeout=LIMIT_S).json())


def main(base: str, public: str, token: str) -> None:
    """Asks everything."""
    twilio = Twilio(base, public, token)
    documents: dict[str, list[str]] = {"voice": [], "messaging": []}
    before = calls(base)
    for path, pairs in REQUESTS:
        twilio.forge_all(path, pairs)
    assert calls(base) == before, "a refused request began a call"
    for path, pairs in REQUESTS:
        answer = twilio.ask(path, pairs)
        if answer:
            documents["messaging" if "message" in path else "voice"].append(answer)
    upgrades = asyncio.run(twilio.upgrade())
    told = {"believed": len(REQUESTS), "refused": twilio.refused, "upgrades": upgrades, "documents": documents}
    print(json.dumps(told))


if __name__ == "__main__":
    main(*sys.argv[1:])
