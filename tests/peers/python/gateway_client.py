"""OpenAI's own client for Python holds a conversation with the service.

    python gateway_client.py http://127.0.0.1:1/v1 ws://127.0.0.1:2/v1 KEY QUESTION.pcm

Its secret comes from the first address, its socket goes to the second. Prints what went well, as one line of JSON.
"""

import asyncio
import base64
import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from openai.types.realtime import ClientSecretCreateResponse

LIMIT_S = 30
CHUNK_BYTES = 4_800  # 100 ms of 24 kHz
PAUSE = bytes(48_000)

Event = dict[str, Any]


def must(is_so: bool, what: str) -> None:
    """Fails with a word unless it is so."""
    if not is_so:
        raise AssertionError(f"not so: {what}")


def keeps_to_itself(session: Event, what: str) -> None:
    """No instructions, no tools: whatever the client was told of its session."""
    must(not session.get("instructions"), f"{what} has no instructions")
    must(not session.get("tools"), f"{what} has no tools")


class Talk:
    """One connection, and all that was seen of it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.seen: list[Event] = []

    async def until(self, is_it: Callable[[Event], bool]) -> Event:
        """The next event that is as it shall be."""
        async with asyncio.timeout(LIMIT_S):
            while True:
                event = json.loads(await self._connection.recv_bytes())
                self.seen.append(event)
                if is_it(event):
                    return event

    async def until_kind(self, kind: str) -> Event:
        """The next event of a type."""
        try:
            return await self.until(lambda event: event["type"] == kind)
        except TimeoutError:
            raise AssertionError(f"no {kind}: {[event['type'] for event in self.seen[-40:]]}") from None

    async def says(self, text: str) -> None:
        """The caller writes, and wants an answer."""
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self._connection.conversation.item.create(item=item)
        await self._connection.response.create()

    async def hears(self, expected: str) -> list[Event]:
        """Reads until a response is done whose words hold this: its events."""
        begun = len(self.seen)
        while True:
            await self.until_kind("response.done")
            told = self.seen[begun:]
            kinds = ("response.output_audio_transcript.delta", "response.output_text.delta")
            if expected in "".join(event["delta"] for event in told if event["type"] in kinds):
                return told


async def hold(http: str, sockets: str, key: str, recording: Path, went: Callable[[str], None]) -> None:
    """The whole conversation."""
    client = AsyncOpenAI(base_url=http, websocket_base_url=sockets, api_key=key)
    made = await client.realtime.client_secrets.create(
        expires_after={"anchor": "created_at", "seconds": 60}, session={"type": "realtime", "model": "gpt-realtime"}
    )
    ClientSecretCreateResponse.model_validate_json(made.model_dump_json(), strict=True)
    must(made.value.startswith("ek_"), "it is a client secret")
    went("client secret")

    client = AsyncOpenAI(base_url=http, websocket_base_url=sockets, api_key=made.value)
    async with client.realtime.connect(model="gpt-realtime") as connection:
        talk = Talk(connection)
        keeps_to_itself((await talk.until_kind("session.created"))["session"], "session.created")
        went("connect")
        await connection.session.update(
            session={
                "type": "realtime",
                "instructions": "Answer with the word mango.",
                "audio": {"input": {"turn_detection": {"type": "server_vad"}, "transcription": {"model": "whisper-1"}}},
            }
        )
        keeps_to_itself((await talk.until_kind("session.updated"))["session"], "session.updated")
        went("session.update")

        await talk.says("How much is the African tea?")
        told = await talk.hears("African tea, 2000 RWF")
        went("tool call")
        audio = [event["delta"] for event in told if event["type"] == "response.output_audio.delta"]
        must(sum(map(len, audio)) > 10_000, "there is audio")
        went("audio")

        sound = recording.read_bytes() + PAUSE
        for at in range(0, len(sound), CHUNK_BYTES):
            piece = base64.b64encode(sound[at : at + CHUNK_BYTES]).decode()
            await connection.input_audio_buffer.append(audio=piece)
        started = await talk.until_kind("input_audio_buffer.speech_started")
        committed = await talk.until_kind("input_audio_buffer.committed")
        must(started["item_id"] == committed["item_id"], "one item is said")
        await talk.hears("African tea")
        went("speech")

        await talk.says("What drinks do you have?")
        delta = await talk.until_kind("response.output_audio.delta")
        await connection.response.cancel()
        await connection.conversation.item.truncate(
            item_id=delta["item_id"], content_index=delta["content_index"], audio_end_ms=100
        )
        await talk.until_kind("conversation.item.truncated")
        went("interrupt")

        await connection.conversation.item.retrieve(item_id=committed["item_id"])
        must((await talk.until_kind("conversation.item.retrieved"))["item"]["role"] == "user", "the caller said it")
        await connection.conversation.item.delete(item_id=committed["item_id"])
        await talk.until_kind("conversation.item.deleted")
        went("items")

        await connection.response.cancel(event_id="nothing-to-cancel")
        error = (await talk.until_kind("error"))["error"]
        must(error["code"] == "response_cancel_not_active", str(error))
        must(error["event_id"] == "nothing-to-cancel", str(error))
        went("errors")

        await talk.says("I have a question about VAT on restaurant meals in the EU")
        await talk.hears("I found 3 rules")
        activated = [event for event in talk.seen if event["type"] == "extension.persona.activated"]
        must(activated[-1:] != [] and activated[-1]["persona"] == "cfo", "the CFO speaks")
        went("handoff")
        must("function_call" not in json.dumps(talk.seen), "no tool call is seen")


def main() -> None:
    """Tells how far it came."""
    http, sockets, key, recording = sys.argv[1:]
    features: dict[str, bool] = {}
    told: dict[str, Any] = {"client": "PyPI openai", "features": features}
    try:
        asyncio.run(hold(http, sockets, key, Path(recording), lambda name: features.update({name: True})))
    except Exception:
        told["failed"] = traceback.format_exc()
    print(json.dumps(told))


if __name__ == "__main__":
    main()
