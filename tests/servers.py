"""Real servers for integration tests, started from locally installed binaries on private ports.

A server here is the real program, never a stand-in: what the tests prove about transactions, roles and
crashes is proved on the engine itself.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import sql

POSTGRES_MAJORS = ("15", "16", "17", "18")
UNPRIVILEGED_USERS = ("postgres", "nobody")


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_binaries() -> Path | None:
    """The folder holding initdb and pg_ctl: `VITALS_POSTGRES_BIN`, Debian's package folder, or PATH."""
    candidates = [Path(os.environ["VITALS_POSTGRES_BIN"])] if "VITALS_POSTGRES_BIN" in os.environ else []
    candidates += [Path(f"/usr/lib/postgresql/{major}/bin") for major in POSTGRES_MAJORS]
    if on_path := shutil.which("pg_ctl"):
        candidates.append(Path(on_path).resolve().parent)
    return next((folder for folder in candidates if (folder / "initdb").exists()), None)


def _server_user() -> str | None:
    """The account the server runs as: PostgreSQL refuses root, so root steps down to one of these."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in UNPRIVILEGED_USERS if name in known)


@dataclass
class PostgresServer:
    """One private PostgreSQL server: own folder, own port, own superuser password.

    `fsync` is off because only the process is ever killed here, never the machine; what was written stays in
    the operating system's cache, so crash recovery after `stop("immediate")` is the real one.
    """

    binaries: Path
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="vitals-pg-")))
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    superuser: str = "postgres"

    def initialise(self) -> None:
        """Create the cluster: UTF-8, C locale, passwords for TCP connections."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        user = _server_user()
        if user is not None:
            account = pwd.getpwnam(user)
            for path in (self.folder, secret):
                os.chown(path, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "--pgdata", str(self.data), "--username", self.superuser, "--pwfile", str(secret),
            "--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
            "--no-sync",
        )  # fmt: skip

    @property
    def data(self) -> Path:
        """The cluster's data folder."""
        return self.folder / "data"

    def start(self) -> None:
        """Start and wait until connections are accepted (crash recovery included)."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "shared_buffers": "128MB",
            "max_connections": "60",
            "max_wal_size": "2GB",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        flags = " ".join(f"-c {name}={value}" for name, value in options.items())
        self._run(
            "pg_ctl", "start", "--pgdata", str(self.data), "--log", str(self.folder / "log"),
            "--options", flags, "--wait", "--timeout", "60",
        )  # fmt: skip

    def stop(self, mode: str = "immediate") -> None:
        """Stop: `immediate` is the crash of the server, `fast` its orderly end."""
        self._run("pg_ctl", "stop", "--pgdata", str(self.data), "--mode", mode, "--wait", "--timeout", "60")

    def remove(self) -> None:
        """Stop if running and delete everything."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """SQLAlchemy URL of a database, as the superuser unless told otherwise."""
        login = f"{user or self.superuser}:{password or self.password}"
        return f"postgresql+psycopg2://{login}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """Create a database (empty, or a copy of another one) and return its URL."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._admin(statement.format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop a database, throwing out whoever is still connected."""
        self._admin(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _admin(self, statement: sql.Composable) -> None:
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=self.superuser, password=self.password, dbname="postgres"
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def _run(self, program: str, *arguments: str) -> None:
        # pg_ctl leaves a daemon that inherits our pipes: writing to a file instead of a pipe lets us return.
        with (self.folder.parent / f"{self.folder.name}.out").open("w+") as output:
            user = _server_user()
            extra: dict[str, object] = {} if user is None else {"user": user, "extra_groups": []}
            if user is not None:
                extra["group"] = pwd.getpwnam(user).pw_gid
            done = subprocess.run(
                [str(self.binaries / program), *arguments],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self.folder, timeout=120,
                check=False, **extra,  # type: ignore[call-overload]
            )  # fmt: skip
            output.seek(0)
            text = output.read()
        Path(output.name).unlink(missing_ok=True)
        if done.returncode != 0:
            log = self.folder / "log"
            tail = log.read_text()[-2000:] if log.exists() else ""
            raise RuntimeError(f"{program} failed ({done.returncode}): {text}\n{tail}")
