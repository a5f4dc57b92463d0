"""Servers as child processes: who they run as, how they are watched while they start, how they are stopped."""

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from failure import StandFailed

START_LIMIT_S = 60
STOP_LIMIT_S = 20
POLL_S = 0.05


@dataclass(frozen=True)
class Servant:
    """Who the servers run as: PostgreSQL refuses to run as root."""

    uid: int
    gid: int

    @staticmethod
    def choose() -> "Servant":
        if os.getuid() != 0:
            return Servant(os.getuid(), os.getgid())
        nobody = pwd.getpwnam("nobody")
        return Servant(nobody.pw_uid, nobody.pw_gid)

    def own(self, path: Path) -> None:
        if os.getuid() == 0:
            os.chown(path, self.uid, self.gid)

    def as_options(self) -> dict[str, object]:
        """What `subprocess` takes to run something as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.getuid() == 0 else {}


class Server:
    """A process in the background, its output in a file."""

    def __init__(self, command: list[str | Path], log: Path, servant: Servant, env: Mapping[str, str]) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("wb") as output:
            # A session of its own: Ctrl-C reaches the stand, which stops its servers in order.
            self.process = subprocess.Popen(
                command,
                cwd=log.parent,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **servant.as_options(),
            )

    def await_ready(self, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while not is_ready():
            if self.process.poll() is not None:
                raise StandFailed(f"{self.name} ended at once:\n{self.last_words()}")
            if time.monotonic() > deadline:
                raise StandFailed(f"{self.name} was not ready after {START_LIMIT_S} s:\n{self.last_words()}")
            time.sleep(POLL_S)

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def stop(self, number: signal.Signals) -> None:
        self.process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=STOP_LIMIT_S)
            return
        self.process.kill()
        self.process.wait()
