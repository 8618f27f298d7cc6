"""A PostgreSQL of one's own on loopback, thrown away at the end."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from parts.processes import free_port


@dataclass
class Server:
    """A running server; `new_database` makes an empty database in it."""

    port: int
    programs: Path
    made: int = 0

    def new_database(self) -> str:
        """The URL of an empty database."""
        self.made += 1
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE test{self.made}")
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/test{self.made}"

    def plain(self, url: str) -> str:
        """That URL as PostgreSQL's own programs take it."""
        return url.replace("+psycopg", "")

    def dump(self, url: str) -> bytes:
        """The database as `pg_dump` writes it."""
        ran = subprocess.run([self.programs / "pg_dump", self.plain(url)], capture_output=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def restore(self, dumped: bytes, url: str) -> None:
        """Put a dump into an empty database with `psql`; any error ends it."""
        line = [self.programs / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.plain(url)]
        ran = subprocess.run(line, input=dumped, capture_output=True, check=False, timeout=60)
        assert ran.returncode == 0, ran.stderr

    def _address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


@contextmanager
def running() -> Iterator[Server]:
    """Start a server whose files stand in a folder of its own, which other users reach; it never waits for the disk."""
    with TemporaryDirectory(prefix="postgresql-") as folder:
        yield from _running(Path(folder))


def _running(folder: Path) -> Iterator[Server]:
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    as_whom: list[str] = []
    if os.geteuid() == 0:  # initdb refuses to run as root
        as_whom = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    port, files = free_port(), folder / "data"

    def run(*command: str | Path) -> None:
        ran = subprocess.run([*as_whom, *command], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
        if ran.returncode:
            raise RuntimeError(f"{command[0]}:\n{ran.stdout}{ran.stderr}")

    run(programs / "initdb", "-D", files, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
    run(programs / "pg_ctl", "-D", files, "-l", folder / "log", "-w", "-o", options, "start")
    try:
        yield Server(port, programs)
    finally:
        run(programs / "pg_ctl", "-D", files, "-m", "immediate", "stop")
