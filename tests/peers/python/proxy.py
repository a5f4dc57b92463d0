"""Stands between a Realtime client and a Realtime server, passes every frame on, and judges it on the way.

    python proxy.py ws://127.0.0.1:9099

Prints {"port": …} when it listens. When its standard input ends it prints its report, one line of JSON, and ends.
A socket that one side cuts is cut to the other side, and one that is closed is closed with the same code.
"""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from talk import Report, Talk

# 15 MiB of audio are 20 MiB of base64.
LARGEST_FRAME = 24 << 20
PASSED_ON = ("authorization", "api-key")

Socket = ClientConnection | ServerConnection


async def carry(side: str, source: Socket, target: Socket, talk: Talk) -> None:
    """Judges and passes on one direction to its end."""
    try:
        async for frame in source:
            talk.judge(side, frame)
            await target.send(frame)
    except ConnectionClosed:
        pass
    if side == "client" and source.protocol.close_rcvd_then_sent:
        talk.hung_up()
    await end(source, target)


async def end(source: Socket, target: Socket) -> None:
    """Ends the one socket as the other one ended."""
    if source.close_code == 1006:  # no close frame came
        target.transport.abort()
    elif source.close_code == 1005:  # one without a code
        await target.close()
    else:
        await target.close(source.close_code, source.close_reason)


async def attend(client: ServerConnection, upstream: str, report: Report) -> None:
    """Serves one client."""
    talk = Talk(report)
    request = client.request
    where = urlsplit(request.path)
    headers = {name.lower(): value for name, value in request.headers.raw_items()}
    talk.handshake(where.path, parse_qs(where.query), headers)
    passed_on = {name: headers[name] for name in PASSED_ON if name in headers}
    async with (
        connect(
            upstream + request.path, additional_headers=passed_on, max_size=LARGEST_FRAME, compression=None, proxy=None
        ) as server,
        asyncio.TaskGroup() as both,
    ):
        both.create_task(carry("client", client, server, talk))
        both.create_task(carry("server", server, client, talk))


async def main(upstream: str) -> None:
    """Serves until standard input ends."""
    report = Report()

    async def handler(client: ServerConnection) -> None:
        await attend(client, upstream, report)

    async with serve(handler, "127.0.0.1", 0, max_size=LARGEST_FRAME, compression=None) as listener:
        print(json.dumps({"port": listener.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(report.to_json(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
