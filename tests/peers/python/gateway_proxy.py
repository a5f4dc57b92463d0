"""Stands between a Realtime client and the service, passes every frame on, and judges what the client is told.

    python gateway_proxy.py ws://127.0.0.1:7070

As `proxy.py`: prints {"port": …} when it listens, and its report when its standard input ends.
"""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from gateway_rules import ClientTalk
from proxy import LARGEST_FRAME, carry
from talk import Report

PASSED_ON = ("authorization", "openai-beta")
BETA = "openai-beta.realtime-v1"


async def attend(client: ServerConnection, upstream: str, report: Report) -> None:
    """Serves one client."""
    request = client.request
    headers = {name.lower(): value for name, value in request.headers.raw_items()}
    offered = [offer.strip() for offer in headers.get("sec-websocket-protocol", "").split(",") if offer.strip()]
    talk = ClientTalk(report, BETA in offered or headers.get("openai-beta") == "realtime=v1")
    passed_on = {name: headers[name] for name in PASSED_ON if name in headers}
    try:
        async with (
            connect(
                upstream + request.path,
                additional_headers=passed_on,
                subprotocols=[Subprotocol(offer) for offer in offered] or None,
                max_size=LARGEST_FRAME,
                compression=None,
                proxy=None,
            ) as server,
            asyncio.TaskGroup() as both,
        ):
            both.create_task(carry("client", client, server, talk))
            both.create_task(carry("server", server, client, talk))
    except InvalidStatus as error:
        await client.close(1008, str(error)[:100])


async def main(upstream: str) -> None:
    """Serves until standard input ends."""
    report = Report()

    async def handler(client: ServerConnection) -> None:
        await attend(client, upstream, report)

    def select(_: ServerConnection, offered: list[Subprotocol]) -> Subprotocol | None:
        return Subprotocol("realtime") if "realtime" in offered else None

    listening = serve(
        handler, "127.0.0.1", 0, max_size=LARGEST_FRAME, compression=None, select_subprotocol=select
    )
    async with listening as listener:
        print(json.dumps({"port": listener.sockets[0].getsockname()[1]}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(report.to_json(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
