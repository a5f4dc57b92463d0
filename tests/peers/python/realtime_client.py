"""OpenAI's own client drives a Realtime server; every frame of both is judged.

    python realtime_client.py 127.0.0.1:9099

Prints the report, one line of JSON, and what the model said as `texts`.
"""

import asyncio
import base64
import json
import sys
from typing import Any

from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection

from talk import Report, Talk

MODEL = "gpt-realtime-2.1"
LIMIT_S = 20
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "Tells the weather in a city: temperature and sky.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "The city"}},
        "required": ["city"],
    },
}
SECOND_OF_PCM = base64.b64encode(b"\x10\x27\xf0\xd8" * 12_000).decode()


class Judged:
    """A connection of the official client, with a judge who sees every frame of it."""

    def __init__(self, connection: AsyncRealtimeConnection, talk: Talk) -> None:
        self._talk = talk
        self.connection = connection
        send = connection._send

        async def judge_and_send(frame: str) -> None:
            talk.judge("client", frame)
            await send(frame)

        # The one place where frames leave the client; it offers no other to look at them.
        connection._send = judge_and_send

    async def next(self) -> Any:
        """The next event, as the client reads it."""
        frame = await self.connection.recv_bytes()
        self._talk.judge("server", frame.decode())
        event = self.connection.parse_event(frame)
        # An unknown type silently becomes another event: compare what was read with what was sent.
        assert event.type == json.loads(frame)["type"], event
        assert event.type != "error", event
        return event

    async def until(self, kind: str) -> Any:
        """The next event of a type."""
        while (event := await self.next()).type != kind:
            pass
        return event


async def say(judged: Judged, number: int, text: str) -> Any:
    """Adds what a user says, asks for a response, and waits for its end."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    await judged.connection.conversation.item.create(event_id=f"item_{number}", item=item)
    await judged.until("conversation.item.done")
    await judged.connection.response.create(event_id=f"ask_{number}")
    return (await judged.until("response.done")).response


async def written(judged: Judged) -> str:
    """Text only: a question, a tool call, its output, the answer."""
    connection = judged.connection
    session = {"type": "realtime", "output_modalities": ["text"], "instructions": "Be brief.", "tools": [TOOL]}
    await connection.session.update(event_id="set_up", session=session)
    await judged.until("session.updated")
    response = await say(judged, 1, "What is the weather in the city of Lisbon?")
    calls = [item for item in response.output if item.type == "function_call"]
    assert [call.name for call in calls] == ["get_weather"], response
    assert "lisbon" in json.loads(calls[0].arguments)["city"].lower(), calls
    output = {"type": "function_call_output", "call_id": calls[0].call_id, "output": '{"temperature": "19 °C"}'}
    await connection.conversation.item.create(event_id="output", item=output)
    await judged.until("conversation.item.done")
    await connection.response.create(event_id="answer")
    response = (await judged.until("response.done")).response
    assert response.output[0].content[0].type == "output_text", response
    return response.output[0].content[0].text


async def spoken(judged: Judged) -> str:
    """Audio both ways, without turn detection; then what was said is cut short, looked at, and deleted."""
    connection = judged.connection
    pcm = {"type": "audio/pcm", "rate": 24_000}
    audio = {"input": {"format": pcm, "turn_detection": None}, "output": {"format": pcm, "voice": "marin"}}
    session = {"type": "realtime", "output_modalities": ["audio"], "audio": audio}
    await connection.session.update(event_id="set_up", session=session)
    await judged.until("session.updated")
    await connection.input_audio_buffer.append(audio=SECOND_OF_PCM)
    await connection.input_audio_buffer.commit(event_id="heard")
    await judged.until("conversation.item.done")
    await connection.response.create(event_id="ask_1")
    response = (await judged.until("response.done")).response
    assert response.output[0].content[0].type == "output_audio", response
    item_id = response.output[0].id
    await connection.conversation.item.truncate(event_id="cut", item_id=item_id, content_index=0, audio_end_ms=200)
    assert (await judged.until("conversation.item.truncated")).audio_end_ms == 200
    await connection.conversation.item.retrieve(event_id="look", item_id=item_id)
    await judged.until("conversation.item.retrieved")
    await connection.conversation.item.delete(event_id="gone", item_id=item_id)
    await judged.until("conversation.item.deleted")
    return (await say(judged, 2, "Hello")).output[0].content[0].transcript


async def cancelled(judged: Judged) -> str:
    """A response that is stopped while it is made."""
    connection = judged.connection
    await connection.session.update(event_id="set_up", session={"type": "realtime", "output_modalities": ["audio"]})
    await judged.until("session.updated")
    await connection.response.create(event_id="ask_1", response={"metadata": {"purpose": "greeting"}})
    await judged.until("response.output_audio.delta")
    await connection.response.cancel(event_id="stop")
    response = (await judged.until("response.done")).response
    assert response.status == "cancelled" and response.metadata == {"purpose": "greeting"}, response
    return response.output[0].content[0].transcript


async def main(address: str) -> None:
    """Plays every scene on a connection of its own."""
    report, texts = Report(), {}
    client = AsyncOpenAI(
        base_url=f"http://{address}/v1", websocket_base_url=f"ws://{address}/v1", api_key="sk-peer", max_retries=0
    )
    for scene in (written, spoken, cancelled):
        async with asyncio.timeout(LIMIT_S), client.realtime.connect(model=MODEL) as connection:
            judged = Judged(connection, Talk(report))
            await judged.until("session.created")
            texts[scene.__name__] = await scene(judged)
    print(json.dumps({"texts": texts} | json.loads(report.to_json())))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
