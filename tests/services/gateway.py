"""The gateway of a Supabase project: asks for its key, and passes /rest/v1 on to PostgREST."""

import http.client
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from keys import Keys
from postgrest import UnixConnection

PREFIX = "/rest/v1"
# Said of one connection; the next one has its own.
HOP_BY_HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"))
LARGEST_BODY = 64 << 20


class Gateway:
    """Listens on a free port of loopback until it is left."""

    def __init__(self, upstream: Path, keys: Keys) -> None:
        handler = type("Passage", (Passage,), {"upstream_socket": upstream, "keys": keys})
        self.server = Listener(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> "Gateway":
        self.thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.server.server_close()


class Listener(ThreadingHTTPServer):
    """Many connections at once; none keeps the stand from ending."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class Passage(BaseHTTPRequestHandler):
    """One client's connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    upstream_socket: Path
    keys: Keys

    def pass_on(self) -> None:
        body = self.read_body()
        if body is None:
            self.close_connection = True
            self.refuse(413, {"message": "request body too large"})
            return
        if self.path != PREFIX and not self.path.startswith((f"{PREFIX}/", f"{PREFIX}?")):
            self.refuse(404, {"message": "no Route matched with those values"})
            return
        key = self.headers.get("apikey") or next(iter(parse_qs(urlsplit(self.path).query).get("apikey", [])), None)
        if key is None:
            hint = "No `apikey` request header or url param was found."
            self.refuse(401, {"message": "No API key found in request", "hint": hint})
            return
        token = self.keys.token_of(key)
        if token is None:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            self.refuse(401, {"message": "Invalid API key", "hint": hint})
            return
        try:
            answer, content = self.ask(body, self.headers_for(token))
        except (OSError, http.client.HTTPException) as error:
            self.refuse(502, {"message": f"An invalid response was received from the upstream server: {error}"})
            return
        try:
            self.give_back(answer, content)
        except ConnectionError:
            # Whoever asked has gone, as tests do on purpose.
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = pass_on

    def read_body(self) -> bytes | None:
        """The request's body, or none where it is too large."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.read_chunks()
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length) if length <= LARGEST_BODY else None

    def read_chunks(self) -> bytes | None:
        body = bytearray()
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            if len(body) + size > LARGEST_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return bytes(body)

    def headers_for(self, token: str) -> list[tuple[str, str]]:
        """The request's headers, with a JWT where there was none or only an opaque key."""
        kept = [(name, value) for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP]
        shown = self.headers.get("Authorization", "")
        if not shown or shown.startswith("Bearer sb_"):
            kept = [(name, value) for name, value in kept if name.lower() != "authorization"]
            kept.append(("Authorization", f"Bearer {token}"))
        return [(name, value) for name, value in kept if name.lower() != "content-length"]

    def ask(self, body: bytes, headers: list[tuple[str, str]]) -> tuple[http.client.HTTPResponse, bytes]:
        # One connection a request: none is kept, so none is found closed.
        upstream = UnixConnection(self.upstream_socket)
        try:
            path = self.path[len(PREFIX) :]
            path = path if path.startswith("/") else f"/{path}"
            upstream.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                upstream.putheader(name, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body or None)
            answer = upstream.getresponse()
            return answer, answer.read()
        finally:
            upstream.close()

    def give_back(self, answer: http.client.HTTPResponse, content: bytes) -> None:
        self.send_response_only(answer.status, answer.reason)
        has_length = False
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP:
                has_length = has_length or name.lower() == "content-length"
                self.send_header(name, value)
        if not has_length and self.command != "HEAD" and answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int, message: dict[str, str]) -> None:
        content = json.dumps(message).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing: PostgREST keeps its own log."""
